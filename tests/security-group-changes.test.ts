/**
 * Change of mind: what goes ends just the connections that nothing else allows, with their next packet in the direction of the first, and those that
 * go on by replies alone soon after; everything else goes on without a lost packet, and so does all of it while rules, members and groups come.
 *
 *   host1: client mate near      host2: far      all in one network; servers are pinged all the time
 */
import assert from "node:assert/strict";
import { before, beforeEach, test } from "node:test";
import { quotas, type SecurityGroup, type SecurityGroupRule, securityGroupRules } from "@dragonflow/cli";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { withoutLoss } from "./support/lossless.ts";
import { passes, serve, Stream } from "./support/traffic.ts";

const PINGS = [
  { from: "client", to: "near" },
  { from: "client", to: "far" },
  { from: "far", to: "near" },
];
const BOTH = ["IPv4", "IPv6"] as const;

let cloud: Cloud;
let vms: Record<"client" | "mate" | "near" | "far", Vm>;
/** What the VMs have besides what a test is about: they may ping each other. Everything goes out of `clients`. */
let pings: SecurityGroup;
let clients: SecurityGroup;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  const network = await cloud.network("red");
  await cloud.router("router", [
    await cloud.subnet(network, "10.10.0.0/24"),
    await cloud.subnet(network, "fd00:10::/64"),
  ]);
  clients = await cloud.group("clients");
  // Neutron's limit of groups is ten.
  await cloud.api.update(quotas, clients.project_id, { security_group: -1 });
  pings = await closedGroup(
    "pings",
    ["ingress", "egress"].flatMap((direction) => [
      { direction, ethertype: "IPv4", protocol: "icmp" },
      { direction, ethertype: "IPv6", protocol: "ipv6-icmp" },
    ]),
  );
  const made = await cloud.vms(
    [
      { name: "client", host: "host1" },
      { name: "mate", host: "host1" },
      { name: "near", host: "host1" },
      { name: "far", host: "host2" },
    ].map((vm) => ({ ...vm, network, port: { security_groups: [pings.id] } })),
  );
  vms = Object.fromEntries(made.map((vm) => [vm.name, vm])) as typeof vms;
  for (const vm of [vms.near, vms.far]) await serve(cloud, vm, { tcp: [22, 80], udp: [53, 54] });
});
beforeEach(async () => {
  for (const vm of [vms.client, vms.mate]) await cloud.setGroups(vm, [pings, clients]);
});

type Attributes = Readonly<Record<string, unknown>>;
const both = (rule: Attributes): Attributes[] => BOTH.map((ethertype) => ({ ethertype, ...rule }));
const port = (protocol: string, number: number): Attributes[] =>
  both({ protocol, port_range_min: number, port_range_max: number });

/** A group without the rules that let everything out. */
async function closedGroup(name: string, rules: readonly Attributes[]): Promise<SecurityGroup> {
  const group = await cloud.group(name);
  await removeAll(group.security_group_rules);
  if (rules.length > 0) await cloud.addRules(group, rules);
  return group;
}
async function removeAll(rules: readonly SecurityGroupRule[]): Promise<void> {
  for (const { id } of rules) await cloud.api.remove(securityGroupRules, id);
}
/** Groups for the servers, until the test is over. */
async function serversHave(...groups: readonly SecurityGroup[]): Promise<void> {
  for (const vm of [vms.near, vms.far]) await cloud.setGroups(vm, [pings, ...groups]);
}

const SERVICES = {
  ssh: { protocol: "tcp", port: 22 },
  web: { protocol: "tcp", port: 80 },
  dns: { protocol: "udp", port: 53 },
  log: { protocol: "udp", port: 54 },
} as const;
type Service = keyof typeof SERVICES;

/** Streams to both servers, by both families, that flow. */
async function streams(
  stack: AsyncDisposableStack,
  from: Vm,
  services: readonly Service[],
  mode: "echo" | "push" = "echo",
): Promise<readonly Stream[]> {
  const wanted = services.flatMap((service) =>
    [vms.near, vms.far].flatMap((to) => (["ipv4", "ipv6"] as const).map((family) => ({ service, to, family }))),
  );
  // A stream that only the server speaks on asks for it once: by then what lets it in has to be there.
  const asked = services.map((service) => `${SERVICES[service].protocol} ${SERVICES[service].port}`);
  await passes(cloud, { from, to: [vms.near, vms.far], services: asked });
  return Promise.all(
    wanted.map(async ({ service, to, family }) =>
      stack.use(await Stream.open(from, to, { ...SERVICES[service], mode, family })),
    ),
  );
}
const all = async (some: readonly Stream[], what: "ends" | "flows" | "goesOn"): Promise<void> =>
  void (await Promise.all(some.map((stream) => stream[what]())));

const undisturbed = async (work: () => Promise<void>): Promise<void> =>
  void (await withoutLoss(cloud, PINGS, async () => work()));

test("a rule goes: its connections end, others do not; it comes back, and so do they", async () => {
  const group = await closedGroup("servers", [...port("tcp", 80), ...port("udp", 54)]);
  const rules = [...port("tcp", 22), ...port("udp", 53)];
  const going = await cloud.addRules(group, rules);
  await serversHave(group);
  await using stack = new AsyncDisposableStack();
  const ended = await streams(stack, vms.client, ["ssh", "dns"]);
  const others = await streams(stack, vms.client, ["web", "log"]);
  await undisturbed(async () => {
    await removeAll(going);
    await all(ended, "ends");
    await all(others, "goesOn");
    await cloud.addRules(group, rules);
    await all(ended, "flows");
    await all(others, "goesOn");
  });
});

test("a rule goes that another one stands in for: nobody notices", async () => {
  const group = await closedGroup("servers", []);
  const named = await cloud.addRules(group, [...port("tcp", 22), ...port("udp", 53)]);
  const twins = await cloud.addRules(group, [
    ...both({ protocol: "tcp", remote_group_id: clients.id }),
    ...both({ protocol: "udp" }),
    { ethertype: "IPv4", protocol: "icmp" },
    { ethertype: "IPv6", protocol: "ipv6-icmp" },
  ]);
  await serversHave(group);
  await using stack = new AsyncDisposableStack();
  const running = await streams(stack, vms.client, ["ssh", "dns"]);
  await undisturbed(async () => {
    await removeAll(twins);
    await all(running, "goesOn");
    await cloud.addRules(group, [...both({ protocol: "tcp" }), ...both({ protocol: "udp" })]);
    await removeAll(named);
    await all(running, "goesOn");
  });
});

test("a member leaves, on another host than the server: its connections end, those of other members do not", async () => {
  const members = await closedGroup("members", []);
  const group = await closedGroup("servers", both({ remote_group_id: members.id }));
  await serversHave(group);
  for (const vm of [vms.client, vms.mate]) await cloud.setGroups(vm, [pings, clients, members]);
  await using stack = new AsyncDisposableStack();
  const ended = await streams(stack, vms.client, ["ssh", "dns"]);
  const others = await streams(stack, vms.mate, ["ssh", "dns"]);
  await undisturbed(async () => {
    await cloud.setGroups(vms.client, [pings, clients]);
    await all(ended, "ends");
    await all(others, "goesOn");
    await cloud.setGroups(vms.client, [pings, clients, members]);
    await all(ended, "flows");
    await all(others, "goesOn");
  });
});

test("a group is taken from ports: what only it allowed ends", async () => {
  const ssh = await closedGroup("ssh", [...port("tcp", 22), ...port("udp", 53)]);
  const web = await closedGroup("web", [...port("tcp", 80), ...port("udp", 54)]);
  await serversHave(ssh, web);
  await using stack = new AsyncDisposableStack();
  const ended = await streams(stack, vms.client, ["ssh", "dns"]);
  const others = await streams(stack, vms.client, ["web", "log"]);
  await undisturbed(async () => {
    await serversHave(web);
    await all(ended, "ends");
    await all(others, "goesOn");
    await serversHave(ssh, web);
    await all(ended, "flows");
    await all(others, "goesOn");
  });
});

test("what the sender may not send any more ends as well", async () => {
  const group = await closedGroup("servers", both({}));
  await serversHave(group);
  const out = await closedGroup("out", [...port("tcp", 80), ...port("udp", 54)].map(outward));
  const going = await cloud.addRules(out, [...port("tcp", 22), ...port("udp", 53)].map(outward));
  await cloud.setGroups(vms.client, [pings, out]);
  await using stack = new AsyncDisposableStack();
  const ended = await streams(stack, vms.client, ["ssh", "dns"]);
  const others = await streams(stack, vms.client, ["web", "log"]);
  await undisturbed(async () => {
    await removeAll(going);
    await all(ended, "ends");
    await all(others, "goesOn");
  });
});
const outward = (rule: Attributes): Attributes => ({ ...rule, direction: "egress" });

test("connections that only the server speaks on end soon after the rule that let them begin", async () => {
  const group = await closedGroup("servers", [...port("tcp", 80), ...port("udp", 54)]);
  const inward = await cloud.addRules(group, [...port("tcp", 22), ...port("udp", 53)]);
  await serversHave(group);
  await using stack = new AsyncDisposableStack();
  const ended = await streams(stack, vms.client, ["ssh", "dns"], "push");
  const others = await streams(stack, vms.client, ["web", "log"], "push");
  await undisturbed(async () => {
    await removeAll(inward);
    await all(ended, "ends");
    await all(others, "goesOn");
  });
  // The same, where the one who began is not allowed to any more.
  const out = await closedGroup("out", both({ direction: "egress" }));
  await cloud.setGroups(vms.mate, [pings, out]);
  const begun = await streams(stack, vms.mate, ["web", "log"], "push");
  await undisturbed(async () => {
    const rules = await cloud.api.list(securityGroupRules, { security_group_id: out.id });
    await removeAll(rules);
    await all(begun, "ends");
    await all(others, "goesOn");
  });
});

test("rules, members, groups and ports come while connections run: not one packet is lost", async () => {
  const group = await closedGroup("servers", [...port("tcp", 22), ...port("udp", 53)]);
  await serversHave(group);
  await using stack = new AsyncDisposableStack();
  const running = await streams(stack, vms.client, ["ssh", "dns"]);
  const pushed = await streams(stack, vms.client, ["ssh", "dns"], "push");
  await undisturbed(async () => {
    await cloud.addRules(group, [...both({ protocol: "tcp" }), ...both({ remote_group_id: clients.id }), ...both({})]);
    const more = await cloud.group("more", both({ remote_group_id: group.id }));
    await serversHave(group, more);
    await cloud.setGroups(vms.client, [pings, clients, more]);
    await cloud.setGroups(vms.mate, [pings, clients, group]);
    await all([...running, ...pushed], "goesOn");
  });
  assert.equal(running.length + pushed.length, 16);
});
