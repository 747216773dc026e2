import type { SecurityGroupObject, SecurityGroupRule } from "@dragonflow/model";
import type { Collection, Indexes, Table } from "./collection.ts";

/** A rule as a resource of its own, which it is to clients only: it is kept in its group. */
export interface RuleObject extends SecurityGroupRule {
  readonly security_group_id: string;
}

export const ruleIndexes: Indexes<RuleObject> = {
  project_id: (r) => [r.project_id],
  security_group_id: (r) => [r.security_group_id],
  remote_group_id: (r) => (r.remote_group_id === null ? [] : [r.remote_group_id]),
  remote_address_group_id: (r) => (r.remote_address_group_id === null ? [] : [r.remote_address_group_id]),
};

export function ruleOf(group: SecurityGroupObject, rule: SecurityGroupRule): RuleObject {
  return { ...rule, security_group_id: group.id };
}
const rulesOf = (group: SecurityGroupObject | undefined): readonly RuleObject[] =>
  group?.rules.map((rule) => ruleOf(group, rule)) ?? [];

/** Keeps `rules` equal to what the groups hold. */
export function followRules(groups: Collection<SecurityGroupObject>, rules: Collection<RuleObject>): void {
  groups.onChange((before, after) => {
    const kept = new Set(after?.rules.map((rule) => rule.id));
    for (const { id } of before?.rules ?? []) if (!kept.has(id)) rules.delete(id);
    for (const rule of rulesOf(after)) rules.put(rule);
  });
}

/** Groups as a request has changed them so far. */
interface EditedGroups extends Table<SecurityGroupObject> {
  edits(): Iterable<readonly [string, SecurityGroupObject | undefined]>;
}

/** The rules of groups as a request has changed them so far. */
export class RuleOverlay implements Table<RuleObject> {
  readonly #base: Collection<RuleObject>;
  readonly #groups: EditedGroups;

  constructor(base: Collection<RuleObject>, groups: EditedGroups) {
    this.#base = base;
    this.#groups = groups;
  }

  get(id: string): RuleObject | undefined {
    const { groups, rules } = this.#edited();
    const known = this.#base.get(id);
    return known !== undefined && !groups.has(known.security_group_id) ? known : rules.find((rule) => rule.id === id);
  }
  by(index: string, key: string): readonly RuleObject[] {
    const { groups, rules } = this.#edited();
    return [
      ...this.#base.by(index, key).filter((rule) => !groups.has(rule.security_group_id)),
      ...rules.filter((rule) => ruleIndexes[index]?.(rule).includes(key)),
    ];
  }
  count(index: string, key: string): number {
    return this.by(index, key).length;
  }
  *values(): Iterable<RuleObject> {
    const { groups, rules } = this.#edited();
    for (const rule of this.#base.values()) if (!groups.has(rule.security_group_id)) yield rule;
    yield* rules;
  }

  #edited(): { readonly groups: ReadonlySet<string>; readonly rules: readonly RuleObject[] } {
    const edits = [...this.#groups.edits()];
    return { groups: new Set(edits.map(([id]) => id)), rules: edits.flatMap(([, group]) => rulesOf(group)) };
  }
}
