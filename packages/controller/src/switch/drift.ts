import { type FlowDesc, printInstructions, printMatch } from "@dragonflow/openflow";
import { matchOf, type Pipeline } from "@dragonflow/pipeline";
import { EncodeError } from "@dragonflow/wire";
import type { Actual, ActualFlow } from "./actual.ts";
import { valueOf } from "./canonical.ts";
import { bindingOf, type Desires, type SwitchDifference } from "./difference.ts";
import { asDesired, numberedDrift } from "./numbered-drift.ts";

/** What was read back against what is desired: nothing is changed, and no number is given away. Pure. */
export function driftOf(actual: Actual, desires: Desires, pipeline: Pipeline): readonly SwitchDifference[] {
  return [...flowDrift(actual.flows, desires, pipeline), ...numberedDrift(actual, asDesired(desires, pipeline))];
}

const namesOf = (pipeline: Pipeline) => ({ tableName: (table: number) => pipeline.tables[table]?.name });

function flowText(pipeline: Pipeline, { table, priority, match }: Pick<FlowDesc, "table" | "priority" | "match">) {
  const names = namesOf(pipeline);
  const printed = printMatch(match);
  return `${names.tableName(table) ?? table} priority=${priority}${printed === "" ? "" : `,${printed}`}`;
}

function* flowDrift(
  flows: readonly ActualFlow[],
  { wanted, refused, numbers }: Desires,
  pipeline: Pipeline,
): Generator<SwitchDifference> {
  const binding = bindingOf(numbers);
  const names = namesOf(pipeline);
  const found = new Map<string, FlowDesc>();
  for (const { flow, key } of flows) {
    const item = key === undefined ? undefined : wanted.get(key);
    if (key !== undefined && (item?.type === "flow" || item?.type === "miss")) found.set(key, flow);
    else
      yield {
        problem: "surplus",
        type: "flow",
        what: flowText(pipeline, flow),
        owner: null,
        detail: `the switch has ${printInstructions(flow.instructions, names) || "drop"}, and nobody wants it`,
      };
  }
  for (const [key, item] of wanted) {
    if ((item.type !== "flow" && item.type !== "miss") || refused.has(key)) continue;
    const there = found.get(key);
    const owner = item.type === "flow" ? item.owner : null;
    if (there === undefined) {
      const { table, priority, match } =
        item.type === "miss"
          ? item.flow
          : { table: pipeline.numberOf(item.table), priority: item.priority, match: matchOf(item) };
      const what = flowText(pipeline, { table, priority, match });
      yield { problem: "missing", type: "flow", what, owner, detail: "the switch does not have it" };
      continue;
    }
    const shallBe = item.type === "miss" ? item.flow : pipeline.bind(item, binding);
    if (isSame(there, shallBe)) continue;
    const [is, desired] = [there, shallBe].map(
      (flow) => `${printInstructions(flow.instructions, names) || "drop"} cookie=0x${flow.cookie.toString(16)}`,
    );
    const detail = `the switch has ${is}, desired is ${desired}`;
    yield { problem: "different", type: "flow", what: flowText(pipeline, there), owner, detail };
  }
}

/** What has no wire form was refused, and is not compared. */
function isSame(there: FlowDesc, shallBe: Pick<FlowDesc, "cookie" | "instructions">): boolean {
  try {
    return valueOf(there) === valueOf(shallBe);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return false;
  }
}
