import assert from "node:assert/strict";
import { test } from "node:test";
import { defineApp, defineIndex, defineTable, derive, each, LOCAL, putRow } from "./define.ts";
import { Engine } from "./engine.ts";
import { cloud, flowOutput, isRoot, localPort, network, plug, port, router } from "./fixture.ts";
import { SimulatedHost } from "./simulated-host.ts";

interface Row {
  readonly id: string;
  readonly value: number;
}
const rows = defineTable<Row>("row");
const doubles = defineTable<Row>("double");
/** What no row holds: an impurity that tests turn on. */
const weather = { unit: 0, view: 0, index: "", reads: false, fails: false };
const byValue = defineIndex(rows, "by-value", ({ value }) => [`${weather.index}${value}`]);
const app = defineApp<string>({
  name: "impure",
  views: [derive(doubles, { layer: 1 }, rows, ({ id, value }) => [{ id, value: value * 2 + weather.view }])],
  units: [
    each(rows, ({ id, value }, read) => {
      if (weather.fails) throw new Error("rain");
      if (weather.reads) read.row(rows, LOCAL, "elsewhere");
      return [`${id} ${value + weather.unit} of ${read.by(byValue, LOCAL, `${value}`).length}`];
    }),
    each(doubles, ({ id, value }) => [`double/${id} ${value}`]),
  ],
});
function drifting(change: Partial<typeof weather>) {
  const engine = new Engine<string>({
    apps: [app],
    output: { keyOf: (text) => text.split(" ")[0] ?? "", same: (a, b) => a === b },
    roots: () => false,
  });
  engine.apply(["a", "b", "c"].map((id, value) => putRow(rows, LOCAL, { id, value })));
  assert.deepEqual(engine.audit(), []);
  const before = { ...weather };
  const size = engine.size();
  Object.assign(weather, change);
  try {
    const found = engine
      .audit()
      .map(({ owner, difference }) => `${owner.app} ${owner.table} ${owner.id}: ${difference}`);
    assert.deepEqual(engine.size(), size, "an audit leaves nothing behind");
    return { engine, found };
  } finally {
    Object.assign(weather, before);
  }
}

test("audit finds what a compile from scratch would make otherwise", () => {
  assert.deepEqual(drifting({}).found, []);
  assert.equal(drifting({ unit: 1 }).found[0], "impure row a: holds another a");
  assert.equal(drifting({ view: 1 }).found.length, 3);
  assert.equal(drifting({ reads: true }).found[0], "impure row a: reads something else");
  assert.ok(drifting({ fails: true }).found.includes("impure row a: should fail: Error: rain"));
  assert.match(drifting({ index: "x" }).found[0] ?? "", /^index by-value row \["",".*: is not what the rows make$/);
});

test("audit goes on where it ended, a few units at a time, while rows change", () => {
  const { engine } = drifting({});
  weather.unit = 1;
  try {
    const found = [];
    for (let n = 0; n < 40; n++) {
      found.push(...engine.audit(1).map(({ owner }) => owner.id));
      engine.apply([putRow(rows, LOCAL, { id: `new${n}`, value: 100 + n })]);
      engine.apply([{ table: rows, partition: LOCAL, id: `new${n}`, row: undefined }]);
    }
    for (const id of ["a", "b", "c"]) assert.ok(found.includes(id), `${id} among ${found.join()}`);
  } finally {
    weather.unit = 0;
  }
});

test("audit of a host with topics, views and units that wait", () => {
  const host = new SimulatedHost([cloud], { output: flowOutput, roots: isRoot });
  host.show([network(1), network(2), localPort(1, 1), plug(1), port(1, 1), port(2, 2), router(1, [1, 2])]);
  const { engine } = host;
  assert.deepEqual(engine.audit(), []);
  engine.apply([localPort(2, 3), port(1, 1, "other")], [{ partition: "network/n1", state: "pending" }]);
  assert.ok(engine.pendingUnits().length > 0);
  const size = engine.size();
  assert.deepEqual(engine.audit(), []);
  assert.deepEqual(engine.size(), size);
});
