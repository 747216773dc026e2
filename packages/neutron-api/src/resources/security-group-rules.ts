import { PROTOCOLS, protocolNumber, type SecurityGroupRule } from "@dragonflow/model";
import type { PostOf } from "../core/attribute.ts";
import { type Resource } from "../core/resource.ts";
import { type RuleObject, ruleOf } from "../core/security-group-rules.ts";
import type { Transaction } from "../core/transaction.ts";
import {
  addressGroupNotFound,
  duplicateRuleInPost,
  ruleInvalidIcmpValue,
  ruleInvalidPort,
  ruleInvalidPortRange,
  ruleInvalidProtocolForPort,
  ruleMissingIcmpType,
  ruleOfSeveralRemotes,
  rulePrefixConflict,
  ruleProtocolConflict,
  ruleProtocolRequiredWithPorts,
  rulesOfSeveralGroups,
  rulesOfSeveralProjects,
  securityGroupNotFound,
  securityGroupRuleExists,
  securityGroupRuleNotFound,
} from "../errors.ts";
import { formatNetwork, parsePrefix } from "../ipam/addresses.ts";
import { ruleAttributes } from "./security-group-rule-attributes.ts";
import { newRule, withDefaultGroup } from "./security-groups.ts";

type Post = PostOf<typeof ruleAttributes>;

const WITH_PORTS: readonly number[] = [6, 17, 33, 132, 136];
const [ICMP, ICMPV6] = [1, 58];
/** What cannot be in an IPv4 packet. */
const IPV6_ONLY: readonly number[] = [41, 43, 44, ICMPV6, 59, 60];

/** Two old ways to write ICMPv6, and a range of all ports, which is none. */
function canonical(rule: Post): Post {
  const { ethertype, protocol, port_range_min, port_range_max } = rule;
  const names = { icmp: "ipv6-icmp", icmpv6: "ipv6-icmp", "1": String(ICMPV6) };
  const renamed = ethertype === "IPv6" ? Object.entries(names).find(([old]) => old === protocol)?.[1] : undefined;
  const isAll = port_range_min === 1 && port_range_max === 65535;
  const range = isAll ? { port_range_min: null, port_range_max: null } : {};
  return { ...rule, protocol: renamed ?? protocol, ...range };
}

function checkPorts({ protocol, port_range_min: min, port_range_max: max }: Post): void {
  if (min === null && max === null) return;
  if (protocol === null) throw ruleProtocolRequiredWithPorts();
  const number = protocolNumber(protocol) ?? 0;
  if (WITH_PORTS.includes(number)) {
    if (min === 0 || max === 0) throw ruleInvalidPort("0");
    if (min === null || max === null || min > max) throw ruleInvalidPortRange();
  } else if (number === ICMP || number === ICMPV6) {
    if (min !== null && min > 255) throw ruleInvalidIcmpValue("type", "port_range_min", min);
    if (max !== null && max > 255) throw ruleInvalidIcmpValue("code", "port_range_max", max);
    if (min === null && max !== null) throw ruleMissingIcmpType(max);
  } else {
    throw ruleInvalidProtocolForPort(number);
  }
}

function checkEthertype({ ethertype, protocol, remote_ip_prefix: cidr }: Post): void {
  if (cidr !== null && ethertype !== (cidr.includes(":") ? "IPv6" : "IPv4")) throw rulePrefixConflict(ethertype, cidr);
  const number = protocolNumber(protocol);
  if (protocol !== null && number !== null && ethertype === "IPv4" && IPV6_ONLY.includes(number))
    throw ruleProtocolConflict(ethertype, protocol);
}

/** @throws {NeutronError} in Neutron's order. */
function check(tx: Transaction, rule: Post): void {
  checkPorts(rule);
  checkEthertype(rule);
  const { remote_ip_prefix, remote_group_id, remote_address_group_id } = rule;
  if ([remote_ip_prefix, remote_group_id, remote_address_group_id].filter((remote) => remote !== null).length > 1)
    throw ruleOfSeveralRemotes();
  if (remote_group_id !== null && tx.securityGroups.get(remote_group_id) === undefined)
    throw securityGroupNotFound(remote_group_id);
  if (remote_address_group_id !== null && tx.addressGroups.get(remote_address_group_id) === undefined)
    throw addressGroupNotFound(remote_address_group_id);
  if (tx.securityGroups.get(rule.security_group_id) === undefined) throw securityGroupNotFound(rule.security_group_id);
}

/** What a rule is but for its identity and its times. */
type RuleValues = Omit<SecurityGroupRule, "id" | "created_at" | "updated_at" | "revision_number">;

function valuesOf(rule: Post): RuleValues {
  const prefix = rule.remote_ip_prefix === null ? undefined : parsePrefix(rule.remote_ip_prefix);
  return {
    project_id: rule.project_id,
    description: rule.description,
    direction: rule.direction,
    ethertype: rule.ethertype,
    protocol: rule.protocol,
    port_range_min: rule.port_range_min,
    port_range_max: rule.port_range_max,
    remote_ip_prefix: rule.remote_ip_prefix,
    normalized_cidr: prefix === undefined ? null : formatNetwork(prefix),
    remote_group_id: rule.remote_group_id,
    remote_address_group_id: rule.remote_address_group_id,
  };
}

const ALL_ADDRESSES: readonly (string | null)[] = ["0.0.0.0/0", "::/0"];

/** Of two names with one number the later one, as Neutron has it. */
const NAMES = new Map(Object.entries(PROTOCOLS).flatMap(([name, n]) => (name === "icmpv6" ? [] : [[String(n), name]])));

/** Rules of one group with the same text do the same. As Neutron compares them: names and numbers of protocols alike, prefixes as written. */
function matchText(rule: RuleValues): string {
  const { direction, ethertype, protocol, port_range_min, port_range_max } = rule;
  const { remote_ip_prefix, remote_group_id, remote_address_group_id } = rule;
  return JSON.stringify([
    direction,
    ethertype,
    protocol === null ? null : (NAMES.get(protocol) ?? protocol),
    port_range_min,
    port_range_max,
    ALL_ADDRESSES.includes(remote_ip_prefix) ? null : remote_ip_prefix,
    remote_group_id,
    remote_address_group_id,
  ]);
}

function checkDuplicates(wanted: readonly RuleValues[], existing: readonly SecurityGroupRule[]): void {
  const texts = new Set(wanted.map(matchText));
  if (texts.size < wanted.length) throw duplicateRuleInPost();
  const same = existing.find((rule) => texts.has(matchText(rule)));
  if (same !== undefined) throw securityGroupRuleExists(same.id);
}

/** Rules are in their group, and change with it: clients see each as a resource of its own. */
export const securityGroupRules: Resource<RuleObject, typeof ruleAttributes> = {
  name: "security_group_rule",
  collection: "security_group_rules",
  attributes: ruleAttributes,
  table: (state) => state.securityGroupRules,
  tableIn: (tx) => tx.securityGroupRules,
  notFound: securityGroupRuleNotFound,
  bulk: true,
  quota: "security_group_rule",
  beforeList: withDefaultGroup,

  createAll(tx, requests) {
    if (new Set(requests.map((request) => request.security_group_id)).size > 1) throw rulesOfSeveralGroups();
    if (new Set(requests.map((request) => request.project_id)).size > 1) throw rulesOfSeveralProjects();
    const canonicals = requests.map(canonical);
    for (const rule of canonicals) check(tx, rule);
    const wanted = canonicals.map(valuesOf);
    const id = requests[0]?.security_group_id ?? "";
    const group = tx.securityGroups.get(id);
    if (group === undefined) throw securityGroupNotFound(id);
    checkDuplicates(wanted, group.rules);
    const rules = wanted.map((rule) => newRule(tx, rule));
    tx.securityGroups.put(tx.touch({ ...group, rules: [...group.rules, ...rules] }));
    return rules.map((rule) => ruleOf(group, rule));
  },

  remove(tx, { id, security_group_id }) {
    const group = tx.securityGroups.get(security_group_id);
    if (group === undefined) throw securityGroupRuleNotFound(id);
    tx.securityGroups.put(tx.touch({ ...group, rules: group.rules.filter((rule) => rule.id !== id) }));
  },
};
