/** Random clouds: first as choices, which shrink well, then as the records that a store would hold. */
import {
  addressGroupKind,
  endpointKind,
  groupIdentityKind,
  type LocalPortRecord,
  localPortKind,
  type NbRecord,
  networkKind,
  portIdentityKind,
  portKind,
  record,
  routerInterfaceKind,
  routerKind,
  routerPortKind,
  type SecurityRule,
  securityGroupKind,
  subnetKind,
} from "@dragonflow/model";
import fc from "fast-check";
import {
  addressGroupId,
  ALIKE,
  ALL_PREFIXES,
  groupId,
  HOSTS,
  ICMP_MESSAGES,
  networkId,
  portId,
  PREFIXES,
  PROTOCOLS,
  RANGES,
  routerId,
  routerMac,
  routerPortId,
  ruleId,
  subnetId,
} from "./pools.ts";

export interface RuleChoice {
  readonly id: number;
  readonly direction: "ingress" | "egress";
  readonly ipVersion: 4 | 6;
  /** Places in the pools, counted round. */
  readonly protocol: number;
  readonly range: number | null;
  readonly remote: { readonly type: "none" | "prefix" | "group" | "address-group"; readonly n: number };
}
export interface GroupChoice {
  readonly stateful: boolean;
  /** It has the rules that let everything pass, as a default group has for what is sent. */
  readonly open: { readonly egress: boolean; readonly ingress: boolean };
  readonly rules: readonly RuleChoice[];
}
export interface PortChoice {
  readonly network: number;
  readonly host: number;
  /** The first decides whether they are stateful; those that are not like it are left out. */
  readonly groups: readonly number[];
  readonly portSecurity: boolean;
  /** It has allowed address pairs: a prefix of each version. */
  readonly pairs: boolean;
}
export interface CloudChoice {
  readonly networks: readonly { readonly type: "geneve" | "vxlan" }[];
  /** The second network: behind a router; not reached from the first; not reached, and with the same addresses. */
  readonly second: "routed" | "apart" | "same-addresses";
  readonly groups: readonly GroupChoice[];
  readonly addressGroups: readonly (readonly number[])[];
  readonly ports: readonly PortChoice[];
  /** Where numbers of identities start: they have 31 bits. */
  readonly firstIdentity: number;
}

export interface CloudOptions {
  /** At most so many networks: 1 or 2. Default 2. */
  readonly networks?: 1 | 2;
  readonly types?: readonly ("geneve" | "vxlan")[];
  /** Also groups without conntrack. Default true. */
  readonly stateless?: boolean;
}

const mostly = (value: boolean): fc.Arbitrary<boolean> =>
  fc.oneof({ arbitrary: fc.constant(value), weight: 7 }, fc.constant(!value));

const rules: fc.Arbitrary<RuleChoice> = fc.record({
  id: fc.oneof({ arbitrary: fc.integer({ min: ALIKE, max: 0xffff }), weight: 4 }, fc.nat(ALIKE - 1)),
  direction: fc.constantFrom("ingress", "egress"),
  ipVersion: fc.constantFrom(4, 6),
  protocol: fc.nat(14),
  range: fc.oneof({ arbitrary: fc.nat(9), weight: 4 }, fc.constant(null)),
  remote: fc.record({
    type: fc.constantFrom("none", "prefix", "prefix", "group", "group", "address-group", "address-group"),
    n: fc.nat(59),
  }),
});

export function cloudChoices(options: CloudOptions = {}): fc.Arbitrary<CloudChoice> {
  const { networks = 2, types = ["geneve", "vxlan"], stateless = true } = options;
  return fc.record({
    networks: fc.array(fc.record({ type: fc.constantFrom(...types) }), { minLength: 1, maxLength: networks }),
    second: fc.constantFrom("routed", "apart", "same-addresses"),
    groups: fc.array(
      fc.record({
        stateful: stateless ? mostly(true) : fc.constant(true),
        open: fc.record({ egress: fc.boolean(), ingress: mostly(false) }),
        rules: fc.array(rules, { maxLength: 7 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    addressGroups: fc.array(fc.array(fc.nat(ALL_PREFIXES.length - 1), { maxLength: 6 }), {
      minLength: 1,
      maxLength: 3,
    }),
    ports: fc.array(
      fc.record({
        network: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.constant(1)),
        host: fc.nat(HOSTS.length - 1),
        groups: fc.oneof(
          { arbitrary: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 3 }), weight: 12 },
          fc.constant([]),
        ),
        portSecurity: mostly(true),
        pairs: mostly(false),
      }),
      { minLength: 3, maxLength: 8 },
    ),
    firstIdentity: fc.constantFrom(1, 0x7fffff00),
  });
}

const networkOf = (choice: CloudChoice, port: PortChoice): number => (port.network % choice.networks.length) + 1;
/** What the addresses of a network are made of. */
const space = (choice: CloudChoice, network: number): number =>
  network === 2 && choice.second !== "same-addresses" ? 2 : 1;

/** Ports count from 11 in each network: with the same addresses, two have the same one. */
export function portsOf(choice: CloudChoice): readonly LocalPortRecord[] {
  const identities = identitiesOf(choice);
  return choice.ports.map((port, i) => {
    const network = networkOf(choice, port);
    const before = choice.ports.slice(0, i).filter((other) => networkOf(choice, other) === network).length;
    const host = 11 + before;
    const at = space(choice, network);
    const groups = port.portSecurity ? groupsOf(choice, port) : [];
    return {
      id: portId(11 + i),
      networkId: networkId(network),
      chassis: HOSTS[port.host] ?? HOSTS[0],
      key: 111 + i,
      mac: `fa:16:3e:00:00:${(11 + i).toString(16).padStart(2, "0")}`,
      addresses: [
        { subnetId: subnetId(network, 4), ip: `10.0.${at}.${host}` },
        { subnetId: subnetId(network, 6), ip: `fd00:${at}::${host.toString(16)}` },
      ],
      pairs: port.pairs ? [`172.20.${11 + i}.0/24`, `2001:db8:20:${11 + i}::/64`].map(pairOf(i)) : [],
      portSecurity: port.portSecurity,
      securityGroups: groups,
      identity: identities.get(groups.join()) ?? 0,
      adminUp: true,
      hostname: "",
      dhcpOptions: [],
    };
  });
}
const pairOf = (i: number) => (ip: string) => ({ ip, mac: `fa:16:3e:00:00:${(11 + i).toString(16).padStart(2, "0")}` });

/** Ids, in order: all stateful or all stateless. */
function groupsOf(choice: CloudChoice, port: PortChoice): readonly string[] {
  const numbers = [...new Set(port.groups.map((n) => n % choice.groups.length))];
  const [first] = numbers;
  const isStateful = first !== undefined && choice.groups[first]?.stateful;
  return numbers
    .filter((n) => choice.groups[n]?.stateful === isStateful)
    .map((n) => groupId(n + 1))
    .sort();
}

/** The number of each set of groups that a port has. */
function identitiesOf(choice: CloudChoice): ReadonlyMap<string, number> {
  const guarded = choice.ports.filter(({ portSecurity }) => portSecurity);
  const sets = new Set(guarded.map((port) => groupsOf(choice, port).join()).filter((set) => set !== ""));
  return new Map([...sets].map((set, i) => [set, choice.firstIdentity + i]));
}

/** An id stands for one rule: the second that would have it gets another. */
export function rulesOf(choice: CloudChoice): readonly (readonly SecurityRule[])[] {
  const taken = new Set<string>();
  const free = (n: number): string => {
    let id = ruleId(n);
    for (let next = 0x10000 + n; taken.has(id); next++) id = ruleId(next);
    taken.add(id);
    return id;
  };
  const openRules = (direction: "ingress" | "egress", g: number): readonly RuleChoice[] =>
    ([4, 6] as const).map((ipVersion) => ({
      id: 0x20000 + g * 4 + (direction === "egress" ? 2 : 0) + (ipVersion === 6 ? 1 : 0),
      direction,
      ipVersion,
      protocol: 0,
      range: null,
      remote: { type: "none", n: 0 },
    }));
  return choice.groups.map(({ open, rules: chosen }, g) =>
    [...(open.egress ? openRules("egress", g) : []), ...(open.ingress ? openRules("ingress", g) : []), ...chosen].map(
      (rule) => ruleOf(choice, rule, free(rule.id)),
    ),
  );
}

function ruleOf(choice: CloudChoice, rule: RuleChoice, id: string): SecurityRule {
  const { direction, ipVersion } = rule;
  const protocol = at(PROTOCOLS[ipVersion], rule.protocol);
  const [portMin, portMax] = headerOf(ipVersion, protocol, rule.range);
  const { type, n } = rule.remote;
  const addressGroups = choice.addressGroups.length;
  return {
    id,
    direction,
    ipVersion,
    protocol,
    portMin,
    portMax,
    remotePrefix: type === "prefix" ? at(PREFIXES[ipVersion], n) : null,
    remoteGroupId: type === "group" ? groupId((n % choice.groups.length) + 1) : null,
    remoteAddressGroupId:
      type === "address-group" && addressGroups > 0 ? addressGroupId((n % addressGroups) + 1) : null,
  };
}

function headerOf(
  ipVersion: 4 | 6,
  protocol: number | null,
  range: number | null,
): readonly [number | null, number | null] {
  if (range === null || protocol === null) return [null, null];
  if (protocol === 1 || protocol === 58) return at(ICMP_MESSAGES[ipVersion], range);
  return [6, 17, 132].includes(protocol) ? at(RANGES, range) : [null, null];
}

/** The n-th, counted round. */
export function at<T>(pool: readonly T[], n: number): T {
  const [item] = pool.slice(n % pool.length);
  if (item === undefined) throw new RangeError("nothing to choose from");
  return item;
}

/** Every record of the cloud, in its topic. */
export function recordsOf(choice: CloudChoice): readonly NbRecord[] {
  const ports = portsOf(choice);
  const identities = identitiesOf(choice);
  const rulesOfGroups = rulesOf(choice);
  return [
    ...HOSTS.map((id, i) => record(endpointKind, { id, ip: `172.31.0.${i + 1}`, encapsulations: ["geneve", "vxlan"] })),
    ...choice.networks.flatMap(({ type }, i) => networkRecords(choice, i + 1, type)),
    ...(isRouted(choice) ? routerRecords(choice) : []),
    ...choice.groups.map(({ stateful }, i) =>
      record(securityGroupKind, { id: groupId(i + 1), stateful, rules: rulesOfGroups[i] ?? [] }),
    ),
    ...[...identities].flatMap(([set, identity]) =>
      set.split(",").map((id) => record(groupIdentityKind, { id: String(identity), groupId: id, identity })),
    ),
    ...choice.addressGroups.map((places, i) =>
      record(addressGroupKind, {
        id: addressGroupId(i + 1),
        addresses: [...new Set(places.map((place) => at(ALL_PREFIXES, place)))],
      }),
    ),
    ...ports.flatMap(portRecords),
  ];
}

function portRecords(port: LocalPortRecord): readonly NbRecord[] {
  const { id, networkId: inNetwork, key, mac, addresses, pairs, chassis, adminUp, identity } = port;
  const remote = { id, networkId: inNetwork, key, mac, addresses, pairs: [], chassis, adminUp };
  const own = [...addresses, ...pairs].map(({ ip }) => ip);
  return [
    record(portKind, remote),
    record(localPortKind, port),
    ...(identity === 0 ? [] : [record(portIdentityKind, { id, networkId: inNetwork, identity, addresses: own })]),
  ];
}

export const isRouted = ({ networks, second }: CloudChoice): boolean => networks.length === 2 && second === "routed";

function networkRecords(choice: CloudChoice, n: number, type: "geneve" | "vxlan"): readonly NbRecord[] {
  const prefix = space(choice, n);
  const subnet = { networkId: networkId(n), dhcpEnabled: true, dnsNameservers: [], hostRoutes: [] };
  return [
    record(networkKind, {
      id: networkId(n),
      key: n,
      networkType: type,
      physicalNetwork: null,
      segmentationId: 1000 + n,
      mtuBytes: 1442,
      adminUp: true,
      dnsDomain: "",
    }),
    record(subnetKind, {
      ...subnet,
      id: subnetId(n, 4),
      ipVersion: 4,
      cidr: `10.0.${prefix}.0/24`,
      gatewayIp: `10.0.${prefix}.1`,
      ipv6RaMode: null,
      ipv6AddressMode: null,
    }),
    record(subnetKind, {
      ...subnet,
      id: subnetId(n, 6),
      ipVersion: 6,
      cidr: `fd00:${prefix}::/64`,
      gatewayIp: `fd00:${prefix}::1`,
      ipv6RaMode: "slaac",
      ipv6AddressMode: "slaac",
    }),
  ];
}

/** One router, with both gateway addresses in both networks. */
function routerRecords(choice: CloudChoice): readonly NbRecord[] {
  return [
    record(routerKind, { id: routerId(1), key: 1, adminUp: true, routes: [] }),
    ...choice.networks.flatMap((_, i) => {
      const n = i + 1;
      const fields = {
        id: routerPortId(n),
        routerId: routerId(1),
        networkId: networkId(n),
        key: 0x1000000 + n,
        mac: routerMac(n),
        addresses: [
          { subnetId: subnetId(n, 4), ip: `10.0.${space(choice, n)}.1` },
          { subnetId: subnetId(n, 6), ip: `fd00:${space(choice, n)}::1` },
        ],
        adminUp: true,
      };
      return [record(routerInterfaceKind, fields), record(routerPortKind, fields)];
    }),
  ];
}
