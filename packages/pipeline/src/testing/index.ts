/** For tests and benchmarks of whatever stands on the pipeline. */
export * from "./topology.ts";
