import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Clock, COMMIT_ID_SECONDS, type CommitId, commitId } from "@dragonflow/store";

/** One topic's share of one commit, as the log keeps it. Position 0: nothing was there before. */
export interface LoggedTopic {
  readonly topic: number;
  readonly previous: number;
  readonly puts: readonly string[];
  readonly deletes: readonly string[];
}
export interface LogEntry {
  readonly sequence: number;
  readonly commit: CommitId;
  readonly topics: readonly LoggedTopic[];
}
export interface LogLimits {
  /** Commits that a watcher may have missed and still get the difference. */
  readonly commits: number;
  readonly seconds: number;
}
export const DEFAULT_LOG_LIMITS: LogLimits = { commits: 100_000, seconds: 3600 };

/** Commits that are forgotten together with one that is written: enough to keep up, few enough not to be felt. */
const PRUNE_BATCH = 64;

interface Remembered {
  readonly sequence: number;
  readonly commit: CommitId;
  readonly topics: readonly number[];
  /** Monotonic; of commits of an earlier run, when this one began. */
  readonly at: number;
}

/**
 * The last commits: which ids were done (a retry is recognised for ten minutes at least), and what was touched since a position. On disk, with
 * an index in memory: commits by id, and per topic in order.
 */
export class CommitLog {
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  readonly #insert: StatementSync;
  readonly #read: StatementSync;
  readonly #idAt: StatementSync;
  readonly #prune: StatementSync;
  readonly #setFloor: StatementSync;
  readonly #byCommit = new Map<CommitId, number>();
  readonly #byTopic = new Map<number, number[]>();
  /** Oldest first; before `#oldest` they are pruned. */
  #order: Remembered[] = [];
  #oldest = 0;
  /** Every commit after this one is in the log. */
  #floor: number;

  constructor(db: DatabaseSync, clock: Clock, limits: LogLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#insert = db.prepare("INSERT INTO log (sequence, commit_id, body) VALUES (?, ?, ?)");
    this.#read = db.prepare("SELECT body FROM log WHERE sequence = ?");
    this.#idAt = db.prepare("SELECT commit_id FROM log WHERE sequence = ?");
    this.#prune = db.prepare("DELETE FROM log WHERE sequence <= ?");
    this.#setFloor = db.prepare("INSERT OR REPLACE INTO meta VALUES ('floor', ?)");
    this.#floor = Number(db.prepare("SELECT value FROM meta WHERE name = 'floor'").get()?.["value"] ?? 0);
    for (const row of db.prepare("SELECT sequence, commit_id, body FROM log ORDER BY sequence").iterate()) {
      const topics = parseBody(String(row["body"])).map((t) => t.topic);
      this.#remember(Number(row["sequence"]), commitId(String(row["commit_id"])), topics);
    }
  }

  /** The sequence of a commit that was done. */
  find(commit: CommitId): number | undefined {
    return this.#byCommit.get(commit);
  }

  read(sequence: number): readonly LoggedTopic[] {
    const row = this.#read.get(sequence);
    return row === undefined ? [] : parseBody(String(row["body"]));
  }

  /** The id of the commit that is logged under a sequence. */
  commitAt(sequence: number): CommitId {
    return commitId(String(this.#idAt.get(sequence)?.["commit_id"] ?? ""));
  }

  /** Whether everything after this position is known. */
  covers(position: number): boolean {
    return position >= this.#floor;
  }

  /** The commits that touched a topic after a position, oldest first. */
  since(topic: number, position: number): readonly number[] {
    const all = this.#byTopic.get(topic) ?? [];
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((all[middle] ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return all.slice(low);
  }

  /** Within the commit's transaction; `undo` gets what to do should it fail. */
  write(entry: LogEntry, undo: (() => void)[]): void {
    const { sequence, commit, topics } = entry;
    const body = topics.map((t) => [t.topic, t.previous, t.puts, t.deletes]);
    this.#insert.run(sequence, commit, JSON.stringify(body));
    const numbers = topics.map((t) => t.topic);
    this.#remember(sequence, commit, numbers);
    undo.push(() => {
      this.#byCommit.delete(commit);
      this.#order.pop();
      for (const topic of numbers) this.#byTopic.get(topic)?.pop();
    });
  }

  /** Within a transaction: forgets some of what is too old. Returns what to call when the transaction has ended well. */
  prune(): (() => void) | undefined {
    const kept = this.#order.length - this.#oldest;
    const now = this.#clock.now();
    let count = 0;
    // The newest stays: it says how far the store has come.
    while (count < PRUNE_BATCH && count < kept - 1) {
      const age = (now - (this.#order[this.#oldest + count]?.at ?? now)) / 1000;
      if (age < COMMIT_ID_SECONDS || (age < this.#limits.seconds && kept - count <= this.#limits.commits)) break;
      count++;
    }
    const last = this.#order[this.#oldest + count - 1];
    if (count === 0 || last === undefined) return undefined;
    this.#prune.run(last.sequence);
    this.#setFloor.run(String(last.sequence));
    return () => this.#forget(count, last.sequence);
  }

  #remember(sequence: number, commit: CommitId, topics: readonly number[]): void {
    this.#byCommit.set(commit, sequence);
    this.#order.push({ sequence, commit, topics, at: this.#clock.now() });
    for (const topic of topics) {
      const sequences = this.#byTopic.get(topic);
      if (sequences === undefined) this.#byTopic.set(topic, [sequence]);
      else sequences.push(sequence);
    }
  }

  #forget(count: number, floor: number): void {
    const topics = new Set<number>();
    for (const old of this.#order.slice(this.#oldest, this.#oldest + count)) {
      this.#byCommit.delete(old.commit);
      for (const topic of old.topics) topics.add(topic);
    }
    for (const topic of topics) {
      const rest = this.since(topic, floor);
      if (rest.length === 0) this.#byTopic.delete(topic);
      else this.#byTopic.set(topic, [...rest]);
    }
    this.#floor = floor;
    this.#oldest += count;
    if (this.#oldest > 10_000) {
      this.#order = this.#order.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}

function parseBody(body: string): readonly LoggedTopic[] {
  const parsed: unknown = JSON.parse(body);
  if (!Array.isArray(parsed)) return [];
  return parsed.map((entry: unknown) => {
    const [topic, previous, puts, deletes]: unknown[] = Array.isArray(entry) ? entry : [];
    return { topic: Number(topic), previous: Number(previous), puts: texts(puts), deletes: texts(deletes) };
  });
}
function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
