import type { Read } from "@dragonflow/engine";
import { chassisTopic, networkTopic, routerTopic } from "@dragonflow/model";
import { localPortsByNetwork, routerInterfaces, routerPorts, routers } from "@dragonflow/pipeline";

/** How many routers a packet may cross on its source host: enough for a transit network, and an end to what is read. */
const MAX_ROUTERS = 4;

/**
 * True where packets on this host can reach the router: a network of it has a port here, or a router that is in use has a route to it. Routers that
 * merely share a network with one in use stay unread: on a shared network that would be everybody's.
 */
export function routerInUse(read: Read, chassis: string, routerId: string, hops = MAX_ROUTERS): boolean {
  const interfaces = read.rows(routerInterfaces, routerTopic(routerId));
  if (interfaces.some((i) => read.hasAny(localPortsByNetwork, chassisTopic(chassis), i.networkId))) return true;
  if (hops === 1) return false;
  return interfaces.some((own) =>
    read.rows(routerPorts, networkTopic(own.networkId)).some((other) => {
      if (other.routerId === routerId) return false;
      const neighbour = read.pick(routers, routerTopic(other.routerId), other.routerId, ["routes", "adminUp"]);
      const leadsHere =
        neighbour?.adminUp && neighbour.routes.some((r) => own.addresses.some((a) => a.ip === r.nexthop));
      return leadsHere === true && routerInUse(read, chassis, other.routerId, hops - 1);
    }),
  );
}
