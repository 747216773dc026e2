/**
 * Flow monitor: being told of changes to flow tables. OpenFlow 1.5.1 section 7.3.5.19. What Open vSwitch 3.1 takes
 * differs from the standard:
 *
 * - Flag `no_abbrev` is refused (OFPMOFC_BAD_FLAGS), and `only_own` has the meaning of Nicira's "own" instead: with it,
 *   changes that this very connection makes are reported in full; without it, as `abbrev`, by the xid of the request.
 *   Changes by others are always reported in full.
 * - A `delete` needs a match as well.
 * - A request that is refused gets an error with an arbitrary xid, type and code (vswitchd sends the wrong piece of its
 *   memory): send a barrier behind the request, and it fails as `unanswered`.
 *
 * The reply to the request holds the flows that match now (`initial`). Later updates come in messages of the same type
 * with xid 0, those of one request before its barrier's reply. When the connection is slow to read, vswitchd sends
 * `paused`, and reports only removals; later what changed in between, and `resumed`.
 */
import { type Codec, type ValueOf, padding, u16, u32, u64, u8 } from "@dragonflow/wire";
import { flags, length16, named, optional, structure } from "../layout.ts";
import { ALL_TABLES, GroupNumber, PortNumber } from "../numbers.ts";
import { removedReason } from "./flow-mod.ts";
import { instructions, match } from "./parts.ts";
import { replyList, requestList } from "./row.ts";

/** One monitor; `monitor` is the sender's number for it. Absent `outPort`, `outGroup`, `table`: any. */
const monitor = structure({
  monitor: u32,
  outPort: optional(u32, PortNumber.any),
  outGroup: optional(u32, GroupNumber.any),
  flags: flags(u16, {
    initial: 1 << 0,
    add: 1 << 1,
    removed: 1 << 2,
    modify: 1 << 3,
    instructions: 1 << 4,
    no_abbrev: 1 << 5,
    only_own: 1 << 6,
  }),
  table: optional(u8, ALL_TABLES),
  command: named(u8, { add: 0, modify: 1, delete: 2 }),
  match,
});
export const flowMonitorRequest = requestList("flow_monitor_request", 16, monitor, "flow_monitor_reply");

const flowMembers = {
  idleTimeoutSeconds: u16,
  hardTimeoutSeconds: u16,
  priority: u16,
  reserved: padding(4),
  cookie: u64,
  match,
  /** Empty when the monitor does not ask for them. */
  instructions,
} as const;
const change = structure({
  length: length16,
  event: named(u16, { initial: 0, added: 1, modified: 3 }),
  table: u8,
  reservedReason: padding(1),
  ...flowMembers,
});
const removal = structure({
  length: length16,
  event: named(u16, { removed: 2 }),
  table: u8,
  reason: removedReason,
  ...flowMembers,
});
const abbreviation = structure({ length: length16, event: named(u16, { abbrev: 4 }), xid: u32 });
const flowControl = structure({ length: length16, event: named(u16, { paused: 5, resumed: 6 }), reserved: padding(4) });

/** What happened to one flow, or to the monitor; told apart by `event`. */
export type FlowUpdate = ValueOf<typeof change | typeof removal | typeof abbreviation | typeof flowControl>;

const flowUpdate: Codec<FlowUpdate> = {
  read(r) {
    switch (r.peekU16(2)) {
      case 2:
        return removal.read(r);
      case 4:
        return abbreviation.read(r);
      case 5:
      case 6:
        return flowControl.read(r);
      default:
        return change.read(r);
    }
  },
  write(w, update, field) {
    switch (update.event) {
      case "removed":
        removal.write(w, update, field);
        return;
      case "abbrev":
        abbreviation.write(w, update, field);
        return;
      case "paused":
      case "resumed":
        flowControl.write(w, update, field);
        return;
      case "initial":
      case "added":
      case "modified":
        change.write(w, update, field);
    }
  },
};
export const flowMonitorReply = replyList("flow_monitor_reply", 16, flowUpdate);
