import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FreeRanges, type Range, WINDOW } from "./ranges.ts";

/** Pools that do not overlap, in any order, within 0..199. */
const pools = fc.uniqueArray(fc.integer({ min: 0, max: 199 }), { minLength: 2, maxLength: 12 }).map((points) => {
  const sorted = points.toSorted((a, b) => a - b);
  const ranges: Range[] = [];
  for (let i = 0; i + 1 < sorted.length; i += 2)
    ranges.push({ first: BigInt(sorted[i]!), last: BigInt(sorted[i + 1]!) });
  return ranges.reverse();
});

const inPools = (ranges: readonly Range[]): Set<bigint> => {
  const all = new Set<bigint>();
  for (const { first, last } of ranges) for (let a = first; a <= last; a++) all.add(a);
  return all;
};

test("free is what is in the pools and not taken, whatever came and went", () => {
  const step = fc.record({ take: fc.boolean(), address: fc.bigInt(-5n, 210n) });
  fc.assert(
    fc.property(pools, fc.array(step, { maxLength: 200 }), (ranges, steps) => {
      const free = new FreeRanges(ranges);
      const members = inPools(ranges);
      const model = new Set(members);
      for (const { take, address } of steps) {
        if (take) free.take(address);
        else free.give(address);
        if (take) model.delete(address);
        else if (members.has(address)) model.add(address);
      }
      for (let a = -5n; a <= 210n; a++) assert.equal(free.has(a), model.has(a), String(a));
      const runs = free.runs();
      for (const [i, run] of runs.entries()) {
        assert.ok(run.first <= run.last);
        assert.ok(i === 0 || runs[i - 1]!.last < run.first, "in order and apart");
      }
    }),
  );
});

test("chooses a free address that nobody claims, until there is none", () => {
  fc.assert(
    fc.property(
      pools,
      fc.array(fc.bigInt(0n, 199n)),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (ranges, claimed, numbers) => {
        const free = new FreeRanges(ranges);
        const claims = new Set(claimed);
        const expected = [...inPools(ranges)].filter((a) => !claims.has(a)).length;
        const chosen = new Set<bigint>();
        for (;;) {
          const address = free.choose(
            () => numbers.next().value ?? 0,
            (a) => claims.has(a),
          );
          if (address === undefined) break;
          assert.ok(free.has(address) && !claims.has(address) && !chosen.has(address));
          chosen.add(address);
          free.take(address);
        }
        assert.equal(chosen.size, expected);
      },
    ),
  );
});

test("the lowest first where chance is left out", () => {
  const free = new FreeRanges([{ first: 10n, last: 20n }]);
  free.take(10n);
  assert.equal(
    free.choose(
      () => 0,
      () => false,
    ),
    11n,
  );
});

test("chance stays within the window, so that a big subnet fills from its beginning", () => {
  const free = new FreeRanges([{ first: 0n, last: 2n ** 64n }]);
  for (let n = 0; n < 5000; n++) {
    const address = free.choose(Math.random, () => false)!;
    assert.ok(address < BigInt(n) + WINDOW);
    free.take(address);
  }
});
