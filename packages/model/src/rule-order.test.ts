import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareRules, RULE_HASH_BITS, ruleHash } from "./rule-order.ts";

/** The definition, in the arithmetic that it is defined in. */
function folded(hash: bigint): number {
  let result = 0n;
  for (let rest = hash; rest > 0n; rest >>= BigInt(RULE_HASH_BITS)) result ^= rest & 0x1fffn;
  return Number(result);
}
function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

test("the hash is FNV-1a of the id: published values", () => {
  const published: readonly (readonly [string, bigint])[] = [
    ["", 0xcbf29ce484222325n],
    ["a", 0xaf63dc4c8601ec8cn],
    ["foobar", 0x85944171f73967e8n],
  ];
  for (const [text, hash] of published) {
    assert.equal(fnv1a64(text), hash);
    assert.equal(ruleHash(text), folded(hash), text);
  }
});

test("the hash of any text, by definition", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uuid(), fc.string({ unit: "grapheme" })), (id) => {
      assert.equal(ruleHash(id), folded(fnv1a64(id)));
    }),
  );
});

test("the hash never changes: it is in the flows of every host", () => {
  assert.deepEqual(
    ["00000000-0000-0000-0000-000000000000", "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"].map(ruleHash),
    [4536, 2360],
  );
});

test("the order is total, by hash and then by id", () => {
  // Few letters and short: many hashes are equal, many ids nearly so.
  const id = fc.oneof(fc.uuid(), fc.constantFrom(...collisions()));
  fc.assert(
    fc.property(id, id, id, (a, b, c) => {
      const order = (x: string, y: string) => Math.sign(compareRules({ id: x }, { id: y }));
      assert.equal(order(a, b), order(b, a) === 0 ? 0 : -order(b, a));
      assert.equal(order(a, b) === 0, a === b);
      if (order(a, b) < 0 && order(b, c) < 0) assert.equal(order(a, c), -1);
      if (ruleHash(a) < ruleHash(b)) assert.equal(order(a, b), -1);
      if (ruleHash(a) === ruleHash(b) && a < b) assert.equal(order(a, b), -1);
    }),
  );
});

/** Ids that share the hash of the first. */
function collisions(): string[] {
  const ids = Array.from({ length: 100_000 }, (_, i) => `rule-${i}`);
  const wanted = ruleHash("rule-0");
  return ids.filter((id) => ruleHash(id) === wanted);
}
