/** A small cloud as tests need it: topics with a cycle between network and router, views in two layers, outputs that merge and that conflict. */
import {
  type App,
  defineApp,
  defineIndex,
  defineSetIndex,
  defineTable,
  derive,
  deriveGroups,
  each,
  type GroupRow,
  LOCAL,
  type RowChange,
  putRow,
} from "./define.ts";
import type { Merging } from "./slots.ts";

export interface Network {
  readonly id: string;
  readonly key: number;
  readonly mtu: number;
}
export interface Port {
  readonly id: string;
  readonly networkId: string;
  readonly mac: string;
  readonly chassis: string;
}
export interface Attachment {
  readonly id: string;
  readonly routerId: string;
}
export interface Router {
  readonly id: string;
  readonly up: boolean;
  readonly networkIds: readonly string[];
}
interface LocalPort {
  readonly id: string;
  readonly networkId: string;
}
interface Interface {
  readonly id: string;
  readonly ofport: number;
}
interface Endpoint {
  readonly id: string;
  readonly address: string;
}
interface RoutedNetwork {
  readonly id: string;
  readonly routerId: string;
}
interface Route {
  readonly id: string;
  readonly via: string;
  readonly networkId: string;
}

export const networks = defineTable<Network>("network");
export const ports = defineTable<Port>("port");
export const attachments = defineTable<Attachment>("attachment");
export const routers = defineTable<Router>("router");
export const localPorts = defineTable<LocalPort>("local-port");
export const interfaces = defineTable<Interface>("interface");
export const endpoints = defineTable<Endpoint>("endpoint");
/** Layer 1: a network has at most one router; two are a conflict. */
export const routedNetworks = defineTable<RoutedNetwork>("routed-network");
/** Layer 1. */
export const peers = defineTable<GroupRow>("peer");
/** Layer 1. The row of a chassis stays the same while the networks that it is seen on come and go. */
export const tunnels = defineTable<GroupRow>("tunnel");
/** Layer 2. */
export const routes = defineTable<Route>("route");

export const chassisOfNetwork = defineSetIndex(ports, "chassis-of-network", (port) => [
  { key: port.networkId, member: port.chassis },
]);
export const networksOfChassis = defineSetIndex(ports, "networks-of-chassis", (port) => [
  { key: port.chassis, member: port.networkId },
]);
export const remoteChassis = defineSetIndex(ports, "remote-chassis", (port) =>
  port.chassis === "host1" ? [] : [{ key: port.chassis, member: "remote" }],
);
export const portsByChassis = defineIndex(ports, "by-chassis", (port) => [port.chassis]);
export const localByNetwork = defineIndex(localPorts, "by-network", (port) => [port.networkId]);

export const networkTopic = (id: string): string => `network/${id}`;
export const routerTopic = (id: string): string => `router/${id}`;
export const endpointTopic = (id: string): string => `endpoint/${id}`;
export const HOST_TOPIC = "chassis/host1";

/** An output: `clauses` merge, `action` does not. */
export interface Flow {
  readonly key: string;
  readonly action?: string;
  readonly clauses?: readonly string[];
}
export const flowOutput: Merging<Flow> = {
  keyOf: (flow) => flow.key,
  same: (a, b) => a.action === b.action && a.clauses?.join() === b.clauses?.join(),
  merge: (claims) => {
    const clauses = claims.map((claim) => claim.clauses);
    if (clauses.includes(undefined)) return undefined;
    // In order of claims, not sorted: a merge that is called with another order gives another output.
    return { key: claims[0]?.key ?? "", clauses: [...new Set(clauses.flatMap((list) => list ?? []))] };
  },
};
export const isRoot = (partition: string): boolean => partition === HOST_TOPIC;

export const cloud: App<Flow> = defineApp<Flow>({
  name: "cloud",
  views: [
    derive(routedNetworks, { layer: 1 }, routers, (router) =>
      router.up ? router.networkIds.map((id) => ({ id, routerId: router.id })) : [],
    ),
    deriveGroups(peers, { layer: 1 }, networksOfChassis),
    deriveGroups(tunnels, { layer: 1 }, remoteChassis),
    derive(routes, { layer: 2 }, routedNetworks, (routed, read) => {
      const { id, routerId } = routed;
      const router = read.pick(routers, routerTopic(routerId), routerId, ["networkIds"]);
      return (router?.networkIds ?? [])
        .filter((to) => to !== id)
        .map((to) => ({ id: `${id}>${to}`, via: routerId, networkId: to }));
    }),
  ],
  units: [
    each(localPorts, (port, read) => {
      const network = read.row(networks, networkTopic(port.networkId), port.networkId);
      if (network === undefined) return [];
      const wired = read.row(interfaces, LOCAL, port.id);
      const routerIds = read.rows(attachments, networkTopic(network.id)).map(({ routerId }) => routerId);
      const up = routerIds.filter((id) => read.row(routers, routerTopic(id), id)?.up === true);
      return [
        { key: `in/${port.id}`, action: `net ${network.key} port ${wired?.ofport} routers ${up.join()}` },
        { key: "shared", action: "go on" },
      ];
    }),
    each(ports, (port, read, at) => {
      if (port.mac === "bad") throw new Error(`bad MAC of ${port.id}`);
      const network = read.pick(networks, at.partition, port.networkId, ["key"]);
      if (network === undefined) return [];
      const here = read.has(interfaces, LOCAL, port.id);
      const local = read.count(localByNetwork, HOST_TOPIC, port.networkId);
      return [
        { key: `l2/${network.key}/${port.mac}`, action: here ? `local ${port.id}` : `tunnel ${port.chassis}` },
        { key: `members/${network.key}`, clauses: [port.mac] },
        { key: `load/${port.networkId}/${port.id}`, action: `${local}` },
      ];
    }),
    each(networks, (network, read, at) => [
      {
        key: `flood/${network.key}`,
        action: `${read.set(chassisOfNetwork, at.partition, network.id).join()} mtu ${network.mtu}`,
      },
      ...(read.hasAny(localByNetwork, HOST_TOPIC, network.id) ? [{ key: `used/${network.id}`, action: "yes" }] : []),
      {
        key: `here/${network.id}`,
        action: read
          .by(portsByChassis, at.partition, "host1")
          .map(({ mac }) => mac)
          .join(),
      },
    ]),
    each(peers, (peer) => [{ key: `peer/${peer.id}`, action: `for ${peer.members.join()}` }]),
    each(tunnels, (tunnel, read) => {
      const endpoint = read.row(endpoints, endpointTopic(tunnel.id), tunnel.id);
      return [{ key: `tunnel/${tunnel.id}`, action: `to ${endpoint?.address}` }];
    }),
    each(routes, (route, read) => {
      const to = read.row(networks, networkTopic(route.networkId), route.networkId);
      return [{ key: `route/${route.id}`, action: `${route.via} to ${to?.key}` }];
    }),
  ],
});

export const network = (n: number, key = n, mtu = 1500): RowChange =>
  putRow(networks, networkTopic(`n${n}`), { id: `n${n}`, key, mtu });
export const port = (n: number, on: number, mac = `m${n}`, chassis = `h${n % 2}`): RowChange =>
  putRow(ports, networkTopic(`n${on}`), { id: `p${n}`, networkId: `n${on}`, mac, chassis });
export const attachment = (n: number, on: number, to: number): RowChange =>
  putRow(attachments, networkTopic(`n${on}`), { id: `a${n}`, routerId: `r${to}` });
export const router = (n: number, to: readonly number[], up = true): RowChange =>
  putRow(routers, routerTopic(`r${n}`), { id: `r${n}`, up, networkIds: to.map((id) => `n${id}`) });
export const localPort = (n: number, on: number): RowChange =>
  putRow(localPorts, HOST_TOPIC, { id: `p${n}`, networkId: `n${on}` });
export const plug = (n: number, ofport = n): RowChange => putRow(interfaces, LOCAL, { id: `p${n}`, ofport });
export const endpoint = (chassis: string, address: string): RowChange =>
  putRow(endpoints, endpointTopic(chassis), { id: chassis, address });
