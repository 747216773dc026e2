import { setTimeout as wait } from "node:timers/promises";
import { formatIpv6, type Layers, linkLocal, parseMac } from "@dragonflow/packet";
import { arpRequest, dhcpRequest, type End, ping, routerSolicitation, udp } from "@dragonflow/pipeline/testing";
import { Cloud, type Json, made } from "../cloud.ts";
import { type Case, type Figure, figure, numberFrom, numbersFrom } from "../measure.ts";
import { Stations } from "../stations.ts";

const SIZES = numbersFrom("BENCH_SIZES", "1,100,1000");
const SAMPLES = numberFrom("BENCH_RUNS", 50);
const NETWORKS = 4;
const AT_ONCE = 100;
const DEADLINE_MS = 5000;

interface Station {
  readonly n: number;
  readonly end: End;
  readonly gateway: End;
}

/** What a station sends, and what comes of it. */
interface Kind {
  readonly name: string;
  /** Undefined where flows answer and no packet comes to the controller. */
  readonly note?: string;
  /** Of one meter; more is dropped by design. */
  readonly perSecond: number;
  /** Who shares such a meter. */
  readonly metered: "port" | "network" | "nobody";
  frame(from: Station, to: Station, run: number): Uint8Array;
  /** Who gets what comes of it. */
  readonly receiver: "sender" | "target";
  isAnswer(layers: Layers, run: number): boolean;
}

const BY_FLOWS = "flows answer: no packet comes to the controller";
const KINDS: readonly Kind[] = [
  {
    name: "L2 to another port (what the measuring itself takes)",
    note: "no packet comes to the controller",
    perSecond: 0,
    metered: "nobody",
    frame: (from, to, run) => udp(from.end, to.end, { sourcePort: 4000 + run }),
    receiver: "target",
    isAnswer: (layers, run) => layers.udp?.sourcePort === 4000 + run,
  },
  {
    name: "ARP for the gateway",
    note: BY_FLOWS,
    perSecond: 0,
    metered: "nobody",
    frame: (from) => arpRequest(from.end, from.gateway.ip),
    receiver: "sender",
    isAnswer: (layers) => layers.arp?.operation === 2,
  },
  {
    name: "ICMP echo to the gateway",
    note: BY_FLOWS,
    perSecond: 0,
    metered: "nobody",
    frame: (from) => ping(from.end, from.gateway),
    receiver: "sender",
    isAnswer: (layers) => layers.icmp4?.kind === "echo-reply",
  },
  {
    name: "DHCP discover to offer",
    perSecond: 10,
    metered: "port",
    frame: (from) => dhcpRequest({ options: { messageType: "discover" } }, from.end.mac),
    receiver: "sender",
    isAnswer: (layers) => layers.udp?.destinationPort === 68,
  },
  {
    name: "router solicitation to advertisement",
    perSecond: 5,
    metered: "port",
    frame: (from) => routerSolicitation({ mac: from.end.mac, ip: formatIpv6(linkLocal(parseMac(from.end.mac))) }),
    receiver: "sender",
    isAnswer: (layers) => layers.icmp6?.kind === "router-advertisement",
  },
  {
    name: "TTL exceeded",
    perSecond: 100,
    metered: "network",
    frame: (from, to) => ping(from.end, { mac: from.gateway.mac, ip: to.end.ip }, { ttl: 1 }),
    receiver: "sender",
    isAnswer: (layers) => layers.icmp4?.kind === "time-exceeded",
  },
  {
    name: "first routed packet of a connection",
    note: "no packet comes to the controller",
    perSecond: 0,
    metered: "nobody",
    frame: (from, to, run) => udp(from.end, { mac: from.gateway.mac, ip: to.end.ip }, { sourcePort: 5000 + run }),
    receiver: "target",
    isAnswer: (layers, run) => layers.udp?.sourcePort === 5000 + run,
  },
];

/** Networks that one router joins, with DHCP and router advertisements, and ports that no VM has. */
async function createPorts(cloud: Cloud, count: number, report: (line: string) => void) {
  const router = await cloud.create("router", { name: "packet-in" });
  const ports: { readonly id: string; readonly end: End; readonly gateway: End; readonly network: number }[] = [];
  for (let n = 0; n < NETWORKS; n++) {
    const network = await cloud.create("network", { name: `p${n}` });
    for (const [ip_version, cidr] of [
      [4, `10.25${n}.0.0/16`],
      [6, `fd00:25${n}::/64`],
    ] as const) {
      const slaac = ip_version === 6 ? { ipv6_ra_mode: "slaac", ipv6_address_mode: "slaac" } : {};
      const subnet = await cloud.create("subnet", { network_id: network.id, ip_version, cidr, ...slaac });
      await cloud.call("PUT", `/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    }
    const path = `/ports?device_owner=network:router_interface&network_id=${network.id}`;
    const [gateway] = made((await cloud.call("GET", path))["ports"]).flatMap((port) => endOf(port) ?? []);
    if (gateway === undefined) throw new Error("a network without a gateway");
    // At least two in each, so that every kind has somebody to send to.
    const wanted = Math.max(2, Math.ceil(count / NETWORKS));
    for (let done = 0; done < wanted; done += AT_ONCE) {
      const fields = { network_id: network.id, "binding:host_id": "host1" };
      const created = await cloud.createPorts(Array<Json>(Math.min(AT_ONCE, wanted - done)).fill(fields));
      for (const port of created) {
        const end = endOf(port);
        if (end !== undefined) ports.push({ id: port.id, end, gateway, network: n });
      }
    }
  }
  report(`${ports.length} ports`);
  return ports;
}
/** The IPv4 address of a port. */
function endOf(port: Json): End | undefined {
  const fixed = Array.isArray(port["fixed_ips"]) ? port["fixed_ips"] : [];
  const ip = fixed
    .map((entry: unknown) =>
      typeof entry === "object" && entry !== null && "ip_address" in entry ? entry.ip_address : "",
    )
    .find((address): address is string => typeof address === "string" && address.includes("."));
  const mac = port["mac_address"];
  return ip === undefined || typeof mac !== "string" ? undefined : { mac, ip };
}

interface Sample {
  readonly from: Station;
  readonly to: Station;
  readonly run: number;
}

/** Sends what a kind sends, and waits for what comes of it. @returns milliseconds, of those that were answered within the deadline */
function ask(stations: Stations, kind: Kind, samples: readonly Sample[]): Promise<readonly number[]> {
  return new Promise((done) => {
    const times = new Map<Sample, number>();
    const frames = samples.map(({ from, to, run }) => ({ from: from.n, frame: kind.frame(from, to, run) }));
    const deadline = setTimeout(() => done([...times.values()]), DEADLINE_MS);
    for (const sample of samples) {
      const receiver = kind.receiver === "sender" ? sample.from : sample.to;
      stations.listen(receiver.n, (layers, at) => {
        if (times.has(sample) || !kind.isAnswer(layers, sample.run)) return;
        times.set(sample, at - started);
        if (times.size < samples.length) return;
        clearTimeout(deadline);
        done([...times.values()]);
      });
    }
    const started = performance.now();
    stations.send(frames);
  });
}

async function oneByOne(stations: Stations, kind: Kind, all: readonly Station[], size: number): Promise<Figure> {
  const senders = all.slice(0, size);
  const sharing = { port: size, network: Math.min(size, NETWORKS), nobody: 1 }[kind.metered];
  const gapMs = kind.perSecond === 0 ? 0 : 1200 / (kind.perSecond * sharing);
  const times: number[] = [];
  for (let run = 0; run < SAMPLES; run++) {
    const n = run % size;
    const [from, to] = [senders[n], all[targetOf(kind, n, all.length)]];
    if (from === undefined || to === undefined) throw new RangeError("no such station");
    const answered = await ask(stations, kind, [{ from, to, run }]);
    if (answered.length === 0) throw new Error(`${kind.name}: not answered`);
    times.push(...answered);
    if (gapMs > 1) await wait(gapMs);
  }
  const more = kind.note === undefined ? {} : { note: kind.note };
  return figure(`${size} ports: ${kind.name}`, "ms", times, more);
}
/** Neighbours in the list are on different networks; those a round of networks apart are on the same. */
function targetOf(kind: Kind, n: number, count: number): number {
  return (n + (kind.name.startsWith("L2") ? NETWORKS : 1)) % count;
}

async function allAtOnce(
  stations: Stations,
  kind: Kind,
  all: readonly Station[],
  size: number,
): Promise<readonly Figure[]> {
  const samples = all.slice(0, size).map((from): Sample => ({ from, to: from, run: 0 }));
  // Whatever a meter let through before this is over.
  await wait(1500);
  const times = await ask(stations, kind, samples);
  const name = `${size} ports at once: ${kind.name}`;
  return [figure(name, "ms", times), figure(`${name}: answered`, "count", [times.length])];
}

export const packetIn: Case = {
  name: "packet-in",
  section: "Data plane",
  about:
    "from a packet given to the switch until the packet that it leads to is taken from the switch: with the packet in and the packet out where the controller answers, by flows alone where it does not (ARP, ND and echo never come to it)",
  sizes: "BENCH_SIZES: ports of the host (1,100,1000); BENCH_RUNS: packets of each kind (50)",
  async run(report) {
    const figures: Figure[] = [];
    for (const size of SIZES) {
      await using cloud = await Cloud.start(1, `${size} ports`);
      const ports = await createPorts(cloud, size, report);
      // One of each network, then the next of each.
      const perNetwork = Array.from({ length: NETWORKS }, (_, n) => ports.filter(({ network }) => network === n));
      const inTurn = Array.from(
        { length: ports.length },
        (_, i) => perNetwork[i % NETWORKS]?.[Math.floor(i / NETWORKS)],
      ).filter((port) => port !== undefined);
      const all = inTurn.map(({ end, gateway }, i): Station => ({ n: i + 1, end, gateway }));
      await using stations = await Stations.open(
        cloud,
        inTurn.map(({ id }) => id),
      );
      await cloud.active("host1", all.length);
      report(`${size} ports are ACTIVE`);
      for (const kind of KINDS) figures.push(await oneByOne(stations, kind, all, size));
      if (size > 1)
        for (const kind of KINDS)
          if (kind.metered === "port") figures.push(...(await allAtOnce(stations, kind, all, size)));
    }
    return figures;
  },
};
