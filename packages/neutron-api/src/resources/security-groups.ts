import { randomUUID } from "node:crypto";
import type { IdentityObject, SecurityGroupObject, SecurityGroupRule } from "@dragonflow/model";
import { type Attributes, viewOf } from "../core/attribute.ts";
import { DEFAULT_GROUP, identityId, securityGroupRefs, securityGroupStore } from "../core/kinds.ts";
import {
  freeKey,
  given,
  identityAttributes,
  newObject,
  type Resource,
  standardAttributes,
  standardFilters,
} from "../core/resource.ts";
import { type RuleObject, ruleOf } from "../core/security-group-rules.ts";
import type { Transaction } from "../core/transaction.ts";
import { boolean, checkText } from "../core/types.ts";
import {
  cannotRemoveDefaultGroup,
  cannotUpdateDefaultGroup,
  defaultGroupAlreadyExists,
  overQuota,
  securityGroupConflict,
  securityGroupInUse,
  securityGroupNotFound,
} from "../errors.ts";
import { ruleAttributes } from "./security-group-rule-attributes.ts";

const groupName = {
  parse(value: unknown): string {
    const name = checkText(value, 255);
    if (name.toLowerCase() === DEFAULT_GROUP) throw defaultGroupAlreadyExists();
    return name;
  },
};

/** A rule is shown with tags in its group, and nowhere else; it can have none. */
const embeddedRule: Attributes<RuleObject> = { ...ruleAttributes, tags: { value: () => [] } };

const attributes = {
  ...identityAttributes,
  name: { ...identityAttributes.name, type: groupName },
  stateful: { type: boolean, post: true, put: true, default: true },
  // A group is its project's own: there is no way yet to share one.
  shared: { type: boolean, filter: true, value: () => false },
  security_group_rules: {
    value: (g, reader) => g.rules.map((rule) => viewOf(embeddedRule, ruleOf(g, rule), reader, new Set())),
  },
  ...standardAttributes,
} as const satisfies Attributes<SecurityGroupObject>;

type NewRule = Pick<SecurityGroupRule, "project_id" | "direction" | "ethertype"> & Partial<SecurityGroupRule>;

export function newRule(tx: Transaction, values: NewRule, id = tx.newId()): SecurityGroupRule {
  return {
    description: null,
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    normalized_cidr: null,
    remote_group_id: null,
    remote_address_group_id: null,
    ...values,
    id,
    created_at: tx.now,
    updated_at: tx.now,
    revision_number: 0,
  };
}

type NewGroup = Pick<SecurityGroupObject, "project_id" | "name" | "description" | "stateful">;

/** A new group lets everything out; a default group lets its members in as well. */
function createGroup(tx: Transaction, values: NewGroup, id: string): SecurityGroupObject {
  const group = newObject(tx, values, id);
  const { project_id } = values;
  const rules = (["IPv4", "IPv6"] as const).flatMap((ethertype) => {
    const ours = { direction: "ingress" as const, remote_group_id: group.id };
    const accepted = [...(values.name === DEFAULT_GROUP ? [ours] : []), { direction: "egress" as const }];
    return accepted.map((rule) => newRule(tx, { project_id, ethertype, ...rule }, randomUUID()));
  });
  // What others have used of the limit does not count here: Neutron's rule.
  const limit = tx.limitOf("security_group_rule", project_id);
  if (limit >= 0 && rules.length > limit) throw overQuota(["security_group_rule"]);
  return tx.securityGroups.put({ ...group, stateful: values.stateful, rules });
}

/** The project's default group, made if it has none; undefined for no project at all. */
export function ensureDefaultGroup(tx: Transaction, project_id: string): SecurityGroupObject | undefined {
  if (project_id === "") return undefined;
  const [group] = tx.securityGroups.by("default", project_id);
  const values = { project_id, name: DEFAULT_GROUP, description: "Default security group", stateful: true };
  // The id that a client chose is for what it asked for.
  return group ?? createGroup(tx, values, randomUUID());
}

/** Who looks at a project's groups or rules sees its default group: it is made then. */
export const withDefaultGroup: NonNullable<Resource<SecurityGroupObject, typeof attributes>["beforeList"]> = (
  reader,
  caller,
  filters,
) => {
  const project = (filters.get("project_id") ?? filters.get("tenant_id"))?.[0] ?? caller.projectId;
  if (project === "" || reader.securityGroups.count("default", project) > 0) return undefined;
  return (tx) => void ensureDefaultGroup(tx, project);
};

/**
 * The groups that a port shall have, in order.
 * @throws {NeutronError} when one is not there, or stateful and stateless ones are mixed.
 */
export function checkGroups(tx: Transaction, ids: readonly string[]): readonly string[] {
  const missing = ids.filter((id) => tx.securityGroups.get(id) === undefined);
  if (missing.length > 0) throw securityGroupNotFound(missing.join(", "));
  if (new Set(ids.map((id) => tx.securityGroups.get(id)?.stateful)).size > 1)
    throw securityGroupConflict(
      "Cannot apply both stateful and stateless security groups on the same port at the same time",
    );
  // None of several may become stateless while the others stay as they are.
  if (ids.length > 1) for (const id of ids) tx.expectSame(securityGroupStore, id);
  return ids.toSorted();
}

/** The number of a set of groups, in order: one for each set, whoever asks first. */
export function identityOf(tx: Transaction, groups: readonly string[]): number {
  if (groups.length === 0) return 0;
  const id = identityId(groups);
  const known = tx.identities.get(id);
  if (known !== undefined) return known.key;
  const identity: IdentityObject = {
    id,
    key: freeKey(0x7fffffff, (key) => tx.identities.count("key", key) > 0),
    groups,
  };
  return tx.identities.put(identity).key;
}

function isUsed(tx: Transaction, group: SecurityGroupObject): boolean {
  if (tx.ports.count("security_group", group.id) > 0) return true;
  tx.expectUnchanged(securityGroupRefs(group.id));
  return false;
}

export const securityGroups: Resource<SecurityGroupObject, typeof attributes> = {
  name: "security_group",
  collection: "security_groups",
  attributes,
  filters: standardFilters,
  table: (state) => state.securityGroups,
  tableIn: (tx) => tx.securityGroups,
  notFound: securityGroupNotFound,
  bulk: true,
  quota: "security_group",
  beforeList: withDefaultGroup,

  create(tx, values) {
    ensureDefaultGroup(tx, values.project_id);
    return createGroup(tx, values, tx.newId());
  },

  update(tx, group, values) {
    const { name, description, stateful } = values;
    if (stateful !== undefined && stateful !== group.stateful && isUsed(tx, group)) throw securityGroupInUse(group.id);
    if (group.name === DEFAULT_GROUP && name !== undefined) throw cannotUpdateDefaultGroup();
    return tx.securityGroups.put(tx.revise(group, given({ name, description, stateful })));
  },

  /** With it go the rules of other groups that let its members in or out, and the identities of sets that it is in. */
  remove(tx, group, caller) {
    if (isUsed(tx, group)) throw securityGroupInUse(group.id);
    if (group.name === DEFAULT_GROUP && !caller.isAdmin) throw cannotRemoveDefaultGroup();
    for (const id of new Set(tx.securityGroupRules.by("remote_group_id", group.id).map((r) => r.security_group_id))) {
      const other = tx.securityGroups.get(id);
      if (other === undefined || id === group.id) continue;
      const rules = other.rules.filter((rule) => rule.remote_group_id !== group.id);
      tx.securityGroups.put(tx.touch({ ...other, rules }));
    }
    for (const identity of tx.identities.by("group", group.id)) tx.identities.delete(identity.id);
    tx.securityGroups.delete(group.id);
  },
};
