/** For tests and benchmarks of whatever stands on the pipeline. */
export * from "./compile.ts";
export * from "./frames.ts";
export * from "./golden.ts";
export {
  FIRST_PORT,
  rowsOf,
  securedTopologies,
  topologies,
  type Topology as TopologyChoice,
} from "./random-topology.ts";
export type { GroupChoice, RuleChoice } from "./random-security.ts";
export * from "./tenant.ts";
export * from "./test-bed.ts";
export * from "./topology.ts";
