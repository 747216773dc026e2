/** Reading flows back. OpenFlow 1.5.1 sections 7.3.5.2 to 7.3.5.5. */
import { type Codec, padding, u16, u32, u64, u8 } from "@dragonflow/wire";
import type { Flow } from "../flow.ts";
import { decodeInstructions, encodeInstructions } from "../instructions.ts";
import { length16, named, optional, structure } from "../layout.ts";
import { decodeMatch, encodeMatch } from "../match.ts";
import { ALL_TABLES, GroupNumber, PortNumber } from "../numbers.ts";
import { type Mutable, flowFlags, setOptions } from "./flow-mod.ts";
import { match } from "./parts.ts";
import { replyList, reply, request } from "./row.ts";
import { type FlowStats, flowStats } from "./stats.ts";

/**
 * Which flows: those that the match covers (loosely), and that the cookie's masked bits agree with. Absent `table`,
 * `outPort`, `outGroup`: any.
 */
const whichFlows = structure({
  table: optional(u8, ALL_TABLES),
  reserved: padding(3),
  outPort: optional(u32, PortNumber.any),
  outGroup: optional(u32, GroupNumber.any),
  reserved2: padding(4),
  cookie: optional(u64, 0n),
  cookieMask: optional(u64, 0n),
  match,
});

/** A flow as the switch has it. */
export interface FlowDesc extends Flow {
  readonly stats: FlowStats;
}

/**
 * By hand: a switch is read back with hundreds of thousands of these. The statistics stand between match and
 * instructions.
 */
const flowDesc: Codec<FlowDesc> = {
  read(outer) {
    const length = outer.u16("length");
    if (length < 24) outer.fail(`a flow of ${length} bytes`, "bad-length");
    const r = outer.sub(length - 2, "flow");
    r.skip(2);
    const table = r.u8("table");
    r.skip(1);
    const priority = r.u16("priority");
    const idle = r.u16("idle timeout");
    const hard = r.u16("hard timeout");
    const given = flowFlags.read(r);
    const importance = r.u16("importance");
    const cookie = r.u64("cookie");
    const match = decodeMatch(r);
    const stats = flowStats.read(r);
    const flow: Mutable<FlowDesc> = { table, priority, cookie, match, stats, instructions: decodeInstructions(r) };
    setOptions(flow, idle, hard, given, importance);
    return flow;
  },
  write(w, flow) {
    const start = w.length;
    w.zeros(4).u8(flow.table, "table").u8(0).u16(flow.priority, "priority");
    w.u16(flow.idleTimeoutSeconds ?? 0, "idleTimeoutSeconds").u16(flow.hardTimeoutSeconds ?? 0, "hardTimeoutSeconds");
    flowFlags.write(w, flow.flags ?? [], "flags");
    w.u16(flow.importance ?? 0, "importance").u64(flow.cookie, "cookie");
    encodeMatch(w, flow.match);
    flowStats.write(w, flow.stats, "stats");
    encodeInstructions(w, flow.instructions);
    w.setU16(start, w.length - start);
  },
};
export const flowDescRequest = request("flow_desc_request", 1, whichFlows, "flow_desc_reply");
export const flowDescReply = replyList("flow_desc_reply", 1, flowDesc);

export const aggregateStatsRequest = request("aggregate_stats_request", 2, whichFlows, "aggregate_stats_reply");
export const aggregateStatsReply = reply("aggregate_stats_reply", 2, structure({ stats: flowStats }));

/**
 * Statistics without instructions. Open vSwitch 3.1 refuses the request (OFPBRC_BAD_STAT): ask for `flow_desc_request`.
 */
export const flowStatsRequest = request("flow_stats_request", 17, whichFlows, "flow_stats_reply");
export const flowStatsReply = replyList(
  "flow_stats_reply",
  17,
  structure({
    length: length16,
    reserved: padding(2),
    table: u8,
    reason: named(u8, { stats_request: 0, stat_trigger: 1 }),
    priority: u16,
    match,
    stats: flowStats,
  }),
);
