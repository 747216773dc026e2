import type { NbRecord } from "@dragonflow/model";
import { commitWithRetry, projectionChanges, type StoreDriver } from "@dragonflow/store";

/** What stands in the topic now, as the replica has it; undefined while that is not known. */
export type Stored = () => readonly NbRecord[] | undefined;

/**
 * Keeps the host's own topic (`status/<chassis>`) equal to what the host has to say: one commit at a time, each with all that has changed meanwhile.
 * While the store is away it waits; the last word counts.
 */
export class StatusWriter {
  readonly #store: StoreDriver;
  readonly #stored: Stored;
  readonly #failed: (error: Error) => void;
  readonly #abort = new AbortController();
  #written: readonly NbRecord[] | undefined;
  #desired: () => readonly NbRecord[] = () => [];
  #busy = false;
  #again = false;

  constructor(store: StoreDriver, stored: Stored, failed: (error: Error) => void) {
    this.#store = store;
    this.#stored = stored;
    this.#failed = failed;
  }

  /** @param desired gives all that shall stand there; asked when the commit before is done. */
  write(desired: () => readonly NbRecord[]): void {
    this.#desired = desired;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#written ??= this.#stored();
    if (this.#written === undefined) return;
    const after = this.#desired();
    const changes = projectionChanges(this.#written, after);
    if (changes.length === 0) return;
    this.#busy = true;
    commitWithRetry(this.#store, changes, [], { deadlineSeconds: 300, signal: this.#abort.signal }).then(
      () => this.#done(after),
      (error: unknown) => {
        if (this.#abort.signal.aborted) return;
        this.#failed(error instanceof Error ? error : new Error(String(error)));
        // What stands there is unknown now: the replica says it.
        this.#done(undefined);
      },
    );
  }

  /** Somebody else changed the topic, or the store came back as another: what stands there has to be looked at again. */
  forget(): void {
    this.#written = undefined;
  }

  close(): void {
    this.#abort.abort(new Error("the controller stops"));
  }

  #done(written: readonly NbRecord[] | undefined): void {
    this.#written = written;
    this.#busy = false;
    if (!this.#again) return;
    this.#again = false;
    this.write(this.#desired);
  }
}
