import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { execIn, execInVm } from "./exec.ts";
import { addHost, removeHost } from "./hosts.ts";
import { createLab, listLabs, openLab, removeLab } from "./labs.ts";
import { type Lab, labHandle, MARK, namespaceEtc, namespaceName } from "./names.ts";
import { namespacesOf } from "./namespaces.ts";
import { startPings } from "./pings.ts";
import { findProcesses, isRunning, killProcesses, refOf } from "./process-ref.ts";
import { spawnRecorded, stopRecorded } from "./processes.ts";
import { readState, writeState } from "./state.ts";
import { setApi, status } from "./status.ts";
import { switchByHand } from "./testing/switching.ts";
import { until, useScratchLabs } from "./testing/scratch.ts";
import { runTool } from "./tool.ts";
import { addVm } from "./vms.ts";

const labs = useScratchLabs();

/** All that exists of a lab: namespaces with their links, processes, files. */
async function inventory(lab: Lab) {
  const namespaces = await namespacesOf(lab);
  const links = await Promise.all(namespaces.map((namespace) => runTool(["ip", "-n", namespace, "-o", "link"])));
  return {
    namespaces,
    links: links.map((text) => text.split("\n").map((line) => line.split(" ")[1])),
    processes: findProcesses(new Set(), `${MARK}=${lab.directory}`),
    files: existsSync(lab.directory) ? readdirSync(lab.directory, { recursive: true }) : null,
    etc: namespaces.map(namespaceEtc).filter(existsSync),
  };
}

const nothing = { namespaces: [], links: [], processes: [], files: null, etc: [] };

/** Two VMs, one on each host, with the same addresses in every lab. */
async function addTwins(lab: Lab): Promise<void> {
  for (const [i, host] of ["host1", "host2"].entries()) {
    const last = i + 1;
    const addresses = [`10.0.0.${last}/24`, `fd00:1::${last}/64`];
    await addVm(lab, { host, portId: `port-${last}`, mac: `02:00:00:00:00:0${last}`, dhcp: false, addresses });
  }
}

test("labs side by side, with the same addresses, made and removed at the same time", async () => {
  const makers = ["one", "two"].map((name) => createLab({ name, hosts: 2 }));
  const [one, two] = await Promise.all(makers);
  assert.ok(one && two);
  await Promise.all([addTwins(one), addTwins(two), setApi(two, "http://127.0.0.1:9696")]);
  assert.deepEqual(await status(two), {
    api: "http://127.0.0.1:9696",
    hosts: ["host1", "host2"].map((name) => ({
      name,
      chassis: name,
      state: "up",
      namespace: namespaceName(two, name),
      ovsdb: `unix:${labs}/two/hosts/${name}/db.sock`,
    })),
    vms: [1, 2].map((i) => ({
      name: `vm${i}`,
      host: `host${i}`,
      namespace: namespaceName(two, `vm${i}`),
      port_id: `port-${i}`,
      mac: `02:00:00:00:00:0${i}`,
      addresses: [`10.0.0.${i}`, `fd00:1::${i}`],
    })),
  });

  // Nothing is lost, not even the first packet: the underlay was resolved before.
  await Promise.all([switchByHand(one, 4), switchByHand(two, 6)]);
  const pairs = [
    { from: "vm1", to: "vm2" },
    { from: "vm2", to: "vm1" },
  ];
  for (const lab of [one, two]) {
    for (const family of [4, 6] as const) {
      const pings = await startPings(lab, pairs, { intervalMs: 10, family });
      assert.ok(await pings.waitFor((all) => all.every(({ received }) => received >= 20), 20_000));
      for (const { sent, received, lost, rttMs, error } of await pings.stop()) {
        assert.deepEqual({ lost, error, sent }, { lost: 0, error: null, sent: received });
        assert.ok(rttMs.last !== null && rttMs.average !== null && rttMs.average > 0);
      }
    }
  }
  // No tunnel of one lab leads to the other, whose hosts have the same underlay addresses.
  await execInVm(two, "vm2", ["ip", "addr", "add", "10.0.0.77/24", "dev", "eth0"]);
  const reach = async (lab: Lab) =>
    execInVm(lab, "vm1", ["ping", "-q", "-c", "3", "-i", "0.1", "-W", "0.5", "10.0.0.77"]);
  const [from, within] = await Promise.all([reach(one), reach(two)]);
  assert.match(from.stdout, / 0 received/);
  assert.match(within.stdout, / 3 received/);

  const untouched = await inventory(two);
  assert.notDeepEqual(await inventory(one), nothing);
  const removal = await removeLab("one");
  assert.equal(removal.existed, true);
  assert.equal(removal.namespaces.length, 5);
  assert.deepEqual(await inventory(one), nothing);
  assert.deepEqual(await inventory(two), untouched);
  assert.deepEqual(await removeLab("one"), { existed: false, namespaces: [], processes: [] });
  await Promise.all([removeLab("two"), removeLab("two")]);
  assert.deepEqual(await inventory(two), nothing);
});

test("a maker may be killed at any moment: all that it made can be removed, and nothing else is", async () => {
  const bystander = await createLab({ name: "bystander", hosts: 1 });
  const untouched = await inventory(bystander);
  const lab = await labHandle("crashed");
  const at = (path: string) => existsSync(join(lab.directory, path));
  const moments: [string, () => boolean | Promise<boolean>][] = [
    ["the directory", () => existsSync(lab.directory)],
    ["a namespace", async () => (await namespacesOf(lab)).length > 0],
    ["a database server", () => at("hosts/host1/ovsdb-server.pid")],
    ["a switch", () => at("hosts/host2/ovs-vswitchd.pid")],
    ["a VM", () => at("vms/vm1")],
    ["a VM's namespace", async () => (await namespacesOf(lab)).includes(namespaceName(lab, "vm1"))],
    ["a DHCP client", () => at("logs/dhcp-vm1.log")],
  ];
  for (const [what, reached] of moments) {
    const program = fileURLToPath(new URL("./testing/make-lab.ts", import.meta.url));
    const maker = spawn(process.execPath, [program, lab.name], { stdio: "ignore" });
    const ended = once(maker, "close");
    await until(what, reached);
    maker.kill("SIGKILL");
    await ended;
    const phase = (await readState(lab))?.phase;
    if (phase !== "ready") await assert.rejects(openLab(lab.name), { code: "broken" });
    await assert.rejects(createLab({ name: lab.name, hosts: 1 }), { code: "exists" });
    assert.equal((await removeLab(lab.name)).existed, true, what);
    assert.deepEqual(await inventory(lab), nothing, what);
  }
  assert.deepEqual(await inventory(bystander), untouched);
  await removeLab("bystander");
});

test("a lab can be removed when its records are damaged, and when they are gone with its directory", async () => {
  const lab = await createLab({ name: "damaged", hosts: 1 });
  writeFileSync(join(lab.directory, "lab.json"), '{"version": 1, "hosts": [');
  assert.deepEqual(
    (await listLabs()).map(({ name, phase }) => [name, phase]),
    [["damaged", "damaged"]],
  );
  await assert.rejects(status(lab), { code: "broken" });
  await removeLab("damaged");
  assert.deepEqual(await inventory(lab), nothing);

  const lost = await createLab({ name: "damaged", hosts: 1 });
  await runTool(["rm", "-r", lost.directory]);
  await assert.rejects(openLab("damaged"), { code: "unknown" });
  await assert.rejects(createLab({ name: "damaged", hosts: 1 }), { code: "exists" });
  assert.equal((await removeLab("damaged")).processes.length, 2);
  assert.deepEqual(await inventory(lost), nothing);
});

test("a process that got the pid of a recorded one survives the lab", async () => {
  const lab = await createLab({ name: "recycled", hosts: 0 });
  await spawnRecorded(lab, { name: "server", argv: ["sleep", "600"] });
  await stopRecorded(lab, "server");
  const stranger = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(stranger, "spawn");
  const ref = refOf(stranger.pid!)!;
  const state = (await readState(lab))!;
  state.processes[0]!.ref = { pid: ref.pid, start: `${ref.start}0` };
  await writeState(lab, state);
  assert.deepEqual((await removeLab("recycled")).processes, []);
  assert.equal(isRunning(ref), true);
  await killProcesses([ref]);
});

test("nothing is made where a lab, or something of its name, is already", async () => {
  await assert.rejects(createLab({ name: "no/path", hosts: 1 }), { code: "bad-value" });
  await assert.rejects(createLab({ name: "many", hosts: 1001 }), { code: "bad-value" });
  await assert.rejects(openLab("none"), { code: "unknown" });
  const planned = await labHandle("taken");
  const namespace = namespaceName(planned, "host2");
  await runTool(["ip", "netns", "add", namespace]);
  await assert.rejects(createLab({ name: "taken", hosts: 2 }), { code: "exists" });
  assert.deepEqual({ ...(await inventory(planned)), links: [] }, { ...nothing, namespaces: [namespace] });
  await runTool(["ip", "netns", "del", namespace]);
});

test("what fails half way leaves nothing", async () => {
  const lab = await labHandle("aborted");
  const abort = new AbortController();
  const making = createLab({ name: "aborted", hosts: 2, signal: abort.signal });
  await until("a namespace", async () => (await namespacesOf(lab)).length > 1);
  abort.abort(new Error("enough"));
  await assert.rejects(making, /enough/);
  assert.deepEqual(await inventory(lab), nothing);
});

test("hosts come and go while the lab runs", async () => {
  const lab = await createLab({ name: "growing", hosts: 1 });
  const small = await inventory(lab);
  const added = await addHost(lab);
  assert.deepEqual([added.name, added.running], ["host2", true]);
  const reply = await execIn(added.namespace, ["ping", "-c", "1", "-W", "5", "172.31.0.1"]);
  assert.equal(reply.status, 0, reply.stdout);
  await removeHost(lab, "host2");
  const after = await inventory(lab);
  assert.deepEqual(after, { ...small, files: after.files });
  assert.equal(
    after.files?.some((file) => String(file).includes("host2")),
    false,
  );
  await assert.rejects(removeHost(lab, "host2"), { code: "unknown" });
  assert.match(readFileSync(join(lab.directory, "lab.json"), "utf8"), /"ready"/);
  await removeLab("growing");
});
