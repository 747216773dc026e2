/**
 * What a change of security groups costs a host that has a few VMs of a large tenant, all in one group: counted by Open vSwitch's flow monitor, and by
 * the records that reach the host. Nothing of it grows with the group.
 *
 *   host1: ten VMs on five networks      host2: a thousand ports on these networks
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Network, type Port, ports, type SecurityGroup, securityGroupRules } from "@dragonflow/cli";
import { type Cloud, FULL, startCloud } from "./support/cloud.ts";
import { FlowMonitor } from "./support/switches.ts";

const PORTS = FULL ? 5_000 : 1_000;
const NETWORKS = 5;
const VMS = 10;
const PER_REQUEST = 500;

let cloud: Cloud;
let networks: Network[];
let group: SecurityGroup;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  networks = [];
  for (let i = 1; i <= NETWORKS; i++) {
    const network = await cloud.network(`net${i}`);
    await cloud.subnet(network, `10.${i}.0.0/16`);
    networks.push(network);
  }
  group = await cloud.group("tenant");
  const security_groups = [group.id];
  await cloud.vms(
    Array.from({ length: VMS }, (_, i) => {
      const network = networks[i % NETWORKS];
      assert.ok(network);
      return { name: `vm${i + 1}`, host: "host1", network, port: { security_groups } };
    }),
  );
});

/** Ports bound to host2, by requests of many. */
async function elsewhere(network: Network | undefined, count: number, attributes: object = {}): Promise<Port[]> {
  assert.ok(network);
  const made: Port[] = [];
  while (made.length < count) {
    const port = { network_id: network.id, "binding:host_id": "host2", ...attributes };
    const some = Array.from({ length: Math.min(PER_REQUEST, count - made.length) }, () => port);
    made.push(...(await cloud.api.createAll(ports, some)));
  }
  return made;
}

interface Status {
  readonly inSync: boolean;
  readonly records: { readonly received: number };
  readonly size: { readonly outputs: number };
}
interface OwnedFlow {
  readonly owner: { readonly app: string; readonly id: string };
}
const status = async (): Promise<Status> => (await cloud.ask("host1", "/status")) as Status;
const flows = async (): Promise<readonly OwnedFlow[]> =>
  ((await cloud.ask("host1", "/flows")) as { flows: OwnedFlow[] }).flows;
const knows = async (id: string): Promise<boolean> => (await flows()).some(({ owner }) => owner.id === id);

/**
 * A port without groups comes and goes elsewhere, on a network of host1: once its flows have, the host knows all that was written before.
 * @returns how many records told it so
 */
async function caughtUp(): Promise<number> {
  const before = (await status()).records.received;
  const [marker] = await elsewhere(networks[0], 1, { security_groups: [] });
  assert.ok(marker);
  markers.add(marker.id);
  await cloud.until("the marker is known", () => knows(marker.id), 120_000);
  await cloud.api.remove(ports, marker.id);
  await cloud.until("the marker is gone", async () => !(await knows(marker.id)) && (await status()).inSync);
  return (await status()).records.received - before;
}
const markers = new Set<string>();

/** Flow events of host1 but those of the markers. A cookie ends with the first 56 bits of the object's id. */
async function eventsOf(monitor: FlowMonitor): Promise<readonly string[]> {
  await caughtUp();
  const known = new Set([...markers].map((id) => id.replaceAll("-", "").slice(0, 14)));
  return (await monitor.events()).filter((event) => {
    const cookie = /cookie=0x([0-9a-f]+)/.exec(event)?.[1] ?? "";
    return !known.has(cookie.slice(-14).padStart(14, "0"));
  });
}

/** Flow events that a rule of the group causes as it comes; as it goes it takes the same flows away, and no other. */
async function costOf(rule: Readonly<Record<string, unknown>>): Promise<number> {
  await using monitor = await FlowMonitor.open(await cloud.host("host1"));
  const [made] = await cloud.addRules(group, [{ ethertype: "IPv4", ...rule }]);
  assert.ok(made);
  const came = await eventsOf(monitor);
  await monitor.forget();
  await cloud.api.remove(securityGroupRules, made.id);
  const went = await eventsOf(monitor);
  assert.ok(came.length > 0);
  assert.deepEqual(
    [came.filter((event) => !event.startsWith("event=ADDED")), went.filter((event) => !event.startsWith("event=DEL"))],
    [[], []],
  );
  assert.equal(went.length, came.length);
  return came.length;
}

test(`${PORTS} members elsewhere are no flow of security groups here`, async (t) => {
  const ofGroups = async () => (await flows()).filter(({ owner }) => owner.app === "security-group").length;
  const before = await ofGroups();
  for (const network of networks) await elsewhere(network, PORTS / NETWORKS, { security_groups: [group.id] });
  await caughtUp();
  assert.equal(await ofGroups(), before);
  t.diagnostic(`${before} flows of security groups, ${(await status()).size.outputs} flows and groups in all`);
});

// Flow events in all, of an OVN on the same kind of host: 20, 20, and 50,130 with 5,000 members.
test("a rule costs a few flows, however many members its group has, and the group that it names", async (t) => {
  const costs = {
    "a TCP port": await costOf({ protocol: "tcp", port_range_min: 443, port_range_max: 443 }),
    "a prefix": await costOf({ protocol: "tcp", remote_ip_prefix: "198.51.100.0/24" }),
    "the group itself": await costOf({ protocol: "tcp", remote_group_id: group.id }),
  };
  t.diagnostic(JSON.stringify(costs));
  assert.ok(costs["a TCP port"] <= 6);
  assert.ok(costs["a prefix"] <= 6);
  assert.ok(costs["the group itself"] <= 10);
});

test("a port elsewhere that joins the group, or leaves it, costs no flow and no message", async () => {
  await cloud.addRules(group, [{ ethertype: "IPv4", remote_group_id: group.id }]);
  const stranger = await cloud.network("elsewhere");
  await cloud.subnet(stranger, "10.99.0.0/16");
  const [port] = await elsewhere(networks[0], 1, { security_groups: [] });
  assert.ok(port);
  await caughtUp();
  const marker = await caughtUp();
  await using monitor = await FlowMonitor.open(await cloud.host("host1"));
  const before = (await status()).records.received;
  const joins = { security_groups: [group.id] };
  await cloud.api.update(ports, port.id, joins);
  // On a network that host1 has nothing of.
  const [other] = await elsewhere(stranger, 1, joins);
  await cloud.api.update(ports, port.id, { security_groups: [] });
  await cloud.api.remove(ports, other?.id ?? "");
  assert.deepEqual(await eventsOf(monitor), []);
  assert.equal((await status()).records.received - before, marker);
});
