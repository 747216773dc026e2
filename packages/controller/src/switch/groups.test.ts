import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import fc from "fast-check";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { applied } from "../testing/applied.ts";
import { group, put, range, take, toyFlow, toyGroup, toyPipeline } from "../testing/toy.ts";
import { SwitchDriver } from "./driver.ts";
import { groupMods, type InstalledGroup } from "./group-mods.ts";
import type { SwitchDesired } from "./plan.ts";

let ovs: TestSwitch;
let other: OpenFlowSocket;
let driver: SwitchDriver;
before(async () => {
  ovs = await startSwitch();
  other = await connect(ovs.bridge);
});
beforeEach(async () => {
  await other.apply([
    { type: "flow_mod", command: "delete", table: 0xff, priority: 0, cookie: 0n, match: {}, instructions: {} },
    { type: "group_mod", command: "delete", groupType: "all", group: 0xfffffffc, buckets: [] },
  ]);
  driver = new SwitchDriver(ovs.bridge, toyPipeline);
});
afterEach(() => driver.close());
after(async () => {
  other.close();
  await ovs.stop();
});

async function apply(...changes: readonly (readonly [string, SwitchDesired | undefined])[]): Promise<void> {
  const change = driver.update(changes);
  driver.release();
  await applied(driver, change);
}
/** A second life of the controller: it knows what is in the switch by reading only. */
async function restart(...changes: readonly (readonly [string, SwitchDesired | undefined])[]): Promise<void> {
  driver.close();
  driver = new SwitchDriver(ovs.bridge, toyPipeline);
  await apply(...changes);
}
/** Group number -> the ports that its buckets put out at. */
async function groups(): Promise<ReadonlyMap<number, readonly number[]>> {
  const { entries } = await other.request({ type: "group_desc_request" });
  return new Map(
    entries.map(({ group: number, buckets }) => [
      number,
      buckets
        .flatMap(({ actions }) => actions.flatMap((a) => (a.type === "output" ? [a.port] : [])))
        .toSorted((a, b) => a - b),
    ]),
  );
}
async function groupsOfFlow(port: number): Promise<readonly number[]> {
  const { entries } = await other.request({ type: "flow_desc_request", match: { in_port: port } });
  return entries.flatMap(({ instructions }) =>
    (instructions.apply ?? []).flatMap((a) => (a.type === "group" ? [a.group] : [])),
  );
}
const FIRST = 0x0df00000;
const binding = { group: () => FIRST, meter: () => 0, zone: () => 0 };
const modsOf = (buckets: readonly number[], installed?: InstalledGroup) =>
  groupMods(toyGroup("g", buckets), FIRST, toyPipeline, binding, installed);

test("one bucket more is one inserted, one less is one removed, another one is both", () => {
  const { installs } = modsOf(range(1, 500));
  const kinds = (buckets: readonly number[]) =>
    modsOf(buckets, installs).mods.map(({ command, buckets: list, commandBucket }) => [
      command,
      list.length,
      commandBucket,
    ]);
  assert.deepEqual(kinds(range(1, 500)), []);
  assert.deepEqual(kinds(range(1, 501)), [["insert_bucket", 1, 0xfffffffe]]);
  assert.deepEqual(kinds(range(2, 499)), [["remove_bucket", 0, 1]]);
  assert.deepEqual(kinds(range(2, 500)), [
    ["remove_bucket", 0, 1],
    ["insert_bucket", 1, 0xfffffffe],
  ]);
  assert.deepEqual(
    kinds(range(200, 500)).map(([command]) => command),
    ["add_or_mod"],
  );
});

test("a group that is too large for a message comes in several", () => {
  const { mods } = modsOf(range(1, 5000));
  assert.deepEqual(mods.map(({ command }) => command).slice(0, 3), ["add_or_mod", "insert_bucket", "insert_bucket"]);
  assert.equal(mods.flatMap(({ buckets }) => buckets).length, 5000);
});

test("whatever is installed, the mods lead to what is desired (property)", () => {
  const some = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 30 });
  fc.assert(
    fc.property(some, some, fc.boolean(), (from, to, isRestarted) => {
      const { installs } = modsOf(from);
      const known = isRestarted ? { ...installs, sent: new Map() } : installs;
      const now = new Map(installs.buckets);
      const after = modsOf(to, known);
      for (const { command, commandBucket, buckets } of after.mods) {
        if (command === "add_or_mod") now.clear();
        if (command === "remove_bucket") assert.ok(now.delete(commandBucket ?? 0));
        for (const { bucket } of buckets) {
          assert.ok(!now.has(bucket), "a bucket with this number is there");
          now.set(bucket, after.installs.buckets?.get(bucket) ?? "");
        }
      }
      assert.deepEqual(now, after.installs.buckets);
      assert.equal(now.size, to.length);
      // What stays is not touched.
      const kept = from.filter((n) => to.includes(n)).length;
      const sent = after.mods.flatMap(({ buckets }) => buckets).length;
      assert.ok(sent === 0 || sent === to.length - kept || after.mods[0]?.command === "add_or_mod");
    }),
  );
});

test("buckets come and go one by one in a real switch, before a restart and after", async () => {
  const flood = toyFlow(1, [group("g")]);
  await apply(...put(toyGroup("g", range(1, 100)), flood));
  for (const again of [apply, restart]) {
    await again(...put(flood, toyGroup("g", range(1, 101))));
    await again(...put(flood, toyGroup("g", range(3, 98))));
    await again(...put(flood, toyGroup("g", range(1, 100))));
    assert.deepEqual([...(await groups())], [[FIRST, range(1, 100)]]);
  }
  // The last life: two buckets in one message.
  assert.equal(driver.counters.groupMods, 1);
  assert.equal(driver.counters.flowMods, 0);
});

test("thousand buckets, read back and kept", async () => {
  await apply(...put(toyGroup("g", range(1, 1000)), toyFlow(1, [group("g")])));
  await restart(...put(toyGroup("g", range(1, 1000)), toyFlow(1, [group("g")])));
  assert.equal(driver.counters.groupMods, 0);
  assert.equal((await groups()).get(FIRST)?.length, 1000);
});

test("a flow moves to another group while its old one goes", async () => {
  const [red, blue] = [toyGroup("red", [1]), toyGroup("blue", [2])];
  await apply(...put(red, toyFlow(1, [group("red")]), toyFlow(2, [group("red")])));
  await apply(...put(blue, toyFlow(1, [group("blue")])), ...take(red, toyFlow(2)));
  assert.deepEqual([...(await groups())], [[FIRST + 1, [2]]]);
  assert.deepEqual(await groupsOfFlow(1), [FIRST + 1]);
  // The number is free again, once nothing in the switch uses it.
  await apply(...put(toyGroup("green", [3]), toyFlow(3, [group("green")])));
  assert.deepEqual((await groups()).get(FIRST), [3]);
  assert.deepEqual(driver.refused.size, 0);
});

test("names change places between two lives", async () => {
  const [red, blue] = [toyGroup("red", [1]), toyGroup("blue", [2])];
  await apply(...put(red, blue, toyFlow(1, [group("red"), group("blue")])));
  await restart(...put(red, blue, toyFlow(1, [group("blue"), group("red")]), toyFlow(2, [group("red")])));
  const [first, second] = await groupsOfFlow(1);
  const there = await groups();
  assert.deepEqual([there.get(first ?? 0), there.get(second ?? 0)], [[2], [1]]);
  assert.deepEqual(await groupsOfFlow(2), [second]);
});

test("a group that lost its flow keeps nobody from its number", async () => {
  const flood = toyFlow(1, [group("g")]);
  await apply(...put(toyGroup("g", [1, 2]), flood));
  await other.apply([
    { type: "flow_mod", command: "delete", table: 0xff, priority: 0, cookie: 0n, match: {}, instructions: {} },
  ]);
  await restart(...put(toyGroup("g", [1, 2]), flood));
  assert.equal(driver.refused.size, 0);
  assert.deepEqual([...(await groups()).values()], [[1, 2]]);
  assert.deepEqual(await groupsOfFlow(1), [...(await groups()).keys()]);
});
