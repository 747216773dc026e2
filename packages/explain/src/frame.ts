import type { IpPacket } from "@dragonflow/evaluator";
import {
  type Layers,
  decodePacket,
  encodePacket,
  formatIp,
  type LayersToEncode,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "@dragonflow/packet";
import { DecodeError } from "@dragonflow/wire";
import { ExplainError } from "./errors.ts";
import { PROTOCOL, type Service, serviceText } from "./question.ts";

/** A packet as its headers tell. */
export type Headers = Pick<IpPacket, "source" | "destination" | "protocol" | "header">;

/** Of a connection that begins now. */
const EPHEMERAL = 49_200;
const TTL = 64;
/** What whoever finds such a packet reads in it. */
const WORDS = new TextEncoder().encode("dragonflow trace");
const ECHO_ID = 1;
const NO_BYTES = new Uint8Array();

/** What is behind the IP header. */
export function headersOf(
  source: string,
  destination: string,
  { protocol, first, second }: Service,
  sourcePort = EPHEMERAL,
): Headers {
  const family = source.includes(":") ? 6 : 4;
  const isIcmp = protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmp6;
  if (isIcmp && family === 6 && protocol === PROTOCOL.icmp && first === 8)
    return {
      source,
      destination,
      protocol: PROTOCOL.icmp6,
      header: { type: "icmp", icmpType: 128, icmpCode: second ?? 0 },
    };
  if (isIcmp) {
    const header = { type: "icmp", icmpType: first ?? 0, icmpCode: second ?? 0 } as const;
    return { source, destination, protocol, header };
  }
  const header = first === undefined ? null : ({ type: "ports", source: sourcePort, destination: first } as const);
  return { source, destination, protocol, header };
}

/** The frame of a packet, as its sender sends it. @param echoId of ICMP and ICMPv6, what tells one sender of echo requests from another. */
export function frameOf(
  headers: Headers,
  mac: { readonly src: string; readonly dst: string },
  echoId = ECHO_ID,
): Uint8Array {
  return encodePacket(layersOf(headers, { src: parseMac(mac.src), dst: parseMac(mac.dst) }, echoId));
}

function layersOf(
  { source, destination, protocol, header }: Headers,
  ethernet: { src: number; dst: number },
  echoId: number,
): LayersToEncode {
  const ports =
    header?.type === "ports" ? { sourcePort: header.source, destinationPort: header.destination } : undefined;
  const icmp =
    header?.type === "icmp"
      ? ({ kind: "other", type: header.icmpType, code: header.icmpCode, bytes: echoOf(echoId) } as const)
      : undefined;
  const syn = { flags: { syn: true }, windowBytes: 64_240 } as const;
  if (source.includes(":")) {
    const ipv6 = { src: parseIpv6(source), dst: parseIpv6(destination), hopLimit: TTL };
    if (icmp !== undefined && protocol === PROTOCOL.icmp6) return { ethernet, ipv6, icmp6: icmp };
    if (ports !== undefined && protocol === PROTOCOL.tcp)
      return { ethernet, ipv6, tcp: { ...ports, ...syn }, payload: NO_BYTES };
    if (ports !== undefined && protocol === PROTOCOL.udp) return { ethernet, ipv6, udp: ports, payload: WORDS };
    return { ethernet, ipv6: { ...ipv6, protocol }, payload: sctpOf(header) };
  }
  const ipv4 = { src: parseIpv4(source), dst: parseIpv4(destination), ttl: TTL };
  if (icmp !== undefined && protocol === PROTOCOL.icmp) return { ethernet, ipv4, icmp4: icmp };
  if (ports !== undefined && protocol === PROTOCOL.tcp)
    return { ethernet, ipv4, tcp: { ...ports, ...syn }, payload: NO_BYTES };
  if (ports !== undefined && protocol === PROTOCOL.udp) return { ethernet, ipv4, udp: ports, payload: WORDS };
  return { ethernet, ipv4: { ...ipv4, protocol }, payload: sctpOf(header) };
}

/** Identifier and sequence number (RFC 792, RFC 4443 section 4.1), then what there is to read. */
const echoOf = (id: number): Uint8Array => Uint8Array.of(id >>> 8, id & 0xff, 0, 1, ...WORDS);

/** What ends the connection that a SYN of ours began, as its sender (RFC 9293 section 3.5.2); undefined where the frame is none. */
export function resetOf(frame: Uint8Array): Uint8Array | undefined {
  const { ethernet, ipv4, ipv6, tcp } = decoded(frame);
  if (ethernet === undefined || tcp === undefined || !tcp.flags.syn) return undefined;
  const { sourcePort, destinationPort, sequence } = tcp;
  // Sequence numbers go round (RFC 9293 section 3.4).
  const reset = { sourcePort, destinationPort, sequence: (sequence + 1) >>> 0, flags: { rst: true } };
  const link = { src: ethernet.src, dst: ethernet.dst };
  if (ipv4 !== undefined)
    return encodePacket({
      ethernet: link,
      ipv4: { src: ipv4.src, dst: ipv4.dst, ttl: TTL },
      tcp: reset,
      payload: NO_BYTES,
    });
  if (ipv6 === undefined) return undefined;
  const ip = { src: ipv6.src, dst: ipv6.dst, hopLimit: TTL };
  return encodePacket({ ethernet: link, ipv6: ip, tcp: reset, payload: NO_BYTES });
}

/** The ports stand first (RFC 9260 section 3.1); of other protocols nothing is known. */
function sctpOf(header: Headers["header"]): Uint8Array {
  if (header?.type !== "ports") return NO_BYTES;
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, header.source);
  view.setUint16(2, header.destination);
  return bytes;
}

/**
 * What a raw frame says; undefined: it is not IP, or a piece of a datagram.
 * @throws {ExplainError} `bad-question` where it is no frame.
 */
export function readFrame(frame: Uint8Array): Headers | undefined {
  const layers = decoded(frame);
  const ip = layers.ipv4 ?? layers.ipv6;
  if (ip === undefined) return undefined;
  const ends = { source: formatIp(ip.src), destination: formatIp(ip.dst), protocol: ip.protocol };
  const ports = layers.tcp ?? layers.udp;
  if (ports !== undefined)
    return { ...ends, header: { type: "ports", source: ports.sourcePort, destination: ports.destinationPort } };
  if (layers.icmp4 === undefined && layers.icmp6 === undefined) return { ...ends, header: null };
  const [icmpType = 0, icmpCode = 0] = frame.subarray(icmpAt(frame));
  return { ...ends, header: { type: "icmp", icmpType, icmpCode } };
}

function decoded(frame: Uint8Array): Layers {
  try {
    return decodePacket(frame);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new ExplainError("bad-question", `the frame cannot be read: ${error.message}`);
  }
}

/** Without VLAN tags and extension headers: those of a frame that a VM sends by itself. */
function icmpAt(frame: Uint8Array): number {
  const isIpv4 = (frame[14] ?? 0) >> 4 === 4;
  return 14 + (isIpv4 ? ((frame[14] ?? 0) & 15) * 4 : 40);
}

/** `ICMP echo request 10.0.0.1 -> 10.0.0.2`. */
export function headersText({ source, destination, protocol, header }: Headers): string {
  const [first, second] =
    header === null ? [] : header.type === "icmp" ? [header.icmpType, header.icmpCode] : [header.destination];
  return `${serviceText({ protocol, first, second })}, ${source} to ${destination}`;
}
