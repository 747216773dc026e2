import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defineApp,
  defineSetIndex,
  defineTable,
  derive,
  deriveGroups,
  each,
  type GroupRow,
  LOCAL,
  putRow,
  removeRow,
  type View,
} from "./define.ts";
import { Engine } from "./engine.ts";
import { LayerError } from "./tracked-read.ts";

interface Item {
  readonly id: string;
  readonly name: string;
  readonly value: number;
}
interface Named {
  readonly id: string;
  readonly even: boolean;
}
const items = defineTable<Item>("item");
const named = defineTable<Named>("named");
const pairs = defineTable<{ readonly id: string; readonly partner: boolean }>("pair");
const groups = defineTable<GroupRow>("group");
const names = defineSetIndex(items, "names", (item) => [{ key: item.name, member: `${item.value}` }]);

const toNamed = derive(named, { layer: 1 }, items, ({ name, value }) => [{ id: name, even: value % 2 === 0 }]);
const toPairs = derive(pairs, { layer: 2 }, named, ({ id }, read) => [
  { id, partner: read.has(named, LOCAL, `${id}'`) },
]);
const toGroups = deriveGroups(groups, { layer: 1 }, names);
const output = {
  keyOf: (text: string) => text.split(" ")[0] ?? "",
  same: (a: string, b: string) => a === b,
};
const app = defineApp<string>({
  name: "views",
  views: [toPairs, toNamed, toGroups],
  units: [
    each(pairs, ({ id, partner }) => [`pair/${id} ${partner}`]),
    each(groups, ({ id, members }) => [`group/${id} ${members.join()}`]),
  ],
});
const engineOf = (views: readonly View[]) =>
  new Engine({ apps: [defineApp<string>({ name: "x", views, units: [] })], output, roots: () => false });
const item = (id: string, name: string, value = 0) => putRow(items, LOCAL, { id, name, value });
const texts = (engine: Engine<string>) => Array.from(engine.outputs(), ([, text]) => text).sort();

test("layers run in order, each unit at most once a batch, with equality cut-off in between", () => {
  const engine = new Engine({ apps: [app], output, roots: () => false });
  engine.apply([item("1", "a"), item("2", "a'")]);
  assert.deepEqual(texts(engine), ["group/a 0", "group/a' 0", "pair/a true", "pair/a' false"]);
  // Of item 1: row view and group view. The named row and the pair stay equal; the group changes.
  assert.equal(engine.apply([item("1", "a", 2)]).unitsRun, 3);
  // Named changes, so its pair is derived again, and is equal: its unit does not run.
  assert.equal(engine.apply([item("1", "a", 3)]).unitsRun, 4);
  // Named of 2 is another row: its old pair and group go, new ones come; the pair of "a" loses its partner.
  const { unitsRun } = engine.apply([item("2", "b")]);
  assert.equal(
    unitsRun,
    2 + 2 + 3,
    "2 views of the item, pairs of a and b, outputs of both pairs and of the new group",
  );
  assert.deepEqual(texts(engine), ["group/a 3", "group/b 0", "pair/a false", "pair/b false"]);
});

test("two owners of one derived row: it does not exist, equal or not, and both are marked", () => {
  const engine = new Engine({ apps: [app], output, roots: () => false });
  engine.apply([item("1", "a"), item("3", "c")]);
  const delta = engine.apply([item("2", "a")]);
  assert.deepEqual([...delta.removed.keys()], ["pair/a"]);
  assert.deepEqual(
    engine.conflicts().map(({ key, view, owners }) => [key, view, owners.map(({ id }) => id)]),
    [["a", "named", ["1", "2"]]],
  );
  assert.deepEqual(delta.conflicts[0]?.now, engine.conflicts()[0]);
  assert.deepEqual([...engine.apply([item("1", "b")]).set.keys()].sort(), ["group/b", "pair/a", "pair/b"]);
  assert.deepEqual(engine.conflicts(), []);
});

test("a group changes when its set does, and goes with its last row", () => {
  const engine = new Engine({ apps: [app], output, roots: () => false });
  engine.apply(Array.from({ length: 50 }, (_, i) => item(`${i}`, "g", i % 2)));
  assert.deepEqual(texts(engine), ["group/g 0,1"]);
  const more = engine.apply([item("x", "g", 1)]);
  assert.equal(more.unitsRun, 2, "the two views of the row");
  assert.equal(more.set.size, 0);
  assert.equal(engine.apply([item("x", "g", 7)]).set.get("group/g"), "group/g 0,1,7");
  engine.apply(Array.from({ length: 50 }, (_, i) => removeRow(items, LOCAL, `${i}`)));
  assert.deepEqual(texts(engine), ["group/g 7", "pair/g false"]);
  engine.apply([removeRow(items, LOCAL, "x")]);
  assert.deepEqual(engine.size(), { cells: 0, units: 0, outputs: 0, indexKeys: 0, partitions: 0 });
});

test("a view that reads its own layer or one above fails, and says so", () => {
  const engine = engineOf([
    toNamed,
    derive(pairs, { layer: 1 }, items, (_, read) =>
      [...read.rows(named, LOCAL)].map(({ id }) => ({ id, partner: true })),
    ),
  ]);
  engine.apply([item("1", "a")]);
  const [fault] = engine.faults();
  assert.ok(fault?.error instanceof LayerError);
  assert.match(fault.error.message, /layer 1 reads named/);
});

test("wiring that cannot work is refused when it is made", () => {
  const wrong: readonly [RegExp, readonly View[]][] = [
    [/layer 0/, [derive(named, { layer: 0 }, items, () => [])]],
    [/layer 1.5/, [derive(named, { layer: 1.5 }, items, () => [])]],
    [/layers 1 and 2/, [toNamed, derive(named, { layer: 2 }, items, () => [])]],
    [/is of named, layer 1/, [toNamed, derive(pairs, { layer: 1 }, named, () => [])]],
    [/derived twice/, [toGroups, derive(groups, { layer: 1 }, items, () => [])]],
  ];
  for (const [message, views] of wrong) assert.throws(() => engineOf(views), message);
  assert.throws(() => new Engine({ apps: [app, app], output, roots: () => false }), /two apps/);
  const other = defineTable<Item>("item");
  const namesake = defineApp<string>({ name: "other", units: [each(other, () => [])] });
  assert.throws(() => new Engine({ apps: [app, namesake], output, roots: () => false }), /two tables/);
});

test("a view that two apps declare is one view", () => {
  const shared = [toNamed, toGroups];
  const apps = ["b", "a"].map((name) => defineApp<string>({ name, views: shared, units: [] }));
  const engine = new Engine({ apps, output, roots: () => false });
  assert.equal(engine.apply([item("1", "x")]).unitsRun, 2);
  assert.deepEqual(engine.conflicts(), []);
  engine.apply([item("2", "x")]);
  assert.deepEqual(
    engine.conflicts()[0]?.owners.map((owner) => owner.app),
    ["a", "a"],
  );
});

test("rows of a derived table cannot be put", () => {
  const engine = engineOf([toNamed]);
  assert.throws(() => engine.apply([putRow(named, LOCAL, { id: "a", even: true })]), /derived/);
});
