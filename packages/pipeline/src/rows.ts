/**
 * The rows that apps read: the NB records of the topics that this host subscribes to, and facts of the host itself (partition ""). Everything that
 * can influence a flow is one of these.
 */
import { defineIndex, defineSetIndex, defineTable, LOCAL, type Read, type Table } from "@dragonflow/engine";
import {
  type AddressGroupRecord,
  chassisTopic,
  type EndpointRecord,
  type GroupIdentityRecord,
  type LocalPortRecord,
  type NetworkRecord,
  type PortIdentityRecord,
  type PortRecord,
  type RouterInterfaceRecord,
  type RouterPortRecord,
  type RouterRecord,
  type SecurityGroupRecord,
  type SubnetRecord,
} from "@dragonflow/model";

/** Rows that come from the NB database; the table's name is the record's kind. */
export const networks = defineTable<NetworkRecord>("network");
export const subnets = defineTable<SubnetRecord>("subnet");
export const ports = defineTable<PortRecord>("port");
export const localPorts = defineTable<LocalPortRecord>("local-port");
export const routers = defineTable<RouterRecord>("router");
export const routerInterfaces = defineTable<RouterInterfaceRecord>("router-interface");
export const routerPorts = defineTable<RouterPortRecord>("router-port");
export const securityGroups = defineTable<SecurityGroupRecord>("security-group");
export const groupIdentities = defineTable<GroupIdentityRecord>("group-identity");
export const portIdentities = defineTable<PortIdentityRecord>("port-identity");
export const addressGroups = defineTable<AddressGroupRecord>("address-group");
export const endpoints = defineTable<EndpointRecord>("endpoint");

/** All of them: what a record of a kind that stands here is delivered as. */
export const RECORD_TABLES: readonly Table[] = [
  networks,
  subnets,
  ports,
  localPorts,
  routers,
  routerInterfaces,
  routerPorts,
  securityGroups,
  groupIdentities,
  portIdentities,
  addressGroups,
  endpoints,
];

/** Where this host's own facts live. */
export { LOCAL };

/** This host: one row, id "self". */
export interface HostFact {
  readonly id: "self";
  readonly chassis: string;
  readonly tunnelIp: string;
}
export const hosts = defineTable<HostFact>("host");

/** An interface on the integration bridge that carries the id of a port in external_ids:iface-id. `id` is that port's. */
export interface InterfaceFact {
  readonly id: string;
  readonly ofport: number;
  readonly name: string;
}
export const interfaces = defineTable<InterfaceFact>("interface");

/** A tunnel port that is there and has a number. `id` is {@link tunnelId}. */
export interface TunnelFact {
  readonly id: string;
  readonly chassis: string;
  readonly encapsulation: "geneve" | "vxlan";
  readonly ofport: number;
}
export const tunnels = defineTable<TunnelFact>("tunnel");
export const tunnelId = (chassis: string, encapsulation: string): string => `${encapsulation}/${chassis}`;

/** Which networks have a port on this host: apps ask `has`, and do not depend on the ports. Keys: network ids. */
export const localPortsByNetwork = defineIndex(localPorts, "network", (port) => [port.networkId]);
/** Which hosts have a port of a network. Changes only when the set does. */
export const chassisOfNetwork = defineSetIndex(ports, "chassis", (port) => [
  { key: port.networkId, member: port.chassis },
]);
/** Who has an address, in a network's topic. */
export const portsByAddress = defineIndex(ports, "address", (port) => port.addresses.map((a) => a.ip));
export const routerPortsByAddress = defineIndex(routerPorts, "address", (port) => port.addresses.map((a) => a.ip));
/** Who may use a further address (allowed address pair), in a network's topic. */
export const portsByPairAddress = defineIndex(ports, "pair-address", (port) => [
  ...new Set(port.pairs.map((pair) => pair.ip).filter((ip) => !ip.includes("/"))),
]);
/** Who may use a MAC address, in a network's topic: its own, and those of its allowed address pairs. */
export const portsByMac = defineIndex(ports, "mac", (port) => [
  ...new Set([port.mac, ...port.pairs.map((pair) => pair.mac)]),
]);

/**
 * A network that a router of this host sends packets into. Derived by l3, one row for each interface of a router in use; read by whoever has to
 * know the hosts and addresses of the network although it has no port here. `receives`: its type, where it has ports here; so the hosts of all other
 * routed networks send packets of this type to this one.
 */
export interface RoutedNetwork {
  readonly id: string;
  readonly networkId: string;
  readonly receives: NetworkRecord["networkType"] | null;
}
export const routedNetworks = defineTable<RoutedNetwork>("routed-network");
export const ROUTED_TYPES = "all";
/** The types of routed networks that have ports here, all under one key. Changes only when the set does. */
export const routedTypes = defineSetIndex(routedNetworks, "receives", ({ receives }) =>
  receives === null ? [] : [{ key: ROUTED_TYPES, member: receives }],
);
export const routedNetworksByNetwork = defineIndex(routedNetworks, "network", (row) => [row.networkId]);

/** True where packets on this host can be in the network: it has a port here, or a router of this host leads into it. */
export function networkInUse(read: Read, chassis: string, networkId: string): boolean {
  return (
    read.hasAny(localPortsByNetwork, chassisTopic(chassis), networkId) ||
    read.hasAny(routedNetworksByNetwork, LOCAL, networkId)
  );
}
