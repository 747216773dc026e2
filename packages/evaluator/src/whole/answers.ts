import type { LocalPortRecord, RouterInterfaceRecord, SubnetRecord } from "@dragonflow/model";
import { PROTOCOL } from "../packet.ts";
import type { Frame, IpContent, Said } from "./frame.ts";
import { isIpv6, isSameAddress, linkLocalOf, type Topology } from "./topology.ts";

/** What Dragonflow says in the place of others. */
export type Answerer = "ARP" | "neighbour discovery" | "router advertisement" | "DHCP" | "router";

/** Who takes the frame for itself, so that nobody else gets it; and what it says to the sender, if anything. */
export interface Answer {
  readonly by: Answerer;
  readonly frame: Frame | undefined;
}

const BROADCAST = "ff:ff:ff:ff:ff:ff";
const ALL_NODES = { ip: "ff02::1", mac: "33:33:00:00:00:01" } as const;
const UNSPECIFIED = "::";
/** For a subnet without a gateway: an address that nobody has. */
const NO_GATEWAY = { ip: "169.254.0.1", mac: "fa:16:3f:00:00:01" } as const;
const ND_TTL = 255;
const TTL = 64;
const ICMP6 = { routerSolicitation: 133, routerAdvertisement: 134, solicitation: 135, advertisement: 136 } as const;

/** What the port's own host answers in the place of somebody else of its network; undefined: the frame goes on. */
export function answerTo(topology: Topology, port: LocalPortRecord, frame: Frame): Answer | undefined {
  if (frame.content.type === "arp") return arp(topology, port, frame);
  if (frame.content.type !== "ip") return undefined;
  const { protocol, header, fragment, source } = frame.content;
  // Such messages come in one piece (RFC 6980), and of others nobody sees what they are.
  if (header === null || fragment !== "none") return undefined;
  if (header.type === "icmp") {
    if (protocol !== PROTOCOL.icmp6 || !isIpv6(source) || header.icmpCode !== 0) return undefined;
    if (header.icmpType === ICMP6.solicitation) return neighbour(topology, port, frame, frame.content);
    if (header.icmpType === ICMP6.routerSolicitation) return advertisement(topology, port, frame.content);
    return undefined;
  }
  const isDhcp = protocol === PROTOCOL.udp && header.source === 68 && header.destination === 67;
  return isDhcp && !isIpv6(source) ? lease(topology, port, frame.content) : undefined;
}

/** A request for an address of the network, unless the asker has it itself: it checks whether somebody else does (RFC 5227). */
function arp(topology: Topology, { id, networkId }: LocalPortRecord, frame: Frame): Answer | undefined {
  const { content } = frame;
  if (content.type !== "arp" || content.operation !== 1) return undefined;
  const ip = content.targetIp;
  const port = topology.ownersOf(networkId, ip).find(({ adminUp }) => adminUp);
  const mac = port?.mac ?? routerWith(topology, networkId, ip)?.mac;
  if (mac === undefined || port?.id === id) return undefined;
  const answer = {
    operation: 2,
    senderMac: mac,
    senderIp: ip,
    targetMac: content.senderMac,
    targetIp: content.senderIp,
  };
  return {
    by: "ARP",
    frame: { ...frame, source: mac, destination: frame.source, content: { type: "arp", ...answer } },
  };
}

const routerWith = (topology: Topology, networkId: string, ip: string): RouterInterfaceRecord | undefined =>
  topology.interfacesIn(networkId).find(({ addresses }) => addresses.some((own) => isSameAddress(own.ip, ip)));

interface Resolvable {
  readonly mac: string;
  readonly addresses: readonly { readonly ip: string }[];
}
/** Whoever has an IPv6 address has a link-local one besides. */
function hasIpv6({ mac, addresses }: Resolvable, ip: string): boolean {
  const given = addresses.filter((own) => isIpv6(own.ip));
  return given.length > 0 && [...given.map((own) => own.ip), linkLocalOf(mac)].some((own) => isSameAddress(own, ip));
}

/**
 * RFC 4861 section 7.2.4. Who has no address yet asks whether one is free (RFC 4862 section 5.4): the port that has it answers for itself, and for a
 * router its hosts do, to all nodes.
 */
function neighbour(topology: Topology, { networkId }: LocalPortRecord, frame: Frame, asked: IpContent) {
  const { said } = asked;
  if (said?.type !== "neighbour") return undefined;
  const isProbe = isSameAddress(asked.source, UNSPECIFIED);
  const routers = topology.interfacesIn(networkId);
  const ports = isProbe ? [] : topology.portsOf(networkId).filter(({ adminUp }) => adminUp);
  const holder = [...routers, ...ports].find((one) => hasIpv6(one, said.target));
  if (holder === undefined) return undefined;
  const { mac } = holder;
  const to = isProbe ? ALL_NODES : { ip: asked.source, mac: frame.source };
  const answer: Said = { ...said, linkLayer: said.linkLayer === null ? null : mac };
  const header = { type: "icmp", icmpType: ICMP6.advertisement, icmpCode: 0 } as const;
  const content = { ...asked, source: said.target, destination: to.ip, header, said: answer };
  return { by: "neighbour discovery", frame: { ...frame, source: mac, destination: to.mac, content } } as const;
}

/** The router with the gateway address of a subnet that is to be advertised tells of all such subnets of the network. */
function advertisement(topology: Topology, { networkId }: LocalPortRecord, asked: IpContent): Answer | undefined {
  const subnets = [...topology.subnets.values()].filter(
    (one) => one.networkId === networkId && one.ipVersion === 6 && one.dhcpEnabled && one.ipv6RaMode !== null,
  );
  const router = topology
    .interfacesIn(networkId)
    .find(
      ({ routerId, addresses }) =>
        topology.routers.get(routerId)?.adminUp === true &&
        subnets.some(({ id, gatewayIp }) => addresses.some((own) => own.subnetId === id && own.ip === gatewayIp)),
    );
  if (router === undefined) return undefined;
  const by = "router advertisement";
  // From another link (RFC 4861 section 6.1.1).
  if (asked.ttl !== ND_TTL) return { by, frame: undefined };
  const content: IpContent = {
    type: "ip",
    source: linkLocalOf(router.mac),
    destination: ALL_NODES.ip,
    ttl: ND_TTL,
    protocol: PROTOCOL.icmp6,
    header: { type: "icmp", icmpType: ICMP6.routerAdvertisement, icmpCode: 0 },
    fragment: "none",
    said: { type: "router", prefixes: subnets.map(({ cidr }) => cidr).sort() },
  };
  return { by, frame: { source: router.mac, destination: ALL_NODES.mac, tagged: false, content } };
}

/** The lease of a port is its first IPv4 address of a subnet with DHCP (RFC 2131). */
function lease(topology: Topology, port: LocalPortRecord, { said }: IpContent): Answer | undefined {
  const leased = port.addresses
    .filter(({ ip }) => !isIpv6(ip))
    .map(({ ip, subnetId }) => ({ ip, subnet: topology.subnets.get(subnetId) }))
    .find(({ subnet }) => subnet?.dhcpEnabled === true);
  if (leased?.subnet === undefined) return undefined;
  const by = "DHCP";
  if (said?.type !== "dhcp" || said.client !== port.mac) return { by, frame: undefined };
  const { ip } = leased;
  const server = serverOf(topology, leased.subnet);
  switch (said.message) {
    case "discover":
      return { by, frame: leaseFrame(server, { ...said, message: "offer", address: ip }) };
    case "request": {
      const isRight = said.address === ip;
      const message = isRight ? "ack" : "nak";
      return { by, frame: leaseFrame(server, { ...said, message, address: isRight ? ip : null }) };
    }
    case "offer":
    case "ack":
    case "nak":
      return { by, frame: undefined };
  }
}

function serverOf(topology: Topology, { networkId, gatewayIp }: SubnetRecord) {
  if (gatewayIp === null) return NO_GATEWAY;
  const gateway = topology
    .routersOf(networkId)
    .find(({ addresses }) => addresses.some((own) => isSameAddress(own.ip, gatewayIp)));
  return { ip: gatewayIp, mac: gateway?.mac ?? NO_GATEWAY.mac };
}

/** To the client alone; that it must not go on with an address, everybody may hear. */
function leaseFrame(
  server: { readonly ip: string; readonly mac: string },
  said: Extract<Said, { type: "dhcp" }>,
): Frame {
  const content: IpContent = {
    type: "ip",
    source: server.ip,
    destination: said.address ?? "255.255.255.255",
    ttl: TTL,
    protocol: PROTOCOL.udp,
    header: { type: "ports", source: 67, destination: 68 },
    fragment: "none",
    said,
  };
  const destination = said.message === "nak" ? BROADCAST : said.client;
  return { source: server.mac, destination, tagged: false, content };
}
