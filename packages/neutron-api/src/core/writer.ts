import { setTimeout as pause } from "node:timers/promises";
import type { Topic } from "@dragonflow/model";
import { backOff, commitWithRetry, newCommitId, type Position, type StoreDriver } from "@dragonflow/store";
import { unavailable } from "../errors.ts";
import { noteChange } from "./changes.ts";
import type { Follower } from "./follower.ts";
import type { State } from "./state.ts";
import { NeedsHead, Transaction, Unsettled } from "./transaction.ts";

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/** The only way into the store: work is tried on the state as it stands, and committed if what it read still stands. */
export class Writer {
  readonly #driver: StoreDriver;
  readonly #state: State;
  readonly #follower: Follower;

  constructor(driver: StoreDriver, state: State, follower: Follower) {
    this.#driver = driver;
    this.#state = state;
    this.#follower = follower;
  }

  /**
   * Runs `work` until its changes are committed: again whenever something it built on has changed meanwhile, so it must have no effect but on its
   * transaction.
   * @throws what `work` throws; NeutronError 503 when others keep changing what it needs, or the store cannot be reached.
   */
  async transact<T>(work: (tx: Transaction) => T): Promise<T> {
    const deadline = Date.now() + this.#state.config.conflictDeadlineMs;
    const guarded = new Set<Topic>();
    for (let attempt = 0; Date.now() < deadline; attempt++) {
      const outcome = await this.#attempt(work, guarded, deadline);
      if (outcome.done) return outcome.value;
      if (outcome.wait) await pause(backOff(attempt, FIRST_PAUSE_MS, LONGEST_PAUSE_MS));
    }
    throw unavailable("too many concurrent changes of the same objects, try again");
  }

  async #attempt<T>(
    work: (tx: Transaction) => T,
    guarded: Set<Topic>,
    deadline: number,
  ): Promise<{ readonly done: true; readonly value: T } | { readonly done: false; readonly wait: boolean }> {
    const heads = await this.#heads(guarded);
    await this.#follower.barrier();
    const tx = new Transaction(this.#state, ({ topic, id }) => this.#follower.version(topic, id), heads);
    try {
      const value = work(tx);
      const plan = tx.plan();
      if (plan.changes.length === 0) return { done: true, value };
      const deadlineSeconds = Math.max(1, (deadline - Date.now()) / 1000);
      const id = newCommitId();
      const committed = await commitWithRetry(this.#driver, plan.changes, plan.expect, { id, deadlineSeconds });
      if (!committed.ok) return { done: false, wait: true };
      noteChange(id);
      return { done: true, value };
    } catch (reason) {
      if (reason instanceof NeedsHead) {
        guarded.add(reason.topic);
        return { done: false, wait: false };
      }
      if (!(reason instanceof Unsettled)) throw reason;
      tx.release();
      const patience = new AbortController();
      const timeout = pause(Math.max(0, deadline - Date.now()), undefined, { signal: patience.signal }).catch(
        () => undefined,
      );
      await Promise.race([this.#state.allocations.released(), timeout]);
      patience.abort();
      return { done: false, wait: false };
    } finally {
      tx.release();
    }
  }

  async #heads(topics: ReadonlySet<Topic>): Promise<ReadonlyMap<Topic, Position>> {
    const heads = await Promise.all(
      [...topics].map(async (topic) => [topic, (await this.#driver.head(topic)).position] as const),
    );
    return new Map(heads);
  }
}
