import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf } from "./check.ts";
import { type App, defineApp, defineTable, derive, each, LOCAL, putRow } from "./define.ts";
import { cloud, type Flow, flowOutput, isRoot, localPort, network, plug, port, router } from "./fixture.ts";
import type { State } from "./simulated-host.ts";

interface Row {
  readonly id: string;
  readonly value: number;
  readonly list?: readonly number[];
}
const rows = defineTable<Row>("row");
const other = defineTable<Row>("other");
const output = { keyOf: (text: string) => text.split(" ")[0] ?? "", same: (a: string, b: string) => a === b };
const put = (id: string, value: number): State[number] => putRow(rows, LOCAL, { id, value, list: [value] });
const states: readonly State[] = [
  [put("a", 1), put("b", 2)],
  [put("a", 2), put("c", 2)],
  [put("b", 1), put("c", 2), put("a", 1)],
];
const unit = (compile: Parameters<typeof each<Row, string>>[1]): App<string> =>
  defineApp({ name: "broken", units: [each(rows, compile)] });

test("a sound app passes", () => {
  checkApp(
    unit(({ id, value }) => [`${id} ${value}`]),
    states,
    { output },
  );
});

test("output that depends on history is found, and named", () => {
  const first = new Map<string, number>();
  const app = unit(({ id, value }) => {
    if (!first.has(id)) first.set(id, value);
    return [`${id} ${first.get(id)} ${value}`, `all ${[...first.keys()].join()}`];
  });
  assert.throws(
    () => checkApp(app, states, { output }),
    /^CheckError: broken: [a-z ]+, step \d+ \(state \d+, \d+ rows\): /,
  );
});

test("a row that was seen by another way than a read is found", () => {
  const seen = new Map<string, number>();
  const app = defineApp<string>({
    name: "broken",
    units: [
      each(rows, ({ id, value }) => {
        seen.set(id, value);
        return [];
      }),
      each(rows, ({ id }) => [`${id} ${seen.get("a")}`]),
    ],
  });
  assert.throws(() => checkApp(app, states, { output }), /\n {2}- [ab]: |holds another/);
});

test("chance is found", () => {
  let n = 0;
  assert.throws(
    () =>
      checkApp(
        unit(({ id }) => [`${id} ${n++}`]),
        states,
        { output },
      ),
    /CheckError: broken/,
  );
});

test("a compile function that writes to its row is found", () => {
  const app = unit((row) => {
    Object.assign(row.list ?? {}, { 0: 7 });
    return [];
  });
  assert.throws(() => checkApp(app, states, { output }), /broken\/row {2}a failed: TypeError/);
});

test("faults are errors unless they are allowed", () => {
  const app = unit(({ id, value }) => {
    if (value === 2) throw new Error("two");
    return [`${id} ${value}`];
  });
  assert.throws(() => checkApp(app, states, { output }), /failed: Error: two/);
  checkApp(app, states, { output, faults: "allowed" });
});

test("interest that does not settle is found", () => {
  // Wants topic x as long as it has not arrived.
  const arrived = defineTable<{ readonly id: string }>("arrived");
  const app = defineApp<string>({
    name: "restless",
    views: [derive(arrived, { layer: 1 }, other, ({ id }) => [{ id }])],
    units: [
      each(rows, ({ id }, read) => [
        read.has(arrived, LOCAL, "o") ? `${id} there` : `${id} ${read.rows(other, "x").length}`,
      ]),
    ],
  });
  const state = [put("a", 1), putRow(other, "x", { id: "o", value: 1 })];
  assert.throws(() => checkApp(app, [state], { output, roots: () => false }), /does not settle|still waits/);
});

test("outputs are shown as the caller wants", () => {
  let n = 0;
  const app = unit(({ id }) => [`${id} ${n++}`]);
  assert.throws(() => checkApp(app, states, { output, show: (text) => `<${text}>` }), /[-+] a: <a \d+>/);
});

test("cost: one port changed runs as many units among 10,000 ports as among 100", () => {
  const costs = [100, 10_000].map((count) => {
    const state = [network(1), localPort(1, 1), plug(1), router(1, [1])];
    for (let n = 0; n < count; n++) state.push(port(n, 1));
    const options = { output: flowOutput, roots: isRoot };
    return [
      costOf(cloud, state, port(7, 1, "other"), options),
      costOf(cloud, state, port(7, 1, "m7", "h3"), options),
      costOf(cloud, state, network(1, 1, 1400), options),
      costOf(cloud, state, [port(7, 1), plug(1)], options),
      costOf(cloud, state, port(7, 2), options),
    ];
  });
  const [few, many] = costs;
  assert.deepEqual(few, [
    // A port's MAC: two group views and the unit of the port; its old flow, its new flow, the clauses.
    { unitsRun: 3, outputsChanged: 3 },
    // A port's chassis, a new one: the same three, the flood of the network, and the peer and the tunnel (which waits for its endpoint).
    { unitsRun: 6, outputsChanged: 3 },
    // The network's MTU: its own unit, and that of the local port; no port looks at it.
    { unitsRun: 2, outputsChanged: 1 },
    { unitsRun: 0, outputsChanged: 0 },
    { unitsRun: 0, outputsChanged: 0 },
  ]);
  assert.deepEqual(many, few);
});

test("cost: a change of what the host does not want is not even delivered", () => {
  const one: App<Flow> = cloud;
  const state = [network(1), network(2), localPort(1, 1), port(5, 2)];
  assert.deepEqual(costOf(one, state, port(5, 2, "other"), { output: flowOutput, roots: isRoot }), {
    unitsRun: 0,
    outputsChanged: 0,
  });
});
