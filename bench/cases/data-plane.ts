import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { addVm, type Lab, type LabVm, openLab } from "@dragonflow/lab";
import { Cloud, type Json } from "../cloud.ts";
import { type Case, type Figure, figure, numberFrom } from "../measure.ts";
import { datapathPasses, megaflows } from "../passes.ts";
import { besidePeer, type PeerResults } from "../peer.ts";
import { cpuSeconds } from "../processes.ts";
import { createTenants, networkOf, portIn, type Tenant } from "../tenants.ts";

const run = promisify(execFile);
const OTHERS = numberFrom("BENCH_PORTS", 1000);
const ROUNDS = numberFrom("BENCH_RUNS", 8);
const MANY = numberFrom("BENCH_CONNECTIONS", 10_000);
const FEW = 100;
const IPERF_ATTEMPTS = 3;
const DATAGRAM_PORT = 7778;
const DATAGRAMS = resolve(import.meta.dirname, "../programs/datagrams.ts");
/** By our names, and by those of the peer. */
const WAYS = [
  ["NORMAL bridge", "normal"],
  ["L2", "ovn_l2"],
  ["routed", "ovn_l3"],
  ["L2 + group", "ovn_l2_acl"],
  ["routed + group", "ovn_l3_acl"],
] as const;
type Way = (typeof WAYS)[number][0];

interface Pair {
  readonly from: LabVm;
  readonly to: LabVm;
  readonly address: string;
}
interface Round {
  readonly pingMs: number;
  readonly firstPingMs: number;
  readonly tcp: number;
  readonly udp: number;
  /** Of vswitchd, for one datagram. */
  readonly cpuUsOfPacket: number;
}
interface Flows {
  readonly few: number;
  readonly many: number;
  readonly passes: number;
}

/** VMs on one host: two on a plain bridge that learns, and for each way two of the cloud. */
async function createVms(cloud: Cloud, lab: Lab, tenant: Tenant): Promise<ReadonlyMap<Way, Pair>> {
  const open: Json = { port_security_enabled: false, security_groups: [] };
  const bound = async (name: string, n: number, last: number, more: Json): Promise<LabVm> => {
    const network = networkOf(tenant, n);
    const port = await cloud.create("port", portIn(tenant, network, last, "host1", more));
    return addVm(lab, {
      name,
      host: "host1",
      portId: port.id,
      mac: String(port["mac_address"]),
      dhcp: false,
      addresses: [`${network.prefix}${last}/24`],
      gateways: [`${network.prefix}1`],
    });
  };
  const plain = async (name: string, last: number): Promise<LabVm> => {
    const addresses = [`10.251.0.${last}/24`];
    const mac = `fa:16:3e:cc:00:${last}`;
    const vm = await addVm(lab, { name, host: "host1", portId: name, mac, dhcp: false, addresses, plug: false });
    await cloud.vsctl(0, "add-port", "br-plain", vm.tap);
    return vm;
  };
  const bridge = "add-br br-plain -- set bridge br-plain datapath_type=netdev fail_mode=standalone";
  await cloud.vsctl(0, ...bridge.split(" "));
  const [near, far] = [networkOf(tenant, 0).prefix, networkOf(tenant, 1).prefix];
  const [pl1, pl2] = [await plain("pl1", 10), await plain("pl2", 11)];
  const [na1, na2, na3] = [
    await bound("na1", 0, 10, open),
    await bound("na2", 0, 11, open),
    await bound("na3", 1, 10, open),
  ];
  const [sg1, sg2, sg3] = [await bound("sg1", 0, 20, {}), await bound("sg2", 0, 21, {}), await bound("sg3", 1, 20, {})];
  await cloud.active("host1", 6);
  return new Map<Way, Pair>([
    ["NORMAL bridge", { from: pl1, to: pl2, address: "10.251.0.11" }],
    ["L2", { from: na1, to: na2, address: `${near}11` }],
    ["routed", { from: na1, to: na3, address: `${far}10` }],
    ["L2 + group", { from: sg1, to: sg2, address: `${near}21` }],
    ["routed + group", { from: sg1, to: sg3, address: `${far}20` }],
  ]);
}

/** What listens in the VMs that are asked. */
class Servers implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];
  static async start(vms: Iterable<LabVm>): Promise<Servers> {
    const servers = new Servers();
    for (const { namespace } of new Set(vms)) {
      servers.#start(namespace, ["iperf3", "-s"]);
      const datagrams = servers.#start(namespace, [process.execPath, DATAGRAMS, "serve", String(DATAGRAM_PORT)]);
      if (datagrams.stdout !== null) await once(datagrams.stdout, "data");
    }
    return servers;
  }
  #start(namespace: string, command: readonly string[]): ChildProcess {
    const child = spawn("ip", ["netns", "exec", namespace, ...command], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout?.resume();
    this.#children.push(child);
    return child;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null) continue;
      child.kill();
      await once(child, "close");
    }
  }
}

async function inVm({ namespace }: LabVm, ...command: readonly string[]): Promise<string> {
  return (await run("ip", ["netns", "exec", namespace, ...command], { maxBuffer: 64 * 1024 * 1024 })).stdout;
}
const pingTimes = (output: string): readonly number[] =>
  [...output.matchAll(/time=([\d.]+)/g)].map(([, ms]) => Number(ms));

type Sum = Readonly<Record<string, number>>;

/** What the receiver counted in one second of iperf3. It ends well without an answer now and then: asked again. */
async function iperf(
  { from, address }: Pair,
  sum: "sum" | "sum_received",
  ...options: readonly string[]
): Promise<Sum> {
  for (let attempt = 1; ; attempt++) {
    const report: unknown = JSON.parse(await inVm(from, "iperf3", "-c", address, "-t", "1", "-J", ...options));
    const end = typeof report === "object" && report !== null && "end" in report ? report.end : undefined;
    const counted: unknown = Object.entries(end ?? {}).find(([name]) => name === sum)?.[1];
    const numbers = Object.entries(counted ?? {}).filter(
      (entry): entry is [string, number] => typeof entry[1] === "number",
    );
    if (numbers.length > 0) return Object.fromEntries(numbers);
    if (attempt === IPERF_ATTEMPTS) throw new Error(`iperf3 counted nothing: ${JSON.stringify(report).slice(-300)}`);
  }
}

async function round(cloud: Cloud, vswitchd: number, pair: Pair): Promise<Round> {
  const warm = pingTimes(await inVm(pair.from, "ping", "-n", "-i", "0.002", "-c", "150", pair.address)).slice(5);
  await cloud.appctl(0, "dpctl/flush-conntrack");
  await cloud.appctl(0, "revalidator/purge");
  await wait(50);
  const [firstPingMs = Number.NaN] = pingTimes(await inVm(pair.from, "ping", "-n", "-c", "1", pair.address));
  const { bits_per_second: tcp = Number.NaN } = await iperf(pair, "sum_received");
  const before = cpuSeconds(vswitchd);
  const { packets = 0, lost_packets = 0, seconds = Number.NaN } = await iperf(pair, "sum", "-u", "-b", "0", "-l", "64");
  const received = packets - lost_packets;
  return {
    pingMs: warm.toSorted((a, b) => a - b)[Math.floor(warm.length / 2)] ?? Number.NaN,
    firstPingMs,
    tcp,
    udp: received / seconds,
    cpuUsOfPacket: ((cpuSeconds(vswitchd) - before) * 1e6) / received,
  };
}

/** Megaflows of so many connections that were answered, before any of them runs out. */
async function flowsOf(cloud: Cloud, { from, to, address }: Pair): Promise<Flows> {
  const theirs = [`in_port(${from.tap})`, `in_port(${to.tap})`];
  const dump = async (count: number): Promise<readonly string[]> => {
    await cloud.appctl(0, "dpctl/flush-conntrack");
    await cloud.appctl(0, "revalidator/purge");
    await inVm(from, process.execPath, DATAGRAMS, "connect", address, String(DATAGRAM_PORT), String(count));
    const all = await cloud.appctl(0, "dpctl/dump-flows", "--names");
    // Other VMs say something too: solicitations, late ends of connections.
    return all.split("\n").filter((line) => theirs.some((port) => line.includes(port)));
  };
  const few = await dump(FEW);
  return { few: megaflows(few), many: megaflows(await dump(MANY)), passes: datapathPasses(few) };
}

const shuffled = <T>(items: readonly T[]): readonly T[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);

async function allWays(report: (line: string) => void) {
  await using cloud = await Cloud.start(1, `${OTHERS} other ports`);
  const tenant = await createTenants(cloud, OTHERS, report);
  const lab = await openLab(cloud.lab);
  const pairs = await createVms(cloud, lab, tenant);
  await using _servers = await Servers.start([...pairs.values()].map(({ to }) => to));
  const vswitchd = await cloud.pidOf("ovs-vswitchd of host1");
  const rounds: ReadonlyMap<Way, Round>[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const measured = new Map<Way, Round>();
    for (const [way, pair] of shuffled([...pairs])) measured.set(way, await round(cloud, vswitchd, pair));
    rounds.push(measured);
    report(`round ${n + 1} of ${ROUNDS}`);
  }
  const flows = new Map<Way, Flows>();
  for (const [way, pair] of pairs) flows.set(way, await flowsOf(cloud, pair));
  return { rounds, flows };
}

function figuresOf(measured: readonly Awaited<ReturnType<typeof allWays>>[], peer: PeerResults): readonly Figure[] {
  const rounds = measured.flatMap((one) => one.rounds);
  return WAYS.flatMap(([way, theirs]) => {
    const of = (what: keyof Round): readonly number[] => rounds.flatMap((ways) => ways.get(way)?.[what] ?? []);
    const toNormal = (what: keyof Round): readonly number[] =>
      rounds.flatMap((ways) => {
        const [mine, plain] = [ways.get(way)?.[what], ways.get("NORMAL bridge")?.[what]];
        return mine === undefined || plain === undefined ? [] : [mine / plain];
      });
    const flows = measured.flatMap((one) => one.flows.get(way) ?? []);
    const theirMs = (name: string): readonly number[] => peer.values("raw", theirs, name).map((us) => us / 1000);
    const theirRatio = (name: string): readonly number[] => peer.values("paired_ratio_p50", theirs, name);
    const theirFlows = peer.texts(`megaflows-${theirs}.txt`).map((text) => text.split("\n"));
    const counts = [
      figure(
        `${way}: datapath passes`,
        "count",
        flows.map(({ passes }) => passes),
        { peer: theirFlows.map(datapathPasses), peerBound: 1 },
      ),
      figure(
        `${way}: megaflows, ${FEW} connections`,
        "count",
        flows.map(({ few }) => few),
        { peer: theirFlows.map(megaflows), peerBound: 1 },
      ),
      figure(
        `${way}: megaflows, ${MANY} connections`,
        "count",
        flows.map(({ many }) => many),
      ),
    ];
    const times = [
      figure(`${way}: first ping, nothing cached`, "ms", of("firstPingMs"), {
        peer: theirMs("first_ping_us"),
        peerBound: way.startsWith("routed") ? 1 : undefined,
      }),
      figure(`${way}: ping`, "ms", of("pingMs"), { peer: theirMs("ping_avg_us") }),
      figure(`${way}: CPU of vswitchd for a 64-byte datagram`, "µs", of("cpuUsOfPacket"), {
        peer: peer.values("raw", theirs, "vsw_us_per_udp_pkt"),
      }),
    ];
    if (way === "NORMAL bridge") return [...times, ...counts];
    return [
      ...times,
      figure(`${way}: first ping, to NORMAL`, "ratio", toNormal("firstPingMs"), { peer: theirRatio("first_ping_us") }),
      figure(`${way}: TCP throughput, to NORMAL`, "ratio", toNormal("tcp"), { peer: theirRatio("tcp_mbps") }),
      figure(`${way}: 64-byte UDP throughput, to NORMAL`, "ratio", toNormal("udp"), {
        peer: theirRatio("udp64_rx_kpps"),
      }),
      ...counts,
    ];
  });
}

export const dataPlane: Case = {
  name: "data-plane",
  section: "Data plane",
  about: `packets between two VMs of a host on the userspace datapath, beside a plain NORMAL bridge of the same switch in the same round, in random order; with ${OTHERS} other ports. Without a group, our ports have no port security, where OVN's have`,
  sizes: "BENCH_RUNS: rounds (8); BENCH_CONNECTIONS: for megaflows, beside 100 (10000); BENCH_PORTS: others (1000)",
  async run(report) {
    const when = `${OTHERS} other ports`;
    const { ours, peer } = await besidePeer("dp2.py", [ROUNDS], when, report, () => allWays(report));
    return figuresOf(ours, peer);
  },
};
