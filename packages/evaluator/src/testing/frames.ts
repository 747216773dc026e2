/** The frame of a case: as the sender's port sends it, or as it arrives at the receiver's. */
import type { LocalPortRecord } from "@dragonflow/model";
import {
  encodePacket,
  type Icmp6,
  IPV4_BROADCAST,
  isIpv4,
  isMulticastIp,
  type LayersToEncode,
  type Mac,
  MAC_BROADCAST,
  multicastMac,
  type NdOption,
  parseIp,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "@dragonflow/packet";
import { type End, type IpPacket, type OtherPacket, PROTOCOL } from "../packet.ts";
import { portAt } from "../rules.ts";
import type { Case } from "./cases.ts";
import { networkId, routerMac } from "./pools.ts";

const PAYLOAD = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
/** Of a later fragment; behind any header above IP. */
const LATER_OFFSET_BYTES = 1480;
const ETHERNET_BYTES = 14;

interface Ethernet {
  readonly src: Mac;
  readonly dst: Mac;
}
/** What a packet's frame is made of besides the packet. */
interface Surroundings {
  readonly link: Ethernet;
  /** What an error is about. */
  readonly quoted: IpPacket | null;
  readonly hopsDone: number;
  /** Whose MAC address a solicitation asks for. */
  readonly target: string;
}

/**
 * @param end where the frame is seen: on the other side of a router it has other MAC addresses. Who is no port has the router's. Of a later fragment
 * there is nothing in it of the header above IP.
 */
export function frameOf({ cloud, packet, quoted }: Pick<Case, "cloud" | "packet" | "quoted">, end: End): Uint8Array {
  const source = portAt(cloud, packet.from);
  const destination = portAt(cloud, packet.to);
  const network = (end === "source" ? (source ?? destination) : (destination ?? source))?.networkId;
  const macOf = (port: LocalPortRecord | undefined): Mac =>
    parseMac(port !== undefined && port.networkId === network ? port.mac : routerMac(network === networkId(2) ? 2 : 1));
  const ethernet = { src: macOf(source), dst: macOf(destination) };
  if (packet.type !== "ip") return encodePacket(linkLayers(packet, ethernet, source, destination));
  const isPast = end === "destination" && source !== undefined && source.networkId !== network;
  const target = destination?.addresses.find(({ ip }) => ip.includes(":"))?.ip ?? packet.destination;
  const whole = wholeLayers(packet, { link: ethernet, quoted, hopsDone: isPast ? 1 : 0, target });
  return encodePacket(packet.fragment === "none" ? whole : fragmentOf(whole, packet));
}

function linkLayers(
  { type }: OtherPacket,
  ethernet: Ethernet,
  source: LocalPortRecord | undefined,
  destination: LocalPortRecord | undefined,
): LayersToEncode {
  if (type === "other") return { ethernet: { ...ethernet, etherType: 0x88b5 }, payload: PAYLOAD };
  const ipv4Of = (port: LocalPortRecord | undefined): number =>
    parseIpv4(port?.addresses.find(({ ip }) => !ip.includes(":"))?.ip ?? "10.0.1.1");
  const arp = { operation: 1, senderMac: ethernet.src, senderIp: ipv4Of(source), targetMac: 0 };
  return { ethernet: { ...ethernet, dst: MAC_BROADCAST }, arp: { ...arp, targetIp: ipv4Of(destination) } };
}

function fragmentOf(whole: LayersToEncode, { fragment, protocol }: IpPacket): LayersToEncode {
  const { ethernet, ipv4, ipv6 } = whole;
  const more = fragment === "first";
  const offsetBytes = more ? 0 : LATER_OFFSET_BYTES;
  const payload = more
    ? firstPiece(encodePacket(whole).subarray(ETHERNET_BYTES + (ipv4 === undefined ? 40 : 20)))
    : PAYLOAD;
  if (ipv4 !== undefined) {
    return {
      ethernet,
      payload,
      ipv4: { ...ipv4, protocol, id: 7, moreFragments: more, fragmentOffsetBytes: offsetBytes },
    };
  }
  if (ipv6 === undefined) return whole;
  return {
    ethernet,
    payload,
    ipv6: { ...ipv6, protocol, extensions: [{ kind: "fragment", offsetBytes, more, id: 7 }] },
  };
}

/** All pieces but the last are multiples of eight bytes (RFC 791 section 3.2, RFC 8200 section 4.5). */
function firstPiece(bytes: Uint8Array): Uint8Array {
  const piece = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  piece.set(bytes);
  return piece;
}

function wholeLayers(packet: IpPacket, around: Surroundings): LayersToEncode {
  const { link, quoted, hopsDone } = around;
  const { protocol, header } = packet;
  const ethernet = { src: link.src, dst: macFor(packet.destination, link.dst) };
  const isNd =
    protocol === PROTOCOL.icmp6 && header?.type === "icmp" && header.icmpType >= 133 && header.icmpType <= 137;
  const hops = (isNd ? 255 : 64) - hopsDone;
  if (packet.source.includes(":")) {
    const ipv6 = { src: parseIpv6(packet.source), dst: parseIpv6(packet.destination), hopLimit: hops };
    if (protocol === PROTOCOL.icmp6) return { ethernet, ipv6, icmp6: icmp6Of(packet, around) };
    if (protocol === PROTOCOL.udp) return { ethernet, ipv6, udp: portsOf(packet), payload: PAYLOAD };
    if (protocol === PROTOCOL.tcp) return { ethernet, ipv6, tcp: tcpOf(packet), payload: PAYLOAD };
    return { ethernet, ipv6: { ...ipv6, protocol }, payload: otherTransport(packet) };
  }
  const ipv4 = { src: parseIpv4(packet.source), dst: parseIpv4(packet.destination), ttl: hops };
  if (protocol === PROTOCOL.icmp) return { ethernet, ipv4, icmp4: plainIcmp(packet, quoted) };
  if (protocol === PROTOCOL.udp) return { ethernet, ipv4, udp: portsOf(packet), payload: PAYLOAD };
  if (protocol === PROTOCOL.tcp) return { ethernet, ipv4, tcp: tcpOf(packet), payload: PAYLOAD };
  return { ethernet, ipv4: { ...ipv4, protocol }, payload: otherTransport(packet) };
}

function macFor(destination: string, unicast: Mac): Mac {
  const ip = parseIp(destination);
  if (isIpv4(ip) && ip === IPV4_BROADCAST) return MAC_BROADCAST;
  return isMulticastIp(ip) ? multicastMac(ip) : unicast;
}

function portsOf({ header }: IpPacket): { readonly sourcePort: number; readonly destinationPort: number } {
  if (header?.type !== "ports") throw new RangeError("a packet of this protocol has ports");
  return { sourcePort: header.source, destinationPort: header.destination };
}

function tcpOf(packet: IpPacket) {
  const isFirst = packet.connection.state === "new";
  return { ...portsOf(packet), flags: isFirst ? { syn: true } : { ack: true } };
}

/** SCTP (RFC 9260 section 3), DCCP and UDPLite begin with the ports too; of others nothing is known. */
function otherTransport(packet: IpPacket): Uint8Array {
  if (packet.header?.type !== "ports") return PAYLOAD;
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, packet.header.source);
  view.setUint16(2, packet.header.destination);
  return bytes;
}

interface PlainIcmp {
  readonly kind: "other";
  readonly type: number;
  readonly code: number;
  readonly bytes: Uint8Array;
}

/** Type and code, and what stands behind in an error (four bytes, and the packet that it is about) or else in an echo (id, sequence, bytes). */
function plainIcmp({ header }: IpPacket, quoted: IpPacket | null): PlainIcmp {
  if (header?.type !== "icmp") throw new RangeError("a packet of ICMP has a type");
  const behind = quoted === null ? PAYLOAD : datagram(quoted);
  return { kind: "other", type: header.icmpType, code: header.icmpCode, bytes: Uint8Array.of(0, 1, 0, 1, ...behind) };
}

function datagram(quoted: IpPacket): Uint8Array {
  const around = { link: { src: 0, dst: 0 }, quoted: null, hopsDone: 0, target: quoted.destination };
  return encodePacket(wholeLayers(quoted, around)).subarray(ETHERNET_BYTES);
}

/** Neighbour discovery with what a switch reads in it (RFC 4861 section 4). */
function icmp6Of(packet: IpPacket, { link: { src: mac }, quoted, target }: Surroundings): Icmp6 {
  const { header, source } = packet;
  const plain = plainIcmp(packet, quoted);
  if (header?.type !== "icmp" || header.icmpCode !== 0) return plain;
  const own: NdOption[] = source === "::" ? [] : [{ kind: "source-link-layer", mac }];
  switch (header.icmpType) {
    case 133:
      return { kind: "router-solicitation", code: 0, options: own };
    case 134:
      return {
        kind: "router-advertisement",
        code: 0,
        currentHopLimit: 64,
        flags: { managed: false, otherConfiguration: false, homeAgent: false, preference: 0 },
        routerLifetimeSeconds: 1800,
        reachableTimeMs: 0,
        retransmitTimerMs: 0,
        options: own,
      };
    case 135:
      return { kind: "neighbour-solicitation", code: 0, target: parseIpv6(target), options: own };
    case 136: {
      const flags = { router: false, solicited: true, override: true };
      const options: NdOption[] = [{ kind: "target-link-layer", mac }];
      return { kind: "neighbour-advertisement", code: 0, flags, target: parseIpv6(source), options };
    }
    default:
      return plain;
  }
}
