import type { Clock } from "../clock.ts";
import type { Lease, Version } from "../contract.ts";
import { LeaseLost, OutcomeUnknown, StoreError, Unavailable } from "../errors.ts";
import { readBeat, writeBeat } from "./beats.ts";
import type { Cells, Revision } from "./cells.ts";

const BEATS_PER_TTL = 3;
/** After one that was not answered. */
const RETRIES_PER_TTL = 10;

interface Parts {
  readonly cells: Cells;
  readonly clock: Clock;
  readonly release: (lease: HeldLease) => Promise<void>;
  readonly onLost: (lease: HeldLease) => void;
}

/**
 * A lease that this process holds: it beats, and counts its time from when it sent the last beat that arrived. Whoever ends it counts from when that
 * beat was seen, and ends it by a write that a later beat cannot overtake. So it is lost here before it is granted to another.
 */
export class HeldLease implements Lease {
  readonly name: string;
  readonly fence: Version;
  readonly owner: string;
  readonly #parts: Parts;
  readonly #ttlMilliseconds: number;
  readonly #lost = new AbortController();
  #revision: Revision | "absent" | undefined;
  #provenAt: number;
  #cancelBeat: () => void = () => undefined;
  #cancelDeadline: () => void = () => undefined;
  #stopped = false;

  constructor(
    parts: Parts,
    lease: { readonly name: string; readonly fence: Version; readonly owner: string; readonly ttlSeconds: number },
    askedAt: number,
  ) {
    this.#parts = parts;
    this.name = lease.name;
    this.fence = lease.fence;
    this.owner = lease.owner;
    this.#ttlMilliseconds = lease.ttlSeconds * 1000;
    this.#provenAt = askedAt;
    this.#watchDeadline();
    void this.#beat();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }
  /** It beats no more, and is neither lost nor released: so another handle has it, or it runs out. */
  stop(): void {
    this.#stopped = true;
    this.#cancelBeat();
    this.#cancelDeadline();
  }
  lose(reason: StoreError): void {
    if (this.#stopped) return;
    this.stop();
    this.#lost.abort(reason);
    this.#parts.onLost(this);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.release(this);
  }

  /** Ends it. @returns false: it was not ours any more. */
  async end(): Promise<boolean> {
    this.stop();
    const { cells } = this.#parts;
    for (;;) {
      const beat = await readBeat(cells, this.name);
      if (beat.fence === this.fence && beat.owner !== this.owner) return false;
      const last = { fence: this.fence, owner: this.owner, ended: true };
      if (beat.fence === this.fence && beat.ended) return true;
      if ((await writeBeat(cells, this.name, last, beat.revision)) !== "moved") return true;
    }
  }

  #watchDeadline(): void {
    const left = this.#provenAt + this.#ttlMilliseconds - this.#parts.clock.now();
    if (left <= 0) this.lose(new LeaseLost(`${this.name}: the store was not reached in time`));
    else this.#cancelDeadline = this.#parts.clock.after(left, () => this.#watchDeadline());
  }

  async #beat(): Promise<void> {
    const { cells, clock } = this.#parts;
    let pause = this.#ttlMilliseconds / RETRIES_PER_TTL;
    const askedAt = clock.now();
    try {
      if (await this.#beatOnce(cells)) {
        this.#provenAt = askedAt;
        pause = this.#ttlMilliseconds / BEATS_PER_TTL;
      } else this.#revision = undefined;
    } catch (error) {
      // Not reached: the deadline goes on.
      this.#revision = undefined;
      if (!(error instanceof Unavailable || error instanceof OutcomeUnknown))
        this.lose(error instanceof StoreError ? error : new LeaseLost(String(error)));
    }
    if (!this.#stopped) this.#cancelBeat = clock.after(pause, () => void this.#beat());
  }

  async #beatOnce(cells: Cells): Promise<boolean> {
    if (this.#revision === undefined) {
      const beat = await readBeat(cells, this.name);
      if (beat.fence === this.fence && (beat.ended || beat.owner !== this.owner)) {
        this.lose(new LeaseLost(`${this.name} was lost`));
        return false;
      }
      this.#revision = beat.revision;
    }
    if (this.#stopped) return false;
    const beat = { fence: this.fence, owner: this.owner, ended: false };
    const written = await writeBeat(cells, this.name, beat, this.#revision);
    if (written !== "moved") this.#revision = written;
    return written !== "moved";
  }
}
