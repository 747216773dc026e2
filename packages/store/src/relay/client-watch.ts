import type { Topic } from "@dragonflow/model";
import { BufferedWatch } from "../buffered-watch.ts";
import type { Head, Row, Subscription } from "../contract.ts";
import { errorFromFields, Unavailable } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { ServerFrame } from "./frames.ts";

/** The pages of one snapshot as they come in; each is acknowledged when it is taken. */
class PageStream implements AsyncIterable<readonly Row[]> {
  readonly head: Head;
  readonly #ack: (pages: number) => void;
  #pages: (readonly Row[])[] = [];
  #complete = false;
  #failure: Error | undefined;
  #wanted: PromiseWithResolvers<void> | undefined;

  constructor(head: Head, ack: (pages: number) => void) {
    this.head = head;
    this.#ack = ack;
  }

  push(rows: readonly Row[], last: boolean): void {
    if (this.#failure !== undefined || rows.length === 0) this.#ack(1);
    else this.#pages.push(rows);
    this.#complete ||= last;
    this.#wanted?.resolve();
  }
  /** No more comes, and what came is of no use. */
  fail(error: Error): void {
    if (this.#failure !== undefined || (this.#complete && this.#pages.length === 0)) return;
    this.#failure = error;
    if (this.#pages.length > 0) this.#ack(this.#pages.length);
    this.#pages = [];
    this.#wanted?.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Row[]> {
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure;
        const page = this.#pages.shift();
        if (page !== undefined) {
          this.#ack(1);
          yield page;
        } else if (this.#complete) return;
        else {
          this.#wanted = Promise.withResolvers();
          await this.#wanted.promise;
        }
      }
    } finally {
      this.fail(new Unavailable("this snapshot was given up"));
    }
  }
}

interface ClientWatchOptions {
  readonly number: number;
  /** For one snapshot of each topic: fails when the connection is cut. */
  readonly once: boolean;
  readonly bufferBytes: number | undefined;
  readonly ended: () => void;
}
interface Followed {
  generation: number;
  /** The server has begun this generation: what comes is of it. */
  began: boolean;
  /** Up to where it was received whole. */
  tail: Head | undefined;
  stream: PageStream | undefined;
}

/** One watch of a relay's client: follows its topics over one connection after the other. */
export class ClientWatch {
  readonly number: number;
  readonly watch: BufferedWatch;
  readonly #connection: Connection;
  readonly #once: boolean;
  readonly #topics = new Map<Topic, Followed>();
  #generation = 0;

  constructor(options: ClientWatchOptions, connection: Connection) {
    const { number, ended } = options;
    this.number = number;
    this.#connection = connection;
    this.#once = options.once;
    this.watch = new BufferedWatch(
      () => ({
        join: (subscriptions) => this.#join(subscriptions),
        leave: (topics) => this.#leave(topics),
        end: () => {
          this.#leave([...this.#topics.keys()]);
          this.#connection.send({ type: "close", watch: number });
          ended();
        },
      }),
      options.bufferBytes,
    );
  }

  up(): void {
    const subscriptions: Subscription[] = [];
    for (const [topic, { tail }] of this.#topics)
      subscriptions.push(tail === undefined ? { topic } : { topic, from: tail });
    if (subscriptions.length > 0) this.#join(subscriptions);
  }

  down(): void {
    const cut = new Unavailable("the connection was cut");
    for (const followed of this.#topics.values()) {
      followed.began = false;
      followed.stream?.fail(cut);
      followed.stream = undefined;
    }
    if (this.#once || this.#connection.closed) this.watch.fail(cut);
    else if (this.#topics.size > 0)
      this.watch.deliver({ type: "stale", reason: "disconnected", topics: [...this.#topics.keys()] });
  }

  frame(frame: Extract<ServerFrame, { readonly watch: number }>): void {
    switch (frame.type) {
      case "refused":
        this.watch.fail(errorFromFields(frame.error));
        break;
      case "began":
        for (const topic of frame.topics) {
          const followed = this.#topics.get(topic);
          if (followed?.generation === frame.generation) followed.began = true;
        }
        break;
      case "snapshot": {
        const followed = this.#begun(frame.topic);
        if (followed === undefined) break;
        followed.tail = undefined;
        followed.stream?.fail(new Unavailable("a newer snapshot came"));
        followed.stream = new PageStream(frame.head, (pages) => this.#connection.send({ type: "ack", pages }));
        const snapshot = { topic: frame.topic, ...frame.head, rows: followed.stream };
        this.watch.deliver({ type: "snapshot", snapshot });
        break;
      }
      case "page": {
        const followed = this.#begun(frame.topic);
        const stream = followed?.stream;
        if (stream === undefined || followed === undefined) {
          this.#connection.send({ type: "ack", pages: 1 });
          break;
        }
        stream.push(frame.rows, frame.last);
        if (!frame.last) break;
        followed.tail = stream.head;
        followed.stream = undefined;
        break;
      }
      case "commit": {
        const followed = this.#begun(frame.commit.topic);
        if (followed === undefined) break;
        followed.tail = { lineage: frame.commit.lineage, position: frame.commit.position };
        this.watch.deliver({ type: "commits", batch: [frame.commit] });
        break;
      }
      case "current":
      case "stale": {
        const topics = frame.topics.filter((topic) => this.#begun(topic) !== undefined);
        if (topics.length === 0) break;
        if (frame.type === "current") this.watch.deliver({ type: "current", topics });
        else this.watch.deliver({ type: "stale", reason: frame.reason, topics });
        break;
      }
      default:
        frame satisfies never;
    }
  }

  #begun(topic: Topic): Followed | undefined {
    const followed = this.#topics.get(topic);
    return followed?.began === true ? followed : undefined;
  }

  #join(subscriptions: readonly Subscription[]): void {
    const generation = ++this.#generation;
    for (const { topic, from } of subscriptions)
      this.#topics.set(topic, { generation, began: false, tail: from, stream: undefined });
    this.#connection.send({ type: "add", watch: this.number, generation, once: this.#once, subscriptions });
  }

  #leave(topics: readonly Topic[]): void {
    for (const topic of topics) {
      this.#topics.get(topic)?.stream?.fail(new Unavailable("no longer watched"));
      this.#topics.delete(topic);
    }
    this.#connection.send({ type: "drop", watch: this.number, topics });
  }
}
