/** What matters on this host of all that is in the groups: derived rows. */
import {
  defineIndex,
  defineSetIndex,
  defineTable,
  derive,
  deriveGroups,
  type GroupRow,
  type Read,
  type View,
} from "@dragonflow/engine";
import { type LocalPortRecord, ruleHash, type SecurityRule, securityGroupTopic } from "@dragonflow/model";
import { LOCAL, localPorts, securityGroups } from "@dragonflow/pipeline";
import { BOTH, ruleLevel } from "./sides.ts";

/** A rule of a group that a local port has. */
export interface LocalRule {
  readonly id: string;
  readonly rule: SecurityRule;
  readonly stateful: boolean;
  /** Of the sets that local ports have, those with the rule's group. In order. */
  readonly identities: readonly number[];
}
export const localRules = defineTable<LocalRule>("local-rule");

/** True where groups decide what a port may do; one without any may do nothing. */
const isMember = (port: LocalPortRecord): boolean => port.portSecurity && port.identity !== 0;

/** `id`: a group; `members`: identities. */
const localGroups = defineTable<GroupRow>("local-group");
const identitiesByGroup = defineSetIndex(localPorts, "identity-by-group", (port) =>
  isMember(port) ? port.securityGroups.map((key) => ({ key, member: String(port.identity) })) : [],
);
/** The networks in which this host has a port with an identity. */
export const networksByIdentity = defineSetIndex(localPorts, "network-by-identity", (port) =>
  isMember(port) ? [{ key: String(port.identity), member: port.networkId }] : [],
);

/** The sets that ports here have: `id` is the number. */
export const ownIdentities = defineTable<GroupRow>("own-identity");

function rulesOf(group: GroupRow, read: Read): readonly LocalRule[] {
  const record = read.row(securityGroups, securityGroupTopic(group.id), group.id);
  const identities = group.members.map(Number).sort((a, b) => a - b);
  return record?.rules.map((rule) => ({ id: rule.id, rule, stateful: record.stateful, identities })) ?? [];
}

/** Rules of one direction that have the same hash. */
const byHash = defineIndex(localRules, "hash", ({ rule }) => [hashKey(rule)]);
const hashKey = (rule: SecurityRule): string => `${rule.direction} ${ruleHash(rule.id)}`;

/**
 * The priority of a rule: by its hash, and its place among those of its hash and direction that are known here, in order of their ids. Those for which
 * there is no room share the last place (`shared`).
 */
export function levelOf(rule: SecurityRule, read: Read): { readonly priority: number; readonly shared: boolean } {
  const { first, ofOneHash } = ruleLevel;
  const rules = read.by(byHash, LOCAL, hashKey(rule));
  const last = ofOneHash - 1;
  const rank = rules.findIndex(({ id }) => id === rule.id);
  const priority = first + ruleHash(rule.id) * ofOneHash + Math.min(rank, last);
  return { priority, shared: rank >= last && rules.length > ofOneHash };
}

export const localViews: readonly View[] = [
  deriveGroups(localGroups, { layer: 1 }, identitiesByGroup),
  deriveGroups(ownIdentities, { layer: 1 }, networksByIdentity),
  derive(localRules, { layer: 2 }, localGroups, rulesOf),
  ...BOTH.map(({ direction, lookups }) => {
    const ofRules = defineSetIndex(localRules, `${direction}-lookup`, ({ rule, identities }) =>
      rule.direction === direction && rule.remoteGroupId !== null
        ? identities.map((identity) => ({ key: String(identity), member: direction }))
        : [],
    );
    return deriveGroups(lookups, { layer: 3 }, ofRules);
  }),
];
