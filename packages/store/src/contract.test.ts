import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { comparePositions, ORIGIN, parseRecordId, position } from "./contract.ts";

const compare = (a: string, b: string): number => comparePositions(position(a), position(b));

test("positions are ordered by the value of their numbers", () => {
  const ordered = ["", "1", "2", "10", "99999999999999999999", "100000000000000000000"];
  for (const [i, a] of ordered.entries())
    for (const [k, b] of ordered.entries()) assert.equal(compare(a, b), Math.sign(i - k), `${a} ${b}`);
  assert.equal(compare("5-2", "5-10"), -1);
  assert.equal(compare("6-0", "5-10"), 1);
  assert.equal(compare("5", "5-1"), -1);
  assert.equal(comparePositions(ORIGIN, ORIGIN), 0);
});

test("the order of positions is that of their numbers, whatever the numbers", () => {
  const numbers = fc.array(fc.bigInt({ min: 0n, max: 2n ** 70n }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      let expected = 0;
      for (let i = 0; i < Math.max(a.length, b.length) && expected === 0; i++) {
        const [x = -1n, y = -1n] = [a[i], b[i]];
        expected = x < y ? -1 : x > y ? 1 : 0;
      }
      assert.equal(compare(a.join("-"), b.join("-")), expected);
    }),
  );
});

test("record ids need a kind", () => {
  assert.equal(parseRecordId("port/a/b"), "port/a/b");
  for (const bad of ["", "port", "/x"]) assert.throws(() => parseRecordId(bad), RangeError);
});
