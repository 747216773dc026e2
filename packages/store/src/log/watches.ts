import type { RecordId, Topic } from "@dragonflow/model";
import { BufferedWatch } from "../buffered-watch.ts";
import type { Clock } from "../clock.ts";
import { backOff } from "../commit-retry.ts";
import { type Head, ORIGIN, type Row, type Snapshot, type Subscription, type TopicCommit } from "../contract.ts";
import { OutcomeUnknown, Unavailable } from "../errors.ts";
import type { Cells } from "./cells.ts";
import type { LogFollower } from "./follower.ts";
import { type Batch, type Entry, positionOf, type TopicIndex, versionOf } from "./records.ts";
import type { LastChange } from "./tail.ts";
import { readPage, type Topics } from "./topics.ts";

/** A watcher that missed more commits of a topic than this gets a snapshot, which is paged. */
const RESUME_COMMITS = 10_000;
const PAGES_AT_ONCE = 4;
/** Records in one page of a snapshot. */
export const LIST_PAGE = 1000;
const FIRST_PAUSE_MILLISECONDS = 20;
const LONGEST_PAUSE_MILLISECONDS = 2_000;

interface Parts {
  readonly cells: Cells;
  readonly clock: Clock;
  readonly follower: LogFollower;
  readonly topics: Topics;
  /** The first watch of a topic has come, or its last one has gone. */
  readonly onInterest: (topic: Topic, isWatched: boolean) => void;
}

/** Who watches what, in this process. */
export class Watches {
  readonly #parts: Parts;
  readonly #byTopic = new Map<Topic, Set<BufferedWatch>>();
  readonly #open = new Set<BufferedWatch>();
  #closed = false;
  #isStale = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  open(bufferBytes?: number): BufferedWatch {
    /** Asked for and not delivered yet, and by which call. */
    const joining = new Map<Topic, readonly Subscription[]>();
    const watch = new BufferedWatch(
      (self) => ({
        join: (subscriptions) => {
          for (const { topic } of subscriptions) joining.set(topic, subscriptions);
          void this.#join(self, subscriptions, joining);
        },
        leave: (topics) => {
          for (const topic of topics) joining.delete(topic);
          this.#leave(self, topics);
        },
        end: () => {
          joining.clear();
          this.#leave(self, self.topics());
          this.#open.delete(self);
        },
      }),
      bufferBytes,
    );
    this.#open.add(watch);
    return watch;
  }

  /** The state of a topic as it is known now, whatever comes while its rows are read. */
  async snapshot(topic: Topic): Promise<Snapshot> {
    for (;;) {
      const index = this.#parts.topics.cached(topic);
      if (index !== undefined) return this.#snapshotOf(topic, index);
      await this.#parts.topics.load(topic);
    }
  }

  publish(batches: readonly Batch[]): void {
    const deliveries = new Map<BufferedWatch, TopicCommit[]>();
    for (const { entries } of batches)
      for (const entry of entries)
        for (const { topic } of entry.shares) {
          const watches = this.#byTopic.get(topic);
          if (watches === undefined) continue;
          const commit = this.#commitOf(entry, topic);
          for (const watch of watches) {
            const delivery = deliveries.get(watch);
            if (delivery === undefined) deliveries.set(watch, [commit]);
            else delivery.push(commit);
          }
        }
    for (const [watch, batch] of deliveries) watch.deliver({ type: "commits", batch });
  }

  /** What was known counts no more: everything is delivered anew. */
  replaced(): void {
    for (const watch of this.#open) {
      const topics = watch.topics();
      if (topics.length > 0) watch.add(topics.map((topic) => ({ topic })));
    }
  }

  /** The database is not reached. */
  stale(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    for (const watch of this.#open) {
      const topics = this.#watchedBy(watch);
      if (topics.length > 0) watch.deliver({ type: "stale", reason: "disconnected", topics });
    }
  }
  /** It is reached again, and what was missed has been published. */
  current(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    for (const watch of this.#open) {
      const topics = this.#watchedBy(watch);
      if (topics.length > 0) watch.deliver({ type: "current", topics });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const watch of this.#open) await watch.close();
  }

  #watchedBy(watch: BufferedWatch): readonly Topic[] {
    return watch.topics().filter((topic) => this.#byTopic.get(topic)?.has(watch) === true);
  }

  async #join(
    watch: BufferedWatch,
    subscriptions: readonly Subscription[],
    joining: Map<Topic, readonly Subscription[]>,
  ): Promise<void> {
    const { follower, topics, clock } = this.#parts;
    const wanted = (): readonly Subscription[] => subscriptions.filter((s) => joining.get(s.topic) === subscriptions);
    for (let attempt = 0; ; attempt++) {
      try {
        await follower.sync();
        for (;;) {
          const missing = this.#deliver(watch, wanted());
          if (missing.length === 0) break;
          await Promise.all(missing.map((topic) => topics.load(topic)));
        }
        for (const { topic } of wanted()) joining.delete(topic);
        return;
      } catch (error) {
        if (this.#closed || wanted().length === 0) return;
        if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) {
          watch.fail(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        const pause = backOff(attempt, FIRST_PAUSE_MILLISECONDS, LONGEST_PAUSE_MILLISECONDS);
        await new Promise<void>((resolve) => clock.after(pause, resolve));
      }
    }
  }

  /** Within one turn of the event loop, so that all topics come as of one commit. @returns what must be loaded first; then nothing was delivered. */
  #deliver(watch: BufferedWatch, subscriptions: readonly Subscription[]): readonly Topic[] {
    const { topics } = this.#parts;
    const snapshots: Snapshot[] = [];
    const missed = new Map<Entry, Topic[]>();
    const missing: Topic[] = [];
    for (const { topic, from } of subscriptions) {
      const index = topics.cached(topic);
      const entries = from === undefined ? undefined : this.#since(topic, from, index);
      if (entries === undefined && index === undefined) missing.push(topic);
      else if (entries === undefined && index !== undefined) snapshots.push(this.#snapshotOf(topic, index));
      for (const entry of entries ?? []) {
        const touched = missed.get(entry);
        if (touched === undefined) missed.set(entry, [topic]);
        else touched.push(topic);
      }
    }
    if (missing.length > 0 || subscriptions.length === 0) return missing;
    for (const { topic } of subscriptions) {
      const watches = this.#byTopic.get(topic);
      if (watches !== undefined) watches.add(watch);
      else {
        this.#byTopic.set(topic, new Set([watch]));
        this.#parts.onInterest(topic, true);
      }
    }
    for (const snapshot of snapshots)
      watch.deliver({ type: "snapshot", snapshot: { ...snapshot, rows: orAnother(watch, snapshot) } });
    const inOrder = [...missed].sort(([a], [b]) => a.sequence - b.sequence);
    const batch = inOrder.flatMap(([entry, touched]) => touched.map((topic) => this.#commitOf(entry, topic)));
    if (batch.length > 0) watch.deliver({ type: "commits", batch });
    watch.deliver({ type: "current", topics: subscriptions.map((s) => s.topic) });
    return [];
  }

  /** What a topic went through since a position; undefined: that is not known, at least not without its index. */
  #since(topic: Topic, from: Head, index: TopicIndex | undefined): readonly Entry[] | undefined {
    const { tail } = this.#parts.follower;
    const start = from.position === ORIGIN ? 0 : Number(from.position);
    if (from.lineage !== tail.head.lineage || !Number.isSafeInteger(start)) return undefined;
    const last = tail.last(topic) ?? index?.position;
    if (last === start) return [];
    if (start < tail.knownFrom) return undefined;
    const entries = tail.since(topic, start);
    // Else it is no position that this topic ever had.
    const [first] = entries;
    const follows = first?.shares.some((share) => share.topic === topic && share.prev === start) === true;
    return follows && entries.length <= RESUME_COMMITS ? entries : undefined;
  }

  #leave(watch: BufferedWatch, topics: readonly Topic[]): void {
    for (const topic of topics) {
      const watches = this.#byTopic.get(topic);
      if (watches?.delete(watch) !== true || watches.size > 0) continue;
      this.#byTopic.delete(topic);
      this.#parts.onInterest(topic, false);
    }
  }

  #commitOf({ sequence, commit, shares }: Entry, topic: Topic): TopicCommit {
    const own = shares.find((share) => share.topic === topic);
    const at = positionOf(sequence);
    return {
      topic,
      lineage: this.#parts.follower.tail.head.lineage,
      prev: positionOf(own?.prev ?? 0),
      position: at,
      commit,
      alsoTouches: shares.filter((share) => share !== own).map((share) => ({ topic: share.topic, position: at })),
      puts: (own?.puts ?? []).map(({ id, value }) => ({ id, version: versionOf(sequence), value })),
      deletes: (own?.deletes ?? []).map((id) => ({ id, version: versionOf(sequence) })),
    };
  }

  #snapshotOf(topic: Topic, index: TopicIndex): Snapshot {
    const { tail } = this.#parts.follower;
    const changes = new Map(tail.changes(topic));
    const last = Math.max(index.position, tail.last(topic) ?? 0);
    return {
      topic,
      lineage: tail.head.lineage,
      position: positionOf(last),
      rows: this.#rows(topic, index, changes),
    };
  }

  async *#rows(
    topic: Topic,
    index: TopicIndex,
    changes: ReadonlyMap<RecordId, LastChange>,
  ): AsyncGenerator<readonly Row[]> {
    for (let i = 0; i < index.pages.length; i += PAGES_AT_ONCE) {
      if (this.#closed) throw new Unavailable("the store was closed");
      const refs = index.pages.slice(i, i + PAGES_AT_ONCE);
      const pages = await Promise.all(refs.map((ref) => readPage(this.#parts.cells, ref))).catch((error: unknown) => {
        this.#parts.topics.drop(topic);
        throw error;
      });
      for (const page of pages) {
        const unchanged = page.filter((row) => !changes.has(row.id));
        if (unchanged.length > 0) yield unchanged;
      }
    }
    let rows: Row[] = [];
    for (const [id, { sequence, value }] of changes) {
      if (value === undefined) continue;
      rows.push({ id, version: versionOf(sequence), value });
      if (rows.length < LIST_PAGE) continue;
      yield rows;
      rows = [];
    }
    if (rows.length > 0) yield rows;
  }
}

/** Where the rows cannot be read to their end, the watch brings another snapshot. */
async function* orAnother(watch: BufferedWatch, { topic, rows }: Snapshot): AsyncGenerator<readonly Row[]> {
  try {
    yield* rows;
  } catch (error) {
    if (error instanceof Unavailable && watch.topics().includes(topic)) watch.add([{ topic }]);
    throw error;
  }
}
