import type { Place } from "../packet.ts";
import type { Topology } from "./topology.ts";

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

/** The network, and all that routers join it with. */
function networksAround({ interfaces }: Topology, networkId: string): ReadonlySet<string> {
  const routers = new Set(interfaces.filter((one) => one.networkId === networkId).map(({ routerId }) => routerId));
  return new Set([
    networkId,
    ...interfaces.filter(({ routerId }) => routers.has(routerId)).map((one) => one.networkId),
  ]);
}
