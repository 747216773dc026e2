/**
 * What a host does depends on what its own ports need, not on the size of the cloud: 1,000 ports of other tenants cost it
 * nothing, 1,000 in its own network a few flows each, and a change of one of these a few flow-mods.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Network, type Port, ports } from "@dragonflow/cli";
import { type Cloud, FULL, startCloud, type Vm } from "./support/cloud.ts";
import { FlowMonitor } from "./support/switches.ts";

const PORTS = FULL ? 10_000 : 1_000;
const PER_REQUEST = 500;

let cloud: Cloud;
let own: Network;
let vm: Vm;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  own = await cloud.network("own");
  const subnets = [await cloud.subnet(own, "10.0.0.0/16"), await cloud.subnet(own, "fd00:10::/64")];
  await cloud.router("router", subnets);
  vm = await cloud.vm({ name: "vm1", host: "host1", network: own });
  await cloud.vm({ name: "vm2", host: "host2", network: own });
});

interface Status {
  readonly topics: readonly string[];
  readonly switch: { readonly flowMods: number };
  readonly size: { readonly units: number; readonly outputs: number };
}
async function status(): Promise<Status> {
  return (await cloud.ask("host1", "/status")) as Status;
}

/** Ports that are bound to host2, by requests of many. */
async function portsElsewhere(network: Network, count: number): Promise<readonly Port[]> {
  const made: Port[] = [];
  while (made.length < count) {
    const some = Array.from({ length: Math.min(PER_REQUEST, count - made.length) }, () => ({
      network_id: network.id,
      "binding:host_id": "host2",
    }));
    made.push(...(await cloud.api.createAll(ports, some)));
  }
  return made;
}

/** A port of the VM's network comes and goes: once its flows have, the host knows all that was written before. */
async function caughtUp(): Promise<void> {
  const [marker] = await portsElsewhere(own, 1);
  assert.ok(marker);
  const knows = async () => {
    const { flows } = (await cloud.ask("host1", "/flows")) as { flows: { owner: { id: string } }[] };
    return flows.some(({ owner }) => owner.id === marker.id);
  };
  await cloud.until("the marker is known", knows, 120_000);
  await cloud.api.remove(ports, marker.id);
  await cloud.until("the marker is gone", async () => !(await knows()));
}

test(`${PORTS} ports of other tenants cost a host nothing: no topic, no unit, no flow-mod`, async (t) => {
  await caughtUp();
  const before = await status();
  await using monitor = await FlowMonitor.open(await cloud.host("host1"));
  const other = await cloud.network("other");
  const subnets = [await cloud.subnet(other, "10.0.0.0/16"), await cloud.subnet(other, "fd00:10::/64")];
  await cloud.router("others", subnets);
  const started = performance.now();
  await portsElsewhere(other, PORTS);
  t.diagnostic(`${PORTS} ports were made in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  assert.deepEqual(await monitor.events(), []);
  await caughtUp();
  const after = await status();
  assert.deepEqual(
    { topics: [...after.topics].sort(), size: after.size },
    { topics: [...before.topics].sort(), size: before.size },
  );
});

test(`${PORTS} ports in the VM's own network: a few flows each, and a change of one touches just its own`, async (t) => {
  await caughtUp();
  const before = await status();
  const made = await portsElsewhere(own, PORTS);
  await caughtUp();
  const after = await status();
  const [units, outputs] = [after.size.units - before.size.units, after.size.outputs - before.size.outputs];
  t.diagnostic(`${units / PORTS} units and ${outputs / PORTS} flows for each port elsewhere`);
  assert.equal(units % PORTS, 0);
  assert.equal(outputs % PORTS, 0);
  assert.ok(outputs / PORTS <= 8, `${outputs / PORTS} flows for each port elsewhere`);
  assert.deepEqual([...after.topics].sort(), [...before.topics].sort());

  await using monitor = await FlowMonitor.open(await cloud.host("host1"));
  const [one] = made;
  assert.ok(one);
  await cloud.api.remove(ports, one.id);
  const events = await cloud.until("its flows are gone", async () => {
    const seen = await monitor.events();
    return seen.length >= outputs / PORTS && seen;
  });
  assert.deepEqual(
    events.filter((event) => !event.startsWith("event=DELETED")),
    [],
  );
  await caughtUp();
  const { size } = await status();
  assert.deepEqual(
    { units: after.size.units - size.units, outputs: after.size.outputs - size.outputs, deleted: events.length },
    { units: units / PORTS, outputs: outputs / PORTS, deleted: outputs / PORTS },
  );
});

test("a VM that is added among all of them works", async () => {
  const added = await cloud.vm({ name: "vm3", host: "host1", network: own });
  for (const address of [vm.ipv4, vm.ipv6]) {
    const { stdout } = await cloud.exec(added, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", address);
    assert.match(stdout, / 0% packet loss/);
  }
});
