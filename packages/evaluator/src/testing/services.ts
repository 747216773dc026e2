/** Packets that make a network work: those that pass without a rule, and those that look like them. */
import type { LocalPortRecord } from "@dragonflow/model";
import { formatIp, linkLocal, parseMac, parseIpv6, solicitedNode } from "@dragonflow/packet";
import type { Cloud } from "../cloud.ts";
import type { Connection, IcmpMessage, IpPacket, Packet, Place, Ports } from "../packet.ts";

export const SERVICES = [
  "arp",
  "other",
  "router-solicitation",
  "router-advertisement",
  "neighbour-solicitation",
  "neighbour-advertisement",
  "dhcp-request",
  "dhcp-answer",
  "dhcp6-request",
  "dhcp6-answer",
] as const;
export type Service = (typeof SERVICES)[number];

interface ServiceChoice {
  readonly aim: number;
  readonly other: number;
  readonly meets: { readonly remote: boolean };
  readonly ownAddress: number;
}

/** Whom Dragonflow answers in its place. */
const GATEWAY = { v4: "10.0.1.1", linkLocal: "fe80::f816:3fff:fe00:1" } as const;

export function serviceOf(cloud: Cloud, service: Service, { aim, other, meets, ownAddress }: ServiceChoice): Packet {
  const ports = [...cloud.ports.values()];
  const one = ports[aim % ports.length];
  const neighbours = ports.filter((port) => port !== one && port.networkId === one?.networkId);
  const two = neighbours[other % Math.max(1, neighbours.length)];
  if (one === undefined) throw new RangeError("a cloud without ports");
  const neighbour: Place = two === undefined ? "outside" : { port: two.id };
  const between = { from: { port: one.id }, to: neighbour } as const;
  switch (service) {
    case "arp":
    case "other":
      return { type: service, ...between };
    case "neighbour-solicitation":
    case "neighbour-advertisement": {
      const target = two?.addresses.find(({ ip }) => ip.includes(":"))?.ip ?? GATEWAY.linkLocal;
      const isSolicitation = service === "neighbour-solicitation";
      return {
        ...between,
        ...discovery(isSolicitation ? 135 : 136),
        source: isSolicitation && ownAddress === 0 ? "::" : ownIpv6(one),
        destination: isSolicitation ? formatIp(solicitedNode(parseIpv6(target))) : target,
      };
    }
    case "router-solicitation":
    case "dhcp-request":
    case "dhcp6-request": {
      // They are for everybody: Dragonflow answers, and the neighbours hear it too.
      const to: Place = meets.remote ? "services" : neighbour;
      return { from: between.from, to, ...request(service, one) };
    }
    case "router-advertisement":
    case "dhcp-answer":
    case "dhcp6-answer": {
      const rogue = ports.find((port) => !port.portSecurity && port !== one && port.networkId === one.networkId);
      const from: Place = rogue === undefined || meets.remote ? "services" : { port: rogue.id };
      return { from, to: between.from, ...answer(service, one) };
    }
  }
}

type Said = Omit<IpPacket, "from" | "to">;

/** Conntrack follows none of neighbour discovery. */
function discovery(icmpType: number): Omit<Said, "source" | "destination"> {
  return said(58, { type: "icmp", icmpType, icmpCode: 0 }, "invalid");
}
function udp(source: number, destination: number): Omit<Said, "source" | "destination"> {
  return said(17, { type: "ports", source, destination }, "new");
}
function said(
  protocol: number,
  header: Ports | IcmpMessage,
  state: Connection["state"],
): Omit<Said, "source" | "destination"> {
  return { type: "ip", protocol, header, fragment: "none", connection: { state } };
}

function request(service: "router-solicitation" | "dhcp-request" | "dhcp6-request", port: LocalPortRecord): Said {
  const linkLocalAddress = formatIp(linkLocal(parseMac(port.mac)));
  switch (service) {
    case "router-solicitation":
      return { ...discovery(133), source: linkLocalAddress, destination: "ff02::2" };
    case "dhcp-request":
      return { ...udp(68, 67), source: "0.0.0.0", destination: "255.255.255.255" };
    case "dhcp6-request":
      return { ...udp(546, 547), source: linkLocalAddress, destination: "ff02::1:2" };
  }
}

function answer(service: "router-advertisement" | "dhcp-answer" | "dhcp6-answer", port: LocalPortRecord): Said {
  switch (service) {
    case "router-advertisement":
      return { ...discovery(134), source: GATEWAY.linkLocal, destination: "ff02::1" };
    case "dhcp-answer":
      return { ...udp(67, 68), source: GATEWAY.v4, destination: ipv4Of(port) };
    case "dhcp6-answer":
      return { ...udp(547, 546), source: GATEWAY.linkLocal, destination: formatIp(linkLocal(parseMac(port.mac))) };
  }
}

function ownIpv6(port: LocalPortRecord): string {
  return port.addresses.find(({ ip }) => ip.includes(":"))?.ip ?? formatIp(linkLocal(parseMac(port.mac)));
}
function ipv4Of(port: LocalPortRecord): string {
  return port.addresses.find(({ ip }) => !ip.includes(":"))?.ip ?? "255.255.255.255";
}
