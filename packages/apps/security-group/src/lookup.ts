/**
 * Who is at an address: only where a packet does not say it, and a local rule wants to know. That is before a packet is sent (the address that it is
 * for), and where it came by VXLAN, which has no room for an identity (the address that it is from).
 */
import {
  defineIndex,
  defineSetIndex,
  defineTable,
  derive,
  deriveGroups,
  type GroupRow,
  type Read,
  type View,
} from "@dragonflow/engine";
import { chassisTopic, identityTopic, networkTopic, type PortIdentityRecord, routerTopic } from "@dragonflow/model";
import {
  type Desired,
  ETH_TYPE,
  flow,
  goto,
  hosts,
  isIpv6,
  LOCAL,
  networks,
  portIdentities,
  priority,
  routerInterfaces,
  routerPorts,
  routerPortsByAddress,
  routers,
  set,
  TUNNEL_TYPE,
} from "@dragonflow/pipeline";
import { networksByIdentity } from "./local.ts";
import { app, BOTH, level, type Side, SIDES } from "./sides.ts";

/** Local ports of an identity in a network need to know who is who in another one (or the same), which packets reach by a router. */
export interface Lookup {
  readonly id: string;
  readonly direction: Side["direction"];
  readonly identity: number;
  readonly networkId: string;
  readonly peerNetworkId: string;
}
export const lookupLinks = defineTable<Lookup>("lookup-link");
const byPeerNetwork = defineIndex(lookupLinks, "peer-network", (link) => [link.peerNetworkId]);
const identitiesByNetwork = defineIndex(portIdentities, "network", (port) => [port.networkId]);

/** `id`: an address or a prefix; `members`: the ports that may use it, in whatever network, in order of networks and ports. */
const addressHolders = defineTable<GroupRow>("address-holder");
const holdersByAddress = defineSetIndex(portIdentities, "address-holder", (port) =>
  port.addresses.map((key) => ({ key, member: holderOf(port) })),
);
const holderOf = ({ networkId, id }: PortIdentityRecord): string => `${networkId} ${id}`;

function linksOf(side: Side, { id }: GroupRow, read: Read): readonly Lookup[] {
  const { direction } = side;
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined) return [];
  return read.set(networksByIdentity, chassisTopic(host.chassis), id).flatMap((networkId) => {
    const type = read.pick(networks, networkTopic(networkId), networkId, ["networkType"])?.networkType;
    if (direction === "ingress" && type !== "vxlan") return [];
    return neighboursOf(networkId, read)
      .filter((peer) => read.hasAny(identitiesByNetwork, identityTopic(peer), peer))
      .map((peerNetworkId) => ({
        id: `${direction}/${id}/${networkId}/${peerNetworkId}`,
        direction,
        identity: Number(id),
        networkId,
        peerNetworkId,
      }));
  });
}

/** A packet crosses so many routers on its way, as l3 has it. */
const MAX_ROUTERS = 4;

/** The network itself, those that a router joins it with, and those behind routers that such a router's routes lead to. */
function neighboursOf(networkId: string, read: Read): readonly string[] {
  const found = new Set([networkId]);
  const known = new Set<string>();
  let next = read.rows(routerPorts, networkTopic(networkId)).map(({ routerId }) => routerId);
  for (let crossed = 0; crossed < MAX_ROUTERS && next.length > 0; crossed++) {
    const entered = [...new Set(next)].filter((id) => !known.has(id));
    for (const id of entered) known.add(id);
    next = entered.flatMap((id) => {
      const joined = read.rows(routerInterfaces, routerTopic(id)).map((own) => own.networkId);
      for (const network of joined) found.add(network);
      return routersBehind(id, [...new Set(joined)], read);
    });
  }
  return [...found];
}

/** Whom the router's routes name as the next hop. */
function routersBehind(routerId: string, joined: readonly string[], read: Read): readonly string[] {
  const routes = read.pick(routers, routerTopic(routerId), routerId, ["routes"])?.routes ?? [];
  const nexthops = [...new Set(routes.map(({ nexthop }) => nexthop))];
  return joined.flatMap((network) =>
    nexthops.flatMap((ip) => read.by(routerPortsByAddress, networkTopic(network), ip).map((port) => port.routerId)),
  );
}

/** The way into the lookup. */
export function lookupEntry(link: Lookup, read: Read): readonly Desired[] {
  const { direction, identity, networkId, peerNetworkId } = link;
  // One of the links of a network is enough.
  const first = read.by(byNetwork, LOCAL, entryKey(link)).every((other) => other.peerNetworkId >= peerNetworkId);
  const network = read.pick(networks, networkTopic(networkId), networkId, ["key"]);
  if (!first || network === undefined) return [];
  const side = SIDES[direction];
  const owner = { app, kind: "network", id: networkId };
  const match = {
    network: network.key,
    [side.own]: identity,
    ...(direction === "ingress" && { tunnelType: TUNNEL_TYPE.vxlan }),
  };
  return [flow(owner, side.state, level.lookup, match, [goto(side.remote)])];
}
const entryKey = ({ direction, identity, networkId }: Lookup): string => `${direction}/${identity}/${networkId}`;
const byNetwork = defineIndex(lookupLinks, "entry", (link) => [entryKey(link)]);

/**
 * The addresses of one port, in every network where somebody needs to know it. The longest prefix wins, and of two of one length that in the network
 * itself; of several ports that may use the same, the first in order of their networks and ids.
 */
export function portIdentity(record: PortIdentityRecord, read: Read): readonly Desired[] {
  const { id, networkId: peerNetworkId, identity, addresses } = record;
  const links = read.by(byPeerNetwork, LOCAL, peerNetworkId);
  const wanted = new Map(links.map((link) => [`${link.direction}/${link.networkId}`, link]));
  const owner = { app, kind: "port", id };
  return [...wanted.values()].flatMap((link) => {
    const { direction, networkId } = link;
    const network = read.pick(networks, networkTopic(networkId), networkId, ["key"]);
    if (network === undefined) return [];
    const side = SIDES[direction];
    return [...new Set(addresses)].flatMap((ip) => {
      if (!isFirst(record, ip, link, read)) return [];
      const version = isIpv6(ip) ? 6 : 4;
      const length = Number(ip.split("/")[1] ?? (version === 6 ? 128 : 32));
      const at = priority.normal + 1 + 2 * length + (networkId === peerNetworkId ? 1 : 0);
      const match = {
        network: network.key,
        eth_type: version === 6 ? ETH_TYPE.ipv6 : ETH_TYPE.ipv4,
        ...(length > 0 && { [side.address[version]]: ip }),
      };
      return [flow(owner, side.remote, at, match, [set(side.peer, identity), goto(side.rules)])];
    });
  });
}

/** Whether the port is the one that counts, of those of the same network, or of all other networks that the link's network reaches. */
function isFirst(record: PortIdentityRecord, ip: string, link: Lookup, read: Read): boolean {
  const holders = read.row(addressHolders, LOCAL, ip)?.members ?? [];
  if (holders.length === 1) return true;
  const isOwn = record.networkId === link.networkId;
  const first = holders.find((holder) => {
    const network = holder.split(" ", 1)[0] ?? "";
    if (isOwn || network === link.networkId) return isOwn && network === link.networkId;
    return read
      .by(byPeerNetwork, LOCAL, network)
      .some((other) => other.direction === link.direction && other.networkId === link.networkId);
  });
  return first === holderOf(record);
}

export const lookupViews: readonly View[] = [
  deriveGroups(addressHolders, { layer: 1 }, holdersByAddress),
  ...BOTH.map((side) => derive(lookupLinks, { layer: 4 }, side.lookups, (row, read) => linksOf(side, row, read))),
];
