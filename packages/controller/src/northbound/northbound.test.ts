import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  answersTopic,
  chassisTopic,
  claimRefusalKind,
  encodeFields,
  networkTopic,
  questionsTopic,
  recordId,
  routerTopic,
  securityGroupTopic,
  statusTopic,
} from "@dragonflow/model";
import { LEASE_TOPIC, type StoreDriver } from "@dragonflow/store";
import { ManualClock } from "@dragonflow/store/conformance";
import {
  groupId,
  network,
  networkId,
  OPEN,
  peer,
  port,
  portId,
  router,
  routerId,
  SELF,
} from "@dragonflow/pipeline/testing";
import { localPorts, ports } from "@dragonflow/pipeline";
import { Compiler } from "../compiler.ts";
import { KeptLog } from "../testing/log.ts";
import { TestNb } from "../testing/nb.ts";
import { until } from "../testing/until.ts";
import { Northbound } from "./northbound.ts";

let nb: TestNb;
let store: StoreDriver;
let log: KeptLog;
let clock: ManualClock;
let northbound: Northbound;
let compiler: Compiler;
let failures: Error[];
let batches: number;
beforeEach(async () => {
  nb = await TestNb.open(SELF);
  await nb.put(STATE);
  store = await nb.connect();
  start();
});
afterEach(async () => {
  await northbound.close();
  compiler.close();
  await nb[Symbol.asyncDispose]();
});

/** The store's side and the engine, as the controller joins them. */
function start(): void {
  log = new KeptLog();
  clock = new ManualClock();
  failures = [];
  batches = 0;
  compiler = new Compiler({ chassis: SELF, tunnelIp: "172.31.0.1" }, (delta) => {
    batches++;
    northbound.follow(delta.interest);
  });
  northbound = new Northbound(
    store,
    { chassis: SELF },
    log,
    {
      onRows: (rows, topics) => compiler.change(rows, topics),
      onStatus: () => undefined,
      onFailure: (error) => failures.push(error),
    },
    clock,
  );
}
const topics = (): ReadonlySet<string> => new Set(northbound.replica.topics());
const settled = (): Promise<void> => until("the compiler is settled", () => compiler.settled);
const OWN = [chassisTopic(SELF), statusTopic(SELF), questionsTopic(SELF), answersTopic(SELF)];
const OF_NETWORK = (n: number): string => networkTopic(networkId(n));
const OF_GROUP = securityGroupTopic(groupId(OPEN));
const OF_ROUTER = (n: number): string => routerTopic(routerId(n));

const STATE = [
  ...peer("host2", 900),
  ...peer("host3", 901),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...network({ n: 3 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 21, network: 2, chassis: "host2" }),
  ...port({ n: 31, network: 3, chassis: "host3" }),
  ...router(5, [1, 2]),
];

test("what the units read is what is subscribed to, and nothing else", async () => {
  await settled();
  assert.deepEqual(topics(), new Set([...OWN, OF_NETWORK(1), OF_NETWORK(2), OF_ROUTER(5), "endpoint/host2", OF_GROUP]));
  assert.deepEqual(failures, []);
});

test("a record is held once: what the units are given is what the replica keeps", async () => {
  await settled();
  const kept = new Map([...northbound.replica.rows(chassisTopic(SELF))].map(({ id, row }) => [id, row]));
  const given = [...compiler.engine.rows(localPorts)];
  assert.equal(given.length, 1);
  for (const [, row] of given) assert.equal(row, kept.get(row.id));
});

test("interest grows and shrinks with what there is; what is dropped lingers, and then leaves the engine", async () => {
  await settled();
  const before = compiler.engine.size();
  const more = router(6, [1, 3]);
  await nb.put(more);
  await until("the other network is there", () => topics().has(OF_NETWORK(3)) && topics().has("endpoint/host3"));
  await settled();
  await nb.remove(more);
  await until("nobody wants it", () => !compiler.engine.interest().has(OF_NETWORK(3)));
  assert.ok(topics().has(OF_NETWORK(3)));
  // Wanted again within the time: nothing is loaded again.
  await nb.put(more);
  await until("it is wanted again", () => compiler.engine.interest().has("endpoint/host3"));
  clock.advance(40_000);
  assert.ok(topics().has(OF_NETWORK(3)));
  await nb.remove(more);
  await until("nobody wants it", () => !compiler.engine.interest().has(OF_NETWORK(3)));
  clock.advance(29_000);
  assert.ok(topics().has(OF_NETWORK(3)));
  clock.advance(1000);
  await until("the engine forgot it", () => compiler.engine.size().partitions === before.partitions);
  assert.ok(!topics().has(OF_NETWORK(3)));
  assert.deepEqual(compiler.engine.size(), before);
});

test("without its port a host follows nothing but its own topics", async () => {
  await settled();
  await nb.remove(port({ n: 11, network: 1 }));
  await until("nobody wants anything", () => compiler.engine.interest().size === 0);
  clock.advance(30_000);
  // What is left is the row of the host itself.
  await until("the engine is empty", () => compiler.engine.size().cells === 1);
  assert.deepEqual(topics(), new Set(OWN));
});

test("while the store is away everything stays, and nothing is compiled; then only the difference comes", async () => {
  await settled();
  const [before, outputs] = [batches, [...compiler.engine.outputs()].length];
  await nb.wire.close();
  await until("it is away", () => northbound.replica.state(chassisTopic(SELF)) === "stale");
  await nb.put(port({ n: 12, network: 1, chassis: "host2" }));
  await nb.remove(port({ n: 21, network: 2, chassis: "host2" }));
  assert.equal([...compiler.engine.outputs()].length, outputs);
  assert.equal(compiler.engine.pendingUnits().length, 0);
  assert.equal(batches, before);
  await nb.wire.open();
  const rows = (n: number): number => [...compiler.engine.rows(ports)].filter(([, row]) => row.id === portId(n)).length;
  await until("the difference is there", () => rows(12) === 1 && rows(21) === 0);
  assert.deepEqual(failures, []);
});

test("a store that comes back as another one, and mostly empty, removes nothing", async () => {
  await nb.restart();
  const restore = await nb.backup();
  await nb.put(Array.from({ length: 30 }, (_, i) => port({ n: 40 + i, network: 1, chassis: "host2" })).flat());
  await settled();
  const count = (): number => [...compiler.engine.rows(ports)].length;
  await until("all ports are there", () => count() === 32);
  await restore();
  await until("it is told", () => log.with(/without most records/).length > 0);
  assert.equal(count(), 32);
  assert.ok(log.with(/another history/).length > 0);
});

test("a record that is not what its kind says counts as absent, is told, and stands in nobody's way", async () => {
  await settled();
  const id = recordId("port", portId(99));
  const topic = networkTopic(networkId(1));
  for (const text of ["{", '{"id":"x"}', "[]"])
    await nb.commit([{ op: "put", topic, id, value: new TextEncoder().encode(text) }]);
  await nb.put(port({ n: 13, network: 1, chassis: "host2" }));
  await until("the next one is there", () => [...compiler.engine.rows(ports)].some(([, row]) => row.id === portId(13)));
  assert.ok(![...compiler.engine.rows(ports)].some(([, row]) => row.id === portId(99)));
  const told = log.with(/not what its kind says/);
  assert.ok(told.length >= 1);
  assert.match(JSON.stringify(told[0]), /port\/c0000063/);
});

test("a claim that was not granted is told once, also after the store was away", async () => {
  const refusal = { id: portId(77), chassis: SELF, holder: "host2" };
  const change = { topic: chassisTopic(SELF), id: recordId(claimRefusalKind.kind, refusal.id) };
  await nb.commit([{ op: "put", ...change, value: encodeFields(refusal) }]);
  const told = () => log.with(/bound to another host/);
  await until("it is told", () => told().length > 0);
  assert.deepEqual(told(), [{ port: portId(77), holder: "host2" }]);
  nb.wire.cut();
  await until("it is away", () => northbound.replica.state(chassisTopic(SELF)) === "stale");
  await nb.restart();
  await until("it is back", () => northbound.replica.state(chassisTopic(SELF)) === "current");
  assert.equal(told().length, 1);
  const another = { ...refusal, holder: "host3" };
  await nb.commit([{ op: "put", ...change, value: encodeFields(another) }]);
  await until("that it has another holder is told", () => told().length === 2);
});

test("a store that refuses this host is a failure of the controller", async () => {
  await settled();
  await northbound.close();
  nb.subject = "chassis:somebody-else";
  store = await nb.connect();
  start();
  await until("it has failed", () => failures.length > 0);
  assert.equal(failures[0]?.name, "Forbidden");
});

test("an apply that throws is a failure of the controller, not silence", async () => {
  await settled();
  const broken = new Error("a bug");
  compiler.change = () => {
    throw broken;
  };
  await nb.put(port({ n: 14, network: 1 }));
  await until("it has failed", () => failures.length > 0);
  assert.deepEqual(failures, [broken]);
});

test("the lease says that the host lives; it is kept through a cut, and not given back at the end", async () => {
  const leases = async () => [...(await nb.records(LEASE_TOPIC)).keys()];
  await until("it has its lease", () => northbound.hasLease);
  assert.deepEqual(await leases(), [`lease/chassis/${SELF}`]);
  nb.wire.cut();
  await until("it is away", () => northbound.replica.state(chassisTopic(SELF)) === "stale");
  await until("it is back", () => northbound.replica.state(chassisTopic(SELF)) === "current");
  assert.ok(northbound.hasLease);
  await northbound.close();
  assert.deepEqual(await leases(), [`lease/chassis/${SELF}`]);
  // The next life has it at once.
  store = await nb.connect();
  start();
  await until("it has its lease", () => northbound.hasLease);
});
