import { printInstructions, printMatch } from "@dragonflow/openflow";
import type { Owner, Pipeline } from "@dragonflow/pipeline";
import type { SwitchDriver } from "../switch/driver.ts";

/** One flow that shall be in the switch, as `dragonflow flows` shows it. */
export interface FlowView {
  readonly table: string;
  readonly priority: number;
  readonly match: string;
  readonly actions: string;
  readonly owner: Owner;
  /** What the switch said when it refused the flow; null where it is in. */
  readonly refused: string | null;
}

export function* flowViews(driver: SwitchDriver, pipeline: Pipeline): Generator<FlowView> {
  const names = { tableName: (number: number) => pipeline.tables[number]?.name };
  for (const [key, wanted] of driver.desired()) {
    if (wanted.type !== "flow") continue;
    const { match, instructions } = driver.bind(wanted);
    yield {
      table: wanted.table.name,
      priority: wanted.priority,
      match: printMatch(match),
      actions: printInstructions(instructions, names),
      owner: wanted.owner,
      refused: driver.refused.get(key)?.code ?? null,
    };
  }
}
