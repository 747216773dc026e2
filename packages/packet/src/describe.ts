import { DecodeError, Reader } from "@dragonflow/wire";
import { formatIp, formatIpv4, formatIpv6, formatMac } from "./addresses.ts";
import { type Arp, ArpOperation } from "./arp.ts";
import { DHCP4_PORT, decodeDhcp4 } from "./dhcp4.ts";
import { DHCP6_PORT, decodeDhcp6 } from "./dhcp6.ts";
import type { Ethernet } from "./ethernet.ts";
import type { Icmp4 } from "./icmp4.ts";
import type { Icmp6 } from "./icmp6.ts";
import { decodeIpv4Header, IpProtocol, type Ipv4, isFragment } from "./ipv4.ts";
import { decodeIpv6Header, type Ipv6, isFragment6 } from "./ipv6.ts";
import { decodePacket, type Layers } from "./packet.ts";
import type { Tcp } from "./tcp.ts";

/**
 * One line for people about an Ethernet frame, in the manner of packet captures; never throws for bytes, however
 * broken.
 *
 *     ARP who-has 10.0.0.1 tell 10.0.0.2
 *     10.0.0.2 > 10.0.1.3 ICMP echo request id 7 seq 1 ttl 64
 *     vlan 42 10.0.0.2:4000 > 10.0.0.3:80 TCP [S] seq 1 win 64240 ttl 64
 *
 * Where a checksum is wrong the line ends in `(bad checksum)`; where the frame cannot be taken apart it is the reason.
 */
export function describePacket(bytes: Uint8Array): string {
  try {
    return describeLayers(decodePacket(bytes));
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    if (e.code !== "checksum") return `undecodable: ${e.message}`;
  }
  try {
    return `${describeLayers(decodePacket(bytes, { verify: false }))} (bad checksum)`;
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return `undecodable: ${e.message}`;
  }
}

/** The line of {@link describePacket} for a frame that is decoded already. */
export function describeLayers(layers: Layers): string {
  return layers.ethernet.vlans.map(({ id }) => `vlan ${id} `).join("") + describeNetwork(layers);
}

function describeNetwork(layers: Layers): string {
  const { ethernet, arp, ipv4, ipv6, payload } = layers;
  if (arp !== undefined) return describeArp(arp);
  if (ipv4 !== undefined) return describeIp(layers, ipv4, `ttl ${ipv4.ttl}`);
  if (ipv6 !== undefined) return describeIp(layers, ipv6, `hlim ${ipv6.hopLimit}`);
  return describeFrame(ethernet, payload);
}

function describeFrame({ src, dst, etherType }: Ethernet, payload: Uint8Array): string {
  const type = etherType < 0x600 ? "802.3" : `type 0x${etherType.toString(16).padStart(4, "0")}`;
  return `${formatMac(src)} > ${formatMac(dst)} ${type} ${payload.length} bytes`;
}

function describeArp({ operation, senderMac, senderIp, targetIp }: Arp): string {
  const sender = formatIpv4(senderIp);
  const target = formatIpv4(targetIp);
  switch (operation) {
    case ArpOperation.request:
      return senderIp === targetIp
        ? `ARP announce ${sender} is-at ${formatMac(senderMac)}`
        : `ARP who-has ${target} tell ${sender}`;
    case ArpOperation.reply:
      return `ARP reply ${sender} is-at ${formatMac(senderMac)}`;
    default:
      return `ARP operation ${operation} ${target} from ${sender}`;
  }
}

function describeIp(layers: Layers, ip: Ipv4 | Ipv6, life: string): string {
  const src = formatIp(ip.src);
  const dst = formatIp(ip.dst);
  const { icmp4, icmp6, udp, tcp } = layers;
  if (icmp4 !== undefined) return `${src} > ${dst} ICMP ${describeIcmp4(icmp4)} ${life}`;
  if (icmp6 !== undefined) return `${src} > ${dst} ICMPv6 ${describeIcmp6(icmp6)} ${life}`;
  if (udp !== undefined) {
    const line = `${endpoint(src, udp.sourcePort)} > ${endpoint(dst, udp.destinationPort)}`;
    return `${line} ${describeUdp(udp.sourcePort, udp.destinationPort, layers.payload)} ${life}`;
  }
  if (tcp !== undefined) {
    const line = `${endpoint(src, tcp.sourcePort)} > ${endpoint(dst, tcp.destinationPort)}`;
    return `${line} TCP ${describeTcp(tcp, layers.payload)} ${life}`;
  }
  const length = `${layers.payload?.length ?? 0} bytes ${life}`;
  return `${src} > ${dst} ${protocolName(ip.protocol)}${describeFragment(ip)} ${length}`;
}

/** An address with its port; brackets where the address has colons of its own (RFC 5952 section 6). */
function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function protocolName(protocol: number): string {
  switch (protocol) {
    case IpProtocol.icmp4:
      return "ICMP";
    case IpProtocol.igmp:
      return "IGMP";
    case IpProtocol.tcp:
      return "TCP";
    case IpProtocol.udp:
      return "UDP";
    case IpProtocol.icmp6:
      return "ICMPv6";
    case IpProtocol.sctp:
      return "SCTP";
    default:
      return `protocol ${protocol}`;
  }
}

function describeFragment(ip: Ipv4 | Ipv6): string {
  if ("extensions" in ip) {
    const fragment = ip.extensions.find((e) => e.kind === "fragment");
    if (!isFragment6(ip) || fragment === undefined) return "";
    return ` fragment id ${fragment.id} offset ${fragment.offsetBytes}${fragment.more ? "+" : ""}`;
  }
  if (!isFragment(ip)) return "";
  return ` fragment id ${ip.id} offset ${ip.fragmentOffsetBytes}${ip.moreFragments ? "+" : ""}`;
}

function describeUdp(sourcePort: number, destinationPort: number, payload: Uint8Array): string {
  const ports: readonly number[] = [sourcePort, destinationPort];
  try {
    if (ports.includes(DHCP4_PORT.server)) {
      const { chaddr, yiaddr, ciaddr, options } = decodeDhcp4(payload);
      const address = yiaddr || ciaddr || options.requestedAddress;
      const about = address === undefined || address === 0 ? "" : ` ${formatIpv4(address)}`;
      return `DHCP ${options.messageType ?? "bootp"} ${formatMac(chaddr)}${about}`;
    }
    if (ports.includes(DHCP6_PORT.server)) {
      const message = decodeDhcp6(payload);
      return `DHCPv6 ${message.type}${"peerAddress" in message ? ` ${formatIpv6(message.peerAddress)}` : ""}`;
    }
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return `UDP ${payload.length} bytes (not DHCP: ${e.message})`;
  }
  return `UDP ${payload.length} bytes`;
}

function describeTcp({ flags, sequence, acknowledgement, windowBytes }: Tcp, payload: Uint8Array): string {
  const letters = { syn: "S", fin: "F", rst: "R", psh: "P", ack: ".", urg: "U", ece: "E", cwr: "W", ae: "e" } as const;
  const set = Object.entries(letters).flatMap(([flag, letter]) =>
    flags[flag as keyof typeof letters] ? [letter] : [],
  );
  const ack = flags.ack ? ` ack ${acknowledgement}` : "";
  const length = payload.length > 0 ? ` ${payload.length} bytes` : "";
  return `[${set.join("") || "none"}] seq ${sequence}${ack} win ${windowBytes}${length}`;
}

const UNREACHABLE4 = ["network", "host", "protocol", "port", "fragmentation needed"] as const;
const UNREACHABLE6 = [
  "no route",
  "prohibited",
  "beyond scope",
  "address unreachable",
  "port unreachable",
  "source policy",
  "route rejected",
] as const;

function describeIcmp4(message: Icmp4): string {
  switch (message.kind) {
    case "echo-request":
    case "echo-reply":
      return `echo ${message.kind.slice(5)} id ${message.id} seq ${message.sequence}`;
    case "unreachable": {
      const what = UNREACHABLE4[message.code] ?? `code ${message.code}`;
      const mtu = message.mtuBytes > 0 ? ` mtu ${message.mtuBytes}` : "";
      return `${message.code === 4 ? what : `${what} unreachable`}${mtu} (${quote4(message.quoted)})`;
    }
    case "time-exceeded":
      return `time exceeded${message.code === 1 ? " in reassembly" : ""} (${quote4(message.quoted)})`;
    case "redirect":
      return `redirect to ${formatIpv4(message.gateway)} (${quote4(message.quoted)})`;
    case "parameter-problem":
      return `parameter problem at byte ${message.pointer} (${quote4(message.quoted)})`;
    case "timestamp-request":
    case "timestamp-reply":
      return `timestamp ${message.kind.slice(10)} id ${message.id} seq ${message.sequence}`;
    case "other":
      return `type ${message.type} code ${message.code}`;
  }
}

function describeIcmp6(message: Icmp6): string {
  switch (message.kind) {
    case "echo-request":
    case "echo-reply":
      return `echo ${message.kind.slice(5)} id ${message.id} seq ${message.sequence}`;
    case "unreachable":
      return `${UNREACHABLE6[message.code] ?? `unreachable code ${message.code}`} (${quote6(message.quoted)})`;
    case "packet-too-big":
      return `packet too big mtu ${message.mtuBytes} (${quote6(message.quoted)})`;
    case "time-exceeded":
      return `time exceeded${message.code === 1 ? " in reassembly" : ""} (${quote6(message.quoted)})`;
    case "parameter-problem":
      return `parameter problem at byte ${message.pointer} (${quote6(message.quoted)})`;
    case "router-solicitation":
      return "router solicitation";
    case "router-advertisement":
      return `router advertisement lifetime ${message.routerLifetimeSeconds}`;
    case "neighbour-solicitation":
      return `who-has ${formatIpv6(message.target)}`;
    case "neighbour-advertisement": {
      const option = message.options.find(({ kind }) => kind === "target-link-layer");
      const at = option?.kind === "target-link-layer" ? ` is-at ${formatMac(option.mac)}` : "";
      return `advertise ${formatIpv6(message.target)}${at}`;
    }
    case "nd-redirect":
      return `redirect ${formatIpv6(message.destination)} to ${formatIpv6(message.target)}`;
    case "other":
      return `type ${message.type} code ${message.code}`;
  }
}

/** The packet that an error is about. Its end is missing by design, so only the header and the ports are read. */
function quote4(quoted: Uint8Array): string {
  return quote(quoted, (r) => decodeIpv4Header(r, { verify: false }).header);
}
function quote6(quoted: Uint8Array): string {
  return quote(quoted, (r) => decodeIpv6Header(r).header);
}
function quote(quoted: Uint8Array, decode: (r: Reader) => Ipv4 | Ipv6): string {
  try {
    const r = new Reader(quoted);
    const ip = decode(r);
    const { protocol } = ip;
    const hasPorts = protocol === IpProtocol.tcp || protocol === IpProtocol.udp || protocol === IpProtocol.sctp;
    const later = "extensions" in ip ? isFragment6(ip) : isFragment(ip);
    const [src, dst] = [formatIp(ip.src), formatIp(ip.dst)];
    if (!hasPorts || later || r.remaining < 4) return `${src} > ${dst} ${protocolName(protocol)}`;
    return `${endpoint(src, r.u16())} > ${endpoint(dst, r.u16())} ${protocolName(protocol)}`;
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e;
    return `undecodable: ${e.message}`;
  }
}
