import type { Clock } from "../clock.ts";
import type { Lease, StoreDriver, Version } from "../contract.ts";
import { LEASE_TOPIC, leaseRecordId } from "../contract.ts";
import { LeaseLost } from "../errors.ts";
import { wasAsleep } from "./asleep.ts";

/** The connection that a lease hangs on. */
export interface LeaseLink {
  /** When the client was heard last, by the server's clock. */
  readonly heardAt: number;
  lost(name: string, fence: Version): void;
}
export interface LeaseAsked {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly holder: string;
  /** The fence of the lease that the client believes to hold. */
  readonly resume?: Version;
}

interface Granted {
  readonly asked: LeaseAsked;
  readonly lease: Lease;
  link: LeaseLink | undefined;
  heardAt: number;
  cancel: () => void;
}

/**
 * Leases of clients: held in the store by this server, for as long as each client is heard within its time to live, over this connection or the
 * next one.
 */
export class ServerLeases {
  readonly #driver: StoreDriver;
  readonly #clock: Clock;
  readonly #granted = new Map<string, Granted>();
  /** What hangs on each connection: thousands may end in one moment, and each looks at its own only. */
  readonly #byLink = new Map<LeaseLink, Set<Granted>>();

  constructor(driver: StoreDriver, clock: Clock) {
    this.#driver = driver;
    this.#clock = clock;
  }

  /** @throws {LeaseLost} when the lease to be resumed has gone. */
  async acquire(asked: LeaseAsked, link: LeaseLink, signal: AbortSignal): Promise<Version> {
    const held = this.#granted.get(asked.name);
    if (
      held !== undefined &&
      held.asked.holder === asked.holder &&
      (asked.resume ?? held.lease.fence) === held.lease.fence
    ) {
      this.#attach(held, link);
      return held.lease.fence;
    }
    if (asked.resume !== undefined) await this.#mustStand(asked.name, asked.resume);
    const { ttlSeconds, holder } = asked;
    const lease = await this.#driver.lease(asked.name, { ttlSeconds, holder, signal });
    if (asked.resume !== undefined && asked.resume !== lease.fence) {
      await lease[Symbol.asyncDispose]();
      throw new LeaseLost(`${asked.name} was lost`);
    }
    const granted: Granted = { asked, lease, link: undefined, heardAt: link.heardAt, cancel: () => undefined };
    this.#granted.set(asked.name, granted);
    this.#attach(granted, link);
    lease.lost.addEventListener("abort", () => this.#forget(granted, true), { once: true });
    this.#watchSilence(granted);
    return lease.fence;
  }

  async release(name: string, fence: Version, link: LeaseLink): Promise<void> {
    const granted = this.#granted.get(name);
    if (granted?.link === link && granted.lease.fence === fence) await this.#end(granted, false);
  }

  /** The connection ended; its leases wait for the next one. */
  detach(link: LeaseLink): void {
    for (const granted of this.#byLink.get(link) ?? []) {
      granted.heardAt = Math.max(granted.heardAt, link.heardAt);
      granted.link = undefined;
    }
    this.#byLink.delete(link);
  }

  #attach(granted: Granted, link: LeaseLink): void {
    this.#leaveLink(granted);
    granted.link = link;
    const hanging = this.#byLink.get(link) ?? new Set();
    this.#byLink.set(link, hanging.add(granted));
  }
  #leaveLink(granted: Granted): void {
    if (granted.link === undefined) return;
    const hanging = this.#byLink.get(granted.link);
    hanging?.delete(granted);
    if (hanging?.size === 0) this.#byLink.delete(granted.link);
  }

  async #mustStand(name: string, fence: Version): Promise<void> {
    const record = await this.#driver.get(LEASE_TOPIC, leaseRecordId(name));
    if (record?.version !== fence) throw new LeaseLost(`${name} was lost`);
  }

  #watchSilence(granted: Granted): void {
    const now = this.#clock.now();
    const heardAt = Math.max(granted.heardAt, granted.link?.heardAt ?? 0);
    const left = heardAt + granted.asked.ttlSeconds * 1000 - now;
    if (left <= 0) {
      void this.#end(granted, true);
      return;
    }
    granted.cancel = this.#clock.after(left, () => {
      // Many of the clients may have to connect again.
      if (wasAsleep(now + left, this.#clock)) granted.heardAt = this.#clock.now();
      this.#watchSilence(granted);
    });
  }

  async #end(granted: Granted, tell: boolean): Promise<void> {
    this.#forget(granted, tell);
    await granted.lease[Symbol.asyncDispose]();
  }

  #forget(granted: Granted, tell: boolean): void {
    granted.cancel();
    if (this.#granted.get(granted.asked.name) === granted) this.#granted.delete(granted.asked.name);
    this.#leaveLink(granted);
    if (tell) granted.link?.lost(granted.asked.name, granted.lease.fence);
  }
}
