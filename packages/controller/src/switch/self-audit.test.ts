import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { cookieOf } from "@dragonflow/pipeline";
import { applied } from "../testing/applied.ts";
import { DeafToMonitor } from "../testing/deaf-to-monitor.ts";
import { bulkFlow, group, ownerOf, put, range, toyFlow, toyGroup, toyMeter, toyPipeline } from "../testing/toy.ts";
import { until } from "../testing/until.ts";
import { SwitchDriver } from "./driver.ts";
import type { SwitchDesired } from "./plan.ts";

let ovs: TestSwitch;
let other: OpenFlowSocket;
let between: DeafToMonitor;
let driver: SwitchDriver | undefined;
before(async () => {
  ovs = await startSwitch();
  other = await connect(ovs.bridge);
  between = await DeafToMonitor.open(join(ovs.dir, "between.sock"), ovs.bridgeSocket);
});
afterEach(async () => {
  driver?.close();
  await ovs.ofctl("del-flows", "br-int");
  await ovs.ofctl("del-groups", "br-int");
});
after(async () => {
  other.close();
  await between.close();
  await ovs.stop();
});

/** A driver that hears of nobody's changes but its own. */
async function start(items: readonly SwitchDesired[]): Promise<SwitchDriver> {
  const made = new SwitchDriver(between.address, toyPipeline);
  driver = made;
  const change = made.update(put(...items));
  const done = applied(made, change);
  made.release();
  await done;
  await until("it is in step", () => made.synced);
  return made;
}
/** As many steps as it takes to look at everything once. */
async function round(of: SwitchDriver): Promise<void> {
  const steps = toyPipeline.tables.length + 1;
  for (let n = 0; n < steps; n++) {
    await of.audit();
    await until("it is in step again", () => of.synced);
  }
}

test("what is gone, changed, or put there with a cookie of ours is found by the audit and made right, and counted; the rest is not touched", async () => {
  const items = range(1, 5).map((n) => toyFlow(n));
  const driven = await start(items);
  const { flowMods } = driven.counters;
  await round(driven);
  assert.deepEqual([driven.counters.repairedByAudit, driven.counters.flowMods], [0, flowMods]);
  assert.equal(driven.counters.auditedFlows, 5 + toyPipeline.missFlows().length, "the pipeline's own among them");

  const drifted: number[] = [];
  driven.on("drifted", (entries) => drifted.push(entries));
  const cookie = `0x${cookieOf(ownerOf(9)).toString(16)}`;
  await ovs.ofctl("del-flows", "--strict", "br-int", "table=0,priority=100,in_port=2");
  await ovs.ofctl("mod-flows", "--strict", "br-int", "table=0,priority=100,in_port=3,actions=drop");
  await ovs.ofctl("add-flow", "br-int", `table=0,priority=100,in_port=9,cookie=${cookie},actions=drop`);
  await ovs.ofctl("add-flow", "br-int", "table=0,priority=100,in_port=8,cookie=0x1,actions=drop");
  await round(driven);
  assert.deepEqual(drifted, [3]);
  assert.equal(driven.counters.repairedByAudit, 3);
  assert.equal(driven.counters.flowMods, flowMods + 3, "one each");
  assert.equal(driven.counters.syncs, 1, "and not all of it was read back");
  const { entries } = await other.request({ type: "flow_desc_request", match: {}, table: 0 });
  const inPorts = new Set(entries.map(({ match }) => match.in_port));
  assert.deepEqual(inPorts, new Set([1, 2, 3, 4, 5, 8, undefined]));
  assert.equal(entries.find(({ match }) => match.in_port === 3)?.instructions.apply?.length, 1);
  await round(driven);
  assert.equal(driven.counters.repairedByAudit, 3);
});

test("a group or a meter that others changed: everything is read back and made right", async () => {
  const flow = toyFlow(1, [group("g")]);
  const driven = await start([toyGroup("g", [1, 2]), flow, toyMeter("m")]);
  await round(driven);
  assert.equal(driven.counters.repairedByAudit, 0);
  const { entries } = await other.request({ type: "group_desc_request" });
  await ovs.ofctl("mod-group", "br-int", `group_id=${entries[0]?.group},type=all,bucket=output:7`);
  await ovs.ofctl("del-meters", "br-int");
  await round(driven);
  await until("it is in step", () => driven.synced);
  assert.equal(driven.counters.repairedByAudit, 2);
  assert.equal(driven.counters.syncs, 2);
  const now = await other.request({ type: "group_desc_request" });
  assert.equal(now.entries[0]?.buckets.length, 2);
});

test("a switch that is not quiet is left in peace: the same part is looked at another time", async () => {
  const driven = await start(range(1, 3).map((n) => toyFlow(n)));
  await ovs.ofctl("del-flows", "--strict", "br-int", "table=0,priority=100,in_port=2");
  const audit = driven.audit();
  const change = driven.update(put(toyFlow(4)));
  const done = applied(driven, change);
  await audit;
  await done;
  assert.equal(driven.counters.auditedFlows, 0);
  await until("it is in step", () => driven.synced);
  await driven.audit();
  assert.equal(driven.counters.repairedByAudit, 1);
});

test("each of thousands of flows is looked at once a round, by the switch and here, and one that is gone is found", async () => {
  const uuid = (n: number): string =>
    `0a0b0c0d-${((n * 40503) % 65536).toString(16).padStart(4, "0")}-4000-8000-00000000000a`;
  const items = range(0, 2000).map((n) => ({ ...bulkFlow(n), cookie: cookieOf({ app: "l2", id: uuid(n) }) }));
  const driven = await start(items);
  await ovs.ofctl("del-flows", "--strict", "br-int", "table=0,priority=100,dl_dst=02:00:00:00:07:00");
  // 16 slices of the first table, one of the other.
  for (let n = 0; n < 17; n++) {
    await driven.audit();
    await until("it is in step again", () => driven.synced);
  }
  assert.equal(driven.counters.repairedByAudit, 1);
  assert.equal(driven.counters.auditedFlows, 2000 - 1 + toyPipeline.missFlows().length);
});
