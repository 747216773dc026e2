/** One large tenant, for what things cost: a router with 100 networks of 50 ports, all in one group; of five of the networks two ports each are here. IPv4. */
import type { RowChange, State } from "@dragonflow/engine";
import {
  groupId,
  host,
  identity,
  ipv4,
  network,
  peer,
  port,
  type RuleSpec,
  router,
  routerInterface,
  securityGroup,
  SELF,
  subnetId,
} from "./topology.ts";

export const TENANT = { networks: 100, portsOfEach: 50, group: 1, identity: 7 } as const;
/** Rules that Neutron gives a new group, for IPv4. */
const DEFAULTS: readonly RuleSpec[] = [
  { n: 1, direction: "egress" },
  { n: 2, direction: "ingress", remoteGroupId: groupId(TENANT.group) },
];

/** The group with these rules besides. */
export const tenantGroup = (rules: readonly RuleSpec[] = []): readonly RowChange[] =>
  securityGroup({ n: TENANT.group, rules: [...DEFAULTS, ...rules] });

/** A port of the tenant, with the set of groups that all have. */
export const tenantPort = (net: number, index: number, chassis: string): readonly RowChange[] =>
  port({
    n: net * TENANT.portsOfEach + index,
    network: net,
    chassis,
    groups: [TENANT.group],
    identity: TENANT.identity,
    addresses: [{ subnetId: subnetId(net, 4), ip: ipv4(net, 2 + index) }],
  });

/** All of it, but for the rules of the group: those can be given. */
export function tenant(rules: readonly RuleSpec[] = []): State {
  const networks = Array.from({ length: TENANT.networks }, (_, i) => i + 1);
  const isHere = (net: number, index: number): boolean => net <= 5 && index < 2;
  return [
    ...host(),
    ...peer("host2", 900),
    ...networks.flatMap((n) => network({ n, v6: null })),
    ...router(1, []),
    ...networks.flatMap((net) =>
      routerInterface({ router: 1, network: net, addresses: [{ subnetId: subnetId(net, 4), ip: ipv4(net, 1) }] }),
    ),
    ...tenantGroup(rules),
    ...identity(TENANT.identity, [TENANT.group]),
    ...networks.flatMap((net) =>
      Array.from({ length: TENANT.portsOfEach }, (_, index) =>
        tenantPort(net, index, isHere(net, index) ? SELF : "host2"),
      ).flat(),
    ),
  ];
}
