import type { PackedFlowMod } from "@dragonflow/openflow";
import { type Actual, adoptNumbers } from "./actual.ts";
import { packMatch, valueOf } from "./canonical.ts";
import type { InstalledGroup } from "./group-mods.ts";
import { Inventory } from "./inventory.ts";
import type { Numbers } from "./numbers.ts";
import type { Wanted } from "./plan.ts";

/** Of a flow as much as it takes to compare it, to send it, and to remove it. `value`: see `valueOf`. */
export interface InstalledFlow extends Pick<PackedFlowMod, "table" | "priority" | "match" | "cookie"> {
  readonly type: "flow";
  readonly value: string;
}
/** What the switch acknowledged, or gave back. */
export type Installed =
  | InstalledFlow
  | ({ readonly type: "group"; readonly name: string; readonly number: number } & InstalledGroup)
  | { readonly type: "meter"; readonly name: string; readonly number: number; readonly value: string };

/**
 * What was read back, by the key of what is desired. What nobody desires gets a key of its own, under which it will be removed; until then it keeps
 * its number. Names of desired groups and meters take over the numbers that are found in their places.
 */
export function fromActual(
  actual: Actual,
  wanted: ReadonlyMap<string, Wanted>,
  groups: Numbers,
  meters: Numbers,
): Inventory {
  const installed = new Inventory();
  const groupNames = new Set<string>();
  const meterNames = new Set<string>();
  for (const item of wanted.values()) {
    if (item.type === "group") groupNames.add(item.name);
    if (item.type === "meter") meterNames.add(item.name);
  }
  groups.retain((name) => groupNames.has(name));
  meters.retain((name) => meterNames.has(name));

  let strays = 0;
  for (const { flow, key } of actual.flows) {
    const item = key === undefined ? undefined : wanted.get(key);
    if (item?.type === "flow") adoptNumbers(item, flow.instructions, groups, meters);
    const { table, priority, cookie } = flow;
    const entry = { table, priority, match: packMatch(flow.match), cookie };
    installed.set(key ?? `stray flow ${strays++}`, { type: "flow", value: valueOf(flow), ...entry });
  }
  const groupName = namesByNumber(groups, groupNames);
  for (const [number, buckets] of actual.groups) {
    const name = groupName.get(number) ?? `stray ${number}`;
    groups.adopt(name, number);
    installed.set(`group ${name}`, { type: "group", name, number, buckets, sent: new Map() });
  }
  const meterName = namesByNumber(meters, meterNames);
  for (const [number, value] of actual.meters) {
    const name = meterName.get(number) ?? `stray ${number}`;
    meters.adopt(name, number);
    installed.set(`meter ${name}`, { type: "meter", name, number, value });
  }
  return installed;
}

function namesByNumber(numbers: Numbers, names: Iterable<string>): ReadonlyMap<number, string> {
  const byNumber = new Map<number, string>();
  for (const name of names) {
    const number = numbers.numberOf(name);
    if (number !== undefined) byNumber.set(number, name);
  }
  return byNumber;
}
