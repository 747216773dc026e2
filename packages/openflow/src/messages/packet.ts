/**
 * Packets to and from a controller. OpenFlow 1.5.1 sections 7.3.6, 7.4.1; Nicira's packet-in with userdata and
 * continuation.
 */
import { padding, rest, u16, u32, u64, u8 } from "@dragonflow/wire";
import { PACKET_IN_REASONS } from "../actions/controller.ts";
import { lengthOf, named, optional, structure } from "../layout.ts";
import { NO_BUFFER } from "../numbers.ts";
import { aligned, properties, property, requiring } from "../properties.ts";
import { actions, match, metadata } from "./parts.ts";
import { nicira, standard } from "./row.ts";

const reason = named(u8, PACKET_IN_REASONS);

/** Open vSwitch buffers no packet since 2.7: `buffer` is absent there. */
export const packetIn = standard(
  "packet_in",
  10,
  structure({
    buffer: optional(u32, NO_BUFFER),
    /** Of the whole frame, of which `frame` may be only the first part. */
    frameLengthBytes: u16,
    reason,
    table: u8,
    cookie: u64,
    /** Pipeline fields: in_port, metadata, registers, tunnel. */
    match,
    reserved: padding(2),
    frame: rest,
  }),
);

/** `match` holds pipeline fields only, `in_port` among them. */
export const packetOut = standard(
  "packet_out",
  13,
  structure({
    buffer: optional(u32, NO_BUFFER),
    actionsLength: lengthOf("actions"),
    reserved: padding(2),
    match,
    actions,
    frame: rest,
  }),
);

const packetProperties = {
  frame: property(0, rest),
  /** Of the whole frame, where `frame` is only the first part. */
  frameLengthBytes: property(1, u32),
  buffer: property(2, u32),
  table: property(3, u8),
  cookie: property(4, aligned(u64)),
  reason: property(5, reason),
  /** Pipeline fields: in_port, metadata, registers, tunnel. */
  metadata: property(6, metadata),
} as const;
/**
 * The state of a packet that waits at `controller(pause)`. Opaque: it goes back unchanged, once, and to the same
 * vswitchd process.
 */
const continuation = property(8, aligned(rest));

/**
 * Sent in place of `packet_in` after a `set_packet_in_format` that asks for it. `controller` actions that pause need
 * it: in another format the continuation is missing, and the packet is lost. The table of a paused packet is 0 and its
 * cookie absent: they are in the continuation.
 */
export const packetIn2 = nicira(
  "packet_in2",
  30,
  requiring(
    properties({
      ...packetProperties,
      continuation,
      /** What the `controller` action was given for us. */
      userdata: property(7, rest),
    }),
    "frame",
  ),
);
/**
 * Lets a paused packet go on, as the packet-in gave it or with `frame` and `metadata` changed. Errors: NXR_STALE,
 * NXR_NOT_SUPPORTED.
 */
export const resume = nicira(
  "resume",
  28,
  requiring(properties({ ...packetProperties, continuation }), "frame", "continuation"),
);

export const setPacketInFormat = nicira(
  "set_packet_in_format",
  16,
  structure({ format: named(u32, { packet_in: 0, nxt_packet_in: 1, packet_in2: 2 }) }),
);
/** A connection gets the packet-ins of `controller` actions that name its id; 0 until it chooses another. */
export const setControllerId = nicira("set_controller_id", 20, structure({ reserved: padding(6), controllerId: u16 }));
