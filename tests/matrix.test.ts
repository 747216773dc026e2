/**
 * Who reaches whom: ping, TCP and UDP between all pairs of VMs, over IPv4 and IPv6; same host and across hosts, same
 * network and routed, Geneve and VXLAN. And who does not: a network that no router joins, with the very same addresses.
 *
 *   host1: red1 red2 green1 alien1      red (Geneve) --- router --- green (VXLAN)
 *   host2: red3 green2 alien2           alien: addresses and MACs of red
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { spawnRecorded } from "@dragonflow/lab";
import { parseIpv4, parseIpv6, parseMac } from "@dragonflow/packet";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { frame, Station } from "./support/station.ts";

const RED = { ipv4: "10.10.0.0/24", ipv6: "fd00:10::/64" };
const GREEN = { ipv4: "10.20.0.0/24", ipv6: "fd00:20::/64" };

let cloud: Cloud;
let routed: readonly Vm[];
let aliens: readonly Vm[];

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  const red = await cloud.network("red");
  const green = await cloud.network("green", { "provider:network_type": "vxlan" });
  const alien = await cloud.network("alien");
  const joined = [
    await cloud.subnet(red, RED.ipv4),
    await cloud.subnet(red, RED.ipv6),
    await cloud.subnet(green, GREEN.ipv4),
    await cloud.subnet(green, GREEN.ipv6),
  ];
  await cloud.subnet(alien, RED.ipv4);
  await cloud.subnet(alien, RED.ipv6);
  await cloud.router("router", joined);
  routed = await cloud.vms([
    { name: "red1", host: "host1", network: red },
    { name: "red2", host: "host1", network: red },
    { name: "red3", host: "host2", network: red },
    { name: "green1", host: "host1", network: green },
    { name: "green2", host: "host2", network: green },
  ]);
  const twinOf = (name: string) => {
    const { mac, ipv4 } = vm(name);
    return { mac_address: mac, fixed_ips: [{ ip_address: ipv4 }] };
  };
  // Nobody advertises a prefix where no router is (RFC 4861 section 6.2): these get their addresses by hand.
  aliens = await cloud.vms([
    { name: "alien1", host: "host1", network: alien, port: twinOf("red1"), dhcp: false },
    { name: "alien2", host: "host2", network: alien, port: twinOf("red3"), dhcp: false },
  ]);
});

const vm = (name: string): Vm => {
  const found = [...routed, ...(aliens ?? [])].find((candidate) => candidate.name === name);
  assert.ok(found, name);
  return found;
};
const addressesOf = ({ ipv4, ipv6 }: Vm): string[] => [ipv4, ipv6];
const others = (from: Vm): readonly Vm[] => routed.filter((to) => to !== from);

/** Runs a script in every routed VM, with the addresses of all the others as arguments. @returns what each printed */
async function everywhere(script: string): Promise<Record<string, string>> {
  const runs = routed.map(async (from) => {
    const { stdout } = await cloud.exec(from, "sh", "-c", script, "sh", ...others(from).flatMap(addressesOf));
    return [from.name, stdout.trim()] as const;
  });
  return Object.fromEntries(await Promise.all(runs));
}
const nothing = () => Object.fromEntries(routed.map(({ name }) => [name, ""]));

test("ping: every VM reaches every other, and not one packet is lost", async () => {
  const unreached = await everywhere(
    'for to; do { ping -n -c 3 -i 0.2 -W 2 "$to" | grep -q " 0% packet loss" || echo "$to"; } & done; wait',
  );
  assert.deepEqual(unreached, nothing());
});

test("TCP and UDP: every VM sends to every other", async () => {
  for (const { name, namespace } of routed)
    await spawnRecorded(cloud.lab, { name: `iperf3-${name}`, argv: ["iperf3", "--server"], netns: namespace });
  await cloud.until("all servers listen", async () => {
    const sockets = routed.map((server) => cloud.exec(server, "ss", "-Hltn", "sport", "=", ":5201"));
    return (await Promise.all(sockets)).every(({ stdout }) => stdout !== "");
  });
  // At full speed they take all of the machine: what goes slowly, and must not lose a packet, has a turn of its own.
  const failures = [
    ...(await transfers(["--bytes", "1M"], (received) => received.bytes > 0)),
    ...(await transfers(["--udp", "--bitrate", "2M", "--length", "1200", "--bytes", "24000"], (received) => {
      return received.bytes > 0 && received.lost === 0;
    })),
  ];
  assert.deepEqual(failures, []);
});

interface Received {
  readonly bytes: number;
  readonly lost: number;
}

/** iperf3 between all pairs, by IPv4 and by IPv6. @returns those that failed */
async function transfers(args: readonly string[], isGood: (received: Received) => boolean): Promise<string[]> {
  const failures: string[] = [];
  for (const from of routed) {
    // One server serves one client at a time: the targets in parallel, the sources in turn.
    const ways = others(from).map(async (to) => {
      for (const address of addressesOf(to)) {
        const { end, error } = await iperf(from, ["--client", address, "--connect-timeout", "5000", ...args]);
        const { bytes = 0, lost_packets: lost = 0 } = end?.sum_received ?? {};
        if (error !== undefined || !isGood({ bytes, lost }))
          failures.push(
            `${from.name} -> ${to.name} ${address} ${args[0]}: ${bytes} bytes, lost ${lost} ${error ?? ""}`,
          );
      }
    });
    await Promise.all(ways);
  }
  return failures;
}
/** A server that is still busy with the client before, or that makes its socket anew after it and resets whoever waited there, is asked again. */
async function iperf(from: Vm, args: readonly string[]): Promise<{ end?: IperfEnd; error?: string }> {
  return cloud.until("the server is free", async () => {
    const { stdout } = await cloud.exec(from, "iperf3", "--json", ...args);
    const result = JSON.parse(stdout) as { end?: IperfEnd; error?: string };
    return result.error !== undefined && NOT_FREE.test(result.error) ? undefined : result;
  });
}
const NOT_FREE = /server is busy|unable to (?:send cookie to server|receive control message): Connection reset/;
type IperfEnd = { readonly sum_received?: { readonly bytes?: number; readonly lost_packets?: number } };

test("isolation: a network that no router joins reaches none of the others, whose very addresses it has", async () => {
  const [alien1, alien2] = [vm("alien1"), vm("alien2")];
  assert.deepEqual(addressesOf(alien1), addressesOf(vm("red1")));
  assert.deepEqual(addressesOf(alien2), addressesOf(vm("red3")));
  await using red3 = await Station.open(vm("red3").namespace);
  await using twin = await Station.open(alien2.namespace);
  const reached = async (to: string) => (await cloud.exec(alien1, "ping", "-n", "-c", "1", "-W", "1", to)).status === 0;
  // What both have is its own neighbour's; what only the others have is nobody's.
  assert.deepEqual(await Promise.all(addressesOf(alien2).map(reached)), [true, true]);
  const strangers = [vm("red2"), vm("green1"), vm("green2")].flatMap(addressesOf);
  const gateways = ["10.10.0.1", "10.20.0.1", "fd00:10::", "fd00:20::"];
  const answered = await Promise.all([...strangers, ...gateways].map(reached));
  assert.deepEqual(
    [...strangers, ...gateways].filter((_, i) => answered[i]),
    [],
  );
  const hello = broadcast(alien1, "alien");
  await using sender = await Station.open(alien1.namespace);
  sender.send(hello);
  await twin.sees("a broadcast within alien", hello);
  assert.equal(red3.count(hello), 0);
});

const broadcast = (from: Vm, words: string) =>
  frame({
    ethernet: { src: parseMac(from.mac), dst: 0xffff_ffff_ffff },
    ipv4: { src: parseIpv4(from.ipv4), dst: 0xffff_ffff },
    udp: { sourcePort: 4000, destinationPort: 4001 },
    payload: Buffer.from(words),
  });

test("broadcast and multicast reach everyone of the network but the sender, once; an unknown address nobody", async () => {
  const stations = new Map<string, Station>();
  await using all = new AsyncDisposableStack();
  for (const { name, namespace } of [...routed, ...aliens]) stations.set(name, all.use(await Station.open(namespace)));
  const red1 = vm("red1");
  const to = (dst: number, words: string) =>
    frame({
      ethernet: { src: parseMac(red1.mac), dst },
      ipv6: { src: parseIpv6(red1.ipv6), dst: parseIpv6("ff02::1:2345") },
      udp: { sourcePort: 4000, destinationPort: 4001 },
      payload: Buffer.from(words),
    });
  const frames = {
    unknown: to(0xfa163e_fffffe, "to nobody"),
    multicast: to(0x3333_0001_2345, "to a group"),
    broadcast: broadcast(red1, "to all"),
  };
  for (const bytes of Object.values(frames)) stations.get("red1")?.send(bytes);
  // They left in this order, and arrive in it: who has seen the last one has seen what there was to see.
  for (const name of ["red2", "red3"]) await stations.get(name)?.sees(`the broadcast at ${name}`, frames.broadcast);
  const fence = broadcast(vm("green1"), "fence");
  stations.get("green1")?.send(fence);
  await stations.get("green2")?.sees("a broadcast within green", fence);

  const seen = [...stations].map(([name, station]) => [
    name,
    station.count(frames.unknown),
    station.count(frames.multicast),
    station.count(frames.broadcast),
  ]);
  assert.deepEqual(seen, [
    ["red1", 0, 0, 0],
    ["red2", 0, 1, 1],
    ["red3", 0, 1, 1],
    ["green1", 0, 0, 0],
    ["green2", 0, 0, 0],
    ["alien1", 0, 0, 0],
    ["alien2", 0, 0, 0],
  ]);
});
