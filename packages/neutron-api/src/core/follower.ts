import { decodeFields, splitRecordId, type Topic } from "@dragonflow/model";
import {
  comparePositions,
  type Event,
  type Head,
  ORIGIN,
  type Row,
  type Snapshot,
  type StoreDriver,
  type TopicCommit,
  Unavailable,
  type Watch,
} from "@dragonflow/store";
import type { Collection } from "./collection.ts";
import { agentStore, networkStore, portStore, quotaStore, routerStore, type StoredKind, subnetStore } from "./kinds.ts";
import type { State } from "./state.ts";

/** One topic of user-level objects, and the table that shows it. */
interface Feed {
  readonly topic: Topic;
  /** Undefined while what is known cannot be built on: before the first snapshot, and after a gap. */
  applied: Head | undefined;
  readonly put: (row: Row) => void;
  readonly delete: (id: string) => void;
  readonly ids: () => readonly string[];
}

/**
 * Objects are written by servers only, through one function, from the types that they are read as; so the store's bytes are trusted to be one
 * where they name themselves rightly. Fields that this release does not know stay on the object, and survive its rewrite.
 */
function isObject<O extends { readonly id: string }>(
  fields: Readonly<Record<string, unknown>>,
  id: string,
): fields is O & typeof fields {
  return fields["id"] === id;
}

function feed<O extends { readonly id: string }>(kind: StoredKind<O>, table: Collection<O>): Feed {
  return {
    topic: kind.topic,
    applied: undefined,
    put(row) {
      const { id } = splitRecordId(row.id);
      const fields = decodeFields(row.value);
      if (!isObject<O>(fields, id)) throw new RangeError(`${kind.topic} ${row.id} is another object's`);
      table.put({ object: fields, version: row.version });
    },
    delete: (id) => table.delete(id),
    ids: () => table.ids(),
  };
}

/** Keeps the {@link State} equal to the store's topics of user-level objects. */
export class Follower {
  readonly #driver: StoreDriver;
  readonly #feeds: ReadonlyMap<Topic, Feed>;
  readonly #watch: Watch;
  readonly #running: Promise<void>;
  #failure: unknown;
  #waiting: (() => void)[] = [];
  #barrier: Promise<void> | undefined;

  constructor(driver: StoreDriver, state: State) {
    this.#driver = driver;
    const feeds = [
      feed(networkStore, state.networks),
      feed(subnetStore, state.subnets),
      feed(portStore, state.ports),
      feed(routerStore, state.routers),
      feed(agentStore, state.agents),
      feed(quotaStore, state.quotas),
    ];
    this.#feeds = new Map(feeds.map((f) => [f.topic, f]));
    this.#watch = driver.watch();
    this.#running = this.#run().catch((reason: unknown) => {
      this.#failure = reason;
      this.#wake();
    });
    this.#watch.add(feeds.map(({ topic }) => ({ topic })));
  }

  /**
   * Resolves when everything that was committed before the call can be read, whoever committed it.
   * @throws {Unavailable} when the store does not say how far that is.
   */
  barrier(): Promise<void> {
    // Calls of one turn of the event loop share one question: it is asked after all of them.
    this.#barrier ??= Promise.resolve().then(() => {
      this.#barrier = undefined;
      return this.#catchUp();
    });
    return this.#barrier;
  }

  async close(): Promise<void> {
    await this.#watch.close();
    await this.#running;
  }

  async #catchUp(): Promise<void> {
    const heads = await Promise.all(
      [...this.#feeds.values()].map(async (f) => ({ feed: f, head: await this.#driver.head(f.topic) })),
    );
    for (const { feed: followed, head } of heads) {
      while (!hasReached(followed.applied, head)) {
        if (this.#failure !== undefined) throw new Unavailable("the store's watch has ended", { cause: this.#failure });
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    }
  }

  async #run(): Promise<void> {
    for await (const event of this.#watch) await this.#take(event);
    throw new Unavailable("the store was closed");
  }

  async #take(event: Event): Promise<void> {
    switch (event.type) {
      case "snapshot":
        await this.#reset(event.snapshot);
        break;
      case "commits":
        for (const commit of event.batch) this.#apply(commit);
        break;
      case "current":
      case "stale":
        // What a barrier waits for is a position, and that is stale or not whatever the watch says of itself.
        break;
    }
    this.#wake();
  }

  async #reset(snapshot: Snapshot): Promise<void> {
    const followed = this.#feeds.get(snapshot.topic);
    if (followed === undefined) return;
    const rows: Row[] = [];
    try {
      for await (const page of snapshot.rows) rows.push(...page);
    } catch (reason) {
      // The store went away while it was read: the watch brings another one.
      if (reason instanceof Unavailable) return;
      throw reason;
    }
    const present = new Set(rows.map((row) => splitRecordId(row.id).id));
    for (const id of followed.ids()) if (!present.has(id)) followed.delete(id);
    for (const row of rows) followed.put(row);
    followed.applied = { lineage: snapshot.lineage, position: snapshot.position };
  }

  #apply(commit: TopicCommit): void {
    const followed = this.#feeds.get(commit.topic);
    if (followed?.applied === undefined) return;
    if (followed.applied.lineage !== commit.lineage || followed.applied.position !== commit.prev) {
      followed.applied = undefined;
      this.#watch.add([{ topic: commit.topic }]);
      return;
    }
    for (const row of commit.puts) followed.put(row);
    for (const { id } of commit.deletes) followed.delete(splitRecordId(id).id);
    followed.applied = { lineage: commit.lineage, position: commit.position };
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function hasReached(applied: Head | undefined, head: Head): boolean {
  if (applied === undefined) return false;
  if (applied.lineage !== head.lineage) return false;
  return head.position === ORIGIN || comparePositions(applied.position, head.position) >= 0;
}
