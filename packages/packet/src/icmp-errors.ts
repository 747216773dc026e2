import { Reader } from "@dragonflow/wire";
import {
  IPV4_BROADCAST,
  type Ipv4Address,
  type Ipv6Address,
  isLoopbackIp,
  isMulticastIp,
  isMulticastMac,
  isUnspecifiedIp,
  type Mac,
} from "./addresses.ts";
import { decodeEthernet, type Ethernet, EtherType } from "./ethernet.ts";
import type { Icmp4 } from "./icmp4.ts";
import type { Icmp6 } from "./icmp6.ts";
import { decodeIpv4Header, IpProtocol } from "./ipv4.ts";
import { decodeIpv6Header, isLaterFragment6 } from "./ipv6.ts";
import type { LayersToEncode } from "./packet.ts";

/** The most that an ICMP error may be, IP header included (RFC 1812 section 4.3.2.3). */
const ERROR4_BYTES = 576;
/** The least MTU of IPv6, and the most that an ICMPv6 error may be (RFC 4443 section 2.4 (c)). */
const ERROR6_BYTES = 1280;
/** ICMP errors travel as internetwork control: precedence 6 (RFC 1812 section 4.3.2.5). */
const CONTROL_DSCP = 48;
/** ICMP types that are errors themselves: unreachable, source quench, redirect, time exceeded, parameter problem. */
const ERROR4_TYPES: readonly number[] = [3, 4, 5, 11, 12];
const REDIRECT6_TYPE = 137;

type WithoutQuote<M> = M extends { kind: string; quoted: Uint8Array } ? Omit<M, "quoted"> : never;
/** An ICMP error without what it quotes: `{ kind: "time-exceeded", code: 0 }`. */
export type Icmp4ErrorMessage = WithoutQuote<Icmp4>;
export type Icmp6ErrorMessage = WithoutQuote<Icmp6>;

/** Where an error comes from. `mac`: that which the original was sent to unless given. */
export interface ErrorSource<Address> {
  readonly ip: Address;
  readonly mac?: Mac;
}

/**
 * The ICMP error that a packet causes (RFC 792), quoting its header and as much of its payload as fits 576 bytes (RFC
 * 1812 section 4.3.2.3).
 * @param original the Ethernet frame.
 * @returns `undefined` where none may be sent (RFC 1812 section 4.3.2.7): for another error, a fragment but the
 * first, a frame or packet to many, or one from no single host; and for a frame that is not IPv4.
 * @throws {DecodeError} where the frame has no intact IPv4 header.
 */
export function icmp4Error(
  original: Uint8Array,
  message: Icmp4ErrorMessage,
  from: ErrorSource<Ipv4Address>,
): LayersToEncode | undefined {
  const r = new Reader(original);
  const ethernet = decodeEthernet(r);
  if (ethernet.etherType !== EtherType.ipv4 || isMulticastMac(ethernet.dst)) return undefined;
  const start = r.offset;
  const { header, payloadBytes } = decodeIpv4Header(r);
  const { src, dst, protocol, fragmentOffsetBytes } = header;
  if (fragmentOffsetBytes !== 0 || isToMany(dst)) return undefined;
  if (isToMany(src) || isUnspecifiedIp(src) || isLoopbackIp(src)) return undefined;
  if (protocol === IpProtocol.icmp4 && (r.done || ERROR4_TYPES.includes(r.peekU8()))) return undefined;
  const end = Math.min(original.length, r.offset + payloadBytes, start + ERROR4_BYTES - 28);
  return {
    ethernet: back(ethernet, from.mac),
    ipv4: { src: from.ip, dst: src, dscp: CONTROL_DSCP },
    icmp4: { ...message, quoted: original.subarray(start, end) },
  };
}

/** To a group, to all, or to what is reserved (RFC 1112 section 4). */
function isToMany(ip: Ipv4Address): boolean {
  return isMulticastIp(ip) || ip === IPV4_BROADCAST || ip >>> 28 === 0xf;
}

/**
 * The ICMPv6 error that a packet causes, quoting as much of it as fits 1280 bytes (RFC 4443 section 2.4 (c)).
 * @param original the Ethernet frame.
 * @param from.mac needed where the original was sent to a group.
 * @returns `undefined` where none may be sent (RFC 4443 section 2.4 (e)): for another error or a redirect, from no
 * single node, and to many unless it is `packet-too-big` or tells of an unknown option (`parameter-problem` code 2);
 * and for a frame that is not IPv6.
 * @throws {DecodeError} where the frame has no intact IPv6 header.
 */
export function icmp6Error(
  original: Uint8Array,
  message: Icmp6ErrorMessage,
  from: ErrorSource<Ipv6Address>,
): LayersToEncode | undefined {
  const r = new Reader(original);
  const ethernet = decodeEthernet(r);
  if (ethernet.etherType !== EtherType.ipv6) return undefined;
  const start = r.offset;
  const { header, payloadBytes } = decodeIpv6Header(r);
  const { src, dst, protocol } = header;
  if (isUnspecifiedIp(src) || isMulticastIp(src)) return undefined;
  const evenToMany = message.kind === "packet-too-big" || (message.kind === "parameter-problem" && message.code === 2);
  if (isMulticastIp(dst) || isMulticastMac(ethernet.dst)) {
    if (!evenToMany || from.mac === undefined) return undefined;
  }
  if (protocol === IpProtocol.icmp6 && !isLaterFragment6(header) && (r.done || isError6(r.peekU8()))) return undefined;
  const end = Math.min(original.length, r.offset + payloadBytes, start + ERROR6_BYTES - 48);
  return {
    ethernet: back(ethernet, from.mac),
    ipv6: { src: from.ip, dst: src },
    icmp6: { ...message, quoted: original.subarray(start, end) },
  };
}

/** Errors are the types below 128 (RFC 4443 section 2.1); a redirect counts as one here. */
function isError6(type: number): boolean {
  return type < 128 || type === REDIRECT6_TYPE;
}

function back({ src, dst, vlans }: Ethernet, mac: Mac = dst): LayersToEncode["ethernet"] {
  return { src: mac, dst: src, vlans };
}
