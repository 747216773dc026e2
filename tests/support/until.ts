import { setTimeout as pause } from "node:timers/promises";

const PAUSE_MS = 20;
const DEADLINE_MS = 30_000;

/**
 * Asks again until `look` has something to return: not false, undefined, 0 or "".
 * @param what is awaited: "the port is ACTIVE"
 * @param explain what to say besides when the time is over
 * @throws after the deadline, with the last error of `look` as its cause where it throws
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  options: { readonly deadlineMs?: number; readonly explain?: () => Promise<string> | string } = {},
): Promise<T> {
  const { deadlineMs = DEADLINE_MS, explain = () => "" } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    let failure: unknown;
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      const message = `${deadlineMs / 1000} s passed, and still not: ${what}\n${await explain()}`;
      throw new Error(message, failure === undefined ? {} : { cause: failure });
    }
    await pause(PAUSE_MS);
  }
}
