/** Security groups for properties: rules of every kind, over the addresses, ports and identities that random packets have. */
import type { State } from "@dragonflow/engine";
import fc from "fast-check";
import type { Connection } from "../trace/index.ts";
import { addressGroup, addressGroupId, groupId, identity, type RuleSpec, securityGroup } from "./topology.ts";

const GROUPS = 4;

export interface RuleChoice {
  readonly direction: "ingress" | "egress";
  readonly ipVersion: 4 | 6;
  readonly protocol: number | null;
  /** Of ports; of ICMP types and codes. */
  readonly range: readonly [number | null, number | null];
  readonly remote: "anybody" | "prefix" | "group" | "addresses";
  /** Which of these. */
  readonly which: number;
}
export interface GroupChoice {
  readonly stateful: boolean;
  readonly rules: readonly RuleChoice[];
}
export interface SecurityChoice {
  readonly groups: readonly GroupChoice[];
  readonly addressGroups: readonly (readonly string[])[];
  /** Of each port in turn: which groups it has. A port has only stateful groups or only stateless ones: those like the first. */
  readonly members: readonly (readonly number[])[];
}

const PREFIXES = {
  4: ["10.0.1.0/24", "10.0.0.0/8", "10.0.1.12", "10.0.2.8/29", "172.20.0.0/16", "0.0.0.0/0"],
  6: ["fd00:1::/64", "fd00:2::/64", "fd00:1::c", "2001:db8:20::/48", "::/0"],
} as const;
/** With none the packets of the properties are compared: TCP, UDP and ICMP most of all. */
const PROTOCOLS = [null, 1, 6, 6, 17, 17, 17, 58, 132, 33, 47] as const;
const RANGES: readonly (readonly [number | null, number | null])[] = [
  [null, null],
  [null, null],
  [53, 53],
  [0, 0],
  [8, 0],
  [128, 0],
  [8, null],
  [128, null],
  [0, 65535],
  [50, 60],
  [1, 1023],
  [54, 70],
];

const rules = fc.record<RuleChoice>({
  direction: fc.constantFrom("ingress", "egress"),
  ipVersion: fc.constantFrom(4, 6),
  protocol: fc.constantFrom(...PROTOCOLS),
  range: fc.constantFrom(...RANGES),
  remote: fc.constantFrom("anybody", "prefix", "group", "group", "addresses"),
  which: fc.nat(11),
});

export const securities: fc.Arbitrary<SecurityChoice> = fc.record({
  groups: fc.array(
    fc.record<GroupChoice>({
      stateful: fc.oneof({ arbitrary: fc.constant(true), weight: 4 }, fc.constant(false)),
      rules: fc.array(rules, { maxLength: 8 }),
    }),
    { minLength: 1, maxLength: GROUPS },
  ),
  addressGroups: fc.array(fc.uniqueArray(fc.constantFrom(...PREFIXES[4], ...PREFIXES[6]), { maxLength: 5 }), {
    minLength: 1,
    maxLength: 2,
  }),
  members: fc.array(fc.uniqueArray(fc.nat(GROUPS - 1), { maxLength: 3 }), { minLength: 1, maxLength: 9 }),
});

/** Numbers of the groups of a port, counted from 1, in order. */
export function groupsOf({ groups, members }: SecurityChoice, port: number): readonly number[] {
  const chosen = [...new Set((members[port % members.length] ?? []).map((n) => n % groups.length))];
  const [first] = chosen;
  const stateful = first === undefined || groups[first]?.stateful === true;
  return chosen
    .filter((n) => groups[n]?.stateful === stateful)
    .map((n) => n + 1)
    .sort((a, b) => a - b);
}

/** The number of a set of groups: a bit for each. */
export const identityOf = (groups: readonly number[]): number => groups.reduce((bits, n) => bits + 2 ** (n - 1), 0);

export function securityRows(choice: SecurityChoice, ports: number): State {
  const sets = new Map(
    Array.from({ length: ports }, (_, i) => groupsOf(choice, i)).map((groups) => [identityOf(groups), groups]),
  );
  return [
    ...choice.groups.flatMap(({ stateful, rules: chosen }, g) =>
      securityGroup({ n: g + 1, stateful, rules: chosen.map((rule, r) => ruleOf(choice, rule, g * 100 + r)) }),
    ),
    ...[...sets].flatMap(([number, groups]) => identity(number, groups)),
    ...choice.addressGroups.flatMap((addresses, n) => addressGroup(n + 1, addresses)),
  ];
}

function ruleOf({ groups, addressGroups }: SecurityChoice, rule: RuleChoice, n: number): RuleSpec {
  const { direction, ipVersion, protocol, range, remote, which } = rule;
  const prefixes = PREFIXES[ipVersion];
  const [portMin, portMax] = protocol === null ? [null, null] : range;
  return {
    n,
    direction,
    ipVersion,
    protocol,
    portMin,
    portMax,
    remotePrefix: remote === "prefix" ? (prefixes[which % prefixes.length] ?? null) : null,
    remoteGroupId: remote === "group" ? groupId((which % groups.length) + 1) : null,
    remoteAddressGroupId: remote === "addresses" ? addressGroupId((which % addressGroups.length) + 1) : null,
  };
}

export const connections: fc.Arbitrary<Connection> = fc.record({
  state: fc.constantFrom(
    "new",
    "new",
    "new",
    "established",
    "established",
    "reply",
    "related",
    "related-reply",
    "invalid",
  ),
  mark: fc.constantFrom(0, 0, 0, 1),
});
