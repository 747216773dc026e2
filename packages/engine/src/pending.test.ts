import assert from "node:assert/strict";
import { test } from "node:test";
import { defineApp, defineIndex, defineTable, each, LOCAL, putRow, removeRow } from "./define.ts";
import { Engine } from "./engine.ts";

interface Row {
  readonly id: string;
  readonly value: number;
  readonly wants?: readonly string[];
}
const rows = defineTable<Row>("row");
const local = defineTable<Row>("local");
const byValue = defineIndex(rows, "by-value", (row) => [`${row.value}`]);
const app = defineApp<string>({
  name: "app",
  units: [
    each(local, ({ id, wants = [] }, read) => {
      const found = wants.map((topic) => read.row(rows, topic, "x"));
      // Would be a fault if it were not void.
      if (id === "strict" && found.includes(undefined)) throw new Error("missing");
      return [`${id} ${found.map((row) => row?.value).join()}`];
    }),
    each(rows, ({ id, value }, read, { partition }) => [
      `${partition}/${id} ${value} of ${read.by(byValue, partition, `${value}`).length}`,
    ]),
  ],
});
const engineOf = () =>
  new Engine<string>({
    apps: [app],
    output: { keyOf: (text) => text.split(" ")[0] ?? "", same: (a, b) => a === b },
    roots: () => false,
  });
const texts = (engine: Engine<string>) => Array.from(engine.outputs(), ([, text]) => text).sort();
const want = (id: string, ...wants: string[]) => putRow(local, LOCAL, { id, value: 0, wants });
const put = (topic: string, value: number, id = "x") => putRow(rows, topic, { id, value });
const current = (partition: string) => ({ partition, state: "current" }) as const;
const pending = (partition: string) => ({ partition, state: "pending" }) as const;
const dropped = (partition: string) => ({ partition, state: "dropped" }) as const;

test("a unit that never ran to its end has no output, says what it waits for, and asks for all of it at once", () => {
  const engine = engineOf();
  const delta = engine.apply([want("a", "t/1", "t/2")]);
  assert.deepEqual(delta.interest.added, ["t/1", "t/2"], "one round trip, not one per read");
  assert.deepEqual(texts(engine), []);
  assert.deepEqual(engine.pendingUnits(), [
    { owner: { app: "app", table: "local", partition: LOCAL, id: "a" }, waitsFor: ["t/1", "t/2"] },
  ]);
  engine.apply([put("t/1", 1)], [current("t/1")]);
  assert.deepEqual(texts(engine), ["t/1/x 1 of 1"]);
  assert.deepEqual(engine.pendingUnits()[0]?.waitsFor, ["t/2"]);
  engine.apply([], [current("t/2")]);
  assert.deepEqual(texts(engine), ["a 1,", "t/1/x 1 of 1"], "current and empty: absent");
  assert.deepEqual(engine.pendingUnits(), []);
});

test("rows of a partition that is not current do nothing yet, in whatever pieces they come", () => {
  const engine = engineOf();
  engine.apply([want("a", "t/1"), put("t/1", 1)]);
  engine.apply([put("t/1", 2)], [pending("t/1")]);
  engine.apply([put("t/1", 2, "y")]);
  assert.deepEqual(texts(engine), []);
  const delta = engine.apply([], [current("t/1")]);
  assert.deepEqual(texts(engine), ["a 2", "t/1/x 2 of 2", "t/1/y 2 of 2"]);
  assert.equal(delta.unitsRun, 3);
});

test("while a partition is pending, outputs that stand on it stand still; then everything catches up", () => {
  const engine = engineOf();
  engine.apply([want("a", "t/1"), put("t/1", 1), put("t/1", 1, "y")], [current("t/1")]);
  const before = texts(engine);
  const frozen = [
    engine.apply([], [pending("t/1")]),
    engine.apply([put("t/1", 2)]),
    engine.apply([removeRow(rows, "t/1", "y")]),
    engine.apply([put("t/1", 3, "z")]),
    engine.apply([want("a", "t/1", "t/1")]),
  ];
  assert.deepEqual(texts(engine), before);
  for (const { set, removed, interest } of frozen) {
    assert.deepEqual([set.size, removed.size, interest.added, interest.dropped], [0, 0, [], []]);
  }
  engine.apply([], [current("t/1")]);
  assert.deepEqual(texts(engine), ["a 2,2", "t/1/x 2 of 1", "t/1/z 3 of 1"]);
  assert.deepEqual(engine.audit(), []);
});

test("a partition that is pending for a moment runs only those units that looked at it meanwhile", () => {
  const engine = engineOf();
  engine.apply([want("a", "t/1"), want("b", "t/1"), put("t/1", 1)], [current("t/1")]);
  engine.apply([], [pending("t/1")]);
  assert.equal(engine.apply([], [current("t/1")]).unitsRun, 0);
  engine.apply([], [pending("t/1")]);
  engine.apply([want("b", "t/1", "t/1")]);
  assert.equal(engine.apply([], [current("t/1")]).unitsRun, 1);
});

test("a unit that waits keeps the interest that it had, so that nothing it stands on goes away", () => {
  const engine = engineOf();
  engine.apply([want("a", "t/1", "t/2"), put("t/1", 1), put("t/2", 2)], [current("t/1"), current("t/2")]);
  engine.apply([], [pending("t/1")]);
  const delta = engine.apply([want("a", "t/1", "t/3")]);
  assert.deepEqual(delta.interest, { added: ["t/3"], dropped: [] });
  const later = engine.apply([], [current("t/1"), current("t/3")]);
  assert.deepEqual(later.interest, { added: [], dropped: ["t/2"] });
});

test("what a void run throws is not a fault", () => {
  const engine = engineOf();
  engine.apply([want("strict", "t/1")]);
  assert.deepEqual(engine.faults(), []);
  engine.apply([], [current("t/1")]);
  assert.equal(engine.faults().length, 1);
  engine.apply([put("t/1", 1)]);
  assert.deepEqual(engine.faults(), []);
  assert.deepEqual(texts(engine), ["strict 1", "t/1/x 1 of 1"]);
});

test("dropped: rows that are still there go, with the units on them; who reads it waits", () => {
  const engine = engineOf();
  engine.apply([want("a", "t/1"), put("t/1", 1)], [current("t/1")]);
  engine.apply([], [dropped("t/1")]);
  assert.deepEqual(texts(engine), ["a 1"], "the reader keeps its output");
  assert.deepEqual([...engine.interest()], ["t/1"], "and is still interested");
  engine.apply([removeRow(local, LOCAL, "a")]);
  assert.deepEqual(engine.size(), { cells: 0, units: 0, outputs: 0, indexKeys: 0, partitions: 0 });
});

test("a partition that comes back in the batch in which its rows do", () => {
  const engine = engineOf();
  engine.apply([want("a", "t/1"), put("t/1", 1)], [current("t/1")]);
  engine.apply([], [pending("t/1")]);
  const { set, removed } = engine.apply([put("t/1", 2)], [current("t/1")]);
  assert.deepEqual([...set.values()].sort(), ["a 2", "t/1/x 2 of 1"]);
  assert.equal(removed.size, 0);
});
