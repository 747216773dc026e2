/**
 * Ports: their description, state, statistics and configuration. OpenFlow 1.5.1 sections 7.2.1, 7.3.4.3, 7.3.5.7,
 * 7.3.5.8, 7.4.3.
 */
import { type Codec, type ValueOf, padding, u32, u64, u8 } from "@dragonflow/wire";
import { ethernetAddress, flags, length16, named, optional, structure, text } from "../layout.ts";
import { Experimenter, PortNumber } from "../numbers.ts";
import { aligned, experimenterProperty, properties, property } from "../properties.ts";
import { replyList, request, standard } from "./row.ts";
import { duration } from "./stats.ts";

const config = flags(u32, { port_down: 1 << 0, no_recv: 1 << 2, no_fwd: 1 << 5, no_packet_in: 1 << 6 });
const linkFeatures = flags(u32, {
  "10mb_hd": 1 << 0,
  "10mb_fd": 1 << 1,
  "100mb_hd": 1 << 2,
  "100mb_fd": 1 << 3,
  "1gb_hd": 1 << 4,
  "1gb_fd": 1 << 5,
  "10gb_fd": 1 << 6,
  "40gb_fd": 1 << 7,
  "100gb_fd": 1 << 8,
  "1tb_fd": 1 << 9,
  other: 1 << 10,
  copper: 1 << 11,
  fiber: 1 << 12,
  autoneg: 1 << 13,
  pause: 1 << 14,
  pause_asym: 1 << 15,
});

/** One port. `ethernet`: what the link does now, offers, can do, and what its peer offers. */
const port = structure(
  {
    port: u32,
    length: length16,
    reserved: padding(2),
    hardwareAddress: ethernetAddress,
    reserved2: padding(2),
    name: text(16),
    config,
    state: flags(u32, { link_down: 1 << 0, blocked: 1 << 1, live: 1 << 2 }),
  },
  properties({
    ethernet: property(
      0,
      aligned(
        structure({
          current: linkFeatures,
          advertised: linkFeatures,
          supported: linkFeatures,
          peer: linkFeatures,
          currentSpeedKbps: u32,
          maxSpeedKbps: u32,
        }),
      ),
    ),
  }),
);

export type Port = ValueOf<typeof port>;

export const portStatus = standard(
  "port_status",
  12,
  structure({ reason: named(u8, { add: 0, delete: 1, modify: 2 }), reserved: padding(7), port }),
);

/**
 * `config` is what the bits in `mask` become; `hardwareAddress` must be the port's own. `advertise`: link features to
 * offer from now on.
 */
export const portMod = standard(
  "port_mod",
  16,
  structure(
    { port: u32, reserved: padding(4), hardwareAddress: ethernetAddress, reserved2: padding(2), config, mask: config },
    properties({ advertise: property(0, linkFeatures) }),
  ),
);

/** `port` absent: all of them. */
const whichPort = structure({ port: optional(u32, PortNumber.any), reserved: padding(4) });

export const portDescRequest = request("port_desc_request", 13, whichPort, "port_desc_reply");
export const portDescReply = replyList("port_desc_reply", 13, port);

/** Frames by length in bytes: up to 64, 127 and so on. */
const byLength = structure({ to64: u64, to127: u64, to255: u64, to511: u64, to1023: u64, to1522: u64, toMax: u64 });
/** Counters of RFC 2819, Intel's extension. */
const rfc2819 = aligned(
  structure({
    rx: byLength,
    tx: byLength,
    txMulticast: u64,
    rxBroadcast: u64,
    txBroadcast: u64,
    rxUndersized: u64,
    rxOversized: u64,
    rxFragmented: u64,
    rxJabber: u64,
  }),
);
/** Counters that a network device has under its own names, Intel's extension. */
const custom: Codec<ReadonlyMap<string, bigint>> = {
  read(r) {
    r.skip(2);
    const counters = new Map<string, bigint>();
    for (let left = r.u16("counters"); left > 0; left--) {
      const name = new TextDecoder().decode(r.bytes(r.u8("name length"), "counter name"));
      counters.set(name, r.u64("counter"));
    }
    return counters;
  },
  write(w, counters) {
    w.u16(0).u16(counters.size, "counters");
    for (const [name, value] of counters) {
      const bytes = new TextEncoder().encode(name);
      w.u8(bytes.length, "counter name").bytes(bytes).u64(value, name);
    }
  },
};

/** Counters that the switch does not keep are 2^64 - 1. */
export const portStatsRequest = request("port_stats_request", 4, whichPort, "port_stats_reply");
export const portStatsReply = replyList(
  "port_stats_reply",
  4,
  structure(
    {
      length: length16,
      reserved: padding(2),
      port: u32,
      duration,
      rxPackets: u64,
      txPackets: u64,
      rxBytes: u64,
      txBytes: u64,
      rxDropped: u64,
      txDropped: u64,
      rxErrors: u64,
      txErrors: u64,
    },
    properties({
      ethernet: property(
        0,
        aligned(structure({ rxFrameErrors: u64, rxOverrunErrors: u64, rxCrcErrors: u64, collisions: u64 })),
      ),
      rfc2819: experimenterProperty(Experimenter.intel, 1, rfc2819),
      custom: experimenterProperty(Experimenter.intel, 2, custom),
    }),
  ),
);
