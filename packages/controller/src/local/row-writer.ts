import { type Operation, openVSwitch, type OvsdbClient, Unavailable } from "@dragonflow/ovsdb";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/**
 * Makes rows of the local database what they shall be: asks for the difference, sends it as one transaction, and asks again once that has happened.
 * What the database refused is tried again after a while, or when it is something else.
 */
export class RowWriter {
  readonly #ovs: OvsdbClient;
  readonly #difference: () => readonly Operation<unknown>[];
  readonly #failed: (error: Error) => void;
  #busy = false;
  #again = false;
  #closed = false;
  /** As it was sent, just now. */
  #written: string | undefined;
  /** What was refused last, and how long it waits for the next time. */
  #refused: string | undefined;
  #waitMs = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | undefined;

  /** @param difference from what is there to what shall be; called only between transactions. */
  constructor(ovs: OvsdbClient, difference: () => readonly Operation<unknown>[], failed: (error: Error) => void) {
    this.#ovs = ovs;
    this.#difference = difference;
    this.#failed = failed;
  }

  /** What is there, or what shall be, has changed. */
  check(): void {
    if (this.#closed) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    const operations = this.#difference();
    if (operations.length === 0) {
      this.#forgive();
      return;
    }
    const text = JSON.stringify(operations.map(({ json }) => json));
    if (text === this.#refused) return;
    if (text === this.#written) {
      this.#fail(text, new Error(`${operations.map(({ title }) => title).join(", ")}: written, and not there`));
      return;
    }
    this.#busy = true;
    this.#again = false;
    this.#ovs.transact(openVSwitch, operations).then(
      () => this.#done(text),
      (error: unknown) => this.#fail(text, error instanceof Error ? error : new Error(String(error))),
    );
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** The replica has what was written: perhaps more is to be done. */
  #done(text: string): void {
    this.#busy = false;
    this.#written = text;
    this.check();
    this.#written = undefined;
  }

  #fail(text: string, error: Error): void {
    this.#busy = false;
    if (this.#closed) return;
    // Without a connection there is nothing to tell: who watches it knows, and what is read after it asks again.
    if (!(error instanceof Unavailable)) this.#failed(error);
    this.#refused = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#refused = undefined;
      this.check();
    }, this.#waitMs);
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
    if (this.#again) this.check();
  }

  /** What is there is what shall be. */
  #forgive(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#refused = undefined;
    this.#waitMs = FIRST_WAIT_MS;
  }
}
