import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { applied } from "../testing/applied.ts";
import { put, range, take, toyFlow, toyPipeline, zoneFlow } from "../testing/toy.ts";
import { until, within } from "../testing/until.ts";
import { FlowWatch, killVswitchd, startVswitchd } from "../testing/vswitchd.ts";
import { SwitchDriver } from "./driver.ts";
import { type ZoneLedger, ZONES, Zones } from "./zones.ts";

let ovs: TestSwitch;
let other: OpenFlowSocket;
/** What stands in the database. */
let ledger: ZoneLedger;
/** What the driver wants to stand there, while writing is held up. */
let unwritten: ZoneLedger | undefined;
let isHeldUp: boolean;
const drivers: SwitchDriver[] = [];
before(async () => {
  ovs = await startSwitch();
});
beforeEach(async () => {
  await ovs.ofctl("del-flows", ovs.bridge);
  await ovs.appctl("dpctl/flush-conntrack");
  other = await connect(ovs.bridge);
  ledger = new Map();
  unwritten = undefined;
  isHeldUp = false;
});
afterEach(() => {
  for (const driver of drivers.splice(0)) driver.close();
  other.close();
});
after(() => ovs.stop());

function open(): SwitchDriver {
  const driver = new SwitchDriver(ovs.bridge, toyPipeline, (wanted) => {
    unwritten = wanted;
    if (!isHeldUp) process.nextTick(() => write(driver));
  });
  drivers.push(driver);
  driver.zonesWritten(ledger);
  return driver;
}
function write(driver: SwitchDriver): void {
  if (unwritten !== undefined) ledger = unwritten;
  unwritten = undefined;
  driver.zonesWritten(ledger);
}
/** Input port -> zone, as the flows in the switch say. */
async function zonesInUse(): Promise<ReadonlyMap<number, number>> {
  const { entries } = await other.request({ type: "flow_desc_request", match: {} });
  return new Map(
    entries.flatMap(({ match, instructions }) => {
      const set = instructions.apply?.find((action) => action.type === "set_field" && action.field === "reg6");
      return set?.type === "set_field" ? [[Number(match.in_port), Number(set.value)] as const] : [];
    }),
  );
}
/** Puts a connection into a zone, as a packet through a flow would. */
async function track(zone: number): Promise<void> {
  const frame = Buffer.from(
    "020000000001020000000002080045000024000100004011000a0a0000010a0000020035003500100000",
    "hex",
  );
  const padded = Buffer.concat([frame, Buffer.alloc(8)]);
  padded.writeUInt16BE(0, 24);
  padded.writeUInt16BE(checksumOf(padded.subarray(14, 34)), 24);
  const sent = await other.apply([
    {
      type: "packet_out",
      match: { in_port: 0xfffffffd },
      actions: [{ type: "ct", commit: true, zone }],
      frame: padded,
    },
  ]);
  assert.deepEqual(sent, []);
}
function checksumOf(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
/** Zones that have connections. */
async function tracked(): Promise<readonly number[]> {
  const text = await ovs.appctl("dpctl/dump-conntrack");
  return [...text.matchAll(/zone=(\d+)/g)].map(([, zone]) => Number(zone)).toSorted((a, b) => a - b);
}

const FIRST = ZONES.first;

test("a zone of its own for each name; a restart goes on with the same, sends nothing and flushes nothing", async () => {
  const first = open();
  first.release();
  await applied(first, first.update(put(zoneFlow(1, "a"), zoneFlow(2, "b"), zoneFlow(3, "a"))));
  const zones = await zonesInUse();
  assert.deepEqual([zones.get(1), zones.get(3)], [FIRST, FIRST]);
  assert.equal(zones.get(2), FIRST + 1);
  assert.deepEqual(
    [...ledger].sort(([a], [b]) => a - b),
    [
      [FIRST, "a"],
      [FIRST + 1, "b"],
    ],
  );
  await track(FIRST + 1);
  first.close();
  const watch = await FlowWatch.open(ovs.bridge);
  const second = open();
  // In another order: numbers are found in the database, not handed out again.
  second.update(put(zoneFlow(2, "b"), zoneFlow(3, "a"), zoneFlow(1, "a")));
  second.release();
  await within("it is in step", once(second, "synced"));
  assert.equal(second.counters.flowMods, 0);
  assert.equal(second.counters.zoneFlushes, 0);
  assert.deepEqual(await watch.take(), []);
  assert.deepEqual(await tracked(), [FIRST + 1]);
  await watch.close();
});

test("a flow is sent only once its zone is written down and empty; others do not wait for it", async () => {
  await track(FIRST);
  isHeldUp = true;
  const driver = open();
  driver.release();
  const told: number[] = [];
  driver.on("applied", (change) => told.push(change));
  const change = driver.update(put(zoneFlow(1, "a"), toyFlow(2)));
  await until("the other one is there", async () => (await ovs.ofctl("dump-flows", ovs.bridge)).includes("in_port=2"));
  await until("it is to be written", () => unwritten?.get(FIRST) === "a");
  assert.deepEqual([...(await zonesInUse())], []);
  assert.deepEqual(await tracked(), [FIRST]);
  assert.equal(driver.synced, false);
  assert.deepEqual(told, []);
  write(driver);
  await applied(driver, change);
  assert.deepEqual([...(await zonesInUse())], [[1, FIRST]]);
  assert.deepEqual(await tracked(), []);
  assert.equal(driver.counters.zoneFlushes, 1);
});

test("a zone is given to another name only when no flow uses it, and then it is empty", async () => {
  const driver = open();
  driver.release();
  await applied(driver, driver.update(put(zoneFlow(1, "a"), zoneFlow(2, "a"))));
  await track(FIRST);
  await applied(driver, driver.update(take(zoneFlow(1, "a"))));
  await applied(driver, driver.update(put(zoneFlow(5, "c"))));
  // One flow uses it still.
  assert.equal((await zonesInUse()).get(5), FIRST + 1);
  assert.deepEqual(await tracked(), [FIRST]);
  await applied(driver, driver.update(take(zoneFlow(2, "a"))));
  await until("it is given back", () => !ledger.has(FIRST));
  assert.deepEqual(await tracked(), []);
  await applied(driver, driver.update(put(zoneFlow(6, "d"))));
  assert.equal((await zonesInUse()).get(6), FIRST);
  assert.equal(ledger.get(FIRST), "d");
});

test("who comes back before its flows are gone keeps its zone", async () => {
  const driver = open();
  driver.release();
  await applied(driver, driver.update(put(zoneFlow(1, "a"))));
  await track(FIRST);
  const [flow] = [zoneFlow(1, "a")];
  driver.update(take(flow));
  await applied(driver, driver.update(put(flow)));
  assert.deepEqual([...ledger], [[FIRST, "a"]]);
  assert.deepEqual(await tracked(), [FIRST]);
});

test("a name that nobody wants after a restart gives its zone back after its flows are gone", async () => {
  const first = open();
  first.release();
  await applied(first, first.update(put(zoneFlow(1, "a"), zoneFlow(2, "b"))));
  first.close();
  await track(FIRST);
  ledger = new Map([...ledger, [7, "not ours"]]);
  const second = open();
  second.update(put(zoneFlow(2, "b")));
  second.release();
  await until("it is given back", () => !ledger.has(FIRST));
  assert.deepEqual([...(await zonesInUse())], [[2, FIRST + 1]]);
  assert.deepEqual(await tracked(), []);
  assert.equal(second.counters.zoneFlushes, 1);
});

test("while the store has lost what it knew, zones stay as they are", async () => {
  const first = open();
  first.release();
  await applied(first, first.update(put(zoneFlow(1, "a"))));
  await track(FIRST);
  first.close();
  const second = open();
  const asked = Promise.withResolvers<void>();
  second.release(() => {
    asked.resolve();
    return false;
  });
  await within("it is asked", asked.promise);
  await until("it is not busy", async () => (await tracked()).length === 1 && second.counters.syncs === 1);
  assert.deepEqual([...ledger], [[FIRST, "a"]]);
  assert.equal(second.counters.zoneFlushes, 0);
  second.update(put(zoneFlow(1, "a")));
  second.release();
  await within("it is in step", once(second, "synced"));
  assert.deepEqual([...ledger], [[FIRST, "a"]]);
  assert.deepEqual(await tracked(), [FIRST]);
});

test("vswitchd restarts, and every port has the zone that it had", async () => {
  const driver = open();
  driver.release();
  await applied(driver, driver.update(put(...range(1, 20).map((n) => zoneFlow(n, `port ${n}`)))));
  const before = await zonesInUse();
  const lost = once(driver, "disconnected");
  await killVswitchd(ovs);
  await within("the connection is lost", lost);
  driver.update(take(zoneFlow(1, "port 1")));
  const synced = once(driver, "synced");
  await startVswitchd(ovs);
  await within("it is in step", synced);
  other = await connect(ovs.bridge);
  const [, ...rest] = before;
  assert.deepEqual(await zonesInUse(), new Map(rest));
});

test("numbers: those of others are not taken, a name that stands twice has one, and an end is told", () => {
  const zones = new Zones();
  zones.want("b");
  assert.equal(zones.prepare("b"), false);
  assert.equal(zones.numberOf("b"), undefined);
  zones.written(
    new Map([
      [1, "a"],
      [FIRST, "a"],
      [FIRST + 1, "a"],
      [65535, "c"],
    ]),
  );
  assert.deepEqual([...zones.ledger], [[FIRST, "a"]]);
  assert.ok(zones.prepare("a"));
  assert.equal(zones.prepare("b"), false);
  assert.equal(zones.numberOf("b"), FIRST + 1);
  assert.deepEqual(zones.unused(0), ["a"]);
  for (const n of range(0, ZONES.last - ZONES.first - 1)) zones.prepare(`port ${n}`);
  assert.throws(() => zones.prepare("one more"), RangeError);
  zones.free("a");
  assert.equal(zones.prepare("one more"), false);
  assert.equal(zones.numberOf("one more"), FIRST);
});
