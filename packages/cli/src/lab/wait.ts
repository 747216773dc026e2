import { setTimeout as pause } from "node:timers/promises";
import { CliError } from "../errors.ts";

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 200;

export interface Patience {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks again, at growing intervals, until `look` has something to return.
 * @param what is awaited: "the API answers"
 * @throws {CliError} after the deadline; the signal's reason once it is aborted; whatever `look` throws
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  { deadlineMs, signal }: Patience,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(LONGEST_PAUSE_MS, wait * 1.5)) {
    signal?.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new CliError(`${deadlineMs / 1000} s passed, and still not: ${what}`);
    await pause(wait, undefined, signal === undefined ? {} : { signal });
  }
}
