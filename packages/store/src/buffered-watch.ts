import type { Topic } from "@dragonflow/model";
import type { Event, Head, Row, Snapshot, Subscription, TopicCommit, Watch } from "./contract.ts";

/** Where a {@link BufferedWatch} gets its events: a driver calls `deliver` on the watch from then on, until `leave`. */
export interface WatchSource {
  join(subscriptions: readonly Subscription[]): void;
  leave(topics: readonly Topic[]): void;
  /** The watch was closed: nothing is to be delivered any more. */
  end(): void;
}

/** Bytes of commits that a watch holds for a slow reader before it gives up and says `stale`; one batch is held whatever it weighs. */
export const WATCH_BUFFER_BYTES = 16 * 1024 * 1024;
/** What a record costs beside its value. */
const ROW_OVERHEAD_BYTES = 200;

export function weightOf(commit: TopicCommit): number {
  let bytes = (1 + commit.puts.length + commit.deletes.length) * ROW_OVERHEAD_BYTES;
  for (const row of commit.puts) bytes += row.value.length;
  return bytes;
}

interface Delivered {
  head: Head | undefined;
  /** A snapshot was handed out and its rows are not read yet: the head does not count. */
  unread: Snapshot | undefined;
}

type Pending =
  | { readonly type: "snapshot"; readonly snapshot: Snapshot }
  | { readonly type: "commits"; batch: TopicCommit[]; bytes: number }
  | { readonly type: "current"; topics: readonly Topic[] }
  | { readonly type: "stale"; readonly reason: "disconnected" | "overflow"; topics: readonly Topic[] };

/**
 * The reader's half of a watch, the same for every driver that pushes: a queue bounded in bytes. When a slow reader lets it overflow, what is
 * queued is thrown away, the reader gets `stale`, and once it has taken that, every topic goes on from where the reader was.
 *
 * A batch that finds none before it never overflows: it may be all that was missed, in one piece, and would come again like that for ever.
 */
export class BufferedWatch implements Watch {
  readonly #source: WatchSource;
  readonly #limitBytes: number;
  readonly #topics = new Map<Topic, Delivered>();
  #queue: Pending[] = [];
  #bytes = 0;
  /** No topic is joined: they are again when the reader comes back for more than the `stale` event, which is the last one queued. */
  #overflowed = false;
  #waiting: PromiseWithResolvers<IteratorResult<Event>> | undefined;
  #waking = false;
  #failure: Error | undefined;
  #closed = false;

  constructor(source: (watch: BufferedWatch) => WatchSource, limitBytes: number = WATCH_BUFFER_BYTES) {
    this.#source = source(this);
    this.#limitBytes = limitBytes;
  }

  add(subscriptions: readonly Subscription[]): void {
    if (this.#closed || subscriptions.length === 0) return;
    this.drop(subscriptions.map((s) => s.topic).filter((topic) => this.#topics.has(topic)));
    for (const { topic, from } of subscriptions) this.#topics.set(topic, { head: from, unread: undefined });
    if (!this.#overflowed) this.#source.join(subscriptions);
  }

  drop(topics: readonly Topic[]): void {
    const dropped = new Set(topics.filter((topic) => this.#topics.delete(topic)));
    if (dropped.size === 0) return;
    if (!this.#overflowed) this.#source.leave([...dropped]);
    this.#queue = this.#queue.filter((event) => {
      switch (event.type) {
        case "snapshot":
          return !dropped.has(event.snapshot.topic);
        case "commits": {
          const kept = event.batch.filter((commit) => !dropped.has(commit.topic));
          const bytes = kept.reduce((sum, commit) => sum + weightOf(commit), 0);
          this.#bytes += bytes - event.bytes;
          event.batch = kept;
          event.bytes = bytes;
          return kept.length > 0;
        }
        case "current":
        case "stale":
          event.topics = event.topics.filter((topic) => !dropped.has(topic));
          return event.topics.length > 0;
        default:
          return event satisfies never;
      }
    });
    // The `stale` event may be gone as well, and a reader that waits does not come back before there is something.
    if (this.#overflowed && this.#queue.length === 0 && this.#waiting !== undefined) this.#joinAgain();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#overflowed = false;
    this.#queue = [];
    this.#source.end();
    this.#wake();
  }

  /** For the source: hands over one event. Commits of topics that are not watched must not be given. */
  deliver(event: Event): void {
    if (this.#closed || this.#overflowed) return;
    const last = this.#queue.at(-1);
    if (event.type === "commits") {
      const bytes = event.batch.reduce((sum, commit) => sum + weightOf(commit), 0);
      if (this.#bytes > 0 && this.#bytes + bytes > this.#limitBytes) this.#overflow();
      else {
        this.#bytes += bytes;
        if (last?.type === "commits") {
          last.batch.push(...event.batch);
          last.bytes += bytes;
        } else this.#queue.push({ type: "commits", batch: [...event.batch], bytes });
      }
    } else this.#queue.push({ ...event });
    this.#wake();
  }

  /** For the source: no reader comes any further. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** For the source: every topic that is watched now. */
  topics(): readonly Topic[] {
    return [...this.#topics.keys()];
  }

  [Symbol.asyncIterator](): AsyncIterator<Event> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  #overflow(): void {
    const topics = this.topics();
    this.#source.leave(topics);
    this.#queue = [{ type: "stale", reason: "overflow", topics }];
    this.#bytes = 0;
    this.#overflowed = true;
  }

  #joinAgain(): void {
    this.#overflowed = false;
    const subscriptions: Subscription[] = [];
    for (const [topic, { head, unread }] of this.#topics)
      subscriptions.push(head === undefined || unread !== undefined ? { topic } : { topic, from: head });
    if (subscriptions.length > 0) this.#source.join(subscriptions);
  }

  #next(): Promise<IteratorResult<Event>> {
    if (this.#overflowed && this.#queue.length === 0) this.#joinAgain();
    const taken = this.#take();
    if (taken !== undefined) return Promise.resolve(taken);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Not at once: what is delivered within one turn becomes one event. */
  #wake(): void {
    if (this.#waiting === undefined || this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => this.#answer());
  }

  #answer(): void {
    this.#waking = false;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const taken = this.#take();
    if (taken !== undefined) {
      this.#waiting = undefined;
      waiting.resolve(taken);
    } else if (this.#failure !== undefined) {
      this.#waiting = undefined;
      waiting.reject(this.#failure);
    }
  }

  #take(): IteratorResult<Event> | undefined {
    if (this.#closed) return { done: true, value: undefined };
    const event = this.#queue.shift();
    if (event === undefined) return undefined;
    switch (event.type) {
      case "commits":
        this.#bytes -= event.bytes;
        for (const commit of event.batch) this.#advance(commit.topic, commit);
        return { done: false, value: { type: "commits", batch: event.batch } };
      case "snapshot":
        return { done: false, value: { type: "snapshot", snapshot: this.#handOut(event.snapshot) } };
      case "stale":
      case "current":
        return { done: false, value: event };
      default:
        return event satisfies never;
    }
  }

  #advance(topic: Topic, head: Head): void {
    const delivered = this.#topics.get(topic);
    if (delivered !== undefined) delivered.head = { lineage: head.lineage, position: head.position };
  }

  /** The reader has a snapshot's position only once it has read its rows. */
  #handOut(snapshot: Snapshot): Snapshot {
    const delivered = this.#topics.get(snapshot.topic);
    if (delivered === undefined) return snapshot;
    this.#advance(snapshot.topic, snapshot);
    delivered.unread = snapshot;
    async function* rows(): AsyncGenerator<readonly Row[]> {
      yield* snapshot.rows;
      if (delivered?.unread === snapshot) delivered.unread = undefined;
    }
    return { ...snapshot, rows: rows() };
  }
}
