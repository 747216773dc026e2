/** Random packets near the rules of a random cloud: aimed at one rule, and then, now and then, just beside it. */
import type { LocalPortRecord, SecurityRule } from "@dragonflow/model";
import { formatIp, linkLocal, parseCidr, parseMac } from "@dragonflow/packet";
import fc from "fast-check";
import { inPrefix } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import type { Connection, End, IcmpMessage, IpPacket, Packet, Place, Ports } from "../packet.ts";
import { at, type CloudChoice, isRouted } from "./clouds.ts";
import { ICMP_MESSAGES, networkId, PROTOCOLS } from "./pools.ts";
import { serviceOf, SERVICES } from "./services.ts";

export interface PacketChoice {
  /** Near a rule, or one of those that pass without. */
  readonly kind: "rule" | (typeof SERVICES)[number];
  /** Which rule of which port; counted round, as all numbers here. */
  readonly aim: number;
  /** Who is at the other end. */
  readonly other: number;
  /** What of the rule it meets. */
  readonly meets: {
    readonly version: boolean;
    readonly protocol: boolean;
    readonly header: boolean;
    readonly remote: boolean;
  };
  /** Where in a range or a prefix: first, last, between. */
  readonly edge: number;
  /** Which of the sender's, and of the receiver's addresses. */
  readonly ownAddress: number;
  readonly otherAddress: number;
  readonly sourcePort: number;
  readonly state: Connection["state"];
  readonly revokedAt: readonly End[];
  readonly fragment: IpPacket["fragment"];
  /** Of an error: from the other end, from a router between, or from the end where the connection began. */
  readonly error: { readonly from: "other" | "router" | "first"; readonly type: number };
}

const mostly = fc.oneof({ arbitrary: fc.constant(true), weight: 11 }, fc.constant(false));

export const packetChoices: fc.Arbitrary<PacketChoice> = fc.record({
  kind: fc.oneof({ arbitrary: fc.constant("rule" as const), weight: 8 }, fc.constantFrom(...SERVICES)),
  aim: fc.nat(9999),
  other: fc.nat(99),
  meets: fc.record({ version: mostly, protocol: mostly, header: mostly, remote: mostly }),
  edge: fc.nat(3),
  ownAddress: fc.nat(9),
  otherAddress: fc.nat(9),
  sourcePort: fc.constantFrom(1, 80, 1024, 40000, 65535),
  state: fc.constantFrom("new", "new", "new", "new", "established", "established", "reply", "related", "invalid"),
  revokedAt: fc.oneof(
    { arbitrary: fc.constant([]), weight: 6 },
    fc.constantFrom<readonly End[]>(["source"], ["destination"], ["source", "destination"]),
  ),
  fragment: fc.oneof({ arbitrary: fc.constant("none" as const), weight: 7 }, fc.constantFrom("first", "later")),
  error: fc.record({ from: fc.constantFrom("other", "router", "first"), type: fc.nat(9) }),
});

/** A packet, and where it belongs to a connection already: that connection's packet in the first direction, and what an error is about. */
export interface Sent {
  readonly packet: Packet;
  readonly original: IpPacket | null;
  readonly quoted: IpPacket | null;
}

export function packetOf(clouds: CloudChoice, cloud: Cloud, choice: PacketChoice): Sent {
  const alone = { original: null, quoted: null };
  if (choice.kind !== "rule") return { packet: serviceOf(cloud, choice.kind, choice), ...alone };
  const first = towards(clouds, cloud, choice);
  const connection = { state: choice.state, revokedAt: choice.revokedAt };
  const back = reversed(first);
  switch (choice.state) {
    case "new":
    case "invalid":
      return { packet: { ...first, connection: { state: choice.state } }, ...alone };
    case "established":
      return { packet: { ...first, connection }, ...alone };
    case "reply":
      return { packet: { ...back, connection }, original: first, quoted: null };
    case "related": {
      const quoted = choice.error.from === "first" ? back : first;
      return { packet: { ...errorAbout(quoted, choice.error), connection }, original: first, quoted };
    }
  }
}

/** The first packet of a connection, as its first end sends it. */
function towards(clouds: CloudChoice, cloud: Cloud, choice: PacketChoice): IpPacket {
  const { near, rule } = aimOf(cloud, choice.aim);
  const version = choice.meets.version ? rule.ipVersion : rule.ipVersion === 4 ? 6 : 4;
  const other = otherOf(clouds, cloud, near, rule, choice);
  const link = linkOf(clouds, near, other);
  const own = addressOf(cloud, near, version, choice.ownAddress, link);
  const others =
    other === undefined
      ? outside(cloud, rule, version, choice)
      : addressOf(cloud, other, version, choice.otherAddress, link);
  const [protocol, header] = headerOf(rule, version, choice);
  const there: Place = other === undefined ? "outside" : { port: other.id };
  const isSent = rule.direction === "egress";
  return restrained(cloud, {
    type: "ip",
    from: isSent ? { port: near.id } : there,
    to: isSent ? there : { port: near.id },
    source: isSent ? own : others,
    destination: isSent ? others : own,
    protocol,
    header,
    fragment: choice.fragment,
    connection: { state: "new" },
  });
}

const NO_RULE: SecurityRule = {
  id: "none",
  direction: "ingress",
  ipVersion: 4,
  protocol: 6,
  portMin: 80,
  portMax: 80,
  remotePrefix: null,
  remoteGroupId: null,
  remoteAddressGroupId: null,
};

/** Rules that ask for something, three times as often as those that let everything pass; of a port without any: as if it had one. */
function aimOf(cloud: Cloud, aim: number): { readonly near: LocalPortRecord; readonly rule: SecurityRule } {
  const aims = [...cloud.ports.values()].flatMap((near) => {
    const rules = near.securityGroups.flatMap((id) => cloud.securityGroups.get(id)?.rules ?? []);
    const asking = rules.filter((rule) => rule.protocol !== null || remotesOf(rule) > 0);
    const all = [...rules, ...asking, ...asking].map((rule) => ({ near, rule }));
    return all.length === 0 ? [{ near, rule: NO_RULE }] : all;
  });
  return at(aims, aim);
}
function remotesOf({ remotePrefix, remoteGroupId, remoteAddressGroupId }: SecurityRule): number {
  return [remotePrefix, remoteGroupId, remoteAddressGroupId].filter((remote) => remote !== null).length;
}

/** Undefined: outside. */
function otherOf(
  clouds: CloudChoice,
  cloud: Cloud,
  near: LocalPortRecord,
  rule: SecurityRule,
  choice: PacketChoice,
): LocalPortRecord | undefined {
  const reached = [...cloud.ports.values()].filter(
    ({ id, networkId: network }) => id !== near.id && (network === near.networkId || isRouted(clouds)),
  );
  const fits = (port: LocalPortRecord): boolean => {
    if (rule.remoteGroupId !== null) return port.securityGroups.includes(rule.remoteGroupId);
    const prefixes = prefixesOf(cloud, rule);
    return prefixes === null || port.addresses.some(({ ip }) => prefixes.some((prefix) => inPrefix(ip, prefix)));
  };
  const meant = reached.filter((port) => fits(port) === choice.meets.remote);
  const outsideToo = rule.remoteGroupId === null || !choice.meets.remote || meant.length === 0;
  const other = at(
    [...meant, ...meant, ...meant, ...meant, ...(outsideToo ? (["outside"] as const) : [])],
    choice.other,
  );
  return other === "outside" ? undefined : other;
}

function prefixesOf(cloud: Cloud, rule: SecurityRule): readonly string[] | null {
  if (rule.remotePrefix !== null) return [rule.remotePrefix];
  if (rule.remoteAddressGroupId === null) return null;
  return cloud.addressGroups.get(rule.remoteAddressGroupId)?.addresses ?? [];
}

/**
 * What two ports may use besides their own addresses. Where a packet says who sent it (Geneve), an IPv6 host may use its link-local address, and one
 * without port security that of a member; elsewhere the sender is known by its address alone.
 */
interface Link {
  readonly sameNetwork: boolean;
  readonly saysSender: boolean;
}
function linkOf(clouds: CloudChoice, near: LocalPortRecord, other: LocalPortRecord | undefined): Link {
  const isGeneve = (port: LocalPortRecord): boolean =>
    clouds.networks.some(({ type }, i) => type === "geneve" && networkId(i + 1) === port.networkId);
  return {
    sameNetwork: other !== undefined && other.networkId === near.networkId,
    saysSender: isGeneve(near) && (other === undefined || isGeneve(other)),
  };
}

function addressOf(cloud: Cloud, port: LocalPortRecord, version: 4 | 6, n: number, link: Link): string {
  const isWanted = (text: string): boolean => text.includes(":") === (version === 6);
  const fixed = at(port.addresses.map(({ ip }) => ip).filter(isWanted), n);
  const [pair] = port.pairs.map(({ ip }) => ip).filter(isWanted);
  if (n >= 6 && pair !== undefined) return beside(pair, n % 3);
  if (n === 5 && version === 6 && link.sameNetwork && link.saysSender) return formatIp(linkLocal(parseMac(port.mac)));
  if (n === 4 && !port.portSecurity && link.saysSender) return at(membersAddresses(cloud, port, version), n);
  return fixed;
}

/** Addresses of other ports of the same network. Its own, if there are none. */
function membersAddresses(cloud: Cloud, port: LocalPortRecord, version: 4 | 6): readonly string[] {
  const neighbours = [...cloud.ports.values()].filter(
    ({ id, networkId: network }) => id !== port.id && network === port.networkId,
  );
  const all = [...neighbours, port].flatMap(({ addresses }) => addresses.map(({ ip }) => ip));
  return all.filter((ip) => ip.includes(":") === (version === 6));
}

const OUTSIDE = { 4: "203.0.113.9", 6: "2001:db8:ff::9" } as const;

/** An address that no port has: in a prefix of the rule, or next to it. */
function outside(cloud: Cloud, rule: SecurityRule, version: 4 | 6, choice: PacketChoice): string {
  const wanted = (prefixesOf(cloud, rule) ?? []).filter((prefix) => prefix.includes(":") === (version === 6));
  // The ends of half of all addresses are not for hosts.
  const narrow = wanted.filter((prefix) => parseCidr(prefix).prefixLength > 1);
  if (narrow.length === 0) return OUTSIDE[version];
  const address = beside(at(narrow, choice.other), choice.meets.remote ? choice.edge : 4 + choice.edge);
  const all = [...cloud.ports.values()].flatMap(({ addresses, pairs }) => [...addresses, ...pairs].map(({ ip }) => ip));
  return all.some((ip) => inPrefix(address, ip)) ? OUTSIDE[version] : address;
}

/** 0: the first address of a prefix, 1: the last, 2 and 3: between; 4 and 6: the one before, 5 and 7: the one behind. */
function beside(prefix: string, edge: number): string {
  const { address, prefixLength } = parseCidr(prefix);
  const bits = typeof address === "number" ? 32 : 128;
  const size = 1n << BigInt(bits - prefixLength);
  const first = (BigInt(address) / size) * size;
  const places = [first, first + size - 1n, first + size / 2n, first + size / 3n, first - 1n, first + size] as const;
  const place = places[edge < 6 ? edge : edge - 2] ?? first;
  return formatIp(bits === 32 ? Number(place) : place);
}

function headerOf(
  rule: SecurityRule,
  version: 4 | 6,
  choice: PacketChoice,
): readonly [number, Ports | IcmpMessage | null] {
  const others = PROTOCOLS[version].flatMap((p) => (p === null || p === rule.protocol ? [] : [p]));
  const icmp = version === 4 ? 1 : 58;
  // The rule's protocol in the other version: ICMP has another number there.
  const same = rule.protocol === 1 || rule.protocol === 58 ? icmp : rule.protocol;
  const protocol = choice.meets.protocol && same !== null ? same : at(others, choice.other);
  switch (protocol) {
    case icmp:
      return [protocol, icmpNear(protocol === rule.protocol ? rule : NO_RULE, version, choice)];
    case 6:
    case 17:
    case 33:
    case 132:
    case 136:
      return [protocol, portsNear(protocol === rule.protocol ? rule : null, choice)];
    default:
      return [protocol, null];
  }
}

function portsNear(rule: SecurityRule | null, { edge, sourcePort, meets, other }: PacketChoice): Ports {
  const min = rule?.portMin ?? 0;
  const max = rule?.portMax ?? 65535;
  const isAny = rule === null || rule.portMin === null;
  const inside = isAny ? at([1, 53, 80, 443, 65535], other) : at([min, max, (min + max) >> 1], edge);
  const around = [min - 1, max + 1].filter((port) => port >= 0 && port <= 65535);
  const destination = meets.header || around.length === 0 ? inside : at(around, edge);
  return { type: "ports", source: sourcePort, destination };
}

function icmpNear(rule: SecurityRule, version: 4 | 6, { edge, meets, other }: PacketChoice): IcmpMessage {
  const [anyType, anyCode] = at(ICMP_MESSAGES[version], other);
  const isRule = rule !== NO_RULE && rule.portMin !== null;
  const type = isRule ? (rule.portMin ?? anyType) : anyType;
  const code = isRule ? (rule.portMax ?? other % 3) : (anyCode ?? other % 2);
  const message = (icmpType: number, icmpCode: number): IcmpMessage => ({ type: "icmp", icmpType, icmpCode });
  if (meets.header) return message(type, code);
  return edge % 2 === 0 ? message(type === 255 ? 254 : type + 1, code) : message(type, code === 255 ? 254 : code + 1);
}

/** What a port with port security cannot send at all is not for security groups: router advertisements and redirects. */
function restrained(cloud: Cloud, packet: IpPacket): IpPacket {
  const { header, from } = packet;
  const isGuarded = typeof from !== "string" && cloud.ports.get(from.port)?.portSecurity === true;
  if (!isGuarded || packet.protocol !== 58 || header?.type !== "icmp") return packet;
  return [134, 137].includes(header.icmpType) ? { ...packet, header: { ...header, icmpType: 138 } } : packet;
}

/** Requests and answers of ICMP and ICMPv6. */
const ANSWERS: Readonly<Record<string, number>> = { "1.8": 0, "1.0": 8, "1.13": 14, "58.128": 129, "58.129": 128 };

function reversed(packet: IpPacket): IpPacket {
  const { from, to, source, destination, protocol, header } = packet;
  return {
    ...packet,
    from: to,
    to: from,
    source: destination,
    destination: source,
    header: answerTo(protocol, header),
  };
}
function answerTo(protocol: number, header: IpPacket["header"]): IpPacket["header"] {
  if (header === null) return null;
  if (header.type === "ports") return { ...header, source: header.destination, destination: header.source };
  return { ...header, icmpType: ANSWERS[`${protocol}.${header.icmpType}`] ?? header.icmpType };
}

const ERRORS = {
  4: [
    [3, 0],
    [3, 1],
    [3, 3],
    [3, 4],
    [11, 0],
    [12, 0],
  ],
  6: [
    [1, 0],
    [1, 4],
    [2, 0],
    [3, 0],
    [4, 1],
  ],
} as const;

/** An ICMP error goes to whoever sent the packet that it is about. */
function errorAbout(quoted: IpPacket, { from, type }: PacketChoice["error"]): IpPacket {
  const version = quoted.source.includes(":") ? 6 : 4;
  const [icmpType, icmpCode] = at<readonly [number, number]>(ERRORS[version], type);
  const isRouter = from === "router";
  return {
    ...quoted,
    from: isRouter ? "outside" : quoted.to,
    to: quoted.from,
    source: isRouter ? OUTSIDE[version] : quoted.destination,
    destination: quoted.source,
    protocol: version === 4 ? 1 : 58,
    header: { type: "icmp", icmpType, icmpCode },
    fragment: "none",
  };
}
