import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defineApp,
  defineIndex,
  defineSetIndex,
  defineTable,
  derive,
  each,
  LOCAL,
  putRow,
  removeRow,
} from "./define.ts";
import { Engine } from "./engine.ts";

interface Row {
  readonly id: string;
  readonly value: number;
}
const rows = defineTable<Row>("row");
const checks = defineTable<Row>("check");
const halves = defineTable<Row>("half");
const fail = (value: number): number => {
  if (value === 13) throw new Error("thirteen");
  return value;
};
const byValue = defineIndex(rows, "by-value", ({ value }) => [`${fail(value)}`]);
const values = defineSetIndex(rows, "values", ({ value }) => [{ key: "all", member: `${fail(value)}` }]);
const output = { keyOf: (text: string) => text.split(" ")[0] ?? "", same: (a: string, b: string) => a === b };
const put = (id: string, value: number) => putRow(rows, LOCAL, { id, value });
const outputs = (engine: Engine<string>) => Array.from(engine.outputs(), ([, text]) => text).sort();

test("a unit that throws, at once or half way, loses its outputs; the others go on", () => {
  function* compile({ id, value }: Row): Generator<string> {
    yield `${id}/1 ${value}`;
    yield `${id}/2 ${fail(value)}`;
  }
  const app = defineApp<string>({
    name: "app",
    views: [derive(halves, { layer: 1 }, rows, ({ id, value }) => [{ id, value: fail(value) / 2 }])],
    units: [each(rows, compile), each(halves, ({ id, value }) => [`half/${id} ${value}`])],
  });
  const engine = new Engine({ apps: [app], output, roots: () => false });
  engine.apply([put("a", 1), put("b", 2)]);
  const delta = engine.apply([put("a", 13), put("b", 4)]);
  assert.deepEqual([...delta.removed.keys()].sort(), ["a/1", "a/2", "half/a"]);
  assert.deepEqual(outputs(engine), ["b/1 4", "b/2 4", "half/b 2"]);
  const owner = { app: "app", table: "row", partition: LOCAL, id: "a" };
  assert.deepEqual(
    engine.faults().map((fault) => [fault.owner, String(fault.error)]),
    [
      [owner, "Error: thirteen"],
      [owner, "Error: thirteen"],
    ],
    "the view and the unit",
  );
  assert.equal(delta.faults.length, 2);
  assert.deepEqual(engine.audit(), []);
  const well = engine.apply([put("a", 1)]);
  assert.deepEqual([engine.faults(), well.faults], [[], []]);
  assert.equal(outputs(engine).length, 6);
  engine.apply([put("a", 13)]);
  engine.apply([removeRow(rows, LOCAL, "a")]);
  assert.deepEqual(engine.faults(), []);
});

test("a unit that failed runs again when something that it read changes", () => {
  const app = defineApp<string>({
    name: "app",
    units: [each(checks, ({ id }, read) => [`${id} ${fail(read.row(rows, LOCAL, "a")?.value ?? 0)}`])],
  });
  const engine = new Engine({ apps: [app], output, roots: () => false });
  engine.apply([put("a", 13), putRow(checks, LOCAL, { id: "c", value: 0 })]);
  assert.deepEqual(outputs(engine), []);
  engine.apply([put("a", 12)]);
  assert.deepEqual(outputs(engine), ["c 12"]);
});

test("a value without a key is a fault of its unit", () => {
  const keyless = { ...output, keyOf: (text: string) => text.split(" ")[fail(text.length)] ?? "" };
  const app = defineApp<string>({ name: "app", units: [each(rows, ({ value }) => ["x".repeat(value)])] });
  const engine = new Engine({ apps: [app], output: keyless, roots: () => false });
  engine.apply([put("a", 13)]);
  assert.equal(engine.faults().length, 1);
});

test("a row on which an index fails is under no key, and the index is marked", () => {
  const app = defineApp<string>({
    name: "app",
    units: [
      each(checks, ({ id }, read) => [
        `${id} ${read.by(byValue, LOCAL, "1").length} ${read.set(values, LOCAL, "all").join()}`,
      ]),
    ],
  });
  const engine = new Engine({ apps: [app], output, roots: () => false });
  engine.apply([putRow(checks, LOCAL, { id: "c", value: 0 }), put("a", 1), put("b", 1)]);
  assert.deepEqual(outputs(engine), ["c 2 1"]);
  engine.apply([put("b", 13)]);
  assert.deepEqual(outputs(engine), ["c 1 1"]);
  assert.deepEqual(
    engine.faults().map(({ owner }) => `${owner.app} ${owner.id}`),
    ["index by-value b", "index values b"],
  );
  assert.deepEqual(engine.audit(), []);
  engine.apply([put("b", 2)]);
  assert.deepEqual(outputs(engine), ["c 1 1,2"]);
  assert.deepEqual(engine.faults(), []);
  engine.apply([put("a", 13)]);
  engine.apply([removeRow(rows, LOCAL, "a"), removeRow(rows, LOCAL, "b"), removeRow(checks, LOCAL, "c")]);
  assert.deepEqual(engine.faults(), []);
  assert.equal(engine.size().indexKeys, 0);
});

test("the engine cannot be called by what it runs", () => {
  const engine: Engine<string> = new Engine({
    apps: [
      defineApp<string>({
        name: "app",
        units: [
          each(rows, () => {
            engine.apply([]);
            return [];
          }),
        ],
      }),
    ],
    output,
    roots: () => false,
  });
  engine.apply([put("a", 1)]);
  assert.match(String(engine.faults()[0]?.error), /called by something that it runs/);
});
