import type { ErrorName } from "../error-table.ts";
import { OXM_EXPERIMENTER, type Oxm } from "./oxm.ts";

/** What else a match must say before it may name a field: ovs-fields(7), "Prerequisites". */
export type Prerequisite =
  | "vlan"
  | "mpls"
  | "ipv4"
  | "ipv6"
  | "ip"
  | "arp"
  | "tcp"
  | "udp"
  | "sctp"
  | "icmpv4"
  | "icmpv6"
  | "nd"
  | "nd_solicit"
  | "nd_advert"
  | "nsh"
  | "ct"
  | "ct_ipv4"
  | "ct_ipv6"
  | "ct_transport";

/** How ovs-ofctl spells a value. */
export type Format =
  | "decimal"
  | "hexadecimal"
  | "ethernet"
  | "ipv4"
  | "ipv6"
  | "port"
  | "packet_type"
  | "ct_state"
  | "tcp_flags"
  | "tun_flags"
  | "frag";

/** What one row of the table says beyond identity and width. */
export interface FieldOptions {
  /** A match may name a part of the bits. */
  readonly maskable?: true;
  /** Actions may write it. */
  readonly writable?: true;
  readonly needs?: Prerequisite;
  readonly format?: Format;
  /**
   * The spellings of ovs-fields(7) where they are not the name of the row; the first is the one that ovs-ofctl prints.
   */
  readonly text?: readonly string[];
  /** vswitchd 3.1 takes the value for the mask, so that is what it must be sent: 5 comes back as 5/5. */
  readonly valueAsMask?: true;
  /** vswitchd 3.1 takes a match on 0 for none. */
  readonly zeroIsAny?: true;
  /** The highest value that vswitchd takes, where it is not every bit set. */
  readonly limit?: number;
  /** As many bits are addressed in references to a part of the field, where these are not its bits. */
  readonly width?: number;
  /** Bytes on the wire where they are more than the bits need. */
  readonly bytes?: number;
  /** What vswitchd 3.1 on the userspace datapath answers to a match on it, to an action that writes it. */
  readonly refused?: { readonly match?: ErrorName; readonly write?: ErrorName };
}

/** One field. `V` is how a value looks in TypeScript: fields of up to 48 bits are numbers, wider ones bigints. */
export interface Field<V extends number | bigint = number | bigint> extends FieldOptions {
  /**
   * The first is what is sent in OpenFlow 1.5. Nicira's structures hold the NXM one, or else the last, which is also
   * what ovs-ofctl prints. All are understood. Without any, the field is one of text only.
   */
  readonly identities: readonly Oxm[];
  /** Meaningful bits, the low ones. 0: as many as the switch mapped to the field (tun_metadata). */
  readonly bits: number;
  readonly bytes: number;
  /** All meaningful bits set: the largest value, and the mask of an exact match. */
  readonly ones: V;
}

export function field(bits: number, identities: readonly Oxm[], options: FieldOptions = {}): Field<number> {
  if (bits > 48) throw new RangeError(`${bits} bits are not a number`);
  return { bytes: Math.ceil(bits / 8), ...options, identities, bits, ones: 2 ** bits - 1 };
}

export function wideField(bits: number, identities: readonly Oxm[], options: FieldOptions = {}): Field<bigint> {
  return { bytes: bits / 8, ...options, identities, bits, ones: (1n << BigInt(bits)) - 1n };
}

/** The longest value of a tunnel option. */
export const MAX_TUNNEL_METADATA_BYTES = 124;

/** A field as long as the switch was told to map it: of at most 124 bytes. */
export function mappedField(identities: readonly Oxm[], options: FieldOptions = {}): Field<bigint> {
  const bytes = MAX_TUNNEL_METADATA_BYTES;
  return { ...options, identities, bits: 0, bytes, ones: (1n << BigInt(bytes * 8)) - 1n };
}

type Below<N extends number, Seen extends number[] = []> = Seen["length"] extends N
  ? Seen[number]
  : Below<N, [...Seen, Seen["length"]]>;

/** The rows `prefix0` to `prefix<count - 1>`. */
export function numbered<const P extends string, const N extends number, F extends Field>(
  prefix: P,
  count: N,
  row: (index: number) => F,
): { readonly [K in `${P}${Below<N>}`]: F } {
  const rows: Record<string, F> = {};
  for (let index = 0; index < count; index++) rows[`${prefix}${index}`] = row(index);
  return rows as { readonly [K in `${P}${Below<N>}`]: F };
}

/** The first 32 bits of an OXM. */
export function oxmHeader(oxm: Oxm, payloadBytes: number, masked: boolean): number {
  const length = (masked ? 2 * payloadBytes : payloadBytes) + (oxm.class === OXM_EXPERIMENTER ? 4 : 0);
  return ((oxm.class << 16) | (oxm.field << 9) | (masked ? 0x100 : 0) | length) >>> 0;
}
