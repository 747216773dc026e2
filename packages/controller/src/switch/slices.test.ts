import assert from "node:assert/strict";
import { mock, test } from "node:test";
import fc from "fast-check";
import { decodeMatch, type FlowDesc } from "@dragonflow/openflow";
import { cookieOf } from "@dragonflow/pipeline";
import { Reader } from "@dragonflow/wire";
import { bulkFlow, ownerOf, range, toyFlow, toyPipeline } from "../testing/toy.ts";
import { valueOf } from "./canonical.ts";
import type { InstalledFlow } from "./installed.ts";
import { Inventory } from "./inventory.ts";
import { packFlow } from "./plan.ts";
import { Rounds, sliceDrift, slicesOf } from "./slices.ts";

/** Flows whose cookies are numbered as the bits are that tell slices apart, in the first table. */
function inventoryOf(count: number): Inventory {
  const installed = new Inventory();
  for (const n of range(0, count)) {
    const flow = { ...packFlow(bulkFlow(n), toyPipeline, NO_NAMES), cookie: cookieOf(ownerOf(0)) + BigInt(n << 8) };
    installed.set(bulkFlow(n).key, { ...flow, value: valueOf({ cookie: flow.cookie, instructions: {} }) });
  }
  return installed;
}
const NO_NAMES = { group: () => 0, meter: () => 0, zone: () => 0 };
/** As the switch gives it back. */
const found = (flow: InstalledFlow | undefined): FlowDesc => {
  assert.ok(flow !== undefined);
  const { table, priority, cookie } = flow;
  const match = decodeMatch(new Reader(Buffer.from(flow.match, "latin1")));
  return { table, priority, cookie, match, instructions: {}, stats: {}, flags: [], importance: 0 };
};

test("many flows come in slices of some hundreds; a round is all slices and the groups", async () => {
  const installed = inventoryOf(4000);
  const slices = slicesOf(installed, 2);
  assert.equal(slices.length, 17, "16 of the one table, 1 of the empty one");
  const rounds = new Rounds();
  for (let n = 0; n < 2; n++) {
    for (const slice of slices) {
      assert.deepEqual(rounds.current(installed, 2), slice);
      rounds.next();
    }
    assert.equal(rounds.current(installed, 2), undefined);
    rounds.next();
  }
});

test("a slice costs what it holds, however many flows are installed; only for one that is missing all are gone through", () => {
  for (const count of [4000, 16_000]) {
    const installed = inventoryOf(count);
    const slices = slicesOf(installed, 1);
    const [slice] = slices;
    assert.ok(slice !== undefined);
    const there = [...installed.keysOf(slice)];
    assert.equal(there.length, count / slices.length);
    assert.equal(there.length, 250);
    const looksUp = mock.method(installed, "flow");
    const goesThrough = mock.method(installed, "keysOf");
    const entries = there.map((key) => found(installed.get(key) as InstalledFlow));
    assert.deepEqual(sliceDrift(slice, entries, installed, toyPipeline), []);
    assert.deepEqual([looksUp.mock.callCount(), goesThrough.mock.callCount()], [250, 0]);
    const [gone, ...rest] = entries;
    assert.deepEqual(sliceDrift(slice, rest, installed, toyPipeline), [[there[0], undefined]]);
    assert.equal(goesThrough.mock.callCount(), 1);
    // One that somebody has moved to another slice is missing in its own, and too much in the other.
    const other = { ...slice, n: 1 };
    const moved = { ...(gone ?? assert.fail()), cookie: cookieOf(ownerOf(0)) + 0x100n };
    const others = [...installed.keysOf(other)].map((key) => found(installed.get(key) as InstalledFlow));
    const drift = sliceDrift(other, [...others, moved], installed, toyPipeline);
    assert.deepEqual(
      drift.map(([key]) => key),
      [there[0]],
    );
    assert.notEqual(drift[0]?.[1], undefined);
  }
});

test("numbers of flows are right whatever happens to them (property)", () => {
  const flow = packFlow(toyFlow(1), toyPipeline, NO_NAMES);
  const step = fc.record({ key: fc.nat(5), table: fc.nat(1), place: fc.nat(7), isGone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const installed = new Inventory();
      for (const { key, table, place, isGone } of steps)
        if (isGone) installed.delete(`${key}`);
        else installed.set(`${key}`, { ...flow, table, cookie: BigInt(place << 8) });
      for (const table of [0, 1])
        for (const bits of [0, 1, 3])
          for (const n of range(0, 1 << bits)) {
            const slice = { table, bits, n };
            assert.equal(installed.flowsOf(slice), [...installed.keysOf(slice)].length);
          }
    }),
  );
});
