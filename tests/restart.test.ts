/**
 * Every process ends, is killed or cannot be reached while traffic runs, and comes back: packets go on, and not one flow
 * is touched that need not be. Counted by Open vSwitch's flow monitor, not by the controllers.
 *
 *   host1: blue1 blue2                  blue --- router --- green
 *   host2: blue3 green1 claimed         claimed (blue): bound to whoever plugged it
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { agents, ports, subnets } from "@dragonflow/cli";
import { type LabHost, listHosts, listProcesses, restartDaemon, startRecorded, stopRecorded } from "@dragonflow/lab";
import fc from "fast-check";
import { ApiWrites } from "./support/api-writes.ts";
import { type Cloud, FULL, startCloud, type Vm } from "./support/cloud.ts";
import { lossesOf, type Traffic, underTraffic } from "./support/lossless.ts";
import { StoreLink } from "./support/store-link.ts";
import { FlowMonitor, flowsOf, groupsOf } from "./support/switches.ts";

const PAIRS = [
  { from: "blue1", to: "blue2" },
  { from: "blue1", to: "blue3" },
  { from: "blue2", to: "green1" },
  { from: "blue1", to: "claimed" },
];
const SEED = Number(process.env["DRAGONFLOW_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
// The variable is none of the program's.
delete process.env["DRAGONFLOW_SEED"];
const INTERVAL_MS = 10;
/** How long the store stays away, in packets of one ping. */
const OUTAGE = (FULL ? 60_000 : 5_000) / INTERVAL_MS;

let cloud: Cloud;
let link: StoreLink;
let hosts: readonly LabHost[];
let vms: ReadonlyMap<string, Vm>;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  link = await StoreLink.between(cloud);
  hosts = await listHosts(cloud.lab);
  const blue = await cloud.network("blue");
  const green = await cloud.network("green");
  await cloud.router("router", [
    await cloud.subnet(blue, "10.10.0.0/24"),
    await cloud.subnet(blue, "fd00:10::/64"),
    await cloud.subnet(green, "10.20.0.0/24"),
    await cloud.subnet(green, "fd00:20::/64"),
  ]);
  const made = await cloud.vms([
    { name: "blue1", host: "host1", network: blue },
    { name: "blue2", host: "host1", network: blue },
    { name: "blue3", host: "host2", network: blue },
    { name: "green1", host: "host2", network: green },
    { name: "claimed", host: "host2", network: blue, bind: false },
  ]);
  vms = new Map(made.map((vm) => [vm.name, vm]));
});
after(async () => link[Symbol.asyncDispose]());

const portOf = (name: string): string => vms.get(name)?.port.id ?? "";
const controllerOf = (host: LabHost): string => `controller-${host.name}`;

interface Status {
  readonly startedAt: string;
  readonly inSync: boolean;
  readonly connected: Readonly<Record<string, boolean>>;
  readonly switch: { readonly flowMods: number };
}
const statusOf = async (host: LabHost): Promise<Status> => (await cloud.ask(host.name, "/status")) as Status;
async function inStep(host: LabHost, since: string): Promise<void> {
  await cloud.until(`the controller of ${host.name} is in step`, async () => {
    const { startedAt, inSync } = await statusOf(host);
    return startedAt > since && inSync;
  });
}
/** All that is in the switches: flows with cookies, groups. */
async function installed(): Promise<Record<string, readonly string[]>> {
  const entries = hosts.map(
    async (host) => [host.name, [...(await flowsOf(host)), ...(await groupsOf(host))]] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}
/** What the servers say that ports, and the hosts, are like. */
async function described(): Promise<object> {
  const [allPorts, allSubnets, allAgents] = await Promise.all([
    cloud.api.list(ports),
    cloud.api.list(subnets),
    cloud.api.list(agents),
  ]);
  return {
    ports: allPorts.map(({ id, status, "binding:host_id": host }) => `${id} ${status} ${host}`).sort(),
    subnets: allSubnets.map(({ id, cidr }) => `${id} ${cidr}`).sort(),
    agents: allAgents.map(({ host, alive }) => `${host} ${alive ? "alive" : "dead"}`).sort(),
  };
}

interface Disturbance {
  /** Pairs that lost packets. */
  readonly lost: readonly string[];
  /** Changes of flows, as the switch of each host saw them. */
  readonly flows: Readonly<Record<string, readonly string[]>>;
}
const NONE: Disturbance = { lost: [], flows: { host1: [], host2: [] } };

/** What packets and flows suffer while `work` runs. */
async function disturbance(work: (traffic: Traffic) => Promise<void>, pairs = PAIRS): Promise<Disturbance> {
  await using monitors = new AsyncDisposableStack();
  const opened = await Promise.all(hosts.map(async (host) => ({ host, monitor: await FlowMonitor.open(host) })));
  for (const { monitor } of opened) monitors.use(monitor);
  const lost = lossesOf(await underTraffic(cloud, pairs, work));
  const events = opened.map(async ({ host, monitor }) => [host.name, await monitor.events()] as const);
  return { lost, flows: Object.fromEntries(await Promise.all(events)) };
}
async function nothingSuffers(work: (traffic: Traffic) => Promise<void>): Promise<void> {
  assert.deepEqual(await disturbance(work), NONE);
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`controllers end by ${signal} and start again: no flow-mod, and none of 1,000 packets is lost`, async () => {
    const before = await described();
    await nothingSuffers(async (traffic) => {
      // One after the other: what one host says by its absence, the others hear.
      for (const host of hosts) {
        const since = new Date().toISOString();
        await stopRecorded(cloud.lab, controllerOf(host), { signal });
        await traffic.sent(200);
        await startRecorded(cloud.lab, controllerOf(host));
        await inStep(host, since);
        await traffic.sent(300);
      }
    });
    for (const host of hosts) assert.equal((await statusOf(host)).switch.flowMods, 0);
    await cloud.until("the API says the same as before", async () => {
      assert.deepEqual(await described(), before);
      return true;
    });
  });
}

test("controllers and server restart while the API is written to: nothing that was there is touched or lost", async (t) => {
  const network = await cloud.network("busy");
  await cloud.subnet(network, "10.50.0.0/24");
  await cloud.vm({ name: "witness", host: "host1", network });
  const cookieOf = (flow: string): string => /cookie=(0x[0-9a-f]+)/.exec(flow)?.[1] ?? "";
  const before = await Promise.all(hosts.map(async (host) => new Set((await flowsOf(host)).map(cookieOf))));
  const restarts = [...hosts.map(controllerOf), "server"].flatMap((name) =>
    (FULL ? (["SIGTERM", "SIGKILL"] as const) : (["SIGKILL"] as const)).map((signal) => ({ name, signal })),
  );
  // Of the network's only VM here flows come and go with each of them.
  await using writes = new ApiWrites(cloud, network, { "binding:host_id": "host2" });
  const { lost, flows } = await disturbance(async (traffic) => {
    for (const { name, signal } of restarts) {
      await writes.goOn();
      await stopRecorded(cloud.lab, name, { signal });
      await traffic.sent(100);
      await startRecorded(cloud.lab, name);
      await writes.goOn();
      await cloud.until("both controllers are in step", async () => {
        const all = await Promise.all(hosts.map(statusOf));
        return all.every(({ connected }) => Object.values(connected).every(Boolean));
      });
      await traffic.sent(100);
    }
  });
  assert.deepEqual(lost, []);
  for (const [i, { name }] of hosts.entries())
    assert.deepEqual(
      flows[name]?.filter((event) => before[i]?.has(cookieOf(event))),
      [],
    );
  t.diagnostic(`${writes.acknowledged} writes were acknowledged, and ${flows["host1"]?.length} flows came or went`);
  assert.ok((flows["host1"]?.length ?? 0) > 0);
  assert.deepEqual(await writes.lost(), []);
  // What was written last reaches the hosts before the next test looks at them.
  await writes[Symbol.asyncDispose]();
  await cloud.dragonflow("check");
});

test("ovs-vswitchd is killed and starts again: all flows and groups are back, and packets pass", async (t) => {
  const before = await installed();
  const stats = await underTraffic(cloud, PAIRS, async (traffic) => {
    await restartDaemon(cloud.lab, "host1", "ovs-vswitchd");
    const back = performance.now();
    await cloud.until("all flows are back", async () => {
      assert.deepEqual(await installed(), before);
      return true;
    });
    t.diagnostic(`all flows were seen back ${(performance.now() - back).toFixed(0)} ms after the restart`);
    const answered = traffic.stats().map(({ received }) => received);
    await cloud.until("every ping is answered again", () =>
      traffic.stats().every(({ received }, i) => received > (answered[i] ?? 0) + 10),
    );
    t.diagnostic(`every ping was answered again ${(performance.now() - back).toFixed(0)} ms after the restart`);
  });
  for (const { from, to, lost } of stats) t.diagnostic(`${from} -> ${to}: ${lost * INTERVAL_MS} ms without an answer`);
  assert.deepEqual(await installed(), before);
});

test("its controller is killed at any moment while it brings flows back: the switch has all of them, or none", async (t) => {
  const [host] = hosts;
  assert.ok(host);
  // Nobody is left who knows the numbers that meters and groups had.
  const unnumbered = (flows: readonly string[]) =>
    flows.map((flow) => flow.replaceAll(/(meter|group):\d+/g, "$1")).sort();
  const before = unnumbered(await flowsOf(host));
  const groups = (await groupsOf(host)).length;
  const daemonPid = (): string => readFileSync(join(host.directory, "ovs-vswitchd.pid"), "utf8");
  t.diagnostic(`DRAGONFLOW_SEED=${SEED}`);
  const seen: number[] = [];
  for (const looks of fc.sample(fc.integer({ min: 0, max: 12 }), { seed: SEED, numRuns: FULL ? 20 : 4 })) {
    const processes = await listProcesses(cloud.lab);
    const controller = processes.find(({ name }) => name === controllerOf(host))?.pid ?? assert.fail("no controller");
    const old = daemonPid();
    const restarted = restartDaemon(cloud.lab, host.name, "ovs-vswitchd");
    await cloud.until("ovs-vswitchd is back", async () => daemonPid() !== old && (await flowsOf(host)).length >= 0);
    for (let look = 0; look < looks; look++) await flowsOf(host);
    process.kill(controller, "SIGKILL");
    await restarted;
    const now = unnumbered(await flowsOf(host));
    if (now.length > 0) assert.deepEqual(now, before);
    assert.equal((await groupsOf(host)).length, now.length > 0 ? groups : 0);
    seen.push(now.length);
    await startRecorded(cloud.lab, controllerOf(host));
    await cloud.until("all flows are back", async () => {
      assert.deepEqual(unnumbered(await flowsOf(host)), before);
      return true;
    });
  }
  t.diagnostic(`flows at its end: ${seen.join(", ")}`);
});

test("ovsdb-server is killed and starts again: no flow-mod, no loss, and new ports are seen as before", async () => {
  // Without its database ovs-vswitchd does not forward either on this datapath, for up to a second: packets wait in the
  // sockets of their interfaces, which hold 270 of these. So no more than two pings enter by one interface here.
  const pairs = [
    { from: "blue1", to: "blue2" },
    { from: "claimed", to: "blue2" },
  ];
  const suffered = await disturbance(async (traffic) => {
    await restartDaemon(cloud.lab, "host1", "ovsdb-server");
    await traffic.sent(200);
  }, pairs);
  assert.deepEqual(suffered, NONE);
  const network = await cloud.network("later");
  await cloud.subnet(network, "10.30.0.0/24");
  await cloud.vm({ name: "later", host: "host1", network });
});

test("the server is killed and stays away: nothing changes, and afterwards all that it knew is there", async () => {
  const before = await described();
  await nothingSuffers(async (traffic) => {
    await stopRecorded(cloud.lab, "server", { signal: "SIGKILL" });
    await traffic.sent(OUTAGE);
    await startRecorded(cloud.lab, "server");
    await cloud.until("the server says the same as before", async () => {
      assert.deepEqual(await described(), before);
      return true;
    });
    await traffic.sent(200);
  });
});

test("the store cannot be reached, and changes meanwhile: afterwards only the difference is applied", async () => {
  const before = await installed();
  const pair = { allowed_address_pairs: [{ ip_address: "10.10.0.250" }] };
  await nothingSuffers(async (traffic) => {
    link.cut();
    for (const name of ["blue2", "blue3"]) await cloud.api.update(ports, portOf(name), pair);
    await traffic.sent(OUTAGE);
  });
  assert.deepEqual(await installed(), before);
  const { lost, flows } = await disturbance(async (traffic) => {
    link.heal();
    await cloud.until("both hosts apply the change", async () => {
      const now = await installed();
      return hosts.every(({ name }) => now[name]?.some((flow) => flow.includes("10.10.0.250")));
    });
    await traffic.sent(200);
  });
  assert.deepEqual(lost, []);
  const now = await installed();
  for (const { name } of hosts) {
    const old = new Set<string>(before[name]);
    const added = now[name]?.filter((entry) => !old.has(entry)) ?? [];
    assert.deepEqual(old.difference(new Set(now[name])), new Set());
    // Groups are no flows: the monitor does not tell of them.
    assert.equal(flows[name]?.length, added.filter((entry) => !entry.startsWith("group_id")).length);
  }
});

test("a store that comes back empty changes no flow, and the right one later none either", async () => {
  const before = await described();
  const file = join(cloud.lab.directory, "store.db");
  const swap = (from: string, to: string) => {
    for (const suffix of ["", "-wal", "-shm", "-guard"]) renameIfThere(`${from}${suffix}`, `${to}${suffix}`);
  };
  await nothingSuffers(async (traffic) => {
    await stopRecorded(cloud.lab, "server");
    swap(file, `${file}.kept`);
    await startRecorded(cloud.lab, "server");
    await cloud.until("the empty server answers", async () => (await cloud.api.list(ports)).length === 0);
    await cloud.until("the controllers are connected to it", () => link.connections >= hosts.length);
    await traffic.sent(200);
    await stopRecorded(cloud.lab, "server");
    swap(file, `${file}.empty`);
    swap(`${file}.kept`, file);
    await startRecorded(cloud.lab, "server");
    await cloud.until("the right server says the same as before", async () => {
      assert.deepEqual(await described(), before);
      return true;
    });
    await traffic.sent(200);
  });
});

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

test("an idle cloud writes nothing: the server syncs its store for a change, and for nothing else", async () => {
  const server = (await listProcesses(cloud.lab)).find(({ name }) => name === "server")?.pid;
  assert.ok(server);
  const log = join(cloud.lab.directory, "strace");
  const strace = spawn("strace", ["-f", "-q", "-e", "trace=pwrite64,fdatasync,fsync", "-o", log, "-p", String(server)]);
  const ended = once(strace, "close");
  const calls = () =>
    readFileSync(log, "utf8")
      .split("\n")
      .filter((line) => /(pwrite64|sync)\(/.test(line)).length;
  try {
    const port = portOf("blue1");
    // A change is seen: so strace looks at the right process, and is looking by now.
    let changes = 0;
    await cloud.until("a change is written", async () => {
      await cloud.api.update(ports, port, { description: `change ${++changes}` });
      return calls() > 0;
    });
    const before = calls();
    await nothingSuffers(async (traffic) => traffic.sent(300));
    assert.equal(calls(), before);
  } finally {
    strace.kill();
    await ended;
  }
});
