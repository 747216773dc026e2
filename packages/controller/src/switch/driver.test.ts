import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { output } from "@dragonflow/pipeline";
import { applied } from "../testing/applied.ts";
import { Proxy } from "../testing/proxy.ts";
import {
  bulkFlow,
  group,
  limit,
  onwards,
  put,
  range,
  take,
  toyFlow,
  toyGroup,
  toyMeter,
  toyPipeline,
} from "../testing/toy.ts";
import { until, within } from "../testing/until.ts";
import { FlowWatch, killVswitchd, startVswitchd } from "../testing/vswitchd.ts";
import { SwitchDriver } from "./driver.ts";
import { noCounters } from "./events.ts";
import type { SwitchDesired } from "./plan.ts";

let ovs: TestSwitch;
let proxy: Proxy;
/** Another controller's connection. */
let other: OpenFlowSocket;
const drivers: SwitchDriver[] = [];
before(async () => {
  ovs = await startSwitch();
  proxy = await Proxy.open(join(ovs.dir, "proxy.sock"), ovs.bridgeSocket);
});
beforeEach(async () => {
  other = await connect(ovs.bridge);
  await other.apply([
    { type: "flow_mod", command: "delete", table: 0xff, priority: 0, cookie: 0n, match: {}, instructions: {} },
    { type: "group_mod", command: "delete", groupType: "all", group: 0xfffffffc, buckets: [] },
    { type: "meter_mod", command: "delete", flags: [], meter: 0xffffffff, bands: [] },
  ]);
});
afterEach(() => {
  for (const driver of drivers.splice(0)) driver.close();
  other.close();
});
after(async () => {
  await proxy.close();
  await ovs.stop();
});

function open(address = ovs.bridge): SwitchDriver {
  const driver = new SwitchDriver(address, toyPipeline);
  drivers.push(driver);
  return driver;
}
/** Declares, and waits for the switch. */
async function apply(driver: SwitchDriver, changes: Iterable<readonly [string, SwitchDesired | undefined]>) {
  const change = driver.update(changes);
  driver.release();
  await applied(driver, change);
}
async function flowsByPort(): Promise<ReadonlyMap<number | bigint, readonly string[]>> {
  const { entries } = await other.request({ type: "flow_desc_request", match: {} });
  return new Map(
    entries.flatMap(({ match, instructions }) =>
      typeof match.in_port === "number"
        ? [[match.in_port, (instructions.apply ?? []).map((a) => a.type)] as const]
        : [],
    ),
  );
}
const groupNumbers = async () =>
  (await other.request({ type: "group_desc_request" })).entries.map((entry) => entry.group);
const meterNumbers = async () =>
  (await other.request({ type: "meter_desc_request" })).entries.map((entry) => entry.meter);

const NAMES = ["red", "green", "blue"] as const;
const COLOURS = NAMES.flatMap((name, i) => [
  toyGroup(name, [1 + i, 11 + i, 21 + i]),
  toyMeter(name, 10 + i),
  toyFlow(i + 1, [limit(name), group(name)]),
]);
const MISSES = toyPipeline.missFlows().length;
const ALL_COLOURS = toyFlow(9, [...NAMES].reverse().map(group));

test("a first sync brings everything, a restart with nothing changed brings nothing", async () => {
  const first = open();
  await apply(first, put(...COLOURS, ALL_COLOURS));
  assert.deepEqual(
    { ...first.counters },
    { ...noCounters(), flowMods: 4 + MISSES, groupMods: 3, meterMods: 3, plans: 1, syncs: 1 },
  );
  first.close();

  const watch = await FlowWatch.open(ovs.bridge);
  const second = open();
  // In another order: numbers are found in the switch, not handed out again.
  await apply(second, put(ALL_COLOURS, ...COLOURS.toReversed()));
  assert.deepEqual({ ...second.counters }, { ...noCounters(), syncs: 1 });
  assert.deepEqual(await watch.take(), []);
  await watch.close();
});

test("showing flows before the first sync hands out no numbers", async () => {
  const first = open();
  await apply(first, put(...COLOURS));
  first.close();
  const second = open();
  second.update(put(...COLOURS.toReversed()));
  for (const wanted of second.desired().values()) if (wanted.type === "flow") second.bind(wanted);
  second.release();
  await within("it is in step", once(second, "synced"));
  assert.equal(second.counters.flowMods + second.counters.groupMods + second.counters.meterMods, 0);
});

test("nothing is touched before the release, and what is not desired goes with it", async () => {
  const first = open();
  await apply(first, put(...range(1, 5).map((n) => toyFlow(n)), ...COLOURS.slice(3)));
  first.close();
  const watch = await FlowWatch.open(ovs.bridge);
  const second = open();
  second.update(put(toyFlow(1), toyFlow(2, [output(7)])));
  await within("it is connected", once(second, "connected"));
  assert.equal((await flowsByPort()).size, 5);
  assert.deepEqual(await watch.take(), []);
  second.release();
  await within("it is in step", once(second, "synced"));
  assert.deepEqual(new Set((await flowsByPort()).keys()), new Set([1, 2]));
  assert.deepEqual(await groupNumbers(), []);
  assert.deepEqual(await meterNumbers(), []);
  const events = (await watch.take()).map(({ event }) => event);
  assert.deepEqual(events.toSorted(), ["added", "removed", "removed", "removed"]);
  await watch.close();
});

test("flows, groups and meters of others stay, whatever happens to ours", async () => {
  const foreign = [
    { type: "flow_mod", command: "add", table: 0, priority: 7, cookie: 0n, match: {}, instructions: {} },
    { type: "flow_mod", command: "add", table: 0, priority: 100, cookie: 5n, match: { in_port: 99 }, instructions: {} },
    { type: "group_mod", command: "add", groupType: "all", group: 5, buckets: [] },
    { type: "meter_mod", command: "add", flags: ["kbps"], meter: 5, bands: [{ action: "drop", rate: 1, burst: 0 }] },
  ] as const;
  assert.deepEqual(await other.apply(foreign), []);
  const foreignLeft = async (): Promise<number> =>
    (await other.request({ type: "flow_desc_request", match: {} })).entries.filter(({ cookie }) => cookie <= 5n).length;
  const first = open();
  await apply(first, put(...COLOURS));
  await apply(first, take(...COLOURS));
  first.resync();
  await within("it is in step", once(first, "synced"));
  assert.equal(await foreignLeft(), 2);
  assert.deepEqual(await groupNumbers(), [5]);
  assert.deepEqual(await meterNumbers(), [5]);
  // What somebody put in the place of a flow of ours is not deleted with it.
  await apply(first, put(toyFlow(3)));
  await other.apply([
    { type: "flow_mod", command: "add", table: 0, priority: 100, cookie: 4n, match: { in_port: 3 }, instructions: {} },
  ]);
  await apply(first, take(toyFlow(3)));
  assert.equal(await foreignLeft(), 3);
});

test("a flow whose owner is another one now gets its cookie", async () => {
  const driver = open();
  await apply(driver, put(toyFlow(1)));
  const moved = toyFlow(1, [output(1)], { app: "l3", kind: "port", id: "somebody" });
  await apply(driver, put(moved));
  const { entries } = await other.request({ type: "flow_desc_request", match: { in_port: 1 } });
  assert.deepEqual(
    entries.map(({ cookie }) => cookie),
    [moved.cookie],
  );
  driver.close();
  const second = open();
  await apply(second, put(toyFlow(1)));
  assert.equal(second.counters.flowMods, 1);
});

test("what changes while a plan is on its way goes together in the next one, the latest counts", async () => {
  const driver = open(proxy.address);
  await apply(driver, put(toyFlow(1)));
  const { plans, flowMods } = driver.counters;
  const told: number[] = [];
  driver.on("applied", (change) => told.push(change));
  proxy.deafen();
  const before = driver.update(put(toyFlow(2)));
  let last = before;
  for (const n of range(1, 100)) last = driver.update(put(toyFlow(3, [output(n)]), toyFlow(100 + n)));
  last = driver.update(take(toyFlow(2)));
  await until("the switch has the first", async () => (await flowsByPort()).has(2));
  assert.deepEqual(told, []);
  proxy.hear();
  await applied(driver, last);
  assert.deepEqual(told, [before, last]);
  assert.equal(driver.counters.plans - plans, 2);
  assert.equal(driver.counters.flowMods - flowMods, 1 + 102);
  const flows = await flowsByPort();
  assert.equal(flows.size, 102);
  assert.ok(!flows.has(2));
});

test("a change that comes while the switch is read back is not lost", async () => {
  const first = open();
  await apply(first, put(...range(1, 50).map((n) => toyFlow(n))));
  first.close();
  const driver = open(proxy.address);
  driver.update(put(...range(1, 50).map((n) => toyFlow(n))));
  await within("it is connected", once(driver, "connected"));
  proxy.deafen();
  driver.release();
  driver.update(take(...range(1, 10).map((n) => toyFlow(n))));
  const last = driver.update(put(toyFlow(60), toyFlow(11, [onwards])));
  proxy.hear();
  await applied(driver, last);
  const flows = await flowsByPort();
  assert.deepEqual(new Set(flows.keys()), new Set([...range(11, 40), 60]));
  assert.deepEqual(flows.get(11), []);
  assert.equal(driver.counters.flowMods, 12);
});

test("cut at any point of a plan, it reads back and converges", async () => {
  const even = range(1, 150).map((n) => toyFlow(n, [output(1)]));
  const odd = range(1, 150).map((n) => toyFlow(n, n % 3 === 0 ? [limit("red"), group("green")] : [output(2)]));
  const driver = open(proxy.address);
  await apply(driver, put(...COLOURS.filter(({ type }) => type !== "flow"), ...even));
  const before = proxy.sent;
  await apply(driver, put(...odd));
  const bytes = proxy.sent - before;
  // Before anything arrives, at the open request, among the additions, at the commit and the barrier behind it.
  const points = [1, 20, 1000, bytes / 2, bytes - 500, bytes - 60, bytes - 30, bytes - 10, bytes - 1].map(Math.floor);
  for (const [i, point] of points.entries()) {
    const wanted = i % 2 === 0 ? even : odd;
    const { connections } = proxy;
    proxy.cutAfter(point);
    await apply(driver, put(...wanted));
    assert.ok(proxy.connections > connections, `no cut after ${point} of ${bytes} bytes`);
    const flows = await flowsByPort();
    assert.equal(flows.size, 150);
    assert.deepEqual(flows.get(3), wanted === odd ? ["meter", "group"] : ["output"]);
  }
});

test("flows that somebody else deletes or replaces come back; what they add for themselves is theirs", async () => {
  const driver = open();
  await apply(driver, put(...range(1, 100).map((n) => toyFlow(n, [group("red")])), ...COLOURS.slice(0, 1)));
  const foreign = { table: 0, cookie: 5n, instructions: {} } as const;
  let synced = once(driver, "synced");
  await other.apply([
    { ...foreign, type: "flow_mod", command: "delete", priority: 0, match: {} },
    { type: "group_mod", command: "delete", groupType: "all", group: 0xfffffffc, buckets: [] },
    { ...foreign, type: "flow_mod", command: "add", priority: 1, match: { in_port: 3 } },
  ]);
  await within("it is read back", synced);
  assert.equal((await flowsByPort()).size, 100);
  assert.equal((await groupNumbers()).length, 1);
  // One of them in the place of ours.
  synced = once(driver, "synced");
  await other.apply([{ ...foreign, type: "flow_mod", command: "add", priority: 100, match: { in_port: 3 } }]);
  await within("it is read back", synced);
  assert.deepEqual((await flowsByPort()).get(4), ["group"]);
  const { entries } = await other.request({ type: "flow_desc_request", match: { in_port: 3 } });
  assert.deepEqual(new Set(entries.map(({ cookie }) => cookie)), new Set([5n, toyFlow(3).cookie]));
  // Of their own: nothing to do with us, nor what we do ourselves.
  const { syncs } = driver.counters;
  await other.apply([{ ...foreign, type: "flow_mod", command: "add", priority: 7, match: {} }]);
  await apply(driver, [...take(toyFlow(1)), ...put(toyFlow(2, [output(5)]))]);
  await apply(driver, put(...range(1, 100).map((n) => toyFlow(n, [output(9)]))));
  await apply(driver, take(...range(1, 100).map((n) => toyFlow(n)), toyGroup("red", [])));
  assert.equal(driver.counters.syncs, syncs);
});

test("vswitchd restarts empty, and everything comes back", async () => {
  const driver = open();
  const flows = range(1, 200).map((n) => toyFlow(n, [limit("red"), group("green"), group("blue")]));
  await apply(driver, put(...COLOURS.filter(({ type }) => type !== "flow"), ...flows));
  const numbers = await groupNumbers();
  const lost = once(driver, "disconnected");
  await killVswitchd(ovs);
  await within("the connection is lost", lost);
  // What changes meanwhile goes with the rest; a group that nobody wants any more is forgotten.
  driver.update([...take(flows[0]!, COLOURS[0]!), ...put(toyFlow(500))]);
  const synced = once(driver, "synced");
  await startVswitchd(ovs);
  await within("it is in step", synced);
  other = await connect(ovs.bridge);
  assert.equal((await flowsByPort()).size, 200);
  assert.equal((await groupNumbers()).length, numbers.length - 1);
  assert.equal((await meterNumbers()).length, 3);
  assert.ok(driver.synced);
});

test("100,000 flows, and nothing to do for a second controller", async () => {
  const flows = range(1, 100_000).map(bulkFlow);
  const first = open();
  await apply(first, put(...flows));
  assert.equal(first.counters.refusals, 0);
  first.close();
  const second = open();
  await apply(second, put(...flows));
  assert.equal(second.counters.flowMods, 0);
  await apply(second, take(...flows));
  const { stats } = await other.request({ type: "aggregate_stats_request", match: {} });
  assert.equal(stats.flows, MISSES);
});
