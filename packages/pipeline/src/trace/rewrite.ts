import { checksum, type IpAddress, pseudoHeader } from "@dragonflow/packet";
import { TraceError } from "./errors.ts";
import { extract, type Layout } from "./extract.ts";
import type { FieldSet } from "./fields.ts";

const VLAN = 0x8100;
const IP = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const PROTOCOL = { tcp: 6, udp: 17, sctp: 132, icmpv6: 58 } as const;

/**
 * The frame with the fields that have changed since it was `before`, as a switch writes them: checksums follow the change (RFC 1624), so that one
 * that was wrong stays wrong.
 * @throws {TraceError} `unsupported`: another EtherType, ports of SCTP (whose checksum is of another kind), a header that the frame does not have.
 */
export function rewrite(original: Uint8Array, before: FieldSet, after: FieldSet): Uint8Array {
  if (before.number("eth_type") !== after.number("eth_type")) throw new TraceError("unsupported", "another EtherType");
  const frame = retag(original, before, after);
  const { layout } = extract(frame);
  const view = new DataView(frame.buffer);
  const old = sums(frame, layout, before);

  writeMac(view, 0, after.number("eth_dst"));
  writeMac(view, 6, after.number("eth_src"));
  if (after.number("eth_type") === IP.ipv4) writeIpv4(view, layout, after);
  else if (after.number("eth_type") === IP.ipv6) writeIpv6(view, layout, after);
  else if (after.has("arp") && layout.l4 !== undefined) writeArp(view, layout.l4, after);
  if (layout.l4 !== undefined && after.has("ip")) writeTransport(view, layout.l4, layout.option, before, after);

  adjust(view, old, sums(frame, layout, after));
  return frame;
}

/** A copy of the frame, with the VLAN tag that it shall have. */
function retag(original: Uint8Array, before: FieldSet, after: FieldSet): Uint8Array<ArrayBuffer> {
  const rest = original.subarray(before.hasVlan ? 16 : 12);
  if (!after.hasVlan) return concat(original.subarray(0, 12), rest);
  const tag = new Uint8Array(4);
  const view = new DataView(tag.buffer);
  view.setUint16(0, before.hasVlan ? (original[12] ?? 0) * 256 + (original[13] ?? 0) : VLAN);
  view.setUint16(2, (after.number("vlan_pcp") << 13) | (after.number("vlan_vid") & 0xfff));
  return concat(original.subarray(0, 12), tag, rest);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function writeMac(view: DataView, at: number, mac: number): void {
  view.setUint16(at, Math.floor(mac / 0x1_0000_0000));
  view.setUint32(at + 2, mac % 0x1_0000_0000);
}
function writeAddress6(view: DataView, at: number, address: bigint): void {
  view.setBigUint64(at, address >> 64n);
  view.setBigUint64(at + 8, address & 0xffff_ffff_ffff_ffffn);
}

function writeIpv4(view: DataView, { l3 }: Layout, fields: FieldSet): void {
  if (view.byteLength - l3 < 20) return;
  view.setUint8(l3 + 1, (fields.number("ip_dscp") << 2) | fields.number("ip_ecn"));
  view.setUint8(l3 + 8, fields.number("ip_ttl"));
  view.setUint32(l3 + 12, fields.number("ipv4_src"));
  view.setUint32(l3 + 16, fields.number("ipv4_dst"));
}

function writeIpv6(view: DataView, { l3 }: Layout, fields: FieldSet): void {
  if (view.byteLength - l3 < 40) return;
  const trafficClass = (fields.number("ip_dscp") << 2) | fields.number("ip_ecn");
  view.setUint32(l3, (0x6000_0000 | (trafficClass << 20) | fields.number("ipv6_label")) >>> 0);
  view.setUint8(l3 + 7, fields.number("ip_ttl"));
  writeAddress6(view, l3 + 8, BigInt(fields.get("ipv6_src")));
  writeAddress6(view, l3 + 24, BigInt(fields.get("ipv6_dst")));
}

function writeArp(view: DataView, at: number, fields: FieldSet): void {
  view.setUint16(at + 6, fields.number("arp_op"));
  writeMac(view, at + 8, fields.number("arp_sha"));
  view.setUint32(at + 14, fields.number("arp_spa"));
  writeMac(view, at + 18, fields.number("arp_tha"));
  view.setUint32(at + 24, fields.number("arp_tpa"));
}

function writeTransport(
  view: DataView,
  at: number,
  option: number | undefined,
  before: FieldSet,
  after: FieldSet,
): void {
  if (after.has("tcp")) {
    view.setUint16(at, after.number("tcp_src"));
    view.setUint16(at + 2, after.number("tcp_dst"));
  } else if (after.has("udp")) {
    view.setUint16(at, after.number("udp_src"));
    view.setUint16(at + 2, after.number("udp_dst"));
  } else if (after.has("sctp")) {
    const same = (["sctp_src", "sctp_dst"] as const).every((port) => before.get(port) === after.get(port));
    if (!same) throw new TraceError("unsupported", "another port of SCTP");
  } else if (after.has("icmpv4")) {
    view.setUint8(at, after.number("icmpv4_type"));
    view.setUint8(at + 1, after.number("icmpv4_code"));
  } else if (after.has("icmpv6")) {
    view.setUint8(at, after.number("icmpv6_type"));
    view.setUint8(at + 1, after.number("icmpv6_code"));
    if (after.has("nd") && before.has("nd")) writeNeighbourDiscovery(view, at, option, after);
  }
}

/** The option that is there turns into what its type says; an option that is not there cannot be added. */
function writeNeighbourDiscovery(view: DataView, at: number, option: number | undefined, fields: FieldSet): void {
  view.setUint32(at + 4, fields.number("nd_reserved"));
  writeAddress6(view, at + 8, BigInt(fields.get("nd_target")));
  if (option === undefined) return;
  const type = fields.number("nd_options_type");
  view.setUint8(option, type);
  if (type === 1) writeMac(view, option + 2, fields.number("nd_sll"));
  if (type === 2) writeMac(view, option + 2, fields.number("nd_tll"));
}

/** One checksum: where it stands, and that of all it covers except for itself. */
interface Sum {
  readonly at: number;
  readonly value: number;
  /** UDP over IPv4: 0 says that there is none. */
  readonly optional: boolean;
}

function sums(frame: Uint8Array, { l3, l4, end }: Layout, fields: FieldSet): readonly Sum[] {
  const found: Sum[] = [];
  const isIpv4 = fields.number("eth_type") === IP.ipv4;
  if (isIpv4 && frame.length - l3 >= 20) {
    const header = frame.subarray(l3, l3 + ((frame[l3] ?? 0) & 15) * 4);
    found.push({ at: l3 + 10, value: without(header, 10), optional: false });
  }
  if (l4 === undefined || !fields.has("ip")) return found;
  const protocol = fields.number("ip_proto");
  const offset = isIpv4 && protocol === 1 ? 2 : OFFSETS.get(protocol);
  if (offset === undefined) return found;
  const [src, dst] = isIpv4 ? (["ipv4_src", "ipv4_dst"] as const) : (["ipv6_src", "ipv6_dst"] as const);
  const addresses: { src: IpAddress; dst: IpAddress } = { src: fields.get(src), dst: fields.get(dst) };
  const seed = isIpv4 && protocol === 1 ? 0 : pseudoHeader(addresses, protocol, end - l4);
  found.push({
    at: l4 + offset,
    value: without(frame.subarray(l4, end), offset, seed),
    optional: isIpv4 && protocol === PROTOCOL.udp,
  });
  return found;
}

const OFFSETS: ReadonlyMap<number, number> = new Map([
  [PROTOCOL.tcp, 16],
  [PROTOCOL.udp, 6],
  [PROTOCOL.icmpv6, 2],
]);

function without(bytes: Uint8Array, offset: number, seed = 0): number {
  const copy = bytes.slice();
  copy.fill(0, offset, offset + 2);
  return checksum(copy, seed);
}

function adjust(view: DataView, old: readonly Sum[], now: readonly Sum[]): void {
  now.forEach(({ at, value, optional }, i) => {
    const was = old[i]?.value ?? value;
    const there = view.getUint16(at);
    if (was === value || (optional && there === 0)) return;
    const words = new Uint8Array(6);
    const sum = new DataView(words.buffer);
    sum.setUint16(0, ~there & 0xffff);
    sum.setUint16(2, was);
    sum.setUint16(4, ~value & 0xffff);
    const changed = checksum(words);
    view.setUint16(at, optional && changed === 0 ? 0xffff : changed);
  });
}
