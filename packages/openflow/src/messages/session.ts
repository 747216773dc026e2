/**
 * What a connection starts and lives with: hello, echo, features, configuration, barrier. OpenFlow 1.5.1 sections
 * 7.1.1, 7.3.1, 7.3.2, 7.3.5.1, 7.3.7, 7.5.
 */
import { type Codec, padding, rest, u16, u32, u64, u8 } from "@dragonflow/wire";
import { flags, named, structure, text } from "../layout.ts";
import { reply, request, standard } from "./row.ts";

export const nothing: Codec<object> = structure({});

const VERSION_BITMAP = 1;

/** @param versions Wire versions that the sender speaks, ascending, each 1..31. */
const helloBody: Codec<{ readonly versions: readonly number[] }> = {
  read(r) {
    while (!r.done) {
      const type = r.u16("element type");
      const length = r.u16("element length");
      if (length < 4) r.fail(`a hello element of ${length} bytes`, "bad-length");
      const element = r.sub(length - 4, "hello element");
      r.skip(Math.min((8 - (length % 8)) % 8, r.remaining));
      if (type !== VERSION_BITMAP) continue;
      const bitmap = element.u32("version bitmap");
      return { versions: Array.from({ length: 31 }, (_, i) => i + 1).filter((version) => (bitmap >>> version) & 1) };
    }
    return { versions: [] };
  },
  write(w, { versions }) {
    let bitmap = 0;
    for (const version of versions) bitmap |= 1 << version;
    w.u16(VERSION_BITMAP)
      .u16(8)
      .u32(bitmap >>> 0);
  },
};
export const hello = standard("hello", 0, helloBody);

/** The peer answers with the same payload. */
const payload = structure({ payload: rest });
export const echoRequest = standard("echo_request", 2, payload, "echo_reply");
export const echoReply = standard("echo_reply", 3, payload);

export const descRequest = request("desc_request", 0, nothing, "desc_reply");
export const descReply = reply(
  "desc_reply",
  0,
  structure({
    manufacturer: text(256),
    hardware: text(256),
    software: text(256),
    serialNumber: text(32),
    datapath: text(256),
  }),
);

export const featuresRequest = standard("features_request", 5, nothing, "features_reply");
export const featuresReply = standard(
  "features_reply",
  6,
  structure({
    datapathId: u64,
    buffers: u32,
    tables: u8,
    /** 0 for the main connection. */
    auxiliaryId: u8,
    reserved: padding(2),
    capabilities: flags(u32, {
      flow_stats: 1 << 0,
      table_stats: 1 << 1,
      port_stats: 1 << 2,
      group_stats: 1 << 3,
      ip_reasm: 1 << 5,
      queue_stats: 1 << 6,
      arp_match_ip: 1 << 7,
      port_blocked: 1 << 8,
      bundles: 1 << 9,
      flow_monitoring: 1 << 10,
    }),
    reserved2: padding(4),
  }),
);

/**
 * `missSendLengthBytes`: how much of a packet that misses goes to the controller; 0xffff is all of it. On a management
 * (`.mgmt`) connection Open vSwitch sends no asynchronous message at all (packet-in, port status, flow removed) until
 * this is not 0.
 */
const switchConfig = structure({
  fragments: named(u16, { normal: 0, drop: 1, reassemble: 2, nx_match: 3 }),
  missSendLengthBytes: u16,
});
export const getConfigRequest = standard("get_config_request", 7, nothing, "get_config_reply");
export const getConfigReply = standard("get_config_reply", 8, switchConfig);
export const setConfig = standard("set_config", 9, switchConfig);

export const barrierRequest = standard("barrier_request", 20, nothing, "barrier_reply");
export const barrierReply = standard("barrier_reply", 21, nothing);
