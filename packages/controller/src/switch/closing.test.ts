import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { applied } from "../testing/applied.ts";
import { Proxy } from "../testing/proxy.ts";
import { put, range, toyFlow, toyPipeline } from "../testing/toy.ts";
import { until, within } from "../testing/until.ts";
import { SwitchDriver } from "./driver.ts";

let ovs: TestSwitch;
let proxy: Proxy;
before(async () => {
  ovs = await startSwitch();
  proxy = await Proxy.open(join(ovs.dir, "proxy.sock"), ovs.bridgeSocket);
});
after(async () => {
  await proxy.close();
  await ovs.stop();
});

const flows = range(1, 200).map((n) => toyFlow(n));
const POINTS: Readonly<Record<string, (driver: SwitchDriver) => Promise<void>>> = {
  "at once": () => Promise.resolve(),
  "while connecting": () => until("somebody connects", () => proxy.connections > 0),
  "when connected": async (driver) => void (await within("connected", once(driver, "connected"))),
  "while reading back": async (driver) => {
    await within("connected", once(driver, "connected"));
    proxy.deafen();
    driver.release();
    await Promise.resolve();
  },
  "while a plan is on its way": async (driver) => {
    driver.release();
    await applied(driver, driver.update([]));
    proxy.deafen();
    driver.update(put(...flows));
    await Promise.resolve();
  },
  "when in step": async (driver) => {
    driver.release();
    await applied(driver, driver.update(put(...flows)));
  },
  "when somebody else has changed flows": async (driver) => {
    driver.release();
    await applied(driver, driver.update(put(...flows)));
    for (let i = 0; i < 2; i++) {
      const disturbed = once(driver, "disturbed");
      await ovs.ofctl("del-flows", ovs.bridge);
      // The second time it waits.
      if (i === 0) await within("it is noticed", disturbed);
    }
  },
  "while waiting for the switch": async (driver) => {
    await within("connected", once(driver, "connected"));
    const lost = once(driver, "disconnected").then(() => once(driver, "disconnected"));
    await proxy.close();
    await within("it was tried again in vain", lost);
  },
};

for (const [point, reach] of Object.entries(POINTS)) {
  test(`closed ${point}: nothing comes after it, and nothing is left`, async () => {
    const path = join(ovs.dir, "closing.sock");
    await proxy.close();
    proxy = await Proxy.open(path, ovs.bridgeSocket);
    const before = resources();
    const driver = new SwitchDriver(proxy.address, toyPipeline);
    await reach(driver);
    const late: string[] = [];
    for (const event of ["applied", "refused", "connected", "synced", "disconnected"] as const)
      driver.on(event, () => late.push(event));
    driver.close();
    driver.update(put(toyFlow(1000)));
    driver.release();
    await until("its connection is gone", () => resources() <= before);
    assert.deepEqual(late, []);
  });
}

/** Sockets and timers that keep the process alive; those of the test's own proxy come and go with the driver's. */
function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(Pipe|Timeout)/.test(name)).length;
}
