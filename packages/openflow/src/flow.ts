import type { Instructions } from "./instructions.ts";
import type { Match } from "./match.ts";
import type { FlowFlag } from "./messages/flow-mod.ts";

/** A flow: what it looks for, where, and what it does. Two flows of a switch differ in table, priority or match. */
export interface Flow {
  readonly table: number;
  readonly priority: number;
  readonly cookie: bigint;
  readonly match: Match;
  readonly instructions: Instructions;
  /** Removed after so long without a packet. Absent: never. */
  readonly idleTimeoutSeconds?: number;
  /** Removed after so long. Absent: never. */
  readonly hardTimeoutSeconds?: number;
  /** Of the flows in a full table the least important go first. Absent: 0. */
  readonly importance?: number;
  readonly flags?: readonly FlowFlag[];
}
