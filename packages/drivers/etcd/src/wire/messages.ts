/**
 * The part of etcd's API v3 that the driver speaks: the messages of its services KV, Watch, Lease, Auth and Maintenance, with the numbers that etcd
 * gives their fields. What we send is encoded, what comes is decoded, nothing else.
 */
import { type Decode, decoder, type Encode } from "./protobuf.ts";

export interface Header {
  clusterId: bigint;
  memberId: bigint;
  revision: number;
  raftTerm: number;
}
const noHeader = (): Header => ({ clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 });
const header = decoder<Header>(noHeader, (into, field, reader) => {
  if (field === 1) into.clusterId = reader.identity();
  else if (field === 2) into.memberId = reader.identity();
  else if (field === 3) into.revision = reader.integer();
  else if (field === 4) into.raftTerm = reader.integer();
  else return false;
  return undefined;
});

/** `version`: how many times the key was written since it was made. */
export interface KeyValue {
  key: Buffer;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Buffer;
  lease: bigint;
}
const NOTHING = Buffer.alloc(0);
const noKeyValue = (): KeyValue => ({
  key: NOTHING,
  createRevision: 0,
  modRevision: 0,
  version: 0,
  value: NOTHING,
  lease: 0n,
});
const keyValue = decoder<KeyValue>(noKeyValue, (into, field, reader) => {
  if (field === 1) into.key = reader.bytes();
  else if (field === 2) into.createRevision = reader.integer();
  else if (field === 3) into.modRevision = reader.integer();
  else if (field === 4) into.version = reader.integer();
  else if (field === 5) into.value = reader.bytes();
  else if (field === 6) into.lease = reader.identity();
  else return false;
  return undefined;
});

/** `end`: up to this key, which is not part of it; absent: the one key. `sort` default: by key. */
export interface RangeRequest {
  readonly key: string;
  readonly end?: string;
  readonly limit?: number;
  readonly revision?: number;
  readonly keysOnly?: boolean;
  readonly sort?: "create";
}
const SORT_ASCENDING = 1;
const SORT_BY_CREATE = 2;
export const rangeRequest: Encode<RangeRequest> = (writer, request) => {
  writer.bytes(1, request.key);
  writer.bytes(2, request.end ?? "");
  writer.integer(3, request.limit ?? 0);
  writer.integer(4, request.revision ?? 0);
  if (request.sort === "create") {
    writer.integer(5, SORT_ASCENDING);
    writer.integer(6, SORT_BY_CREATE);
  }
  writer.flag(8, request.keysOnly ?? false);
};
export interface RangeResponse {
  header: Header;
  kvs: KeyValue[];
  more: boolean;
}
export const rangeResponse = decoder<RangeResponse>(
  () => ({ header: noHeader(), kvs: [], more: false }),
  (into, field, reader) => {
    if (field === 1) into.header = reader.message(header);
    else if (field === 2) into.kvs.push(reader.message(keyValue));
    else if (field === 3) into.more = reader.flag();
    else return false;
    return undefined;
  },
);

export interface PutRequest {
  readonly key: string;
  readonly value: Uint8Array | string;
  readonly lease?: bigint;
}
const putRequest: Encode<PutRequest> = (writer, request) => {
  writer.bytes(1, request.key);
  writer.bytes(2, request.value);
  writer.integer(3, request.lease ?? 0n);
};

export type Operation =
  | { readonly range: RangeRequest }
  | { readonly put: PutRequest }
  | { readonly remove: string }
  | { readonly txn: TxnRequest };
const operation: Encode<Operation> = (writer, value) => {
  if ("range" in value) writer.message(1, rangeRequest, value.range);
  else if ("put" in value) writer.message(2, putRequest, value.put);
  else if ("remove" in value) writer.message(3, (inner, key) => inner.bytes(1, key), value.remove);
  else writer.message(4, txnRequest, value.txn);
};

/** `of` a key against a number; `end`: of every key of the range. A key that is absent has 0 in all of them. */
export interface Compare {
  readonly key: string;
  readonly end?: string;
  readonly of: "version" | "mod" | "lease";
  readonly is: "equal" | "greater" | "less";
  readonly than: number | bigint;
}
const COMPARISONS = { equal: 0, greater: 1, less: 2 } as const;
/** The number of the target, and of the field that carries what it is compared with. */
const TARGETS = { version: [0, 4], mod: [2, 6], lease: [4, 8] } as const;
const compare: Encode<Compare> = (writer, { key, end = "", of, is, than }) => {
  const [target, field] = TARGETS[of];
  writer.integer(1, COMPARISONS[is]);
  writer.integer(2, target);
  writer.bytes(3, key);
  writer.integer(field, than);
  writer.bytes(64, end);
};

/** Where all of `compare` holds, `success` is done, else `failure`: at one revision, all or nothing. A key is written once at most. */
export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly success?: readonly Operation[];
  readonly failure?: readonly Operation[];
}
export const txnRequest: Encode<TxnRequest> = (writer, request) => {
  writer.messages(1, compare, request.compare ?? []);
  writer.messages(2, operation, request.success ?? []);
  writer.messages(3, operation, request.failure ?? []);
};
/** `ranges`: the answer of each operation, in order; of one that does not read, nothing. */
export interface TxnResponse {
  header: Header;
  succeeded: boolean;
  ranges: RangeResponse[];
}
const noRange = (): RangeResponse => ({ header: noHeader(), kvs: [], more: false });
const operationResponse: Decode<RangeResponse> = (reader) => {
  let range: RangeResponse | undefined;
  for (let field = reader.next(); field !== undefined; field = reader.next())
    if (field === 1) range = reader.message(rangeResponse);
    else reader.skip();
  return range ?? noRange();
};
export const txnResponse = decoder<TxnResponse>(
  () => ({ header: noHeader(), succeeded: false, ranges: [] }),
  (into, field, reader) => {
    if (field === 1) into.header = reader.message(header);
    else if (field === 2) into.succeeded = reader.flag();
    else if (field === 3) into.ranges.push(reader.message(operationResponse));
    else return false;
    return undefined;
  },
);

export type WatchRequest =
  | { readonly create: { readonly id: number; readonly key: string; readonly end: string; readonly from: number } }
  | { readonly cancel: number }
  | { readonly progress: true };
export const watchRequest: Encode<WatchRequest> = (writer, request) => {
  if ("create" in request)
    writer.message(
      1,
      (inner, { id, key, end, from }) => {
        inner.bytes(1, key);
        inner.bytes(2, end);
        inner.integer(3, from);
        inner.integer(7, id);
      },
      request.create,
    );
  else if ("cancel" in request) writer.message(2, (inner, id) => inner.integer(1, id), request.cancel);
  else writer.message(3, () => undefined, undefined);
};
export interface WatchEvent {
  deleted: boolean;
  kv: KeyValue;
}
const watchEvent = decoder<WatchEvent>(
  () => ({ deleted: false, kv: noKeyValue() }),
  (into, field, reader) => {
    if (field === 1) into.deleted = reader.integer() === 1;
    else if (field === 2) into.kv = reader.message(keyValue);
    else return false;
    return undefined;
  },
);
/** `watchId` -1: of no watch, the answer to a request for progress. The events of one revision come in one response. */
export interface WatchResponse {
  header: Header;
  watchId: number;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  events: WatchEvent[];
}
export const watchResponse = decoder<WatchResponse>(
  () => ({
    header: noHeader(),
    watchId: 0,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: "",
    events: [],
  }),
  (into, field, reader) => {
    if (field === 1) into.header = reader.message(header);
    else if (field === 2) into.watchId = reader.integer();
    else if (field === 3) into.created = reader.flag();
    else if (field === 4) into.canceled = reader.flag();
    else if (field === 5) into.compactRevision = reader.integer();
    else if (field === 6) into.cancelReason = reader.text();
    else if (field === 11) into.events.push(reader.message(watchEvent));
    else return false;
    return undefined;
  },
);

/** `id` is chosen by us. */
export const leaseGrantRequest: Encode<{ readonly ttlSeconds: number; readonly id: bigint }> = (writer, request) => {
  writer.integer(1, request.ttlSeconds);
  writer.integer(2, request.id);
};
export const leaseRequest: Encode<{ readonly id: bigint }> = (writer, request) => writer.integer(1, request.id);
/** `ttlSeconds` 0 in answer to a keep-alive: there is no such lease any more. */
export interface LeaseResponse {
  header: Header;
  id: bigint;
  ttlSeconds: number;
}
export const leaseResponse = decoder<LeaseResponse>(
  () => ({ header: noHeader(), id: 0n, ttlSeconds: 0 }),
  (into, field, reader) => {
    if (field === 1) into.header = reader.message(header);
    else if (field === 2) into.id = reader.identity();
    else if (field === 3) into.ttlSeconds = reader.integer();
    else return false;
    return undefined;
  },
);

export const authenticateRequest: Encode<{ readonly name: string; readonly password: string }> = (writer, request) => {
  writer.bytes(1, request.name);
  writer.bytes(2, request.password);
};
export const authenticateResponse = decoder<{ token: string }>(
  () => ({ token: "" }),
  (into, field, reader) => {
    if (field !== 2) return false;
    into.token = reader.text();
    return undefined;
  },
);

export const statusResponse = decoder<{ version: string }>(
  () => ({ version: "" }),
  (into, field, reader) => {
    if (field !== 2) return false;
    into.version = reader.text();
    return undefined;
  },
);
export const noFields: Encode<undefined> = () => undefined;
export const anyFields = decoder<undefined>(
  () => undefined,
  () => false,
);
