import type { FlowDesc, MessageNamed } from "@dragonflow/openflow";
import type { Pipeline } from "@dragonflow/pipeline";
import { isOurs } from "./actual.ts";
import { keyOf, packMatch, valueOf } from "./canonical.ts";
import type { InstalledFlow } from "./installed.ts";
import { FIRST_BIT, type Inventory, isIn, MOST_BITS, type Slice } from "./inventory.ts";

/** Flows that are read back at once, about: a millisecond of the switch's time. */
const SLICE_FLOWS = 250;
/** All that is installed, in slices: what one round of the audit looks at. Tables without a flow of ours are among them. */
export function slicesOf(installed: Pick<Inventory, "flowsIn">, tables: number): readonly Slice[] {
  return Array.from({ length: tables }, (_, table) => table).flatMap((table) => {
    const bits = Math.min(MOST_BITS, Math.max(0, Math.ceil(Math.log2(installed.flowsIn(table) / SLICE_FLOWS))));
    return Array.from({ length: 1 << bits }, (_, n) => ({ table, bits, n }));
  });
}

/** One slice after another, then what is not a flow, and again from the beginning. */
export class Rounds {
  #slices: readonly Slice[] | undefined;
  #at = 0;

  /** Whose turn it is, until `next`. Undefined: that of groups and meters. */
  current(installed: Pick<Inventory, "flowsIn">, tables: number): Slice | undefined {
    this.#slices ??= slicesOf(installed, tables);
    return this.#slices[this.#at];
  }
  next(): void {
    if (++this.#at <= (this.#slices?.length ?? 0)) return;
    this.#at = 0;
    this.#slices = undefined;
  }
}

export function requestOf({ table, bits, n }: Slice): MessageNamed<"flow_desc_request"> {
  const [cookie, cookieMask] = [n, (1 << bits) - 1].map((value) => BigInt(value) << BigInt(FIRST_BIT));
  return { type: "flow_desc_request", table, cookie: cookie ?? 0n, cookieMask: cookieMask ?? 0n, match: {} };
}

/** What stands in the switch under a key, where that is not what was sent; undefined: nothing. */
export type Drift = readonly (readonly [key: string, is: InstalledFlow | undefined])[];

/** Pure. Costs what the slice holds, unless something of it is missing. @param found what the switch gave for the slice, of others' flows too. */
export function sliceDrift(
  slice: Slice,
  found: readonly FlowDesc[],
  installed: Pick<Inventory, "flow" | "flowsOf" | "keysOf">,
  pipeline: Pipeline,
): Drift {
  const drift: (readonly [string, InstalledFlow | undefined])[] = [];
  const seen = new Set<string>();
  for (const flow of found) {
    if (!isOurs(flow.cookie)) continue;
    const key = keyOf(flow, pipeline) ?? `stray flow ${flow.table} ${flow.priority} ${packMatch(flow.match)}`;
    const sent = installed.flow(key);
    // One that was sent with a cookie of another slice is missing there.
    if (sent !== undefined && isIn(slice, sent)) seen.add(key);
    const value = valueOf(flow);
    if (sent?.value === value) continue;
    const { priority, cookie } = flow;
    drift.push([key, { type: "flow", table: flow.table, priority, match: packMatch(flow.match), cookie, value }]);
  }
  if (seen.size < installed.flowsOf(slice))
    for (const key of installed.keysOf(slice)) if (!seen.has(key)) drift.push([key, undefined]);
  return drift;
}
