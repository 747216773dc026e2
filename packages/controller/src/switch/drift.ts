import { type FlowDesc, printInstructions, printMatch } from "@dragonflow/openflow";
import { type Binding, matchOf, type Owner, type Pipeline } from "@dragonflow/pipeline";
import { EncodeError } from "@dragonflow/wire";
import { type Actual, type ActualFlow, meterValue } from "./actual.ts";
import { actionsText, valueOf } from "./canonical.ts";
import { METER_FLAGS, type Refusal, type Wanted } from "./plan.ts";

/** Something that the switch has otherwise than it is desired. */
export interface SwitchDifference {
  readonly problem: "missing" | "surplus" | "different";
  readonly type: "flow" | "group" | "meter";
  /** Of a flow: its table, priority and match; of a group or a meter its name, or its number where it has none. */
  readonly what: string;
  /** Null where nobody wants it. */
  readonly owner: Owner | null;
  readonly detail: string;
}

/** Numbers of those names that have one; the driver hands out none here. */
interface Known {
  readonly group: (name: string) => number | undefined;
  readonly meter: (name: string) => number | undefined;
  readonly zone: (name: string) => number;
}
export interface Desires {
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** What the switch does not take is not missed. */
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly numbers: Known;
}

/** What was read back against what is desired: nothing is changed, and no number is given away. Pure. */
export function driftOf(actual: Actual, desires: Desires, pipeline: Pipeline): readonly SwitchDifference[] {
  return [
    ...flowDrift(actual.flows, desires, pipeline),
    ...groupDrift(actual.groups, desires, pipeline),
    ...meterDrift(actual.meters, desires),
  ];
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
  const binding: Binding = {
    group: (name) => numbers.group(name) ?? 0,
    meter: (name) => numbers.meter(name) ?? 0,
    zone: numbers.zone,
  };
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

function* groupDrift(
  groups: Actual["groups"],
  { wanted, refused, numbers }: Desires,
  pipeline: Pipeline,
): Generator<SwitchDifference> {
  const binding = {
    group: (name: string) => numbers.group(name) ?? 0,
    meter: (name: string) => numbers.meter(name) ?? 0,
    zone: numbers.zone,
  };
  const known = new Set<number>();
  for (const [key, item] of wanted) {
    if (item.type !== "group") continue;
    const number = numbers.group(item.name);
    const there = number === undefined ? undefined : groups.get(number);
    if (number !== undefined) known.add(number);
    if (refused.has(key)) continue;
    const about = { type: "group", what: item.name, owner: item.owner } as const;
    if (there === undefined) {
      yield { problem: "missing", ...about, detail: "the switch does not have it" };
      continue;
    }
    // Which number a bucket has does not matter.
    const shallBe = item.buckets.map((bucket) => actionsText(pipeline.bucketActions(bucket, binding))).sort();
    const is = [...there.values()].sort();
    if (is.length === shallBe.length && is.every((text, i) => text === shallBe[i])) continue;
    const detail = `the switch has ${is.length} buckets, desired are ${shallBe.length}, and they are not the same`;
    yield { problem: "different", ...about, detail };
  }
  for (const number of groups.keys())
    if (!known.has(number))
      yield { problem: "surplus", type: "group", what: `${number}`, owner: null, detail: "nobody wants it" };
}

function* meterDrift(meters: Actual["meters"], { wanted, refused, numbers }: Desires): Generator<SwitchDifference> {
  const known = new Set<number>();
  for (const [key, item] of wanted) {
    if (item.type !== "meter") continue;
    const number = numbers.meter(item.name);
    const is = number === undefined ? undefined : meters.get(number);
    if (number !== undefined) known.add(number);
    const shallBe = meterValue(METER_FLAGS, [{ rate: item.packetsPerSecond, burst: item.burstPackets }]);
    if (refused.has(key) || is === shallBe) continue;
    const about = { type: "meter", what: item.name, owner: null } as const;
    if (is === undefined) yield { problem: "missing", ...about, detail: "the switch does not have it" };
    else yield { problem: "different", ...about, detail: `the switch has ${is}, desired is ${shallBe}` };
  }
  for (const number of meters.keys())
    if (!known.has(number))
      yield { problem: "surplus", type: "meter", what: `${number}`, owner: null, detail: "nobody wants it" };
}
