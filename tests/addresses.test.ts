/**
 * How VMs come by their addresses: DHCPv4 with two real clients, udhcpc and dhclient, and SLAAC with the kernel. Their
 * interfaces begin with an MTU that no tunnel has room for.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { type Network, networks, type Port, ports } from "@dragonflow/cli";
import { addVm, execInVm, listProcesses, listVms, spawnRecorded, waitForLease } from "@dragonflow/lab";
import { type Cloud, startCloud } from "./support/cloud.ts";

const ETHERNET_MTU = 1500;
const NETWORK_MTU = 1380;
const SERVERS = ["192.0.2.53", "192.0.2.54"];

let cloud: Cloud;
let network: Network;

before(async () => {
  cloud = await startCloud({ hosts: 1 });
  network = await cloud.api.create(networks, { name: "red", mtu: NETWORK_MTU });
  const ipv4 = await cloud.subnet(network, "10.10.0.0/24", {
    dns_nameservers: SERVERS,
    host_routes: [{ destination: "198.51.100.0/24", nexthop: "10.10.0.9" }],
  });
  const ipv6 = await cloud.subnet(network, "fd00:10::/64");
  await cloud.router("router", [ipv4, ipv6]);
});

/** A port, and its VM with an Ethernet's MTU. */
async function plug(name: string, dhcp: boolean, attributes: object = {}): Promise<Port> {
  const asked = { name, network_id: network.id, "binding:host_id": "host1", ...attributes };
  const port = await cloud.api.create(ports, asked);
  await addVm(cloud.lab, { name, host: "host1", portId: port.id, mac: port.mac_address, mtu: ETHERNET_MTU, dhcp });
  return port;
}
const addressOf = (port: Port, version: 4 | 6): string =>
  port.fixed_ips.find(({ ip_address }) => ip_address.includes(":") === (version === 6))?.ip_address ?? "";
const inVm = async (vm: string, ...argv: [string, ...string[]]): Promise<string> =>
  (await execInVm(cloud.lab, vm, argv)).stdout.trim();
const mtuOf = async (vm: string): Promise<number> => Number(await inVm(vm, "cat", "/sys/class/net/eth0/mtu"));

test("udhcpc gets the port's address, the subnet's routes and name servers, and an MTU that fits the tunnel", async () => {
  const port = await plug("udhcpc", true);
  assert.equal(await waitForLease(cloud.lab, "udhcpc"), `${addressOf(port, 4)}/24`);
  assert.equal(await mtuOf("udhcpc"), NETWORK_MTU);
  const routes = (await inVm("udhcpc", "ip", "-4", "route", "show", "proto", "dhcp")).split(/ *\n/).sort();
  assert.deepEqual(routes, ["198.51.100.0/24 via 10.10.0.9 dev eth0", "default via 10.10.0.1 dev eth0"]);
  const resolv = await inVm("udhcpc", "cat", "/etc/resolv.conf");
  assert.deepEqual(resolv.match(/(?<=nameserver ).*/g), SERVERS);
  assert.equal((await cloud.exec({ name: "udhcpc" }, "ping", "-n", "-c", "1", "-W", "5", "10.10.0.1")).status, 0);
});

/** Runs dhclient in a VM, with its own files. @returns what its script was told, and its log */
async function dhclient(vm: string, lease = "") {
  const [seen, leases, pid] = ["seen", "leases", "pid"].map((file) => join(cloud.lab.directory, `${vm}-${file}`));
  assert.ok(seen && leases && pid);
  writeFileSync(leases, lease);
  writeFileSync(seen, "");
  const script = join(import.meta.dirname, "support", "dhclient.sh");
  const namespace = (await listVms(cloud.lab)).find(({ name }) => name === vm)?.namespace;
  assert.ok(namespace);
  const files = ["-cf", "/etc/dhcp/dhclient.conf", "-lf", leases, "-pf", pid, "-sf", script];
  const { logFile } = await spawnRecorded(cloud.lab, {
    name: `dhclient-${vm}`,
    argv: ["dhclient", "-4", "-d", "-v", "-e", `DHCLIENT_SEEN=${seen}`, ...files, "eth0"],
    cwd: "/",
    netns: namespace,
  });
  const told = () =>
    Object.fromEntries(
      readFileSync(seen, "utf8")
        .split("\n")
        .map((line) => line.split("=")),
    );
  const log = () => readFileSync(logFile, "utf8");
  await cloud.until("dhclient is bound", () => log().includes("bound to "));
  await cloud.until("its script has run", () => ["BOUND", "REBOOT"].includes(String(told()["reason"])));
  return { told: told(), log: log() };
}

test("dhclient gets all of it as well", async () => {
  const port = await plug("dhclient", false);
  const { told } = await dhclient("dhclient");
  assert.equal(told["new_ip_address"], addressOf(port, 4));
  assert.equal(told["new_subnet_mask"], "255.255.255.0");
  assert.equal(told["new_interface_mtu"], String(NETWORK_MTU));
  assert.equal(told["new_routers"], "10.10.0.1");
  assert.equal(told["new_domain_name_servers"], SERVERS.join(" "));
  assert.equal(told["new_dhcp_server_identifier"], "10.10.0.1");
  // Destination, descriptor and router of each, byte by byte (RFC 3442).
  assert.match(told["new_rfc3442_classless_static_routes"] ?? "", /(^| )24 198 51 100 10 10 0 9( |$)/);
  assert.match(told["new_rfc3442_classless_static_routes"] ?? "", /(^| )0 10 10 0 1( |$)/);
  assert.equal((await cloud.exec({ name: "dhclient" }, "ping", "-n", "-c", "1", "-W", "5", "10.10.0.1")).status, 0);
});

test("a client that asks for an address of another network is refused, and then gets its own", async () => {
  const port = await plug("stale", false);
  const expiry = "expire 2 2037/01/01 00:00:00;";
  const lease = `lease { interface "eth0"; fixed-address 10.99.0.7; option dhcp-server-identifier 10.99.0.1; ${expiry} }\n`;
  const { told, log } = await dhclient("stale", lease);
  assert.match(log, /DHCPREQUEST for 10\.99\.0\.7 on eth0/);
  assert.match(log, /DHCPNAK from 10\.10\.0\.1/);
  assert.equal(told["new_ip_address"], addressOf(port, 4));
});

test("a port's own DHCP options replace those of its subnet", async () => {
  const extra_dhcp_opts = [
    { opt_name: "mtu", opt_value: "1300" },
    { opt_name: "dns-server", opt_value: "203.0.113.1" },
    { opt_name: "tftp-server", opt_value: "203.0.113.2" },
    { opt_name: "bootfile-name", opt_value: "boot.ipxe" },
  ];
  await plug("extra", false, { extra_dhcp_opts });
  const { told } = await dhclient("extra");
  assert.equal(told["new_interface_mtu"], "1300");
  assert.equal(told["new_domain_name_servers"], "203.0.113.1");
});

test("a lease that is renewed stays, and one that is given back is given again", async () => {
  const { pid, logFile } = await processOf("dhcp-udhcpc");
  const log = () => readFileSync(logFile, "utf8");
  const lease = await waitForLease(cloud.lab, "udhcpc");
  process.kill(pid, "SIGUSR1");
  await cloud.until("the lease is renewed", () => log().includes(`renew: ${lease} from 10.10.0.1`));
  process.kill(pid, "SIGUSR2");
  await cloud.until(
    "the lease is given back",
    async () => (await inVm("udhcpc", "ip", "-4", "-o", "addr", "show", "dev", "eth0")) === "",
  );
  process.kill(pid, "SIGUSR1");
  assert.equal(await waitForLease(cloud.lab, "udhcpc"), lease);
});

async function processOf(name: string): Promise<{ readonly pid: number; readonly logFile: string }> {
  const found = (await listProcesses(cloud.lab)).find((candidate) => candidate.name === name);
  assert.ok(found?.pid);
  return { pid: found.pid, logFile: found.logFile };
}

test("SLAAC: the kernel makes the address that the API promised, takes the router for its default, and its MTU", async () => {
  const port = await plug("slaac", false);
  const wanted = addressOf(port, 6);
  await cloud.until("the address is there", async () => {
    const addresses = await inVm(
      "slaac",
      "ip",
      "-6",
      "-o",
      "addr",
      "show",
      "dev",
      "eth0",
      "scope",
      "global",
      "-tentative",
    );
    return addresses.includes(` ${wanted}/64 `);
  });
  assert.match(await inVm("slaac", "ip", "-6", "route", "show", "default"), /^default via fe80::\S+ dev eth0 proto ra/);
  assert.equal(await inVm("slaac", "cat", "/proc/sys/net/ipv6/conf/eth0/mtu"), String(NETWORK_MTU));
  assert.equal(await mtuOf("slaac"), ETHERNET_MTU);
});
