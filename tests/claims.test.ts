/**
 * Several hosts claim one port: one of them has it, the others are told, and nothing flaps; who loses it makes room for
 * the next. A host that was asked for is no matter of claims.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { type Network, type Port, ports } from "@dragonflow/cli";
import { addVm, killHost, type LabHost, listHosts, listProcesses, removeVm, startHost } from "@dragonflow/lab";
import { type Cloud, FULL, startCloud, type Vm } from "./support/cloud.ts";
import { vsctl } from "./support/switches.ts";

let cloud: Cloud;
let network: Network;
let hosts: readonly [LabHost, LabHost, LabHost];
/** Whoever has the port reaches this one. */
let judge: Vm;

before(async () => {
  cloud = await startCloud({ hosts: 3 });
  hosts = (await listHosts(cloud.lab)) as [LabHost, LabHost, LabHost];
  network = await cloud.network("red");
  await cloud.subnet(network, "10.10.0.0/24");
  judge = await cloud.vm({ name: "judge", host: "host3", network });
});

/** A VM that is, or wants to be, a port. */
interface Claimant {
  readonly vm: string;
  readonly host: LabHost;
  readonly tap: string;
  readonly port: Port;
}

const newPort = async (name: string): Promise<Port> => cloud.api.create(ports, { name, network_id: network.id });

/** A VM on this host for the port, with its address and MAC, not plugged yet. */
async function claimantOf(port: Port, host: LabHost): Promise<Claimant> {
  const addresses = port.fixed_ips.map(({ ip_address }) => `${ip_address}/24`);
  const spec = { name: `${port.name}-${host.name}`, host: host.name, portId: port.id, mac: port.mac_address };
  const { name, tap } = await addVm(cloud.lab, { ...spec, addresses, dhcp: false, plug: false });
  return { vm: name, host, tap, port };
}
async function plug({ host, tap, port }: Claimant, bridge = "br-int"): Promise<void> {
  await vsctl(host, "add-port", bridge, tap, "--", "set", "Interface", tap, `external_ids:iface-id=${port.id}`);
}
const unplug = async ({ host, tap }: Claimant) => vsctl(host, "del-port", tap);

const reachesJudge = async ({ vm }: Claimant): Promise<boolean> =>
  (await cloud.exec({ name: vm }, "ping", "-n", "-c", "1", "-W", "0.5", judge.ipv4)).status === 0;

/** Waits until the port is there, and works there. @returns its revision number */
async function has(holder: Claimant, status = "ACTIVE"): Promise<number> {
  const shown = await cloud.until(`${holder.vm} has the port`, async () => {
    const port = await cloud.port(holder.port.id);
    return port["binding:host_id"] === holder.host.chassis && port.status === status && port;
  });
  if (status === "ACTIVE") await cloud.until(`${holder.vm} reaches the judge`, () => reachesJudge(holder), 10_000);
  return shown.revision_number;
}

/** Whose port it is, as the controller of the host was told each time. */
async function toldTo({ host, port }: Claimant): Promise<readonly unknown[]> {
  const log = (await listProcesses(cloud.lab)).find(({ name }) => name === `controller-${host.name}`)?.logFile;
  assert.ok(log);
  const entries = readFileSync(log, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line));
  return entries.flatMap((entry) =>
    typeof entry === "object" && entry !== null && "holder" in entry && "port" in entry && entry.port === port.id
      ? [entry.holder]
      : [],
  );
}
async function isTold(loser: Claimant, holder: Claimant): Promise<void> {
  await cloud.until(`${loser.vm}'s host is told that ${holder.vm} has the port`, async () => {
    return (await toldTo(loser)).at(-1) === holder.host.chassis;
  });
}

/** Anything that is folded after what came before: a port of its own goes up and down. */
async function letSettle(): Promise<void> {
  const marker = await newPort(`marker${++markers}`);
  const claimant = await claimantOf(marker, hosts[2]);
  await plug(claimant);
  await has(claimant);
  await removeVm(cloud.lab, claimant.vm);
  await cloud.until("the marker is free again", async () => (await cloud.port(marker.id))["binding:host_id"] === "");
  await cloud.api.remove(ports, marker.id);
}
let markers = 0;

test("two claims at the same instant: one has it, the other is told, and nothing flaps", async () => {
  for (let round = 1; round <= (FULL ? 10 : 3); round++) {
    const port = await newPort(`same${round}`);
    const [one, other] = [await claimantOf(port, hosts[0]), await claimantOf(port, hosts[1])];
    await Promise.all([plug(one), plug(other)]);
    const host = await cloud.until("somebody has the port", async () => (await cloud.port(port.id))["binding:host_id"]);
    const [winner, loser] = host === one.host.chassis ? [one, other] : [other, one];
    const revision = await has(winner);
    await isTold(loser, winner);
    await letSettle();
    assert.equal(await reachesJudge(loser), false);
    assert.equal(await reachesJudge(winner), true);
    // Created, granted, active: what came later has changed nothing, and who was told was told once.
    assert.equal((await cloud.port(port.id)).revision_number, revision);
    assert.ok(revision <= 3, `revision ${revision}`);
    assert.deepEqual(await toldTo(loser), [winner.host.chassis]);
    assert.deepEqual(await toldTo(winner), []);
    for (const { vm } of [winner, loser]) await removeVm(cloud.lab, vm);
    await cloud.until("nobody has it", async () => (await cloud.port(port.id))["binding:host_id"] === "");
  }
});

test("a later claim is refused; when the holder's interface goes, and when its host dies, the next has its turn", async () => {
  const port = await newPort("later");
  const first = await claimantOf(port, hosts[1]);
  const second = await claimantOf(port, hosts[0]);
  const third = await claimantOf(port, hosts[2]);
  await plug(first);
  const revision = await has(first);
  await plug(second);
  await isTold(second, first);
  await plug(third);
  await isTold(third, first);
  await letSettle();
  assert.equal((await cloud.port(port.id)).revision_number, revision);
  assert.deepEqual(
    [await reachesJudge(first), await reachesJudge(second), await reachesJudge(third)],
    [true, false, false],
  );

  await unplug(first);
  await has(second);
  await isTold(third, second);
  // Back again, it is a later claim.
  await plug(first);
  await isTold(first, second);
  await letSettle();
  assert.equal(await reachesJudge(second), true);
  assert.equal(await reachesJudge(first), false);

  // Of those that are left the first by name gets it, once the lease of the dead one has run out.
  await killHost(cloud.lab, second.host.name);
  await has(first);
  await startHost(cloud.lab, second.host.name);
  await isTold(second, first);
  await letSettle();
  assert.equal(await reachesJudge(first), true);
  for (const { vm } of [first, second, third]) await removeVm(cloud.lab, vm);
});

test("a host that is asked for by the API has the port, whoever claimed it before", async () => {
  const port = await newPort("asked");
  const [claimant, asked] = [await claimantOf(port, hosts[0]), await claimantOf(port, hosts[1])];
  await plug(claimant);
  await has(claimant);
  await cloud.api.update(ports, port.id, { "binding:host_id": asked.host.chassis });
  await isTold(claimant, asked);
  assert.equal((await cloud.port(port.id)).status, "DOWN");
  await cloud.until("the claimant is cut off", async () => !(await reachesJudge(claimant)), 10_000);
  await plug(asked);
  await has(asked);
  for (const { vm } of [claimant, asked]) await removeVm(cloud.lab, vm);
  await cloud.until("the port is down", async () => (await cloud.port(port.id)).status === "DOWN");
  assert.equal((await cloud.port(port.id))["binding:host_id"], asked.host.chassis);
});

test("an interface that becomes another port is that port; one on another bridge is none", async () => {
  const [one, two] = [await newPort("one"), await newPort("two")];
  const claimant = await claimantOf(one, hosts[0]);
  const { host, tap } = claimant;
  await vsctl(host, "add-br", "br-else", "--", "set", "Bridge", "br-else", "datapath_type=netdev");
  await plug(claimant, "br-else");
  await letSettle();
  assert.equal((await cloud.port(one.id))["binding:host_id"], "");
  await unplug(claimant);

  await plug(claimant);
  await has(claimant);
  await vsctl(host, "set", "Interface", tap, `external_ids:iface-id=${two.id}`);
  await cloud.until("the other port is ACTIVE", async () => (await cloud.port(two.id)).status === "ACTIVE");
  await cloud.until("the first is free", async () => (await cloud.port(one.id))["binding:host_id"] === "");
  // It still has the first one's address and MAC, which are not its own any more.
  await cloud.until(
    "it says nothing with the address of the first",
    async () => !(await reachesJudge(claimant)),
    10_000,
  );
  await vsctl(host, "set", "Interface", tap, `external_ids:iface-id=${one.id}`);
  await has(claimant);
  await vsctl(host, "set", "Interface", tap, "ofport_request=77");
  await cloud.until("it works under another number", async () => {
    return (await vsctl(host, "get", "Interface", tap, "ofport")) === "77" && (await reachesJudge(claimant));
  });
  await vsctl(host, "remove", "Interface", tap, "external_ids", "iface-id");
  await cloud.until("nobody is the port", async () => (await cloud.port(one.id))["binding:host_id"] === "");
});
