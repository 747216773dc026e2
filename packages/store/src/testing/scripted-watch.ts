import { networkTopic, type RecordId, recordId, type Topic } from "@dragonflow/model";
import { BufferedWatch } from "../buffered-watch.ts";
import {
  type CommitId,
  commitId,
  type Head,
  type Lineage,
  lineage,
  ORIGIN,
  type Position,
  position,
  type Row,
  type Subscription,
  type TopicCommit,
  version,
} from "../contract.ts";

const encoder = new TextEncoder();
export const rowOf = (id: RecordId, at: number, value: unknown): Row => ({
  id,
  version: version(String(at)),
  value: encoder.encode(typeof value === "string" ? value : JSON.stringify(value)),
});
export const topicNumber = (number: number): Topic => networkTopic(`t${number}`);
export const record = (name: string | number): RecordId => recordId("port", String(name));
const positionOf = (at: number): Position => (at === 0 ? ORIGIN : position(String(at)));

/** All turns of the event loop that promises need. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A store that does what a test says, event by event: commits wait in one channel per topic until they are delivered, lost, repeated or swapped.
 */
export class ScriptedStore {
  readonly watch: BufferedWatch;
  readonly joins: Subscription[] = [];
  readonly commits: TopicCommit[][] = [];
  readonly #rows = new Map<Topic, Map<RecordId, Row>>();
  readonly #heads = new Map<Topic, number>();
  readonly #channels = new Map<Topic, TopicCommit[]>();
  /** Joins are answered at once; else when a test calls `answer`. */
  answersAtOnce = true;
  #unanswered: Topic[] = [];
  #at = 0;
  #lineage: Lineage = lineage("first");

  constructor() {
    this.watch = new BufferedWatch(() => ({
      join: (subscriptions) => {
        this.joins.push(...subscriptions);
        for (const { topic } of subscriptions) this.#channels.set(topic, []);
        this.#unanswered.push(...subscriptions.map((s) => s.topic));
        if (this.answersAtOnce) this.answer();
      },
      leave: (topics) => {
        for (const topic of topics) this.#channels.delete(topic);
        this.#unanswered = this.#unanswered.filter((topic) => !topics.includes(topic));
      },
      end: () => undefined,
    }));
  }

  rows(topic: Topic): Map<RecordId, Row> {
    const rows = this.#rows.get(topic) ?? new Map<RecordId, Row>();
    this.#rows.set(topic, rows);
    return rows;
  }
  head(topic: Topic): Head {
    return { lineage: this.#lineage, position: positionOf(this.#heads.get(topic) ?? 0) };
  }

  /** undefined deletes. Its share of each topic waits in that topic's channel. */
  commit(changes: readonly (readonly [topic: Topic, id: RecordId, value: unknown])[]): number {
    const at = ++this.#at;
    const topics = [...new Set(changes.map(([topic]) => topic))];
    const share: TopicCommit[] = [];
    for (const topic of topics) {
      const own = changes.filter(([t]) => t === topic);
      const puts = own.filter(([, , value]) => value !== undefined).map(([, id, value]) => rowOf(id, at, value));
      const deletes = own
        .filter(([, , value]) => value === undefined)
        .map(([, id]) => ({ id, version: version(String(at)) }));
      const prev = positionOf(this.#heads.get(topic) ?? 0);
      const alsoTouches = topics.filter((t) => t !== topic).map((t) => ({ topic: t, position: positionOf(at) }));
      const commit: CommitId = commitId(`c${at}`);
      const event: TopicCommit = {
        topic,
        lineage: this.#lineage,
        prev,
        position: positionOf(at),
        commit,
        alsoTouches,
        puts,
        deletes,
      };
      share.push(event);
      this.#channels.get(topic)?.push(event);
      this.#heads.set(topic, at);
      for (const row of puts) this.rows(topic).set(row.id, row);
      for (const { id } of deletes) this.rows(topic).delete(id);
    }
    this.commits.push(share);
    return at;
  }

  waiting(topic: Topic): TopicCommit[] {
    return this.#channels.get(topic) ?? [];
  }
  deliver(topic: Topic): void {
    const commit = this.waiting(topic).shift();
    if (commit !== undefined) this.watch.deliver({ type: "commits", batch: [commit] });
  }
  deliverAll(): void {
    for (const topic of this.#channels.keys()) while (this.waiting(topic).length > 0) this.deliver(topic);
  }
  repeat(topic: Topic): void {
    const commit = this.waiting(topic)[0];
    if (commit !== undefined) this.watch.deliver({ type: "commits", batch: [commit] });
  }

  snapshot(topic: Topic): void {
    this.#channels.set(topic, []);
    const page = [...this.rows(topic).values()];
    const rows = (async function* () {
      if (page.length > 0) yield page;
    })();
    this.watch.deliver({ type: "snapshot", snapshot: { topic, ...this.head(topic), rows } });
  }
  answer(): void {
    const topics = this.#unanswered;
    this.#unanswered = [];
    for (const topic of topics) this.snapshot(topic);
    if (topics.length > 0) this.watch.deliver({ type: "current", topics });
  }
  stale(): void {
    this.watch.deliver({ type: "stale", reason: "disconnected", topics: this.watch.topics() });
  }
  /** Everything since then follows, topic by topic. */
  current(): void {
    this.deliverAll();
    this.watch.deliver({ type: "current", topics: this.watch.topics() });
  }
  /** The store comes back with these rows only, as another lineage. */
  restore(kept: (topic: Topic, id: RecordId) => boolean): void {
    this.#lineage = lineage(`after ${this.#at}`);
    this.#at += 1000;
    for (const [topic, rows] of this.#rows) for (const id of rows.keys()) if (!kept(topic, id)) rows.delete(id);
    const topics = this.watch.topics();
    for (const topic of topics) this.snapshot(topic);
    if (topics.length > 0) this.watch.deliver({ type: "current", topics });
  }
}
