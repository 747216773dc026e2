import { decodeFields, encodeFields } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import {
  type Change,
  type Committed,
  type Event,
  type Expect,
  type Lease,
  LEASE_TOPIC,
  type LeaseRequest,
  leaseRecordId,
  type Lineage,
  type Row,
  type Version,
  version,
  type Watch,
} from "../contract.ts";
import { LeaseLost, OutcomeUnknown, StoreError, Unavailable } from "../errors.ts";
import { checkLeaseRequest, holderDigest } from "../lease-request.ts";
import { readBeat, writeBeat } from "./beats.ts";
import type { Cells } from "./cells.ts";
import { HeldLease } from "./held-lease.ts";

interface Waiter {
  readonly request: LeaseRequest;
  readonly answer: PromiseWithResolvers<Lease>;
}
/** A lease's record as it is in the store. */
interface LeaseRecord {
  readonly version: Version;
  readonly ttlSeconds: number;
  /** A digest; "": nobody in particular. */
  readonly holder: string;
}
interface Entry {
  readonly name: string;
  readonly waiting: Waiter[];
  record: LeaseRecord | undefined;
  /** The sequence of the change that made the record, or made it go. */
  at: number;
  held: HeldLease | undefined;
  /** It is being granted. */
  busy: boolean;
  /** What was seen of its holder, and since when: where nothing changes for its time to live, it has run out. */
  seen: { readonly token: string; readonly since: number } | undefined;
  cancelLook: (() => void) | undefined;
}

const LOOKS_PER_TTL = 4;

interface Parts {
  readonly cells: Cells;
  readonly clock: Clock;
  readonly watch: Watch;
  readonly commit: (changes: readonly Change[], expect: readonly Expect[]) => Promise<Committed>;
  readonly get: (name: string) => Promise<Row | undefined>;
  readonly onError: (error: unknown) => void;
}

const isPassing = (error: unknown): boolean => error instanceof Unavailable || error instanceof OutcomeUnknown;

/**
 * Leases of a store in which no clock runs: a lease is a record in the log, and a cell beside it that its holder writes again and again. Everybody else
 * looks at that cell now and then; who has not seen it change for the lease's time to live, by his own monotonic clock, ends the lease.
 */
export class Leases {
  readonly #parts: Parts;
  readonly #entries = new Map<string, Entry>();
  readonly #following: Promise<void>;
  #lineage: Lineage | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.watch.add([{ topic: LEASE_TOPIC }]);
    this.#following = this.#follow().catch((error: unknown) => parts.onError(error));
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
    void this.#settle(entry);
    return waiter.answer.promise.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const reason = new Unavailable("the store was closed");
    for (const entry of this.#entries.values()) {
      for (const { answer } of entry.waiting.splice(0)) answer.reject(reason);
      entry.held?.lose(reason);
      entry.cancelLook?.();
    }
    await this.#parts.watch.close();
    await this.#following;
  }

  #entry(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = {
      name,
      waiting: [],
      record: undefined,
      at: 0,
      held: undefined,
      busy: false,
      seen: undefined,
      cancelLook: undefined,
    };
    this.#entries.set(name, entry);
    return entry;
  }

  async #follow(): Promise<void> {
    for await (const event of this.#parts.watch) await this.#take(event);
  }

  async #take(event: Event): Promise<void> {
    if (event.type === "snapshot") {
      const { rows, lineage, position } = event.snapshot;
      const loaded = new Map<string, LeaseRecord>();
      try {
        for await (const page of rows) for (const row of page) loaded.set(row.id.slice("lease/".length), recordOf(row));
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#parts.watch.add([{ topic: LEASE_TOPIC }]);
        return;
      }
      if (this.#lineage !== lineage) for (const entry of this.#entries.values()) entry.at = 0;
      this.#lineage = lineage;
      for (const name of new Set([...loaded.keys(), ...this.#entries.keys()]))
        this.#learn(name, loaded.get(name), Number(position));
    } else if (event.type === "commits")
      for (const { puts, deletes, position } of event.batch) {
        for (const row of puts) this.#learn(row.id.slice("lease/".length), recordOf(row), Number(position));
        for (const { id } of deletes) this.#learn(id.slice("lease/".length), undefined, Number(position));
      }
  }

  #learn(name: string, record: LeaseRecord | undefined, at: number): void {
    const entry = this.#entry(name);
    // We wrote something since.
    if (at < entry.at) return;
    entry.at = at;
    entry.record = record;
    if (entry.held !== undefined && entry.held.fence !== record?.version)
      entry.held.lose(new LeaseLost(`${name} was lost`));
    void this.#settle(entry);
  }

  async #settle(entry: Entry): Promise<void> {
    if (entry.busy || this.#closed) return;
    this.#lookAfter(entry);
    const { record } = entry;
    const place = record === undefined ? 0 : entry.waiting.findIndex(({ request }) => isSame(request, record));
    const waiter = entry.waiting[place];
    if (waiter === undefined) {
      const isIdle = record === undefined && entry.held === undefined && entry.waiting.length === 0;
      if (isIdle) this.#entries.delete(entry.name);
      return;
    }
    entry.busy = true;
    entry.waiting.splice(place, 1);
    try {
      const lease = record === undefined ? await this.#grant(entry, waiter) : await this.#takeOver(entry, record);
      if (lease === undefined) entry.waiting.splice(place, 0, waiter);
      else if (waiter.request.signal?.aborted === true) await this.#release(entry, lease);
      else waiter.answer.resolve(lease);
    } catch (error) {
      waiter.answer.reject(error);
    } finally {
      entry.busy = false;
    }
    if (this.#closed)
      for (const { answer } of entry.waiting.splice(0)) answer.reject(new Unavailable("the store was closed"));
    else await this.#settle(entry);
  }

  /** undefined: another was first. */
  async #grant(entry: Entry, { request }: Waiter): Promise<HeldLease | undefined> {
    const { name } = entry;
    const { ttlSeconds } = request;
    const holder = holderDigest(request.holder);
    const askedAt = this.#parts.clock.now();
    const id = leaseRecordId(name);
    const fields = { id: name, ttlSeconds, holder };
    const value = encodeFields(fields);
    const done = await this.#parts.commit(
      [{ op: "put", topic: LEASE_TOPIC, id, value }],
      [{ kind: "absent", topic: LEASE_TOPIC, id }],
    );
    const position = done.ok ? done.positions.get(LEASE_TOPIC) : undefined;
    if (position === undefined) {
      const row = await this.#parts.get(name);
      entry.record = row === undefined ? undefined : recordOf(row);
      entry.at = row === undefined ? entry.at : Number(row.version);
      return undefined;
    }
    entry.record = { version: version(position), ttlSeconds, holder };
    entry.at = Number(position);
    return this.#hold(entry, entry.record, crypto.randomUUID(), askedAt);
  }

  /** undefined: it has just ended. */
  async #takeOver(entry: Entry, record: LeaseRecord): Promise<HeldLease | undefined> {
    const { cells, clock } = this.#parts;
    const owner = crypto.randomUUID();
    for (;;) {
      const askedAt = clock.now();
      const beat = await readBeat(cells, entry.name);
      if (beat.fence === record.version && beat.ended) {
        await this.#remove(entry, record.version);
        return undefined;
      }
      const next = { fence: record.version, owner, ended: false };
      if ((await writeBeat(cells, entry.name, next, beat.revision)) === "moved") continue;
      entry.held?.stop();
      return this.#hold(entry, record, owner, askedAt);
    }
  }

  #hold(entry: Entry, record: LeaseRecord, owner: string, askedAt: number): HeldLease {
    const { cells, clock } = this.#parts;
    const lease = { name: entry.name, fence: record.version, owner, ttlSeconds: record.ttlSeconds };
    const release = (held: HeldLease): Promise<void> => this.#release(entry, held);
    const onLost = (lost: HeldLease): void => {
      if (entry.held === lost) entry.held = undefined;
      if (!this.#closed) this.#lookAfter(entry);
    };
    const held = new HeldLease({ cells, clock, release, onLost }, lease, askedAt);
    entry.held = held;
    if (this.#closed) held.lose(new Unavailable("the store was closed"));
    return held;
  }

  async #release(entry: Entry, lease: HeldLease): Promise<void> {
    // Taken over by its own holder, or released before: nothing to do.
    if (this.#closed || entry.held !== lease) return;
    entry.held = undefined;
    try {
      if (await lease.end()) await this.#remove(entry, lease.fence);
    } catch (error) {
      // It runs out by itself.
      if (!isPassing(error)) throw error;
    }
    await this.#settle(entry);
  }

  async #remove(entry: Entry, fence: Version): Promise<void> {
    const id = leaseRecordId(entry.name);
    const done = await this.#parts.commit(
      [{ op: "delete", topic: LEASE_TOPIC, id }],
      [{ kind: "version", topic: LEASE_TOPIC, id, version: fence }],
    );
    const position = done.ok ? Number(done.positions.get(LEASE_TOPIC)) : 0;
    if (position <= entry.at) return;
    entry.at = position;
    entry.record = undefined;
  }

  /** Of a lease that someone else holds, or nobody any more, it is seen to that it ends. */
  #lookAfter(entry: Entry): void {
    const mustLook = entry.record !== undefined && entry.held === undefined;
    if (!mustLook) {
      entry.cancelLook?.();
      entry.cancelLook = undefined;
      entry.seen = undefined;
    } else if (entry.cancelLook === undefined) void this.#look(entry);
  }

  async #look(entry: Entry): Promise<void> {
    entry.cancelLook = () => undefined;
    const { record } = entry;
    if (record === undefined) return;
    try {
      await this.#lookOnce(entry, record);
    } catch (error) {
      if (error instanceof StoreError) entry.seen = undefined;
      else this.#parts.onError(error);
    }
    if (this.#closed || entry.record === undefined || entry.held !== undefined) {
      entry.cancelLook = undefined;
      void this.#settle(entry);
      return;
    }
    const pause = (entry.record.ttlSeconds * 1000) / LOOKS_PER_TTL;
    entry.cancelLook = this.#parts.clock.after(pause, () => void this.#look(entry));
  }

  async #lookOnce(entry: Entry, record: LeaseRecord): Promise<void> {
    const { cells, clock } = this.#parts;
    const beat = await readBeat(cells, entry.name);
    const isOurs = beat.fence === record.version;
    if (!(isOurs && beat.ended)) {
      const token = `${record.version} ${beat.revision}`;
      if (entry.seen?.token !== token) entry.seen = { token, since: clock.now() };
      if (clock.now() - entry.seen.since < record.ttlSeconds * 1000) return;
      const last = { fence: record.version, owner: beat.owner, ended: true };
      // A beat that is under way finds that it is over, or was first.
      if ((await writeBeat(cells, entry.name, last, beat.revision)) === "moved") return;
    }
    if (entry.held === undefined) await this.#remove(entry, record.version);
  }
}

const isSame = (request: LeaseRequest, record: LeaseRecord): boolean =>
  request.holder !== undefined && holderDigest(request.holder) === record.holder;

function recordOf({ version: at, value }: Row): LeaseRecord {
  const { ttlSeconds, holder } = decodeFields(value);
  return { version: at, ttlSeconds: Number(ttlSeconds), holder: typeof holder === "string" ? holder : "" };
}
