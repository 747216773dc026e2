import type { Topic } from "@dragonflow/model";
import {
  comparePositions,
  type Head,
  ORIGIN,
  type Row,
  type Snapshot,
  type StoreDriver,
  type Subscription,
} from "../contract.ts";
import type { ServerFrame } from "./frames.ts";
import type { Hub, Member } from "./hub.ts";
import { framesOf, type SharedCommit, SharedPage } from "./shared.ts";

/** What a watch needs of the connection that it belongs to. */
export interface SessionLink {
  readonly driver: StoreDriver;
  readonly hub: Hub;
  readonly closed: AbortSignal;
  send(frame: ServerFrame): void;
  sendShared(bytes: Buffer): void;
  /** The client does not read as fast as it is sent to. */
  readonly congested: boolean;
  /** Told once it reads again. */
  onDrained(member: SubscribedTopic): void;
  /** One page may be sent; rejects when the session ended. */
  pageCredit(): Promise<void>;
  /** It was not sent after all. */
  returnCredit(): void;
  failed(error: unknown): void;
}

/** Commits that wait for a client's snapshot to be sent, at most; beyond, it gets another one. */
const QUEUE_LIMIT = 10_000;
const sameHead = (a: Head | undefined, b: Head | undefined): boolean =>
  a !== undefined && b !== undefined && a.lineage === b.lineage && a.position === b.position;

/** One topic of one client's watch: what it was sent, and what waits. */
export class SubscribedTopic implements Member {
  readonly topic: Topic;
  readonly watch: SessionWatch;
  /** Up to where the client was sent. */
  sent: Head | undefined;
  /** `joining`: commits wait until what is before them was sent. `missed`: they are not kept. */
  state: "joining" | "live" | "missed" | "dropped" = "joining";
  queue: SharedCommit[] = [];
  toldStale = false;

  constructor(topic: Topic, watch: SessionWatch, from: Head | undefined) {
    this.topic = topic;
    this.watch = watch;
    this.sent = from;
  }

  get dropped(): boolean {
    return this.state === "dropped";
  }

  commit(shared: SharedCommit): void {
    switch (this.state) {
      case "joining":
        this.queue.push(shared);
        if (this.queue.length > QUEUE_LIMIT) this.queue = [shared];
        break;
      case "live":
        if (this.watch.link.congested) this.miss();
        else if (shared.commit.prev === this.sent?.position) this.pass(shared);
        // What was fetched may be ahead of the hub; a hole cannot be, but would be fetched as well.
        else if (!this.#isSent(shared)) this.broken();
        break;
      case "missed":
      case "dropped":
        break;
      default:
        this.state satisfies never;
    }
  }
  #isSent({ commit }: SharedCommit): boolean {
    return (
      commit.lineage === this.sent?.lineage && comparePositions(commit.position, this.sent?.position ?? ORIGIN) <= 0
    );
  }
  pass(shared: SharedCommit): void {
    this.watch.link.sendShared(shared.bytesFor(this.watch.number));
    this.sent = { lineage: shared.commit.lineage, position: shared.commit.position };
  }
  miss(): void {
    this.state = "missed";
    this.watch.link.onDrained(this);
  }
  broken(): void {
    if (this.state === "live") this.watch.join([this]);
    else if (this.state === "joining") this.queue = [];
  }
  stale(reason: "disconnected" | "overflow"): void {
    if (this.state !== "live") return;
    this.toldStale = true;
    this.watch.link.send({ type: "stale", watch: this.watch.number, reason, topics: [this.topic] });
  }
  current(): void {
    if (this.state !== "live" || !this.toldStale) return;
    this.toldStale = false;
    this.watch.link.send({ type: "current", watch: this.watch.number, topics: [this.topic] });
  }

  /** Sends what waited and follows from what was sent. False: something in between is missing. */
  goLive(): boolean {
    const waiting = this.queue;
    this.queue = [];
    for (const shared of waiting) {
      const { lineage, prev } = shared.commit;
      if (lineage === this.sent?.lineage && prev === this.sent.position) this.pass(shared);
      else if (!this.#isSent(shared)) return false;
    }
    this.state = "live";
    return true;
  }
}

/** One of a client's watches, as the server sees it. */
export class SessionWatch {
  readonly number: number;
  readonly link: SessionLink;
  readonly #topics = new Map<Topic, SubscribedTopic>();

  constructor(number: number, link: SessionLink) {
    this.number = number;
    this.link = link;
  }

  get size(): number {
    return this.#topics.size;
  }

  add(generation: number, once: boolean, subscriptions: readonly Subscription[]): void {
    this.drop(subscriptions.map((s) => s.topic));
    const added = subscriptions.map(({ topic, from }) => new SubscribedTopic(topic, this, from));
    for (const each of added) this.#topics.set(each.topic, each);
    this.link.send({ type: "began", watch: this.number, generation, topics: added.map((each) => each.topic) });
    if (once) this.#sendOnce(added).catch((error: unknown) => this.link.failed(error));
    else this.join(added);
  }

  drop(topics: readonly Topic[]): void {
    for (const topic of topics) {
      const known = this.#topics.get(topic);
      if (known === undefined) continue;
      this.#topics.delete(topic);
      known.state = "dropped";
      this.link.hub.leave(known);
    }
  }

  close(): void {
    this.drop([...this.#topics.keys()]);
  }

  /** Brings topics from where their client is to where the store is, then says `current`, once for all of them. */
  join(topics: readonly SubscribedTopic[]): void {
    for (const each of topics) {
      each.state = "joining";
      each.queue = [];
    }
    this.#joinAll(topics).catch((error: unknown) => this.link.failed(error));
  }

  async #joinAll(topics: readonly SubscribedTopic[]): Promise<void> {
    await this.link.hub.join(topics);
    // Dropped while it was waiting: it must not stay a member.
    for (const each of topics) if (each.state === "dropped") this.link.hub.leave(each);
    let behind = topics.filter((each) => each.state === "joining" && !this.#followsFrom(each));
    for (const each of behind) if (each.sent === undefined) await this.#share(each);
    for (;;) {
      behind = behind.filter((each) => each.state === "joining");
      if (behind.length === 0) break;
      await this.#fetch(behind);
    }
    const live = topics.filter((each) => each.state === "live");
    for (const each of live) each.toldStale = false;
    if (live.length > 0)
      this.link.send({ type: "current", watch: this.number, topics: live.map((each) => each.topic) });
  }

  /** Nothing was missed: live at once. */
  #followsFrom(each: SubscribedTopic): boolean {
    const next = each.queue[0]?.commit;
    const reached =
      next === undefined ? this.link.hub.head(each.topic) : { lineage: next.lineage, position: next.prev };
    return sameHead(reached, each.sent) && each.goLive();
  }

  /** The snapshot that all newcomers share, where there is one. */
  async #share(each: SubscribedTopic): Promise<void> {
    const shared = await this.link.hub.snapshot(each.topic);
    if (shared === undefined || each.dropped) return;
    if (shared.isFollowed) each.queue = [...shared.commits];
    this.link.send({ type: "snapshot", watch: this.number, topic: each.topic, head: shared.head });
    for (const page of shared.pages) if (!(await this.#sendPage(each, page))) return;
    each.sent = shared.head;
    each.goLive();
  }

  /** Through a watch of its own, until each has its snapshot or the difference. */
  async #fetch(topics: readonly SubscribedTopic[]): Promise<void> {
    const waiting = new Map(topics.map((each) => [each.topic, each]));
    const settle = (each: SubscribedTopic): void => {
      waiting.delete(each.topic);
      if (each.state === "joining" && !this.link.closed.aborted) each.goLive();
    };
    const watch = this.link.driver.watch();
    const onClosed = (): void => void watch.close();
    this.link.closed.addEventListener("abort", onClosed, { once: true });
    try {
      watch.add(topics.map(({ topic, sent }) => (sent === undefined ? { topic } : { topic, from: sent })));
      for await (const event of watch) {
        switch (event.type) {
          case "snapshot": {
            const each = waiting.get(event.snapshot.topic);
            if (each === undefined) break;
            // What follows comes from the hub.
            watch.drop([each.topic]);
            await this.#sendSnapshot(each, event.snapshot);
            settle(each);
            break;
          }
          case "commits":
            for (const commit of event.batch) {
              const each = waiting.get(commit.topic);
              if (each?.state !== "joining") continue;
              this.link.send({ type: "commit", watch: this.number, commit });
              each.sent = { lineage: commit.lineage, position: commit.position };
            }
            break;
          case "current":
            for (const topic of event.topics) {
              const each = waiting.get(topic);
              if (each !== undefined) settle(each);
            }
            break;
          case "stale":
            break;
          default:
            event satisfies never;
        }
        if (waiting.size === 0) break;
      }
    } finally {
      this.link.closed.removeEventListener("abort", onClosed);
      await watch.close();
    }
  }

  async #sendOnce(topics: readonly SubscribedTopic[]): Promise<void> {
    for (const each of topics) await this.#sendSnapshot(each, await this.link.driver.snapshot(each.topic));
    this.link.send({ type: "current", watch: this.number, topics: topics.map((each) => each.topic) });
  }

  async #sendSnapshot(each: SubscribedTopic, snapshot: Snapshot): Promise<void> {
    const { topic } = each;
    const head: Head = { lineage: snapshot.lineage, position: snapshot.position };
    if (each.dropped) return;
    this.link.send({ type: "snapshot", watch: this.number, topic, head });
    // One behind: nearly all topics are one page, which says that it is the last.
    let rows: readonly Row[] = [];
    for await (const page of snapshot.rows)
      for (const next of framesOf(page)) {
        if (rows.length > 0 && !(await this.#sendPage(each, new SharedPage(topic, rows, false)))) return;
        rows = next;
      }
    if (!(await this.#sendPage(each, new SharedPage(topic, rows, true)))) return;
    each.sent = head;
  }

  /** False: nobody wants it any more. */
  async #sendPage(each: SubscribedTopic, page: SharedPage): Promise<boolean> {
    await this.link.pageCredit();
    if (each.dropped) this.link.returnCredit();
    else this.link.sendShared(page.bytesFor(this.number));
    return !each.dropped;
  }
}
