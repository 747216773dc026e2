import type { Topic } from "@dragonflow/model";
import {
  BufferedWatch,
  parseRecordId,
  type Head,
  type Lineage,
  type Position,
  type Row,
  type Snapshot,
  type Subscription,
  type TopicCommit,
  version,
} from "@dragonflow/store";
import type { CommitLog } from "./log.ts";
import type { Snapshots } from "./snapshots.ts";
import { positionOf, sequenceOf, type TopicHeads } from "./topics.ts";
import type { Written } from "./writer.ts";

/** A watcher that missed more changed rows than this gets a snapshot, which is paged. */
const RESUME_ROWS = 1000;

interface Parts {
  readonly lineage: Lineage;
  readonly topics: TopicHeads;
  readonly log: CommitLog;
  readonly snapshots: Snapshots;
}

/** Who watches what, in this process. Joining is one moment: its topics come as of the same sequence. */
export class Watches {
  readonly #parts: Parts;
  readonly #byTopic = new Map<Topic, Set<BufferedWatch>>();
  readonly #open = new Set<BufferedWatch>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  open(bufferBytes?: number): BufferedWatch {
    const watch = new BufferedWatch(
      (self) => ({
        join: (subscriptions) => this.#join(self, subscriptions),
        leave: (topics) => this.#leave(self, topics),
        end: () => {
          this.#leave(self, self.topics());
          this.#open.delete(self);
        },
      }),
      bufferBytes,
    );
    this.#open.add(watch);
    return watch;
  }

  head(topic: Topic): Head {
    return { lineage: this.#parts.lineage, position: positionOf(this.#parts.topics.find(topic)?.head ?? 0) };
  }

  snapshot(topic: Topic): Snapshot {
    const known = this.#parts.topics.find(topic);
    const rows = known === undefined ? noRows() : this.#parts.snapshots.read(known.number);
    return { topic, ...this.head(topic), rows };
  }

  publish(group: readonly Written[]): void {
    const batches = new Map<BufferedWatch, TopicCommit[]>();
    const committedAtMs = Date.now();
    for (const written of group) {
      const touched = written.topics.map(({ topic }) => ({
        topic: topic.name,
        position: positionOf(written.sequence),
      }));
      for (const share of written.topics) {
        const watches = this.#byTopic.get(share.topic.name);
        if (watches === undefined) continue;
        const commit: TopicCommit = {
          topic: share.topic.name,
          lineage: this.#parts.lineage,
          prev: positionOf(share.previous),
          position: positionOf(written.sequence),
          commit: written.commit,
          committedAtMs,
          alsoTouches: touched.filter((other) => other.topic !== share.topic.name),
          puts: share.puts,
          deletes: share.deletes.map((id) => ({ id, version: version(String(written.sequence)) })),
        };
        for (const watch of watches) {
          const batch = batches.get(watch);
          if (batch === undefined) batches.set(watch, [commit]);
          else batch.push(commit);
        }
      }
    }
    for (const [watch, batch] of batches) watch.deliver({ type: "commits", batch });
  }

  async close(): Promise<void> {
    for (const watch of this.#open) await watch.close();
  }

  #join(watch: BufferedWatch, subscriptions: readonly Subscription[]): void {
    const missed: TopicCommit[] = [];
    for (const { topic, from } of subscriptions) {
      const watches = this.#byTopic.get(topic);
      if (watches === undefined) this.#byTopic.set(topic, new Set([watch]));
      else watches.add(watch);
      const difference = from === undefined ? "unknown" : this.#since(topic, from);
      if (difference === "unknown") watch.deliver({ type: "snapshot", snapshot: this.snapshot(topic) });
      else if (difference !== "none") missed.push(difference);
    }
    if (missed.length > 0) watch.deliver({ type: "commits", batch: missed });
    watch.deliver({ type: "current", topics: subscriptions.map((s) => s.topic) });
  }

  #leave(watch: BufferedWatch, topics: readonly Topic[]): void {
    for (const topic of topics) {
      const watches = this.#byTopic.get(topic);
      watches?.delete(watch);
      if (watches?.size === 0) this.#byTopic.delete(topic);
    }
  }

  /** The net difference since a position, as one commit. */
  #since(topic: Topic, from: Head): TopicCommit | "none" | "unknown" {
    const { lineage, topics, log } = this.#parts;
    const known = topics.find(topic);
    const head = known?.head ?? 0;
    const start = sequenceOf(from.position);
    if (from.lineage !== lineage || start === undefined || start > head) return "unknown";
    if (start === head || known === undefined) return "none";
    if (!log.covers(start)) return "unknown";
    const changed = new Map<string, number>();
    const touched = new Map<Topic, Position>();
    for (const sequence of log.since(known.number, start)) {
      for (const share of log.read(sequence)) {
        const name = topics.nameOf(share.topic);
        if (name !== undefined && name !== topic) touched.set(name, positionOf(sequence));
        if (name === topic) for (const id of [...share.puts, ...share.deletes]) changed.set(id, sequence);
      }
      if (changed.size > RESUME_ROWS) return "unknown";
    }
    return {
      ...this.#difference(known.number, changed),
      topic,
      lineage,
      prev: from.position,
      position: positionOf(head),
      commit: log.commitAt(head),
      alsoTouches: [...touched].map(([name, position]) => ({ topic: name, position })),
    };
  }

  #difference(topic: number, changed: ReadonlyMap<string, number>): Pick<TopicCommit, "puts" | "deletes"> {
    const puts: Row[] = [];
    const deletes: TopicCommit["deletes"][number][] = [];
    for (const [id, sequence] of changed) {
      const row = this.#parts.snapshots.get(topic, id);
      if (row === undefined) deletes.push({ id: parseRecordId(id), version: version(String(sequence)) });
      else puts.push(row);
    }
    return { puts, deletes };
  }
}

async function* noRows(): AsyncGenerator<readonly Row[]> {
  // A topic that was never written.
}
