/**
 * Whatever fails, while pings run every 10 ms, TCP streams, and writes to the API: each process is killed, stands still and goes on, each network is
 * cut, the disk under the store is full. Counted are lost packets and lost acknowledged writes; afterwards everything goes on, and `dragonflow check`
 * finds nothing. What restarts do to flows stands in restart.test.ts.
 *
 *   host1: near1 near2                  one network, everybody may talk to everybody
 *   host2: far1 far2
 *
 * DRAGONFLOW_SEED=… repeats the faults of a long run, which prints its seed.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { agents } from "@dragonflow/cli";
import {
  killHost,
  listHosts,
  listProcesses,
  type PingPair,
  restartDaemon,
  startHost,
  startRecorded,
  stopRecorded,
} from "@dragonflow/lab";
import fc from "fast-check";
import { ApiWrites } from "./support/api-writes.ts";
import { type Cloud, FULL, run, startCloud, type Vm } from "./support/cloud.ts";
import { type Traffic, underTraffic } from "./support/lossless.ts";
import { SmallDisk } from "./support/small-disk.ts";
import { StoreLink } from "./support/store-link.ts";
import { serve, Stream } from "./support/traffic.ts";

const SEED = Number(process.env["DRAGONFLOW_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
// The variable is none of the program's.
delete process.env["DRAGONFLOW_SEED"];
/** Of a long run, at random. */
const FAULTS_IN_A_ROW = 60;
const PAIRS_IN_A_ROW = 30;

const NEAR = { from: "near1", to: "near2" };
const ACROSS = { from: "near1", to: "far1" };
const FAR = { from: "far1", to: "far2" };
const PAIRS = [NEAR, ACROSS, FAR];
const STREAM_PORT = 5001;
const INTERVAL_MS = 10;
/** How long something is away, in packets of one ping. */
const AWAY = FULL ? 500 : 100;
/** The same, and how long the second of two faults waits for the first, in a long run. */
const SOME_TIME = fc.integer({ min: 20, max: AWAY });
const A_MOMENT = fc.integer({ min: 0, max: 100 });

let cloud: Cloud;
let link: StoreLink;
let disk: SmallDisk;
let streams: readonly Stream[];
let writes: ApiWrites;
const atEnd = new AsyncDisposableStack();

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  disk = await SmallDisk.under(cloud);
  link = atEnd.use(await StoreLink.between(cloud));
  await cloud.until("both hosts are alive", async () => {
    const alive = (await cloud.api.list(agents)).filter((agent) => agent.alive);
    return alive.length === 2;
  });
  const network = await cloud.network("net");
  const cidrs = ["10.10.0.0/24", "fd00:10::/64"];
  // Without a router nobody would tell the VMs their IPv6 prefix.
  await cloud.router("router", await Promise.all(cidrs.map(async (cidr) => cloud.subnet(network, cidr))));
  const { id } = await cloud.openGroup();
  const port = { security_groups: [id] };
  const vms = await cloud.vms([
    { name: "near1", host: "host1", network, port },
    { name: "near2", host: "host1", network, port },
    { name: "far1", host: "host2", network, port },
    { name: "far2", host: "host2", network, port },
  ]);
  const vm = (name: string): Vm => vms.find((one) => one.name === name) ?? assert.fail(name);
  for (const one of vms) await serve(cloud, one, { tcp: [STREAM_PORT] });
  const tcp = { protocol: "tcp", port: STREAM_PORT, mode: "echo" } as const;
  streams = await Promise.all(PAIRS.map(async ({ from, to }) => atEnd.use(await Stream.open(vm(from), vm(to), tcp))));
  writes = atEnd.use(new ApiWrites(cloud, await cloud.network("writes")));
});
after(async () => atEnd.disposeAsync());

/** What is done to the cloud, and taken back. */
interface Fault {
  readonly name: string;
  /** What it is done to. Two faults at the same time are done to different things. */
  readonly to: readonly string[];
  /** Pairs that may lose packets meanwhile; all others lose none. */
  readonly mayLose: readonly PingPair[];
  /** Part of the short form. */
  readonly always: boolean;
  /** @param away how long something is away, in packets of one ping */
  readonly run: (traffic: Traffic, away: number) => Promise<void>;
}

/** A process of the lab: what it is called, and the pid that it has now. */
interface Process {
  readonly name: string;
  readonly to: string;
  readonly mayLose: readonly PingPair[];
  readonly always: boolean;
  readonly pid: () => Promise<number>;
  /** Ends it, and starts it again after a while. */
  readonly restart: (signal: "SIGKILL" | "SIGTERM", traffic: Traffic, away: number) => Promise<void>;
}

const recorded = (name: string, always = true): Process => ({
  name,
  to: name,
  mayLose: [],
  always,
  pid: async () => {
    const pid = (await listProcesses(cloud.lab)).find((process) => process.name === name)?.pid;
    return pid ?? assert.fail(`${name} does not run`);
  },
  restart: async (signal, traffic, away) => {
    await stopRecorded(cloud.lab, name, { signal });
    await traffic.sent(away);
    await startRecorded(cloud.lab, name);
  },
});
/** Pairs whose packets cross this host. */
const crossing = (host: string): readonly PingPair[] => (host === "host1" ? [NEAR, ACROSS] : [ACROSS, FAR]);
/** On this datapath no packet passes while one of them is away. A lab waits for its underlay when it starts one: only one at a time. */
const daemon = (host: string, name: "ovs-vswitchd" | "ovsdb-server", always = true): Process => ({
  name: `${name} of ${host}`,
  to: "underlay",
  mayLose: crossing(host),
  always,
  pid: async () => Number(readFileSync(join((await cloud.host(host)).directory, `${name}.pid`), "utf8")),
  restart: async (signal) => restartDaemon(cloud.lab, host, name, { signal }),
});

/** The store is in the server: what happens to the one happens to the other. */
const PROCESSES = [
  recorded("server"),
  recorded("controller-host1"),
  recorded("controller-host2", false),
  daemon("host1", "ovs-vswitchd"),
  daemon("host1", "ovsdb-server"),
  daemon("host2", "ovs-vswitchd", false),
  daemon("host2", "ovsdb-server", false),
];

const killed = ({ name, to, mayLose, always, restart }: Process): Fault => ({
  name: `${name} is killed, and starts again`,
  to: [to],
  mayLose,
  always,
  run: async (traffic, away) => restart("SIGKILL", traffic, away),
});
const stopped = ({ name, to, mayLose, always, pid }: Process): Fault => ({
  name: `${name} stands still, and goes on`,
  to: [to],
  mayLose,
  always,
  run: async (traffic, away) => {
    const stopping = await pid();
    process.kill(stopping, "SIGSTOP");
    try {
      await traffic.sent(away);
    } finally {
      process.kill(stopping, "SIGCONT");
    }
  },
});
const restarted = ({ name, to, mayLose, restart }: Process): Fault => ({
  name: `${name} ends in order, and starts again`,
  to: [to],
  mayLose,
  always: false,
  run: async (traffic) => restart("SIGTERM", traffic, 0),
});

const FAULTS: readonly Fault[] = [
  ...PROCESSES.map(killed),
  ...PROCESSES.map(stopped),
  ...PROCESSES.map(restarted),
  {
    name: "host1 dies with all that runs on it, and starts again",
    to: ["underlay", "controller-host1"],
    mayLose: crossing("host1"),
    always: false,
    run: async (traffic, away) => {
      await killHost(cloud.lab, "host1");
      await traffic.sent(away);
      await startHost(cloud.lab, "host1");
    },
  },
  {
    name: "the controllers are cut off from the store",
    to: ["link"],
    mayLose: [],
    always: true,
    run: async (traffic, away) => {
      link.cut();
      try {
        await traffic.sent(away);
      } finally {
        link.heal();
      }
    },
  },
  {
    name: "the hosts are cut off from each other",
    to: ["underlay"],
    mayLose: [ACROSS],
    always: true,
    run: async (traffic, away) => {
      const { name, namespace } = await cloud.host("host2");
      const fabric = namespace.replace(`-${name}-`, "-fabric-");
      const uplink = async (state: "down" | "up") => run(["ip", "-n", fabric, "link", "set", `uplink-${name}`, state]);
      await uplink("down");
      try {
        await traffic.sent(away);
      } finally {
        await uplink("up");
      }
    },
  },
  {
    name: "the disk under the store is full",
    to: ["disk"],
    mayLose: [],
    always: true,
    run: async (traffic, away) => {
      const { refused } = writes;
      disk.fill();
      try {
        await cloud.until("a write is refused", () => writes.refused > refused);
        await traffic.sent(away);
      } finally {
        disk.makeRoom();
      }
    },
  },
];

/** Both, the second so many packets after the first. */
const atTheSameTime = (first: Fault, second: Fault, after: number): Fault => ({
  name: `${first.name}; ${after * INTERVAL_MS} ms later ${second.name}`,
  to: [...first.to, ...second.to],
  mayLose: [...first.mayLose, ...second.mayLose],
  always: false,
  run: async (traffic, away) => {
    const done = await Promise.allSettled([
      first.run(traffic, away),
      traffic.sent(after).then(async () => second.run(traffic, away)),
    ]);
    for (const one of done) if (one.status === "rejected") throw one.reason;
  },
});

const nameOf = ({ from, to }: PingPair): string => `${from} -> ${to}`;

/** While everything runs; then until everything goes on as before. @returns what it cost, in words */
async function suffer({ name, mayLose, run: work }: Fault, away = AWAY): Promise<string> {
  let took = 0;
  const stats = await underTraffic(cloud, PAIRS, async (traffic) => {
    await work(traffic, away);
    const healed = performance.now();
    const answered = traffic.stats().map(({ received }) => received);
    await cloud.until("every ping is answered again", () =>
      traffic.stats().every(({ received }, i) => received > (answered[i] ?? 0) + 10),
    );
    await Promise.all(streams.map(async (stream) => stream.flows()));
    await writes.goOn();
    await controllersInStep();
    took = performance.now() - healed;
  });
  const lostBy = new Map(PAIRS.map((pair) => [nameOf(pair), 0]));
  for (const { from, to, lost, error } of stats) {
    assert.equal(error, null);
    lostBy.set(nameOf({ from, to }), (lostBy.get(nameOf({ from, to })) ?? 0) + lost);
  }
  const wrong = PAIRS.filter((pair) => !mayLose.includes(pair) && lostBy.get(nameOf(pair)) !== 0);
  const lost = [...lostBy].map(([pair, count]) => `${pair} ${count}`).join(", ");
  assert.deepEqual(wrong.map(nameOf), [], `${name}: packets lost: ${lost}\n${await cloud.complaints()}`);
  assert.deepEqual(await writes.lost(), [], name);
  await clean();
  return `packets lost: ${lost}; all went on ${took.toFixed(0)} ms after its end`;
}

async function controllersInStep(): Promise<void> {
  for (const { name } of await listHosts(cloud.lab))
    await cloud.until(`the controller of ${name} is in step, and its lease is held`, async () => {
      const said = await cloud.ask(name, "/status");
      return isStatus(said) && said.inSync && Object.values(said.connected).every(Boolean);
    });
}
function isStatus(said: unknown): said is { readonly inSync: boolean; readonly connected: Record<string, boolean> } {
  return typeof said === "object" && said !== null && "inSync" in said && "connected" in said;
}

/** What the audit finds while writes go on: nothing. */
async function clean(): Promise<void> {
  let last = "";
  await cloud
    .until(
      "check finds nothing",
      async () => {
        try {
          last = await cloud.dragonflow("check", "--json");
          return true;
        } catch (error) {
          last = error instanceof Error ? error.message : String(error);
          return false;
        }
      },
      60_000,
    )
    .catch((error: unknown) => assert.fail(`${error instanceof Error ? error.message : ""}\n${last}`));
}

for (const fault of FAULTS.filter(({ always }) => always || FULL))
  test(fault.name, async (t) => {
    t.diagnostic(await suffer(fault));
  });

/** Tests of their own, so that a long run tells how far it is. */
function inARow(what: string, faults: fc.Arbitrary<Fault>, count: number): void {
  const drawn = fc.sample(fc.tuple(faults, SOME_TIME), { seed: SEED, numRuns: count });
  for (const [n, [fault, away]] of drawn.entries())
    test(`${what} ${n + 1} of ${count}: ${fault.name}`, async (t) => {
      t.diagnostic(`DRAGONFLOW_SEED=${SEED}, away for ${away * INTERVAL_MS} ms`);
      t.diagnostic(await suffer(fault, away));
    });
}
if (FULL) {
  const anyFault = fc.constantFrom(...FAULTS);
  inARow("at random", anyFault, FAULTS_IN_A_ROW);
  const two = fc
    .tuple(anyFault, anyFault, A_MOMENT)
    .filter(([first, second]) => !first.to.some((thing) => second.to.includes(thing)))
    .map(([first, second, after]) => atTheSameTime(first, second, after));
  inARow("two at the same time", two, PAIRS_IN_A_ROW);
}

test("every acknowledged write is there, and there were many", async (t) => {
  t.diagnostic(`${writes.acknowledged} acknowledged, ${writes.refused} refused`);
  assert.deepEqual(await writes.lost(), []);
  assert.ok(writes.acknowledged > 100 && writes.refused > 0);
});
