import type { StoreDriver } from "@dragonflow/store";
import { type ApiConfig, defaultConfig } from "./config.ts";
import { Follower } from "./follower.ts";
import { State } from "./state.ts";
import type { Transaction } from "./transaction.ts";
import { Writer } from "./writer.ts";

/** What every front of the API stands on: the cloud's objects to read, and one way to change them. */
export class Engine {
  readonly config: ApiConfig;
  readonly state: State;
  readonly #follower: Follower;
  readonly #writer: Writer;

  constructor(driver: StoreDriver, config: Partial<ApiConfig> = {}, random?: () => number) {
    this.config = { ...defaultConfig, ...config };
    this.state = new State(this.config, random);
    this.#follower = new Follower(driver, this.state);
    this.#writer = new Writer(driver, this.state, this.#follower);
  }

  /** The state with everything in it that was committed before the call, by whatever server. */
  async read(): Promise<State> {
    await this.#follower.barrier();
    return this.state;
  }
  /** See {@link Writer.transact}. */
  transact<T>(work: (tx: Transaction) => T): Promise<T> {
    return this.#writer.transact(work);
  }
  /** Stops following the store; the driver stays open. */
  close(): Promise<void> {
    return this.#follower.close();
  }
}
