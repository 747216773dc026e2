import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { execInVm } from "./exec.ts";
import { killHost, listHosts, restartDaemon, startHost } from "./hosts.ts";
import { createLab } from "./labs.ts";
import { type Lab, namespaceEtc, namespaceName } from "./names.ts";
import { type Pings, startPings } from "./pings.ts";
import { listProcesses, spawnRecorded, startRecorded, stopRecorded } from "./processes.ts";
import { status } from "./status.ts";
import { switchByHand } from "./testing/switching.ts";
import { until, useScratchLabs } from "./testing/scratch.ts";
import { runTool } from "./tool.ts";
import { addVm, listVms, moveVm, removeVm, waitForLease } from "./vms.ts";

const labs = useScratchLabs();
let lab: Lab;
before(async () => {
  lab = await createLab({ name: "vms", hosts: 2 });
  await switchByHand(lab, 4);
});

const mac = (last: number) => `02:00:00:00:01:0${last}`;
const stateOf = async (host: string) => (await status(lab)).hosts.find(({ name }) => name === host)?.state;
const pidOf = async (name: string) => (await listProcesses(lab)).find((entry) => entry.name === name)?.pid;
const vsctl = async (host: string, ...args: string[]) =>
  (await runTool(["ovs-vsctl", `--db=unix:${labs}/vms/hosts/${host}/db.sock`, "--timeout=10", ...args])).trim();

async function goesOn(pings: Pings): Promise<void> {
  const [{ received } = { received: 0 }] = pings.stats();
  assert.ok(await pings.waitFor((all) => all.every((pair) => pair.received > received + 5), 20_000));
}

test("a host says who it is, and its VMs which port they are", async () => {
  await addVm(lab, {
    name: "static",
    host: "host1",
    portId: "p-1",
    mac: mac(1),
    dhcp: false,
    addresses: ["10.0.0.1/24", "fd00:1::1/64"],
    gateways: ["10.0.0.254", "fd00:1::fe"],
  });
  const { stdout } = await execInVm(lab, "static", ["sh", "-c", "ip -4 route show default; ip -6 route show default"]);
  assert.match(stdout, /^default via 10\.0\.0\.254 dev eth0 *\ndefault via fd00:1::fe dev eth0 /);
  const [host] = await listHosts(lab);
  assert.equal(host?.running, true);
  const ids = await vsctl("host1", "get", "Open_vSwitch", ".", "external_ids");
  assert.equal(
    ids,
    '{dragonflow-encap-ip="172.31.0.1", dragonflow-encap-ip6="fd00:df::1", hostname=host1, system-id=host1}',
  );
  assert.equal(await vsctl("host1", "get", "Bridge", "br-int", "fail_mode", "datapath_type"), "secure\nnetdev");
  assert.equal(await vsctl("host1", "get", "Interface", "tapstatic", "external_ids:iface-id"), "p-1");
  assert.equal(await vsctl("host1", "get", "Interface", "tapstatic", "external_ids:attached-mac"), `"${mac(1)}"`);
});

test("a VM gets address, routes, MTU and name servers by DHCP, and the machine's own stay as they are", async () => {
  const machine = readFileSync("/etc/resolv.conf", "utf8");
  const conf = join(lab.directory, "udhcpd.conf");
  const options = [
    "subnet 255.255.255.0",
    "router 10.0.0.1",
    "dns 10.0.0.9",
    "domain lab.test",
    "mtu 1400",
    "lease 60",
  ];
  writeFileSync(
    conf,
    [
      "start 10.0.0.50",
      "end 10.0.0.50",
      "interface eth0",
      `lease_file ${join(lab.directory, "leases")}`,
      ...options.map((option) => `option ${option}`),
      "option staticroutes 10.9.0.0/16 10.0.0.2, 0.0.0.0/0 10.0.0.1",
    ].join("\n"),
  );
  writeFileSync(join(lab.directory, "leases"), "");
  const server = { name: "dhcp-server", argv: ["busybox", "udhcpd", "-f", conf] as const };
  await spawnRecorded(lab, { ...server, netns: namespaceName(lab, "static") });

  await addVm(lab, {
    name: "client",
    host: "host2",
    portId: "p-2",
    mac: mac(2),
    addresses: ["10.7.0.1/24", "fd00:1::2/64"],
  });
  assert.equal(await waitForLease(lab, "client"), "10.0.0.50/24");
  const client = (await status(lab)).vms.find(({ name }) => name === "client");
  assert.deepEqual([...(client?.addresses ?? [])].sort(), ["10.0.0.50", "10.7.0.1", "fd00:1::2"]);
  const { stdout: routes } = await execInVm(lab, "client", ["ip", "-4", "route", "show", "proto", "dhcp"]);
  assert.deepEqual(routes.trim().split(/ *\n/), ["default via 10.0.0.1 dev eth0", "10.9.0.0/16 via 10.0.0.2 dev eth0"]);
  assert.match((await execInVm(lab, "client", ["ip", "link", "show", "eth0"])).stdout, / mtu 1400 /);
  const { stdout: resolv } = await execInVm(lab, "client", ["cat", "/etc/resolv.conf"]);
  assert.equal(resolv, "search lab.test\nnameserver 10.0.0.9\n");
  assert.equal(readFileSync("/etc/resolv.conf", "utf8"), machine);

  // The client goes on: a renewal changes nothing.
  const pid = await pidOf("dhcp-client");
  assert.ok(pid);
  process.kill(pid, "SIGUSR1");
  const log = join(lab.directory, "logs", "dhcp-client.log");
  await until("the lease is renewed", () => /renew: 10\.0\.0\.50\/24/.test(readFileSync(log, "utf8")));
  assert.equal((await execInVm(lab, "client", ["ip", "-4", "route", "show", "proto", "dhcp"])).stdout, routes);
});

test("commands run inside a VM, and how they end is told", async () => {
  const echo = await execInVm(lab, "static", ["sh", "-c", "cat; echo $X >&2; exit 3"], {
    input: "in",
    env: { X: "err" },
  });
  assert.deepEqual(echo, { status: 3, signal: null, stdout: "in", stderr: "err\n" });
  await assert.rejects(execInVm(lab, "nobody", ["true"]), { code: "unknown" });
});

test("a VM moves with its addresses and its running processes, also off a host that is dead", async () => {
  const pings = await startPings(lab, [{ from: "client", to: "static" }], { intervalMs: 10 });
  await goesOn(pings);
  await moveVm(lab, "client", "host1");
  await goesOn(pings);
  assert.equal(await vsctl("host1", "get", "Interface", "tapclient", "external_ids:iface-id"), "p-2");
  assert.equal(await vsctl("host2", "--columns=name", "find", "Interface", "name=tapclient"), "");
  await killHost(lab, "host1");
  await moveVm(lab, "client", "host2");
  await assert.rejects(moveVm(lab, "client", "host1"), { code: "down" });
  await startHost(lab, "host1");
  assert.equal(await vsctl("host1", "--columns=name", "find", "Interface", "name=tapclient"), "");
  await switchByHand(lab, 4);
  await goesOn(pings);
  const [ping] = await pings.stop();
  assert.equal(ping?.error, null);
  assert.deepEqual(
    (await listVms(lab)).map(({ name, host }) => [name, host]),
    [
      ["static", "host1"],
      ["client", "host2"],
    ],
  );
});

test("a killed host is down with all that runs on it, and starts again with what was wanted", async () => {
  const argv = ["sleep", "600"] as const;
  const controller = await spawnRecorded(lab, { name: "controller", argv, host: "host2", env: { A: "1" } });
  await spawnRecorded(lab, { name: "stopped", argv, host: "host2" });
  const other = await spawnRecorded(lab, { name: "other", argv, host: "host1" });
  await assert.rejects(spawnRecorded(lab, { name: "controller", argv, host: "host2" }), { code: "exists" });
  await assert.rejects(spawnRecorded(lab, { name: "lost", argv, host: "host9" }), { code: "unknown" });
  assert.equal(await stopRecorded(lab, "stopped"), true);
  await killHost(lab, "host2");
  assert.deepEqual([await stateOf("host1"), await stateOf("host2")], ["up", "down"]);
  assert.deepEqual([await pidOf("controller"), await pidOf("other")], [null, other.pid]);
  await assert.rejects(addVm(lab, { host: "host2", portId: "p-9", mac: mac(9) }), { code: "down" });
  assert.equal((await execInVm(lab, "client", ["ip", "link", "show", "eth0"])).status, 0);

  await startHost(lab, "host2");
  assert.equal(await stateOf("host2"), "up");
  const again = await pidOf("controller");
  assert.ok(again && again !== controller.pid);
  assert.match(readFileSync(`/proc/${again}/environ`, "latin1"), /(^|\0)A=1\0/);
  assert.equal(await pidOf("stopped"), null);
  await startRecorded(lab, "stopped");
  assert.ok(await pidOf("stopped"));
});

test("each daemon of a host restarts alone, and the underlay is ready at once", async () => {
  const daemonPid = (daemon: string) => readFileSync(`${labs}/vms/hosts/host2/${daemon}.pid`, "utf8");
  const [database, vswitch] = [daemonPid("ovsdb-server"), daemonPid("ovs-vswitchd")];
  await restartDaemon(lab, "host2", "ovs-vswitchd");
  assert.equal(daemonPid("ovsdb-server"), database);
  assert.notEqual(daemonPid("ovs-vswitchd"), vswitch);
  const kept = daemonPid("ovs-vswitchd");
  await restartDaemon(lab, "host2", "ovsdb-server");
  assert.equal(daemonPid("ovs-vswitchd"), kept);
  assert.notEqual(daemonPid("ovsdb-server"), database);
  assert.equal(await stateOf("host2"), "up");

  await switchByHand(lab, 4);
  const pings = await startPings(lab, [{ from: "client", to: "static" }], { intervalMs: 10 });
  await goesOn(pings);
  const [ping] = await pings.stop();
  assert.equal(ping?.lost, 0);
});

test("a VM is removed with all that runs in it; one that cannot be made leaves nothing", async () => {
  await spawnRecorded(lab, { name: "inside", argv: ["sleep", "600"], netns: namespaceName(lab, "client") });
  const namespace = namespaceName(lab, "client");
  await removeVm(lab, "client");
  assert.deepEqual([await pidOf("inside"), await pidOf("dhcp-client")], [null, undefined]);
  assert.equal(existsSync(namespaceEtc(namespace)), false);
  assert.equal(existsSync(`/run/netns/${namespace}`), false);
  assert.equal(await vsctl("host2", "--columns=name", "find", "Interface", "name=tapclient"), "");
  await assert.rejects(removeVm(lab, "client"), { code: "unknown" });
  // Its name is free at once.
  const again = { name: "client", host: "host2", portId: "p-2", mac: mac(2), dhcp: false };
  for (let i = 0; i < 3; i++) {
    await addVm(lab, again);
    await removeVm(lab, "client");
  }

  const bad = { name: "bad", host: "host1", portId: "p-3", mac: mac(3), dhcp: false };
  await assert.rejects(addVm(lab, { ...bad, host: "host3" }), { code: "unknown", message: /host3.*host1, host2/ });
  await assert.rejects(addVm(lab, { ...bad, name: "static" }), { code: "exists" });
  await assert.rejects(addVm(lab, { ...bad, mac: "02:00" }), { code: "bad-value" });
  await assert.rejects(addVm(lab, { ...bad, addresses: ["10.0.0.1/33"] }), { code: "bad-value" });
  // A gateway that no address reaches: the kernel refuses it when all else has been made.
  await assert.rejects(addVm(lab, { ...bad, addresses: ["10.0.0.3/24"], gateways: ["10.1.0.1"] }), {
    code: "tool-failed",
  });
  assert.deepEqual(
    (await listVms(lab)).map(({ name }) => name),
    ["static"],
  );
  assert.equal(existsSync(`/run/netns/${namespaceName(lab, "bad")}`), false);
});
