import type { Read } from "@dragonflow/engine";
import {
  chassisTopic,
  networkTopic,
  type RouterInterfaceRecord,
  type RouterPortRecord,
  routerTopic,
} from "@dragonflow/model";
import {
  decTtl,
  type Desired,
  ETH_TYPE,
  flow,
  goto,
  hosts,
  IP_PROTO,
  isIpv6,
  limit,
  linkLocalText,
  LOCAL,
  localPortsByNetwork,
  meter,
  networks,
  priority,
  punt,
  response,
  routerInterfaces,
  type RoutedNetwork,
  routers,
  set,
  setMac,
  stages,
  subnets,
} from "@dragonflow/pipeline";
import { routerInUse } from "./reach.ts";
import { errorResponder, type ErrorSource } from "./responder.ts";
import { destination, echoReply, prefixLength } from "./steps.ts";
import { neighbour, routerPort, routing } from "./tables.ts";

export const app = "l3";
/** Connected networks win over extra routes of the same length; the longest prefix wins over everything (RFC 1812 section 5.2.4.3). */
export const routePriority = (prefix: string, connected: boolean): number =>
  priority.normal + 2 * prefixLength(prefix) + (connected ? 1 : 0);
const ownAddress = { echo: 970, unreachable: 960, rest: 950 } as const;
const TTL_EXCEEDED = 900;
const ERRORS_PER_SECOND = 100;

/** The router's MAC in a network that has a port here: from here packets enter the router. */
export function entry(port: RouterPortRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !port.adminUp) return [];
  if (!read.hasAny(localPortsByNetwork, chassisTopic(host.chassis), port.networkId)) return [];
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["key"]);
  const router = read.pick(routers, routerTopic(port.routerId), port.routerId, ["key", "adminUp"]);
  if (network === undefined || !router?.adminUp) return [];
  const owner = { app, kind: "router-port", id: port.id };
  const match = { network: network.key, eth_dst: port.mac, fromTunnel: 0 };
  return [flow(owner, routerPort, priority.normal, match, [set("router", router.key), goto(stages.routing)])];
}

/** Which networks the routers in use lead into. */
export function routedNetwork(i: RouterInterfaceRecord, read: Read): readonly RoutedNetwork[] {
  const host = read.row(hosts, LOCAL, "self");
  if (
    host === undefined ||
    !i.adminUp ||
    !read.pick(routers, routerTopic(i.routerId), i.routerId, ["adminUp"])?.adminUp
  )
    return [];
  if (!routerInUse(read, host.chassis, i.routerId)) return [];
  const hasPorts = read.hasAny(localPortsByNetwork, chassisTopic(host.chassis), i.networkId);
  const network = read.pick(networks, networkTopic(i.networkId), i.networkId, ["networkType"]);
  return [{ id: i.id, networkId: i.networkId, receives: hasPorts ? (network?.networkType ?? null) : null }];
}

/** An interface of a router in use: its connected prefixes, its own addresses, and the errors that it sends. */
export function routerInterface(i: RouterInterfaceRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !i.adminUp) return [];
  const router = read.pick(routers, routerTopic(i.routerId), i.routerId, ["key", "adminUp"]);
  if (!router?.adminUp || !routerInUse(read, host.chassis, i.routerId)) return [];
  const network = read.pick(networks, networkTopic(i.networkId), i.networkId, ["key"]);
  if (network === undefined) return [];
  const owner = { app, kind: "router-interface", id: i.id };
  const inRouter = { router: router.key };

  const connected = i.addresses.flatMap((address) => {
    const subnet = read.pick(subnets, networkTopic(i.networkId), address.subnetId, ["cidr"]);
    if (subnet === undefined) return [];
    const steps = [setMac("eth_src", i.mac), decTtl, set("network", network.key), set("routed", 1), goto(neighbour)];
    return [
      flow(owner, routing, routePriority(subnet.cidr, true), { ...inRouter, ...destination(subnet.cidr) }, steps),
    ];
  });

  const errors = `icmp-error/${i.routerId}`;
  const toError = [limit(errors), punt(errorResponder, i.key)];
  const own = i.addresses.flatMap(({ ip }) => ownAddressFlows(ip, inRouter));
  // Every interface of the router has the same kind of link-local address on its own link only: the network tells which.
  const linkLocal = i.addresses.some(({ ip }) => isIpv6(ip))
    ? ownAddressFlows(linkLocalText(i.mac), { ...inRouter, network: network.key })
    : [];
  const onNetwork = read
    .rows(routerInterfaces, routerTopic(i.routerId))
    .filter((other) => other.adminUp && other.networkId === i.networkId);
  const ttl = familiesAnsweredBy(i, onNetwork).map((eth_type) =>
    flow(owner, routing, TTL_EXCEEDED, { ...inRouter, network: network.key, eth_type, ip_ttl: 1 }, toError),
  );
  const source: ErrorSource = {
    type: "error-source",
    own: [...i.addresses.map((a) => a.ip), linkLocalText(i.mac)],
    network: onNetwork.flatMap(({ addresses }) =>
      addresses.flatMap(({ ip, subnetId }) => {
        const subnet = read.pick(subnets, networkTopic(i.networkId), subnetId, ["cidr"]);
        return subnet ? [{ ip, cidr: subnet.cidr }] : [];
      }),
    ),
  };
  return [
    ...connected,
    ...own,
    ...linkLocal,
    ...ttl,
    meter(errors, ERRORS_PER_SECOND),
    response(errorResponder.name, i.key, source),
  ];

  function ownAddressFlows(ip: string, where: Readonly<Record<string, number>>): readonly Desired[] {
    const match = { ...where, ...destination(ip) };
    const echo = echoReply(ip);
    return [
      flow(owner, routing, ownAddress.echo, { ...match, ...echo.match }, echo.steps),
      flow(owner, routing, ownAddress.unreachable, { ...match, ip_proto: IP_PROTO.udp }, toError),
      // Nothing else listens there, and a packet to the router itself must not be routed on.
      flow(owner, routing, ownAddress.rest, match, []),
    ];
  }
}

/**
 * A router may have several interfaces on one network (one for each of its subnets, as Neutron makes them): for each family, the first of them that
 * has an address of it sends the network's errors.
 */
function familiesAnsweredBy(
  own: RouterInterfaceRecord,
  onNetwork: readonly RouterInterfaceRecord[],
): readonly number[] {
  const first = (v6: boolean): RouterInterfaceRecord | undefined =>
    onNetwork.find((i) => i.addresses.some(({ ip }) => isIpv6(ip) === v6));
  return [
    ...(first(false)?.id === own.id ? [ETH_TYPE.ipv4] : []),
    ...(first(true)?.id === own.id ? [ETH_TYPE.ipv6] : []),
  ];
}
