/** The calls of etcd's API v3 that the driver makes: where each is, and how its messages are written and read. */
import {
  anyFields,
  authenticateRequest,
  authenticateResponse,
  leaseGrantRequest,
  leaseRequest,
  leaseResponse,
  noFields,
  rangeRequest,
  rangeResponse,
  statusResponse,
  txnRequest,
  txnResponse,
} from "./messages.ts";
import { type Decode, type Encode, encoded, Reader } from "./protobuf.ts";

export interface Call<Q, A> {
  readonly path: string;
  readonly encode: (request: Q) => Buffer;
  readonly decode: (answer: Buffer) => A;
}
function call<Q, A>(path: string, encode: Encode<Q>, decode: Decode<A>): Call<Q, A> {
  return {
    path: `/etcdserverpb.${path}`,
    encode: (request) => encoded(encode, request),
    decode: (answer) => decode(new Reader(answer)),
  };
}
export const WATCH_PATH = "/etcdserverpb.Watch/Watch";

export const range = call("KV/Range", rangeRequest, rangeResponse);
export const txn = call("KV/Txn", txnRequest, txnResponse);
export const leaseGrant = call("Lease/LeaseGrant", leaseGrantRequest, leaseResponse);
export const leaseRevoke = call("Lease/LeaseRevoke", leaseRequest, anyFields);
/** A stream in etcd's API; one request and one answer of it here. */
export const leaseKeepAlive = call("Lease/LeaseKeepAlive", leaseRequest, leaseResponse);
export const authenticate = call("Auth/Authenticate", authenticateRequest, authenticateResponse);
export const status = call("Maintenance/Status", noFields, statusResponse);
