export interface RedialEvents<C> {
  /** There is a connection: say `proven` once it was good for something, and `again` when it is lost. */
  readonly up: (connection: C) => void;
  /** It could not be made; told once for each reason. */
  readonly failed: (error: Error) => void;
}

/** The first wait. */
const FIRST_MS = 20;
/** Trying to reach who is not there costs next to nothing, and each wait is added to the time without a controller. */
const LONGEST_ABSENT_MS = 50;
/** One that drops us again and again is not one to hurry back to. */
const LONGEST_UNSTABLE_MS = 5000;

/**
 * Makes a connection, and makes it again after it was lost: at once where it had been good, else with jittered, doubling waits.
 */
export class Redial<C extends { close(): void }> {
  readonly #dial: (signal: AbortSignal) => Promise<C>;
  readonly #events: RedialEvents<C>;
  readonly #abort = new AbortController();
  #waitMs = 0;
  #state: "absent" | "up" | "proven" = "absent";
  #timer: NodeJS.Timeout | undefined;
  #dialling = false;
  /** Why it was not made, since there was one last. */
  readonly #reasons = new Set<string>();

  constructor(dial: (signal: AbortSignal) => Promise<C>, events: RedialEvents<C>) {
    this.#dial = dial;
    this.#events = events;
    this.again();
  }

  proven(): void {
    this.#state = "proven";
  }

  /** The connection was lost. */
  again(): void {
    if (this.#abort.signal.aborted || this.#dialling) return;
    this.#dialling = true;
    const longest = this.#state === "absent" ? LONGEST_ABSENT_MS : LONGEST_UNSTABLE_MS;
    this.#waitMs = this.#state === "proven" ? 0 : Math.min(longest, this.#waitMs);
    this.#state = "absent";
    this.#timer = setTimeout(() => void this.#attempt(), this.#waitMs * (0.5 + Math.random() / 2));
    this.#waitMs = Math.max(FIRST_MS, this.#waitMs * 2);
  }

  /** No connection is made after this; one that was made is its user's to close. */
  close(): void {
    this.#abort.abort(new Error("closed"));
    clearTimeout(this.#timer);
  }

  async #attempt(): Promise<void> {
    const { signal } = this.#abort;
    let connection: C;
    try {
      connection = await this.#dial(signal);
    } catch (cause) {
      this.#dialling = false;
      if (signal.aborted) return;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      if (!this.#reasons.has(error.message)) this.#events.failed(error);
      this.#reasons.add(error.message);
      this.again();
      return;
    }
    this.#dialling = false;
    if (signal.aborted) {
      connection.close();
      return;
    }
    this.#state = "up";
    this.#reasons.clear();
    this.#events.up(connection);
  }
}
