/** Rate limiters. OpenFlow 1.5.1 sections 7.3.4.4, 7.3.5.13 to 7.3.5.15. */
import { type ValueOf, padding, u16, u32, u64, u8 } from "@dragonflow/wire";
import { flags, length16, list, named, optional, structure } from "../layout.ts";
import { MeterNumber } from "../numbers.ts";
import { replyList, reply, request, standard } from "./row.ts";
import { nothing } from "./session.ts";
import { counters, duration } from "./stats.ts";

const METER_FLAGS = { kbps: 1, pktps: 2, burst: 4, stats: 8 } as const;

const band = structure({
  /** What happens to a packet above the rate. */
  action: named(u16, { drop: 1, dscp_remark: 2 }),
  length: length16,
  /** kbit/s or packets/s, as the meter's flags say. */
  rate: u32,
  /** kbit or packets. */
  burst: u32,
  /** For `dscp_remark`: how many drop precedence levels to add. */
  precedenceLevel: optional(u8, 0),
  reserved: padding(3),
});

export type MeterBand = ValueOf<typeof band>;

export const meterMod = standard(
  "meter_mod",
  29,
  structure({
    command: named(u16, { add: 0, modify: 1, delete: 2 }),
    flags: flags(u16, METER_FLAGS),
    meter: u32,
    bands: list(band),
  }),
);

/** `meter` absent: all of them. */
const whichMeter = structure({ meter: optional(u32, MeterNumber.all), reserved: padding(4) });

export const meterStatsRequest = request("meter_stats_request", 9, whichMeter, "meter_stats_reply");
export const meterStatsReply = replyList(
  "meter_stats_reply",
  9,
  structure({
    meter: u32,
    length: length16,
    reserved: padding(6),
    /** How many flows use the meter. */
    flows: u32,
    packetsIn: u64,
    bytesIn: u64,
    duration,
    bands: list(counters),
  }),
);

export const meterDescRequest = request("meter_desc_request", 10, whichMeter, "meter_desc_reply");
export const meterDescReply = replyList(
  "meter_desc_reply",
  10,
  structure({ length: length16, flags: flags(u16, METER_FLAGS), meter: u32, bands: list(band) }),
);

export const meterFeaturesRequest = request("meter_features_request", 11, nothing, "meter_features_reply");
/** Without the `features` word that OpenFlow 1.5 put behind it: Open vSwitch sends the structure of 1.3. */
export const meterFeaturesReply = reply(
  "meter_features_reply",
  11,
  structure({
    maxMeters: u32,
    bandTypes: flags(u32, { drop: 1 << 1, dscp_remark: 1 << 2 }),
    capabilities: flags(u32, METER_FLAGS),
    maxBands: u8,
    maxColor: u8,
    reserved: padding(2),
  }),
);
