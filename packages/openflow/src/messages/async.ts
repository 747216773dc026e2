/**
 * Which asynchronous messages a controller wants, and for which reasons, while it is primary (or equal) and while it is
 * secondary. OpenFlow 1.5.1 section 7.3.10. A property that is not set leaves that kind as it is. On Open vSwitch a
 * management connection gets none of them before a `set_config` with a miss send length that is not 0.
 */
import { u32 } from "@dragonflow/wire";
import { flags } from "../layout.ts";
import { properties, property } from "../properties.ts";
import { nothing } from "./session.ts";
import { standard } from "./row.ts";

const packetIn = flags(u32, { no_match: 1, action: 2, invalid_ttl: 4, action_set: 8, group: 16, packet_out: 32 });
const portStatus = flags(u32, { add: 1, delete: 2, modify: 4 });
const flowRemoved = flags(u32, {
  idle_timeout: 1,
  hard_timeout: 2,
  delete: 4,
  group_delete: 8,
  meter_delete: 16,
  eviction: 32,
});
const roleStatus = flags(u32, { primary_request: 1, config: 2, experimenter: 4 });
const tableStatus = flags(u32, { vacancy_down: 8, vacancy_up: 16 });
const requestForward = flags(u32, { group_mod: 1, meter_mod: 2 });

const asyncConfig = properties({
  secondaryPacketIn: property(0, packetIn),
  packetIn: property(1, packetIn),
  secondaryPortStatus: property(2, portStatus),
  portStatus: property(3, portStatus),
  secondaryFlowRemoved: property(4, flowRemoved),
  flowRemoved: property(5, flowRemoved),
  secondaryRoleStatus: property(6, roleStatus),
  roleStatus: property(7, roleStatus),
  secondaryTableStatus: property(8, tableStatus),
  tableStatus: property(9, tableStatus),
  secondaryRequestForward: property(10, requestForward),
  requestForward: property(11, requestForward),
});

export const getAsyncRequest = standard("get_async_request", 26, nothing, "get_async_reply");
export const getAsyncReply = standard("get_async_reply", 27, asyncConfig);
export const setAsync = standard("set_async", 28, asyncConfig);
