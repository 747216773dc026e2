import assert from "node:assert/strict";
import { networkTopic, type RecordId, recordId, type Topic } from "@dragonflow/model";
import {
  type Change,
  type Committed,
  comparePositions,
  type Event,
  type Expect,
  type Head,
  newCommitId,
  ORIGIN,
  type Position,
  type StoreDriver,
  type Version,
  type Watch,
} from "../contract.ts";

/**
 * Each begins something, and returns what ends it. The `leader` is the member that orders the writes, of a store that has several: the others go on
 * without it.
 */
export interface Faults {
  /** History is forgotten: what was written so far is only there as it is now. */
  readonly compact?: () => Promise<void>;
  /** The store loses everything, and begins anew. */
  readonly empty?: () => Promise<void>;
  readonly killLeader?: () => Promise<() => Promise<void>>;
  /** It stands still, and its connections with it. */
  readonly pauseLeader?: () => Promise<() => Promise<void>>;
  /** It reaches its clients, and not its peers. */
  readonly isolateLeader?: () => Promise<() => Promise<void>>;
  /** The connections of `driver` stay, and nothing passes. */
  readonly hold?: () => Promise<() => Promise<void>>;
}

/** One store under test, real, and what can be done to it. */
export interface Harness extends AsyncDisposable {
  /** The client under test; another one after `vanish` and, in process, after `restart` and restoring. */
  readonly driver: StoreDriver;
  /** A further client of the same store; in process the same one. Closed with the harness. */
  another(): Promise<StoreDriver>;
  /** The store's server stops in an orderly way and starts again. */
  restart(): Promise<void>;
  /** `driver` goes away without releasing anything, and is replaced. */
  vanish(): Promise<void>;
  /** Takes a backup; what it returns puts it back, losing what was written since. */
  backup(): Promise<() => Promise<void>>;
  /** Cuts the connections of `driver`; it may connect again. undefined: in process, there is none. */
  readonly cut: (() => Promise<void>) | undefined;
  /** What else can happen to it. What a harness cannot do is told by its test. */
  readonly faults?: Faults;
  /** A reader that lets more than this wait loses events. */
  readonly watchBufferBytes: number;
}

export interface Bench {
  harness(): Harness;
  /** Topics of this test alone. */
  topics(count: number): readonly Topic[];
  /** 100,000 records instead of 10,000, and the like. */
  readonly full: boolean;
}

const DEADLINE_MILLISECONDS = 30_000;

/** Fails where nothing comes: a suite must not hang. `found`: what there was instead. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  milliseconds = DEADLINE_MILLISECONDS,
  found: () => string = () => "",
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new assert.AssertionError({ message: `waited in vain: ${what}${found()}` })),
    milliseconds,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

let topicCount = 0;
export function freshTopics(count: number): readonly Topic[] {
  return Array.from({ length: count }, () => networkTopic(`conformance-${process.pid}-${++topicCount}`));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (value: Uint8Array): string => decoder.decode(value);
export const port = (name: string | number): RecordId => recordId("port", String(name));

export const put = (topic: Topic, id: RecordId, value: string): Change => ({
  op: "put",
  topic,
  id,
  value: bytes(value),
});
export const remove = (topic: Topic, id: RecordId): Change => ({ op: "delete", topic, id });

type Done = Extract<Committed, { readonly ok: true }>;
export function mustSucceed(result: Committed): Done {
  if (!result.ok) assert.fail(`expectations failed: ${JSON.stringify(result.failed)}`);
  return result;
}
export async function write(
  driver: StoreDriver,
  changes: readonly Change[],
  expect: readonly Expect[] = [],
): Promise<Done> {
  return mustSucceed(await driver.commit(newCommitId(), changes, expect));
}
export function positionIn(done: Done, topic: Topic): Position {
  return done.positions.get(topic) ?? assert.fail(`no position of ${topic}`);
}

/** The whole of a topic, as text by id. */
export async function contents(driver: StoreDriver, topic: Topic): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  for await (const page of (await driver.snapshot(topic)).rows)
    for (const row of page) {
      assert.ok(!rows.has(row.id), `${row.id} twice in a snapshot`);
      rows.set(row.id, text(row.value));
    }
  return rows;
}

interface Seen {
  head: Head | undefined;
  current: boolean;
  readonly rows: Map<RecordId, { readonly version: Version; readonly text: string }>;
}

/** How many events are told of a watch that brought too little. */
const TOLD_EVENTS = 20;
const placeOf = (position: Position | undefined): string =>
  position === undefined ? "nowhere" : position === ORIGIN ? "the origin" : position;
function textOf(event: Event): string {
  switch (event.type) {
    case "snapshot":
      return `snapshot of ${event.snapshot.topic} at ${placeOf(event.snapshot.position)}`;
    case "commits":
      return event.batch.map((commit) => `${commit.topic}: ${placeOf(commit.prev)} to ${commit.position}`).join(", ");
    case "current":
      return `current: ${event.topics.join(" ")}`;
    case "stale":
      return `stale, ${event.reason}: ${event.topics.join(" ")}`;
    default:
      return event satisfies never;
  }
}

/** Follows a watch, and holds it to the contract at every event. */
export class Observer {
  readonly watch: Watch;
  readonly events: Event[] = [];
  readonly done: Promise<void>;
  readonly #seen = new Map<Topic, Seen>();
  #look: () => void = () => undefined;
  #failure: unknown;
  /** It was handed an event, and has not read all of it. */
  #isTaking = false;

  constructor(watch: Watch) {
    this.watch = watch;
    this.done = this.#follow().catch((error: unknown) => {
      this.#failure = error;
      this.#look();
    });
  }

  seen(topic: Topic): Seen {
    let seen = this.#seen.get(topic);
    if (seen === undefined) {
      seen = { head: undefined, current: false, rows: new Map() };
      this.#seen.set(topic, seen);
    }
    return seen;
  }
  texts(topic: Topic): Map<string, string> {
    return new Map([...this.seen(topic).rows].map(([id, row]) => [id, row.text]));
  }
  count(type: Event["type"]): number {
    return this.events.filter((event) => event.type === type).length;
  }

  /** Resolves after the first event that makes it true. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#look = () => {
      if (this.#failure !== undefined) reject(this.#failure);
      else if (condition()) resolve();
    };
    this.#look();
    await within(what, promise, DEADLINE_MILLISECONDS, () => `\n${this.#account()}`);
  }
  untilCurrent(...topics: readonly Topic[]): Promise<void> {
    return this.until(`current: ${topics.join(" ")}`, () => topics.every((topic) => this.seen(topic).current));
  }
  untilAt(topic: Topic, position: Position): Promise<void> {
    return this.until(`${topic} at ${position}`, () => {
      const at = this.seen(topic).head?.position;
      return at !== undefined && comparePositions(at, position) >= 0;
    });
  }

  /** Where each topic is, and the last events. */
  #account(): string {
    const heads = [...this.#seen].map(
      ([topic, { head, current }]) => `${topic} at ${placeOf(head?.position)}${current ? ", current" : ""}`,
    );
    const last = this.events.slice(-TOLD_EVENTS).map(textOf);
    return [
      ...heads,
      `${this.events.length} events${this.#isTaking ? ", and one under way" : ""}; the last:`,
      ...last,
    ].join("\n");
  }

  async close(): Promise<void> {
    await this.watch.close();
    await this.done;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #follow(): Promise<void> {
    for await (const event of this.watch) {
      this.#isTaking = true;
      await this.#take(event);
      this.#isTaking = false;
      this.events.push(event);
      this.#look();
    }
  }

  async #take(event: Event): Promise<void> {
    switch (event.type) {
      case "snapshot": {
        const { topic, lineage, position, rows } = event.snapshot;
        const loaded = new Map<RecordId, { readonly version: Version; readonly text: string }>();
        for await (const page of rows)
          for (const row of page) {
            assert.ok(!loaded.has(row.id), `${row.id} twice in a snapshot`);
            loaded.set(row.id, { version: row.version, text: text(row.value) });
          }
        this.#seen.set(topic, { head: { lineage, position }, current: false, rows: loaded });
        break;
      }
      case "commits":
        for (const commit of event.batch) {
          const seen = this.seen(commit.topic);
          assert.equal(commit.lineage, seen.head?.lineage, "a commit of another lineage without a snapshot");
          assert.equal(commit.prev, seen.head?.position, `the chain of ${commit.topic} broke`);
          assert.equal(comparePositions(commit.prev, commit.position), -1, "positions go forward");
          assert.ok(
            commit.alsoTouches.every((other) => other.topic !== commit.topic),
            "a manifest names the others",
          );
          for (const { id } of commit.deletes) seen.rows.delete(id);
          for (const row of commit.puts) {
            assert.notEqual(row.version, seen.rows.get(row.id)?.version, "a version was reused");
            seen.rows.set(row.id, { version: row.version, text: text(row.value) });
          }
          seen.head = { lineage: commit.lineage, position: commit.position };
        }
        break;
      case "current":
        for (const topic of event.topics) {
          assert.ok(this.seen(topic).head !== undefined, `${topic} is current and was never told`);
          this.seen(topic).current = true;
        }
        break;
      case "stale":
        for (const topic of event.topics) this.seen(topic).current = false;
        break;
      default:
        event satisfies never;
    }
  }
}

/** A watch that is already followed up to date. */
export async function observe(driver: StoreDriver, ...topics: readonly Topic[]): Promise<Observer> {
  const observer = new Observer(driver.watch());
  observer.watch.add(topics.map((topic) => ({ topic })));
  await observer.untilCurrent(...topics);
  return observer;
}
