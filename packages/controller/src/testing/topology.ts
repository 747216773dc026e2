import { LOCAL, putRow, type RowChange } from "@dragonflow/engine";
import { chassisTopic, endpointTopic, networkTopic, routerTopic } from "@dragonflow/model";
import {
  endpoints,
  hosts,
  interfaces,
  localPorts,
  networks,
  ports,
  routerInterfaces,
  routerPorts,
  routers,
  subnets,
  tunnelId,
  tunnels,
} from "@dragonflow/pipeline";

/** Rows as a controller on `host1` would see them, for tests: written from what matters, the rest filled in. */
export const SELF = "host1";

/** A UUID that says in its first digits what it stands for. */
export const uuid = (kind: string, n: number): string =>
  `${kind.padEnd(4, "0").slice(0, 4)}${n.toString(16).padStart(4, "0")}-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;

export function host(): readonly RowChange[] {
  return [putRow(hosts, LOCAL, { id: "self", chassis: SELF, tunnelIp: "172.31.0.1" })];
}
export function peer(
  chassis: string,
  ofport: number,
  encapsulation: "geneve" | "vxlan" = "geneve",
): readonly RowChange[] {
  return [
    putRow(endpoints, endpointTopic(chassis), {
      id: chassis,
      ip: `172.31.0.${ofport % 250}`,
      encapsulations: ["geneve", "vxlan"],
    }),
    putRow(tunnels, LOCAL, { id: tunnelId(chassis, encapsulation), chassis, encapsulation, ofport }),
  ];
}

export interface NetworkSpec {
  readonly n: number;
  readonly v4?: string;
  readonly v6?: string;
  readonly networkType?: "geneve" | "vxlan";
}
export const networkId = (n: number): string => uuid("ae", n);
export const subnetId = (n: number, version: 4 | 6): string => uuid(version === 4 ? "b4" : "b6", n);

/** A network with key n and VNI 1000 + n; gateways are the first addresses of its prefixes. */
export function network({
  n,
  v4 = `10.0.${n}.0/24`,
  v6 = `fd00:${n}::/64`,
  networkType = "geneve",
}: NetworkSpec): readonly RowChange[] {
  const topic = networkTopic(networkId(n));
  const shared = { networkId: networkId(n), dhcpEnabled: true, hostRoutes: [] };
  return [
    putRow(networks, topic, {
      id: networkId(n),
      key: n,
      networkType,
      physicalNetwork: null,
      segmentationId: 1000 + n,
      mtuBytes: 1442,
      adminUp: true,
      dnsDomain: "",
    }),
    putRow(subnets, topic, {
      ...shared,
      id: subnetId(n, 4),
      ipVersion: 4,
      cidr: v4,
      gatewayIp: v4.replace(/0\/\d+$/, "1"),
      dnsNameservers: ["192.0.2.53"],
      ipv6RaMode: null,
      ipv6AddressMode: null,
    }),
    putRow(subnets, topic, {
      ...shared,
      id: subnetId(n, 6),
      ipVersion: 6,
      cidr: v6,
      gatewayIp: v6.replace(/\/\d+$/, "1"),
      dnsNameservers: ["2001:db8::53"],
      ipv6RaMode: "slaac",
      ipv6AddressMode: "slaac",
    }),
  ];
}

export interface PortSpec {
  readonly n: number;
  readonly network: number;
  readonly chassis?: string;
  readonly pairs?: readonly { readonly ip: string; readonly mac: string }[];
  readonly portSecurity?: boolean;
  readonly adminUp?: boolean;
  readonly dhcpOptions?: readonly { readonly ipVersion: 4 | 6; readonly name: string; readonly value: string }[];
}
export const portId = (n: number): string => uuid("c0", n);
export const mac = (n: number): string =>
  `fa:16:3e:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
export const ipv4 = (network: number, n: number): string => `10.${(n >> 16) * 64}.${network + ((n >> 8) & 255)}.${n & 255}`;
export const ipv6 = (network: number, n: number): string => `fd00:${network}::${n.toString(16)}`;

/** A port with key 100 + n, MAC …:n, addresses …n; on SELF its interface has OpenFlow number n. */
export function port({
  n,
  network: net,
  chassis = SELF,
  pairs = [],
  portSecurity = true,
  adminUp = true,
  dhcpOptions = [],
}: PortSpec): readonly RowChange[] {
  const topic = networkTopic(networkId(net));
  const addresses = [
    { subnetId: subnetId(net, 4), ip: ipv4(net, n) },
    { subnetId: subnetId(net, 6), ip: ipv6(net, n) },
  ];
  const shared = { id: portId(n), networkId: networkId(net), key: 100 + n, mac: mac(n), addresses, chassis, adminUp };
  const remote = putRow(ports, topic, { ...shared, pairs: pairs.filter(({ ip }) => !ip.includes("/")) });
  if (chassis !== SELF) return [remote];
  return [
    remote,
    putRow(localPorts, chassisTopic(SELF), { ...shared, pairs, portSecurity, hostname: "", dhcpOptions }),
    putRow(interfaces, LOCAL, { id: portId(n), ofport: n, name: `tap${n}` }),
  ];
}

export const routerId = (n: number): string => uuid("d0", n);

/** A router with key n and interfaces (the gateway addresses) in the networks. */
export function router(
  n: number,
  nets: readonly number[],
  routes: readonly { readonly destination: string; readonly nexthop: string }[] = [],
): readonly RowChange[] {
  return [
    putRow(routers, routerTopic(routerId(n)), { id: routerId(n), key: n, adminUp: true, routes }),
    ...nets.flatMap((net) => {
      const fields = {
        id: uuid("e0", n * 256 + net),
        routerId: routerId(n),
        networkId: networkId(net),
        key: 10_000 + n * 256 + net,
        mac: mac(0x8000 + n * 256 + net),
        addresses: [
          { subnetId: subnetId(net, 4), ip: ipv4(net, 1) },
          { subnetId: subnetId(net, 6), ip: ipv6(net, 1) },
        ],
        adminUp: true,
      };
      return [
        putRow(routerPorts, networkTopic(networkId(net)), fields),
        putRow(routerInterfaces, routerTopic(routerId(n)), fields),
      ];
    }),
  ];
}
