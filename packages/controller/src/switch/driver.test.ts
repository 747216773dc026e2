import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { LOCAL } from "@dragonflow/engine";
import { Engine } from "@dragonflow/engine";
import { chassisTopic } from "@dragonflow/model";
import { type Desired, desiredOutput } from "@dragonflow/pipeline";
import { startSwitch } from "@dragonflow/openflow/testing";
import { APPS, pipeline } from "../apps.ts";
import { dispatch } from "../dispatch.ts";
import { host, network, peer, port, router, SELF } from "@dragonflow/pipeline/testing";
import { SwitchDriver } from "./driver.ts";

let ovs: Awaited<ReturnType<typeof startSwitch>>;
before(async () => {
  ovs = await startSwitch();
});
after(() => ovs.stop());

const STATE = [
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1, pairs: [{ ip: "10.9.0.0/16", mac: "fa:16:3e:00:00:0c" }] }),
  ...port({ n: 13, network: 1, chassis: "host2" }),
  ...port({ n: 21, network: 2, chassis: "host2" }),
  ...router(5, [1, 2], [{ destination: "192.168.0.0/16", nexthop: "10.0.2.21" }]),
];

function engine(): Engine<Desired> {
  const roots = (partition: string): boolean => partition === LOCAL || partition === chassisTopic(SELF);
  return new Engine({ apps: APPS.map((app) => app.compile), output: desiredOutput, roots });
}
function everything(state: typeof STATE) {
  const partitions = [...new Set(state.map((change) => change.partition))].filter((p) => p !== LOCAL);
  return dispatch(
    engine().apply(
      state,
      partitions.map((partition) => ({ partition, state: "current" as const })),
    ),
  );
}
async function install(driver: SwitchDriver, state: typeof STATE): Promise<void> {
  driver.update(everything(state).switch);
  driver.release();
  if (!driver.synced) await once(driver, "synced");
}

test("every flow of every app is accepted, and a second controller finds nothing to change", async () => {
  const first = new SwitchDriver(`unix:${ovs.bridgeSocket}`, pipeline);
  const refused: string[] = [];
  first.on("refused", (key, desired, error) => refused.push(`${desired.type} ${key}: ${error.code}`));
  await install(first, STATE);
  assert.deepEqual(refused, []);
  assert.ok(first.counters.flowMods > 50, `${first.counters.flowMods} flow-mods`);
  first.close();

  const second = new SwitchDriver(`unix:${ovs.bridgeSocket}`, pipeline);
  await install(second, STATE);
  assert.equal(second.counters.flowMods, 0);
  assert.equal(second.counters.bundles, 0);
  second.close();
});
