import type { Read } from "@dragonflow/engine";
import { networkTopic, type RouterInterfaceRecord, type RouterRecord, routerTopic } from "@dragonflow/model";
import { contains, parseCidr, parseIp } from "@dragonflow/packet";
import {
  decTtl,
  type Desired,
  flow,
  hosts,
  isIpv6,
  LOCAL,
  networks,
  portsByAddress,
  portsByPairAddress,
  resubmit,
  routerInterfaces,
  routerPortsByAddress,
  routers,
  set,
  setMac,
  type Step,
  subnets,
  towards,
} from "@dragonflow/pipeline";
import { app, routePriority } from "./interface-flows.ts";
import { routerInUse } from "./reach.ts";
import { destination } from "./steps.ts";
import { routing } from "./tables.ts";

/** A router's extra routes: each straight to the port, or to the router, that has the next hop's address. A next hop that nobody has: no flow. */
export function extraRoutes(router: RouterRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (
    host === undefined ||
    !router.adminUp ||
    router.routes.length === 0 ||
    !routerInUse(read, host.chassis, router.id)
  )
    return [];
  const owner = { app, kind: "router", id: router.id };
  const byDestination = Map.groupBy(router.routes, (route) => route.destination);
  return [...byDestination].flatMap(([prefix, routes]) => {
    // Several next hops for one prefix: the lowest address that leads somewhere, the same on every host.
    const ways = routes
      .map((route) => route.nexthop)
      .sort()
      .flatMap((nexthop) => throughNexthop(router.id, nexthop, host.chassis, read) ?? []);
    const way = ways[0];
    if (way === undefined) return [];
    return [
      flow(owner, routing, routePriority(prefix, false), { router: router.key, ...destination(prefix) }, way.steps),
    ];
  });
}

interface Way {
  readonly steps: readonly Step[];
}

function throughNexthop(routerId: string, nexthop: string, chassis: string, read: Read): readonly Way[] | undefined {
  const via = read.rows(routerInterfaces, routerTopic(routerId)).find((i) => i.adminUp && isOnLink(i, nexthop, read));
  const network = via && read.pick(networks, networkTopic(via.networkId), via.networkId, ["key", "networkType"]);
  if (via === undefined || network === undefined) return undefined;
  const topic = networkTopic(via.networkId);
  const leave = [setMac("eth_src", via.mac), decTtl, set("network", network.key), set("routed", 1)];

  const next = read.by(routerPortsByAddress, topic, nexthop).find((port) => port.adminUp && port.routerId !== routerId);
  if (next !== undefined) {
    const router = read.pick(routers, routerTopic(next.routerId), next.routerId, ["key", "adminUp"]);
    return router?.adminUp
      ? [{ steps: [...leave, setMac("eth_dst", next.mac), set("router", router.key), resubmit(routing)] }]
      : undefined;
  }
  const [owner, ...others] = [
    ...read.by(portsByAddress, topic, nexthop),
    ...read.by(portsByPairAddress, topic, nexthop),
  ];
  if (owner === undefined || others.length > 0 || !owner.adminUp) return undefined;
  const way = towards(owner, network.networkType, chassis, read);
  const mac = owner.pairs.find((pair) => pair.ip === nexthop)?.mac ?? owner.mac;
  return way && [{ steps: [...leave, setMac("eth_dst", mac), ...way] }];
}

function isOnLink(i: RouterInterfaceRecord, address: string, read: Read): boolean {
  return i.addresses.some(({ subnetId, ip }) => {
    if (isIpv6(ip) !== isIpv6(address)) return false;
    const subnet = read.pick(subnets, networkTopic(i.networkId), subnetId, ["cidr"]);
    return subnet !== undefined && contains(parseCidr(subnet.cidr), parseIp(address));
  });
}
