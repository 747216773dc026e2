import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { floodGroup, output } from "@dragonflow/pipeline";
import {
  group,
  limit,
  ownerOf,
  put,
  range,
  refusedSteps,
  take,
  toyFlow,
  toyGroup,
  toyMeter,
  toyPipeline,
} from "../testing/toy.ts";
import { applied } from "../testing/applied.ts";
import { within } from "../testing/until.ts";
import { SwitchDriver } from "./driver.ts";
import type { SwitchDesired } from "./plan.ts";

let ovs: TestSwitch;
let driver: SwitchDriver;
/** The keys that were told to be refused, and why. */
let told: [string, string][];
before(async () => {
  ovs = await startSwitch();
});
beforeEach(async () => {
  await ovs.ofctl("del-flows", ovs.bridge);
  await ovs.ofctl("del-groups", ovs.bridge);
  await ovs.ofctl("del-meters", ovs.bridge);
  driver = open();
});
afterEach(() => driver.close());
after(() => ovs.stop());

function open(): SwitchDriver {
  const opened = new SwitchDriver(ovs.bridge, toyPipeline);
  told = [];
  opened.on("refused", (key, _, { code }) => told.push([key, code]));
  return opened;
}
async function apply(changes: Iterable<readonly [string, SwitchDesired | undefined]>): Promise<void> {
  const change = driver.update(changes);
  driver.release();
  await applied(driver, change);
}
/** The input ports that have a flow, in order. */
async function ports(): Promise<readonly number[]> {
  const text = await ovs.ofctl("--no-names", "dump-flows", ovs.bridge);
  return [...text.matchAll(/in_port=(\d+)/g)].map(([, port]) => Number(port)).toSorted((a, b) => a - b);
}
const bad = toyFlow(5, refusedSteps);
const MATCH_INCONSISTENT = "OFPBAC_MATCH_INCONSISTENT";

for (const [size, count] of [
  ["few", 10],
  ["many", 300],
] as const) {
  test(`one refused flow among ${size}: the rest is in, it is told, and cleared by a change`, async () => {
    const good = range(1, count).filter((n) => n !== 5);
    await apply(put(...good.map((n) => toyFlow(n)), bad));
    assert.deepEqual(await ports(), good);
    assert.deepEqual(told, [[bad.key, MATCH_INCONSISTENT]]);
    assert.equal(driver.refused.get(bad.key)?.code, MATCH_INCONSISTENT);
    // It stands in the way of nobody.
    await apply(put(toyFlow(1000)));
    assert.deepEqual([...driver.refused.keys()], [bad.key]);
    await apply(put(toyFlow(5)));
    assert.equal(driver.refused.size, 0);
    assert.deepEqual(await ports(), [...range(1, count), 1000]);
    await apply(put(bad));
    await apply(take(bad));
    assert.equal(driver.refused.size, 0);
    assert.deepEqual(await ports(), [...good, 1000]);
    assert.equal(told.length, 2);
  });
}

test("many refused among many", async () => {
  const all = range(1, 600);
  await apply(put(...all.map((n) => toyFlow(n, n % 2 === 0 ? refusedSteps : undefined))));
  assert.deepEqual(
    await ports(),
    all.filter((n) => n % 2 === 1),
  );
  assert.equal(driver.refused.size, 300);
});

test("what a refused flow was to replace goes: the switch does not depend on what was", async () => {
  await apply(put(...range(1, 100).map((n) => toyFlow(n))));
  await apply(put(bad));
  assert.ok(!(await ports()).includes(5));
  driver.close();
  driver = open();
  await apply(put(...range(1, 100).map((n) => (n === 5 ? bad : toyFlow(n)))));
  assert.deepEqual(
    await ports(),
    range(1, 100).filter((n) => n !== 5),
  );
  // Read back again: still refused, nothing else to do.
  const { flowMods } = driver.counters;
  driver.resync();
  await within("it is in step", once(driver, "synced"));
  assert.equal(driver.counters.flowMods, flowMods + 1);
  assert.deepEqual([...driver.refused.keys()], [bad.key]);
});

test("while the switch is read back what was refused is not taken for good", async () => {
  await apply(put(...range(1, 100).map((n) => toyFlow(n)), bad));
  driver.resync();
  const synced = once(driver, "synced");
  let looks = 0;
  for (let isSynced = false; !isSynced; looks++) {
    assert.ok(driver.refused.has(bad.key));
    isSynced = await Promise.race([
      synced.then(() => true),
      new Promise<false>((resolve) => setImmediate(resolve, false)),
    ]);
  }
  assert.ok(looks > 1);
  assert.deepEqual([...driver.refused.keys()], [bad.key]);
});

test("refused only when the bundle is committed: a table that is full", async () => {
  await ovs.vsctl(
    "--",
    "--id=@t",
    "create",
    "Flow_Table",
    "flow_limit=50",
    "overflow_policy=refuse",
    "--",
    "set",
    "bridge",
    "br-int",
    "flow_tables:0=@t",
  );
  await apply(put(...range(1, 200).map((n) => toyFlow(n))));
  // One of them is what the pipeline itself wants in that table.
  assert.equal((await ports()).length, 49);
  assert.equal(driver.refused.size, 151);
  assert.ok([...driver.refused.values()].every(({ code }) => code === "OFPFMFC_TABLE_FULL"));
  await ovs.vsctl("clear", "bridge", "br-int", "flow_tables");
  driver.resync();
  await within("it is in step", once(driver, "synced"));
  assert.equal(driver.refused.size, 0);
  assert.equal((await ports()).length, 200);
});

test("what was changed while the refusal was on its way is sent", async () => {
  driver.release();
  await within("it is in step", once(driver, "synced"));
  driver.update(put(bad));
  // Sent by now, not answered yet.
  await Promise.resolve();
  await apply(put(toyFlow(5)));
  assert.deepEqual(await ports(), [5]);
  assert.equal(driver.refused.size, 0);
});

test("flows stand and fall with the groups and meters that they use", async () => {
  const users = [
    toyFlow(1, [group("red")]),
    toyFlow(2, [limit("slow"), output(1)]),
    toyFlow(3, [group("red"), group("blue")]),
  ];
  await apply(put(...users, toyFlow(4)));
  assert.deepEqual(await ports(), [4]);
  assert.deepEqual(
    told.map(([, code]) => code),
    ["unsendable", "unsendable", "unsendable"],
  );
  await apply(put(toyGroup("red", [1]), toyMeter("slow")));
  assert.deepEqual(await ports(), [1, 2, 4]);
  await apply(put(toyGroup("blue", [1])));
  assert.deepEqual(await ports(), [1, 2, 3, 4]);
  assert.equal(driver.refused.size, 0);
  // The switch deletes the flows of a deleted group: it is known, and told.
  await apply(take(toyGroup("red", []), toyMeter("slow")));
  assert.deepEqual(await ports(), [4]);
  assert.equal(driver.refused.size, 3);
  await apply(put(toyGroup("red", [1]), toyMeter("slow")));
  assert.deepEqual(await ports(), [1, 2, 3, 4]);
});

test("a refused group: its flows are told as well, and both come when it is right", async () => {
  const wrong = floodGroup(ownerOf(1), "red", [{ id: "b", steps: [output(0xffffff10)] }]);
  await apply(put(wrong, toyFlow(1, [group("red")]), toyFlow(2)));
  assert.deepEqual(await ports(), [2]);
  const codes = [
    [wrong.key, "OFPBAC_BAD_OUT_PORT"],
    [toyFlow(1).key, "OFPBAC_BAD_OUT_GROUP"],
  ];
  assert.deepEqual(told, codes);
  await apply(put(toyGroup("red", [1])));
  assert.deepEqual(await ports(), [1, 2]);
  assert.equal(driver.refused.size, 0);
  // Wrong again: what is there stays, so that floods go on.
  await apply(put(wrong));
  assert.deepEqual(await ports(), [1, 2]);
  assert.deepEqual([...driver.refused.keys()], [wrong.key]);
  await apply(put(toyGroup("red", [1, 2])));
  assert.equal(driver.refused.size, 0);
  assert.match(
    await ovs.ofctl("dump-groups", ovs.bridge),
    /bucket_id:1,actions=output:1,bucket=bucket_id:2,actions=output:2/,
  );
});
