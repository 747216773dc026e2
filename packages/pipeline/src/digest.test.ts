import assert from "node:assert/strict";
import { test } from "node:test";
import { APPS } from "@dragonflow/controller";
import fc from "fast-check";
import { OwnerDigests, ownerKey } from "./digest.ts";
import type { Desired } from "./desired.ts";
import { compile } from "./testing/compile.ts";
import { rowsOf, securedTopologies } from "./testing/random-topology.ts";

function digestsOf(all: readonly Desired[]): Readonly<Record<string, string>> {
  const digests = new OwnerDigests();
  for (const desired of all) digests.add(desired);
  return digests.toObject();
}

test("the order makes no difference, and a flow that is otherwise shows at its owner, and there only", () => {
  fc.assert(
    fc.property(securedTopologies, fc.nat(), (topology, choice) => {
      const all = Array.from(compile(APPS, rowsOf(topology)).outputs(), ([, desired]) => desired);
      const before = digestsOf(all);
      assert.deepEqual(digestsOf(all.toReversed()), before);
      const flows = all.filter((desired) => desired.type === "flow");
      const chosen = flows[choice % flows.length];
      if (chosen === undefined) return;
      const changed = all.map((desired) =>
        desired === chosen ? { ...chosen, steps: [...chosen.steps, ...chosen.steps] } : desired,
      );
      const after = digestsOf(chosen.steps.length === 0 ? all.filter((desired) => desired !== chosen) : changed);
      const differing = Object.keys(before).filter((owner) => after[owner] !== before[owner]);
      assert.deepEqual(differing, [ownerKey(chosen.owner)]);
    }),
    { numRuns: 20 },
  );
});
