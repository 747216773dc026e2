import type { Topic } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import type { Event, Head, Row, StoreDriver, TopicCommit, Watch } from "../contract.ts";
import { framesOf, SharedCommit, SharedPage, type SharedSnapshot, weightOfRows } from "./shared.ts";

/** A client's interest in one topic. */
export interface Member {
  readonly topic: Topic;
  commit(commit: SharedCommit): void;
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
  shared: Sharing | undefined;
  /** When a newcomer asked last. */
  askedAt: number;
}
/** What newcomers to a topic share for a while. */
interface Sharing {
  /** undefined: too large to be kept. */
  snapshot: Promise<SharedSnapshot | undefined>;
  readonly commits: SharedCommit[];
  live: boolean;
  bytes: number;
}

/** How long newcomers are given the same snapshot, and the commits since. */
const SHARE_MILLISECONDS = 10_000;
/** Of one snapshot, and of all together. */
const SHARED_BYTES = 16 * 1024 * 1024;
const SHARED_BYTES_OF_ALL = 128 * 1024 * 1024;
const SHARED_COMMITS = 1000;

/** The server's one watch on its store: each topic once, whoever and how many listen. */
export class Hub {
  readonly #driver: StoreDriver;
  readonly #clock: Clock;
  readonly #watch: Watch;
  readonly #topics = new Map<Topic, HubTopic>();
  #sharedBytes = 0;
  readonly #consumed: Promise<void>;

  /** @param failed told when the store can no longer be watched. */
  constructor(driver: StoreDriver, clock: Clock, failed: (error: unknown) => void) {
    this.#driver = driver;
    this.#clock = clock;
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
        topic = {
          members: new Set(),
          live: Promise.withResolvers(),
          head: undefined,
          shared: undefined,
          askedAt: Number.NEGATIVE_INFINITY,
        };
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
    this.#unshare(topic);
    this.#watch.drop([member.topic]);
    topic.live.resolve();
  }

  head(topic: Topic): Head | undefined {
    return this.#topics.get(topic)?.head;
  }

  /**
   * A snapshot of a topic that is followed, for those who know nothing of it: thousands may come at once, and it is read and encoded once.
   * undefined: it is too large to be kept, each reads it for itself.
   */
  snapshot(name: Topic): Promise<SharedSnapshot | undefined> {
    const topic = this.#topics.get(name);
    if (topic === undefined) return Promise.resolve(undefined);
    if (topic.shared !== undefined) return topic.shared.snapshot;
    // Most topics have one reader: it is worth it from the second on.
    const before = topic.askedAt;
    topic.askedAt = this.#clock.now();
    if (topic.askedAt - before > SHARE_MILLISECONDS) return Promise.resolve(undefined);
    const sharing: Sharing = { snapshot: Promise.resolve(undefined), commits: [], live: true, bytes: 0 };
    const end = (): void => {
      if (topic.shared === sharing) this.#unshare(topic);
    };
    topic.shared = sharing;
    sharing.snapshot = this.#read(name, sharing);
    sharing.snapshot.catch(end);
    this.#clock.after(SHARE_MILLISECONDS, end);
    return sharing.snapshot;
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

  async #read(name: Topic, sharing: Sharing): Promise<SharedSnapshot | undefined> {
    const { lineage, position, rows } = await this.#driver.snapshot(name);
    const parts: (readonly Row[])[] = [];
    for await (const page of rows) {
      const weight = weightOfRows(page);
      sharing.bytes += weight;
      if (sharing.live) this.#sharedBytes += weight;
      if (sharing.bytes > SHARED_BYTES || this.#sharedBytes > SHARED_BYTES_OF_ALL) return undefined;
      parts.push(...framesOf(page));
    }
    if (parts.length === 0) parts.push([]);
    return {
      head: { lineage, position },
      pages: parts.map((part, i) => new SharedPage(name, part, i === parts.length - 1)),
      commits: sharing.commits,
      get isFollowed() {
        return sharing.live;
      },
    };
  }

  #unshare(topic: HubTopic): void {
    if (topic.shared === undefined) return;
    topic.shared.live = false;
    this.#sharedBytes -= topic.shared.bytes;
    topic.shared = undefined;
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
        this.#unshare(topic);
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
    const shared = new SharedCommit(commit);
    for (const member of topic.members) member.commit(shared);
    topic.shared?.commits.push(shared);
    if ((topic.shared?.commits.length ?? 0) > SHARED_COMMITS) this.#unshare(topic);
  }
}
