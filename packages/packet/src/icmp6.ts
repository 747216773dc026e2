import { padding, rest, struct, u16, u32 } from "@dragonflow/wire";
import { type IcmpCodec, icmpCodec } from "./icmp-message.ts";
import { ndMessages } from "./nd.ts";

const echo = struct({ id: u16, sequence: u16, payload: rest });

/**
 * Messages of RFC 4443 and RFC 4861, one row per kind. `quoted` is the beginning of the packet that caused an error.
 * Others are kept as `other`.
 */
const messages = icmpCodec(6, {
  unreachable: { type: 1, body: struct({ reserved: padding(4), quoted: rest }) },
  "packet-too-big": { type: 2, body: struct({ mtuBytes: u32, quoted: rest }) },
  "time-exceeded": { type: 3, body: struct({ reserved: padding(4), quoted: rest }) },
  "parameter-problem": { type: 4, body: struct({ pointer: u32, quoted: rest }) },
  "echo-request": { type: 128, body: echo },
  "echo-reply": { type: 129, body: echo },
  ...ndMessages,
});

/** An ICMPv6 message, told apart by `kind`. */
export type Icmp6 = typeof messages extends IcmpCodec<infer M> ? M : never;
/** Decoder and encoder of {@link Icmp6}: see {@link IcmpCodec}. */
export const { decode: decodeIcmp6, encode: encodeIcmp6 } = messages;

/** Codes of `unreachable` (RFC 4443 section 3.1). */
export const Unreachable6Code = {
  noRoute: 0,
  administrativelyProhibited: 1,
  beyondScope: 2,
  address: 3,
  port: 4,
  sourcePolicy: 5,
  rejectRoute: 6,
} as const;
