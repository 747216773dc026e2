import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allPairs, pairCount, samplePairs } from "./pairs.ts";

test("a sample has pairs of different ports, each once, as many as asked for or all; one seed gives one sample", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 12 }), fc.nat(200), fc.nat(), (ids, size, seed) => {
      const all = [...allPairs(ids)];
      const sample = [...samplePairs(ids, size, seed)];
      assert.equal(all.length, pairCount(ids));
      assert.equal(sample.length, Math.min(size, all.length));
      assert.deepEqual([...samplePairs(ids, size, seed)], sample);
      const known = new Set(all.map((pair) => JSON.stringify(pair)));
      const chosen = new Set(sample.map((pair) => JSON.stringify(pair)));
      assert.equal(chosen.size, sample.length);
      assert.ok(chosen.isSubsetOf(known));
    }),
  );
});

test("another seed gives another sample", () => {
  const ids = Array.from({ length: 50 }, (_, i) => `${i}`);
  assert.notDeepEqual([...samplePairs(ids, 20, 1)], [...samplePairs(ids, 20, 2)]);
});
