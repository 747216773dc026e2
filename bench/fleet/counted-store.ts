import type { Topic } from "@dragonflow/model";
import type { Event, StoreDriver, Watch } from "@dragonflow/store";

/** What came over a host's watch. */
export class Traffic {
  messages = 0;
  records = 0;
  /** When everything that was asked for, or was stale, was current. */
  caughtUpAt: number | undefined;
  /** Of the last commit that came, by the store's clock. */
  committedAtMs: number | undefined;
  readonly #waiting = new Set<Topic>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  asked(topics: readonly Topic[]): void {
    for (const topic of topics) this.#waiting.add(topic);
    this.caughtUpAt = undefined;
  }
  dropped(topics: readonly Topic[]): void {
    for (const topic of topics) this.#waiting.delete(topic);
    this.#look();
  }
  took(event: Event): void {
    switch (event.type) {
      case "commits":
        this.messages += event.batch.length;
        for (const { puts, deletes, committedAtMs } of event.batch) {
          this.records += puts.length + deletes.length;
          this.committedAtMs = committedAtMs ?? this.committedAtMs;
        }
        break;
      case "snapshot":
        this.messages++;
        break;
      case "stale":
        this.messages++;
        this.asked(event.topics);
        break;
      case "current":
        this.messages++;
        for (const topic of event.topics) this.#waiting.delete(topic);
        this.#look();
    }
  }
  #look(): void {
    if (this.#waiting.size === 0) this.caughtUpAt ??= this.#now();
  }
}

/** The same store; what its watches deliver is counted. */
export function counted(store: StoreDriver, traffic: Traffic): StoreDriver {
  return {
    get capabilities() {
      return store.capabilities;
    },
    get: (topic, id) => store.get(topic, id),
    snapshot: (topic) => store.snapshot(topic),
    commit: (id, changes, expect, signal) => store.commit(id, changes, expect, signal),
    head: (topic) => store.head(topic),
    lease: (name, request) => store.lease(name, request),
    close: () => store.close(),
    watch: () => countedWatch(store.watch(), traffic),
  };
}

function countedWatch(watch: Watch, traffic: Traffic): Watch {
  return {
    add(subscriptions) {
      traffic.asked(subscriptions.map(({ topic }) => topic));
      watch.add(subscriptions);
    },
    drop(topics) {
      watch.drop(topics);
      traffic.dropped(topics);
    },
    close: () => watch.close(),
    async *[Symbol.asyncIterator]() {
      for await (const event of watch) {
        traffic.took(event);
        yield event;
      }
    },
  };
}
