import { equal, type Merging } from "@dragonflow/engine";
import type { Desired } from "./desired.ts";

/** What makes two desired things one, and when they say the same: what an app's engine is made with. */
export const desiredOutput: Merging<Desired> = {
  keyOf: (desired) => desired.key,
  same: sameDesired,
};

function sameDesired(a: Desired, b: Desired): boolean {
  if (a.type === "flow") return b.type === "flow" && a.cookie === b.cookie && equal(a.steps, b.steps);
  if (a.type === "group") return b.type === "group" && equal(a.buckets, b.buckets);
  return equal(a, b);
}
