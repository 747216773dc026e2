/**
 * Makes a connection, and makes it again after it was lost: at once the first time, then with jittered, doubling waits.
 */
export interface RedialEvents<C> {
  readonly up: (connection: C) => void;
  readonly failed: (error: Error) => void;
}
const MIN_MS = 20;
const MAX_MS = 2000;

export class Redial<C> {
  readonly #dial: (signal: AbortSignal) => Promise<C>;
  readonly #events: RedialEvents<C>;
  readonly #abort = new AbortController();
  #waitMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(dial: (signal: AbortSignal) => Promise<C>, events: RedialEvents<C>) {
    this.#dial = dial;
    this.#events = events;
    this.again();
  }

  /** The connection was lost. */
  again(): void {
    if (this.#abort.signal.aborted || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#attempt(), this.#waitMs * (0.5 + Math.random() / 2));
    this.#waitMs = Math.min(MAX_MS, Math.max(MIN_MS, this.#waitMs * 2));
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  async #attempt(): Promise<void> {
    try {
      const connection = await this.#dial(this.#abort.signal);
      this.#timer = undefined;
      this.#waitMs = 0;
      this.#events.up(connection);
    } catch (cause) {
      this.#timer = undefined;
      if (this.#abort.signal.aborted) return;
      this.#events.failed(cause instanceof Error ? cause : new Error(String(cause)));
      this.again();
    }
  }
}
