/** Frames of the model as bytes, and back. */
import {
  decodeDhcp4,
  decodePacket,
  encodeDhcp4,
  encodePacket,
  formatIp,
  formatMac,
  type Icmp4,
  type Icmp6,
  type LayersToEncode,
  parseIp,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "@dragonflow/packet";
import { PROTOCOL } from "../packet.ts";
import type { Frame, IpContent, Said } from "../whole/frame.ts";

const OTHER_ETHER_TYPE = 0x88b5;
const TAG = { id: 7, priority: 3 } as const;
const payload = Uint8Array.of(0, 7, 0, 7, 1, 2, 3, 4);

/** The bytes of a frame. @throws {EncodeError} */
export function bytesOf({ source, destination, tagged, content }: Frame): Uint8Array {
  const ethernet = { src: parseMac(source), dst: parseMac(destination), ...(tagged && { vlans: [TAG] }) };
  switch (content.type) {
    case "other":
      return encodePacket({ ethernet: { ...ethernet, etherType: OTHER_ETHER_TYPE }, payload });
    case "arp": {
      const { operation, senderMac, senderIp, targetMac, targetIp } = content;
      const ips = { senderIp: parseIpv4(senderIp), targetIp: parseIpv4(targetIp) };
      const arp = { operation, senderMac: parseMac(senderMac), targetMac: parseMac(targetMac), ...ips };
      return encodePacket({ ethernet, arp });
    }
    case "ip":
      return encodePacket(content.source.includes(":") ? overIpv6(ethernet, content) : overIpv4(ethernet, content));
  }
}

function overIpv4(ethernet: LayersToEncode["ethernet"], content: IpContent): LayersToEncode {
  const { source, destination, ttl, protocol, fragment, header } = content;
  const pieces = { none: {}, first: { moreFragments: true }, later: { fragmentOffsetBytes: 8 } } as const;
  const ipv4 = { src: parseIpv4(source), dst: parseIpv4(destination), ttl, ...pieces[fragment] };
  const raw = { ethernet, ipv4: { ...ipv4, protocol }, payload: fragment === "later" ? payload : rawHeader(header) };
  if (fragment !== "none") return raw;
  if (header?.type === "icmp" && protocol === PROTOCOL.icmp) return { ethernet, ipv4, icmp4: icmp4Of(header) };
  const transport = transportOf(content);
  return transport === undefined ? raw : { ethernet, ipv4, ...transport };
}

function overIpv6(ethernet: LayersToEncode["ethernet"], content: IpContent): LayersToEncode {
  const { source, destination, ttl, protocol, fragment, header, said } = content;
  const ipv6 = { src: parseIpv6(source), dst: parseIpv6(destination), hopLimit: ttl };
  if (fragment !== "none") {
    const offsetBytes = fragment === "later" ? 8 : 0;
    const extensions = [{ kind: "fragment" as const, offsetBytes, more: fragment === "first", id: 7 }];
    const bytes = fragment === "later" ? payload : rawHeader(header);
    return { ethernet, ipv6: { ...ipv6, protocol, extensions }, payload: bytes };
  }
  if (header?.type === "icmp" && protocol === PROTOCOL.icmp6) return { ethernet, ipv6, icmp6: icmp6Of(header, said) };
  const transport = transportOf(content);
  return transport === undefined
    ? { ethernet, ipv6: { ...ipv6, protocol }, payload: rawHeader(header) }
    : { ethernet, ipv6, ...transport };
}

type Header = NonNullable<IpContent["header"]>;

/** The beginning of what stands behind the IP header, with no checksum. Where TCP says how long its header is stands that: else it has no ports. */
function rawHeader(header: IpContent["header"]): Uint8Array {
  if (header === null) return payload;
  const { type } = header;
  const first =
    type === "icmp" ? [header.icmpType, header.icmpCode, 0, 0] : [...u16(header.source), ...u16(header.destination)];
  const raw = new Uint8Array(RAW_BYTES);
  raw.set(first);
  raw[12] = TCP_HEADER_WORDS << 4;
  return raw;
}
const RAW_BYTES = 24;
const TCP_HEADER_WORDS = 5;
const u16 = (value: number): readonly number[] => [value >>> 8, value & 0xff];

function transportOf({ protocol, header, said }: IpContent) {
  if (header?.type !== "ports") return undefined;
  const ports = { sourcePort: header.source, destinationPort: header.destination };
  if (protocol === PROTOCOL.udp) return { udp: ports, payload: said?.type === "dhcp" ? dhcpOf(said) : payload };
  if (protocol === PROTOCOL.tcp)
    return { tcp: { ...ports, sequence: 1, acknowledgement: 0, flags: { syn: true } }, payload };
  return undefined;
}

function icmp4Of({ icmpType, icmpCode }: Extract<Header, { type: "icmp" }>): Icmp4 {
  const echo = { code: icmpCode, id: 1, sequence: 1, payload };
  if (icmpType === 8) return { kind: "echo-request", ...echo };
  if (icmpType === 0) return { kind: "echo-reply", ...echo };
  return { kind: "other", type: icmpType, code: icmpCode, bytes: new Uint8Array(TIMESTAMP_BYTES) };
}
/** The longest of those without a body of their own here (RFC 792). */
const TIMESTAMP_BYTES = 16;

function icmp6Of({ icmpType, icmpCode }: Extract<Header, { type: "icmp" }>, said: Said | undefined): Icmp6 {
  const echo = { code: icmpCode, id: 1, sequence: 1, payload };
  if (icmpType === 128) return { kind: "echo-request", ...echo };
  if (icmpType === 129) return { kind: "echo-reply", ...echo };
  if (icmpType === 133 && icmpCode === 0) return { kind: "router-solicitation", code: 0, options: [] };
  if (icmpType === 134 && icmpCode === 0) return routerAdvertisement;
  if (said?.type !== "neighbour")
    return { kind: "other", type: icmpType, code: icmpCode, bytes: new Uint8Array(ND_BYTES.get(icmpType) ?? 8) };
  const target = parseIpv6(said.target);
  const mac = said.linkLayer === null ? undefined : parseMac(said.linkLayer);
  if (icmpType === 135) {
    const options = mac === undefined ? [] : [{ kind: "source-link-layer" as const, mac }];
    return { kind: "neighbour-solicitation", code: icmpCode, target, options };
  }
  const flags = { router: false, solicited: false, override: true };
  const options = mac === undefined ? [] : [{ kind: "target-link-layer" as const, mac }];
  return { kind: "neighbour-advertisement", code: icmpCode, flags, target, options };
}
/** Without options, behind type, code and checksum (RFC 4861 section 4). */
const ND_BYTES: ReadonlyMap<number, number> = new Map([
  [133, 4],
  [135, 20],
  [136, 20],
  [137, 36],
]);
const routerAdvertisement: Icmp6 = {
  kind: "router-advertisement",
  code: 0,
  currentHopLimit: 64,
  flags: { managed: false, otherConfiguration: false, homeAgent: false, preference: 0 },
  routerLifetimeSeconds: 1800,
  reachableTimeMs: 0,
  retransmitTimerMs: 0,
  options: [],
};

function dhcpOf({ message, client, address }: Extract<Said, { type: "dhcp" }>): Uint8Array {
  const ip = address === null ? undefined : parseIpv4(address);
  const isRequest = message === "discover" || message === "request";
  return encodeDhcp4({
    op: isRequest ? "request" : "reply",
    xid: 7,
    chaddr: parseMac(client),
    ...(!isRequest && ip !== undefined && { yiaddr: ip }),
    options: { messageType: message, ...(isRequest && ip !== undefined && { requestedAddress: ip }) },
  });
}

/** What the bytes of a frame say. @throws {DecodeError} */
export function frameIn(bytes: Uint8Array): Frame {
  const layers = decodePacket(bytes, { verify: false });
  const { src, dst, vlans } = layers.ethernet;
  const ends = { source: formatMac(src), destination: formatMac(dst), tagged: vlans.length > 0 };
  if (layers.arp !== undefined) {
    const { operation, senderMac, targetMac, senderIp, targetIp } = layers.arp;
    const macs = { senderMac: formatMac(senderMac), targetMac: formatMac(targetMac) };
    const ips = { senderIp: formatIp(senderIp), targetIp: formatIp(targetIp) };
    return { ...ends, content: { type: "arp", operation, ...macs, ...ips } };
  }
  const ip = layers.ipv4 ?? layers.ipv6;
  if (ip === undefined) return { ...ends, content: { type: "other" } };
  const start = bytes.length - behindIp(bytes, 14 + 4 * vlans.length).length;
  const fragment = layers.ipv4 ? pieceOf4(layers.ipv4) : pieceOf6(layers.ipv6);
  const content: IpContent = {
    type: "ip",
    source: formatIp(ip.src),
    destination: formatIp(ip.dst),
    ttl: layers.ipv4?.ttl ?? layers.ipv6?.hopLimit ?? 0,
    protocol: ip.protocol,
    header: fragment === "later" ? null : headerIn(bytes.subarray(start), ip.protocol),
    fragment,
  };
  const said = fragment === "none" ? saidIn(layers.icmp6, layers.udp && layers.payload, content.header) : undefined;
  return { ...ends, content: said === undefined ? content : { ...content, said } };
}

const IPV6_HEADER_BYTES = 40;
const FRAGMENT_HEADER = { protocol: 44, bytes: 8 } as const;
function behindIp(bytes: Uint8Array, start: number): Uint8Array {
  const first = bytes[start] ?? 0;
  if (first >>> 4 === 4) return bytes.subarray(start + 4 * (first & 15));
  const isFragment = bytes[start + 6] === FRAGMENT_HEADER.protocol;
  return bytes.subarray(start + IPV6_HEADER_BYTES + (isFragment ? FRAGMENT_HEADER.bytes : 0));
}

function pieceOf4(ip: {
  readonly fragmentOffsetBytes: number;
  readonly moreFragments: boolean;
}): IpContent["fragment"] {
  if (ip.fragmentOffsetBytes > 0) return "later";
  return ip.moreFragments ? "first" : "none";
}
function pieceOf6(ip: ReturnType<typeof decodePacket>["ipv6"]): IpContent["fragment"] {
  const header = ip?.extensions.find((extension) => extension.kind === "fragment");
  if (header?.kind !== "fragment") return "none";
  return header.offsetBytes > 0 ? "later" : "first";
}

const PORTS: readonly number[] = [PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.sctp];
function headerIn(bytes: Uint8Array, protocol: number): IpContent["header"] {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmp6) return { type: "icmp", icmpType: a, icmpCode: b };
  if (!PORTS.includes(protocol)) return null;
  return { type: "ports", source: a * 256 + b, destination: c * 256 + d };
}

function saidIn(
  icmp6: Icmp6 | undefined,
  datagram: Uint8Array | undefined,
  header: IpContent["header"],
): Said | undefined {
  if (header?.type === "icmp" && header.icmpCode !== 0) return undefined;
  if (icmp6?.kind === "neighbour-solicitation" || icmp6?.kind === "neighbour-advertisement") {
    const option = icmp6.options.find(({ kind }) => kind === "source-link-layer" || kind === "target-link-layer");
    const linkLayer = option !== undefined && "mac" in option ? formatMac(option.mac) : null;
    return { type: "neighbour", target: formatIp(icmp6.target), linkLayer };
  }
  if (icmp6?.kind === "router-advertisement") {
    const prefixes = icmp6.options.flatMap((option) =>
      option.kind === "prefix" ? [`${formatIp(option.prefix)}/${option.prefixLength}`] : [],
    );
    return prefixes.length === 0 ? undefined : { type: "router", prefixes: prefixes.sort() };
  }
  const isDhcp = header?.type === "ports" && [67, 68].includes(header.source) && [67, 68].includes(header.destination);
  if (datagram === undefined || datagram.length === payload.length || !isDhcp) return undefined;
  const { chaddr, yiaddr, options } = decodeDhcp4(datagram);
  const { messageType: message, requestedAddress } = options;
  if (message !== "discover" && message !== "offer" && message !== "request" && message !== "ack" && message !== "nak")
    return undefined;
  const isRequest = message === "discover" || message === "request";
  const given = isRequest ? requestedAddress : yiaddr === 0 ? undefined : yiaddr;
  return { type: "dhcp", message, client: formatMac(chaddr), address: given === undefined ? null : formatIp(given) };
}

/** The address in its one right spelling (RFC 5952). */
export const canonical = (address: string): string => formatIp(parseIp(address));
