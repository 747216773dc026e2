/** Topologies for properties: few of everything, and everything that Neutron lets people do with it. */
import type { State } from "@dragonflow/engine";
import fc from "fast-check";
import { groupsOf, identityOf, type SecurityChoice, securities, securityRows } from "./random-security.ts";
import {
  host,
  ipv4,
  ipv6,
  mac,
  network,
  peer,
  type PortSpec,
  port,
  router,
  routerInterface,
  SELF,
  subnet,
  subnetId,
  uuid,
} from "./topology.ts";

export const PEERS = ["host2", "host3"] as const;
export const isPeer = (chassis: string): chassis is (typeof PEERS)[number] =>
  chassis === "host2" || chassis === "host3";
/** OpenFlow ports of the tunnels to the peers. */
export const TUNNEL_PORTS = {
  host2: { geneve: 101, vxlan: 102 },
  host3: { geneve: 103, vxlan: 104 },
} as const satisfies Record<(typeof PEERS)[number], object>;
/** Ports of a topology have the numbers 11, 12 ...; those on SELF have the interface of the same number. */
export const FIRST_PORT = 11;
export const MAX_PORTS = 9;
/** The virtual addresses that ports share by allowed address pairs. */
export const VIRTUAL = { n: 200, mac: "00:00:5e:00:01:07" } as const;
export const SECOND_SUBNET = 240;

export interface NetworkChoice {
  readonly type: "geneve" | "vxlan";
  readonly families: "both" | "v4" | "v6";
  readonly second: boolean;
  readonly dhcp: boolean;
  readonly gateway: boolean;
  readonly adminUp: boolean;
}
export interface PortChoice {
  /** Counted from 0, over as many as there are. */
  readonly network: number;
  readonly chassis: string;
  readonly pairs: "none" | "prefix" | "shared-ip" | "shared-mac" | "own";
  readonly second: boolean;
  readonly portSecurity: boolean;
  readonly adminUp: boolean;
}
export interface RouterChoice {
  readonly networks: readonly number[];
  /** One interface for each family, as Neutron makes them. */
  readonly split: boolean;
  readonly routes: readonly { readonly prefix: string; readonly nexthop: number }[];
}
export interface Topology {
  readonly networks: readonly NetworkChoice[];
  readonly ports: readonly PortChoice[];
  readonly routers: readonly RouterChoice[];
  /** Absent: every port is open. */
  readonly security?: SecurityChoice;
}

const mostly = (value: boolean) => fc.oneof({ arbitrary: fc.constant(value), weight: 9 }, fc.constant(!value));

/** Prefixes of extra routes: one inside another, a host's own, everything; those of networks that may be connected too, and of a port there. */
export const PREFIXES = [
  "192.168.0.0/16",
  "192.168.7.0/24",
  "192.168.7.7/32",
  "10.0.1.0/24",
  "10.0.2.12/32",
  "0.0.0.0/0",
  "2001:db8:7::/48",
  "2001:db8:7::7/128",
  "fd00:1::/64",
  "::/0",
];

export const topologies: fc.Arbitrary<Topology> = fc.record({
  networks: fc.array(
    fc.record<NetworkChoice>({
      type: fc.constantFrom("geneve", "geneve", "vxlan"),
      families: fc.constantFrom("both", "both", "both", "v4", "v6"),
      second: fc.constantFrom(false, false, true),
      dhcp: mostly(true),
      gateway: mostly(true),
      adminUp: mostly(true),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  ports: fc.array(
    fc.record<PortChoice>({
      network: fc.nat(3),
      chassis: fc.constantFrom(SELF, SELF, ...PEERS),
      pairs: fc.constantFrom("none", "none", "prefix", "shared-ip", "shared-mac", "own"),
      second: fc.boolean(),
      portSecurity: mostly(true),
      adminUp: mostly(true),
    }),
    { minLength: 2, maxLength: MAX_PORTS },
  ),
  routers: fc.array(
    fc.record<RouterChoice>({
      networks: fc.uniqueArray(fc.nat(3), { minLength: 1, maxLength: 3 }),
      split: fc.boolean(),
      routes: fc.array(fc.record({ prefix: fc.constantFrom(...PREFIXES), nexthop: fc.nat(MAX_PORTS + 4) }), {
        maxLength: 4,
      }),
    }),
    { maxLength: 3 },
  ),
});

/** The same, with security groups. */
export const securedTopologies: fc.Arbitrary<Topology> = fc
  .tuple(topologies, securities)
  .map(([topology, security]) => ({ ...topology, security }));

/** Networks are numbered from 1. */
export const networkOf = ({ networks }: Topology, choice: number): number => (choice % networks.length) + 1;
export const hasFamily = ({ families }: NetworkChoice, version: 4 | 6): boolean =>
  families === "both" || families === `v${version}`;

/** Router r is in a network with the gateway address, unless another came first: then with an address of its own. */
export function routerAddress(topology: Topology, r: number, net: number): number {
  const first = topology.routers.findIndex(({ networks }) => networks.some((n) => networkOf(topology, n) === net));
  return first === r ? 1 : 230 + r;
}

/** The second IPv4 prefix of a network. */
const secondCidr = (net: number): string => `10.0.${SECOND_SUBNET + net}.0/24`;

export function rowsOf(topology: Topology): State {
  return [
    ...host(),
    ...PEERS.flatMap((chassis) => peer(chassis, TUNNEL_PORTS[chassis])),
    ...topology.networks.flatMap((choice, i) => networkRows(choice, i + 1)),
    ...topology.ports.flatMap((choice, i) => portRows(topology, choice, FIRST_PORT + i)),
    ...topology.routers.flatMap((choice, r) => routerRows(topology, choice, r)),
    ...(topology.security === undefined ? [] : securityRows(topology.security, topology.ports.length)),
  ];
}

function networkRows(choice: NetworkChoice, n: number): State {
  const settings = { dhcpEnabled: choice.dhcp, ...(choice.gateway ? {} : { gatewayIp: null }) };
  return [
    ...network({ n, v4: null, v6: null, networkType: choice.type, adminUp: choice.adminUp }),
    ...(hasFamily(choice, 4) ? subnet({ network: n, cidr: `${ipv4(n, 0)}/24`, ...settings }) : []),
    ...(hasFamily(choice, 6) ? subnet({ network: n, cidr: `${ipv6(n, 0)}/64`, ...settings }) : []),
    ...(choice.second ? subnet({ network: n, id: uuid("b5", n), cidr: secondCidr(n), ...settings }) : []),
  ];
}

function portRows(topology: Topology, choice: PortChoice, n: number): State {
  const net = networkOf(topology, choice.network);
  const of = topology.networks[net - 1];
  if (of === undefined) return [];
  const { chassis, portSecurity, adminUp } = choice;
  const addresses = [
    ...(hasFamily(of, 4) ? [{ subnetId: subnetId(net, 4), ip: ipv4(net, n) }] : []),
    ...(hasFamily(of, 6) ? [{ subnetId: subnetId(net, 6), ip: ipv6(net, n) }] : []),
    ...(of.second && choice.second ? [{ subnetId: uuid("b5", net), ip: ipv4(SECOND_SUBNET + net, n) }] : []),
  ];
  const pairs = pairsOf(choice, net, n);
  return port({ n, network: net, chassis, portSecurity, adminUp, addresses, pairs, ...membership(topology, n) });
}

function membership({ security, ports }: Topology, n: number): Pick<PortSpec, "groups" | "identity"> {
  const index = n - FIRST_PORT;
  if (security === undefined || ports[index]?.portSecurity !== true) return {};
  const groups = groupsOf(security, index);
  return { groups, identity: identityOf(groups) };
}

function pairsOf(
  { pairs }: PortChoice,
  net: number,
  n: number,
): readonly { readonly ip: string; readonly mac: string }[] {
  switch (pairs) {
    case "none":
      return [];
    case "prefix":
      return [
        { ip: "172.20.0.0/16", mac: mac(n) },
        { ip: "2001:db8:20::/48", mac: mac(n) },
      ];
    case "shared-ip":
      return [
        { ip: ipv4(net, VIRTUAL.n), mac: mac(n) },
        { ip: ipv6(net, VIRTUAL.n), mac: mac(n) },
      ];
    case "shared-mac":
      return [{ ip: ipv4(net, VIRTUAL.n), mac: VIRTUAL.mac }];
    case "own":
      return [{ ip: ipv4(net, VIRTUAL.n + n), mac: mac(0x1000 + n) }];
  }
}

function routerRows(topology: Topology, { networks, split, routes }: RouterChoice, r: number): State {
  const nets = [...new Set(networks.map((n) => networkOf(topology, n)))];
  const interfaces = nets.flatMap((net) => {
    const of = topology.networks[net - 1];
    const address = routerAddress(topology, r, net);
    const v4 = of && hasFamily(of, 4) ? [{ subnetId: subnetId(net, 4), ip: ipv4(net, address) }] : [];
    const second = of?.second ? [{ subnetId: uuid("b5", net), ip: ipv4(SECOND_SUBNET + net, address) }] : [];
    const v6 = of && hasFamily(of, 6) ? [{ subnetId: subnetId(net, 6), ip: ipv6(net, address) }] : [];
    const parts = split ? [v4, second, v6] : [[...v4, ...second, ...v6]];
    return parts
      .filter((addresses) => addresses.length > 0)
      .flatMap((addresses, i) =>
        routerInterface({ router: r + 1, network: net, n: (r + 1) * 256 + i * 16 + net, addresses }),
      );
  });
  const used = new Set<string>();
  const told = routes.flatMap(({ prefix, nexthop }) => {
    const way = { destination: prefix, nexthop: nexthopOf(topology, nets, nexthop, prefix.includes(":")) };
    const key = `${way.destination} ${way.nexthop}`;
    return used.has(key) ? [] : [used.add(key) && way];
  });
  return [...router(r + 1, [], told), ...interfaces];
}

/** A port of one of the router's networks, the next router there, or nobody. */
function nexthopOf(topology: Topology, nets: readonly number[], choice: number, v6: boolean): string {
  const net = nets[choice % nets.length] ?? 1;
  const address = v6 ? ipv6 : ipv4;
  if (choice < topology.ports.length) {
    const target = topology.ports[choice];
    return address(target === undefined ? net : networkOf(topology, target.network), FIRST_PORT + choice);
  }
  return address(net, [1, 230, 231, 232, 99][choice % 5] ?? 99);
}
