import { Forbidden, StoreError, StoreFull, TooLarge, Unavailable } from "@dragonflow/store";

/** What gRPC's status codes are called (grpc.io/docs/guides/status-codes). */
export const STATUS = {
  cancelled: 1,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** A call of etcd's API that failed. `status`: gRPC's; `message`: etcd's words, without the request. */
export class EtcdFault extends Error {
  override readonly name = "EtcdFault";
  readonly status: number;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
  says(words: string): boolean {
    return this.message.includes(words);
  }
  /** What was asked for lies before the oldest revision that is kept. */
  get isCompacted(): boolean {
    return this.status === STATUS.outOfRange && this.says("compacted");
  }
  /** What was asked for lies after the newest revision that there is. */
  get isFuture(): boolean {
    return this.status === STATUS.outOfRange && this.says("future");
  }
  get isLeaseGone(): boolean {
    return this.status === STATUS.notFound && this.says("lease not found");
  }
  /** The token has expired, or the rights were changed meanwhile. */
  get needsLogin(): boolean {
    return this.says("invalid auth token") || this.says("revision of auth store is old");
  }
  /** The member was reached, and refused before it did anything. */
  get isRefusal(): boolean {
    return this.says("etcdserver: no leader") || this.says("too many requests") || this.needsLogin;
  }
  /** This member, or the way to it, is of no use now: another one may be. */
  get isMembers(): boolean {
    return (
      this.status === STATUS.unavailable || this.status === STATUS.deadlineExceeded || this.status === STATUS.cancelled
    );
  }
}

export function faultOf(error: unknown): EtcdFault {
  if (error instanceof EtcdFault) return error;
  if (!(error instanceof Error)) return new EtcdFault(STATUS.unavailable, String(error));
  const status = "code" in error && typeof error.code === "number" ? error.code : STATUS.unavailable;
  const words = "details" in error && typeof error.details === "string" ? error.details : error.message;
  return new EtcdFault(status, words, { cause: error });
}

/** In the words of the contract, for a call that wrote nothing. */
export function storeErrorOf(error: unknown, maxRequestBytes = 0): StoreError {
  if (error instanceof StoreError) return error;
  const fault = faultOf(error);
  const why = { cause: fault };
  if (fault.says("space exceeded")) return new StoreFull("etcd is full (its quota-backend-bytes)", why);
  if (fault.says("request is too large")) return new TooLarge("bytesPerCommit", maxRequestBytes, maxRequestBytes + 1);
  if (fault.status === STATUS.permissionDenied) return new Forbidden(`etcd: ${fault.message}`);
  return new Unavailable(`etcd: ${fault.message}`, why);
}
