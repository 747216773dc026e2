/**
 * Change while traffic runs: VMs, subnets, router interfaces, routers and hosts come, move and go, and between VMs that
 * nobody touches not one packet is lost: same host and across, within a network and routed, IPv4 and IPv6.
 *
 *   host1: still1 still2      host2: still3 still4 (green)      host3: still5 still6
 *   host3, host4, host5: those that come and go
 *
 * Where a VM's device comes or goes, ovs-vswitchd reads its routes anew; a tunnelled flow that it looks through in that
 * instant loses a packet or two, with any flows. So hosts that others come to have no tunnelled traffic that is counted.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { agents, type Network, ports, type Router, routers, type Subnet, subnets, networks } from "@dragonflow/cli";
import { removeVm } from "@dragonflow/lab";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { type Traffic, withoutLoss } from "./support/lossless.ts";

const UNTOUCHED = [
  { from: "still1", to: "still2" },
  { from: "still1", to: "still3" },
  { from: "still1", to: "still4" },
  { from: "still4", to: "still3" },
  { from: "still5", to: "still6" },
];

let cloud: Cloud;
let blue: Network;
let router: Router;
let still1: Vm, still3: Vm, still4: Vm;

before(async () => {
  cloud = await startCloud({ hosts: 4 });
  blue = await cloud.network("blue");
  const green = await cloud.network("green");
  router = await cloud.router("router", [
    await cloud.subnet(blue, "10.10.0.0/24"),
    await cloud.subnet(blue, "fd00:10::/64"),
    await cloud.subnet(green, "10.20.0.0/24"),
    await cloud.subnet(green, "fd00:20::/64"),
  ]);
  const made = await cloud.vms([
    { name: "still1", host: "host1", network: blue },
    { name: "still2", host: "host1", network: blue },
    { name: "still3", host: "host2", network: blue },
    { name: "still4", host: "host2", network: green },
    { name: "still5", host: "host3", network: blue },
    { name: "still6", host: "host3", network: blue },
  ]);
  [still1, , still3, still4] = made as [Vm, Vm, Vm, Vm, ...Vm[]];
});

const untouched = async (work: (traffic: Traffic) => Promise<void>) => withoutLoss(cloud, UNTOUCHED, work);

async function pings(from: Pick<Vm, "name">, to: string): Promise<boolean> {
  const { status } = await cloud.exec(from, "ping", "-n", "-c", "1", "-W", "0.5", to);
  return status === 0;
}
/** Waits until the VM and those that stay reach each other. */
async function works(vm: Vm): Promise<void> {
  const ways = [still1, still3, still4].flatMap((other) =>
    (["ipv4", "ipv6"] as const)
      .filter((family) => vm[family] !== "")
      .flatMap((family) => [
        { from: other, to: vm, address: vm[family] },
        { from: vm, to: other, address: other[family] },
      ]),
  );
  await Promise.all(
    ways.map(({ from, to, address }) =>
      cloud.until(`${from.name} reaches ${to.name}, ${address}`, () => pings(from, address), 10_000),
    ),
  );
}
async function isGone(address: string): Promise<void> {
  await cloud.until(`${address} does not answer any more`, async () => !(await pings(still1, address)), 10_000);
}
async function remove(vm: Vm): Promise<void> {
  await removeVm(cloud.lab, vm.name);
  await cloud.api.remove(ports, vm.port.id);
}
const attach = async (to: Router, subnet: Subnet) =>
  cloud.api.act(routers, to.id, "add_router_interface", { subnet_id: subnet.id });
const detach = async (from: Router, subnet: Subnet) =>
  cloud.api.act(routers, from.id, "remove_router_interface", { subnet_id: subnet.id });

test("a VM is added, moves from host to host, and is removed", async () => {
  await untouched(async () => {
    // The first of its network on its host: tunnels are made, floods and router reach further.
    const guest = await cloud.vm({ name: "guest", host: "host4", network: blue });
    await works(guest);
    for (const host of ["host3", "host4"]) {
      await cloud.move(guest, host);
      await works(guest);
    }
    await remove(guest);
    await isGone(guest.ipv4);
  });
});

test("an address that was another VM's a moment ago is the new one's, also for those who knew the other", async () => {
  await untouched(async () => {
    const first = await cloud.vm({ name: "guest", host: "host4", network: blue });
    await works(first);
    await remove(first);
    const port = { fixed_ips: [{ ip_address: first.ipv4 }] };
    const second = await cloud.vm({ name: "guest", host: "host3", network: blue, port });
    assert.equal(second.ipv4, first.ipv4);
    assert.notEqual(second.port.mac_address, first.port.mac_address);
    await works(second);
    await remove(second);
  });
});

test("a subnet is added to a network in use, and to its router, and is removed", async () => {
  await untouched(async () => {
    const subnet = await cloud.subnet(blue, "10.11.0.0/24");
    const guest = await cloud.vm({
      name: "guest",
      host: "host3",
      network: blue,
      port: { fixed_ips: [{ subnet_id: subnet.id }] },
    });
    await attach(router, subnet);
    await cloud.until("another subnet reaches it", () => pings(still4, guest.ipv4));
    await detach(router, subnet);
    await isGone(guest.ipv4);
    await remove(guest);
    await cloud.api.remove(subnets, subnet.id);
  });
});

test("a router interface is added and removed", async () => {
  const grey = await cloud.network("grey");
  const all = [await cloud.subnet(grey, "10.30.0.0/24"), await cloud.subnet(grey, "fd00:30::/64")];
  await untouched(async () => {
    for (const subnet of all) await attach(router, subnet);
    const guests = await cloud.vms([
      { name: "guest1", host: "host3", network: grey },
      { name: "guest2", host: "host4", network: grey },
    ]);
    for (const guest of guests) await works(guest);
    for (const subnet of all) await detach(router, subnet);
    for (const guest of guests) {
      await isGone(guest.ipv4);
      await remove(guest);
    }
    await cloud.api.remove(networks, grey.id);
  });
});

test("a router is added, to a network in use, and removed", async () => {
  const far = await cloud.network("far");
  const subnet = await cloud.subnet(far, "10.40.0.0/24");
  await untouched(async () => {
    const second = await cloud.router("second", [subnet]);
    const door = await cloud.api.create(ports, { network_id: blue.id, name: "door" });
    await cloud.api.act(routers, second.id, "add_router_interface", { port_id: door.id });
    const nexthop = door.fixed_ips.find(({ ip_address }) => !ip_address.includes(":"))?.ip_address ?? "";
    const guest = await cloud.vm({ name: "guest", host: "host4", network: far });
    const back = { destination: "10.20.0.0/24", nexthop: "10.10.0.1" };
    await cloud.api.update(routers, second.id, { routes: [back] });
    await cloud.api.update(routers, router.id, { routes: [{ destination: "10.40.0.0/24", nexthop }] });
    // Through two routers, both on the source's host.
    await cloud.until("green reaches far", () => pings(still4, guest.ipv4));
    await cloud.api.update(routers, router.id, { routes: [] });
    await cloud.api.update(routers, second.id, { routes: [] });
    await isGone(guest.ipv4);
    await remove(guest);
    await cloud.api.act(routers, second.id, "remove_router_interface", { port_id: door.id });
    await detach(second, subnet);
    await cloud.api.remove(routers, second.id);
  });
});

test("a host is added, killed, and started again", async () => {
  await untouched(async () => {
    await cloud.dragonflow("lab", "host", "add");
    const guest = await cloud.vm({ name: "guest", host: "host5", network: blue });
    await works(guest);
    await cloud.dragonflow("lab", "host", "kill", "host5");
    await isGone(guest.ipv4);
    const isAlive = async () => (await cloud.api.list(agents)).find(({ host }) => host === "host5")?.alive;
    await cloud.until("the API says that it is dead", async () => (await isAlive()) === false, 60_000);
    assert.equal((await cloud.port(guest.port.id)).status, "DOWN");
    await cloud.dragonflow("lab", "host", "start", "host5");
    await cloud.active(guest.port.id);
    await works(guest);
    await remove(guest);
  });
});
