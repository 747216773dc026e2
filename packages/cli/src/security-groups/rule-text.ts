/** A rule in one line, as people say it. */
import { PROTOCOLS, protocolNumber } from "@dragonflow/model";
import type { SecurityGroupRule } from "../api/resources.ts";
import type { Names } from "../introspection/flow-list.ts";
import { printable } from "../screen/palette.ts";

/** For protocols with several names, those that people know. */
const NAMES = new Map(
  Object.entries({ ...PROTOCOLS, icmpv6: 58 }).map(([name, number]) => [
    number,
    name === "ipv6-icmp" ? "icmpv6" : name,
  ]),
);
/** As the API shows it, or as the store has it within its group. */
type Rule = Omit<SecurityGroupRule, "security_group_id">;

const ICMP = 1;
const ICMPV6 = 58;

/**
 * `ingress IPv4 tcp 22 from 10.0.0.0/8`, `ingress IPv6 icmpv6 type 128 code 0`, `egress IPv4 to group web`: what a rule does not say, any will do.
 * @param names of groups and address groups, by id; where there is none, the id
 */
export function ruleText(rule: Rule, names: Names): string {
  const { direction, ethertype, remote_ip_prefix, remote_group_id, remote_address_group_id } = rule;
  const named = (id: string): string => printable(names.get(id) ?? id);
  const remote =
    remote_group_id !== null
      ? `group ${named(remote_group_id)}`
      : remote_address_group_id !== null
        ? `address group ${named(remote_address_group_id)}`
        : (remote_ip_prefix ?? "");
  const way = direction === "ingress" ? "from" : "to";
  return [direction, ethertype, ...serviceText(rule), ...(remote === "" ? [] : [way, remote])].join(" ");
}

function serviceText({ ethertype, protocol, port_range_min: min, port_range_max: max }: Rule): string[] {
  const number = protocolNumber(protocol);
  if (number === null) return [];
  // Neutron takes the name of ICMP for ICMPv6 as well.
  const isIcmp = number === ICMP || number === ICMPV6;
  const name = isIcmp ? (ethertype === "IPv4" ? "icmp" : "icmpv6") : (NAMES.get(number) ?? `protocol ${number}`);
  if (min === null) return [name];
  if (isIcmp) return [name, `type ${min}`, ...(max === null ? [] : [`code ${max}`])];
  return [name, min === max || max === null ? `${min}` : `${min}-${max}`];
}
