import type { RecordId, Topic } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import { COMMIT_ID_SECONDS } from "../commit-check.ts";
import type { CommitId } from "../contract.ts";
import type { Revision } from "./cells.ts";
import type { Batch, Entry, LogHead } from "./records.ts";

/** What is kept in memory for watchers that come back; what is not yet in the cells of its topics is kept in any case. */
export interface TailLimits {
  readonly commits: number;
  readonly bytes: number;
}
export const DEFAULT_TAIL_LIMITS: TailLimits = { commits: 20_000, bytes: 64 * 1024 * 1024 };

/** The last change of a record; no value: it was deleted. */
export interface LastChange {
  readonly sequence: number;
  readonly value: Uint8Array | undefined;
}
interface TopicTail {
  readonly entries: Entry[];
  readonly rows: Map<RecordId, LastChange>;
}
interface KnownCommit {
  readonly sequence: number;
  readonly topics: readonly Topic[];
}
interface KnownBatch {
  readonly key: string;
  readonly entries: readonly { readonly commit: CommitId; readonly sequence: number }[];
  /** When this process first saw it, by its own monotonic clock: it is at least as old as that. */
  readonly seenAt: number;
}

/** Told of each share of a commit that leaves the memory: what was read of its topic before it is of no use any more. */
export type Forgotten = (topic: Topic, sequence: number) => void;

const bytesOf = (entry: Entry): number =>
  entry.shares.reduce((sum, share) => share.puts.reduce((inner, put) => inner + put.value.length + 100, sum + 100), 0);

/** What this process knows of the log: its head, and all commits after {@link knownFrom}, by id, by topic and by record. */
export class LogTail {
  readonly #clock: Clock;
  readonly #limits: TailLimits;
  readonly #forgotten: Forgotten;
  #head: LogHead;
  #revision: Revision;
  #knownFrom = 0;
  #generation = 0;
  #entries: Entry[] = [];
  #bytes = 0;
  #batches: KnownBatch[] = [];
  readonly #keys = new Set<string>();
  readonly #byCommit = new Map<CommitId, KnownCommit>();
  readonly #topics = new Map<Topic, TopicTail>();

  constructor(
    clock: Clock,
    limits: TailLimits,
    start: { readonly head: LogHead; readonly revision: Revision },
    forgotten: Forgotten,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#forgotten = forgotten;
    this.#head = start.head;
    this.#revision = start.revision;
    this.#knownFrom = start.head.at;
  }

  get head(): LogHead {
    return this.#head;
  }
  get revision(): Revision {
    return this.#revision;
  }
  /** Every commit after this sequence is here. */
  get knownFrom(): number {
    return this.#knownFrom;
  }
  /** Grows whenever all that was known was replaced. */
  get generation(): number {
    return this.#generation;
  }

  includes(batchKey: string): boolean {
    return this.#keys.has(batchKey);
  }
  find(commit: CommitId): KnownCommit | undefined {
    return this.#byCommit.get(commit);
  }
  /** The last change of a record, where it is in the tail. */
  change(topic: Topic, id: RecordId): LastChange | undefined {
    return this.#topics.get(topic)?.rows.get(id);
  }
  changes(topic: Topic): ReadonlyMap<RecordId, LastChange> {
    return this.#topics.get(topic)?.rows ?? new Map();
  }
  /** The last commit of a topic, where it is in the tail. */
  last(topic: Topic): number | undefined {
    return this.#topics.get(topic)?.entries.at(-1)?.sequence;
  }
  /** The commits of a topic after one of them, oldest first. */
  since(topic: Topic, sequence: number): readonly Entry[] {
    const entries = this.#topics.get(topic)?.entries ?? [];
    let from = entries.length;
    while (from > 0 && (entries[from - 1]?.sequence ?? 0) > sequence) from--;
    return entries.slice(from);
  }
  /** Commits that are not in the cells of their topics yet. */
  unapplied(): readonly Entry[] {
    let from = this.#entries.length;
    while (from > 0 && (this.#entries[from - 1]?.sequence ?? 0) > this.#head.floor) from--;
    return this.#entries.slice(from);
  }

  /** The chain goes on. */
  advance(head: LogHead, revision: Revision, batches: readonly Batch[]): void {
    this.#head = head;
    this.#revision = revision;
    for (const batch of batches) this.#add(batch);
    this.#trim();
  }

  /** Another chain, or another part of it: what was known counts no more. */
  replace(head: LogHead, revision: Revision, knownFrom: number, batches: readonly Batch[]): void {
    this.#generation++;
    this.#entries = [];
    this.#bytes = 0;
    this.#batches = [];
    this.#keys.clear();
    this.#byCommit.clear();
    this.#topics.clear();
    this.#knownFrom = knownFrom;
    this.advance(head, revision, batches);
  }

  /**
   * Forgets the ids of commits that this process has known for longer than an id is recognised, and that no reader of the log needs any more.
   * @returns the first sequence that must stay in the database.
   */
  expire(): number {
    const before = this.#clock.now() - COMMIT_ID_SECONDS * 1000;
    while (this.#batches.length > 1) {
      const [oldest] = this.#batches;
      const last = oldest?.entries.at(-1)?.sequence ?? 0;
      if (oldest === undefined || oldest.seenAt > before || last > Math.min(this.#head.floor, this.#knownFrom)) break;
      this.#batches.shift();
      this.#keys.delete(oldest.key);
      for (const { commit, sequence } of oldest.entries)
        if (this.#byCommit.get(commit)?.sequence === sequence) this.#byCommit.delete(commit);
    }
    return this.#batches[0]?.entries[0]?.sequence ?? 0;
  }

  #add(batch: Batch): void {
    this.#keys.add(batch.key);
    const entries = batch.entries.map(({ commit, sequence }) => ({ commit, sequence }));
    this.#batches.push({ key: batch.key, entries, seenAt: this.#clock.now() });
    for (const entry of batch.entries) {
      this.#entries.push(entry);
      this.#bytes += bytesOf(entry);
      const { sequence, commit, shares } = entry;
      this.#byCommit.set(commit, { sequence, topics: shares.map((share) => share.topic) });
      for (const { topic, puts, deletes } of shares) {
        let known = this.#topics.get(topic);
        if (known === undefined) this.#topics.set(topic, (known = { entries: [], rows: new Map() }));
        known.entries.push(entry);
        for (const { id, value } of puts) known.rows.set(id, { sequence, value });
        for (const id of deletes) known.rows.set(id, { sequence, value: undefined });
      }
    }
  }

  #trim(): void {
    let count = 0;
    for (const entry of this.#entries) {
      const isMuch = this.#entries.length - count > this.#limits.commits || this.#bytes > this.#limits.bytes;
      if (!isMuch || entry.sequence > this.#head.floor) break;
      this.#bytes -= bytesOf(entry);
      this.#knownFrom = entry.sequence;
      count++;
      for (const share of entry.shares) this.#forget(share.topic, entry.sequence);
    }
    if (count > 0) this.#entries.splice(0, count);
  }

  #forget(topic: Topic, sequence: number): void {
    const known = this.#topics.get(topic);
    const [entry] = known?.entries.splice(0, 1) ?? [];
    const share = entry?.shares.find((each) => each.topic === topic);
    for (const id of [...(share?.puts.map((put) => put.id) ?? []), ...(share?.deletes ?? [])])
      if (known?.rows.get(id)?.sequence === sequence) known.rows.delete(id);
    if (known?.entries.length === 0) this.#topics.delete(topic);
    this.#forgotten(topic, sequence);
  }
}
