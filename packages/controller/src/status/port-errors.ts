import type { Conflict, Fault } from "@dragonflow/engine";
import type { Refusal, Wanted } from "../switch/plan.ts";

/** What may be amiss with what was compiled. */
export interface Problems {
  readonly wanted: ReadonlyMap<string, Wanted>;
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly faults: readonly Fault[];
  readonly conflicts: readonly Conflict[];
}

/** Port -> what is amiss with it, in words; one thing is enough. Ids of other objects are among them. */
export function portErrors({ wanted, refused, faults, conflicts }: Problems): ReadonlyMap<string, string> {
  const errors = new Map<string, string>();
  for (const { key, owners } of conflicts)
    for (const { app, id } of owners) errors.set(id, `${app}: another object claims the same: ${printable(key)}`);
  for (const { owner, error } of faults)
    errors.set(owner.id, `${owner.app}: ${error instanceof Error ? error.message : String(error)}`);
  for (const [key, { code }] of refused) {
    const item = wanted.get(key);
    if (item?.type === "flow")
      errors.set(item.owner.id, `${item.owner.app}: the switch refused a flow of table ${item.table.name}: ${code}`);
  }
  return errors;
}

/** Keys of flows are the table's name, and then bytes. */
function printable(key: string): string {
  return key.replace(/[^\x20-\x7e]+.*/s, "").trim();
}
