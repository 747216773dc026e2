import { setTimeout as pause } from "node:timers/promises";
import type { Engine } from "@dragonflow/neutron-api";
import { backOff, type StoreDriver } from "@dragonflow/store";
import type { Logger } from "pino";
import { type FoldingCounts, Leader } from "./leader.ts";

/** Held by the one server that folds. */
export const FOLDING_LEASE = "folding";
/** How long the others wait for one that fell silent. */
const LEASE_SECONDS = 5;
const RETRY_MILLISECONDS = { first: 100, longest: 5_000 };

/** `leading`: this server folds; `waiting`: another one does, or the store cannot be reached. */
export type FoldingState = "leading" | "waiting";

export interface FoldingOptions {
  readonly engine: Engine;
  readonly driver: StoreDriver;
  readonly log: Logger;
  /** Who holds the lease: one that a restarted process has again, where no other process can have it. */
  readonly holder: string | undefined;
}

/** This server's part in folding: it waits for its turn, leads, and stands in line again when it could not go on. */
export class Folding {
  /** How often a port or a chassis was folded, since the start. */
  readonly counts: FoldingCounts = { ports: 0, chassis: 0 };
  readonly #options: FoldingOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #leader: Leader | undefined;

  constructor(options: FoldingOptions) {
    this.#options = options;
    const { ports, agents } = options.engine.state;
    ports.onChange((before, after) => this.#leader?.portChanged((after ?? before)?.id ?? ""));
    agents.onChange((before, after) => this.#leader?.agentChanged((after ?? before)?.host ?? ""));
    this.#running = this.#run();
  }

  get state(): FoldingState {
    return this.#leader === undefined ? "waiting" : "leading";
  }

  /** Gives the lease back, so that another server goes on at once. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the server stops"));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      const startedAt = performance.now();
      try {
        await this.#lead(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (performance.now() - startedAt > RETRY_MILLISECONDS.longest) failures = 0;
        this.#options.log.warn({ err: error }, "folding was interrupted, and will be tried again");
        const wait = backOff(failures++, RETRY_MILLISECONDS.first, RETRY_MILLISECONDS.longest);
        await pause(wait, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { engine, driver, log, holder } = this.#options;
    const request = { ttlSeconds: LEASE_SECONDS, signal, ...(holder === undefined ? {} : { holder }) };
    await using lease = await driver.lease(FOLDING_LEASE, request);
    const leader = new Leader({ engine, driver, lease, log, counts: this.counts });
    this.#leader = leader;
    log.info("folding what the chassis report");
    try {
      await leader.run(AbortSignal.any([signal, lease.lost]));
    } finally {
      this.#leader = undefined;
    }
  }
}
