import { randomInt } from "node:crypto";
import { type Clock, COMMIT_ID_SECONDS } from "@dragonflow/store";
import { EtcdFault } from "./faults.ts";
import type { Link } from "./link.ts";
import { leaseGrant } from "./wire/calls.ts";

/** Few enough commits that forgetting them together is not felt by those who write meanwhile. */
const COMMITS_OF_A_LEASE = 1000;
const FRESH_MILLISECONDS = 10_000;
/** So long one may be used while the next is asked for. */
const USABLE_MILLISECONDS = 60_000;
const TTL_SECONDS = COMMIT_ID_SECONDS + (2 * USABLE_MILLISECONDS) / 1000;

export const newLeaseId = (): bigint => BigInt(randomInt(1, 2 ** 48 - 1));

interface Lease {
  readonly id: bigint;
  readonly since: number;
  commits: number;
}

/** Commit ids are recognised for ten minutes, by etcd's time: each record of a commit is under a lease of etcd that runs out after that. */
export class CommitLeases {
  readonly #clock: Clock;
  #current: Lease | undefined;
  #next: Promise<Lease> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The lease for one more commit. @throws {EtcdFault} */
  async take(link: Link): Promise<bigint> {
    const age = this.#clock.now() - (this.#current?.since ?? Number.NEGATIVE_INFINITY);
    let lease = age < USABLE_MILLISECONDS ? this.#current : undefined;
    if (lease === undefined || age > FRESH_MILLISECONDS || lease.commits >= COMMITS_OF_A_LEASE) {
      const next = this.#grant(link);
      if (lease === undefined) lease = await next;
      // It is asked for again by the next commit; this one has a lease that is good.
      else next.catch((error: unknown) => error instanceof EtcdFault);
    }
    lease.commits++;
    return lease.id;
  }

  /** It has run out: this process stood still for minutes. */
  forget(id: bigint): boolean {
    if (this.#current?.id === id) this.#current = undefined;
    return id !== 0n;
  }

  #grant(link: Link): Promise<Lease> {
    this.#next ??= (async () => {
      const since = this.#clock.now();
      const { id } = await link.call(leaseGrant, { ttlSeconds: TTL_SECONDS, id: newLeaseId() });
      this.#current = { id, since, commits: 0 };
      return this.#current;
    })().finally(() => {
      this.#next = undefined;
    });
    return this.#next;
  }
}
