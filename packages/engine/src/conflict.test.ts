import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type App, defineApp, defineTable, each, LOCAL, putRow, removeRow } from "./define.ts";
import { Engine } from "./engine.ts";
import type { Merging } from "./slots.ts";

interface Wish {
  readonly id: string;
  readonly wants: readonly string[];
}
interface Out {
  readonly key: string;
  readonly value: string;
}
const first = defineTable<Wish>("first");
const second = defineTable<Wish>("second");
/** Wishes are `key=value`. */
const outs = ({ wants }: Wish): Out[] =>
  wants.map((want) => ({ key: want.split("=")[0] ?? "", value: want.split("=")[1] ?? "" }));
const one: App<Out> = defineApp({ name: "one", units: [each(first, outs)] });
const two: App<Out> = defineApp({ name: "two", units: [each(second, outs), each(second, () => [])] });

const plain: Merging<Out> = { keyOf: (out) => out.key, same: (a, b) => a.value === b.value };
/** Keeps the order of claims, refuses "no". */
const joining: Merging<Out> = {
  ...plain,
  merge: (claims) =>
    claims.some(({ value }) => value === "no")
      ? undefined
      : { key: claims[0]?.key ?? "", value: claims.map(({ value }) => value).join("+") },
};
const engineOf = (output: Merging<Out>, apps = [one, two]) => new Engine({ apps, output, roots: () => false });
const wish = (table: typeof first, id: string, ...wants: string[]) => putRow(table, LOCAL, { id, wants });
const values = (engine: Engine<Out>) =>
  Object.fromEntries(Array.from(engine.outputs(), ([key, { value }]) => [key, value]));

test("equal claims are one output, which stays until the last claim goes", () => {
  const engine = engineOf(plain);
  const all = Array.from({ length: 20 }, (_, i) => wish(i % 2 ? first : second, `u${i}`, "k=v"));
  for (const [i, change] of all.entries()) assert.equal(engine.apply([change]).set.size, i === 0 ? 1 : 0);
  assert.equal(engine.ownersOf("k").length, 20);
  for (const [i, { table, id }] of all.entries()) {
    const delta = engine.apply([removeRow(table, LOCAL, id)]);
    assert.deepEqual([...delta.removed.keys()], i === 19 ? ["k"] : []);
  }
  assert.equal(engine.size().outputs, 0);
});

test("claims that differ: neither is in force, both owners are marked, whoever came first", () => {
  const a = wish(first, "a", "k=v", "mine=1");
  const b = wish(second, "b", "k=w");
  for (const order of [
    [a, b],
    [b, a],
  ]) {
    const engine = engineOf(plain);
    for (const change of order) engine.apply([change]);
    assert.deepEqual(values(engine), { mine: "1" });
    assert.deepEqual(engine.conflicts(), [
      {
        key: "k",
        view: undefined,
        owners: [
          { app: "one", table: "first", partition: LOCAL, id: "a" },
          { app: "two", table: "second", partition: LOCAL, id: "b" },
        ],
      },
    ]);
    assert.deepEqual(engine.ownersOf("k"), engine.conflicts()[0]?.owners);
  }
});

test("the delta of a conflict that comes and goes", () => {
  const engine = engineOf(plain);
  engine.apply([wish(first, "a", "k=v")]);
  const came = engine.apply([wish(second, "b", "k=w")]);
  assert.deepEqual([...came.removed], [["k", { key: "k", value: "v" }]]);
  assert.equal(came.set.size, 0);
  assert.deepEqual(came.conflicts, [{ before: undefined, now: engine.conflicts()[0] }]);
  const more = engine.apply([wish(second, "c", "k=v")]);
  assert.equal(more.set.size, 0, "a majority decides nothing");
  assert.equal(more.conflicts[0]?.now?.owners.length, 3);
  const went = engine.apply([wish(second, "b", "k=v")]);
  assert.deepEqual([...went.set], [["k", { key: "k", value: "v" }]]);
  assert.equal(went.conflicts[0]?.now, undefined);
  assert.deepEqual(engine.conflicts(), []);
});

test("one unit can be in conflict with itself", () => {
  const engine = engineOf(plain);
  engine.apply([wish(first, "a", "k=v", "k=w", "l=v", "l=v")]);
  assert.deepEqual(values(engine), { l: "v" });
  assert.equal(engine.conflicts()[0]?.owners.length, 1);
});

test("merge gets the claims in canonical order, and may refuse", () => {
  const rows = [
    wish(second, "b", "k=4", "k=5"),
    wish(first, "z", "k=3"),
    wish(first, "a", "k=2", "k=1"),
    wish(second, "c", "k=6"),
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(rows, { minLength: 4 }), fc.boolean(), (order, detour) => {
      const engine = engineOf(joining, detour ? [two, one] : [one, two]);
      if (detour) engine.apply([wish(first, "a", "k=1", "k=0", "k=2"), wish(second, "b", "k=5")]);
      for (const change of order) engine.apply([change]);
      assert.deepEqual(values(engine), { k: "2+1+3+4+5+6" });
      engine.apply([wish(first, "no", "k=no")]);
      assert.deepEqual(values(engine), {});
      assert.equal(engine.conflicts().length, 1);
      engine.apply([removeRow(first, LOCAL, "no")]);
      assert.deepEqual(values(engine), { k: "2+1+3+4+5+6" });
    }),
  );
});

test("merge or same that throws is a conflict with a cause, and does not stop the rest", () => {
  const error = new Error("cannot merge");
  const throws = (): never => {
    throw error;
  };
  for (const output of [
    { ...plain, merge: throws },
    { ...plain, same: throws },
  ]) {
    const engine = engineOf(output);
    engine.apply([wish(first, "a", "k=v", "other=1"), wish(second, "b", "k=w")]);
    assert.deepEqual(values(engine), { other: "1" });
    assert.equal(engine.conflicts()[0]?.cause, error);
  }
});

test("a delta is net: an output that moves to another unit in one batch has not changed", () => {
  const engine = engineOf(plain);
  engine.apply([wish(first, "a", "k=v", "l=v")]);
  const delta = engine.apply([removeRow(first, LOCAL, "a"), wish(second, "b", "k=v", "l=w")]);
  assert.deepEqual([...delta.set.keys()], ["l"]);
  assert.equal(delta.removed.size, 0);
  assert.deepEqual(delta.conflicts, []);
});
