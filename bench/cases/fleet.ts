import { readdirSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { openLab, startRecorded, stopRecorded } from "@dragonflow/lab";
import { LEASE_TOPIC } from "@dragonflow/store";
import { Cloud, type Json, made } from "../cloud.ts";
import { Crew, type FleetState } from "../fleet/crew.ts";
import { type Delivered, figuresOf } from "../fleet/delivered.ts";
import { hostName, now } from "../fleet/protocol.ts";
import { openWires, sentOn, urlsOf, type Wire } from "../fleet/wire.ts";
import { connectAs, relayAccess, relayCertificate } from "../lab-access.ts";
import { type Case, type Figure, figure, numberFrom } from "../measure.ts";
import { cpuSeconds, peakMb, record, residentMb } from "../processes.ts";
import { createGroup } from "../tenants.ts";

const HOSTS = numberFrom("BENCH_HOSTS", 1000);
const PROCESSES = numberFrom("BENCH_PROCESSES", 2);
const CHANGES = numberFrom("BENCH_RUNS", 20);
const HOSTS_OF_TENANT = 10;
const PORTS_OF_HOST = 5;
const NETWORKS_OF_TENANT = 2;
/** Hosts of other tenants that are watched on the wire, beside those of the one that changes. */
const BYSTANDERS = 20;
/** More than what a herd should need; short of that something is broken. */
const DEADLINE_MS = 600_000;
const QUIET_MS = 400;

interface FleetTenant {
  readonly groupId: string;
  readonly networks: readonly string[];
  readonly hosts: ReadonlySet<number>;
}

/** A router, two networks and a group for ten hosts, which have five ports each. */
async function createTenant(cloud: Cloud, t: number): Promise<FleetTenant> {
  const router = await cloud.create("router", { name: `fleet-${t}` });
  const groupId = await createGroup(cloud, `fleet-${t}`);
  const networks: string[] = [];
  for (let n = 0; n < NETWORKS_OF_TENANT; n++) {
    const network = await cloud.create("network", { name: `fleet-${t}-${n}` });
    const fields = { network_id: network.id, ip_version: 4, cidr: `10.${n}.0.0/16` };
    const subnet = await cloud.create("subnet", fields);
    await cloud.call("PUT", `/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    networks.push(network.id);
  }
  const hosts = Array.from(
    { length: Math.min(HOSTS_OF_TENANT, HOSTS - t * HOSTS_OF_TENANT) },
    (_, i) => t * HOSTS_OF_TENANT + i,
  );
  const ports = hosts.flatMap((host) =>
    Array.from({ length: PORTS_OF_HOST }, (_, i) => ({
      network_id: networks[i % NETWORKS_OF_TENANT],
      security_groups: [groupId],
      "binding:host_id": hostName(host),
    })),
  );
  await cloud.createPorts(ports);
  return { groupId, networks, hosts: new Set(hosts) };
}

/** Of a server process, before and after. */
class Meter {
  readonly #pid: number;
  readonly #cpu: number;
  constructor(pid: number) {
    this.#pid = pid;
    this.#cpu = cpuSeconds(pid);
  }
  get cpuMs(): number {
    return (cpuSeconds(this.#pid) - this.#cpu) * 1000;
  }
  get memoryMb(): number {
    return residentMb(this.#pid);
  }
  get peakMb(): number {
    return peakMb(this.#pid);
  }
  get openFiles(): number {
    return readdirSync(`/proc/${this.#pid}/fd`).length;
  }
}

/** Of the first tenant all, and some from all over the others. */
function watchedHosts(): readonly number[] {
  const first = Math.min(HOSTS, HOSTS_OF_TENANT);
  const others = HOSTS - first;
  const bystanders = Array.from({ length: Math.min(others, BYSTANDERS) }, (_, i) =>
    Math.floor((i * others) / BYSTANDERS),
  );
  return [...Array.from({ length: first }, (_, n) => n), ...new Set(bystanders.map((n) => HOSTS_OF_TENANT + n))];
}

/** One figure for when hosts had come so far. */
function when(name: string, since: number, times: readonly (number | undefined)[]): Figure {
  return figure(
    name,
    "ms",
    times.map((time) => (time ?? Number.NaN) - since),
  );
}

async function coldStart(
  cloud: Cloud,
  crew: Crew,
  instead: ReadonlyMap<number, string>,
  report: (line: string) => void,
): Promise<readonly Figure[]> {
  const server = new Meter(await cloud.pidOf("server"));
  const [memory, files, before] = [server.memoryMb, server.openFiles, await crew.state()];
  const started = crew.startHosts(await relayAccess(cloud.lab), instead);
  const newcomers: number[] = [];
  const state = await crew.current(started, DEADLINE_MS, report, (connected) => {
    if (connected < HOSTS) newcomers.push(Math.max(0, server.openFiles - files - connected));
  });
  for (const problem of state.problems) report(problem);
  await allAlive(cloud);
  return [
    when(
      "cold start: connected",
      started,
      state.hosts.map(({ connectedAt }) => connectedAt),
    ),
    when(
      "cold start: current",
      started,
      state.hosts.map(({ currentAt }) => currentAt),
    ),
    figure("cold start: all alive in the API", "ms", [now() - started]),
    attempts("cold start", state),
    figure("cold start: connections at once that are not through yet", "count", newcomers, {
      note: "the relay takes 2,000",
    }),
    figure("cold start: server's CPU, for each host", "ms", [server.cpuMs / HOSTS]),
    figure("server's memory, before", "MB", [memory]),
    figure("server's memory, with the fleet", "MB", [server.memoryMb]),
    figure("server's memory, at its peak by then", "MB", [server.peakMb]),
    figure("controller's CPU, its cold start", "ms", [((state.cpuSeconds - before.cpuSeconds) * 1000) / HOSTS]),
    figure("controller's memory, without the process's own", "MB", [(state.memoryMb - before.memoryMb) / HOSTS]),
    figure(
      "topics of a host",
      "count",
      state.hosts.map(({ topics }) => topics),
    ),
    figure(
      "flows and other outputs of a host",
      "count",
      state.hosts.map(({ outputs }) => outputs),
    ),
  ];
}
const attempts = (name: string, state: FleetState): Figure =>
  figure(
    `${name}: connections tried by a host`,
    "count",
    state.hosts.map((host) => host.attempts),
  );

/** Every host's lease is there, and what it says of itself. */
async function allAlive(cloud: Cloud): Promise<void> {
  const asked = now();
  for (;;) {
    const agents = made((await cloud.call("GET", "/agents"))["agents"]);
    const alive = agents.filter((agent) => agent["alive"] === true).length;
    if (alive >= HOSTS) return;
    if (now() - asked > DEADLINE_MS) throw new Error(`${alive} of ${HOSTS} hosts are alive in the API`);
    await wait(100);
  }
}

/** By host: the version that says since when it has lived without a break, as everybody sees it. */
async function livesOf(cloud: Cloud): Promise<ReadonlyMap<string, string>> {
  const store = await connectAs("server", await relayAccess(cloud.lab));
  const lives = new Map<string, string>();
  for await (const page of (await store.snapshot(LEASE_TOPIC)).rows)
    for (const { id, version } of page) if (id.includes("chassis/")) lives.set(id, version);
  await store.close();
  return lives;
}

/** The server ends and comes back: everybody connects again, and asks where it was. */
async function serverRestart(cloud: Cloud, crew: Crew, report: (line: string) => void): Promise<readonly Figure[]> {
  const lab = await openLab(cloud.lab);
  const tried = new Map((await crew.state()).hosts.map((host) => [host.n, host.attempts]));
  const lives = await livesOf(cloud);
  await stopRecorded(lab, "server", { graceMs: 60_000 });
  const started = now();
  await startRecorded(lab, "server");
  const state = await crew.current(started, DEADLINE_MS, report);
  const meter = cpuSeconds(await cloud.pidOf("server")) * 1000;
  for (const problem of state.problems) report(problem);
  const after = await livesOf(cloud);
  const lost = Array.from(lives).filter(([id, version]) => after.get(id) !== version).length;
  return [
    when(
      "server restarted: current again",
      started,
      state.hosts.map(({ currentAt }) => currentAt),
    ),
    figure(
      "server restarted: connections tried by a host",
      "count",
      state.hosts.map((host) => host.attempts - (tried.get(host.n) ?? 0)),
    ),
    figure("server restarted: leases that ran out before their hosts were back", "count", [lost]),
    figure("server restarted: server's CPU, for each host", "ms", [meter / HOSTS]),
  ];
}

/** One change after the other, and who hears of it. */
async function changes(
  cloud: Cloud,
  crew: Crew,
  tenant: FleetTenant,
  wires: ReadonlyMap<number, Wire>,
): Promise<readonly Figure[]> {
  const server = new Meter(await cloud.pidOf("server"));
  const first = await crew.arrivals();
  const before = await crew.state();
  const started = now();
  const delivered: Delivered[] = [];
  const change = async (name: string, method: string, path: string, body?: Json): Promise<Json> => {
    const before = sentOn(wires);
    const sentAt = now();
    const answer = await cloud.call(method, path, body);
    const answeredAt = now();
    await wait(QUIET_MS);
    const { arrivals } = await crew.arrivals();
    const sent = new Map(
      Array.from(sentOn(wires), ([n, { messages, bytes }]) => {
        const had = before.get(n) ?? { messages: 0, bytes: 0 };
        return [n, { messages: messages - had.messages, bytes: bytes - had.bytes }];
      }),
    );
    delivered.push({ name, sentAt, answeredAt, arrivals, sent });
    return answer;
  };
  const [host = 0] = tenant.hosts;
  for (let n = 0; n < CHANGES; n++) {
    const port = {
      network_id: tenant.networks[n % NETWORKS_OF_TENANT],
      security_groups: [tenant.groupId],
      "binding:host_id": hostName(host),
    };
    const [made] = idsOf(await change("port added", "POST", "/ports", { port }));
    await change("port deleted", "DELETE", `/ports/${made}`);
    const rule = {
      security_group_id: tenant.groupId,
      direction: "ingress",
      ethertype: "IPv4",
      protocol: "tcp",
      port_range_min: 1000 + n,
      port_range_max: 1000 + n,
    };
    const [ruleId] = idsOf(await change("rule added", "POST", "/security-group-rules", { security_group_rule: rule }));
    await change("rule deleted", "DELETE", `/security-group-rules/${ruleId}`);
  }
  const seconds = (now() - started) / 1000;
  const after = await crew.state();
  const { bytes } = await crew.arrivals();
  const read = bytes.map((count, n) => count - (first.bytes[n] ?? 0));
  const silent = read.filter((_, n) => !tenant.hosts.has(n));
  const keepalive = silent.reduce((sum, count) => sum + count, 0) / Math.max(1, silent.length);
  return [
    ...["port added", "port deleted", "rule added", "rule deleted"].flatMap((name) =>
      figuresOf(
        name,
        delivered.filter((one) => one.name === name),
        tenant.hosts,
      ),
    ),
    figure(
      "bytes to an involved host for a change, without keepalive",
      "bytes",
      read.flatMap((count, n) => (tenant.hosts.has(n) ? [(count - keepalive) / delivered.length] : [])),
      { note: "TLS included" },
    ),
    figure("bytes to an uninvolved host in a second: keepalive", "bytes", [keepalive / seconds], {
      note: "TLS included",
    }),
    figure("server's CPU for a change", "ms", [server.cpuMs / delivered.length], {
      note: "API and keepalive included",
    }),
    figure("controller's CPU in a second, hosts at rest and few involved", "ms", [
      ((after.cpuSeconds - before.cpuSeconds) * 1000) / seconds / HOSTS,
    ]),
  ];
}

function idsOf(answer: Json): readonly string[] {
  return made(Object.values(answer)).map(({ id }) => id);
}

export const fleet: Case = {
  name: "fleet",
  section: "Fleet",
  about: `${HOSTS} hosts, simulated in ${PROCESSES} processes: each with a controller's replica, engine, lease and status over a connection of its own (TLS) to the relay of a real server with the embedded store, without a switch; ten hosts of five ports are a tenant. What is sent to the hosts of one tenant, and to twenty others, is counted between the server and them. All start at once; one tenant changes; the server restarts`,
  sizes: "BENCH_HOSTS (1000; to 10000); BENCH_PROCESSES (2); BENCH_RUNS: changes of each kind (20)",
  async run(report) {
    await using cloud = await Cloud.start(0, `${HOSTS} hosts`);
    const tenants: FleetTenant[] = [];
    for (let t = 0; t * HOSTS_OF_TENANT < HOSTS; t++) {
      tenants.push(await createTenant(cloud, t));
      if (t % 100 === 99) report(`${(t + 1) * HOSTS_OF_TENANT} hosts have their ports`);
    }
    await using stack = new AsyncDisposableStack();
    const certificate = await relayCertificate(cloud.lab);
    const wires = await openWires(await relayAccess(cloud.lab), certificate, watchedHosts(), stack);
    await using crew = await Crew.start(PROCESSES, HOSTS);
    const herd = await coldStart(cloud, crew, urlsOf(wires), report);
    report("all hosts are current");
    await wait(2000);
    const [tenant] = tenants;
    if (tenant === undefined) throw new RangeError("no hosts");
    const steady = await changes(cloud, crew, tenant, wires);
    report("all changes are made");
    const again = await serverRestart(cloud, crew, report);
    const { memoryMb, cpuSeconds: cpu } = await crew.state();
    record({
      when: `${HOSTS} hosts`,
      process: `${PROCESSES} processes of the fleet`,
      peakMb: memoryMb,
      cpuSeconds: cpu,
    });
    return [...herd, ...steady, ...again];
  },
};
