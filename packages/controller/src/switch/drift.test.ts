import assert from "node:assert/strict";
import { after, afterEach, before, mock, test } from "node:test";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { applied } from "../testing/applied.ts";
import { group, limit, put, refusedSteps, toyFlow, toyGroup, toyMeter, toyPipeline, zoneFlow } from "../testing/toy.ts";
import { FlowWatch } from "../testing/vswitchd.ts";
import type { SwitchDifference } from "./difference.ts";
import { SwitchDriver } from "./driver.ts";
import { addition, packFlow } from "./plan.ts";

let ovs: TestSwitch;
let other: OpenFlowSocket;
let driver: SwitchDriver;
before(async () => {
  ovs = await startSwitch();
  other = await connect(ovs.bridge);
  driver = new SwitchDriver(ovs.bridge, toyPipeline);
  const wanted = [toyGroup("red", [1, 2]), toyMeter("slow"), toyFlow(1, [limit("slow"), group("red")]), toyFlow(2)];
  const change = driver.update(put(...wanted, zoneFlow(3, "zone"), toyFlow(4, refusedSteps)));
  driver.release();
  await applied(driver, change);
});
afterEach(() => mock.timers.reset());
after(async () => {
  driver.close();
  other.close();
  await ovs.stop();
});

/** For flows that name nothing. */
const NO_NAMES = { group: () => 0, meter: () => 0, zone: () => 0 };
const inShort = (all: readonly SwitchDifference[]) =>
  all.map(({ problem, type, what, owner }) => `${problem} ${type} ${what} of ${owner?.kind} ${owner?.id}`).sort();

test("what is as it shall be is no difference, nor is what the switch refused; and looking changes nothing", async () => {
  const watch = await FlowWatch.open(ovs.bridge);
  const { flowMods } = driver.counters;
  assert.deepEqual(await driver.drift(), []);
  assert.deepEqual(await watch.take(), []);
  assert.equal(driver.counters.flowMods, flowMods);
  await watch.close();
});

test("what somebody else removed, changed or put in is named with its owner", async () => {
  // The driver hears of it, and would repair it when a timer says so.
  mock.timers.enable({ apis: ["setTimeout"] });
  const [port2, port3] = [toyFlow(2), toyFlow(3)].map((flow) => packFlow(flow, toyPipeline, NO_NAMES));
  assert.ok(port2 && port3);
  const { table, priority, match, cookie } = port2;
  const gone = { table, priority, match, cookie };
  const stray = packFlow(toyFlow(99), toyPipeline, NO_NAMES);
  const { entries } = await other.request({ type: "group_desc_request" });
  const number = entries[0]?.group ?? 0;
  await other.apply([
    { type: "packed_flow_mod", command: "delete_strict", ...gone, cookieMask: 0n, instructions: "" },
    // Without its zone.
    addition(port3),
    addition(stray),
    {
      type: "group_mod",
      command: "add_or_mod",
      groupType: "all",
      group: number,
      buckets: [{ bucket: 1, actions: [] }],
    },
    { type: "meter_mod", command: "delete", flags: [], meter: 0xffffffff, bands: [] },
  ]);
  const differences = await driver.drift();
  assert.deepEqual(inShort(differences), [
    "different flow first priority=100,in_port=3 of port c0000003-0000-4000-8000-000000000003",
    "different group red of network red",
    // It went with its meter.
    "missing flow first priority=100,in_port=1 of port c0000001-0000-4000-8000-000000000001",
    "missing flow first priority=100,in_port=2 of port c0000002-0000-4000-8000-000000000002",
    "missing meter slow of undefined undefined",
    "surplus flow first priority=100,in_port=99 of undefined undefined",
  ]);
  const changed = differences.find(({ problem, type }) => problem === "different" && type === "flow");
  assert.match(changed?.detail ?? "", /^the switch has output:1 .*, desired is set_field:.*->reg6,output:1 /);
});
