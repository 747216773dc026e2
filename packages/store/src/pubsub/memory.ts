import type { Topic } from "@dragonflow/model";
import type { Poke, PubSub, PubSubTraits } from "../contract.ts";
import { Unavailable } from "../errors.ts";

/** What happens to one poke on its way to one subscriber. */
export type PokeFault = "none" | "lost" | "repeated" | "late";

/** Pokes within this process; it may be told to lose, repeat and reorder them. Every {@link MemoryPubSub.connect} is a client of its own. */
export class MemoryPubSub {
  readonly #traits: PubSubTraits;
  readonly #fault: () => PokeFault;
  readonly #subscribers = new Set<{ readonly topics: ReadonlySet<Topic>; readonly onPoke: (poke: Poke) => void }>();
  /** Held back until another one comes. */
  #late: (() => void)[] = [];

  constructor(traits: PubSubTraits = { reach: "process", auth: [] }, fault: () => PokeFault = () => "none") {
    this.#traits = traits;
    this.#fault = fault;
  }

  connect(): PubSub {
    const own = new Set<() => void>();
    let isClosed = false;
    const mustBeOpen = (): void => {
      if (isClosed) throw new Unavailable("the pub/sub was closed");
    };
    return {
      traits: this.#traits,
      publish: async (poke) => {
        mustBeOpen();
        this.#publish(poke);
      },
      subscribe: async (topics, onPoke) => {
        mustBeOpen();
        const subscriber = { topics: new Set(topics), onPoke };
        this.#subscribers.add(subscriber);
        const end = (): void => {
          this.#subscribers.delete(subscriber);
          own.delete(end);
        };
        own.add(end);
        return { [Symbol.asyncDispose]: async () => end() };
      },
      close: async () => {
        isClosed = true;
        for (const end of own) end();
      },
    };
  }

  #publish(poke: Poke): void {
    const late = this.#late;
    this.#late = [];
    for (const subscriber of this.#subscribers) {
      if (!subscriber.topics.has(poke.topic)) continue;
      const deliver = (): void => {
        if (this.#subscribers.has(subscriber)) subscriber.onPoke(poke);
      };
      const fault = this.#fault();
      if (fault === "late") this.#late.push(deliver);
      else if (fault !== "lost") for (let i = fault === "repeated" ? 2 : 1; i > 0; i--) setImmediate(deliver);
    }
    for (const deliver of late) setImmediate(deliver);
  }
}
