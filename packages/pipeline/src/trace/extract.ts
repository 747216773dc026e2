import { FieldSet } from "./fields.ts";

/** Where the headers of a frame begin, in bytes from its start. */
export interface Layout {
  /** The first VLAN tag, right behind the addresses. */
  readonly vlan: number | undefined;
  /** Behind the EtherType. */
  readonly l3: number;
  /** ARP, TCP, UDP, ICMP ...: undefined where the frame has none that is whole enough to be looked at. */
  readonly l4: number | undefined;
  /** Where the IP packet ends: what follows is padding. */
  readonly end: number;
  /** The first link-layer address option of a neighbour discovery message. */
  readonly option: number | undefined;
}

const ETH_TYPE = { ipv4: 0x0800, arp: 0x0806, rarp: 0x8035, ipv6: 0x86dd } as const;
/** What Open vSwitch calls the type of a frame that has a length there (IEEE 802.3). */
const NO_TYPE = 0x05ff;
const isTag = (type: number): boolean => type === 0x8100 || type === 0x88a8;
const FRAGMENT = { any: 1, later: 2 } as const;

/**
 * Takes the fields out of a frame as Open vSwitch does: as far as they are there, without complaint (a truncated header reads as zeros). One VLAN
 * tag is looked at, which is what vswitchd's other_config:vlan-limit starts with.
 */
export function extract(frame: Uint8Array): { readonly fields: FieldSet; readonly layout: Layout } {
  const fields = new FieldSet();
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const nothing = { vlan: undefined, l3: frame.length, l4: undefined, end: frame.length, option: undefined };
  if (frame.length < 14) return { fields, layout: nothing };
  fields.set("eth_dst", view.getUint16(0) * 0x1_0000_0000 + view.getUint32(2));
  fields.set("eth_src", view.getUint16(6) * 0x1_0000_0000 + view.getUint32(8));
  const tagged = isTag(view.getUint16(12)) && frame.length >= 18;
  if (tagged) {
    const tci = view.getUint16(14);
    fields.set("vlan_vid", 0x1000 | (tci & 0xfff));
    fields.set("vlan_pcp", tci >>> 13);
  }
  const vlan = tagged ? 12 : undefined;
  const { type, l3 } = etherType(view, tagged ? 16 : 12);
  fields.set("eth_type", type);
  const layout = { ...nothing, vlan, l3 };
  switch (type) {
    case ETH_TYPE.ipv4:
      return { fields, layout: { ...layout, ...ipv4(view, l3, fields) } };
    case ETH_TYPE.ipv6:
      return { fields, layout: { ...layout, ...ipv6(view, l3, fields) } };
    case ETH_TYPE.arp:
    case ETH_TYPE.rarp:
      return { fields, layout: { ...layout, l4: arp(view, l3, fields) } };
    default:
      return { fields, layout };
  }
}

/** Also behind an LLC/SNAP header (RFC 1042). */
function etherType(view: DataView, at: number): { readonly type: number; readonly l3: number } {
  const type = view.getUint16(at);
  const l3 = at + 2;
  if (type >= 0x0600) return { type, l3 };
  if (view.byteLength - l3 < 8) return { type: NO_TYPE, l3 };
  const isSnap = view.getUint32(l3) === 0xaaaa0300 && view.getUint16(l3 + 4) === 0;
  const inner = view.getUint16(l3 + 6);
  return isSnap && inner >= 0x0600 ? { type: inner, l3: l3 + 8 } : { type: NO_TYPE, l3 };
}

function arp(view: DataView, at: number, fields: FieldSet): number | undefined {
  if (view.byteLength - at < 28 || view.getUint32(at) !== 0x00010800 || view.getUint16(at + 4) !== 0x0604)
    return undefined;
  const operation = view.getUint16(at + 6);
  if (operation <= 0xff) fields.set("arp_op", operation);
  fields.set("arp_sha", mac(view, at + 8));
  fields.set("arp_spa", view.getUint32(at + 14));
  fields.set("arp_tha", mac(view, at + 18));
  fields.set("arp_tpa", view.getUint32(at + 24));
  return at;
}

const mac = (view: DataView, at: number): number => view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2);
const address6 = (view: DataView, at: number): bigint => (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);

type Transport = Pick<Layout, "l4" | "end" | "option">;

function ipv4(view: DataView, at: number, fields: FieldSet): Partial<Transport> {
  const size = view.byteLength - at;
  if (size < 20) return {};
  const headerBytes = (view.getUint8(at) & 15) * 4;
  const totalBytes = view.getUint16(at + 2);
  if (headerBytes < 20 || headerBytes > totalBytes || totalBytes > size) return {};
  trafficClass(view.getUint8(at + 1), fields);
  fields.set("ip_ttl", view.getUint8(at + 8));
  fields.set("ip_proto", view.getUint8(at + 9));
  fields.set("ipv4_src", view.getUint32(at + 12));
  fields.set("ipv4_dst", view.getUint32(at + 16));
  const fragment = view.getUint16(at + 6) & 0x3fff;
  const later = (fragment & 0x1fff) !== 0;
  if (fragment !== 0) fields.set("ip_frag", FRAGMENT.any | (later ? FRAGMENT.later : 0));
  const end = at + totalBytes;
  return later ? { end } : { end, ...transport(view, at + headerBytes, end, fields) };
}

function trafficClass(value: number, fields: FieldSet): void {
  fields.set("ip_dscp", value >>> 2);
  fields.set("ip_ecn", value & 3);
}

function ipv6(view: DataView, at: number, fields: FieldSet): Partial<Transport> {
  const size = view.byteLength - at;
  if (size < 40 || view.getUint16(at + 4) > size - 40) return {};
  const end = at + 40 + view.getUint16(at + 4);
  fields.set("ipv6_src", address6(view, at + 8));
  fields.set("ipv6_dst", address6(view, at + 24));
  const headers = extensionHeaders(view, at + 40, end, view.getUint8(at + 6));
  if (headers === undefined) return {};
  const first = view.getUint32(at);
  trafficClass((first >>> 20) & 0xff, fields);
  fields.set("ipv6_label", first & 0xfffff);
  fields.set("ip_ttl", view.getUint8(at + 7));
  fields.set("ip_proto", headers.protocol);
  if (headers.fragment !== 0) fields.set("ip_frag", headers.fragment);
  const later = (headers.fragment & FRAGMENT.later) !== 0;
  return later ? { end } : { end, ...transport(view, headers.at, end, fields) };
}

/** Undefined where a header is cut off. */
function extensionHeaders(
  view: DataView,
  start: number,
  end: number,
  next: number,
): { readonly at: number; readonly protocol: number; readonly fragment: number } | undefined {
  let at = start;
  let protocol = next;
  let fragment = 0;
  for (;;) {
    const known = protocol === 0 || protocol === 43 || protocol === 44 || protocol === 51 || protocol === 60;
    if (!known) return { at, protocol, fragment };
    if (end - at < 8) return undefined;
    const following = view.getUint8(at);
    const units = view.getUint8(at + 1);
    if (protocol === 44) {
      const position = view.getUint16(at + 2);
      at += 8;
      if (position !== 0) fragment = FRAGMENT.any;
      // What protocol a later fragment is part of does not count: there is no header of it here.
      if ((position & 0xfff8) !== 0) return { at, protocol, fragment: fragment | FRAGMENT.later };
    } else {
      at += protocol === 51 ? (units + 2) * 4 : (units + 1) * 8;
    }
    if (at > end) return undefined;
    protocol = following;
  }
}

/** Without options. */
const TCP_HEADER_BYTES = 20;

function transport(view: DataView, at: number, end: number, fields: FieldSet): Partial<Transport> {
  const size = end - at;
  const isIpv6 = fields.number("eth_type") === ETH_TYPE.ipv6;
  const protocol = fields.number("ip_proto");
  switch (protocol) {
    case 6: {
      if (size < TCP_HEADER_BYTES) return {};
      // It says itself how long it is. One that is shorter than any, or longer than the packet, is none.
      const headerBytes = (view.getUint8(at + 12) >>> 4) * 4;
      if (headerBytes < TCP_HEADER_BYTES || headerBytes > size) return {};
      fields.set("tcp_src", view.getUint16(at));
      fields.set("tcp_dst", view.getUint16(at + 2));
      fields.set("tcp_flags", view.getUint16(at + 12) & 0xfff);
      return { l4: at };
    }
    case 17:
    case 132: {
      if (size < (protocol === 17 ? 8 : 12)) return {};
      fields.set(protocol === 17 ? "udp_src" : "sctp_src", view.getUint16(at));
      fields.set(protocol === 17 ? "udp_dst" : "sctp_dst", view.getUint16(at + 2));
      return { l4: at };
    }
    case 1:
      if (isIpv6 || size < 8) return {};
      fields.set("icmpv4_type", view.getUint8(at));
      fields.set("icmpv4_code", view.getUint8(at + 1));
      return { l4: at };
    case 58:
      if (!isIpv6 || size < 8) return {};
      fields.set("icmpv6_type", view.getUint8(at));
      fields.set("icmpv6_code", view.getUint8(at + 1));
      return { l4: at, option: neighbourDiscovery(view, at, end, fields) };
    default:
      return {};
  }
}

const LINK_LAYER_OPTION = { source: 1, target: 2 } as const;

/** @returns where the first link-layer address option stands. */
function neighbourDiscovery(view: DataView, at: number, end: number, fields: FieldSet): number | undefined {
  if (!fields.has("nd")) return undefined;
  fields.set("nd_reserved", view.getUint32(at + 4));
  if (end - at < 24) return undefined;
  let first: number | undefined;
  const found = new Map<number, number>();
  for (let option = at + 24; end - option >= 8; ) {
    const type = view.getUint8(option);
    const bytes = view.getUint8(option + 1) * 8;
    if (bytes === 0 || bytes > end - option) break;
    if (bytes === 8 && (type === LINK_LAYER_OPTION.source || type === LINK_LAYER_OPTION.target)) {
      // Given twice, an option is a mistake (or an attempt): then nothing of the message counts.
      if ((found.get(type) ?? 0) !== 0) return undefined;
      found.set(type, mac(view, option + 2));
      first ??= option;
    }
    option += bytes;
  }
  fields.set("nd_target", address6(view, at + 8));
  if (first !== undefined) fields.set("nd_options_type", view.getUint8(first));
  fields.set("nd_sll", found.get(LINK_LAYER_OPTION.source) ?? 0);
  fields.set("nd_tll", found.get(LINK_LAYER_OPTION.target) ?? 0);
  return first;
}
