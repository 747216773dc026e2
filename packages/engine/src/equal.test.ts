import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { equal } from "./equal.ts";

test("plain data: agrees with Node's own deep equality", () => {
  const value = fc.anything({
    withBigInt: true,
    withMap: false,
    withSet: false,
    withTypedArray: true,
    withDate: false,
  });
  fc.assert(fc.property(value, value, (a, b) => equal(a, b) === isDeepStrictEqual(a, b)));
  fc.assert(fc.property(fc.clone(value, 2), ([a, b]) => equal(a, b) && isDeepStrictEqual(a, b)));
});

test("one difference anywhere is a difference", () => {
  const row = {
    id: "a",
    list: [1, { deep: "x" }],
    bytes: new Uint8Array([1, 2]),
    map: new Map([["k", [1n]]]),
    set: new Set([1]),
  };
  assert.equal(equal(row, { ...row, list: [1, { deep: "x" }] }), true);
  for (const other of [
    { ...row, list: [1, { deep: "y" }] },
    { ...row, list: [1] },
    { ...row, bytes: new Uint8Array([1, 3]) },
    { ...row, bytes: new Uint16Array([1]) },
    { ...row, map: new Map([["k", [2n]]]) },
    { ...row, map: new Map([["l", [1n]]]) },
    { ...row, set: new Set([2]) },
    { ...row, more: undefined },
    { ...row, id: null },
  ]) {
    assert.equal(equal(row, other), false);
    assert.equal(equal(other, row), false);
  }
});
