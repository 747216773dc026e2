/** The whole cloud audited: what the model allows against what the flows do, by a side that knows no flow. Pure; who reads stores and hosts is elsewhere. */
export { allPairs, pairCount, samplePairs } from "./pairs.ts";
export {
  auditReachability,
  type HostOf,
  Model,
  type Pair,
  type ReachabilityAudit,
  type ReachabilityDifference,
} from "./reachability.ts";
export type { AnyRecord } from "@dragonflow/evaluator";
