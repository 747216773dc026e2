/** Where would this packet go, and why? Follows packets through flows as Open vSwitch does. */
export { Bound, ownerText } from "./bound.ts";
export { type Connection, isConnectionState, tracking, type Transport } from "./conntrack.ts";
export { TraceError, type TraceCode } from "./errors.ts";
export type { PacketFields } from "./fields.ts";
export { carried, connectionArguments, flowOf } from "./told.ts";
export { printOutcome, printTrace } from "./print.ts";
export type { Arrived, Conntrack, DropReason, Outcome, PacketToTrace, Trace, TraceStep } from "./trace.ts";
export { type SwitchContents, Tracer } from "./tracer.ts";
