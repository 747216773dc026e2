import type { Topic } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import { type Committed, comparePositions, type Poke, type PubSub } from "../contract.ts";
import { OutcomeUnknown, Unavailable } from "../errors.ts";
import type { Cells } from "./cells.ts";
import type { LogFollower } from "./follower.ts";
import { HEAD } from "./keys.ts";
import { positionOf } from "./records.ts";

/** While the database is not reached. */
const RETRY_MILLISECONDS = 500;

interface Parts {
  readonly cells: Cells;
  readonly clock: Clock;
  readonly follower: LogFollower;
  readonly pubsub: PubSub | undefined;
  readonly compareMilliseconds: number;
  readonly onError: (error: unknown) => void;
}

/**
 * When to look at the log: the database says so, or a poke that names a position which is not known yet; and now and then in any case, since either
 * may be lost.
 */
export class Wakes {
  readonly #parts: Parts;
  readonly #told: { readonly reached: () => void; readonly notReached: () => void };
  readonly #subscriptions = new Map<Topic, Promise<AsyncDisposable | undefined>>();
  readonly #native: AsyncDisposable | undefined;
  #cancel: () => void = () => undefined;
  #looking = false;
  #again = false;
  #closed = false;

  constructor(parts: Parts, told: { readonly reached: () => void; readonly notReached: () => void }) {
    this.#parts = parts;
    this.#told = told;
    if (parts.pubsub === undefined && parts.cells.traits.watch === "poke")
      this.#native = parts.cells.watch(HEAD, { poke: () => this.#look(), lost: () => this.#lost() });
    this.#sleep(true);
  }

  /** With a pub/sub only what is watched wakes us. */
  interest(topic: Topic, isWatched: boolean): void {
    const { pubsub, onError } = this.#parts;
    if (pubsub === undefined || this.#closed) return;
    if (isWatched) {
      const subscribed = pubsub
        .subscribe(new Set([topic]), (poke) => this.#take(poke))
        .catch((error: unknown) => {
          onError(error);
          return undefined;
        });
      this.#subscriptions.set(topic, subscribed);
      return;
    }
    void this.#unsubscribe(topic);
  }

  /** To the others: where a commit of ours has brought its topics. */
  tell({ lineage, positions }: Extract<Committed, { readonly ok: true }>): void {
    const { pubsub, onError } = this.#parts;
    if (pubsub === undefined) return;
    for (const [topic, position] of positions) pubsub.publish({ topic, lineage, position }).catch(onError);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#native?.[Symbol.asyncDispose]();
    await Promise.all([...this.#subscriptions.keys()].map((topic) => this.#unsubscribe(topic)));
  }

  async #unsubscribe(topic: Topic): Promise<void> {
    const subscribed = this.#subscriptions.get(topic);
    this.#subscriptions.delete(topic);
    try {
      await (await subscribed)?.[Symbol.asyncDispose]();
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  #take({ lineage, position }: Poke): void {
    const { head } = this.#parts.follower.tail;
    if (lineage !== head.lineage || comparePositions(position, positionOf(head.at)) > 0) this.#look();
  }

  #lost(): void {
    this.#told.notReached();
    this.#look();
  }

  #look(): void {
    if (this.#looking) this.#again = true;
    else void this.#lookNow();
  }

  async #lookNow(): Promise<void> {
    this.#looking = true;
    this.#cancel();
    let isReached = true;
    do {
      this.#again = false;
      try {
        await this.#parts.follower.sync();
        isReached = true;
      } catch (error) {
        isReached = false;
        if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) this.#parts.onError(error);
      }
    } while (this.#again && isReached && !this.#closed);
    this.#looking = false;
    if (this.#closed) return;
    if (isReached) this.#told.reached();
    else this.#told.notReached();
    this.#sleep(isReached);
  }

  #sleep(isReached: boolean): void {
    const longest = isReached ? this.#parts.compareMilliseconds : RETRY_MILLISECONDS;
    this.#cancel = this.#parts.clock.after(longest * (0.75 + Math.random() / 2), () => this.#look());
  }
}
