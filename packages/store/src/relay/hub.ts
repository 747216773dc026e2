import type { Topic } from "@dragonflow/model";
import type { Event, Head, StoreDriver, TopicCommit, Watch } from "../contract.ts";
import { encodeServerFrame } from "./frames.ts";

/** One topic's commit on its way to many: encoded once per watch number, which nearly all clients share. */
export class SharedFrame {
  readonly commit: TopicCommit;
  readonly #bytes = new Map<number, Buffer>();

  constructor(commit: TopicCommit) {
    this.commit = commit;
  }
  bytesFor(watch: number): Buffer {
    const known = this.#bytes.get(watch);
    if (known !== undefined) return known;
    const bytes = Buffer.from(encodeServerFrame({ type: "commit", watch, commit: this.commit }));
    this.#bytes.set(watch, bytes);
    return bytes;
  }
}

/** A client's interest in one topic. */
export interface Member {
  readonly topic: Topic;
  commit(frame: SharedFrame): void;
  /** The chain broke upstream: what comes next does not follow from what came before. */
  broken(): void;
  stale(reason: "disconnected" | "overflow"): void;
  current(): void;
}

interface HubTopic {
  readonly members: Set<Member>;
  readonly live: PromiseWithResolvers<void>;
  /** Up to where the members were told; undefined until live. */
  head: Head | undefined;
}

/** The server's one watch on its store: each topic once, whoever and how many listen. */
export class Hub {
  readonly #driver: StoreDriver;
  readonly #watch: Watch;
  readonly #topics = new Map<Topic, HubTopic>();
  readonly #consumed: Promise<void>;

  /** @param failed told when the store can no longer be watched. */
  constructor(driver: StoreDriver, failed: (error: unknown) => void) {
    this.#driver = driver;
    this.#watch = driver.watch();
    this.#consumed = this.#consume().catch(failed);
  }

  /** Members get every commit from now on; resolves once these topics are followed. */
  async join(members: readonly Member[]): Promise<void> {
    const fresh: Topic[] = [];
    const live: Promise<void>[] = [];
    for (const member of members) {
      let topic = this.#topics.get(member.topic);
      if (topic === undefined) {
        topic = { members: new Set(), live: Promise.withResolvers(), head: undefined };
        this.#topics.set(member.topic, topic);
        fresh.push(member.topic);
      }
      topic.members.add(member);
      live.push(topic.live.promise);
    }
    if (fresh.length > 0) await this.#follow(fresh);
    await Promise.all(live);
  }

  leave(member: Member): void {
    const topic = this.#topics.get(member.topic);
    if (topic?.members.delete(member) !== true || topic.members.size > 0) return;
    this.#topics.delete(member.topic);
    this.#watch.drop([member.topic]);
    topic.live.resolve();
  }

  head(topic: Topic): Head | undefined {
    return this.#topics.get(topic)?.head;
  }

  async close(): Promise<void> {
    await this.#watch.close();
    await this.#consumed;
  }

  /** From the head on: who needs what was before fetches it for itself. */
  async #follow(topics: readonly Topic[]): Promise<void> {
    const heads = await Promise.all(topics.map((topic) => this.#driver.head(topic)));
    this.#watch.add(
      topics.flatMap((topic, i) => {
        const from = heads[i];
        const known = this.#topics.get(topic);
        if (from === undefined || known === undefined) return [];
        known.head = from;
        return [{ topic, from }];
      }),
    );
  }

  async #consume(): Promise<void> {
    for await (const event of this.#watch) this.#take(event);
  }

  #take(event: Event): void {
    switch (event.type) {
      case "commits":
        for (const commit of event.batch) this.#commit(commit);
        break;
      case "snapshot": {
        const topic = this.#topics.get(event.snapshot.topic);
        if (topic === undefined) break;
        topic.head = event.snapshot;
        for (const member of topic.members) member.broken();
        break;
      }
      case "current":
        for (const name of event.topics) {
          const topic = this.#topics.get(name);
          topic?.live.resolve();
          for (const member of topic?.members ?? []) member.current();
        }
        break;
      case "stale":
        for (const name of event.topics)
          for (const member of this.#topics.get(name)?.members ?? []) member.stale(event.reason);
        break;
      default:
        event satisfies never;
    }
  }

  #commit(commit: TopicCommit): void {
    const topic = this.#topics.get(commit.topic);
    if (topic === undefined) return;
    topic.head = { lineage: commit.lineage, position: commit.position };
    const frame = new SharedFrame(commit);
    for (const member of topic.members) member.commit(frame);
  }
}
