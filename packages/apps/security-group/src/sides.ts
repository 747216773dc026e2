import { defineTable, type GroupRow, type Table as RowTable } from "@dragonflow/engine";
import type { SecurityRule } from "@dragonflow/model";
import {
  act,
  defineFlowTable,
  goto,
  type RegisterName,
  type Stage,
  stages,
  type Step,
  type Table,
} from "@dragonflow/pipeline";

export const app = "security-group";

/** One direction: its tables, and which end of a packet is whose. */
export interface Side {
  readonly direction: SecurityRule["direction"];
  /** Which local port. */
  readonly port: RegisterName;
  /** The identity of the local port, and that of the other end. */
  readonly own: RegisterName;
  readonly peer: RegisterName;
  /** The address of the other end. */
  readonly address: { readonly 4: string; readonly 6: string };
  readonly ports: Table;
  readonly conntrack: Table;
  readonly state: Table;
  readonly remote: Table;
  readonly rules: Table;
  readonly accepted: Table;
  /** Where what passes goes. */
  readonly next: Stage;
  /**
   * How it goes there: without what the zone of its sender says of it, so that a receiver that has no zone does not take it for its own. Cleared once,
   * before any copies are made: Open vSwitch (3.1) clears nothing in a second bucket of a group.
   */
  readonly pass: readonly Step[];
  /** Own identities that have a rule with a remote group: one row each, its number in decimal. */
  readonly lookups: RowTable<GroupRow>;
}

const HEADERS = ["eth_type", "ip_proto", "udp_src", "udp_dst", "icmpv6_type", "icmpv6_code"];
const TRANSPORT = ["tcp_dst", "udp_dst", "sctp_dst", "icmpv4_type", "icmpv4_code", "icmpv6_type", "icmpv6_code"];
const CONNECTION = ["ct_state", "ct_mark", "ct_nw_proto", "ct_tp_src", "ct_tp_dst"];

function defineSide(
  direction: Side["direction"],
  ends: Pick<Side, "port" | "own" | "peer" | "address" | "next"> & { readonly stage: Stage },
): Side {
  const { port, own, peer, address, next, stage } = ends;
  const addresses = [address[4], address[6]];
  const accepted = defineFlowTable({
    name: `${direction}_accepted`,
    purpose: "a rule allows the connection: it begins, goes on, or goes on again where it had been ended",
    stage,
    match: [port, "eth_type", "ct_state", "ct_mark"],
    next: [next],
    internal: true,
    miss: "drop",
  });
  const rules = defineFlowTable({
    name: `${direction}_rules`,
    purpose: "a rule allows it, or it ends here",
    stage,
    match: [own, peer, "eth_type", "ip_proto", "ip_frag", ...addresses, ...TRANSPORT, ...CONNECTION, "conj_id"],
    next: [accepted, next],
    internal: true,
    miss: "drop",
  });
  const remote = defineFlowTable({
    name: `${direction}_remote`,
    purpose: "(network, address) of the other end -> its identity",
    stage,
    match: ["network", "eth_type", ...addresses],
    writes: [peer],
    next: [rules],
    internal: true,
    miss: "drop",
  });
  const state = defineFlowTable({
    name: `${direction}_state`,
    purpose: "what is decided by the state of the connection",
    stage,
    match: [own, "network", "tunnelType", "ct_state", "ct_mark"],
    next: [remote, rules, next],
    internal: true,
    miss: "drop",
  });
  const conntrack = defineFlowTable({
    name: `${direction}_conntrack`,
    purpose:
      "what passes without a rule; everything else of IP through conntrack, with the identity that a tunnel brought",
    stage,
    match: [own, "ctZone", "tunnelType", ...HEADERS],
    writes: direction === "ingress" ? [peer] : [],
    next: [state, next],
    internal: true,
    miss: "drop",
  });
  const ports = defineFlowTable({
    name: `${direction}_port`,
    purpose: "local port -> its identity and its conntrack zone",
    stage,
    match: [port],
    writes: [own, "ctZone"],
    next: [conntrack, next],
    miss: "drop",
  });
  const lookups = defineTable<GroupRow>(`${direction}-lookup`);
  const pass = direction === "egress" ? [act({ type: "ct_clear" }), goto(next)] : [goto(next)];
  return { direction, port, own, peer, address, ports, conntrack, state, remote, rules, accepted, next, pass, lookups };
}

export const SIDES: Readonly<Record<Side["direction"], Side>> = {
  egress: defineSide("egress", {
    port: "sourcePort",
    own: "sourceIdentity",
    peer: "destinationIdentity",
    address: { 4: "ipv4_dst", 6: "ipv6_dst" },
    stage: stages.egressConntrack,
    next: stages.services,
  }),
  ingress: defineSide("ingress", {
    port: "destinationPort",
    own: "destinationIdentity",
    peer: "sourceIdentity",
    address: { 4: "ipv4_src", 6: "ipv6_src" },
    stage: stages.ingressConntrack,
    next: stages.delivery,
  }),
};
export const BOTH: readonly Side[] = Object.values(SIDES);

/** Priorities in the tables before the rules, by what they mean. */
export const level = {
  exempt: 400,
  closed: 300,
  revoked: 300,
  invalid: 290,
  follows: 280,
  untracked: 150,
  lookup: 150,
  rest: 100,
} as const;

/** Priorities in the tables of rules: each rule has one of its own, by the hash of its id. Below: what no rule allows any more. */
export const ruleLevel = { first: 100, ofOneHash: 7, ended: 20, underWay: 10 } as const;

/** Priorities in the tables of what a rule has allowed. */
export const acceptLevel = { begins: 120, healed: 110, goesOn: 100 } as const;

/** Why a packet ends, by the flow that it meets: each counts its packets. Everything else that drops here is a miss. */
export interface DropFlow {
  readonly table: string;
  readonly priority: number;
  readonly reason: string;
}
export const DROPS: readonly DropFlow[] = BOTH.flatMap(({ ports, conntrack, state, rules }) => [
  { table: ports.name, priority: 0, reason: "the port is not of this host" },
  { table: conntrack.name, priority: level.closed, reason: "the port has port security and no security group" },
  { table: conntrack.name, priority: 0, reason: "neither IP nor ARP, and the port has port security" },
  { table: state.name, priority: level.revoked, reason: "its connection was allowed, and is no longer" },
  { table: state.name, priority: level.invalid, reason: "it can be of no connection" },
  { table: rules.name, priority: ruleLevel.ended, reason: "its connection was allowed, and is no longer" },
  { table: rules.name, priority: 0, reason: "no rule of any group of the port allows it" },
]);
