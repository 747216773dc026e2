import type { RecordId, Topic } from "@dragonflow/model";
import {
  comparePositions,
  type Head,
  Replica,
  type RowChange,
  type StoreDriver,
  Unavailable,
  type Version,
} from "@dragonflow/store";
import type { Collection } from "./collection.ts";
import {
  addressGroupStore,
  agentStore,
  identityStore,
  networkStore,
  portStore,
  quotaStore,
  routerStore,
  securityGroupStore,
  type StoredKind,
  subnetStore,
} from "./kinds.ts";
import type { State } from "./state.ts";

/**
 * Objects are written by servers only, through one function, from the types that they are read as: one that names itself rightly is one. Fields
 * that this release does not know stay on it, and survive its rewrite.
 */
function isObject<O extends { readonly id: string }>(
  row: Readonly<Record<string, unknown>>,
  id: string,
): row is O & typeof row {
  return row["id"] === id;
}

/** How the changes of one topic reach the table that shows it. */
function feed<O extends { readonly id: string }>(
  kind: StoredKind<O>,
  table: Collection<O>,
): [Topic, (c: RowChange) => void] {
  const take = ({ id, row }: RowChange): void => {
    if (row === undefined) table.delete(id);
    else if (isObject<O>(row, id)) table.put(row);
    else throw new RangeError(`${kind.topic} ${kind.kind}/${id} is another object's`);
  };
  return [kind.topic, take];
}

/** Keeps the {@link State} equal to the store's topics of user-level objects. */
export class Follower {
  readonly #driver: StoreDriver;
  readonly #feeds: ReadonlyMap<Topic, (change: RowChange) => void>;
  readonly #replica: Replica;
  readonly #patienceMs: number;
  #barrier: Promise<void> | undefined;
  #failure: unknown;

  constructor(driver: StoreDriver, state: State) {
    this.#driver = driver;
    this.#patienceMs = state.config.storeDeadlineMs;
    this.#feeds = new Map([
      feed(networkStore, state.networks),
      feed(subnetStore, state.subnets),
      feed(portStore, state.ports),
      feed(routerStore, state.routers),
      feed(securityGroupStore, state.securityGroups),
      feed(addressGroupStore, state.addressGroups),
      feed(identityStore, state.identities),
      feed(agentStore, state.agents),
      feed(quotaStore, state.quotas),
    ]);
    this.#replica = new Replica({
      watch: driver.watch(),
      onBatch: ({ changes }) => {
        for (const change of changes) this.#feeds.get(change.topic)?.(change);
      },
      // What users ask for is what the store has, even where it has lost something. What they are connected to is another matter.
      mayShrink: () => true,
    });
    this.#replica.done.catch((reason: unknown) => {
      this.#failure = reason;
    });
    this.#replica.add(this.#feeds.keys());
  }

  /**
   * Resolves when everything that was committed before the call can be read, whoever committed it.
   * @throws {Unavailable} when the store does not say how far that is, or what came before it does not arrive.
   */
  barrier(): Promise<void> {
    // Calls of one turn of the event loop share one question: it is asked after all of them.
    this.#barrier ??= Promise.resolve().then(() => {
      this.#barrier = undefined;
      return this.#catchUp();
    });
    return this.#barrier;
  }

  /** What a commit that rewrites this record must expect. */
  version(topic: Topic, id: RecordId): Version | undefined {
    return this.#replica.version(topic, id);
  }

  close(): Promise<void> {
    return this.#replica.close();
  }

  async #catchUp(): Promise<void> {
    if (this.#failure !== undefined) throw new Unavailable("the store is no longer followed", { cause: this.#failure });
    const topics = [...this.#feeds.keys()];
    const heads = await Promise.all(topics.map((topic) => this.#driver.head(topic)));
    const behind = topics.flatMap((topic, i) => {
      const head = heads[i];
      return head === undefined || hasReached(this.#replica.head(topic), head) ? [] : [{ topic, head }];
    });
    if (behind.length === 0) return;
    const timeout = new AbortController();
    const late = new Unavailable("the store's changes do not arrive");
    const timer = setTimeout(() => timeout.abort(late), this.#patienceMs);
    try {
      await Promise.all(
        behind.map(({ topic, head }) =>
          this.#replica.waitFor(topic, head.position, { lineage: head.lineage, signal: timeout.signal }),
        ),
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

function hasReached(applied: Head | undefined, head: Head): boolean {
  return applied?.lineage === head.lineage && comparePositions(applied.position, head.position) >= 0;
}
