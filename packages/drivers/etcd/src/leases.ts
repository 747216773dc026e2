import { encodeFields } from "@dragonflow/model";
import {
  checkLeaseRequest,
  type Clock,
  holderDigest,
  type Lease,
  LEASE_TOPIC,
  LeaseHandle,
  type LeaseRequest,
  leaseRecordId,
  newCommitId,
  StoreError,
  Unavailable,
  type Version,
} from "@dragonflow/store";
import type { Commits } from "./commits.ts";
import type { Connection, Follower, Session } from "./connection.ts";
import { type Era, versionAt } from "./era.ts";
import type { Keys } from "./keys.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { txn } from "./wire/calls.ts";
import type { KeyValue, WatchResponse } from "./wire/messages.ts";

const RETRY_MILLISECONDS = 300;
/** The record of a lease that ran out is removed by whoever sees it first: not by all at once. */
const REAP_MILLISECONDS = { least: 20, range: 300 };
const RELEASE_ATTEMPTS = 5;

/** Who asked for a lease: waiting for it, then holding it. */
interface Claim {
  readonly name: string;
  readonly request: LeaseRequest;
  readonly digest: string;
  readonly answer: PromiseWithResolvers<Lease>;
  keeper: LeaseKeeper | undefined;
  /** Its place in the queue. */
  place: string;
  held: LeaseHandle | undefined;
  over: boolean;
  /** Being looked at; and to be looked at again. */
  busy: boolean;
  again: boolean;
}

/** What etcd has of one name. */
interface State {
  readonly held: KeyValue | undefined;
  readonly first: KeyValue | undefined;
  readonly record: KeyValue | undefined;
  readonly era: Era;
}

/**
 * A lease is a key under a lease of etcd's, which is kept alive by its holder; who waits has a key under one too, and the oldest is the next. The record in
 * the leases' topic is written by the commit that takes the key, and removed by the one that gives it back; where the key ran out, by any client that sees it.
 */
export class Leases implements Follower {
  readonly #connection: Connection;
  readonly #commits: Commits;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #claims = new Set<Claim>();
  #asked: Promise<void> = Promise.resolve();
  #places = 0;
  #lineage = "";
  #closed = false;

  constructor(connection: Connection, commits: Commits, keys: Keys, clock: Clock) {
    this.#connection = connection;
    this.#commits = commits;
    this.#keys = keys;
    this.#clock = clock;
  }

  async acquire(name: string, request: LeaseRequest): Promise<Lease> {
    const { signal, holder } = request;
    checkLeaseRequest(name, request);
    if (this.#closed) throw new Unavailable("the store was closed");
    signal?.throwIfAborted();
    const answer = Promise.withResolvers<Lease>();
    const state = { keeper: undefined, place: "", held: undefined, over: false, busy: false, again: false };
    const claim: Claim = { name, request, digest: holderDigest(holder), answer, ...state };
    this.#claims.add(claim);
    const onAbort = (): void => {
      this.#end(claim);
      answer.reject(signal?.reason);
      void claim.keeper?.revoke();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    // One after the other, so that etcd has them in the order of asking.
    this.#asked = this.#asked.then(() => this.#queue(claim));
    return answer.promise.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  opened(session: Session): void {
    const changed = this.#lineage !== "" && this.#lineage !== session.era.lineage;
    this.#lineage = session.era.lineage;
    if (changed)
      for (const claim of this.#claims) if (claim.held !== undefined) this.#lose(claim, "the store went back in time");
    this.#follow(session).catch((error: unknown) => session.link.lose(`leases: ${String(error)}`));
  }
  lost(): void {
    // Leases live on in etcd: their keepers go on with the next session.
  }

  /** Records and keys stay: holders may take them up again within their time to live. Who waits leaves the queue. */
  async close(): Promise<void> {
    this.#closed = true;
    const waiting: Promise<void>[] = [];
    for (const claim of this.#claims) {
      if (claim.held !== undefined) this.#lose(claim, "the store was closed");
      else {
        this.#end(claim);
        claim.answer.reject(new Unavailable("the store was closed"));
        if (claim.keeper !== undefined) waiting.push(claim.keeper.revoke());
      }
    }
    await Promise.all(waiting);
  }

  #end(claim: Claim): void {
    claim.over = true;
    this.#claims.delete(claim);
  }
  #lose(claim: Claim, why: string): void {
    this.#end(claim);
    claim.keeper?.abandon();
    claim.held?.lose(why);
  }

  async #queue(claim: Claim): Promise<void> {
    try {
      if (claim.over) return;
      const { ttlSeconds } = claim.request;
      const keeper = await LeaseKeeper.grant(this.#connection, this.#clock, ttlSeconds, (why) =>
        this.#gone(claim, why),
      );
      claim.keeper = keeper;
      claim.place = `${this.#keys.queue(claim.name).key}${keeper.id}-${++this.#places}`;
      const put = { key: claim.place, value: claim.digest, lease: keeper.id };
      await this.#connection.read(txn, { success: [{ put }] });
      if (claim.over) await keeper.revoke();
      else void this.#look(claim);
    } catch (error) {
      if (!claim.over) {
        this.#end(claim);
        claim.answer.reject(error);
      }
    }
  }

  /** Its lease of etcd's is gone: it is no holder any more, or lost its place. */
  #gone(claim: Claim, why: string): void {
    if (claim.held !== undefined) this.#lose(claim, why);
    else if (!claim.over) this.#asked = this.#asked.then(() => this.#queue(claim));
  }

  /** Takes what is free, and is its own; else it is called again when something changes. */
  async #look(claim: Claim): Promise<void> {
    claim.again = true;
    if (claim.busy) return;
    claim.busy = true;
    try {
      while (claim.again && !claim.over && claim.held === undefined) {
        claim.again = false;
        await this.#take(claim, await this.#read(claim.name));
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!claim.over) this.#clock.after(RETRY_MILLISECONDS, () => void this.#look(claim));
    } finally {
      claim.busy = false;
    }
  }

  async #read(name: string): Promise<State> {
    const success = [
      { range: { key: this.#keys.lease(name) } },
      { range: { ...this.#keys.queue(name), limit: 1, sort: "create" as const } },
      { range: { key: this.#keys.record(LEASE_TOPIC, leaseRecordId(name)) } },
    ];
    const { answer, era } = await this.#connection.ask(txn, { success });
    const [held, first, record] = answer.ranges.map((each) => each.kvs[0]);
    return { held, first, record, era };
  }

  async #take(claim: Claim, { held, first, record, era }: State): Promise<void> {
    const { keeper } = claim;
    if (keeper === undefined || claim.over) return;
    const key = this.#keys.lease(claim.name);
    if (held !== undefined && record !== undefined && held.lease === keeper.id) {
      this.#granted(claim, versionAt(era, record.modRevision));
      return;
    }
    const mine = { put: { key, value: claim.digest, lease: keeper.id } };
    if (held !== undefined) {
      if (claim.digest === "" || held.value.toString("utf8") !== claim.digest) return;
      // Its own, from before: the record, and so the fence, stay.
      await this.#connection.read(txn, {
        compare: [{ key, of: "mod", is: "equal", than: held.modRevision }],
        success: [mine, { remove: claim.place }],
      });
      claim.again = true;
      return;
    }
    if (first?.key.toString("utf8") !== claim.place) return;
    const fields = { id: claim.name, ttlSeconds: claim.request.ttlSeconds, holder: claim.digest };
    await this.#commits.commit({
      id: newCommitId(),
      changes: [{ op: "put", topic: LEASE_TOPIC, id: leaseRecordId(claim.name), value: encodeFields(fields) }],
      expect: [],
      beside: {
        unrecorded: true,
        compare: [
          { key, of: "version", is: "equal", than: 0 },
          { key: claim.place, of: "version", is: "greater", than: 0 },
        ],
        success: [mine, { remove: claim.place }],
      },
    });
    // Whether it was done, by this attempt or by one whose answer was lost, is read.
    claim.again = true;
  }

  #granted(claim: Claim, fence: Version): void {
    claim.held = new LeaseHandle(claim.name, fence, () => this.#release(claim));
    claim.answer.resolve(claim.held);
  }

  async #release(claim: Claim): Promise<void> {
    const { held, keeper, name } = claim;
    if (claim.over || held === undefined || keeper === undefined || this.#closed) return;
    this.#end(claim);
    const key = this.#keys.lease(name);
    for (let attempt = 0; attempt < RELEASE_ATTEMPTS; attempt++) {
      try {
        await this.#commits.commit({
          id: newCommitId(),
          changes: [{ op: "delete", topic: LEASE_TOPIC, id: leaseRecordId(name) }],
          expect: [{ kind: "version", topic: LEASE_TOPIC, id: leaseRecordId(name), version: held.fence }],
          beside: {
            unrecorded: true,
            compare: [{ key, of: "lease", is: "equal", than: keeper.id }],
            success: [{ remove: key }],
          },
        });
        break;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
    }
    await keeper.revoke();
  }

  /** Follows keys and queues from a moment on, and looks after all that may have changed before it. */
  async #follow(session: Session): Promise<void> {
    const { link, watches } = session;
    const spans = [this.#keys.topic(LEASE_TOPIC), this.#keys.leases];
    const { header, ranges } = await link.call(txn, {
      success: spans.map((span) => ({ range: { ...span, keysOnly: true } })),
    });
    const [records, held] = ranges.map(({ kvs }) => kvs.map((kv) => kv.key.toString("utf8")));
    const take = async (response: WatchResponse): Promise<void> => {
      if (response.canceled) link.lose(`the watch of the leases ended: ${response.cancelReason}`);
      for (const { kv } of response.events) this.#changed(kv);
    };
    watches.add(this.#keys.leases, header.revision + 1, take);
    watches.add(this.#keys.queues, header.revision + 1, take);
    for (const claim of this.#claims) if (claim.keeper !== undefined) void this.#look(claim);
    const start = this.#keys.record(LEASE_TOPIC, leaseRecordId(""));
    const alive = new Set(held);
    for (const key of records ?? []) {
      const name = key.slice(start.length);
      if (key.startsWith(start) && !alive.has(this.#keys.lease(name))) this.#reapSoon(name);
    }
  }

  #changed(kv: KeyValue): void {
    const key = kv.key.toString("utf8");
    const isLease = key.startsWith(this.#keys.leases.key);
    const name = isLease
      ? key.slice(this.#keys.leases.key.length)
      : key.slice(this.#keys.queues.key.length, key.indexOf("\0"));
    let isWanted = false;
    for (const claim of this.#claims) {
      if (claim.name !== name || claim.keeper === undefined) continue;
      isWanted = true;
      if (claim.held === undefined) void this.#look(claim);
      else if (isLease && kv.version > 0 && kv.lease !== claim.keeper.id)
        this.#lose(claim, "its holder has taken the lease over");
    }
    if (!isWanted && kv.version === 0) this.#reapSoon(name);
  }

  #reapSoon(name: string): void {
    const milliseconds = REAP_MILLISECONDS.least + Math.random() * REAP_MILLISECONDS.range;
    this.#clock.after(milliseconds, () => {
      this.#reap(name).catch((error: unknown) => {
        // Another client does it, or the next session.
        if (!(error instanceof StoreError)) throw error;
      });
    });
  }

  async #reap(name: string): Promise<void> {
    if (this.#closed) return;
    const { held, first, record, era } = await this.#read(name);
    if (held !== undefined || first !== undefined || record === undefined) return;
    const id = leaseRecordId(name);
    const key = this.#keys.lease(name);
    await this.#commits.commit({
      id: newCommitId(),
      changes: [{ op: "delete", topic: LEASE_TOPIC, id }],
      expect: [{ kind: "version", topic: LEASE_TOPIC, id, version: versionAt(era, record.modRevision) }],
      beside: { unrecorded: true, compare: [{ key, of: "version", is: "equal", than: 0 }], success: [] },
    });
  }
}
