import type { Place } from "../packet.ts";
import { isSameAddress, type Topology } from "./topology.ts";

/**
 * Whose address it is, as a port of the network sees it: for rules with a remote group, where nothing but the address says who is at the other end. Only
 * members of groups count. The longest prefix wins; of two of one length, that of the port's own network; then the first in order of networks and ports.
 */
export function ownerOf(topology: Topology, networkId: string, address: string): Place {
  const users = [...networksAround(topology, networkId)]
    .sort()
    .flatMap((network) => topology.usersOf(network, address))
    .filter(({ port }) => port.portSecurity && port.securityGroups.length > 0);
  const longest = Math.max(...users.map(({ length }) => length));
  const best = users.filter(({ length }) => length === longest).map(({ port }) => port);
  const found = best.find((port) => port.networkId === networkId) ?? best[0];
  return found === undefined ? "outside" : { port: found.id };
}

/** A packet crosses so many routers at most. */
const MOST_ROUTERS = 4;

/** The network, all that routers join it with, and where these routers lead on to by their routes. */
function networksAround(topology: Topology, networkId: string): ReadonlySet<string> {
  const found = new Set([networkId]);
  const routers = new Set<string>();
  let next = topology.routersOf(networkId).map(({ routerId }) => routerId);
  for (let crossed = 0; crossed < MOST_ROUTERS; crossed++) {
    const further: string[] = [];
    for (const id of new Set(next).difference(routers)) {
      routers.add(id);
      const links = topology.linksOf(id);
      for (const link of links) found.add(link.networkId);
      const nexthops = topology.routers.get(id)?.routes.map(({ nexthop }) => nexthop) ?? [];
      const others = links.flatMap((link) => topology.routersOf(link.networkId));
      const meant = others.filter(({ addresses }) =>
        addresses.some(({ ip }) => nexthops.some((nexthop) => isSameAddress(ip, nexthop))),
      );
      further.push(...meant.map(({ routerId }) => routerId));
    }
    next = further;
  }
  return found;
}
