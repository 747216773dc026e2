import { decodeFields, encodeFields } from "@dragonflow/model";
import {
  type Change,
  checkLeaseRequest,
  type Clock,
  holderDigest,
  type Lease,
  LEASE_TOPIC,
  LeaseHandle,
  type LeaseRequest,
  leaseRecordId,
  type Row,
  StoreError,
  Unavailable,
  type Version,
} from "@dragonflow/store";

/** Writes to the leases' topic; returns the version that it gave. */
export type LeaseWrite = (change: Change) => Promise<Version>;

interface Waiter {
  readonly request: LeaseRequest;
  readonly answer: PromiseWithResolvers<Lease>;
}
interface Entry {
  readonly name: string;
  readonly waiting: Waiter[];
  /** Granted, to whom and since which version. */
  held: { readonly holder: string; readonly fence: Version; handle: LeaseHandle | undefined } | undefined;
  /** The record in the store is being written. */
  busy: boolean;
}

const RELEASE_RETRY_MILLISECONDS = 1000;

/**
 * Leases of a store whose only server is this process: a holder here lives as long as the process, so only the leases that an earlier process left
 * behind run out by time.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #write: LeaseWrite;
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  /** @param left the records of leases that were held when the store was closed or killed. */
  constructor(clock: Clock, write: LeaseWrite, left: Iterable<Row>) {
    this.#clock = clock;
    this.#write = write;
    for (const row of left) {
      const { id, ttlSeconds, holder } = decodeFields(row.value);
      const entry = this.#entry(String(id));
      entry.held = { holder: typeof holder === "string" ? holder : "", fence: row.version, handle: undefined };
      this.#clock.after(Number(ttlSeconds) * 1000, () => {
        if (entry.held?.fence === row.version && entry.held.handle === undefined) void this.#free(entry);
      });
    }
  }

  async acquire(name: string, request: LeaseRequest): Promise<Lease> {
    const { signal } = request;
    checkLeaseRequest(name, request);
    if (this.#closed) throw new Unavailable("the store was closed");
    signal?.throwIfAborted();
    const entry = this.#entry(name);
    const waiter: Waiter = { request, answer: Promise.withResolvers() };
    entry.waiting.push(waiter);
    const onAbort = (): void => {
      const place = entry.waiting.indexOf(waiter);
      if (place >= 0) entry.waiting.splice(place, 1);
      waiter.answer.reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#settle(entry);
    return waiter.answer.promise.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  /** The records stay: their holders may take them up again after a restart, within their time to live. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) {
      for (const { answer } of entry.waiting.splice(0)) answer.reject(new Unavailable("the store was closed"));
      entry.held?.handle?.lose("the store was closed");
    }
  }

  #entry(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = { name, waiting: [], held: undefined, busy: false };
    this.#entries.set(name, entry);
    return entry;
  }

  #settle(entry: Entry): void {
    if (entry.busy || this.#closed) return;
    const { held } = entry;
    if (held !== undefined) {
      const same = entry.waiting.findIndex(
        ({ request }) => request.holder !== undefined && holderDigest(request.holder) === held.holder,
      );
      const waiter = entry.waiting[same];
      if (waiter === undefined) return;
      entry.waiting.splice(same, 1);
      held.handle = new LeaseHandle(entry.name, held.fence, (lease) => this.#release(entry, lease));
      waiter.answer.resolve(held.handle);
      this.#settle(entry);
      return;
    }
    const next = entry.waiting.shift();
    if (next !== undefined) void this.#grant(entry, next);
    else this.#entries.delete(entry.name);
  }

  async #grant(entry: Entry, { request, answer }: Waiter): Promise<void> {
    entry.busy = true;
    const holder = holderDigest(request.holder);
    const fields = { id: entry.name, ttlSeconds: request.ttlSeconds, holder };
    const value = encodeFields(fields);
    try {
      const fence = await this.#write({ op: "put", topic: LEASE_TOPIC, id: leaseRecordId(entry.name), value });
      const handle = new LeaseHandle(entry.name, fence, (lease) => this.#release(entry, lease));
      entry.held = { holder, fence, handle };
      entry.busy = false;
      if (request.signal?.aborted === true) await this.#release(entry, handle);
      else answer.resolve(handle);
    } catch (error) {
      entry.busy = false;
      answer.reject(error);
    }
    this.#settle(entry);
  }

  async #release(entry: Entry, lease: LeaseHandle): Promise<void> {
    // Taken over by its own holder, or released before: nothing to do.
    if (this.#closed || entry.held?.handle !== lease) return;
    await this.#free(entry);
  }

  /** To the next in line by one write, so that watchers see no moment without it; else its record goes. */
  async #free(entry: Entry): Promise<void> {
    entry.held = undefined;
    if (this.#closed) return;
    if (entry.waiting.length > 0) {
      this.#settle(entry);
      return;
    }
    entry.busy = true;
    try {
      await this.#write({ op: "delete", topic: LEASE_TOPIC, id: leaseRecordId(entry.name) });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // No room on the disk, say: the record stays, held by nobody, until it can be removed.
      this.#clock.after(RELEASE_RETRY_MILLISECONDS, () => void this.#free(entry));
    } finally {
      entry.busy = false;
    }
    this.#settle(entry);
  }
}
