/** Somebody who uses the API all the time, and remembers what it acknowledged. */
import { setTimeout as pause } from "node:timers/promises";
import { ApiError, type Network, ports } from "@dragonflow/cli";
import type { Cloud } from "./cloud.ts";

/** Between two writes: more at a time would be about the machine. */
const PACE_MS = 10;
/** So many ports stay; then the oldest goes for each that comes. */
const KEPT = 20;

export class ApiWrites implements AsyncDisposable {
  readonly #cloud: Cloud;
  readonly #network: Network;
  readonly #attributes: Readonly<Record<string, unknown>>;
  /** Whose creation was acknowledged, and whose removal was not asked for. In order. */
  readonly #there = new Set<string>();
  /** Whose removal was acknowledged. */
  readonly #gone = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #ended: Promise<void>;
  acknowledged = 0;
  refused = 0;

  /** @param attributes of every port that is created */
  constructor(cloud: Cloud, network: Network, attributes: Readonly<Record<string, unknown>> = {}) {
    this.#cloud = cloud;
    this.#network = network;
    this.#attributes = attributes;
    this.#ended = this.#write();
    // It is told when the writes end, not before.
    this.#ended.catch(() => undefined);
  }

  /** Waits until a write is acknowledged that was begun after the call. */
  async goOn(): Promise<void> {
    const before = this.acknowledged;
    await this.#cloud.until("writes are acknowledged again", () => this.acknowledged > before + 1);
  }

  /** What was acknowledged and is not so: nobody else writes in this network. */
  async lost(): Promise<readonly string[]> {
    const [there, gone] = [[...this.#there], [...this.#gone]];
    const found = new Set((await this.#cloud.api.list(ports, { network_id: this.#network.id })).map(({ id }) => id));
    // While it was listed, the oldest may have been asked to go.
    const missing = there.filter((id) => !found.has(id) && this.#there.has(id));
    const back = gone.filter((id) => found.has(id));
    return [...missing.map((id) => `port ${id} is gone`), ...back.map((id) => `port ${id} is back`)];
  }

  async #write(): Promise<void> {
    const { signal } = this.#stopped;
    for (let n = 1; !signal.aborted; n++) {
      try {
        const attributes = { name: `write ${n}`, network_id: this.#network.id, ...this.#attributes };
        const port = await this.#cloud.api.create(ports, attributes);
        this.#there.add(port.id);
        this.acknowledged++;
        const [oldest] = this.#there;
        if (oldest !== undefined && this.#there.size > KEPT) await this.#remove(oldest);
      } catch (error) {
        if (!(error instanceof ApiError && (error.status === 0 || error.status >= 500))) throw error;
        this.refused++;
      }
      await pause(PACE_MS);
    }
  }

  /** From here to the answer nobody knows whether it is there. */
  async #remove(id: string): Promise<void> {
    this.#there.delete(id);
    await this.#cloud.api.remove(ports, id);
    this.#gone.add(id);
    this.acknowledged++;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#ended;
  }
}
