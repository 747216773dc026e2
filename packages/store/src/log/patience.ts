import type { Clock } from "../clock.ts";
import { backOff } from "../commit-retry.ts";
import { OutcomeUnknown, Unavailable } from "../errors.ts";

const FIRST_PAUSE_MILLISECONDS = 10;
const LONGEST_PAUSE_MILLISECONDS = 1_000;

/** How long the database is asked again for one thing before whoever wants it is told. */
export class Patience {
  readonly #clock: Clock;
  readonly #deadline: number;
  readonly #ending: AbortSignal | undefined;
  #attempts = 0;
  /** Something that was sent may have happened, or may still. */
  unknown = false;

  /** @param ending aborts where nobody waits any more */
  constructor(clock: Clock, milliseconds: number, ending?: AbortSignal) {
    this.#clock = clock;
    this.#ending = ending;
    this.#deadline = clock.now() + milliseconds;
  }

  /** Waits a little longer each time. @throws what it was given, where it is no matter of time, or the time is up. */
  async pause(error: unknown): Promise<void> {
    if (error instanceof OutcomeUnknown) this.unknown = true;
    else if (!(error instanceof Unavailable)) throw error;
    const pause = backOff(this.#attempts++, FIRST_PAUSE_MILLISECONDS, LONGEST_PAUSE_MILLISECONDS);
    if (this.#clock.now() + pause > this.#deadline || this.#isOver()) throw error;
    await new Promise<void>((resolve) => this.#clock.after(pause, resolve, true));
    if (this.#isOver()) throw error;
  }

  #isOver(): boolean {
    return this.#ending?.aborted === true;
  }

  /** Repeats what may be done any number of times. */
  async until<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        await this.pause(error);
      }
    }
  }
}
