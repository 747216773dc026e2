import type { Topic } from "@dragonflow/model";
import {
  type Change,
  type CommitId,
  type Committed,
  type Expect,
  InvalidRequest,
  OutcomeUnknown,
  TooLarge,
  Unavailable,
} from "@dragonflow/store";
import type { CommitLeases } from "./commit-leases.ts";
import type { Connection, Session } from "./connection.ts";
import { type Era, positionAt } from "./era.ts";
import { faultOf, storeErrorOf } from "./faults.ts";
import { guardsOf, type Guards } from "./guards.ts";
import { encodeHead, encodeRecord, topicsOfRecord } from "./heads.ts";
import type { Keys } from "./keys.ts";
import { txn } from "./wire/calls.ts";
import type { Compare, Operation, TxnRequest, TxnResponse } from "./wire/messages.ts";

/** What a commit carries beside its records: the leases' own keys. */
export interface Beside {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  /** Who writes the leases' topic is not told about them by a record of the commit. */
  readonly unrecorded: true;
}
export interface CommitRequest {
  readonly id: CommitId;
  readonly changes: readonly Change[];
  readonly expect: readonly Expect[];
  readonly signal?: AbortSignal | undefined;
  readonly beside?: Beside;
}

interface Limits {
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
}
/** A commit that met a lineage it did not know, or guards that moved, is tried again so often. */
const ATTEMPTS = 20;

/**
 * Commits as transactions of etcd: one revision, all or nothing. The transaction compares what is expected, that the lineage is the one that positions
 * and versions are counted from, and that no commit of this id is there; where that does not hold it reads what does.
 */
export class Commits {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #limits: Limits;
  readonly #leases: CommitLeases;

  constructor(connection: Connection, keys: Keys, limits: Limits, leases: CommitLeases) {
    this.#connection = connection;
    this.#keys = keys;
    this.#limits = limits;
    this.#leases = leases;
  }

  async commit(request: CommitRequest): Promise<Committed> {
    request.signal?.throwIfAborted();
    for (const { topic, ...rest } of [...request.changes, ...request.expect])
      if (topic.includes("\0") || ("id" in rest && rest.id.includes("\0")))
        throw new InvalidRequest("a topic or a record's id with a NUL");
    let refusal = new Unavailable("what the commit expects changed each time that it was tried");
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const session = await this.#connection.session();
      request.signal?.throwIfAborted();
      const result = await this.#attempt(session, request);
      if (result instanceof Unavailable) refusal = result;
      else if (result !== "again") return result;
    }
    throw refusal;
  }

  /** @returns {@link Unavailable} where this member was of no use and nothing was done: the next one is asked. */
  async #attempt(session: Session, request: CommitRequest): Promise<Committed | "again" | Unavailable> {
    const { era, link } = session;
    const guards = await guardsOf(this.#connection, this.#keys, era, request.expect, this.#limits.maxTxnOps);
    if (guards.failed.length > 0) {
      const done = await this.#replayed(session, request.id);
      return done ?? { ok: false, failed: guards.failed };
    }
    let lease = 0n;
    try {
      if (request.beside === undefined) lease = await this.#leases.take(link);
    } catch (error) {
      // Nothing is written yet: whatever this failed with, the commit did not happen.
      return refusedBy(error);
    }
    let answer: TxnResponse;
    try {
      const built = this.#build(era, request, guards, lease);
      const bytes = txn.encode(built).length;
      if (bytes > this.#limits.maxRequestBytes)
        throw new TooLarge("bytesPerCommit", this.#limits.maxRequestBytes, bytes);
      answer = await link.call(txn, built);
    } catch (error) {
      if (error instanceof TooLarge) throw error;
      const fault = faultOf(error);
      if (fault.isLeaseGone && this.#leases.forget(lease)) return "again";
      if (fault.isMembers && !fault.isRefusal) throw new OutcomeUnknown(`etcd: ${fault.message}`, { cause: fault });
      if (fault.isRefusal) return refusedBy(fault);
      throw storeErrorOf(fault, this.#limits.maxRequestBytes);
    }
    return answer.succeeded ? this.#done(session, request, answer) : this.#refused(session, request, guards, answer);
  }

  #build(era: Era, request: CommitRequest, guards: Guards, lease: bigint): TxnRequest {
    const { id, changes, beside } = request;
    const topics = [...new Set(changes.map((change) => change.topic))];
    const record = this.#keys.commit(id);
    const writes: Operation[] = topics.map((topic) => ({
      put: { key: this.#keys.head(topic), value: encodeHead(id, topics) },
    }));
    for (const change of changes) {
      const key = this.#keys.record(change.topic, change.id);
      writes.push(change.op === "put" ? { put: { key, value: change.value } } : { remove: key });
    }
    const isRecorded = changes.length > 0 && beside === undefined;
    const own: Operation[] = isRecorded ? [{ put: { key: record, value: encodeRecord(topics), lease } }] : [];
    const compare: Compare[] = [
      { key: this.#keys.meta, of: "mod", is: "equal", than: era.metaRevision },
      { key: record, of: "version", is: "equal", than: 0 },
      ...(beside?.compare ?? []),
      ...guards.compare,
    ];
    const failure: Operation[] = [
      { range: { key: this.#keys.meta, keysOnly: true } },
      { range: { key: record } },
      ...guards.reads.map((key) => ({ range: { key, keysOnly: true } })),
    ];
    const first = [...own, ...(beside?.success ?? [])];
    const most = Math.max(compare.length, failure.length);
    return { compare, success: this.#nested(first, writes, most), failure };
  }

  /**
   * etcd counts the operations of each level: those of an inner transaction and of the level around it must not be more than its limit together. So
   * many writes go into inner transactions without a condition, which happen at the same revision.
   */
  #nested(first: readonly Operation[], writes: readonly Operation[], compares: number): readonly Operation[] {
    const { maxTxnOps } = this.#limits;
    if (first.length + writes.length <= maxTxnOps) return [...first, ...writes];
    for (let count = 2; first.length + count <= maxTxnOps; count++) {
      const room = maxTxnOps - Math.max(compares, first.length + count);
      if (room * count < writes.length) continue;
      const groups = Array.from({ length: count }, (_, i) => ({
        txn: { success: writes.slice(i * room, (i + 1) * room) },
      }));
      return [...first, ...groups];
    }
    throw new TooLarge("opsPerCommit", maxTxnOps, first.length + writes.length + compares);
  }

  #done({ era }: Session, { id, changes }: CommitRequest, { header }: TxnResponse): Committed {
    const topics = [...new Set(changes.map((change) => change.topic))];
    const [first] = topics;
    if (first !== undefined)
      this.#connection.witnessed({
        revision: header.revision,
        key: this.#keys.head(first),
        value: encodeHead(id, topics),
      });
    return committed(era, topics, header.revision, false);
  }

  #refused(session: Session, request: CommitRequest, guards: Guards, { ranges }: TxnResponse): Committed | "again" {
    const [meta, record, ...reads] = ranges;
    const done = record?.kvs[0];
    if (meta?.kvs[0]?.modRevision !== session.era.metaRevision) {
      this.#connection.renew(session, "the store has another lineage now");
      return "again";
    }
    if (done !== undefined) return committed(session.era, topicsOfRecord(done.value), done.modRevision, true);
    const failed = guards.judge(reads.map((read) => read.kvs[0]?.modRevision ?? 0));
    if (failed.length > 0) return { ok: false, failed };
    // What is beside a commit is its caller's to look at; guards that stand for others moved without touching them.
    return request.beside === undefined ? "again" : { ok: false, failed: [] };
  }

  async #replayed({ era, link }: Session, id: CommitId): Promise<Committed | undefined> {
    const { ranges } = await link
      .call(txn, { success: [{ range: { key: this.#keys.commit(id) } }] })
      .catch((error: unknown) => {
        throw storeErrorOf(error);
      });
    const done = ranges[0]?.kvs[0];
    return done === undefined ? undefined : committed(era, topicsOfRecord(done.value), done.modRevision, true);
  }
}

/** A member that cannot be used is left, and nothing was done. @throws {StoreError} for what no other member would do better. */
function refusedBy(error: unknown): Unavailable {
  const fault = faultOf(error);
  const refusal = storeErrorOf(fault);
  if (refusal instanceof Unavailable && (fault.isMembers || fault.needsLogin)) return refusal;
  throw refusal;
}

function committed(era: Era, topics: readonly Topic[], revision: number, replayed: boolean): Committed {
  const at = positionAt(era, revision);
  return { ok: true, lineage: era.lineage, positions: new Map(topics.map((topic) => [topic, at])), replayed };
}
