/**
 * `dragonflow trace` in a cloud: what it says of a packet is what becomes of one, the rules by themselves and ofproto/trace of each host say the same,
 * and what it names as missing lets the packet pass once it is there. Asked from somewhere that reaches the store and nothing else.
 *
 *   host1: client (red)      host2: server (red), routed (green), lonely (blue)      router: red - green
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Network, ports, type Router, routers, type SecurityGroup, type Subnet } from "@dragonflow/cli";
import { shapes } from "@dragonflow/model";
import { startRecorded, stopRecorded } from "@dragonflow/lab";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { Operator, type Outcome } from "./support/operator.ts";
import { ofctl } from "./support/switches.ts";

const { flag, integer, list, nullable, object, text: string } = shapes;
const shape = object({
  passes: flag,
  agrees: flag,
  ending: string,
  host: nullable(string),
  hosts: list(object({ host: string, assumed: flag })),
  rules: list(object({ end: string, agrees: flag })),
  switches: list(object({ chassis: string, agrees: flag, detail: string })),
  live: list(object({ chassis: string, steps: list(object({ table: string, packets: nullable(integer()) })) })),
  sent: nullable(
    object({
      copies: integer(),
      connections: list(object({ portId: string, isTracked: nullable(flag) })),
      delivered: nullable(object({ packets: integer(), dropped: integer() })),
      lastSeen: nullable(object({ chassis: string, table: string })),
    }),
  ),
  connections: { describe: "anything", parse: (value: unknown) => value },
  whyNot: nullable(object({ isVerified: flag, changes: list(object({ commands: list(string) })) })),
});
type Traced = shapes.Infer<typeof shape> & { readonly status: number | null };

let cloud: Cloud;
let operator: Operator;
let router: Router;
let red: Network;
let blue4: Subnet;
let servers: SecurityGroup;
let vms: Record<"client" | "server" | "routed" | "lonely", Vm>;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  operator = await Operator.of(cloud);
  red = await cloud.network("red");
  const green = await cloud.network("green");
  const blue = await cloud.network("blue");
  router = await cloud.router("router", [
    await cloud.subnet(red, "10.10.0.0/24"),
    await cloud.subnet(green, "10.20.0.0/24"),
  ]);
  blue4 = await cloud.subnet(blue, "10.30.0.0/24");
  const clients = await cloud.group("clients");
  servers = await cloud.group("servers", [
    { protocol: "tcp", port_range_min: 22, port_range_max: 22, remote_group_id: clients.id },
    { protocol: "icmp", remote_ip_prefix: "10.10.0.0/24" },
  ]);
  const inGroup = ({ id }: SecurityGroup) => ({ port: { security_groups: [id] } });
  const made = await cloud.vms([
    { name: "client", host: "host1", network: red, ...inGroup(clients) },
    { name: "server", host: "host2", network: red, ...inGroup(servers) },
    { name: "routed", host: "host2", network: green, ...inGroup(servers) },
    { name: "lonely", host: "host2", network: blue, ...inGroup(servers) },
  ]);
  vms = Object.fromEntries(made.map((vm) => [vm.name, vm])) as typeof vms;
});

const run = async (...args: readonly string[]): Promise<Outcome> => operator.dragonflow("trace", ...args);
async function traced(...args: readonly string[]): Promise<Traced> {
  const { status, out, complaint } = await run(...args, "--json", "--why-not");
  assert.ok(out !== "", complaint);
  return { ...shape.parse(JSON.parse(out), "trace"), status };
}
/** The switches may be a moment behind what the API was told: until all agree. */
const settled = async (...args: readonly string[]): Promise<Traced> =>
  cloud.until("all who are asked agree", async () => {
    const got = await traced(...args);
    return got.agrees && got;
  });
const hostsOf = ({ hosts }: Traced) => hosts.map(({ host }) => host);
const pings = async (from: Vm, to: Vm): Promise<boolean> =>
  (await cloud.exec(from, "ping", "-c", "1", "-W", "2", to.ipv4)).status === 0;

test("what passes: both hosts are crossed, and their switches were asked", async () => {
  for (const to of ["server", "routed"]) {
    const got = await settled("client", to, "tcp/22");
    assert.deepEqual([got.passes, got.status, got.whyNot], [true, 0, null]);
    assert.deepEqual(hostsOf(got), ["host1", "host2"]);
    assert.deepEqual([got.rules.length, got.switches.length], [2, 2]);
    assert.ok(got.hosts.every(({ assumed }) => !assumed));
  }
  assert.ok(await pings(vms.client, vms.routed));
});

test("connections are those that the hosts track", async () => {
  // One of ICMP is forgotten after half a minute.
  await cloud.until("the connection of a ping is seen", async () => {
    assert.ok(await pings(vms.client, vms.routed));
    return /"established"/.test(JSON.stringify((await traced("client", "routed")).connections));
  });
  const fresh = await settled("client", "routed", "tcp/22");
  assert.doesNotMatch(JSON.stringify(fresh.connections), /"established"/);
});

/** The table of each host that met it, of those that are counted. */
const met = ({ live }: Traced): readonly string[] =>
  live.flatMap(({ chassis, steps }) =>
    steps.flatMap(({ table, packets }) => ((packets ?? 0) > 0 ? [`${chassis} ${table}`] : [])),
  );

test("what really goes that way is counted on each host", async () => {
  let isOver = false;
  const traffic = (async () => {
    while (!isOver) await cloud.exec(vms.client, "ping", "-c", "5", "-i", "0.1", vms.routed.ipv4);
  })();
  const got = await settled("client", "routed", "icmp", "--live", "--wait", "3").finally(() => {
    isOver = true;
  });
  await traffic;
  assert.equal(got.sent, null);
  const counted = met(got);
  for (const one of ["host1 classify", "host1 routing", "host1 tunnel_send", "host2 tunnel_network", "host2 delivery"])
    assert.ok(counted.includes(one), `${one} of ${counted.join()}`);
  assert.ok(got.live.every(({ steps }) => steps.every(({ packets }) => packets !== null)));
});

test("what is sent as the source is seen on each host, and its connection at both ends", async () => {
  for (const service of ["icmp", "tcp/22"]) {
    const got = await settled("client", "routed", service, "--live");
    assert.equal(got.status, 0);
    assert.deepEqual(got.sent?.connections, [
      { portId: vms.client.port.id, isTracked: true },
      { portId: vms.routed.port.id, isTracked: true },
    ]);
    assert.ok((got.sent?.delivered?.packets ?? 0) >= got.sent.copies, service);
    assert.equal(got.sent.delivered?.dropped, 0);
    assert.deepEqual(got.sent.lastSeen, { chassis: "host2", table: "delivery" });
    for (const one of ["host1 classify", "host1 routing", "host2 tunnel_network"])
      assert.ok(met(got).includes(one), `${one} of ${met(got).join()}`);
  }
});

test("what the rules drop is tracked by its sender's host alone", async () => {
  const got = await settled("client", "routed", "udp/53", "--live");
  assert.deepEqual([got.status, got.sent?.delivered?.packets], [1, 0]);
  assert.deepEqual(
    got.sent?.connections.map(({ isTracked }) => isTracked),
    [true, false],
  );
  assert.equal(got.sent.lastSeen?.chassis, "host2");
  const { out } = await run("client", "routed", "udp/53", "--live");
  assert.match(out, /sent 5 copies of it from source port \d+ as its source; last met on host2, in table /);
  assert.match(out, /the zone of port routed does not have the connection of this very packet/);
});

test("a flow that somebody put into a switch: the tracer and the switch do not agree, and the packet is lost there", async () => {
  const host = await cloud.host("host1");
  // With a cookie that is not ours it is left alone.
  await ofctl(host, "add-flow", "cookie=0x7,table=routing,priority=65535,icmp,actions=drop");
  let got: Traced;
  try {
    got = await traced("client", "routed", "icmp", "--live");
  } finally {
    await ofctl(host, "del-flows", "cookie=0x7/0xffffffffffffffff,table=routing");
  }
  assert.deepEqual([got.status, got.agrees, got.passes], [3, false, true]);
  assert.deepEqual(
    got.switches.map(({ chassis, agrees }) => [chassis, agrees]),
    [
      ["host1", false],
      ["host2", true],
    ],
  );
  assert.deepEqual(
    got.sent?.connections.map(({ isTracked }) => isTracked),
    [true, false],
  );
  assert.equal(got.sent.delivered?.packets, 0);
  assert.equal(got.sent.lastSeen?.chassis, "host1", JSON.stringify(got.live));
  assert.equal((await settled("client", "routed", "icmp")).status, 0);
});

test("no rule: what is missing is named, and lets it pass", async () => {
  const got = await settled("client", "server", "tcp/8080");
  assert.deepEqual([got.passes, got.status, got.host], [false, 1, "host2"]);
  assert.match(got.ending, /no rule of any group of the port allows it/);
  assert.deepEqual(
    got.whyNot?.changes.flatMap(({ commands }) => commands),
    [
      `openstack security group rule create --ingress --ethertype IPv4 --protocol tcp --dst-port 8080 --remote-ip ${vms.client.ipv4}/32 ${servers.id}`,
    ],
  );
  assert.equal(got.whyNot?.isVerified, true);
  await cloud.addRules(servers, [
    { protocol: "tcp", port_range_min: 8080, port_range_max: 8080, remote_ip_prefix: `${vms.client.ipv4}/32` },
  ]);
  assert.equal((await settled("client", "server", "tcp/8080")).status, 0);
});

test("no route: the interface that the router lacks", async () => {
  const got = await settled("client", "lonely");
  assert.deepEqual([got.passes, got.status, got.host], [false, 1, "host1"]);
  assert.match(got.ending, /no route/);
  const commands = got.whyNot?.changes.flatMap((change) => change.commands);
  assert.deepEqual(commands, [`openstack router add subnet ${router.id} ${blue4.id}`]);
  assert.equal(await pings(vms.client, vms.lonely), false);
  await cloud.api.act(routers, router.id, "add_router_interface", { subnet_id: blue4.id });
  assert.equal((await settled("client", "lonely")).status, 0);
  await cloud.until("it answers", () => pings(vms.client, vms.lonely));
});

test("a port that is down", async () => {
  await cloud.api.update(ports, vms.server.port.id, { admin_state_up: false });
  const got = await settled("client", "server", "tcp/22");
  assert.deepEqual([got.passes, got.status], [false, 1]);
  assert.deepEqual(
    got.whyNot?.changes.flatMap(({ commands }) => commands),
    [`openstack port set --enable ${vms.server.port.id}`],
  );
  assert.equal(got.whyNot?.isVerified, true);
  await cloud.api.update(ports, vms.server.port.id, { admin_state_up: true });
  assert.equal((await settled("client", "server", "tcp/22")).status, 0);
});

test("in words; by address; and what is not said right", async () => {
  const { out, status } = await run(vms.client.ipv4, vms.routed.ipv4, "tcp/22", "--flows");
  assert.equal(status, 0);
  assert.match(out, /rule "ingress IPv4 tcp 22 from group clients" of group servers/);
  assert.match(out, /router router: 10\.20\.0\.0\/24 is network green/);
  assert.match(out, /passes: delivered to port routed/);
  const byApi = await operator.byFile("trace", vms.client.ipv4, "routed", "tcp/22", "--api", cloud.api.url);
  assert.match(byApi.out, /passes: delivered to port routed/, byApi.complaint);
  assert.equal((await run("client", "server", "--wait", "1")).status, 2);
  assert.equal((await run("nobody", "server")).status, 2);
  assert.equal((await run("client", "server", "tcp/x")).status, 2);
  await cloud.api.create(ports, { name: "client", network_id: red.id });
  const { status: refused, complaint } = await run("client", "server");
  assert.equal(refused, 2);
  assert.match(complaint, new RegExp(`"client" is 2 ports.*\\n.*${vms.client.port.id}|${vms.client.port.id}`));
});

test("a host whose controller does not answer is named, and what is assumed of it", async () => {
  await stopRecorded(cloud.lab, "controller-host2");
  const { status, out, complaint } = await run(vms.client.port.id, vms.routed.port.id, "tcp/22", "--json");
  assert.equal(status, 0, complaint);
  const { hosts } = shape.parse(JSON.parse(out), "trace");
  assert.deepEqual(
    hosts.map(({ host, assumed }) => [host, assumed]),
    [
      ["host1", false],
      ["host2", true],
    ],
  );
  assert.match(complaint, /the controller of host2 (does not answer|is not alive).* Of host2 is assumed/);
  await startRecorded(cloud.lab, "controller-host2");
});

test("from where nothing is reached it is said how to reach something", async () => {
  const { status, complaint } = await operator.dragonflow("trace", "client", "server", "--lab", "nowhere");
  assert.equal(status, 1);
  assert.match(complaint, /no lab "nowhere": give --server with --token-file and --ca-file, --config, or --lab/);
});
