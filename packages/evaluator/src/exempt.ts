import type { SecurityRule } from "@dragonflow/model";
import { parseAddress } from "./addresses.ts";
import { type Packet, PROTOCOL } from "./packet.ts";

interface Exemption {
  readonly name: string;
  readonly is: (packet: Packet) => boolean;
  /** May a port send it? */
  readonly egress: boolean;
  /** Who may send it to a port. */
  readonly ingress: "anybody" | "services" | "nobody";
}

/**
 * What a port needs in order to have an address and neighbours at all: it passes without a rule, and without a group. A port is neither a router
 * nor a DHCP server to others: advertisements and leases come from Dragonflow. One row per kind; nothing else is exempt.
 */
export const EXEMPTIONS = [
  { name: "ARP", is: (packet) => packet.type === "arp", egress: true, ingress: "anybody" },
  { name: "router solicitation", is: neighbourDiscovery(133), egress: true, ingress: "nobody" },
  { name: "router advertisement", is: neighbourDiscovery(134), egress: false, ingress: "services" },
  { name: "neighbour solicitation", is: neighbourDiscovery(135), egress: true, ingress: "anybody" },
  { name: "neighbour advertisement", is: neighbourDiscovery(136), egress: true, ingress: "anybody" },
  { name: "DHCP request", is: udp(4, 68, 67), egress: true, ingress: "nobody" },
  { name: "DHCP answer", is: udp(4, 67, 68), egress: false, ingress: "services" },
  { name: "DHCPv6 request", is: udp(6, 546, 547), egress: true, ingress: "nobody" },
  { name: "DHCPv6 answer", is: udp(6, 547, 546), egress: false, ingress: "services" },
] as const satisfies readonly Exemption[];
export type ExemptionName = (typeof EXEMPTIONS)[number]["name"];

/** Why the packet passes without a rule, if it does. */
export function exemptionOf(packet: Packet, direction: SecurityRule["direction"]): ExemptionName | undefined {
  return EXEMPTIONS.find((exemption) => {
    if (!exemption.is(packet)) return false;
    if (direction === "egress") return exemption.egress;
    return exemption.ingress === "anybody" || (exemption.ingress === "services" && packet.from === "services");
  })?.name;
}

/** Code 0, and never in fragments (RFC 4861 sections 4 and 6.1, RFC 6980): what is otherwise, no host takes for neighbour discovery. */
function neighbourDiscovery(type: number): (packet: Packet) => boolean {
  return (packet) =>
    packet.type === "ip" &&
    parseAddress(packet.source).version === 6 &&
    packet.protocol === PROTOCOL.icmp6 &&
    packet.fragment === "none" &&
    packet.header?.type === "icmp" &&
    packet.header.icmpType === type &&
    packet.header.icmpCode === 0;
}

/** Of a fragment nobody can tell without conntrack, and these come before it. */
function udp(version: 4 | 6, source: number, destination: number): (packet: Packet) => boolean {
  return (packet) =>
    packet.type === "ip" &&
    parseAddress(packet.source).version === version &&
    packet.protocol === PROTOCOL.udp &&
    packet.fragment === "none" &&
    packet.header?.type === "ports" &&
    packet.header.source === source &&
    packet.header.destination === destination;
}
