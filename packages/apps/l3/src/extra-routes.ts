import type { Read } from "@dragonflow/engine";
import { networkTopic, type RouterInterfaceRecord, type RouterRecord, routerTopic } from "@dragonflow/model";
import { contains, firstAddress, formatIp, parseCidr, parseIp } from "@dragonflow/packet";
import {
  decTtl,
  type Desired,
  flow,
  hosts,
  isIpv6,
  LOCAL,
  networks,
  resubmit,
  routerInterfaces,
  routerPortsByAddress,
  routers,
  set,
  setMac,
  subnets,
} from "@dragonflow/pipeline";
import { app, routePriority } from "./interface-flows.ts";
import { routerInUse } from "./reach.ts";
import { destination } from "./steps.ts";
import { routing } from "./tables.ts";
import { deliver, type Delivery, holdersOf } from "./ways.ts";

/**
 * A router's extra routes: each straight to the port, or into the router, that has the next hop's address. Where nobody has it the prefix is dropped:
 * a route that leads nowhere hides the shorter ones behind it all the same (RFC 1812 section 5.2.4.3).
 */
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
  const byDestination = Map.groupBy(router.routes, (route) => withoutHostBits(route.destination));
  return [...byDestination].flatMap(([prefix, routes]) => {
    const copies = { owner, name: `route/${router.id}/${prefix}` };
    // Several next hops for one prefix: the first in order of text that leads somewhere, the same on every host.
    const nexthops = routes.map((route) => route.nexthop).sort();
    const [way] = nexthops.flatMap((nexthop) => throughNexthop(router.id, nexthop, host.chassis, copies, read) ?? []);
    const match = { router: router.key, ...destination(prefix) };
    return [...(way?.besides ?? []), flow(owner, routing, routePriority(prefix, false), match, way?.steps ?? [])];
  });
}

function withoutHostBits(prefix: string): string {
  const cidr = parseCidr(prefix);
  return `${formatIp(firstAddress(cidr))}/${cidr.prefixLength}`;
}

function throughNexthop(
  routerId: string,
  nexthop: string,
  chassis: string,
  copies: Parameters<typeof deliver>[3],
  read: Read,
): Delivery | undefined {
  const via = read.rows(routerInterfaces, routerTopic(routerId)).find((i) => i.adminUp && isOnLink(i, nexthop, read));
  const network = via && read.pick(networks, networkTopic(via.networkId), via.networkId, ["key", "networkType"]);
  if (via === undefined || network === undefined) return undefined;
  const topic = networkTopic(via.networkId);
  const leave = [decTtl, set("network", network.key), set("routed", 1)];

  const next = read.by(routerPortsByAddress, topic, nexthop).find((port) => port.adminUp && port.routerId !== routerId);
  if (next !== undefined) {
    const router = read.pick(routers, routerTopic(next.routerId), next.routerId, ["key", "adminUp"]);
    // There is no wire between routers of one host: MAC addresses stay as they are, so that an error of the next one finds back to the sender.
    const steps = router?.adminUp ? [...leave, set("router", router.key), resubmit(routing)] : undefined;
    return steps && { besides: [], steps };
  }
  const way = deliver(holdersOf(via.networkId, nexthop, read), network, chassis, copies, read);
  return way && { besides: way.besides, steps: [setMac("eth_src", via.mac), ...leave, ...way.steps] };
}

function isOnLink(i: RouterInterfaceRecord, address: string, read: Read): boolean {
  return i.addresses.some(({ subnetId, ip }) => {
    if (isIpv6(ip) !== isIpv6(address)) return false;
    const subnet = read.pick(subnets, networkTopic(i.networkId), subnetId, ["cidr"]);
    return subnet !== undefined && contains(parseCidr(subnet.cidr), parseIp(address));
  });
}
