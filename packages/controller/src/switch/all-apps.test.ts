import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { host, network, peer, port, router } from "@dragonflow/pipeline/testing";
import { pipeline } from "../apps.ts";
import { applied } from "../testing/applied.ts";
import { compiled } from "../testing/compiled.ts";
import { range } from "../testing/toy.ts";
import { FlowWatch } from "../testing/vswitchd.ts";
import { SwitchDriver } from "./driver.ts";
import type { ZoneLedger } from "./zones.ts";

let ovs: TestSwitch;
before(async () => {
  ovs = await startSwitch();
});
afterEach(() => {
  for (const driver of drivers.splice(0)) driver.close();
});
after(() => ovs.stop());

/** What is written down of zones, by whoever came before. */
let ledger: ZoneLedger = new Map();
const drivers: SwitchDriver[] = [];
function open(): SwitchDriver {
  const driver: SwitchDriver = new SwitchDriver(ovs.bridge, pipeline, (wanted) => {
    ledger = wanted;
    driver.zonesWritten(ledger);
  });
  drivers.push(driver);
  driver.zonesWritten(ledger);
  return driver;
}

const STATE = [
  ...host(),
  ...peer("host2", 900),
  ...peer("host3", { vxlan: 901 }),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...network({ n: 3, networkType: "vxlan", v6: null }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1, pairs: [{ ip: "10.9.0.0/16", mac: "fa:16:3e:00:00:0c" }] }),
  ...port({ n: 13, network: 1, chassis: "host2" }),
  ...port({ n: 14, network: 1, portSecurity: false }),
  ...port({ n: 15, network: 1, adminUp: false }),
  ...port({ n: 21, network: 2, chassis: "host2" }),
  ...port({ n: 31, network: 3 }),
  ...port({ n: 32, network: 3, chassis: "host3" }),
  ...router(5, [1, 2], [{ destination: "192.168.0.0/16", nexthop: "10.0.2.21" }]),
  ...range(100, 200).flatMap((n) => port({ n, network: 1, ...(n % 2 === 0 ? { chassis: "host2" } : {}) })),
];

test("every flow, group and meter of every app is taken, and a second controller finds nothing to change", async () => {
  const { switch: desired } = compiled(STATE);
  const first = open();
  const refused: string[] = [];
  first.on("refused", (key, wanted, { message }) => refused.push(`${wanted.type} ${key}: ${message}`));
  first.release();
  await applied(first, first.update(desired));
  assert.deepEqual(refused, []);
  assert.ok(first.counters.flowMods > 1000, `${first.counters.flowMods} flow-mods`);
  first.close();

  const watch = await FlowWatch.open(ovs.bridge);
  const second = open();
  second.update(compiled(STATE.toReversed()).switch);
  second.release();
  await applied(second, second.update([]));
  const { flowMods, groupMods, meterMods } = second.counters;
  assert.deepEqual({ flowMods, groupMods, meterMods }, { flowMods: 0, groupMods: 0, meterMods: 0 });
  assert.deepEqual(await watch.take(), []);
  await watch.close();
});
