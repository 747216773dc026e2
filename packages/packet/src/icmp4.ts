import { padding, rest, struct, u16, u32, u8 } from "@dragonflow/wire";
import { ip4 } from "./addresses.ts";
import { type IcmpCodec, icmpCodec } from "./icmp-message.ts";

const echo = struct({ id: u16, sequence: u16, payload: rest });
const timestamp = struct({ id: u16, sequence: u16, originateMs: u32, receiveMs: u32, transmitMs: u32 });

/**
 * Messages of RFC 792, one row per kind. `quoted` is the header and the beginning of the packet that caused an error.
 * Others are kept as `other`.
 */
const messages = icmpCodec(4, {
  "echo-reply": { type: 0, body: echo },
  // mtuBytes: with code 4 (RFC 1191 section 4), else 0.
  unreachable: { type: 3, body: struct({ reserved: padding(2), mtuBytes: u16, quoted: rest }) },
  redirect: { type: 5, body: struct({ gateway: ip4, quoted: rest }) },
  "echo-request": { type: 8, body: echo },
  "time-exceeded": { type: 11, body: struct({ reserved: padding(4), quoted: rest }) },
  "parameter-problem": { type: 12, body: struct({ pointer: u8, reserved: padding(3), quoted: rest }) },
  "timestamp-request": { type: 13, body: timestamp },
  "timestamp-reply": { type: 14, body: timestamp },
});

/** An ICMP message, told apart by `kind`. */
export type Icmp4 = typeof messages extends IcmpCodec<infer M> ? M : never;
/** Decoder and encoder of {@link Icmp4}: see {@link IcmpCodec}. */
export const { decode: decodeIcmp4, encode: encodeIcmp4 } = messages;

/** Codes of `unreachable` (RFC 792; RFC 1812 section 5.2.7.1). */
export const UnreachableCode = {
  network: 0,
  host: 1,
  protocol: 2,
  port: 3,
  fragmentationNeeded: 4,
  administrativelyProhibited: 13,
} as const;
