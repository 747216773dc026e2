/** Flows as a controller writes them, and their end. OpenFlow 1.5.1 sections 7.3.4.1, 7.4.2. */
import { type Codec, EncodeError, type Writer, u16, u64, u8 } from "@dragonflow/wire";
import type { Flow } from "../flow.ts";
import { flags, named, structure } from "../layout.ts";
import { decodeMatch, encodeMatch } from "../match.ts";
import { decodeInstructions, encodeInstructions } from "../instructions.ts";
import { GroupNumber, NO_BUFFER, PortNumber } from "../numbers.ts";
import { match } from "./parts.ts";
import { type MessageRow, standard } from "./row.ts";
import { flowStats } from "./stats.ts";

const COMMANDS = { add: 0, modify: 1, modify_strict: 2, delete: 3, delete_strict: 4 } as const;
const COMMAND_NAMES = ["add", "modify", "modify_strict", "delete", "delete_strict"] as const;
export type FlowCommand = keyof typeof COMMANDS;

const FLOW_FLAGS = {
  send_flow_rem: 1,
  check_overlap: 2,
  reset_counts: 4,
  no_pkt_counts: 8,
  no_byt_counts: 16,
} as const;
/**
 * `send_flow_rem`: the switch tells when the flow goes. `check_overlap`: refuse an add that overlaps a flow of the same
 * priority.
 */
export type FlowFlag = keyof typeof FLOW_FLAGS;
export const flowFlags: Codec<readonly FlowFlag[]> = flags(u16, FLOW_FLAGS);

/**
 * `add` replaces the flow with the same table, priority and match; `modify` and `delete` mean every flow that the match
 * covers, the strict ones that flow alone. An added flow gets the cookie; the others look for it under `cookieMask`.
 */
export interface FlowMod extends Flow {
  readonly command: FlowCommand;
  /** Absent: any cookie. */
  readonly cookieMask?: bigint;
  /** A buffered packet that the new flow is applied to. */
  readonly buffer?: number;
  /** Deletes only flows that output to this port. Absent: any. */
  readonly outPort?: number;
  /** Deletes only flows that output to this group. Absent: any. */
  readonly outGroup?: number;
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a flow need not have: absent where the wire says 0. */
export function setOptions(
  flow: Mutable<Flow>,
  idle: number,
  hard: number,
  given: readonly FlowFlag[],
  importance: number,
): void {
  if (idle !== 0) flow.idleTimeoutSeconds = idle;
  if (hard !== 0) flow.hardTimeoutSeconds = hard;
  if (given.length > 0) flow.flags = given;
  if (importance !== 0) flow.importance = importance;
}

/** By hand, not as a table of members: an upload is hundreds of thousands of these. */
const flowModBody: Codec<FlowMod> = {
  read(r) {
    const cookie = r.u64("cookie");
    const cookieMask = r.u64("cookie mask");
    const table = r.u8("table");
    const command = COMMAND_NAMES[r.u8("command")] ?? r.fail("an unknown command");
    const idle = r.u16("idle timeout");
    const hard = r.u16("hard timeout");
    const priority = r.u16("priority");
    const buffer = r.u32("buffer");
    const outPort = r.u32("out port");
    const outGroup = r.u32("out group");
    const given = flowFlags.read(r);
    const importance = r.u16("importance");
    const flow: Mutable<FlowMod> = {
      command,
      table,
      priority,
      cookie,
      match: decodeMatch(r),
      instructions: decodeInstructions(r),
    };
    setOptions(flow, idle, hard, given, importance);
    if (cookieMask !== 0n) flow.cookieMask = cookieMask;
    if (buffer !== NO_BUFFER) flow.buffer = buffer;
    if (outPort !== PortNumber.any) flow.outPort = outPort;
    if (outGroup !== GroupNumber.any) flow.outGroup = outGroup;
    return flow;
  },
  write(w, flow) {
    writeFixed(w, flow);
    encodeMatch(w, flow.match);
    encodeInstructions(w, flow.instructions);
  },
};

/** Everything in front of the match. */
function writeFixed(w: Writer, flow: Omit<FlowMod, "match" | "instructions">): void {
  const command = COMMANDS[flow.command];
  if (command === undefined) throw new EncodeError("bad-value", "command", `${String(flow.command)} is not a command`);
  w.u64(flow.cookie, "cookie").u64(flow.cookieMask ?? 0n, "cookieMask");
  w.u8(flow.table, "table").u8(command);
  w.u16(flow.idleTimeoutSeconds ?? 0, "idleTimeoutSeconds").u16(flow.hardTimeoutSeconds ?? 0, "hardTimeoutSeconds");
  w.u16(flow.priority, "priority").u32(flow.buffer ?? NO_BUFFER, "buffer");
  w.u32(flow.outPort ?? PortNumber.any, "outPort").u32(flow.outGroup ?? GroupNumber.any, "outGroup");
  if (flow.flags === undefined) w.u16(0);
  else flowFlags.write(w, flow.flags, "flags");
  w.u16(flow.importance ?? 0, "importance");
}
export const flowMod = standard("flow_mod", 14, flowModBody);

/**
 * A flow-mod whose match and instructions are there as bytes already, kept as text of one character each (ISO 8859-1):
 * who holds a hundred thousand flows holds them so, and compares them so.
 */
export interface PackedFlowMod extends Omit<FlowMod, "match" | "instructions"> {
  /** As `encodeMatch` writes it, padding included. */
  readonly match: string;
  /** As `encodeInstructions` writes them. */
  readonly instructions: string;
}
export const packedFlowMod: MessageRow<"packed_flow_mod", PackedFlowMod, never> = {
  name: "packed_flow_mod",
  type: 14,
  isWrittenOnly: true,
  read: (r) => r.fail("a flow-mod is read as such", "unsupported"),
  write(w, flow) {
    writeFixed(w, flow);
    w.latin1(flow.match).latin1(flow.instructions);
  },
};

export const removedReason = named(u8, {
  idle_timeout: 0,
  hard_timeout: 1,
  delete: 2,
  group_delete: 3,
  meter_delete: 4,
  eviction: 5,
});

/** Sent for flows with the flag `send_flow_rem`. */
export const flowRemoved = standard(
  "flow_removed",
  11,
  structure({
    table: u8,
    reason: removedReason,
    priority: u16,
    idleTimeoutSeconds: u16,
    hardTimeoutSeconds: u16,
    cookie: u64,
    match,
    stats: flowStats,
  }),
);
