import { printMatch } from "@dragonflow/openflow";
import type { Leg } from "./follow.ts";
import type { Lookup } from "./owners.ts";
import { describeStep, type Vocabulary } from "./words.ts";

/** How many packets a flow of a switch has met. */
export interface FlowCount {
  readonly table: number;
  readonly priority: number;
  readonly match: string;
  readonly packets: number;
}
/** What really went a packet's way on one host, while it was watched. */
export interface LiveLeg {
  readonly chassis: string;
  /** In order. `packets`: whoever sent them; null: the switch does not have the flow. */
  readonly steps: readonly { readonly table: string; readonly text: string; readonly packets: number | null }[];
}

/** Cookies of the flows that a packet meets on a host, hexadecimal. */
export const cookiesOf = (leg: Leg): readonly string[] => [
  ...new Set(lookupsOf(leg).flatMap(({ flow }) => (flow === undefined ? [] : [flow.cookie.toString(16)]))),
];

/** The difference of two readings, flow by flow along the way. */
export function liveLeg(
  words: Vocabulary,
  leg: Leg,
  before: readonly FlowCount[],
  after: readonly FlowCount[],
): LiveLeg {
  const [first, last] = [before, after].map(
    (counts) => new Map(counts.map((count) => [keyOf(count), count.packets] as const)),
  );
  return {
    chassis: leg.host.chassis,
    steps: lookupsOf(leg).flatMap((step) => {
      const { table, text, isQuiet } = describeStep(words, leg.host, step);
      if (isQuiet || step.flow === undefined) return [];
      const { table: number, priority, match } = step.flow;
      const key = keyOf({ table: number, priority, match: printMatch(match) });
      const now = last?.get(key);
      // One that came meanwhile began at 0.
      return [{ table, text, packets: now === undefined ? null : now - (first?.get(key) ?? 0) }];
    }),
  };
}

const keyOf = ({ table, priority, match }: Omit<FlowCount, "packets">): string => `${table} ${priority} ${match}`;
const lookupsOf = ({ trace }: Leg): readonly Lookup[] => trace.steps.filter((step) => step.type === "lookup");

export function liveLines(legs: readonly LiveLeg[]): readonly string[] {
  return legs.flatMap(({ chassis, steps }) => {
    const width = Math.max(0, ...steps.map(({ table }) => table.length));
    const rows = steps.map(({ table, text, packets }) => {
      const count = packets === null ? "no such flow" : `+${packets}`;
      return `  ${table.padEnd(width)}  ${count.padStart(6)}  ${text}`;
    });
    return [`${chassis}: packets that met these flows meanwhile, whoever sent them`, ...rows];
  });
}
