import type { Topic } from "@dragonflow/model";
import {
  BufferedWatch,
  type Head,
  type Position,
  type Row,
  type Snapshot,
  type Subscription,
  type TopicCommit,
} from "@dragonflow/store";
import type { Connection, Follower, Session } from "./connection.ts";
import { positionAt, revisionOf, versionAt } from "./era.ts";
import { faultOf, storeErrorOf } from "./faults.ts";
import { decodeHead, topicsOfRecord } from "./heads.ts";
import { keyBytes, type Keys } from "./keys.ts";
import { FIRST_PAGE, pagesOf, rowOf, startOf, type TopicStart } from "./pages.ts";
import { range, txn } from "./wire/calls.ts";
import type { Operation, WatchEvent, WatchResponse } from "./wire/messages.ts";

/** One topic of one watch. */
interface Member {
  readonly watch: BufferedWatch;
  readonly topic: Topic;
  /** Up to where the watch was told; undefined: from a snapshot on. */
  head: Head | undefined;
  /** The same as a revision of etcd's, and how often the head was written then; undefined: not known. */
  revision: number;
  count: number | undefined;
  /** Caught up when it is told up to here. */
  target: number;
  /** Its watch in etcd. */
  id: number | undefined;
  group: Group | undefined;
}
/** Members that become current together. */
interface Group {
  readonly watch: BufferedWatch;
  readonly behind: Set<Member>;
  readonly topics: Topic[];
}

/**
 * Who watches what in this process. Each topic of each watch is a watch of etcd's on the topic's range, from the revision on at which the topic was read.
 * That nothing is missing between two commits is seen by the head: etcd counts how often it was written.
 */
export class Watches implements Follower {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #topicsPerRead: number;
  readonly #open = new Map<BufferedWatch, Map<Topic, Member>>();
  #session: Session | undefined;

  constructor(connection: Connection, keys: Keys, maxTxnOps: number) {
    this.#connection = connection;
    this.#keys = keys;
    this.#topicsPerRead = maxTxnOps;
  }

  open(bufferBytes?: number): BufferedWatch {
    const members = new Map<Topic, Member>();
    const watch = new BufferedWatch(
      (self) => ({
        join: (subscriptions) => this.#join(self, members, subscriptions),
        leave: (topics) => this.#leave(members, topics),
        end: () => {
          this.#leave(members, [...members.keys()]);
          this.#open.delete(self);
        },
      }),
      bufferBytes,
    );
    this.#open.set(watch, members);
    return watch;
  }

  opened(session: Session): void {
    this.#session = session;
    for (const [watch, members] of this.#open)
      if (members.size > 0) this.#follow(session, watch, [...members.values()]);
  }

  lost(): void {
    this.#session = undefined;
    for (const [watch, members] of this.#open) {
      const told = [...members.values()].filter((member) => member.id !== undefined);
      for (const member of members.values()) {
        member.id = undefined;
        member.group = undefined;
      }
      if (told.length === 0) continue;
      watch.deliver({ type: "stale", reason: "disconnected", topics: told.map((member) => member.topic) });
    }
  }

  async close(): Promise<void> {
    for (const watch of this.#open.keys()) await watch.close();
  }

  #join(watch: BufferedWatch, members: Map<Topic, Member>, subscriptions: readonly Subscription[]): void {
    const joining = subscriptions.map(({ topic, from }): Member => {
      const fresh = { revision: 0, count: undefined, target: 0, id: undefined, group: undefined };
      return { watch, topic, head: from, ...fresh };
    });
    for (const member of joining) members.set(member.topic, member);
    if (this.#session !== undefined) this.#follow(this.#session, watch, joining);
  }

  #leave(members: Map<Topic, Member>, topics: readonly Topic[]): void {
    for (const topic of topics) {
      const member = members.get(topic);
      members.delete(topic);
      if (member !== undefined) this.#forget(member);
    }
  }
  #forget(member: Member): void {
    if (member.id !== undefined) this.#session?.watches.remove(member.id);
    member.id = undefined;
    this.#settle(member, false);
  }

  /** Reads what is not known yet, then follows; told to be current when all are. */
  #follow(session: Session, watch: BufferedWatch, members: readonly Member[]): void {
    const group: Group = { watch, behind: new Set(members), topics: [] };
    for (const member of members) member.group = group;
    this.#begin(session, members).catch((error: unknown) => {
      // Of a session that is lost nothing is expected: the next one begins again.
      if (this.#session === session) watch.fail(storeErrorOf(error));
    });
  }

  async #begin(session: Session, members: readonly Member[]): Promise<void> {
    const unusable: Member[] = [];
    for (let i = 0; i < members.length; i += this.#topicsPerRead) {
      const some = members.slice(i, i + this.#topicsPerRead);
      const success = some.map(({ topic, head }): Operation => {
        const from = head?.lineage === session.era.lineage;
        return { range: from ? { key: this.#keys.head(topic) } : { ...this.#keys.topic(topic), limit: FIRST_PAGE } };
      });
      const { header, ranges } = await session.link.call(txn, { success });
      if (this.#session !== session) return;
      for (const [k, member] of some.entries()) {
        const first = ranges[k];
        if (first === undefined || !this.#isMember(member)) continue;
        const start = startOf(this.#keys, member.topic, session.era, header.revision, first);
        if (!this.#beginAt(session, member, start)) unusable.push(member);
      }
    }
    for (const member of unusable) member.head = undefined;
    if (unusable.length > 0) await this.#begin(session, unusable);
  }

  #isMember(member: Member): boolean {
    return this.#open.get(member.watch)?.get(member.topic) === member;
  }

  /** @returns false where the watch cannot go on from where it was. */
  #beginAt(session: Session, member: Member, start: TopicStart): boolean {
    const { era } = session;
    let from = start.revision + 1;
    if (member.head?.lineage === era.lineage) {
      const known = revisionOf(era, member.head.position);
      if (known === undefined || known > start.headRevision) return false;
      member.revision = known;
      member.count = known === start.headRevision ? start.headCount : known === 0 ? 0 : undefined;
      if (known < start.headRevision) from = known === 0 ? (start.first.kvs[0]?.createRevision ?? from) : known + 1;
    } else {
      member.revision = start.headRevision;
      member.count = start.headCount;
      member.head = { lineage: era.lineage, position: positionAt(era, start.headRevision) };
      member.watch.deliver({ type: "snapshot", snapshot: this.#snapshot(member, start) });
    }
    member.target = start.headRevision;
    const span = this.#keys.topic(member.topic);
    member.id = session.watches.add(span, from, (response) => this.#take(session, member, response));
    if (member.revision >= member.target) this.#settle(member, true);
    return true;
  }

  #snapshot(member: Member, start: TopicStart): Snapshot {
    const broken = (): void => this.#restart(member);
    const pages = pagesOf(this.#connection, this.#keys, start);
    async function* rows(): AsyncGenerator<readonly Row[]> {
      try {
        yield* pages;
      } catch (error) {
        broken();
        throw error;
      }
    }
    const position = positionAt(start.era, start.headRevision);
    return { topic: member.topic, lineage: start.era.lineage, position, rows: rows() };
  }

  /** From a snapshot on: the way from where it was is not known. */
  #restart(member: Member): void {
    if (!this.#isMember(member)) return;
    this.#forget(member);
    member.head = undefined;
    if (this.#session !== undefined) this.#follow(this.#session, member.watch, [member]);
  }

  /** It has caught up, or is not waited for any longer. */
  #settle(member: Member, isCurrent: boolean): void {
    const { group } = member;
    if (group === undefined || !group.behind.delete(member)) return;
    member.group = undefined;
    if (isCurrent) group.topics.push(member.topic);
    if (group.behind.size === 0 && group.topics.length > 0)
      group.watch.deliver({ type: "current", topics: group.topics });
  }

  async #take(session: Session, member: Member, response: WatchResponse): Promise<void> {
    if (this.#session !== session || member.id !== response.watchId) return;
    if (response.canceled) {
      member.id = undefined;
      // Compacted: what came since is gone from etcd.
      if (response.compactRevision > 0) this.#restart(member);
      else if (response.cancelReason.includes("permission denied"))
        member.watch.fail(storeErrorOf(faultOf(new Error(response.cancelReason))));
      else session.link.lose(`${session.link.endpoint} ended a watch: ${response.cancelReason}`);
      return;
    }
    const batch: TopicCommit[] = [];
    for (const events of byRevision(response.events)) {
      const commit = await this.#commitOf(session, member, events);
      if (commit === "gap") {
        this.#restart(member);
        return;
      }
      if (commit !== undefined) batch.push(commit);
    }
    // It may have left while a manifest was read.
    if (batch.length === 0 || member.id !== response.watchId) return;
    member.watch.deliver({ type: "commits", batch });
    if (member.group !== undefined && member.revision >= member.target) this.#settle(member, true);
  }

  /** The topic's share of one revision. undefined: it was told before, or nobody committed it. */
  async #commitOf(
    session: Session,
    member: Member,
    events: readonly WatchEvent[],
  ): Promise<TopicCommit | "gap" | undefined> {
    const { era } = session;
    const { topic } = member;
    const headBytes = keyBytes(this.#keys.head(topic));
    const head = events.find(({ kv, deleted }) => kv.key.length === headBytes && !deleted)?.kv;
    if (head === undefined || head.modRevision <= member.revision) return undefined;
    if (member.count !== undefined && head.version !== member.count + 1) return "gap";
    const { commit, topics = await this.#manifest(commit, head.modRevision) } = decodeHead(head.value);
    if (topics === undefined) return "gap";
    const puts: Row[] = [];
    const deletes: TopicCommit["deletes"][number][] = [];
    for (const { kv, deleted } of events) {
      const row = rowOf(era, kv, headBytes);
      if (row === undefined) continue;
      if (deleted) deletes.push({ id: row.id, version: versionAt(era, kv.modRevision) });
      else puts.push(row);
    }
    const position = positionAt(era, head.modRevision);
    const prev: Position = positionAt(era, member.revision);
    member.revision = head.modRevision;
    member.count = head.version;
    member.head = { lineage: era.lineage, position };
    this.#connection.witnessed({ revision: head.modRevision, key: this.#keys.head(topic), value: head.value });
    const alsoTouches = topics.filter((other) => other !== topic).map((other) => ({ topic: other, position }));
    return { topic, lineage: era.lineage, prev, position, commit, alsoTouches, puts, deletes };
  }

  async #manifest(commit: string, revision: number): Promise<readonly Topic[] | undefined> {
    const request = { key: this.#keys.commit(commit), revision };
    const answer = await this.#connection
      .read(range, request, (fault) => fault.isCompacted)
      .catch((error: unknown) => {
        // Read again from a snapshot, whether it is compacted or the member is away.
        if (error instanceof Error) return undefined;
        throw error;
      });
    const [record] = answer?.kvs ?? [];
    return record === undefined ? undefined : topicsOfRecord(record.value);
  }
}

/** Events of one revision stand together, in order. */
function* byRevision(events: readonly WatchEvent[]): Generator<readonly WatchEvent[]> {
  for (let start = 0; start < events.length; ) {
    const revision = events[start]?.kv.modRevision;
    let end = start + 1;
    while (end < events.length && events[end]?.kv.modRevision === revision) end++;
    yield events.slice(start, end);
    start = end;
  }
}
