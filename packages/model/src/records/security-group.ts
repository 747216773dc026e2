import { defineKind, type RecordOf } from "../kind.ts";
import { flag, integer, list, nullable, object, oneOf, text } from "../schema.ts";
import { addressGroupTopic, identityTopic, securityGroupTopic } from "../topics.ts";
import { key31 } from "./common.ts";

const port = integer(0, 65535);

/**
 * A rule lets packets pass that would not pass otherwise. What is null matches everything.
 *
 * `protocol`: IANA number. `portMin`, `portMax`: the range of the destination port of TCP, UDP, SCTP, DCCP and UDPLite; of ICMP and ICMPv6 the type
 * and the code (0 is a value). Of the three remotes one at most is not null: a prefix in canonical text, the members of a group, or the addresses
 * of an address group.
 */
const rule = object({
  id: text,
  direction: oneOf("ingress", "egress"),
  ipVersion: oneOf(4, 6),
  protocol: nullable(integer(0, 255)),
  portMin: nullable(port),
  portMax: nullable(port),
  remotePrefix: nullable(text),
  remoteGroupId: nullable(text),
  remoteAddressGroupId: nullable(text),
});

/** A group with all its rules: what a host with a member of it needs. */
export const securityGroupKind = defineKind({
  kind: "security-group",
  topic: (g) => securityGroupTopic(g.id),
  fields: { stateful: flag, rules: list(rule) },
});
export type SecurityGroupRecord = RecordOf<typeof securityGroupKind>;
export type SecurityRule = SecurityGroupRecord["rules"][number];

/**
 * An identity is a set of groups that some port has, as one number. This says that a group is in the set: who has a rule with the group as remote
 * matches these numbers, and hears nothing of the members. `id` is the number in decimal.
 */
export const groupIdentityKind = defineKind({
  kind: "group-identity",
  topic: (i) => securityGroupTopic(i.groupId),
  fields: { groupId: text, identity: key31 },
});
export type GroupIdentityRecord = RecordOf<typeof groupIdentityKind>;

/**
 * Who has which identity, by address: read only where a packet does not say it (before it is sent, and in networks whose encapsulation has no room
 * for it). `id` is the port's; `addresses` are its fixed addresses and those of its pairs, which may be prefixes.
 */
export const portIdentityKind = defineKind({
  kind: "port-identity",
  topic: (p) => identityTopic(p.networkId),
  fields: { networkId: text, identity: key31, addresses: list(text) },
});
export type PortIdentityRecord = RecordOf<typeof portIdentityKind>;

/** Addresses and prefixes that rules refer to together. */
export const addressGroupKind = defineKind({
  kind: "address-group",
  topic: (g) => addressGroupTopic(g.id),
  fields: { addresses: list(text) },
});
export type AddressGroupRecord = RecordOf<typeof addressGroupKind>;
