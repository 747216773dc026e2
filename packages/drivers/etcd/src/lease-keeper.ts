import { type Clock, StoreError } from "@dragonflow/store";
import { newLeaseId } from "./commit-leases.ts";
import type { Connection } from "./connection.ts";
import { leaseGrant, leaseKeepAlive, leaseRevoke } from "./wire/calls.ts";

const RETRY_MILLISECONDS = 500;

/**
 * One lease of etcd's, kept alive. `lost` is called once: when etcd says that it is gone, or when it may be, since no answer came for its time to live.
 * Counted from when the question was sent, so that it is told before etcd lets it go.
 */
export class LeaseKeeper {
  readonly id: bigint;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #milliseconds: number;
  readonly #lost: (why: string) => void;
  #goodUntil: number;
  #ended = false;
  #cancel: () => void = () => undefined;
  #cancelDeadline: () => void = () => undefined;

  private constructor(
    connection: Connection,
    clock: Clock,
    id: bigint,
    ttlSeconds: number,
    sentAt: number,
    lost: (why: string) => void,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.id = id;
    this.#milliseconds = ttlSeconds * 1000;
    this.#lost = lost;
    this.#goodUntil = sentAt + this.#milliseconds;
    this.#watchDeadline();
    this.#schedule(this.#milliseconds / 3);
  }

  /** @throws {StoreError} */
  static async grant(
    connection: Connection,
    clock: Clock,
    ttlSeconds: number,
    lost: (why: string) => void,
  ): Promise<LeaseKeeper> {
    const sentAt = clock.now();
    // A grant that is repeated after a cut leaves at most one that runs out by itself: each has an id of its own.
    const { id } = await connection.read(leaseGrant, { ttlSeconds, id: newLeaseId() });
    return new LeaseKeeper(connection, clock, id, ttlSeconds, sentAt, lost);
  }

  /** It is left to run out. */
  abandon(): void {
    this.#ended = true;
    this.#cancel();
    this.#cancelDeadline();
  }

  /** Its keys go at once, where etcd is reached. */
  async revoke(): Promise<void> {
    this.abandon();
    try {
      await this.#connection.read(leaseRevoke, { id: this.id }, (fault) => fault.isLeaseGone);
    } catch (error) {
      // It runs out by itself, or has.
      if (!(error instanceof Error)) throw error;
    }
  }

  #schedule(milliseconds: number): void {
    this.#cancel = this.#clock.after(milliseconds, () => void this.#keep());
  }

  #watchDeadline(): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#clock.after(this.#goodUntil - this.#clock.now(), () =>
      this.#lose("etcd did not answer for the lease's time to live"),
    );
  }

  async #keep(): Promise<void> {
    const sentAt = this.#clock.now();
    try {
      const { ttlSeconds } = await this.#connection.read(leaseKeepAlive, { id: this.id });
      if (this.#ended) return;
      if (ttlSeconds === 0) {
        this.#lose("etcd says that the lease ran out");
        return;
      }
      this.#goodUntil = sentAt + this.#milliseconds;
      this.#watchDeadline();
      this.#schedule(this.#milliseconds / 3);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!this.#ended) this.#schedule(RETRY_MILLISECONDS);
    }
  }

  #lose(why: string): void {
    if (this.#ended) return;
    this.abandon();
    this.#lost(why);
  }
}
