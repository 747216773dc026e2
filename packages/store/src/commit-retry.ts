import { type Clock, systemClock } from "./clock.ts";
import { COMMIT_ID_SECONDS } from "./commit-check.ts";
import { type Change, type CommitId, type Committed, type Expect, newCommitId, type StoreDriver } from "./contract.ts";
import { OutcomeUnknown, Unavailable } from "./errors.ts";

const FIRST_PAUSE_MILLISECONDS = 20;
const LONGEST_PAUSE_MILLISECONDS = 2_000;
/** The store forgets a commit id after {@link COMMIT_ID_SECONDS}: no retry may come later than that. */
const LONGEST_DEADLINE_SECONDS = COMMIT_ID_SECONDS - 60;

export interface RetryOptions {
  readonly id?: CommitId;
  /** Default 30; at most nine minutes, since a store recognises its commits for ten. */
  readonly deadlineSeconds?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** 0 to 1; tests make it certain. */
  readonly random?: () => number;
}

/** Exponential back-off with full jitter: `attempt` counts from 0. Milliseconds. */
export function backOff(attempt: number, first: number, longest: number, random: () => number = Math.random): number {
  return Math.min(longest, first * 2 ** Math.min(attempt, 30)) * (0.5 + random() / 2);
}

/**
 * Commits, and retries with the same id while the store is unavailable or the outcome unknown, so that the commit happens once at most.
 * @throws {OutcomeUnknown} after the deadline, where an attempt may have happened; else what the last attempt threw; `signal.reason`.
 */
export async function commitWithRetry(
  driver: Pick<StoreDriver, "commit">,
  changes: readonly Change[],
  expect: readonly Expect[],
  options: RetryOptions = {},
): Promise<Committed> {
  const { id = newCommitId(), deadlineSeconds = 30, signal, clock = systemClock, random } = options;
  const deadline = clock.now() + Math.min(deadlineSeconds, LONGEST_DEADLINE_SECONDS) * 1000;
  let unknown = false;
  for (let attempt = 0; ; attempt++) {
    try {
      return await driver.commit(id, changes, expect, signal);
    } catch (error) {
      if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) throw error;
      unknown ||= error instanceof OutcomeUnknown;
      const pause = backOff(attempt, FIRST_PAUSE_MILLISECONDS, LONGEST_PAUSE_MILLISECONDS, random);
      if (clock.now() + pause > deadline)
        throw unknown ? new OutcomeUnknown(`gave up after ${attempt + 1} attempts`, { cause: error }) : error;
      await waitFor(clock, pause, signal);
    }
  }
}

function waitFor(clock: Clock, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal?.reason);
  const cancel = clock.after(milliseconds, resolve, true);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  return promise.finally(() => {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  });
}
