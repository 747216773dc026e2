import type { RouterInterfaceRecord, RouterRecord } from "@dragonflow/model";
import { inPrefix } from "../addresses.ts";
import { PROTOCOL } from "../packet.ts";
import type { Frame, IpContent } from "./frame.ts";
import { type Holder, isIpv6, isSameAddress, linkLocalOf, type Topology } from "./topology.ts";

/** What routers make of a packet. */
export type Routed =
  /** It goes into the network, a copy to each. */
  | {
      readonly type: "sent";
      readonly networkId: string;
      readonly copies: readonly (Holder & { readonly frame: Frame })[];
    }
  /** To the sender. */
  | { readonly type: "answered"; readonly frame: Frame }
  | { readonly type: "dropped"; readonly why: string };

const dropped = (why: string): Routed => ({ type: "dropped", why });

/** A packet goes through so many routers at most; one that goes round in circles ends by its hop limit before. */
const MOST_ROUTERS = 64;
const TTL = 64;

/** Of no link but one's own, or of nobody: never passed on (RFC 1812 section 5.3.7, RFC 3927 section 2.7, RFC 4291 section 2.5). */
const NOT_PASSED_ON = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  "::/127",
  "fe80::/10",
  "ff00::/8",
] as const;

/** A packet that a port sent to a router's MAC address: through this router, and those that its routes lead to. */
export function route(topology: Topology, entrance: RouterInterfaceRecord, frame: Frame, sent: IpContent): Routed {
  let { routerId, networkId } = entrance;
  let content = sent;
  for (let crossed = 0; crossed < MOST_ROUTERS; crossed++) {
    const router = topology.routers.get(routerId);
    if (router?.adminUp !== true) return dropped(`router ${routerId} is administratively down`);
    const here = { topology, router, networkId, frame, content };
    const kept = toRouter(here) ?? endOf(here);
    if (kept !== undefined) return kept;
    const next = nextOf(topology, router, content.destination);
    if (next === undefined) return dropped(`router ${routerId} has no route to ${content.destination}`);
    if (content.ttl <= 1) return dropped("its hop limit is used up, and no router may say so");
    content = { ...content, ttl: content.ttl - 1 };
    if (next.type === "sent") return sentOn(next, frame, content);
    if (next.type === "nobody") return dropped(`router ${routerId} sends it to ${next.nexthop}, which nobody has`);
    ({ routerId, networkId } = next);
  }
  return dropped(`it crosses more than ${MOST_ROUTERS} routers`);
}

interface Here {
  readonly topology: Topology;
  readonly router: RouterRecord;
  /** That it came from. */
  readonly networkId: string;
  readonly frame: Frame;
  readonly content: IpContent;
}

/** To the router itself: it answers to echo requests in one piece, and says that nobody listens at a port of UDP. */
function toRouter({ topology, router, networkId, frame, content }: Here): Routed | undefined {
  const { destination, source, protocol, header, fragment } = content;
  const own = topology.interfacesOf(router.id);
  const isOwn = own.some((one) => {
    const given = one.addresses.map(({ ip }) => ip);
    const isOnLink = one.networkId === networkId && given.some(isIpv6);
    return [...given, ...(isOnLink ? [linkLocalOf(one.mac)] : [])].some((ip) => isSameAddress(ip, destination));
  });
  if (!isOwn) return undefined;
  const is6 = isIpv6(destination);
  const echo = is6
    ? { protocol: PROTOCOL.icmp6, request: 128, reply: 129 }
    : { protocol: PROTOCOL.icmp, request: 8, reply: 0 };
  if (
    fragment === "none" &&
    header?.type === "icmp" &&
    protocol === echo.protocol &&
    header.icmpType === echo.request
  ) {
    const reply = {
      ...content,
      source: destination,
      destination: source,
      ttl: TTL,
      header: { ...header, icmpType: echo.reply },
    };
    return {
      type: "answered",
      frame: { ...frame, source: frame.destination, destination: frame.source, content: reply },
    };
  }
  // Of a later piece over IPv6 nobody sees what it is.
  const isUdp = protocol === PROTOCOL.udp && !(is6 && fragment === "later");
  const unreachable = is6 ? ([1, 4] as const) : ([3, 3] as const);
  if (isUdp && maySayError(content)) return errorFrom(destination, frame, content, unreachable);
  return dropped(`it is for router ${router.id}, where nobody listens`);
}

/** What is not passed on, and what has come too far already. */
function endOf({ topology, router, networkId, frame, content }: Here): Routed | undefined {
  const { destination, source, ttl } = content;
  if (NOT_PASSED_ON.some((prefix) => inPrefix(destination, prefix)) || inPrefix(source, "fe80::/10"))
    return dropped(`no router passes on what goes from ${source} to ${destination}`);
  if (ttl !== 1) return undefined;
  const own = topology
    .interfacesOf(router.id)
    .filter((one) => one.networkId === networkId)
    .flatMap(({ addresses }) => addresses)
    .filter(({ ip }) => isIpv6(ip) === isIpv6(source));
  const onLink = own.find(({ subnetId }) => inPrefix(source, topology.subnets.get(subnetId)?.cidr ?? "::/128"));
  const from = (onLink ?? own[0])?.ip;
  if (from === undefined || !maySayError(content)) return dropped("its hop limit is used up, and no router may say so");
  return errorFrom(from, frame, content, isIpv6(source) ? [3, 0] : [11, 0]);
}

const ERRORS4: readonly number[] = [3, 4, 5, 11, 12];
const REDIRECT6 = 137;
const NO_SINGLE_HOST = ["0.0.0.0", "127.0.0.0/8", "224.0.0.0/3", "::", "ff00::/8"] as const;
/** RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e): about errors, about later pieces (IPv4), and to nobody in particular there is none. */
function maySayError({ source, protocol, header, fragment }: IpContent): boolean {
  if (NO_SINGLE_HOST.some((prefix) => inPrefix(source, prefix))) return false;
  if (fragment === "later") return isIpv6(source);
  if (header?.type !== "icmp") return true;
  return isIpv6(source)
    ? protocol !== PROTOCOL.icmp6 || (header.icmpType >= 128 && header.icmpType !== REDIRECT6)
    : protocol !== PROTOCOL.icmp || !ERRORS4.includes(header.icmpType);
}

/** Back to the MAC address that it came from. */
function errorFrom(
  ip: string,
  frame: Frame,
  { source }: IpContent,
  [icmpType, icmpCode]: readonly [number, number],
): Routed {
  const content: IpContent = {
    type: "ip",
    source: ip,
    destination: source,
    ttl: TTL,
    protocol: isIpv6(ip) ? PROTOCOL.icmp6 : PROTOCOL.icmp,
    header: { type: "icmp", icmpType, icmpCode },
    fragment: "none",
  };
  return { type: "answered", frame: { ...frame, source: frame.destination, destination: frame.source, content } };
}

type Next =
  | {
      readonly type: "sent";
      readonly via: RouterInterfaceRecord;
      readonly holders: readonly Holder[];
      readonly ip: string;
    }
  | { readonly type: "router"; readonly routerId: string; readonly networkId: string }
  | { readonly type: "nobody"; readonly nexthop: string };

/**
 * The longest prefix; of two of one length that of a network which is connected (RFC 1812 section 5.2.4.3). A route that leads nowhere hides the shorter
 * ones behind it all the same; of several for one prefix the first that leads somewhere counts, in order of their text.
 */
function nextOf(topology: Topology, router: RouterRecord, address: string): Next | undefined {
  const own = topology.interfacesOf(router.id);
  const connected = own.flatMap((via) =>
    via.addresses.flatMap(({ subnetId }) => {
      const prefix = topology.subnets.get(subnetId)?.cidr;
      return prefix !== undefined && inPrefix(address, prefix) ? [{ via, length: lengthOf(prefix) }] : [];
    }),
  );
  const routes = router.routes
    .filter(({ destination }) => inPrefix(address, destination))
    .map(({ destination, nexthop }) => ({ nexthop, length: lengthOf(destination) }));
  const longest = Math.max(...[...connected, ...routes].map(({ length }) => length));
  const link = connected.find(({ length }) => length === longest);
  if (link !== undefined) {
    const holders = topology.holdersOf(link.via.networkId, address);
    return { type: "sent", via: link.via, holders, ip: address };
  }
  const nexthops = routes.filter(({ length }) => length === longest).map(({ nexthop }) => nexthop);
  const ways = nexthops.sort().map((nexthop) => through(topology, own, router.id, nexthop));
  return ways.find(({ type }) => type !== "nobody") ?? ways[0];
}

const lengthOf = (prefix: string): number => Number(prefix.split("/")[1] ?? (isIpv6(prefix) ? 128 : 32));

/** To the next router, or to the port, that has the address on a network of the router's own. */
function through(topology: Topology, own: readonly RouterInterfaceRecord[], routerId: string, nexthop: string): Next {
  const via = own.find(({ addresses }) =>
    addresses.some(({ subnetId }) => {
      const cidr = topology.subnets.get(subnetId)?.cidr;
      return cidr !== undefined && inPrefix(nexthop, cidr);
    }),
  );
  if (via === undefined) return { type: "nobody", nexthop };
  const router = topology
    .interfacesIn(via.networkId)
    .find((one) => one.routerId !== routerId && one.addresses.some(({ ip }) => isSameAddress(ip, nexthop)));
  if (router !== undefined)
    return topology.routers.get(router.routerId)?.adminUp === true
      ? { type: "router", routerId: router.routerId, networkId: via.networkId }
      : { type: "nobody", nexthop };
  const holders = topology.holdersOf(via.networkId, nexthop);
  return holders.length > 0 ? { type: "sent", via, holders, ip: nexthop } : { type: "nobody", nexthop };
}

function sentOn({ via, holders, ip }: Extract<Next, { type: "sent" }>, frame: Frame, content: IpContent): Routed {
  if (holders.length === 0) return dropped(`nobody has ${ip} in network ${via.networkId}`);
  const copies = holders.map((holder) => ({
    ...holder,
    frame: { ...frame, source: via.mac, destination: holder.mac, content },
  }));
  return { type: "sent", networkId: via.networkId, copies };
}
