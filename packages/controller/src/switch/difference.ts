import type { Binding, Owner } from "@dragonflow/pipeline";
import type { Refusal, Wanted } from "./plan.ts";

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
export interface KnownNumbers {
  readonly group: (name: string) => number | undefined;
  readonly meter: (name: string) => number | undefined;
  readonly zone: (name: string) => number;
}
export interface Desires {
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** What the switch does not take is not missed. */
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly numbers: KnownNumbers;
}

/** For looking only: what has no number is nowhere in the switch. */
export const bindingOf = (numbers: KnownNumbers): Binding => ({
  group: (name) => numbers.group(name) ?? 0,
  meter: (name) => numbers.meter(name) ?? 0,
  zone: numbers.zone,
});
