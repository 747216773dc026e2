import { isRegister, type RegisterName } from "./registers.ts";
import type { Stage } from "./stages.ts";

/** Where a packet may go: one of the app's own tables, or a later stage. */
export type Target = Table | Stage;

/** What happens to a packet that no flow of a table matches. `next`: it goes on to the next table of the stage, or to the next stage. */
export type Miss = "drop" | "next";

/**
 * An app's table, declared once: what it may match, which registers it writes, where it may send packets. A flow that does anything else is a
 * compile error of that flow. Its number is assigned when the pipeline is assembled.
 */
export interface Table {
  readonly type: "table";
  readonly name: string;
  readonly stage: Stage;
  /** OpenFlow fields and registers, by name. */
  readonly match: ReadonlySet<string>;
  readonly writes: ReadonlySet<RegisterName>;
  readonly next: ReadonlySet<Target>;
  readonly miss: Miss;
  /** Reached from other tables of its app only: who enters the stage, or misses a table before it, passes it by. */
  readonly internal: boolean;
  readonly purpose: string;
}

export function defineFlowTable(definition: {
  readonly name: string;
  readonly purpose: string;
  readonly stage: Stage;
  readonly match: readonly string[];
  readonly writes?: readonly RegisterName[];
  readonly next?: readonly Target[];
  readonly miss: Miss;
  readonly internal?: boolean;
}): Table {
  const { name, stage, match, writes = [], next = [], miss, internal = false, purpose } = definition;
  for (const target of next) {
    const order = target.type === "stage" ? target.order : target.stage.order;
    const forward = target.type === "stage" ? order > stage.order : order >= stage.order;
    if (!forward) throw new RangeError(`table ${name}: ${target.name} is not behind it`);
  }
  for (const written of writes)
    if (!isRegister(written)) throw new RangeError(`table ${name}: no register ${String(written)}`);
  return {
    type: "table",
    name,
    purpose,
    stage,
    match: new Set(match),
    writes: new Set(writes),
    next: new Set(next),
    miss,
    internal,
  };
}
