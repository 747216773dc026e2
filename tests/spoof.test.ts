/**
 * Port security: what a VM must not say never leaves its host, whoever it is for; what it may say arrives. Frames are
 * sent as they are from the VM's interface, and looked for at a VM on the same host and at one on another.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  ArpOperation,
  encodeDhcp4,
  IpProtocol,
  type LayersToEncode,
  linkLocal,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "@dragonflow/packet";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { frame, Station } from "./support/station.ts";
import { ofctl } from "./support/switches.ts";

const ALL = 0xffff_ffff_ffff;
const ALL_NODES = { mac: 0x3333_0000_0001, ip: parseIpv6("ff02::1") };
const GATEWAY = { ipv4: parseIpv4("10.10.0.1"), ipv6: parseIpv6("fd00:10::") };
const STRANGER = parseMac("fa:16:3e:ff:ff:01");

/** What a VM is allowed to be, as the layers below want it. */
interface Identity {
  readonly mac: number;
  readonly ipv4: number;
  readonly ipv6: bigint;
}

let cloud: Cloud;
let vms: { readonly sender: Vm; readonly paired: Vm; readonly free: Vm; readonly beside: Vm; readonly across: Vm };

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  const network = await cloud.network("red");
  const ipv4 = await cloud.subnet(network, "10.10.0.0/24");
  const ipv6 = await cloud.subnet(network, "fd00:10::/64");
  await cloud.router("router", [ipv4, ipv6]);
  const allowed_address_pairs = [
    { ip_address: "10.10.0.200" },
    { ip_address: "10.66.0.0/28" },
    { ip_address: "10.10.0.201", mac_address: "fa:16:3e:00:02:01" },
    { ip_address: "fd00:66::/64" },
  ];
  const made = await cloud.vms([
    { name: "sender", host: "host1", network },
    { name: "paired", host: "host1", network, port: { allowed_address_pairs } },
    { name: "free", host: "host1", network, port: { port_security_enabled: false } },
    // Those who only look see whatever comes.
    { name: "beside", host: "host1", network, port: { port_security_enabled: false } },
    { name: "across", host: "host2", network, port: { port_security_enabled: false } },
  ]);
  const [sender, paired, free, beside, across] = made as [Vm, Vm, Vm, Vm, Vm];
  vms = { sender, paired, free, beside, across };
});

const identityOf = (vm: Vm): Identity => ({
  mac: parseMac(vm.mac),
  ipv4: parseIpv4(vm.ipv4),
  ipv6: parseIpv6(vm.ipv6),
});

// Each of these is for everybody; what is told apart by nothing else carries words.

let unique = 0;
const words = (): Uint8Array => Buffer.from(`frame ${++unique}`);
const datagram = () => ({ udp: { sourcePort: 4000, destinationPort: 4001 }, payload: words() });

const ipv4 = ({ mac, ipv4: src }: Pick<Identity, "mac" | "ipv4">): LayersToEncode => ({
  ethernet: { src: mac, dst: ALL },
  ipv4: { src, dst: 0xffff_ffff },
  ...datagram(),
});
const ipv6 = ({ mac, ipv6: src }: Pick<Identity, "mac" | "ipv6">): LayersToEncode => ({
  ethernet: { src: mac, dst: ALL_NODES.mac },
  ipv6: { src, dst: ALL_NODES.ip, hopLimit: 255 },
  ...datagram(),
});
/** @param says the sender, as the ARP packet has it. */
const arp = (mac: number, says: { readonly mac: number; readonly ip: number }): LayersToEncode => ({
  ethernet: { src: mac, dst: ALL },
  arp: { operation: ArpOperation.reply, senderMac: says.mac, senderIp: says.ip, targetMac: 0, targetIp: says.ip },
});
const otherProtocol = (mac: number): LayersToEncode => ({
  ethernet: { src: mac, dst: ALL, etherType: 0x88b5 },
  payload: words(),
});
const fragment = ({ mac, ipv4: src }: Pick<Identity, "mac" | "ipv4">): LayersToEncode => ({
  ethernet: { src: mac, dst: ALL },
  ipv4: { src, dst: 0xffff_ffff, protocol: IpProtocol.udp, moreFragments: true, id: 7 },
  payload: new Uint8Array(64),
});
const nd = (mac: number, src: bigint, icmp6: Extract<LayersToEncode, { icmp6: unknown }>["icmp6"]): LayersToEncode => ({
  ethernet: { src: mac, dst: ALL_NODES.mac },
  ipv6: { src, dst: ALL_NODES.ip, hopLimit: 255 },
  icmp6,
});
const advertisement = (mac: number, src: bigint, target: bigint, says?: number): LayersToEncode =>
  nd(mac, src, {
    kind: "neighbour-advertisement",
    code: 0,
    flags: { router: false, solicited: false, override: true },
    target,
    options: says === undefined ? [] : [{ kind: "target-link-layer", mac: says }],
  });

function dhcpReply({ mac, ipv4: src }: Identity, sourcePort: number): LayersToEncode {
  const options = { messageType: "offer", serverIdentifier: src } as const;
  return {
    ethernet: { src: mac, dst: ALL },
    ipv4: { src, dst: 0xffff_ffff },
    udp: { sourcePort, destinationPort: 68 },
    payload: encodeDhcp4({ op: "reply", xid: ++unique, chaddr: STRANGER, yiaddr: src, options }),
  };
}

const dhcp6Reply = ({ mac }: Identity, sourcePort: number): LayersToEncode => ({
  ethernet: { src: mac, dst: ALL_NODES.mac },
  ipv6: { src: linkLocal(mac), dst: ALL_NODES.ip },
  udp: { sourcePort, destinationPort: 546 },
  payload: words(),
});

function routerAdvertisement(mac: number, src: bigint): LayersToEncode {
  return nd(mac, src, {
    kind: "router-advertisement",
    code: 0,
    currentHopLimit: 64,
    flags: { managed: false, otherConfiguration: false, homeAgent: false, preference: 1 },
    routerLifetimeSeconds: 1800,
    reachableTimeMs: 0,
    retransmitTimerMs: 0,
    options: [{ kind: "source-link-layer", mac }],
  });
}

/** What nobody may send, and what this VM, whose identity is `own`, would pretend by it. */
function forgeries(own: Identity): Readonly<Record<string, LayersToEncode>> {
  const { mac } = own;
  const local = linkLocal(mac);
  const victim = identityOf(vms.beside);
  const tagged = (id: number, service: boolean): LayersToEncode => {
    const { ethernet, ...rest } = ipv4(own) as Extract<LayersToEncode, { udp: unknown }>;
    return { ...rest, ethernet: { ...ethernet, vlans: [{ id, service }] } } as LayersToEncode;
  };
  return {
    "another MAC": ipv4({ ...own, mac: STRANGER }),
    "another VM's MAC": ipv6({ ...own, mac: victim.mac }),
    "another MAC, another protocol": { ethernet: { src: STRANGER, dst: ALL, etherType: 0x88b5 }, payload: words() },
    "a group's MAC": ipv4({ ...own, mac: 0x0100_5e00_0001 }),
    "another IPv4 address": ipv4({ mac, ipv4: own.ipv4 + 1 }),
    "another VM's IPv4 address": ipv4({ mac, ipv4: victim.ipv4 }),
    "the gateway's IPv4 address": ipv4({ mac, ipv4: GATEWAY.ipv4 }),
    "no IPv4 address": ipv4({ mac, ipv4: 0 }),
    "another IPv6 address": ipv6({ mac, ipv6: own.ipv6 + 1n }),
    "another VM's IPv6 address": ipv6({ mac, ipv6: victim.ipv6 }),
    "another link-local address": ipv6({ mac, ipv6: linkLocal(victim.mac) }),
    "no IPv6 address": ipv6({ mac, ipv6: 0n }),
    "ARP: the gateway's address": arp(mac, { mac, ip: GATEWAY.ipv4 }),
    "ARP: another VM's address": arp(mac, { mac, ip: victim.ipv4 }),
    "ARP: another MAC": arp(mac, { mac: STRANGER, ip: own.ipv4 }),
    "ARP: another MAC around it": arp(STRANGER, { mac, ip: own.ipv4 }),
    "ND: the gateway's address": advertisement(mac, own.ipv6, GATEWAY.ipv6, mac),
    "ND: another VM's address": advertisement(mac, own.ipv6, victim.ipv6, mac),
    "ND: another VM's address, and no MAC": advertisement(mac, own.ipv6, victim.ipv6),
    "ND: another MAC": advertisement(mac, own.ipv6, own.ipv6, STRANGER),
    "ND: another MAC, from link-local": advertisement(mac, local, local, STRANGER),
    "ND: a solicitation with another MAC": nd(mac, own.ipv6, {
      kind: "neighbour-solicitation",
      code: 0,
      target: own.ipv6 + 99n,
      options: [{ kind: "source-link-layer", mac: STRANGER }],
    }),
    "ND: a redirect": nd(mac, local, {
      kind: "nd-redirect",
      code: 0,
      target: local,
      destination: victim.ipv6,
      options: [],
    }),
    "a DHCP server's reply": dhcpReply(own, 67),
    "a DHCP server's reply, from a client's port": dhcpReply(own, 68),
    "a DHCP server's reply, from any port": dhcpReply(own, 4000),
    "a DHCPv6 server's reply": dhcp6Reply(own, 547),
    "a DHCPv6 server's reply, from any port": dhcp6Reply(own, 4000),
    "a router advertisement": routerAdvertisement(mac, local),
    "a router advertisement from an address": routerAdvertisement(mac, own.ipv6),
    "a VLAN tag": tagged(5, false),
    "a priority tag": tagged(0, false),
    "a service VLAN's tag": tagged(5, true),
  };
}

/**
 * Sends frames from a VM, and then one that passes: the order stays, so that whatever did not come before that one does
 * not come at all. @returns those that arrived at both receivers, at one, and at none
 */
async function send(from: Vm, frames: Readonly<Record<string, LayersToEncode>>) {
  await using beside = await Station.open(vms.beside.namespace);
  await using across = await Station.open(vms.across.namespace);
  await using station = await Station.open(from.namespace);
  const encoded = Object.entries(frames).map(([name, layers]) => [name, frame(layers)] as const);
  for (const [, bytes] of encoded) station.send(bytes);
  const last = frame(ipv4(identityOf(from)));
  station.send(last);
  await beside.sees("the last frame, on the same host,", last);
  await across.sees("the last frame, on the other host,", last);
  const arrivals = encoded.map(([name, bytes]) => ({
    name,
    times: [beside.count(bytes), across.count(bytes)].join(),
  }));
  const named = (times: string) => arrivals.filter((arrival) => arrival.times === times).map(({ name }) => name);
  return { arrived: named("1,1"), blocked: named("0,0") };
}

/** Packets that the tables of port security have dropped on host1 so far. */
async function dropped(): Promise<number> {
  const tables = ["port_security", "port_security_nd"];
  const lines = await Promise.all(
    tables.map(async (table) => ofctl(await cloud.host("host1"), "dump-flows", "--names", `table=${table}`)),
  );
  return lines
    .join("\n")
    .split("\n")
    .filter((line) => line.endsWith("actions=drop"))
    .reduce((sum, line) => sum + Number(/n_packets=(\d+)/.exec(line)?.[1] ?? 0), 0);
}

test("a frame of each kind that would deceive others is dropped at its source, and counted there", async () => {
  const frames = forgeries(identityOf(vms.sender));
  const before = await dropped();
  const { blocked } = await send(vms.sender, frames);
  assert.deepEqual(blocked, Object.keys(frames));
  await cloud.until("all of them are counted", async () => (await dropped()) - before >= Object.keys(frames).length);
});

test("what a VM may say of itself arrives", async () => {
  const own = identityOf(vms.sender);
  const { mac } = own;
  const local = linkLocal(mac);
  const frames = {
    IPv4: ipv4(own),
    IPv6: ipv6(own),
    "IPv6, link-local": ipv6({ mac, ipv6: local }),
    ARP: arp(mac, { mac, ip: own.ipv4 }),
    "ND, with its MAC": advertisement(mac, own.ipv6, own.ipv6, mac),
    "ND, without": advertisement(mac, own.ipv6, own.ipv6),
    "ND, link-local": advertisement(mac, local, local, mac),
  } satisfies Record<string, LayersToEncode>;
  // What security groups know nothing of they let nobody say: no protocol but IP and ARP, and no fragment alone.
  const unknown = { "another protocol": otherProtocol(mac), "a fragment without the rest": fragment(own) };
  const { arrived, blocked } = await send(vms.sender, { ...frames, ...unknown });
  assert.deepEqual(arrived, Object.keys(frames));
  assert.deepEqual(blocked, Object.keys(unknown));
});

test("allowed address pairs let pass what they name, prefixes included, and nothing next to it", async () => {
  const { mac } = identityOf(vms.paired);
  const second = parseMac("fa:16:3e:00:02:01");
  const [address, inPrefix, ofSecond] = ["10.10.0.200", "10.66.0.9", "10.10.0.201"].map((text) => parseIpv4(text));
  const inPrefix6 = parseIpv6("fd00:66::1234");
  assert.ok(address && inPrefix && ofSecond);
  const allowed = {
    address: ipv4({ mac, ipv4: address }),
    "address, in ARP": arp(mac, { mac, ip: address }),
    prefix: ipv4({ mac, ipv4: inPrefix }),
    "prefix, in ARP": arp(mac, { mac, ip: inPrefix }),
    "MAC and address": ipv4({ mac: second, ipv4: ofSecond }),
    "MAC and address, in ARP": arp(second, { mac: second, ip: ofSecond }),
    "IPv6 prefix": ipv6({ mac, ipv6: inPrefix6 }),
    "IPv6 prefix, in ND": advertisement(mac, inPrefix6, inPrefix6, mac),
  };
  const forbidden = {
    "next to the address": ipv4({ mac, ipv4: address + 9 }),
    "next to the prefix": ipv4({ mac, ipv4: parseIpv4("10.66.0.16") }),
    "next to the prefix, in ARP": arp(mac, { mac, ip: parseIpv4("10.66.0.16") }),
    "the second MAC with an address of the first": ipv4({ mac: second, ipv4: address }),
    "the address of the second MAC with the first": ipv4({ mac, ipv4: ofSecond }),
    "next to the IPv6 prefix": ipv6({ mac, ipv6: parseIpv6("fd00:67::1234") }),
    "next to the IPv6 prefix, in ND": advertisement(mac, inPrefix6, parseIpv6("fd00:67::1234"), mac),
  };
  const { arrived, blocked } = await send(vms.paired, { ...allowed, ...forbidden });
  assert.deepEqual(arrived, Object.keys(allowed));
  assert.deepEqual(blocked, Object.keys(forbidden));
  // Still nobody's server, and nobody's router.
  const frames = forgeries(identityOf(vms.paired));
  assert.deepEqual((await send(vms.paired, frames)).blocked, Object.keys(frames));
});

test("a port without port security may say anything", async () => {
  const { mac, ipv4: address } = identityOf(vms.free);
  const frames = {
    "another MAC": ipv4({ mac: STRANGER, ipv4: address }),
    "another address": ipv4({ mac, ipv4: address + 1 }),
    "a router advertisement": routerAdvertisement(mac, linkLocal(mac)),
    "ARP: another MAC": arp(mac, { mac: STRANGER, ip: address + 1 }),
    "another protocol": otherProtocol(mac),
    "a fragment without the rest": fragment({ mac, ipv4: address }),
  };
  assert.deepEqual((await send(vms.free, frames)).arrived, Object.keys(frames));
});
