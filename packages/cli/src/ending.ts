/** What asks this program to end before it is done: Ctrl-C, SIGTERM, a terminal or a reader that went away. */
import { once } from "node:events";
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
type EndingSignal = (typeof SIGNALS)[number];

export class Ending extends Error {
  override readonly name = "Ending";
  readonly signal: EndingSignal;
  constructor(signal: EndingSignal) {
    super(`ended by ${signal}`);
    this.signal = signal;
  }
  /** As a shell reports a process that the signal ended. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/**
 * Listens for the rest of the process's life: the first signal aborts, those that follow change nothing, so that what ends in order ends whole.
 * @returns aborted with an {@link Ending} as its reason
 */
export function listenForEnding(): AbortSignal {
  const controller = new AbortController();
  const end = (signal: EndingSignal) => controller.abort(new Ending(signal));
  for (const signal of SIGNALS) process.on(signal, () => end(signal));
  // Nobody reads any more: as if the terminal had been closed.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => end("SIGHUP"));
  return controller.signal;
}

/** The reason, if it was one of ours. */
export function endingOf(signal: AbortSignal): Ending | undefined {
  return signal.reason instanceof Ending ? signal.reason : undefined;
}

/** Resolves when the signal comes. */
async function ended(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

interface Daemon {
  /** Rejects where it cannot go on. */
  readonly failure?: Promise<never>;
  close(): Promise<void>;
}

/** Starts it, and closes it in order when the signal comes. @throws why it cannot start, or go on */
export async function untilEnded(signal: AbortSignal, start: () => Promise<Daemon>): Promise<void> {
  let daemon: Daemon;
  try {
    daemon = await start();
  } catch (error) {
    if (signal.aborted && error === signal.reason) return;
    throw error;
  }
  try {
    await Promise.race([ended(signal), ...(daemon.failure === undefined ? [] : [daemon.failure])]);
  } finally {
    await daemon.close();
  }
}
