import type { LocalPortRecord } from "@dragonflow/model";
import { inPrefix } from "../addresses.ts";
import { PROTOCOL } from "../packet.ts";
import type { ArpContent, Frame, IpContent } from "./frame.ts";
import { isIpv6, linkLocalOf } from "./topology.ts";

interface AddressPair {
  readonly mac: string;
  readonly ip: string;
}

/** What a port may call itself: its own addresses, its allowed address pairs, and the link-local address of each MAC address among them. */
function identitiesOf({ mac, addresses, pairs }: LocalPortRecord): readonly AddressPair[] {
  const given = [...addresses.map(({ ip }) => ({ mac, ip })), ...pairs];
  const macs = new Set([mac, ...pairs.map((pair) => pair.mac)]);
  return [...given, ...[...macs].map((one) => ({ mac: one, ip: linkLocalOf(one) }))];
}

/**
 * Why port security keeps back what the port sends; undefined: it may go. A port sends from its own addresses, as a client, and says of its
 * neighbours nothing but what is true of itself.
 */
export function keptBack(port: LocalPortRecord, frame: Frame): string | undefined {
  // No network carries VLANs of a VM's own making, whoever sends them.
  if (frame.tagged) return "it has a VLAN tag";
  if (!port.portSecurity) return undefined;
  const own = identitiesOf(port);
  const isOwnMac = own.some(({ mac }) => mac === frame.source);
  if (!isOwnMac) return `${frame.source} is no MAC address of the port`;
  switch (frame.content.type) {
    case "other":
      return undefined;
    case "arp":
      return falseArp(own, frame.source, frame.content);
    case "ip":
      return asServer(frame.content) ?? falseIp(own, frame.source, frame.content);
  }
}

const uses = (own: readonly AddressPair[], mac: string, ip: string): boolean =>
  own.some((pair) => pair.mac === mac && inPrefix(ip, pair.ip));

/** The sender is in the message once more. Whoever has no address yet may ask who has one (RFC 5227 section 2.1.1). */
function falseArp(own: readonly AddressPair[], mac: string, { operation, senderMac, senderIp }: ArpContent) {
  if (senderMac !== mac) return `ARP in the name of ${senderMac}`;
  const isProbe = operation === 1 && senderIp === "0.0.0.0";
  return isProbe || uses(own, mac, senderIp) ? undefined : `ARP in the name of ${senderIp}`;
}

const SERVER_PORTS = { 4: { source: 67, destination: 68 }, 6: { source: 547, destination: 546 } } as const;
const ICMP6 = { solicitation: 135, advertisement: 136, routerAdvertisement: 134, redirect: 137 } as const;
/** Router and neighbour solicitations, and reports of listeners: what a host says while it has no address (RFC 4861, RFC 3810). */
const WITHOUT_ADDRESS: readonly number[] = [133, 135, 143];

/** A port is neither a DHCP server nor a router to others. What a piece is part of, nobody sees here. */
function asServer({ source, protocol, header, fragment }: IpContent): string | undefined {
  if (header === null || fragment !== "none") return undefined;
  if (header.type === "ports") {
    const server = SERVER_PORTS[isIpv6(source) ? 6 : 4];
    const isServer = header.source === server.source || header.destination === server.destination;
    return protocol === PROTOCOL.udp && isServer ? "it speaks as a DHCP server" : undefined;
  }
  const isRouter = header.icmpType === ICMP6.routerAdvertisement || header.icmpType === ICMP6.redirect;
  return protocol === PROTOCOL.icmp6 && isIpv6(source) && isRouter ? "it speaks as a router" : undefined;
}

function falseIp(own: readonly AddressPair[], mac: string, content: IpContent): string | undefined {
  const { source, protocol, header, fragment } = content;
  const isKnown = header !== null && fragment === "none";
  const type = isKnown && header.type === "icmp" && protocol === PROTOCOL.icmp6 ? header.icmpType : undefined;
  const isDhcp =
    isKnown &&
    header.type === "ports" &&
    protocol === PROTOCOL.udp &&
    header.source === 68 &&
    header.destination === 67;
  const isNameless = isIpv6(source)
    ? inPrefix(source, "::") && type !== undefined && WITHOUT_ADDRESS.includes(type)
    : source === "0.0.0.0" && isDhcp;
  if (!isNameless && !uses(own, mac, source)) return `${source} is no address of the port with ${mac}`;
  return isIpv6(source) ? falseNeighbour(own, content, type) : undefined;
}

function falseNeighbour(own: readonly AddressPair[], { header, said }: IpContent, type: number | undefined) {
  if (type !== ICMP6.solicitation && type !== ICMP6.advertisement) return undefined;
  // With another code nobody can tell what it claims (RFC 4861 sections 4.3 and 4.4: it is 0).
  if (header?.type !== "icmp" || header.icmpCode !== 0 || said?.type !== "neighbour")
    return "neighbour discovery that cannot be read";
  const { target, linkLayer } = said;
  const isTrue =
    type === ICMP6.solicitation
      ? linkLayer === null || own.some(({ mac }) => mac === linkLayer)
      : own.some(({ mac, ip }) => inPrefix(target, ip) && (linkLayer === null || linkLayer === mac));
  return isTrue ? undefined : `it claims that ${type === ICMP6.solicitation ? "it" : target} is at ${linkLayer ?? "?"}`;
}
