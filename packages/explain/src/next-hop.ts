import { networkTopic, type SubnetRecord } from "@dragonflow/model";
import { contains, parseCidr, parseIp } from "@dragonflow/packet";
import { ports, portsByPairAddress, routerPorts, subnets } from "@dragonflow/pipeline";
import type { World } from "./world.ts";

/** A port, as the API knows it. */
export interface Place {
  readonly id: string;
  readonly networkId: string;
  readonly mac: string;
  readonly addresses: readonly { readonly subnetId: string; readonly ip: string }[];
  /** "": it is bound to no host. */
  readonly chassis: string;
  readonly adminUp: boolean;
  /** A router's interface: it is on every host. */
  readonly isRouter: boolean;
}

/** What a VM cannot do by itself: no packet leaves it. */
export type Obstacle =
  | { readonly type: "no-address"; readonly family: 4 | 6 }
  /** Nobody on the link answers for the address. */
  | { readonly type: "no-neighbour"; readonly networkId: string; readonly ip: string }
  /** The subnet names no gateway. */
  | { readonly type: "no-gateway"; readonly subnetId: string }
  /** It names one, and no router has its address. */
  | { readonly type: "no-router"; readonly subnetId: string; readonly networkId: string; readonly ip: string };

export type NextHop = { readonly mac: string; readonly subnet: SubnetRecord } | Obstacle;

/**
 * Whose MAC address a VM puts on a packet: of the destination on its own link, else of the next hop that DHCP or a router advertisement told it
 * (host routes of its subnet, then the gateway).
 * @param destination the port that is meant, if it is one: on its own link its address is its MAC address's, whether it is there or not.
 */
export async function nextHop(
  world: World,
  source: Place,
  from: string,
  to: string,
  destination: Place | undefined,
): Promise<NextHop> {
  const topic = networkTopic(source.networkId);
  await world.load([topic]);
  const family = from.includes(":") ? 6 : 4;
  const own = source.addresses
    .map(({ subnetId }) => world.row(subnets, topic, subnetId))
    .filter((subnet) => subnet?.ipVersion === family)
    .filter((subnet) => subnet !== undefined);
  const subnet = own.find(({ cidr }) => contains(parseCidr(cidr), parseIp(from))) ?? own[0];
  if (subnet === undefined) return { type: "no-address", family };
  if (own.some(({ cidr }) => contains(parseCidr(cidr), parseIp(to)))) {
    const mac =
      macOf(world, source.networkId, to) ?? (isAt(destination, source.networkId, to) ? destination?.mac : undefined);
    return mac === undefined ? { type: "no-neighbour", networkId: source.networkId, ip: to } : { mac, subnet };
  }
  const route = subnet.hostRoutes
    .filter((one) => contains(parseCidr(one.destination), parseIp(to)))
    .sort((a, b) => parseCidr(b.destination).prefixLength - parseCidr(a.destination).prefixLength)[0];
  const gateway = route?.nexthop ?? subnet.gatewayIp;
  if (gateway === null) return { type: "no-gateway", subnetId: subnet.id };
  const mac = macOf(world, source.networkId, gateway);
  if (mac !== undefined) return { mac, subnet };
  return { type: "no-router", subnetId: subnet.id, networkId: source.networkId, ip: gateway };
}

const isAt = (place: Place | undefined, networkId: string, to: string): boolean =>
  place?.networkId === networkId && place.addresses.some(({ ip }) => ip === to);

/** Who answers for an address on a link: a router's interface, the port that has it, or one that may use it. */
function macOf(world: World, networkId: string, ip: string): string | undefined {
  const topic = networkTopic(networkId);
  const router = world.list(routerPorts, topic).find((port) => port.adminUp && port.addresses.some((a) => a.ip === ip));
  if (router !== undefined) return router.mac;
  const all = world.list(ports, topic);
  const holder = all.find((port) => port.addresses.some((a) => a.ip === ip));
  if (holder !== undefined) return holder.mac;
  const further = all.find((port) => portsByPairAddress.keys(port).includes(ip));
  return further?.pairs.find((pair) => pair.ip === ip)?.mac;
}
