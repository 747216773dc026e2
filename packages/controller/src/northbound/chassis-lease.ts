import { setTimeout as pause } from "node:timers/promises";
import { backOff, type StoreDriver } from "@dragonflow/store";
import type { Log } from "../settings.ts";

/** How long a host that falls silent counts as alive. */
const LEASE_SECONDS = 15;
const RETRY_MS = { first: 100, longest: 5000 } as const;

/**
 * Holds the lease that says that this host lives, as long as the process does. It is not given back at the end: a controller that is started again
 * within its time was never away, and takes no port's binding with it.
 */
export class ChassisLease {
  readonly #store: Pick<StoreDriver, "lease">;
  readonly #chassis: string;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #isHeld = false;

  constructor(store: Pick<StoreDriver, "lease">, chassis: string, log: Log) {
    this.#store = store;
    this.#chassis = chassis;
    this.#log = log;
    void this.#live(this.#closing.signal);
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  close(): void {
    this.#closing.abort(new Error("the controller stops"));
  }

  async #live(signal: AbortSignal): Promise<void> {
    const chassis = this.#chassis;
    let told = "";
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const request = { ttlSeconds: LEASE_SECONDS, holder: chassis, signal };
        const lease = await this.#store.lease(`chassis/${chassis}`, request);
        this.#isHeld = true;
        await aborted(AbortSignal.any([lease.lost, signal]));
        this.#isHeld = false;
        if (signal.aborted) return;
        this.#log.warn({ chassis }, "the lease of this chassis was lost; asking for it again");
        told = "";
        attempt = 0;
      } catch (error) {
        if (signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        if (message !== told) this.#log.warn({ chassis, error: message }, "no lease for this chassis yet");
        told = message;
      }
      await pause(backOff(attempt, RETRY_MS.first, RETRY_MS.longest), undefined, { signal, ref: false }).catch(
        (reason: unknown) => {
          if (!signal.aborted) throw reason;
        },
      );
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
