import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { RecordId, Topic } from "@dragonflow/model";
import {
  type Change,
  type CommitId,
  type Committed,
  type Expect,
  OutcomeUnknown,
  type Position,
  type Row,
  StoreFull,
  Unavailable,
  type Version,
  version,
} from "@dragonflow/store";
import { type OpenedDatabase, storeErrorOf } from "./database.ts";
import type { CommitLog, LoggedTopic } from "./log.ts";
import type { Snapshots } from "./snapshots.ts";
import { positionOf, type TopicHead, type TopicHeads } from "./topics.ts";

/** One topic's share of a commit that is on the disk. */
export interface WrittenTopic {
  readonly topic: TopicHead;
  readonly previous: number;
  readonly puts: readonly Row[];
  readonly deletes: readonly RecordId[];
}
export interface Written {
  readonly commit: CommitId;
  readonly sequence: number;
  readonly topics: readonly WrittenTopic[];
}

interface Request {
  readonly id: CommitId;
  readonly changes: readonly Change[];
  readonly expect: readonly Expect[];
  readonly signal: AbortSignal | undefined;
  readonly answer: PromiseWithResolvers<Committed>;
}
interface Outcome {
  readonly request: Request;
  readonly result: Committed;
  readonly written: Written | undefined;
}

const versionOf = (sequence: number): Version => version(String(sequence));

/**
 * The one writer. Commits that were asked for within one turn of the event loop share a transaction, and so a sync; each is still all or
 * nothing, sees the ones before it, and is acknowledged after the sync only.
 */
export class Writer {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #opened: OpenedDatabase;
  readonly #topics: TopicHeads;
  readonly #log: CommitLog;
  readonly #snapshots: Snapshots;
  readonly #written: (group: readonly Written[]) => void;
  readonly #version: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #sequence: number;
  #queue: Request[] = [];
  #scheduled = false;
  #stopped: string | undefined;

  constructor(
    opened: OpenedDatabase,
    file: string,
    parts: { readonly topics: TopicHeads; readonly log: CommitLog; readonly snapshots: Snapshots },
    written: (group: readonly Written[]) => void,
  ) {
    const { db } = opened;
    this.#db = db;
    this.#file = file;
    this.#opened = opened;
    this.#topics = parts.topics;
    this.#log = parts.log;
    this.#snapshots = parts.snapshots;
    this.#written = written;
    this.#version = db.prepare("SELECT version FROM rows WHERE topic = ? AND id = ?");
    this.#put = db.prepare(
      "INSERT INTO rows (topic, id, version, value) VALUES (?, ?, ?, ?) " +
        "ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value",
    );
    this.#delete = db.prepare("DELETE FROM rows WHERE topic = ? AND id = ?");
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#sequence = opened.sequence;
  }

  commit(
    id: CommitId,
    changes: readonly Change[],
    expect: readonly Expect[],
    signal?: AbortSignal,
  ): Promise<Committed> {
    if (this.#stopped !== undefined) return Promise.reject(new Unavailable(this.#stopped));
    const answer = Promise.withResolvers<Committed>();
    this.#queue.push({ id, changes, expect, signal, answer });
    if (!this.#scheduled) {
      this.#scheduled = true;
      // After the poll phase: what all sockets brought in this turn goes into one transaction.
      setImmediate(() => this.flush());
    }
    return answer.promise;
  }

  flush(): void {
    this.#scheduled = false;
    const batch = this.#queue;
    this.#queue = [];
    const wanted = batch.filter(({ signal, answer }) => {
      if (signal?.aborted === true) answer.reject(signal.reason);
      return signal?.aborted !== true;
    });
    if (wanted.length === 0) return;
    const failure = this.#attempt(wanted);
    if (failure === undefined) return;
    // One that does not fit must not take the others with it: each by itself.
    if (wanted.length === 1 || failure instanceof OutcomeUnknown)
      for (const { answer } of wanted) answer.reject(failure);
    else
      for (const request of wanted) {
        const alone = this.#attempt([request]);
        if (alone !== undefined) request.answer.reject(alone);
      }
  }

  /** Refuses whatever comes; what is queued is still done. */
  stop(reason: string): void {
    this.#stopped ??= reason;
    this.flush();
  }

  #attempt(batch: readonly Request[]): Error | undefined {
    if (this.#stopped !== undefined && this.#db.isOpen === false) return new Unavailable(this.#stopped);
    const undo: (() => void)[] = [];
    const before = this.#sequence;
    let committing = false;
    let outcomes: readonly Outcome[];
    let pruned: (() => void) | undefined;
    try {
      this.#begin.run();
      outcomes = batch.map((request) => this.#apply(request, undo));
      if (this.#sequence !== before) pruned = this.#log.prune();
      committing = true;
      this.#commit.run();
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      for (const step of undo.toReversed()) step();
      this.#sequence = before;
      return this.#judge(error, committing);
    }
    if (this.#sequence !== before) this.#advanceGuard();
    pruned?.();
    this.#acknowledge(outcomes);
    return undefined;
  }

  /** These commits are safe; without the guard the next ones would not be known to a store that goes back in time. */
  #advanceGuard(): void {
    try {
      this.#opened.guard?.advance(this.#sequence);
    } catch (error) {
      this.#stopped ??= `${this.#file}: its guard file cannot be written (${String(error)})`;
    }
  }

  /** A failed sync says nothing about what is on the disk: from then on this process must not write any more. */
  #judge(error: unknown, committing: boolean): Error {
    const known = storeErrorOf(error, this.#file);
    if (known === undefined) return error instanceof Error ? error : new Error(String(error));
    if (!committing || known instanceof StoreFull) return known;
    this.#stopped ??= `${this.#file}: writing failed (${known.message}); open it again`;
    return new OutcomeUnknown(known.message, { cause: error });
  }

  #acknowledge(outcomes: readonly Outcome[]): void {
    const group: Written[] = [];
    for (const { written } of outcomes) if (written !== undefined) group.push(written);
    if (group.length > 0) this.#written(group);
    for (const { request, result } of outcomes) request.answer.resolve(result);
  }

  #apply(request: Request, undo: (() => void)[]): Outcome {
    const done = this.#log.find(request.id);
    if (done !== undefined) return { request, result: this.#replay(done), written: undefined };
    const failed = request.expect.filter((expect) => !this.#holds(expect));
    if (failed.length > 0) return { request, result: { ok: false, failed }, written: undefined };
    const { lineage } = this.#opened;
    if (request.changes.length === 0)
      return { request, result: { ok: true, lineage, positions: new Map(), replayed: false }, written: undefined };
    const written = this.#write(request.id, request.changes, undo);
    const positions = new Map(written.topics.map((t) => [t.topic.name, positionOf(written.sequence)]));
    return { request, result: { ok: true, lineage, positions, replayed: false }, written };
  }

  #write(id: CommitId, changes: readonly Change[], undo: (() => void)[]): Written {
    const sequence = ++this.#sequence;
    const shares = new Map<Topic, { topic: TopicHead; previous: number; puts: Row[]; deletes: RecordId[] }>();
    for (const change of changes) {
      let share = shares.get(change.topic);
      if (share === undefined) {
        const topic = this.#topics.findOrAdd(change.topic, undo);
        share = { topic, previous: topic.head, puts: [], deletes: [] };
        shares.set(change.topic, share);
        this.#topics.advance(topic, sequence, undo);
      }
      this.#snapshots.beforeChange(share.topic.number, change.id);
      switch (change.op) {
        case "put":
          this.#put.run(share.topic.number, change.id, sequence, change.value);
          share.puts.push({ id: change.id, version: versionOf(sequence), value: change.value });
          break;
        case "delete":
          this.#delete.run(share.topic.number, change.id);
          share.deletes.push(change.id);
          break;
        default:
          change satisfies never;
      }
    }
    const topics = [...shares.values()];
    this.#log.write({ sequence, commit: id, topics: topics.map(asLogged) }, undo);
    return { commit: id, sequence, topics };
  }

  #holds(expect: Expect): boolean {
    const topic = this.#topics.find(expect.topic);
    if (expect.kind === "topic-unchanged") return positionOf(topic?.head ?? 0) === expect.since;
    const row = topic === undefined ? undefined : this.#version.get(topic.number, expect.id);
    switch (expect.kind) {
      case "absent":
        return row === undefined;
      case "present":
        return row !== undefined;
      case "version":
        return row !== undefined && String(row["version"]) === expect.version;
      default:
        return expect satisfies never;
    }
  }

  #replay(sequence: number): Committed {
    const positions = new Map<Topic, Position>();
    for (const { topic } of this.#log.read(sequence)) {
      const name = this.#topics.nameOf(topic);
      if (name !== undefined) positions.set(name, positionOf(sequence));
    }
    return { ok: true, lineage: this.#opened.lineage, positions, replayed: true };
  }
}

function asLogged(share: WrittenTopic): LoggedTopic {
  return {
    topic: share.topic.number,
    previous: share.previous,
    puts: share.puts.map((row) => row.id),
    deletes: share.deletes,
  };
}
