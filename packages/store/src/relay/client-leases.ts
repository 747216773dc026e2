import type { Clock } from "../clock.ts";
import { type Lease, type LeaseRequest, type Version, version } from "../contract.ts";
import { LeaseLost, StoreError, Unavailable } from "../errors.ts";
import { checkLeaseRequest } from "../lease-request.ts";
import type { Connection } from "./connection.ts";
import { asText } from "./json.ts";

class ClientLease implements Lease {
  readonly name: string;
  readonly fence: Version;
  readonly ttlMilliseconds: number;
  readonly holder: string;
  /** When the server had last heard us while we held it, by our clock. */
  provenAt: number;
  /** The server of this connection knows that we hold it. */
  attached = true;
  cancel: () => void = () => undefined;
  readonly #lost = new AbortController();
  readonly #release: (lease: ClientLease) => Promise<void>;

  constructor(
    fields: { readonly name: string; readonly fence: Version; readonly holder: string; readonly ttlSeconds: number },
    provenAt: number,
    release: (lease: ClientLease) => Promise<void>,
  ) {
    this.name = fields.name;
    this.fence = fields.fence;
    this.holder = fields.holder;
    this.ttlMilliseconds = fields.ttlSeconds * 1000;
    this.provenAt = provenAt;
    this.#release = release;
  }
  get lost(): AbortSignal {
    return this.#lost.signal;
  }
  lose(reason: Error): void {
    this.#lost.abort(reason);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.#release(this);
  }
}

/**
 * The leases that this process holds through the relay. The server gives one up when it has not heard us for its time to live; we count from when
 * we sent what it heard, so we know before it does.
 */
export class ClientLeases {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #held = new Set<ClientLease>();
  #up = Promise.withResolvers<void>();

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async acquire(name: string, request: LeaseRequest): Promise<Lease> {
    const { ttlSeconds, holder = crypto.randomUUID(), signal } = request;
    checkLeaseRequest(name, request);
    this.#connection.bear(ttlSeconds * 1000);
    for (;;) {
      if (!this.#connection.isUp) await this.#connected(signal);
      const askedAt = this.#clock.now();
      try {
        const result = await this.#connection.request({ type: "lease", name, ttlSeconds, holder }, signal);
        const fence = version(asText(result, "fence"));
        const lease = new ClientLease({ name, fence, holder, ttlSeconds }, askedAt, (own) => this.#release(own));
        lease.provenAt = Math.max(askedAt, this.#provenAt);
        for (const before of this.#held) if (before.name === name) this.#drop(before);
        this.#held.add(lease);
        this.#watchDeadline(lease);
        return lease;
      } catch (error) {
        signal?.throwIfAborted();
        // The connection was cut while we waited: stand in line again.
        if (!(error instanceof Unavailable) || this.#connection.closed || this.#connection.isUp) throw error;
      }
    }
  }

  up(): void {
    this.#up.resolve();
    for (const lease of this.#held) this.#resume(lease);
  }
  down(): void {
    this.#up = Promise.withResolvers();
    for (const lease of this.#held) lease.attached = false;
  }
  #provenAt = 0;
  proven(at: number): void {
    this.#provenAt = Math.max(this.#provenAt, at);
    for (const lease of this.#held) if (lease.attached) lease.provenAt = Math.max(lease.provenAt, at);
  }
  lost(name: string, fence: Version): void {
    for (const lease of this.#held)
      if (lease.name === name && lease.fence === fence) this.#lose(lease, new LeaseLost(`${name} was lost`));
  }
  close(): void {
    for (const lease of this.#held) this.#lose(lease, new Unavailable("the connection was closed"));
    this.#up.resolve();
  }

  async #connected(signal: AbortSignal | undefined): Promise<void> {
    if (this.#connection.closed) throw this.#connection.absence;
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    await Promise.race([this.#up.promise, promise]).finally(() => signal?.removeEventListener("abort", onAbort));
  }

  #resume(lease: ClientLease): void {
    const { name, holder, fence } = lease;
    const askedAt = this.#clock.now();
    this.#connection
      .request({ type: "lease", name, holder, ttlSeconds: lease.ttlMilliseconds / 1000, resume: fence })
      .then(() => {
        lease.attached = true;
        lease.provenAt = Math.max(lease.provenAt, askedAt);
      })
      .catch((error: unknown) => {
        // Cut again: the next connection tries, and the deadline goes on.
        if (error instanceof Unavailable) return;
        this.#lose(lease, error instanceof StoreError ? error : new LeaseLost(String(error)));
      });
  }

  #watchDeadline(lease: ClientLease): void {
    const left = lease.provenAt + lease.ttlMilliseconds - this.#clock.now();
    if (left <= 0) this.#lose(lease, new LeaseLost(`${lease.name}: the store was not reached in time`));
    else lease.cancel = this.#clock.after(left, () => this.#watchDeadline(lease));
  }

  #drop(lease: ClientLease): boolean {
    lease.cancel();
    return this.#held.delete(lease);
  }
  #lose(lease: ClientLease, reason: Error): void {
    if (this.#drop(lease)) lease.lose(reason);
  }

  async #release(lease: ClientLease): Promise<void> {
    if (this.#drop(lease) && this.#connection.isUp) await this.#tellReleased(lease);
  }
  async #tellReleased({ name, fence }: ClientLease): Promise<void> {
    try {
      await this.#connection.request({ type: "release", name, fence });
    } catch (error) {
      // Cut: it runs out by itself.
      if (!(error instanceof Unavailable)) throw error;
    }
  }
}
