import { createHash } from "node:crypto";
import type { Lease, LeaseRequest, Version } from "./contract.ts";
import { InvalidRequest, Unavailable } from "./errors.ts";

const NAME_LENGTH = 200;
const LONGEST_TTL_SECONDS = 3600;

/** What every driver refuses before it looks who holds the lease. @throws {InvalidRequest} */
export function checkLeaseRequest(name: string, { ttlSeconds }: LeaseRequest): void {
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > LONGEST_TTL_SECONDS)
    throw new InvalidRequest(`ttlSeconds: ${ttlSeconds} is not 1 to ${LONGEST_TTL_SECONDS}`);
  if (name.length === 0 || name.length > NAME_LENGTH || name.includes("\0"))
    throw new InvalidRequest(`a lease's name has 1 to ${NAME_LENGTH} characters, and no NUL`);
}

/** A holder's name is a secret of its own: the store has a digest; "" for none. */
export const holderDigest = (holder: string | undefined): string =>
  holder === undefined ? "" : createHash("sha256").update(holder).digest("base64url").slice(0, 22);

/** A lease as its holder has it, of a driver that knows by itself when it is lost. */
export class LeaseHandle implements Lease {
  readonly name: string;
  readonly fence: Version;
  readonly #lost = new AbortController();
  readonly #release: (lease: LeaseHandle) => Promise<void>;

  constructor(name: string, fence: Version, release: (lease: LeaseHandle) => Promise<void>) {
    this.name = name;
    this.fence = fence;
    this.#release = release;
  }
  get lost(): AbortSignal {
    return this.#lost.signal;
  }
  lose(why: string): void {
    this.#lost.abort(new Unavailable(why));
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.#release(this);
  }
}
