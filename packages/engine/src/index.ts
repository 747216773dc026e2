/** The incremental engine: tracked reads, units, views, interest. It knows rows and outputs, and nothing of networking. */
export * from "./define.ts";
export type { AuditDifference } from "./audit.ts";
export { checkApp, costOf } from "./check.ts";
export type { CheckOptions, Cost } from "./check.ts";
export { Engine } from "./engine.ts";
export type { ConflictChange, Delta, EngineOptions, EngineSize, PendingUnit } from "./engine.ts";
export { equal } from "./equal.ts";
export type { InterestChange } from "./interest.ts";
export { CheckError } from "./simulated-host.ts";
export type { HostOptions, State } from "./simulated-host.ts";
export type { Conflict, Merging } from "./slots.ts";
export { LayerError } from "./tracked-read.ts";
export type { Fault } from "./unit-state.ts";
