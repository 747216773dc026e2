import { LOCAL, putRow, type RowChange } from "@dragonflow/engine";
import {
  addressGroupTopic,
  chassisTopic,
  type Encapsulation,
  endpointTopic,
  identityTopic,
  type LocalPortRecord,
  type NetworkRecord,
  networkTopic,
  type RouterRecord,
  routerTopic,
  type SecurityRule,
  securityGroupTopic,
  type SubnetRecord,
} from "@dragonflow/model";
import { formatIpv4, formatIpv6, formatMac } from "@dragonflow/packet";
import {
  addressGroups,
  endpoints,
  groupIdentities,
  hosts,
  interfaces,
  localPorts,
  networks,
  portIdentities,
  ports,
  routerInterfaces,
  routerPorts,
  routers,
  securityGroups,
  subnets,
  tunnelId,
  tunnels,
} from "../rows.ts";

/**
 * Rows as a controller on `host1` would see them, for tests and benchmarks: written from what matters, the rest filled in. Everything has a number;
 * ids, keys and addresses follow from it. Numbers of ports go up to 2^24 - 1.
 */
export const SELF = "host1";

/** A UUID that says in its first digits what it stands for: two letters and 24 bits. */
export function uuid(kind: string, n: number): string {
  const digits = n.toString(16);
  return `${kind}${digits.padStart(6, "0")}-0000-4000-8000-${digits.padStart(12, "0")}`;
}
export const networkId = (n: number): string => uuid("ae", n);
export const subnetId = (n: number, version: 4 | 6): string => uuid(version === 4 ? "b4" : "b6", n);
export const portId = (n: number): string => uuid("c0", n);
export const routerId = (n: number): string => uuid("d0", n);
export const groupId = (n: number): string => uuid("a9", n);
export const ruleId = (n: number): string => uuid("f1", n);
export const addressGroupId = (n: number): string => uuid("ad", n);
export const routerInterfaceId = (n: number): string => uuid("e0", n);

export const networkKey = (n: number): number => n;
export const portKey = (n: number): number => 100 + n;
export const routerKey = (n: number): number => n;
export const routerInterfaceKey = (n: number): number => 0x1000000 + n;
export const vni = (networkNumber: number): number => 1000 + networkNumber;

export const mac = (n: number): string => formatMac(0xfa163e000000 + n);
export const routerMac = (n: number): string => formatMac(0xfa163f000000 + n);
/** 10.0.NETWORK.n; behind the first 255 in 10.1.0.0 and above, which all networks share. */
export function ipv4(networkNumber: number, n: number): string {
  return formatIpv4(n < 256 ? 0x0a000000 + networkNumber * 256 + n : 0x0a010000 + n);
}
/** fd00:NETWORK::n, the network's number read as hexadecimal digits. */
export function ipv6(networkNumber: number, n: number): string {
  return formatIpv6((0xfd00n << 112n) | (BigInt(`0x${networkNumber}`) << 96n) | BigInt(n));
}

/** This host; and the group {@link OPEN}. */
export function host(): readonly RowChange[] {
  return [
    putRow(hosts, LOCAL, { id: "self", chassis: SELF, tunnelIp: tunnelIp(SELF) }),
    ...securityGroup({ n: OPEN, rules: EVERYTHING }),
    ...identity(OPEN, [OPEN]),
  ];
}
/** Another host (its number in its name gives its address), and the OpenFlow ports of the tunnels to it; a number alone is that of a Geneve tunnel. */
export function peer(
  chassis: string,
  ofports: number | Readonly<Partial<Record<Encapsulation, number>>>,
): readonly RowChange[] {
  const { geneve, vxlan } = typeof ofports === "number" ? { geneve: ofports } : { vxlan: undefined, ...ofports };
  const tunnel = (encapsulation: Encapsulation, ofport: number): RowChange =>
    putRow(tunnels, LOCAL, { id: tunnelId(chassis, encapsulation), chassis, encapsulation, ofport });
  return [
    putRow(endpoints, endpointTopic(chassis), {
      id: chassis,
      ip: tunnelIp(chassis),
      encapsulations: ["geneve", "vxlan"],
    }),
    ...(geneve === undefined ? [] : [tunnel("geneve", geneve)]),
    ...(vxlan === undefined ? [] : [tunnel("vxlan", vxlan)]),
  ];
}
export const tunnelIp = (chassis: string): string => `172.31.0.${/\d+$/.exec(chassis)?.[0] ?? 254}`;

export interface NetworkSpec extends Partial<Omit<NetworkRecord, "id" | "key">> {
  readonly n: number;
  /** Prefixes of its two subnets; null: it has none of that family. */
  readonly v4?: string | null;
  readonly v6?: string | null;
}

/** A network with key n and VNI 1000 + n. */
export function network({ n, v4, v6, ...fields }: NetworkSpec): readonly RowChange[] {
  const record: NetworkRecord = {
    id: networkId(n),
    key: networkKey(n),
    networkType: "geneve",
    physicalNetwork: null,
    segmentationId: vni(n),
    mtuBytes: 1442,
    adminUp: true,
    dnsDomain: "",
    ...fields,
  };
  return [
    putRow(networks, networkTopic(record.id), record),
    ...(v4 === null ? [] : subnet({ network: n, cidr: v4 ?? `${ipv4(n, 0)}/24` })),
    ...(v6 === null ? [] : subnet({ network: n, cidr: v6 ?? `${ipv6(n, 0)}/64` })),
  ];
}

export interface SubnetSpec extends Partial<Omit<SubnetRecord, "networkId" | "ipVersion">> {
  readonly network: number;
  readonly cidr: string;
}

/** A subnet with DHCP or SLAAC; its gateway is the first address of its prefix. */
export function subnet({ network: n, cidr, ...fields }: SubnetSpec): readonly RowChange[] {
  const v6 = cidr.includes(":");
  const record: SubnetRecord = {
    id: subnetId(n, v6 ? 6 : 4),
    networkId: networkId(n),
    ipVersion: v6 ? 6 : 4,
    cidr,
    gatewayIp: v6 ? cidr.replace(/\/\d+$/, "1") : cidr.replace(/0\/\d+$/, "1"),
    dhcpEnabled: true,
    dnsNameservers: [v6 ? "2001:db8::53" : "192.0.2.53"],
    hostRoutes: [],
    ipv6RaMode: v6 ? "slaac" : null,
    ipv6AddressMode: v6 ? "slaac" : null,
    ...fields,
  };
  return [putRow(subnets, networkTopic(record.networkId), record)];
}

/** A group that allows everything: that of ports of which nothing else is said. Its members' identity has the same number. */
export const OPEN = 999;
const EVERYTHING: readonly RuleSpec[] = ([4, 6] as const).flatMap((ipVersion) => [
  { n: 9990 + ipVersion, direction: "ingress", ipVersion },
  { n: 9980 + ipVersion, direction: "egress", ipVersion },
]);

export interface RuleSpec extends Partial<Omit<SecurityRule, "id">> {
  readonly n: number;
  readonly direction: "ingress" | "egress";
}
/** A rule that allows everything over IPv4, but for what is said. */
export function rule({ n, ...fields }: RuleSpec): SecurityRule {
  return {
    id: ruleId(n),
    ipVersion: 4,
    protocol: null,
    portMin: null,
    portMax: null,
    remotePrefix: null,
    remoteGroupId: null,
    remoteAddressGroupId: null,
    ...fields,
  };
}
export function securityGroup(group: {
  readonly n: number;
  readonly rules: readonly RuleSpec[];
  readonly stateful?: boolean;
}): readonly RowChange[] {
  const record = { id: groupId(group.n), stateful: group.stateful ?? true, rules: group.rules.map(rule) };
  return [putRow(securityGroups, securityGroupTopic(record.id), record)];
}
/** The set of these groups has this number. */
export function identity(n: number, groups: readonly number[]): readonly RowChange[] {
  return groups.map((group) =>
    putRow(groupIdentities, securityGroupTopic(groupId(group)), {
      id: String(n),
      groupId: groupId(group),
      identity: n,
    }),
  );
}
export function addressGroup(n: number, addresses: readonly string[]): readonly RowChange[] {
  return [putRow(addressGroups, addressGroupTopic(addressGroupId(n)), { id: addressGroupId(n), addresses })];
}

export interface PortSpec extends Partial<Omit<LocalPortRecord, "id" | "networkId" | "key" | "securityGroups">> {
  readonly n: number;
  readonly network: number;
  /** Numbers of its groups, in order; `identity` is the number of this set. */
  readonly groups?: readonly number[];
  /** Of its interface on SELF. */
  readonly ofport?: number;
}

/** A port with key 100 + n, MAC …:n, addresses …n in both subnets; on SELF its interface has OpenFlow number n. Open unless it is told its groups. */
export function port({ n, network: net, ofport = n, groups, ...fields }: PortSpec): readonly RowChange[] {
  const memberOf = groups ?? (fields.portSecurity === false ? [] : [OPEN]);
  const record: LocalPortRecord = {
    id: portId(n),
    networkId: networkId(net),
    key: portKey(n),
    mac: mac(n),
    addresses: [
      { subnetId: subnetId(net, 4), ip: ipv4(net, n) },
      { subnetId: subnetId(net, 6), ip: ipv6(net, n) },
    ],
    chassis: SELF,
    adminUp: true,
    pairs: [],
    portSecurity: true,
    securityGroups: memberOf.map(groupId),
    identity: groups === undefined ? (memberOf[0] ?? 0) : 0,
    hostname: "",
    dhcpOptions: [],
    ...fields,
  };
  const {
    portSecurity: _security,
    securityGroups: _groups,
    identity: _identity,
    hostname: _name,
    dhcpOptions: _options,
    ...shared
  } = record;
  const seen = record.pairs.filter((pair) => !pair.ip.includes("/") || pair.mac !== record.mac);
  const remote = putRow(ports, networkTopic(record.networkId), { ...shared, pairs: seen });
  const addresses = [...record.addresses, ...record.pairs].map(({ ip }) => ip);
  const known = [
    remote,
    ...(record.identity === 0
      ? []
      : [putRow(portIdentities, identityTopic(record.networkId), { ...identityOf(record), addresses })]),
  ];
  if (record.chassis !== SELF) return known;
  return [
    ...known,
    putRow(localPorts, chassisTopic(SELF), record),
    putRow(interfaces, LOCAL, { id: record.id, ofport, name: `tap${n}` }),
  ];
}

const identityOf = ({ id, networkId: net, identity: number }: LocalPortRecord) => ({
  id,
  networkId: net,
  identity: number,
});

/** A router with key n and one interface, with both gateway addresses, in each of the networks. */
export function router(n: number, nets: readonly number[], routes: RouterRecord["routes"] = []): readonly RowChange[] {
  return [
    putRow(routers, routerTopic(routerId(n)), { id: routerId(n), key: routerKey(n), adminUp: true, routes }),
    ...nets.flatMap((net) => routerInterface({ router: n, network: net })),
  ];
}

export interface RouterInterfaceSpec {
  readonly router: number;
  readonly network: number;
  /** Several interfaces of one router in one network have several numbers. */
  readonly n?: number;
  readonly addresses?: LocalPortRecord["addresses"];
  readonly adminUp?: boolean;
}

/** An interface of a router, by its router's view and by its network's. */
export function routerInterface({
  router: r,
  network: net,
  n = r * 256 + net,
  addresses = [
    { subnetId: subnetId(net, 4), ip: ipv4(net, 1) },
    { subnetId: subnetId(net, 6), ip: ipv6(net, 1) },
  ],
  adminUp = true,
}: RouterInterfaceSpec): readonly RowChange[] {
  const fields = {
    id: routerInterfaceId(n),
    routerId: routerId(r),
    networkId: networkId(net),
    key: routerInterfaceKey(n),
    mac: routerMac(n),
    addresses,
    adminUp,
  };
  return [
    putRow(routerPorts, networkTopic(fields.networkId), fields),
    putRow(routerInterfaces, routerTopic(fields.routerId), fields),
  ];
}
