/**
 * Flow statistics as OXS fields: `class:16 | field:7 | reserved:1 | length:8 | value`. OpenFlow 1.5.1 section 7.2.4.
 */
import { type Codec, type Reader, u32, u64 } from "@dragonflow/wire";
import { structure } from "../layout.ts";

export interface Duration {
  readonly seconds: number;
  readonly nanoseconds: number;
}
export const duration: Codec<Duration> = structure({ seconds: u32, nanoseconds: u32 });

/** Each is absent when the switch does not know it. */
export interface FlowStats {
  /** Time since the flow was added. */
  readonly duration?: Duration;
  /** Time since a packet matched. */
  readonly idle?: Duration;
  /** How many flows an aggregate counts. */
  readonly flows?: number;
  readonly packets?: bigint;
  readonly bytes?: bigint;
}

const BASIC = 0x8002;
const oxs = (field: number, length: number): number => BASIC * 0x10000 + (field << 9) + length;
const DURATION = oxs(0, 8);
const IDLE_TIME = oxs(1, 8);
const FLOW_COUNT = oxs(3, 4);
const PACKET_COUNT = oxs(4, 8);
const BYTE_COUNT = oxs(5, 8);

/**
 * `reserved:16 | length:16 | OXS fields`, zeros up to a multiple of 8 that the length does not count. Fields that have
 * no name here are skipped.
 */
export const flowStats: Codec<FlowStats> = {
  read(r) {
    r.skip(2);
    const length = r.u16("statistics length");
    if (length < 4) r.fail(`statistics of ${length} bytes`, "bad-length");
    const fields = r.sub(length - 4, "statistics");
    r.skip((8 - (length % 8)) % 8, "statistics padding");
    const stats: { -readonly [K in keyof FlowStats]: FlowStats[K] } = {};
    while (!fields.done) readField(fields, stats);
    return stats;
  },
  write(w, stats) {
    const start = w.length;
    w.zeros(4);
    if (stats.duration !== undefined) duration.write(w.u32(DURATION), stats.duration, "duration");
    if (stats.idle !== undefined) duration.write(w.u32(IDLE_TIME), stats.idle, "idle");
    if (stats.packets !== undefined) w.u32(PACKET_COUNT).u64(stats.packets, "packets");
    if (stats.bytes !== undefined) w.u32(BYTE_COUNT).u64(stats.bytes, "bytes");
    if (stats.flows !== undefined) w.u32(FLOW_COUNT).u32(stats.flows, "flows");
    w.setU16(start + 2, w.length - start);
    w.align(8, start);
  },
};

function readField(r: Reader, stats: { -readonly [K in keyof FlowStats]: FlowStats[K] }): void {
  const header = r.u32("OXS header");
  switch (header) {
    case DURATION:
      stats.duration = { seconds: r.u32(), nanoseconds: r.u32() };
      return;
    case IDLE_TIME:
      stats.idle = { seconds: r.u32(), nanoseconds: r.u32() };
      return;
    case PACKET_COUNT:
      stats.packets = r.u64();
      return;
    case BYTE_COUNT:
      stats.bytes = r.u64();
      return;
    case FLOW_COUNT:
      stats.flows = r.u32();
      return;
    default:
      r.skip(header & 0xff, "OXS field");
  }
}

/** Packets and bytes, as groups and meters count them. */
export const counters: Codec<{ readonly packets: bigint; readonly bytes: bigint }> = structure({
  packets: u64,
  bytes: u64,
});
