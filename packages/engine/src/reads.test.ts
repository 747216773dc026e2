import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defineApp,
  defineIndex,
  defineSetIndex,
  defineTable,
  each,
  LOCAL,
  putRow,
  type Read,
  removeRow,
  type RowChange,
} from "./define.ts";
import { Engine } from "./engine.ts";

interface Item {
  readonly id: string;
  readonly group: string;
  readonly size: number;
  readonly tags?: readonly string[];
}
const anchors = defineTable<{ readonly id: string }>("anchor");
const items = defineTable<Item>("item");
const byGroup = defineIndex(items, "by-group", (item) => [item.group, ...(item.tags ?? [])]);
const sizes = defineSetIndex(items, "sizes", (item) => [{ key: item.group, member: `${item.size}` }]);

const item = (id: string, group = "g", size = 1, tags?: readonly string[]) =>
  putRow(items, LOCAL, { id, group, size, ...(tags && { tags }) });

/** An engine with one unit that reads as told; `value` is what it made of it last. */
function reading(look: (read: Read) => unknown) {
  const app = defineApp<{ readonly value: string }>({
    name: "reader",
    units: [each(anchors, (_, read) => [{ value: JSON.stringify(look(read)) ?? "undefined" }])],
  });
  const engine = new Engine({
    apps: [app],
    output: { keyOf: () => "it", same: (a, b) => a.value === b.value },
    roots: () => false,
  });
  engine.apply([putRow(anchors, LOCAL, { id: "a" })]);
  return {
    engine,
    /** Units run for the changes, which are one batch. */
    runs: (...changes: RowChange[]) => engine.apply(changes).unitsRun,
    value: () => JSON.parse(engine.output("it")?.value ?? "null"),
  };
}

test("row: as a whole, present or absent", () => {
  const { runs, value } = reading((read) => read.row(items, LOCAL, "i") ?? "none");
  assert.equal(value(), "none");
  assert.equal(runs(item("other")), 0);
  assert.equal(runs(item("i")), 1);
  assert.deepEqual(value(), { id: "i", group: "g", size: 1 });
  assert.equal(runs(item("i")), 0, "a deeply equal row");
  assert.equal(runs(item("i", "g", 2)), 1);
  assert.equal(runs(item("i", "g", 3), item("i", "g", 2)), 0, "the last of a batch counts");
  assert.equal(runs(removeRow(items, LOCAL, "i")), 1);
  assert.equal(value(), "none");
});

test("pick: only the fields that are named", () => {
  const { runs, value } = reading((read) => read.pick(items, LOCAL, "i", ["id", "tags"]) ?? "none");
  assert.equal(runs(item("i", "g", 1, ["t"])), 1);
  assert.deepEqual(value(), { id: "i", tags: ["t"] }, "others cannot be seen");
  assert.equal(runs(item("i", "h", 2, ["t"])), 0);
  assert.equal(runs(item("i", "h", 2, ["u"])), 1);
  assert.equal(runs(item("i", "h", 2)), 1);
  assert.equal(runs(removeRow(items, LOCAL, "i")), 1);
  assert.equal(value(), "none");
});

test("has: only whether it is there", () => {
  const { runs, value } = reading((read) => read.has(items, LOCAL, "i"));
  assert.equal(runs(item("i")), 1);
  assert.equal(value(), true);
  assert.equal(runs(item("i", "h", 2)), 0);
  assert.equal(runs(removeRow(items, LOCAL, "i")), 1);
  assert.equal(value(), false);
});

test("rows: membership and rows, in id order", () => {
  const { runs, value } = reading((read) => read.rows(items, LOCAL).map(({ id, size }) => `${id}${size}`));
  assert.equal(runs(item("b"), item("c"), item("a")), 1);
  assert.deepEqual(value(), ["a1", "b1", "c1"]);
  assert.equal(runs(item("b", "g", 2)), 1);
  assert.equal(runs(removeRow(items, LOCAL, "a"), item("aa")), 1);
  assert.deepEqual(value(), ["aa1", "b2", "c1"]);
});

test("by: the key and the rows behind it, in id order, each once", () => {
  const { runs, value } = reading((read) => read.by(byGroup, LOCAL, "g").map(({ id, size }) => `${id}${size}`));
  assert.equal(runs(item("b"), item("a"), item("c", "h")), 1);
  assert.deepEqual(value(), ["a1", "b1"]);
  assert.equal(runs(item("c", "h", 9)), 0, "a row under another key");
  assert.equal(runs(item("b", "g", 2)), 1, "a row under the key, which has not moved");
  assert.equal(runs(item("c", "h", 9, ["g", "g"])), 1, "a second key");
  assert.deepEqual(value(), ["a1", "b2", "c9"]);
  assert.equal(runs(item("a", "h")), 1);
  assert.deepEqual(value(), ["b2", "c9"]);
});

test("by: an index is filled when it is first read", () => {
  const { engine, runs, value } = reading((read) =>
    read.has(items, LOCAL, "go") ? read.by(byGroup, LOCAL, "g").map(({ id }) => id) : "not yet",
  );
  runs(item("b"), item("a"));
  assert.equal(value(), "not yet");
  assert.equal(runs(item("go", "h")), 1);
  assert.deepEqual(value(), ["a", "b"]);
  assert.deepEqual(engine.audit(), []);
});

test("hasAny and count: the number of rows, settled over a batch", () => {
  const any = reading((read) => read.hasAny(byGroup, LOCAL, "g"));
  const count = reading((read) => read.count(byGroup, LOCAL, "g"));
  const both = (...changes: RowChange[]) => [any.runs(...changes), count.runs(...changes)];
  assert.deepEqual(both(item("a")), [1, 1]);
  assert.deepEqual(both(item("a", "g", 2)), [0, 0]);
  assert.deepEqual(both(item("b")), [0, 1]);
  assert.deepEqual([any.value(), count.value()], [true, 2]);
  assert.deepEqual(both(removeRow(items, LOCAL, "a"), item("c")), [0, 0], "one goes, one comes");
  assert.deepEqual(both(removeRow(items, LOCAL, "b"), item("c", "h")), [1, 1]);
  assert.deepEqual([any.value(), count.value()], [false, 0]);
});

test("set: equality of the set, however many rows hold a member", () => {
  const { runs, value } = reading((read) => read.set(sizes, LOCAL, "g"));
  assert.equal(runs(item("b", "g", 2), item("a", "g", 1), item("c", "g", 2)), 1);
  assert.deepEqual(value(), ["1", "2"]);
  assert.equal(runs(item("d", "g", 2)), 0, "one more of the same");
  assert.equal(runs(removeRow(items, LOCAL, "b")), 0, "one less of the same");
  assert.equal(runs(removeRow(items, LOCAL, "a"), item("e", "g", 1)), 0, "a member leaves and comes back in one batch");
  assert.equal(runs(item("e", "g", 3)), 1);
  assert.deepEqual(value(), ["2", "3"]);
  assert.equal(runs(item("c", "h", 2), item("d", "h", 2)), 1);
  assert.deepEqual(value(), ["3"]);
});

test("what a unit no longer reads does not run it", () => {
  const { runs } = reading((read) => (read.row(items, LOCAL, "a")?.size === 1 ? read.row(items, LOCAL, "b") : "other"));
  assert.equal(runs(item("a")), 1);
  assert.equal(runs(item("b")), 1);
  assert.equal(runs(item("a", "g", 2)), 1);
  assert.equal(runs(item("b", "g", 2)), 0);
});

test("a read outside of the run is refused", () => {
  let kept: Read | undefined;
  reading((read) => {
    kept = read;
    return 1;
  });
  assert.throws(() => kept?.row(items, LOCAL, "a"), /outside/);
});

test("apply refuses what is not a row, and changes nothing", () => {
  const { engine } = reading((read) => read.rows(items, LOCAL).length);
  const before = engine.size();
  assert.throws(
    () => engine.apply([item("a"), { table: items, partition: LOCAL, id: "b", row: { id: "c" } }]),
    RangeError,
  );
  assert.throws(() => engine.apply([], [{ partition: LOCAL, state: "pending" }]), RangeError);
  assert.deepEqual(engine.size(), before);
});
