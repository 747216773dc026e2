import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FAMILIES, pairsOf } from "./ping-board.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `vm${i}`);

describe("which pairs are pinged", () => {
  test("all, each once, as long as they are not too many", () => {
    assert.deepEqual(pairsOf([]), []);
    assert.deepEqual(pairsOf(["a", "b", "c"]), [
      ["a", "b"],
      ["a", "c"],
      ["b", "c"],
    ]);
    assert.equal(pairsOf(names(14)).length, (14 * 13) / 2);
  });

  test("of very many VMs, each with its nearest: a bounded number, and nobody is left out", () => {
    for (const count of [15, 50, 199]) {
      const pairs = pairsOf(names(count));
      assert.ok(pairs.length * FAMILIES.length <= 400, `${count} VMs: ${pairs.length} pairs`);
      assert.equal(new Set(pairs.flat()).size, count);
    }
  });
});
