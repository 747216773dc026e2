import type { GroupRow, Read } from "@dragonflow/engine";
import { type LocalPortRecord, securityGroupTopic } from "@dragonflow/model";
import {
  act,
  commit,
  ctState,
  type Desired,
  ETH_TYPE,
  flow,
  goto,
  identityOption,
  IP_PROTO,
  type MatchSpec,
  type Owner,
  priority,
  securityGroups,
  set,
  setZone,
  type Step,
  subfield,
  track,
  TUNNEL_TYPE,
} from "@dragonflow/pipeline";
import { acceptLevel, app, BOTH, level, ruleLevel, type Side } from "./sides.ts";

/** A local port: who it is, and where its connections are kept. One with stateless groups has none, and one without groups has nothing to keep. */
export function localPort(port: LocalPortRecord, read: Read): readonly Desired[] {
  const owner = { app, kind: "port", id: port.id };
  const isStateful = port.securityGroups.some(
    (id) => read.pick(securityGroups, securityGroupTopic(id), id, ["stateful"])?.stateful !== false,
  );
  const zone = isStateful ? setZone(port.id) : set("ctZone", 0);
  return BOTH.flatMap((side) => {
    const own = { [side.port]: port.key };
    if (!port.portSecurity) return [flow(owner, side.ports, priority.normal, own, [goto(side.next)])];
    const enter = flow(owner, side.ports, priority.normal, own, [
      set(side.own, port.identity),
      zone,
      goto(side.conntrack),
    ]);
    return isStateful ? [enter, ...beginnings(port, owner, side)] : [enter];
  });
}

/** A connection begins: kept in the port's zone, and counted as the port's. */
function beginnings(port: LocalPortRecord, owner: Owner, { accepted, port: register, next }: Side): readonly Desired[] {
  return FAMILIES.map((family) =>
    flow(owner, accepted, acceptLevel.begins, { [register]: port.key, ...family, ct_state: ctState("+trk+new") }, [
      commit(),
      goto(next),
    ]),
  );
}

const FAMILIES = [{ eth_type: ETH_TYPE.ipv4 }, { eth_type: ETH_TYPE.ipv6 }] as const;
const udp = (version: 4 | 6, from: number, to: number): MatchSpec => ({
  eth_type: version === 4 ? ETH_TYPE.ipv4 : ETH_TYPE.ipv6,
  ip_proto: IP_PROTO.udp,
  udp_src: from,
  udp_dst: to,
});
/** Neighbour discovery has code 0 (RFC 4861 section 4). */
const icmp6 = (type: number): MatchSpec => ({
  eth_type: ETH_TYPE.ipv6,
  ip_proto: IP_PROTO.icmpv6,
  icmpv6_type: type,
  icmpv6_code: 0,
});
const ROUTER_SOLICITATION = 133;
const NEIGHBOUR = [{ eth_type: ETH_TYPE.arp }, icmp6(135), icmp6(136)];

/** What a port needs in order to have an address and neighbours. What a port must not say of this is kept from it by port security. */
const EXEMPT: Readonly<Record<Side["direction"], readonly MatchSpec[]>> = {
  egress: [...NEIGHBOUR, icmp6(ROUTER_SOLICITATION), udp(4, 68, 67), udp(6, 546, 547)],
  ingress: NEIGHBOUR,
};

const readIdentity = act({ type: "copy_field", src: identityOption, dst: subfield("sourceIdentity") });
/**
 * Whose identity the sender's register has before conntrack. It cannot be read behind: what a packet is given back with from there is the tunnel
 * header of the first packet that took this way, not its own. Registers are its own.
 */
const ARRIVALS: Readonly<
  Record<Side["direction"], readonly { readonly match: MatchSpec; readonly steps: readonly Step[] }[]>
> = {
  egress: [{ match: {}, steps: [] }],
  ingress: [
    { match: {}, steps: [] },
    { match: { tunnelType: TUNNEL_TYPE.geneve }, steps: [readIdentity] },
  ],
};

/** The first packet that no rule allows any more ends its connection, in both directions. */
export function endings({ id }: GroupRow): readonly Desired[] {
  const owner = { app, kind: "identity", id };
  return BOTH.flatMap(({ rules, own }) =>
    FAMILIES.map((family) => {
      const match = { [own]: Number(id), ...family, ct_state: ctState("+trk+est") };
      return flow(owner, rules, ruleLevel.ended, match, [commit(1)]);
    }),
  );
}

/** What holds for every port. */
export function everyPort(): readonly Desired[] {
  const owner = { app, kind: "host", id: "self" };
  return BOTH.flatMap((side) => {
    const { conntrack, state, remote, rules, accepted, own, next } = side;
    const pass = [goto(next)];
    const add = (table: typeof state, at: number, match: MatchSpec, steps: readonly Step[]): Desired =>
      flow(owner, table, at, match, steps);
    return [
      ...EXEMPT[side.direction].map((match) => add(conntrack, level.exempt, match, pass)),
      ...FAMILIES.flatMap((family) => [
        add(conntrack, level.closed, { ...family, [own]: 0 }, []),
        ...ARRIVALS[side.direction].flatMap(({ match, steps }, more) => [
          add(conntrack, level.untracked + more, { ...family, ...match, ctZone: 0 }, [...steps, goto(state)]),
          add(conntrack, level.rest + more, { ...family, ...match }, [...steps, track(state)]),
        ]),
      ]),
      add(state, level.revoked, { ct_state: ctState("+trk+rpl"), ct_mark: 1 }, []),
      add(state, level.revoked, { ct_state: ctState("+trk+rel"), ct_mark: 1 }, []),
      add(state, level.invalid, { ct_state: ctState("+trk+inv") }, []),
      add(state, level.follows, { ct_state: ctState("+trk+rpl") }, side.pass),
      add(state, level.follows, { ct_state: ctState("+trk+rel") }, side.pass),
      add(state, level.rest, {}, [goto(rules)]),
      add(remote, level.rest, {}, [goto(rules)]),
      // It went into conntrack when its port had another set, which no port has any more: as if it had come a moment ago.
      add(rules, ruleLevel.underWay, { ct_state: ctState("+trk+est"), ct_mark: 0 }, side.pass),
      // The first one that a rule allows again gives it back.
      ...FAMILIES.map((family) =>
        add(accepted, acceptLevel.healed, { ...family, ct_state: ctState("+trk+est"), ct_mark: 1 }, [
          commit(0),
          ...pass,
        ]),
      ),
      add(accepted, acceptLevel.goesOn, { ct_state: ctState("+trk+est") }, side.pass),
    ];
  });
}
