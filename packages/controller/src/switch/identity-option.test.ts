import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { act, identityOption, type Step, subfield } from "@dragonflow/pipeline";
import { applied } from "../testing/applied.ts";
import { put, toyFlow, toyPipeline } from "../testing/toy.ts";
import { within } from "../testing/until.ts";
import { FlowWatch, killVswitchd, startVswitchd } from "../testing/vswitchd.ts";
import { SwitchDriver } from "./driver.ts";

let ovs: TestSwitch;
let driver: SwitchDriver;
let refused: [string, string][];
beforeEach(async () => {
  ovs = await startSwitch();
  driver = open();
});
afterEach(async () => {
  driver.close();
  await ovs.stop();
});

const OURS = "0xffdf\t0x1\t4\ttun_metadata0";
const THEIRS = "{class=0x0102,type=0x80,len=4}";
const write: Step = act({ type: "copy_field", src: subfield("sourceIdentity"), dst: identityOption });
const writing = toyFlow(1, [write]);
const reading = toyFlow(2, [act({ type: "copy_field", src: identityOption, dst: subfield("sourceIdentity") })]);
const plain = toyFlow(3);

function open(): SwitchDriver {
  const opened = new SwitchDriver(ovs.bridge, toyPipeline);
  refused = [];
  opened.on("refused", (key, _, { code }) => refused.push([key, code]));
  return opened;
}
async function start(): Promise<void> {
  driver.release();
  await applied(driver, driver.update(put(writing, reading, plain)));
}
/** One line a mapping. */
async function maps(): Promise<readonly string[]> {
  const text = await ovs.ofctl("dump-tlv-map", ovs.bridge);
  return [...text.matchAll(/^ *(0x\w+)\s+(0x\w+)\s+(\d+)\s+(\w+)$/gm)].map((columns) => columns.slice(1).join("\t"));
}
async function flows(): Promise<number> {
  const socket = await connect(ovs.bridge);
  const { entries } = await socket.request({ type: "flow_desc_request", match: {} });
  socket.close();
  return entries.filter(({ match }) => "in_port" in match).length;
}

test("the option is there before flows that name it, and stays as it is for the next controller", async () => {
  await start();
  assert.deepEqual(refused, []);
  assert.deepEqual(await maps(), [OURS]);
  driver.close();
  const watch = await FlowWatch.open(ovs.bridge);
  driver = open();
  await start();
  assert.deepEqual(await maps(), [OURS]);
  assert.equal(driver.counters.flowMods, 0);
  assert.deepEqual(await watch.take(), []);
  await watch.close();
});

test("it is back after vswitchd has restarted", async () => {
  await start();
  const lost = once(driver, "disconnected");
  await killVswitchd(ovs);
  await within("the connection is lost", lost);
  const synced = once(driver, "synced");
  await startVswitchd(ovs);
  await within("it is in step", synced);
  assert.deepEqual(refused, []);
  assert.deepEqual(await maps(), [OURS]);
  assert.equal(await flows(), 3);
});

for (const [where, theirs, listed] of [
  ["another option in its field", `${THEIRS}->tun_metadata0`, "0x102\t0x80\t4\ttun_metadata0"],
  ["it in another field", "{class=0xffdf,type=1,len=4}->tun_metadata7", "0xffdf\t0x1\t4\ttun_metadata7"],
  ["it with another length", "{class=0xffdf,type=1,len=8}->tun_metadata0", "0xffdf\t0x1\t8\ttun_metadata0"],
] as const)
  test(`somebody has ${where}: theirs stays, what needs it is refused and says why, the rest goes on`, async () => {
    await ovs.ofctl("add-tlv-map", ovs.bridge, theirs);
    await start();
    assert.deepEqual(await maps(), [listed]);
    assert.deepEqual(new Map(refused), new Map([writing, reading].map(({ key }) => [key, "option-taken"])));
    assert.match(driver.refused.get(writing.key)?.message ?? "", /somebody else's option .* instead of \{class=0xffdf/);
    assert.equal(await flows(), 1);
    // Theirs goes: what was refused comes with the next look.
    await ovs.ofctl("del-tlv-map", ovs.bridge);
    const synced = once(driver, "synced");
    driver.resync();
    await within("it is in step", synced);
    assert.equal(driver.refused.size, 0);
    assert.equal(await flows(), 3);
  });

test("options of others in other fields are not in the way", async () => {
  await ovs.ofctl("add-tlv-map", ovs.bridge, `${THEIRS}->tun_metadata1`);
  await start();
  assert.deepEqual(refused, []);
  assert.equal((await maps()).length, 2);
});
