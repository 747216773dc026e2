/** Flows as a controller writes them, and their end. OpenFlow 1.5.1 sections 7.3.4.1, 7.4.2. Written by hand where a table of members would be slow. */
import { type Codec, EncodeError, u16, u64, u8 } from "@dragonflow/wire";
import type { Instructions } from "../instructions.ts";
import { flags, named, structure } from "../layout.ts";
import type { Match } from "../match.ts";
import { GroupNumber, NO_BUFFER, PortNumber } from "../numbers.ts";
import { instructions, match } from "./parts.ts";
import { standard } from "./row.ts";
import { flowStats } from "./stats.ts";

const COMMANDS = { add: 0, modify: 1, modify_strict: 2, delete: 3, delete_strict: 4 } as const;
export type FlowCommand = keyof typeof COMMANDS;

const FLOW_FLAGS = {
  send_flow_rem: 1,
  check_overlap: 2,
  reset_counts: 4,
  no_pkt_counts: 8,
  no_byt_counts: 16,
} as const;
export type FlowFlag = keyof typeof FLOW_FLAGS;
export const flowFlags: Codec<readonly FlowFlag[]> = flags(u16, FLOW_FLAGS);

export const removedReason = named(u8, {
  idle_timeout: 0,
  hard_timeout: 1,
  delete: 2,
  group_delete: 3,
  meter_delete: 4,
  eviction: 5,
});

/** Members that are absent are 0, or "any". */
export interface FlowMod {
  readonly command: FlowCommand;
  /** 255 (all tables) in deletes only. */
  readonly table: number;
  readonly priority: number;
  /** What an added flow gets; in modify and delete, with `cookieMask`, which flows are meant. */
  readonly cookie: bigint;
  readonly cookieMask?: bigint;
  readonly idleTimeoutSeconds?: number;
  readonly hardTimeoutSeconds?: number;
  /** Flows of low importance are evicted first. */
  readonly importance?: number;
  readonly flags?: readonly FlowFlag[];
  /** A buffered packet that the new flow is applied to. */
  readonly buffer?: number;
  /** Deletes only flows that output to this port, to this group. */
  readonly outPort?: number;
  readonly outGroup?: number;
  readonly match: Match;
  readonly instructions: Instructions;
}

/** The commands by number: reading is an index. */
const COMMAND_NAMES = ["add", "modify", "modify_strict", "delete", "delete_strict"] as const;

const flowModBody: Codec<FlowMod> = {
  read(r) {
    const cookie = r.u64("cookie");
    const cookieMask = r.u64("cookie mask");
    const table = r.u8("table");
    const command = COMMAND_NAMES[r.u8("command")] ?? r.fail("an unknown flow-mod command");
    const idleTimeoutSeconds = r.u16();
    const hardTimeoutSeconds = r.u16();
    const priority = r.u16();
    const buffer = r.u32();
    const outPort = r.u32();
    const outGroup = r.u32();
    const given = flowFlags.read(r);
    const importance = r.u16();
    return {
      command,
      table,
      priority,
      cookie,
      ...(cookieMask !== 0n && { cookieMask }),
      ...(idleTimeoutSeconds !== 0 && { idleTimeoutSeconds }),
      ...(hardTimeoutSeconds !== 0 && { hardTimeoutSeconds }),
      ...(importance !== 0 && { importance }),
      ...(given.length > 0 && { flags: given }),
      ...(buffer !== NO_BUFFER && { buffer }),
      ...(outPort !== PortNumber.any && { outPort }),
      ...(outGroup !== GroupNumber.any && { outGroup }),
      match: match.read(r),
      instructions: instructions.read(r),
    };
  },
  write(w, flow) {
    const command = COMMANDS[flow.command];
    if (command === undefined)
      throw new EncodeError("bad-value", "command", `${String(flow.command)} is not a command`);
    w.u64(flow.cookie, "cookie").u64(flow.cookieMask ?? 0n, "cookieMask");
    w.u8(flow.table, "table").u8(command);
    w.u16(flow.idleTimeoutSeconds ?? 0, "idleTimeoutSeconds").u16(flow.hardTimeoutSeconds ?? 0, "hardTimeoutSeconds");
    w.u16(flow.priority, "priority").u32(flow.buffer ?? NO_BUFFER, "buffer");
    w.u32(flow.outPort ?? PortNumber.any, "outPort").u32(flow.outGroup ?? GroupNumber.any, "outGroup");
    if (flow.flags === undefined) w.u16(0);
    else flowFlags.write(w, flow.flags, "flags");
    w.u16(flow.importance ?? 0, "importance");
    match.write(w, flow.match, "match");
    instructions.write(w, flow.instructions, "instructions");
  },
};
export const flowMod = standard("flow_mod", 14, flowModBody);

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
