import type { Owner, Pipeline } from "@dragonflow/pipeline";
import { type Actual, meterValue } from "./actual.ts";
import { actionsText } from "./canonical.ts";
import { bindingOf, type Desires, type SwitchDifference } from "./difference.ts";
import type { Buckets } from "./group-mods.ts";
import type { Inventory } from "./inventory.ts";
import { METER_FLAGS } from "./plan.ts";

/** A group or a meter that the switch shall have. */
interface Expected<T> {
  readonly name: string;
  readonly owner: Owner | null;
  /** Undefined: it has none, and cannot be there. */
  readonly number: number | undefined;
  /** Whether what is there is right; undefined says nothing of it, be it there or not. @returns what is wrong. */
  readonly differs: Differs<T> | undefined;
}
interface AllExpected {
  readonly groups: Iterable<Expected<Buckets>>;
  readonly meters: Iterable<Expected<string>>;
}

/** What has a number in the switch, groups and meters, against what shall be there. Pure. */
export function* numberedDrift(
  { groups, meters }: Pick<Actual, "groups" | "meters">,
  expected: AllExpected,
): Generator<SwitchDifference> {
  yield* differences("group", groups, expected.groups);
  yield* differences("meter", meters, expected.meters);
}

function* differences<T>(
  type: "group" | "meter",
  actual: ReadonlyMap<number, T>,
  expected: Iterable<Expected<T>>,
): Generator<SwitchDifference> {
  const known = new Set<number>();
  for (const { name, owner, number, differs } of expected) {
    if (number !== undefined) known.add(number);
    if (differs === undefined) continue;
    const is = number === undefined ? undefined : actual.get(number);
    const about = { type, what: name, owner } as const;
    const detail = is === undefined ? "the switch does not have it" : differs(is);
    if (detail !== undefined) yield { problem: is === undefined ? "missing" : "different", ...about, detail };
  }
  for (const number of actual.keys())
    if (!known.has(number))
      yield { problem: "surplus", type, what: `${number}`, owner: null, detail: "nobody wants it" };
}

/** As they were sent, each bucket under its number. Of a group whose buckets are not known nothing is said. */
export function asSent({ others }: Pick<Inventory, "others">): AllExpected {
  const groups: Expected<Buckets>[] = [];
  const meters: Expected<string>[] = [];
  for (const item of others) {
    const about = { name: item.name, owner: null, number: item.number };
    if (item.type === "meter") meters.push({ ...about, differs: isNot(item.value) });
    else groups.push({ ...about, differs: item.buckets && areNot(item.buckets) });
  }
  return { groups, meters };
}

/** As they are desired: which number a bucket has does not matter. Of what the switch does not take nothing is said. */
export function asDesired({ wanted, refused, numbers }: Desires, pipeline: Pipeline): AllExpected {
  const binding = bindingOf(numbers);
  const groups: Expected<Buckets>[] = [];
  const meters: Expected<string>[] = [];
  for (const [key, item] of wanted) {
    if (item.type === "group") {
      const { name, owner } = item;
      const shallBe = item.buckets.map((bucket) => actionsText(pipeline.bucketActions(bucket, binding)));
      groups.push({
        name,
        owner,
        number: numbers.group(name),
        differs: refused.has(key) ? undefined : haveNot(shallBe),
      });
    } else if (item.type === "meter") {
      const { name } = item;
      const shallBe = meterValue(METER_FLAGS, [{ rate: item.packetsPerSecond, burst: item.burstPackets }]);
      const differs = refused.has(key) ? undefined : isNot(shallBe);
      meters.push({ name, owner: null, number: numbers.meter(name), differs });
    }
  }
  return { groups, meters };
}

type Differs<T> = (is: T) => string | undefined;

function isNot(shallBe: string): Differs<string> {
  return (is) => (is === shallBe ? undefined : `the switch has ${is}, desired is ${shallBe}`);
}
function areNot(shallBe: Buckets): Differs<Buckets> {
  const same = (is: Buckets): boolean =>
    is.size === shallBe.size && [...shallBe].every(([number, actions]) => is.get(number) === actions);
  return (is) => (same(is) ? undefined : bucketsText(is.size, shallBe.size));
}
function haveNot(actions: readonly string[]): Differs<Buckets> {
  const shallBe = actions.toSorted();
  return (buckets) => {
    const is = [...buckets.values()].sort();
    const same = is.length === shallBe.length && is.every((text, i) => text === shallBe[i]);
    return same ? undefined : bucketsText(is.length, shallBe.length);
  };
}
const bucketsText = (is: number, desired: number): string =>
  `the switch has ${is} buckets, desired are ${desired}, and they are not the same`;
