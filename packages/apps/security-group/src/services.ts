import type { SecurityRule } from "@dragonflow/model";
import { IP_PROTO, type MatchSpec } from "@dragonflow/pipeline";

const PROTOCOL = { ...IP_PROTO, dccp: 33, ipv6Fragment: 44, sctp: 132, udpLite: 136 } as const;
/** Protocols with ports, and the field of their destination port, if a switch looks at it. */
const PORT_FIELDS: ReadonlyMap<number, string | undefined> = new Map([
  [PROTOCOL.tcp, "tcp_dst"],
  [PROTOCOL.udp, "udp_dst"],
  [PROTOCOL.sctp, "sctp_dst"],
  [PROTOCOL.dccp, undefined],
  [PROTOCOL.udpLite, undefined],
]);
const FRAGMENT = { none: 0, later: { value: 3, mask: 3 } } as const;

/**
 * What a rule says of protocol and ports (of ICMP: type and code), as matches of which any will do. None: it allows nothing.
 *
 * With conntrack the rule is compared with the first packet of the connection, as conntrack knows it: also of a fragment it knows the protocol, and
 * of a first one the ports. What a later fragment is part of nobody can tell on a datapath that takes fragments apart again behind conntrack (the
 * userspace datapath; the kernel's shows the whole datagram): it passes where any port might, and is worth nothing without the first one.
 * The userspace datapath's conntrack knows no ports of SCTP: these are taken from the packet, and of a fragment there are none to be seen (they read
 * as 0, which must not be taken for a port).
 *
 * Without conntrack the packet itself is all there is: a fragment has no ports, and matches no rule that names some; and a later one of IPv6 does not
 * even have a protocol, and passes where one of any might.
 */
export function servicesOf(rule: SecurityRule, stateful: boolean): readonly MatchSpec[] {
  const { protocol, portMin, portMax } = rule;
  const hasRange = portMin !== null || portMax !== null;
  if (protocol === null) return hasRange ? [] : [{}];
  if (!hasRange) return wholeProtocol(rule.ipVersion, protocol, stateful);
  const matches = rangeOf(rule, protocol, stateful);
  const isKept = stateful && protocol !== PROTOCOL.sctp;
  if (matches.length === 0 || !isKept) return matches.map((match) => ({ ...match, ip_frag: FRAGMENT.none }));
  return [...matches, { ct_nw_proto: protocol, ip_frag: FRAGMENT.later }];
}

function wholeProtocol(ipVersion: 4 | 6, protocol: number, stateful: boolean): readonly MatchSpec[] {
  const own = protocolMatch(protocol, stateful);
  return stateful || ipVersion === 4 ? [own] : [own, { ip_proto: PROTOCOL.ipv6Fragment, ip_frag: FRAGMENT.later }];
}

/** Zero means "any" in ct_nw_proto. */
const protocolMatch = (protocol: number, stateful: boolean): MatchSpec =>
  stateful && protocol !== 0 ? { ct_nw_proto: protocol } : { ip_proto: protocol };

function rangeOf(
  { ipVersion, portMin, portMax }: SecurityRule,
  protocol: number,
  stateful: boolean,
): readonly MatchSpec[] {
  const isIcmp = protocol === (ipVersion === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6);
  if (isIcmp) {
    const fields = stateful ? { type: "ct_tp_src", code: "ct_tp_dst" } : icmpFields(ipVersion);
    if ((portMin ?? 0) > 0xff || (portMax ?? 0) > 0xff) return [];
    return [
      {
        ...protocolMatch(protocol, stateful),
        ...(portMin !== null && { [fields.type]: portMin }),
        ...(portMax !== null && { [fields.code]: portMax }),
      },
    ];
  }
  if (!PORT_FIELDS.has(protocol)) return [];
  const known = stateful && protocol !== PROTOCOL.sctp;
  const field = known ? "ct_tp_dst" : PORT_FIELDS.get(protocol);
  // What a switch cannot see, nothing allows.
  if (field === undefined) return [];
  return blocks(portMin ?? 0, portMax ?? 0xffff).map((block) => ({
    ...protocolMatch(protocol, known),
    ...(block.mask !== 0 && { [field]: block }),
  }));
}
const icmpFields = (version: 4 | 6) => ({ type: `icmpv${version}_type`, code: `icmpv${version}_code` });

export interface Block {
  readonly value: number;
  readonly mask: number;
}

/** The fewest aligned blocks that are together the range, both ends included. None where it is empty. */
export function blocks(first: number, last: number): readonly Block[] {
  const found: Block[] = [];
  for (let value = first; value <= last; ) {
    let size = value === 0 ? 0x10000 : value & -value;
    while (value + size - 1 > last) size /= 2;
    found.push({ value, mask: 0x10000 - size });
    value += size;
  }
  return found;
}
