/** The store: the contract that every NB database keeps, the relay that carries it to other hosts, and the replica that follows it. */
export { BufferedWatch, WATCH_BUFFER_BYTES, type WatchSource, weightOf } from "./buffered-watch.ts";
export { type CapabilityRow, capabilityRows } from "./capability-rows.ts";
export { type Clock, systemClock } from "./clock.ts";
export { COMMIT_ID_SECONDS, checkCommit } from "./commit-check.ts";
export { backOff, commitWithRetry, type RetryOptions } from "./commit-retry.ts";
export * from "./contract.ts";
export * from "./errors.ts";
export { checkLeaseRequest, holderDigest, LeaseHandle } from "./lease-request.ts";
export { loadClient, type OpenByUrl, type StoreOpening, withoutSecrets } from "./opening.ts";
export * from "./log/index.ts";
export * from "./pubsub/index.ts";
export { type ConnectOptions, connectRelay } from "./relay/client.ts";
export { RELAY_PATH, RELAY_PROTOCOL } from "./relay/frames.ts";
export { type Rights, rightsOf } from "./relay/rights.ts";
export { type Relay, type RelayOptions, serveRelay } from "./relay/server.ts";
export type { RelayTraffic, SessionLimits } from "./relay/session.ts";
export { Replica } from "./replica/replica.ts";
export { mostlyThere } from "./replica/replica-types.ts";
export type {
  AppliedCommit,
  ReplicaBatch,
  ReplicaCounters,
  ReplicaOptions,
  ReplicaReport,
  Shrink,
} from "./replica/replica-types.ts";
export type { Fields, ParseKind, RowChange } from "./replica/topic-rows.ts";
export type { TopicState } from "./replica/topic-view.ts";
export { isSubject, mintToken, type Subject, verifyToken } from "./tokens.ts";
export { projectionChanges, type StoredFields } from "./projection-changes.ts";
