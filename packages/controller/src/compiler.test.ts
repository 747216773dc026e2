import assert from "node:assert/strict";
import { test } from "node:test";
import { type Delta, LOCAL, type PartitionChange, type RowChange } from "@dragonflow/engine";
import { chassisTopic } from "@dragonflow/model";
import { network, port, portId, router, SELF } from "@dragonflow/pipeline/testing";
import { Compiler } from "./compiler.ts";
import type { Compiled } from "./dispatch.ts";

const OWN = chassisTopic(SELF);

function start(): { readonly compiler: Compiler; readonly deltas: Delta<Compiled>[] } {
  const deltas: Delta<Compiled>[] = [];
  const compiler = new Compiler({ chassis: SELF, tunnelIp: "172.31.0.1" }, (delta) => deltas.push(delta));
  return { compiler, deltas };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
function current(rows: readonly RowChange[]): readonly PartitionChange[] {
  const topics = new Set(rows.map(({ partition }) => partition).filter((partition) => partition !== LOCAL));
  return [...topics].map((partition) => ({ partition, state: "current" }));
}

test("what comes in one turn of the event loop is one batch", async () => {
  const { compiler, deltas } = start();
  const rows = [...network({ n: 1 }), ...port({ n: 11, network: 1 })];
  for (const row of rows) compiler.change([row]);
  compiler.change([], current(rows));
  await turn();
  assert.equal(deltas.length, 1);
  assert.ok((deltas[0]?.set.size ?? 0) > 10);
  compiler.change([]);
  await turn();
  assert.equal(deltas.length, 1);
});

test("settled is not before the own topic has come, and all that hangs on it", async () => {
  const { compiler } = start();
  await turn();
  assert.ok(!compiler.settled);
  const rows = [...network({ n: 1 }), ...network({ n: 2 }), ...port({ n: 11, network: 1 }), ...router(5, [1, 2])];
  const arrive = async (topic: string): Promise<void> => {
    compiler.change(
      rows.filter(({ partition }) => partition === topic),
      [{ partition: topic, state: "current" }],
    );
    assert.ok(!compiler.settled, "something is on its way");
    await turn();
  };
  compiler.change(rows.filter(({ partition }) => partition === LOCAL));
  await turn();
  const arrived: string[] = [];
  for (let next: string | undefined = OWN; next !== undefined; ) {
    assert.ok(!compiler.settled, `settled without ${next}`);
    await arrive(next);
    arrived.push(next);
    next = [...compiler.engine.interest()].find((topic) => !arrived.includes(topic));
  }
  assert.ok(compiler.settled);
  // Its own, two networks, their router, the group of its port.
  assert.equal(arrived.length, 5);
});

test("an empty host is settled as soon as its own topic is there", async () => {
  const { compiler } = start();
  compiler.change([], [{ partition: OWN, state: "current" }]);
  await turn();
  assert.ok(compiler.settled);
});

test("an object that cannot be compiled is a fault of its own, and ends with it", async () => {
  const { compiler, deltas } = start();
  const good = [...network({ n: 1 }), ...port({ n: 11, network: 1 })];
  const bad = port({ n: 12, network: 1, mac: "not an address" });
  compiler.change([...good, ...bad], current(good));
  await turn();
  const faults = new Set(deltas[0]?.faults.map(({ owner }) => owner.id));
  assert.deepEqual(faults, new Set([portId(12)]));
  const ownersOf = (delta: Delta<Compiled> | undefined): ReadonlySet<string> =>
    new Set([...(delta?.set.values() ?? [])].flatMap((item) => (item.type === "flow" ? [item.owner.id] : [])));
  assert.ok(ownersOf(deltas[0]).has(portId(11)));
  compiler.change(port({ n: 12, network: 1 }));
  await turn();
  assert.ok(ownersOf(deltas[1]).has(portId(12)));
  assert.deepEqual(compiler.engine.faults(), []);
});

test("closed, it makes no batch any more", async () => {
  const { compiler, deltas } = start();
  compiler.close();
  compiler.change(network({ n: 1 }));
  await turn();
  assert.deepEqual(deltas, []);
});
