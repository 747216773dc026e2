/**
 * The router: answers for itself, says why a packet went nowhere, from the right address, and sends packets on by the
 * longest prefix. The source's host does all of it, so each way is tried within a host and across.
 *
 *   host1: red1 green1                  red --- router --- green
 *   host2: red2 green2 near far         near and far: VMs with more behind them
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Router, routers, type Subnet } from "@dragonflow/cli";
import { decodePacket, formatIp } from "@dragonflow/packet";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { Station } from "./support/station.ts";
import { until } from "./support/until.ts";

const FAMILIES = [4, 6] as const;

let cloud: Cloud;
let router: Router;
/** The router's addresses, as the API chose them: IPv4, IPv6. */
let gateways: { readonly red: readonly string[]; readonly green: readonly string[] };
let red1: Vm, red2: Vm, green1: Vm, green2: Vm, near: Vm, far: Vm;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  const red = await cloud.network("red");
  const green = await cloud.network("green");
  const ofRed = [await cloud.subnet(red, "10.10.0.0/24"), await cloud.subnet(red, "fd00:10::/64")];
  const ofGreen = [await cloud.subnet(green, "10.20.0.0/24"), await cloud.subnet(green, "fd00:20::/64")];
  router = await cloud.router("router", [...ofRed, ...ofGreen]);
  const gatewaysOf = (subnets: readonly Subnet[]) => subnets.map(({ gateway_ip }) => gateway_ip ?? "");
  gateways = { red: gatewaysOf(ofRed), green: gatewaysOf(ofGreen) };
  const free = { port_security_enabled: false };
  const made = await cloud.vms([
    { name: "red1", host: "host1", network: red },
    { name: "red2", host: "host2", network: red },
    { name: "green1", host: "host1", network: green },
    { name: "green2", host: "host2", network: green },
    { name: "near", host: "host2", network: red, port: free },
    { name: "far", host: "host2", network: green, port: free },
  ]);
  [red1, red2, green1, green2, near, far] = made as [Vm, Vm, Vm, Vm, Vm, Vm];
});

const addressOf = (vm: Vm, family: 4 | 6): string => (family === 4 ? vm.ipv4 : vm.ipv6);
const gatewayOf = (vm: Vm, family: 4 | 6): string => {
  const side = vm === red1 || vm === red2 || vm === near ? gateways.red : gateways.green;
  return side[family === 4 ? 0 : 1] ?? "";
};

const ping = async (from: Vm, to: string, ...options: string[]): Promise<string> =>
  (await cloud.exec(from, "ping", "-n", "-c", "2", "-i", "0.1", "-W", "2", ...options, to)).stdout;
const answers = async (from: Vm, to: string): Promise<boolean> => / 0% packet loss/.test(await ping(from, to));
const isSilent = async (from: Vm, to: string): Promise<boolean> =>
  (await cloud.exec(from, "ping", "-n", "-c", "1", "-W", "0.5", to)).status !== 0;

test("the router answers pings on its addresses: of the VM's own subnet, of the other, and link-local", async () => {
  const linkLocal = /via (fe80::\S+)/.exec(
    (await cloud.exec(red1, "ip", "-6", "route", "show", "default")).stdout,
  )?.[1];
  assert.ok(linkLocal, "a default route by router advertisement");
  const unanswered: string[] = [];
  for (const from of [red1, red2, green1, green2])
    for (const address of [...gateways.red, ...gateways.green])
      if (!(await answers(from, address))) unanswered.push(`${from.name} -> ${address}`);
  if (!(await answers(red1, `${linkLocal}%eth0`))) unanswered.push(`red1 -> ${linkLocal}`);
  assert.deepEqual(unanswered, []);
});

test("a packet whose hops are used up is reported by the router's address on the sender's side", async () => {
  for (const family of FAMILIES) {
    for (const [from, to] of [
      [red1, green1],
      [red1, green2],
      [green2, red1],
    ] as const) {
      const said = await ping(from, addressOf(to, family), "-t", "1");
      const gateway = gatewayOf(from, family);
      const error = /^From (\S+) icmp_seq=1 Time (?:to live )?exceeded/m.exec(said)?.[1];
      assert.equal(error, gateway, said);
    }
  }
});

test("a trace shows the router and the VM: one hop, wherever the VM is", async () => {
  for (const family of FAMILIES) {
    const program = family === 4 ? "traceroute" : "traceroute6";
    for (const to of [green1, green2]) {
      const argv = ["busybox", program, "-n", "-q", "1", "-w", "2", "-m", "4", addressOf(to, family)] as const;
      const hops = (await cloud.exec(red1, ...argv)).stdout.trim().split("\n").slice(1);
      assert.deepEqual(
        hops.map((hop) => hop.trim().split(/\s+/)[1]),
        [gatewayOf(red1, family), addressOf(to, family)],
      );
    }
  }
});

/** Sends one datagram, and prints the error that the kernel has for it. */
const ASK = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], 9999))
try:
    s.send(b"anybody there?")
    s.recv(1)
except OSError as error:
    print(type(error).__name__)
`;

test("a datagram to the router itself is answered: port unreachable, from the address that it was for", async () => {
  for (const family of FAMILIES) {
    for (const [from, address] of [
      [red1, gatewayOf(red1, family)],
      [red1, gatewayOf(green1, family)],
    ] as const) {
      await using station = await Station.open(from.namespace);
      assert.equal((await cloud.exec(from, "/usr/bin/python3", "-c", ASK, address)).stdout, "ConnectionRefusedError\n");
      const from4or6 = await until("the error is seen", () =>
        station.received().map(portUnreachableFrom).find(Boolean),
      );
      assert.equal(from4or6, address);
    }
  }
});

function portUnreachableFrom(bytes: Uint8Array): string | undefined {
  const { ipv4, icmp4, ipv6, icmp6 } = decodePacket(bytes);
  if (ipv4 && icmp4?.kind === "unreachable" && icmp4.code === 3) return formatIp(ipv4.src);
  if (ipv6 && icmp6?.kind === "unreachable" && icmp6.code === 4) return formatIp(ipv6.src);
  return undefined;
}

test("extra routes lead to what is behind VMs, the longest prefix first, for as long as they are there", async () => {
  const behind = async (vm: Vm, ...addresses: string[]) => {
    for (const address of addresses) await cloud.exec(vm, "ip", "addr", "add", address, "dev", "lo", "nodad");
  };
  await behind(near, "198.18.0.1/32", "198.18.7.2/32", "fd00:99::1/128", "fd00:99::7:2/128");
  await behind(far, "198.18.7.1/32", "fd00:99::7:1/128");
  const routes = [
    { destination: "198.18.0.0/16", nexthop: near.ipv4 },
    { destination: "198.18.7.0/24", nexthop: far.ipv4 },
    { destination: "fd00:99::/64", nexthop: near.ipv6 },
    { destination: "fd00:99::7:0/112", nexthop: far.ipv6 },
  ];
  await cloud.api.update(routers, router.id, { routes });
  const reachable = ["198.18.0.1", "198.18.7.1", "fd00:99::1", "fd00:99::7:1"];
  const ways = [red1, red2, green1, green2].flatMap((from) => reachable.map((to) => ({ from, to })));
  await Promise.all(
    ways.map(({ from, to }) => cloud.until(`${from.name} reaches ${to}`, () => answers(from, to), 10_000)),
  );
  // Near has these addresses as well, and far has not: the longer prefix counts, whether or not somebody answers there.
  for (const to of ["198.18.7.2", "fd00:99::7:2"]) assert.equal(await isSilent(red1, to), true);

  await cloud.api.update(routers, router.id, { routes: [] });
  await Promise.all(reachable.map((to) => cloud.until(`${to} is gone`, () => isSilent(red1, to), 10_000)));
  assert.equal(await answers(red1, green2.ipv4), true);
});

test("a router that is administratively down routes nothing, and up again all", async () => {
  const set = async (admin_state_up: boolean) => cloud.api.update(routers, router.id, { admin_state_up });
  await set(false);
  await cloud.until("red1 does not reach green2", () => isSilent(red1, green2.ipv4), 10_000);
  assert.equal(await isSilent(red1, green2.ipv6), true);
  assert.equal(await answers(red1, red2.ipv4), true);
  await set(true);
  for (const family of FAMILIES)
    await cloud.until("red1 reaches green2", async () => answers(red1, addressOf(green2, family)), 10_000);
});
