/**
 * What security groups let pass and what not, with real traffic: on one host and across hosts, within a network and routed, Geneve and VXLAN, IPv4
 * and IPv6. Whatever is allowed is asked for first: once that is answered, the hosts know the rules, and what else is answered is a mistake.
 *
 *   host1: client stranger near (red), vclient (green)      red (Geneve) --- router --- green (VXLAN)
 *   host2: far other (red), routed (green)
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { addressGroups, type Network, ports, quotas, type SecurityGroup, securityGroupRules } from "@dragonflow/cli";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { exceptions, passes, type Question, serve, type Service } from "./support/traffic.ts";

const LISTENING = { tcp: [22, 23, 80, 999, 1000, 1009, 1010], udp: [53, 54], sctp: [22, 23] };
const BOTH = ["IPv4", "IPv6"] as const;
const EVERYTHING: readonly Service[] = ["tcp 22", "udp 53", "icmp"];

let cloud: Cloud;
let red: Network;
let green: Network;
let vms: Record<"client" | "stranger" | "near" | "vclient" | "far" | "other" | "routed", Vm>;
/** Nobody comes in; everything goes out. */
let clients: SecurityGroup;
/** Everybody comes in as well. */
let open: SecurityGroup;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  red = await cloud.network("red");
  // Of one MTU: no router cuts what is too large for the other network's tunnels.
  green = await cloud.network("green", { "provider:network_type": "vxlan", mtu: red.mtu });
  await cloud.router("router", [
    await cloud.subnet(red, "10.10.0.0/24"),
    await cloud.subnet(red, "fd00:10::/64"),
    await cloud.subnet(green, "10.20.0.0/24"),
    await cloud.subnet(green, "fd00:20::/64"),
  ]);
  clients = await cloud.group("clients");
  // Neutron's limit of groups is ten.
  await cloud.api.update(quotas, clients.project_id, { security_group: -1 });
  open = await cloud.openGroup();
  const inGroup = ({ id }: SecurityGroup) => ({ port: { security_groups: [id] } });
  const made = await cloud.vms([
    { name: "client", host: "host1", network: red, ...inGroup(clients) },
    { name: "stranger", host: "host1", network: red, ...inGroup(open) },
    { name: "near", host: "host1", network: red, ...inGroup(open) },
    { name: "vclient", host: "host1", network: green, ...inGroup(clients) },
    { name: "far", host: "host2", network: red, ...inGroup(open) },
    { name: "other", host: "host2", network: red, ...inGroup(open) },
    { name: "routed", host: "host2", network: green, ...inGroup(open) },
  ]);
  vms = Object.fromEntries(made.map((vm) => [vm.name, vm])) as typeof vms;
  for (const vm of made) await serve(cloud, vm, LISTENING);
});

const servers = (): Vm[] => [vms.near, vms.far, vms.routed];
type Attributes = Readonly<Record<string, unknown>>;
const both = (rule: Attributes): Attributes[] => BOTH.map((ethertype) => ({ ethertype, ...rule }));
const port = (protocol: string, min: number, max = min) => ({ protocol, port_range_min: min, port_range_max: max });
/** Neutron writes ICMP and ICMPv6 as two protocols. */
const icmp = (rest4: Attributes = {}, rest6: Attributes = rest4): Attributes[] => [
  { ethertype: "IPv4", protocol: "icmp", ...rest4 },
  { ethertype: "IPv6", protocol: "ipv6-icmp", ...rest6 },
];
const ask = (from: Vm, to: readonly Vm[], services: readonly Service[], rest: Partial<Question> = {}): Question => ({
  from,
  to,
  services,
  ...rest,
});

async function kernelHasSctp(): Promise<boolean> {
  const open = "import socket; socket.socket(type=socket.SOCK_STREAM, proto=132)";
  return (await cloud.exec(vms.client, "/usr/bin/python3", "-c", open)).status === 0;
}

/** A group of its own for these VMs, without the rules that let everything out. */
async function allow(
  to: readonly Vm[],
  rules: readonly Attributes[],
  attributes: Attributes = {},
): Promise<SecurityGroup> {
  const group = await cloud.group("servers", [], attributes);
  for (const { id } of group.security_group_rules) await cloud.api.remove(securityGroupRules, id);
  if (rules.length > 0) await cloud.addRules(group, rules);
  for (const vm of to) await cloud.setGroups(vm, [group]);
  return group;
}
async function silent(...questions: readonly Question[]): Promise<void> {
  assert.deepEqual(await exceptions(cloud, "silence", questions), []);
}

test("what a rule allows passes, with its replies; what none allows does not, and nobody begins who may not", async () => {
  await allow(servers(), [...both(port("tcp", 22)), ...both(port("udp", 53)), ...icmp()]);
  const froms = [vms.client, vms.vclient, vms.stranger];
  await passes(cloud, ...froms.map((from) => ask(from, servers(), EVERYTHING)));
  await silent(
    ...froms.map((from) => ask(from, servers(), ["tcp 23", "udp 54", "tcp 999"])),
    // These have no rule that lets something out.
    ...servers().map((from) => ask(from, [vms.stranger, vms.other], EVERYTHING)),
    // And these none that lets something in.
    ...[vms.stranger, vms.other].map((from) => ask(from, [vms.client, vms.vclient], EVERYTHING)),
  );
});

test("SCTP: the port that a rule names, and no other", async (t) => {
  t.diagnostic(`SCTP ${(await kernelHasSctp()) ? "of the kernel" : "packets made by hand: this kernel has none"}`);
  // Open vSwitch's userspace datapath tells associations apart by their addresses alone: who asks for one port does not ask for another.
  const rules = both(port("sctp", 22));
  await allow(servers(), rules);
  await passes(cloud, ask(vms.client, servers(), ["sctp 22"]), ask(vms.vclient, servers(), ["sctp 22"]));
  await silent(ask(vms.stranger, servers(), ["sctp 23"]), ask(vms.other, servers(), ["sctp 23"]));
  // Nobody lets anything in here, or out there.
  await silent(ask(vms.stranger, [vms.client], ["sctp 22"]), ask(vms.near, [vms.other], ["sctp 22"]));
});

test("a rule is for one family, and for the prefix that it names", async () => {
  const rules = [
    { ethertype: "IPv4", protocol: "tcp", remote_ip_prefix: `${vms.client.ipv4}/32` },
    { ethertype: "IPv6", protocol: "tcp", remote_ip_prefix: "fd00:20::/64" },
  ];
  await allow(servers(), rules);
  const services = ["tcp 22", "tcp 999"];
  await passes(
    cloud,
    ask(vms.client, servers(), services, { families: ["ipv4"] }),
    ask(vms.vclient, servers(), services, { families: ["ipv6"] }),
  );
  await silent(
    ask(vms.client, servers(), services, { families: ["ipv6"] }),
    ask(vms.vclient, servers(), services, { families: ["ipv4"] }),
    ask(vms.stranger, servers(), services),
    ask(vms.client, servers(), ["udp 53", "icmp"]),
  );
});

test("a remote group lets its members in, wherever they are, and nobody else", async () => {
  await allow(servers(), both({ remote_group_id: clients.id }));
  await passes(cloud, ask(vms.client, servers(), EVERYTHING), ask(vms.vclient, servers(), EVERYTHING));
  await silent(ask(vms.stranger, servers(), EVERYTHING), ask(vms.other, servers(), EVERYTHING));
});

test("a remote group of an egress rule lets out to its members, and to nobody else", async () => {
  const targets = await cloud.group("targets", both({}));
  for (const vm of [vms.far, vms.routed]) await cloud.setGroups(vm, [targets]);
  await cloud.setGroups(vms.near, [open]);
  const out = both({ direction: "egress", remote_group_id: targets.id });
  await allow([vms.stranger, vms.vclient], out);
  await passes(cloud, ...[vms.stranger, vms.vclient].map((from) => ask(from, [vms.far, vms.routed], EVERYTHING)));
  await silent(...[vms.stranger, vms.vclient].map((from) => ask(from, [vms.near, vms.other], EVERYTHING)));
  await cloud.setGroups(vms.stranger, [open]);
  await cloud.setGroups(vms.vclient, [clients]);
});

test("an address group lets in whom it names, as of now", async () => {
  const addresses = (vm: Vm) => [`${vm.ipv4}/32`, `${vm.ipv6}/128`];
  const group = await cloud.api.create(addressGroups, { name: "known", addresses: addresses(vms.client) });
  await allow(servers(), both({ ...port("tcp", 22), remote_address_group_id: group.id }));
  await passes(cloud, ask(vms.client, servers(), ["tcp 22"]));
  await silent(ask(vms.client, servers(), ["tcp 23"]), ask(vms.vclient, servers(), ["tcp 22"]));
  await cloud.api.act(addressGroups, group.id, "add_addresses", { addresses: addresses(vms.vclient) });
  await passes(cloud, ask(vms.client, servers(), ["tcp 22"]), ask(vms.vclient, servers(), ["tcp 22"]));
  await silent(ask(vms.stranger, servers(), ["tcp 22"]), ask(vms.vclient, servers(), ["tcp 23"]));
});

test("a range of ports has a first one and a last one", async () => {
  await allow(servers(), both(port("tcp", 1000, 1009)));
  await passes(cloud, ask(vms.client, servers(), ["tcp 1000", "tcp 1009"]));
  await silent(ask(vms.client, servers(), ["tcp 999", "tcp 1010", "tcp 22"]));
});

test("type and code of ICMP: 0 is a value like others", async () => {
  const of = (type: number, code?: number) => ({
    port_range_min: type,
    ...(code === undefined ? {} : { port_range_max: code }),
  });
  await allow([vms.near], icmp(of(8), of(128)));
  await allow([vms.far], icmp(of(8, 0), of(128, 0)));
  await allow([vms.routed], icmp(of(8, 1), of(128, 1)));
  await allow([vms.other], icmp(of(0), of(129)));
  await passes(cloud, ask(vms.client, [vms.near, vms.far], ["icmp"]));
  await silent(
    ask(vms.client, [vms.routed, vms.other], ["icmp"]),
    ask(vms.client, [vms.near, vms.far], ["icmp type 13"], { families: ["ipv4"] }),
  );
  await allow([vms.near, vms.far], icmp(of(13, 0)).slice(0, 1));
  await passes(cloud, ask(vms.client, [vms.near, vms.far], ["icmp type 13"], { families: ["ipv4"] }));
  await silent(ask(vms.client, [vms.near, vms.far], ["icmp"]));
});

describe("ports that come with other groups, or none", () => {
  let mates: Vm[];
  let free: Vm;
  before(async () => {
    mates = await cloud.vms([
      { name: "mate1", host: "host1", network: red },
      { name: "mate2", host: "host2", network: red },
      { name: "mate3", host: "host2", network: green },
    ]);
    free = await cloud.vm({ name: "free", host: "host1", network: red, port: { port_security_enabled: false } });
    for (const vm of [...mates, free]) await serve(cloud, vm, LISTENING);
    await allow(servers(), both({}));
  });

  test("the default group: its members reach each other and the world, and nobody else reaches them", async () => {
    await passes(
      cloud,
      ...mates.map((from) => ask(from, [...mates.filter((to) => to !== from), ...servers()], EVERYTHING)),
    );
    await silent(...[vms.client, vms.vclient, vms.stranger].map((from) => ask(from, mates, EVERYTHING)));
  });

  test("without port security there is nothing to keep out, and nobody's member", async () => {
    await passes(cloud, ask(vms.client, [free], EVERYTHING), ask(free, servers(), EVERYTHING));
    await silent(ask(free, mates, EVERYTHING), ask(free, [vms.client], EVERYTHING));
  });

  test("port security and no group: an address and neighbours, and nothing else, in or out", async () => {
    const closed = await cloud.vm({ name: "closed", host: "host2", network: red, port: { security_groups: [] } });
    // DHCP and router advertisements were there, or it would not be ready.
    await serve(cloud, closed, LISTENING);
    await cloud.setGroups(vms.near, [open]);
    await silent(ask(closed, [...servers(), ...mates, free], EVERYTHING), ask(free, [closed], EVERYTHING));
    await silent(...[vms.client, vms.far, vms.vclient].map((from) => ask(from, [closed], EVERYTHING)));
    for (const [from, to] of [
      [closed, vms.far],
      [vms.far, closed],
      [vms.client, closed],
    ] as const)
      for (const address of [to.ipv4, to.ipv6]) {
        const { stdout } = await cloud.exec(from, "ip", "neigh", "show", "to", address, "dev", "eth0");
        assert.ok(stdout.includes(`lladdr ${to.mac}`), `${from.name} knows ${to.name}, ${address}: ${stdout}`);
      }
    await cloud.setGroups(closed, [open]);
    await passes(cloud, ask(closed, servers(), EVERYTHING), ask(vms.client, [closed], EVERYTHING));
    await cloud.api.update(ports, closed.port.id, { security_groups: [] });
    await cloud.until("it is closed again", async () => {
      const questions = [ask(closed, servers(), EVERYTHING), ask(vms.client, [closed], EVERYTHING)];
      return (await exceptions(cloud, "silence", questions)).length === 0;
    });
  });
});

test("a stateless group remembers nothing: replies need a rule of their own", async () => {
  const inward = both(port("tcp", 22));
  const group = await allow(servers(), inward, { stateful: false });
  await silent(ask(vms.client, servers(), ["tcp 22"]));
  await cloud.addRules(group, both({ direction: "egress" }));
  await passes(cloud, ask(vms.client, servers(), ["tcp 22"]), ask(vms.vclient, servers(), ["tcp 22"]));
  await silent(ask(vms.client, servers(), ["tcp 23", "udp 53", "icmp"]));
  // Out they may; what comes back is for a port that nobody has allowed.
  await silent(...servers().map((from) => ask(from, [vms.stranger], ["tcp 22", "udp 53"])));
  await cloud.addRules(group, both(port("tcp", 32768, 60999)));
  await passes(cloud, ...servers().map((from) => ask(from, [vms.stranger], ["tcp 22"])));
});

test("an ICMP error about a packet that was allowed comes back, without a rule", async () => {
  await allow(servers(), both(port("udp", 53, 55)));
  const froms = [vms.client, vms.vclient];
  await passes(cloud, ...froms.map((from) => ask(from, servers(), ["udp 53"])));
  const questions = froms.map((from) => ask(from, servers(), ["udp 55"]));
  assert.deepEqual(await exceptions(cloud, "refused", questions), []);
  // Where the packet itself is not allowed, there is nothing to be an error of.
  await silent(...froms.map((from) => ask(from, servers(), ["udp 56"])));
});

test("fragments belong to their datagram: all pass, or none", async () => {
  await allow(servers(), [...both(port("udp", 53)), ...icmp()]);
  const large = ["udp 53 size 4000", "icmp size 4000"];
  const froms = [vms.client, vms.vclient];
  await passes(cloud, ...froms.map((from) => ask(from, servers(), large)));
  await silent(...froms.map((from) => ask(from, servers(), ["udp 54 size 4000"])));
  await allow(servers(), both(port("udp", 53)));
  await passes(cloud, ...froms.map((from) => ask(from, servers(), ["udp 53 size 4000"])));
  await silent(...froms.map((from) => ask(from, servers(), ["icmp size 4000"])));
});
