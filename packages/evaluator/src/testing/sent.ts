/** What ports send, and what they should not: packets of every kind, to every place there is in a cloud. */
import type { LocalPortRecord } from "@dragonflow/model";
import { formatIp, formatMac, multicastMac, parseIp, parseIpv6, solicitedNode } from "@dragonflow/packet";
import fc from "fast-check";
import type { Connection, IpPacket } from "../packet.ts";
import type { Sent } from "../whole/fate.ts";
import type { Frame, IpContent } from "../whole/frame.ts";
import { isIpv6, linkLocalOf, type Topology } from "../whole/topology.ts";
import { canonical } from "./wire.ts";

const KINDS = [
  "arp-request",
  "arp-reply",
  "solicitation",
  "probe",
  "advertisement",
  "router-solicitation",
  "router-advertisement",
  "dhcp-discover",
  "dhcp-request",
  "dhcp-offer",
  "other",
] as const;

export interface SentChoice {
  /** "ip": anything over IPv4 or IPv6. */
  readonly kind: string;
  readonly version: 4 | 6;
  /** Places in lists of what there is in the cloud, counted round. */
  readonly from: number;
  readonly to: number;
  /** At the address of a port, or at whatever there is. */
  readonly aim: "port" | "any";
  readonly hop: "best" | "best-router" | "any" | "all";
  readonly any: number;
  /** What is wrong with it. */
  readonly spoof: "nothing" | "mac" | "ip" | "inner" | "tag" | "pair";
  readonly ttl: number;
  readonly header: number;
  readonly fragment: IpPacket["fragment"];
  readonly connection: Connection;
}

const many = <const T>(value: T, times: number): readonly T[] => Array.from({ length: times }, () => value);

export const sentChoices: fc.Arbitrary<SentChoice> = fc.record({
  kind: fc.oneof({ arbitrary: fc.constant("ip"), weight: 3 }, { arbitrary: fc.constantFrom(...KINDS), weight: 1 }),
  version: fc.constantFrom(4, 6),
  from: fc.nat(999),
  to: fc.nat(999),
  aim: fc.constantFrom("port", "port", "port", "any", "any"),
  hop: fc.constantFrom(...many("best", 6), ...many("best-router", 2), "any", "all"),
  any: fc.nat(999),
  spoof: fc.oneof(
    { arbitrary: fc.constant("nothing" as const), weight: 24 },
    fc.constantFrom("mac" as const, "ip" as const, "inner" as const, "tag" as const, "pair" as const),
  ),
  ttl: fc.constantFrom(64, 64, 64, 64, 255, 3, 2, 1, 1, 0),
  header: fc.nat(999),
  fragment: fc.oneof({ arbitrary: fc.constant("none" as const), weight: 12 }, fc.constantFrom("first", "later")),
  connection: fc.record({
    state: fc.constantFrom(...many("new", 6), ...many("established", 4), "reply", "reply", "related", "invalid"),
    revokedAt: fc.constantFrom<NonNullable<Connection["revokedAt"]>[]>(...many([], 8), ["source"], ["destination"]),
  }),
});

const at = <T>(list: readonly [T, ...T[]], place: number): T => list[place % list.length] ?? list[0];
const some = <T>(list: readonly T[], otherwise: T): readonly [T, ...T[]] => {
  const [first = otherwise, ...rest] = list;
  return [first, ...rest];
};
const STRANGER = "fa:16:3e:00:07:77";
const BROADCAST = "ff:ff:ff:ff:ff:ff";
const NOWHERE = {
  4: ["192.0.2.7", "10.0.1.99", "169.254.1.1", "224.0.0.22", "255.255.255.255", "127.0.0.1", "0.0.0.0", "192.168.7.7"],
  6: ["2001:db8:9::7", "fd00:1::99", "fe80::99", "ff02::16", "ff02::1", "::1", "::", "2001:db8:7::7"],
} as const;

/** The frame that a choice stands for in a cloud. */
export function sentOf(topology: Topology, choice: SentChoice): Sent {
  const ports = [...topology.cloud.ports.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  // Rather one that may say something at all.
  const able = ports.filter(({ networkId, adminUp, portSecurity, securityGroups }) => {
    const mayTalk = !portSecurity || securityGroups.length > 0;
    return adminUp && mayTalk && topology.isUp(networkId);
  });
  const senders = [...many(able, 8).flat(), ...ports];
  const port = senders[choice.from % Math.max(1, senders.length)];
  if (port === undefined) throw new RangeError("a cloud without ports");
  const frame = frameOf(topology, port, choice);
  return { from: port.id, frame, connection: choice.connection };
}

/** A port sends as it should, but for what is wrong with the choice. */
interface Speaker {
  readonly mac: string;
  /** In the message once more. */
  readonly inner: string;
  readonly ip: string;
}

function speakerOf(port: LocalPortRecord, version: 4 | 6, { spoof, any }: SentChoice): Speaker {
  const isFamily = ({ ip }: { readonly ip: string }): boolean => isIpv6(ip) === (version === 6);
  const nobody = version === 4 ? "0.0.0.0" : linkLocalOf(port.mac);
  const own = at(
    some([...port.addresses.filter(isFamily).map(({ ip }) => ip), ...(any % 9 === 0 ? [nobody] : [])], nobody),
    any,
  );
  const pair = spoof === "pair" ? at(some(port.pairs.filter(isFamily), { ip: own, mac: port.mac }), any) : undefined;
  const mac = spoof === "mac" ? STRANGER : (pair?.mac ?? port.mac);
  const foreign = version === 4 ? "10.0.1.77" : "fd00:1::77";
  const ip = spoof === "ip" ? foreign : pair === undefined ? own : inside(pair.ip, any);
  return { mac, inner: spoof === "inner" ? STRANGER : mac, ip };
}

/** An address of the prefix. */
function inside(prefix: string, n: number): string {
  const [address = "", length] = prefix.split("/");
  if (length === undefined) return canonical(address);
  const bits = BigInt(parseIp(address)) + BigInt(n % 200);
  return formatIp(isIpv6(address) ? bits : Number(bits));
}

/** Every address that something in the cloud has, or that a route leads to; and some that nobody has. */
function targets(topology: Topology, version: 4 | 6, aim: SentChoice["aim"]): readonly [string, ...string[]] {
  const ports = [...topology.cloud.ports.values()];
  const owned = ports.flatMap(({ addresses }) => addresses.map(({ ip }) => ip));
  const others = () => [
    ...ports.flatMap(({ pairs }) => pairs.map(({ ip }, n) => inside(ip, n + 3))),
    ...topology.interfaces.flatMap(({ addresses, mac }) => [...addresses.map(({ ip }) => ip), linkLocalOf(mac)]),
    ...ports.map(({ mac }) => linkLocalOf(mac)),
    ...[...topology.routers.values()].flatMap(({ routes }) =>
      routes.map(({ destination }, n) => inside(destination, n + 7)),
    ),
    ...NOWHERE[version],
  ];
  const found = aim === "port" ? owned : others();
  return some(
    found.filter((ip) => isIpv6(ip) === (version === 6)),
    NOWHERE[version][0],
  );
}

/** The MAC address that a host would send it to; or what is wanted instead. */
function hopTo(topology: Topology, port: LocalPortRecord, ip: string, { hop, any }: SentChoice): string {
  const { networkId } = port;
  const interfaces = topology.interfaces.filter((one) => one.networkId === networkId);
  const router = at(
    some(
      interfaces.map(({ mac }) => mac),
      STRANGER,
    ),
    any,
  );
  const isGroup = /^(?:ff|22[4-9]|23\d|255)/.test(ip);
  if (hop === "all" || isGroup) return any % 2 === 0 ? BROADCAST : formatMac(multicastMac(groupOf(ip)));
  if (hop === "any") {
    const all = [...topology.cloud.ports.values()].flatMap(({ mac, pairs }) => [mac, ...pairs.map((pair) => pair.mac)]);
    return at(some([...all, ...topology.interfaces.map(({ mac }) => mac), STRANGER], STRANGER), any);
  }
  if (hop === "best-router") return router;
  const own =
    topology.holdersOf(networkId, ip)[0]?.mac ??
    topology.usersOf(networkId, ip)[0]?.port.mac ??
    interfaces.find(({ addresses }) => addresses.some((one) => one.ip === ip))?.mac;
  const linkLocal = topology.portsOf(networkId).find(({ mac }) => linkLocalOf(mac) === ip)?.mac;
  return own ?? linkLocal ?? router;
}
const groupOf = (ip: string): number | bigint => (isIpv6(ip) ? parseIpv6("ff02::16") : 0xe0000016);

function frameOf(topology: Topology, port: LocalPortRecord, choice: SentChoice): Frame {
  const { kind, ttl } = choice;
  const version = versionOf(choice);
  const { mac, inner, ip } = speakerOf(port, version, choice);
  const target = canonical(at(targets(topology, version, choice.aim), choice.to));
  const hop = hopTo(topology, port, target, choice);
  const isUnicast = choice.hop === "any";
  const tagged = choice.spoof === "tag";
  const to = (destination: string, content: Frame["content"]): Frame => ({ source: mac, destination, tagged, content });
  switch (kind) {
    case "other":
      return to(hop, { type: "other" });
    case "arp-request":
    case "arp-reply": {
      const isReply = kind === "arp-reply";
      const senderIp = ttl === 1 ? "0.0.0.0" : ip;
      const ends = { senderMac: inner, senderIp, targetMac: isReply ? hop : "00:00:00:00:00:00", targetIp: target };
      return to(isReply || isUnicast ? hop : BROADCAST, { type: "arp", operation: isReply ? 2 : 1, ...ends });
    }
    case "solicitation":
    case "probe": {
      const isProbe = kind === "probe";
      const group = solicitedNode(parseIpv6(target));
      const said = { type: "neighbour", target, linkLayer: isProbe || ttl === 2 ? null : inner } as const;
      const destination = isUnicast ? target : formatIp(group);
      const content = message6(isProbe ? "::" : ip, destination, 135, said);
      return to(isUnicast ? hop : formatMac(multicastMac(group)), content);
    }
    case "advertisement": {
      const said = { type: "neighbour", target: ttl === 1 ? target : ip, linkLayer: ttl === 2 ? null : inner } as const;
      return to(isUnicast ? hop : "33:33:00:00:00:01", message6(ip, isUnicast ? target : "ff02::1", 136, said));
    }
    case "router-solicitation": {
      const content = message6(ttl === 2 ? "::" : linkLocalOf(mac), "ff02::2", 133);
      return to("33:33:00:00:00:02", ttl === 1 ? { ...content, ttl: 64 } : content);
    }
    case "router-advertisement":
      return to("33:33:00:00:00:01", message6(linkLocalOf(mac), "ff02::1", 134));
    case "dhcp-discover":
    case "dhcp-request":
    case "dhcp-offer":
      return to(isUnicast ? hop : BROADCAST, dhcp(kind, inner, ip, target, choice));
    default:
      return to(hop, datagram(ip, target, choice));
  }
}

function versionOf({ kind, version }: SentChoice): 4 | 6 {
  if (kind.startsWith("arp") || kind.startsWith("dhcp")) return 4;
  return kind === "ip" || kind === "other" ? version : 6;
}

function message6(source: string, destination: string, icmpType: number, said?: IpContent["said"]): IpContent {
  const header = { type: "icmp", icmpType, icmpCode: 0 } as const;
  const content = { type: "ip", source, destination, ttl: 255, protocol: 58, header, fragment: "none" } as const;
  return said === undefined ? content : { ...content, said };
}

function dhcp(kind: string, client: string, own: string, target: string, { hop, any, ttl }: SentChoice): IpContent {
  const isOffer = kind === "dhcp-offer";
  const [source, destination] = isOffer ? [67, 68] : [68, 67];
  const isNew = hop !== "any" && !isOffer;
  const message = isOffer ? "offer" : kind === "dhcp-discover" ? "discover" : "request";
  const address = message === "discover" ? null : any % 3 === 0 ? target : own;
  return {
    type: "ip",
    source: isNew ? "0.0.0.0" : own,
    destination: isNew || isOffer ? "255.255.255.255" : target,
    ttl: Math.max(1, ttl),
    protocol: 17,
    header: { type: "ports", source, destination },
    fragment: "none",
    said: { type: "dhcp", message, client, address: address === "0.0.0.0" ? null : address },
  };
}

/** At the ends of ranges that rules have, and right behind these. */
const PORTS = [53, 53, 80, 54, 60, 61, 50, 49, 0, 1, 1023, 1024, 68, 67, 546, 547] as const;
const MESSAGES = {
  4: [
    [8, 0],
    [8, 0],
    [8, 3],
    [0, 0],
    [3, 1],
    [11, 0],
    [13, 0],
  ],
  6: [
    [128, 0],
    [128, 0],
    [128, 3],
    [129, 0],
    [1, 4],
    [3, 0],
    [143, 0],
    [135, 1],
    [136, 1],
    [133, 1],
    [137, 0],
  ],
} as const;

function datagram(source: string, destination: string, { header: n, fragment, ttl }: SentChoice): IpContent {
  const version = isIpv6(source) ? 6 : 4;
  const icmp = version === 4 ? 1 : 58;
  const protocol = at([icmp, icmp, 6, 17, 6, 17, 132, 47], n);
  const detail = Math.floor(n / 8);
  const [icmpType, icmpCode] = at<readonly [number, number]>(MESSAGES[version], detail);
  const destinationPort = at<number>(PORTS, detail);
  const sourcePort = n % 7 === 0 ? at<number>(PORTS, n) : 4000;
  const header =
    protocol === 47
      ? null
      : protocol === icmp
        ? ({ type: "icmp", icmpType, icmpCode } as const)
        : ({ type: "ports", source: sourcePort, destination: destinationPort } as const);
  // The rules are about the whole datagram; of SCTP the userspace datapath shows them pieces, without ports.
  const isWhole = protocol === 132;
  return { type: "ip", source, destination, ttl, protocol, header, fragment: isWhole ? "none" : fragment };
}
