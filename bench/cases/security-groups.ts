import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { connect } from "@dragonflow/openflow";
import { namedUuid, openVSwitch, operations, OvsdbClient } from "@dragonflow/ovsdb";
import { Cloud, type Json } from "../cloud.ts";
import { FakeChassis } from "../fake-chassis.ts";
import { FlowEvents } from "../flow-events.ts";
import { type Case, type Figure, figure } from "../measure.ts";

const PORTS = Number(process.env["BENCH_PORTS"] ?? 5000);
const PER_NETWORK = 50;
const RUNS = 7;
const CHASSIS = 20;
/** Of the peer's own benchmark of the same changes (a folder with sg.py): run once before, and once after ours. */
const PEER = process.env["BENCH_PEER"];
const ops = operations(openVSwitch);
const run = promisify(execFile);

interface Change {
  readonly name: string;
  /** Milliseconds from the API's answer to the last flow event; 0 or less where the host was done before the answer. Undefined: no flow. */
  readonly ms: number | undefined;
  readonly events: number;
}

/** One change by the API: how long until its last flow, and how many flows. */
async function change(cloud: Cloud, name: string, method: string, path: string, body?: Json) {
  const events = new FlowEvents(cloud.bridge(0));
  await wait(200);
  const answer = await cloud.call(method, path, body);
  const answered = performance.now();
  await events.quiet();
  await events.close();
  const last = events.times.at(-1);
  const measured: Change = { name, ms: last === undefined ? undefined : last - answered, events: events.times.length };
  return { measured, answer };
}

/** One tenant: a router, networks of 50, all ports in one group; ten of them on the host, two in each of five networks. */
async function tenant(cloud: Cloud, report: (line: string) => void) {
  const group = await cloud.create("security-group", { name: "measured" });
  const rules: readonly Json[] = [
    { direction: "ingress", ethertype: "IPv4", protocol: "icmp" },
    { direction: "ingress", ethertype: "IPv4", protocol: "tcp", port_range_min: 22, port_range_max: 22 },
    { direction: "ingress", ethertype: "IPv4", remote_group_id: group.id },
  ];
  for (const rule of rules) await cloud.create("security-group-rule", { security_group_id: group.id, ...rule });
  const router = await cloud.create("router", { name: "measured" });
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  let elsewhere = "";
  for (let n = 0; n * PER_NETWORK < PORTS; n++) {
    const network = await cloud.create("network", { name: `n${n}` });
    const cidr = `10.${100 + Math.floor(n / 200)}.${n % 200}.0/24`;
    const subnet = await cloud.create("subnet", { network_id: network.id, ip_version: 4, cidr, enable_dhcp: false });
    await cloud.call("PUT", `/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    const here = n < 5 ? 2 : 0;
    const port = (i: number): Json => ({
      network_id: network.id,
      security_groups: [group.id],
      "binding:host_id": i < here ? "host1" : `chassis-${(n + i) % CHASSIS}`,
    });
    const answer = await cloud.call("POST", "/ports", {
      ports: Array.from({ length: PER_NETWORK }, (_, i) => port(i)),
    });
    const ids = idsIn(answer["ports"]);
    await ovs.transact(
      openVSwitch,
      ids.slice(0, here).flatMap((id, i) => plug(`s${n}x${i}`, id)),
    );
    if (n === 6) {
      const joiner = { network_id: network.id, security_groups: [], "binding:host_id": "chassis-1" };
      elsewhere = (await cloud.create("port", joiner)).id;
    }
    if (n % 20 === 19) report(`${(n + 1) * PER_NETWORK} ports`);
  }
  return { group: group.id, elsewhere };
}
function plug(name: string, portId: string) {
  const [i, p] = [namedUuid(`i${name}`), namedUuid(`p${name}`)];
  return [
    ops.insert("Interface", { name, type: "internal", external_ids: { "iface-id": portId } }, { as: i }),
    ops.insert("Port", { name, interfaces: [i] }, { as: p }),
    ops.mutate("Bridge", [["name", "==", "br-int"]], [["ports", "insert", [p]]]),
  ] as const;
}
const hasId = (value: unknown): value is { readonly id: string } =>
  typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
const idsIn = (list: unknown): readonly string[] => (Array.isArray(list) ? list.filter(hasId).map(({ id }) => id) : []);

async function flowCount(cloud: Cloud): Promise<number> {
  const socket = await connect(cloud.bridge(0));
  const { stats } = await socket.request({ type: "aggregate_stats_request", match: {} });
  socket.close();
  return stats.flows ?? 0;
}

/** Medians of the peer's own benchmark, by the names of ours. */
async function peerMedians(report: (line: string) => void): Promise<ReadonlyMap<string, number>> {
  if (PEER === undefined) return new Map();
  report("the peer's benchmark");
  const dir = mkdtempSync(join(tmpdir(), "bench-peer-"));
  try {
    await run("python3", [join(PEER, "sg.py"), String(PORTS), String(RUNS)], {
      env: { ...process.env, OVNBENCH_DIR: dir },
      maxBuffer: 64 * 1024 * 1024,
    });
    const result: unknown = JSON.parse(readFileSync(join(dir, "results", `sg-${PORTS}.json`), "utf8"));
    return mediansOf(result);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
function mediansOf(result: unknown): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  if (typeof result !== "object" || result === null || !("changes" in result)) return found;
  for (const [name, entry] of Object.entries(result.changes ?? {})) {
    const installed: unknown = isObject(entry) ? entry["hv_installed_ms"] : undefined;
    const median = isObject(installed) ? installed["p50"] : undefined;
    if (typeof median === "number") found.set(name, median);
  }
  return found;
}
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

export const securityGroups: Case = {
  name: "security-groups",
  about: `changes of a security group with ${PORTS} ports, seen by a host with ten of them on five networks: from the API's answer to the last flow event`,
  async run(report) {
    const peers = [await peerMedians(report)];
    const changes: Change[] = [];
    let flows = 0;
    {
      await using cloud = await Cloud.start(1);
      await using _chassis = await FakeChassis.start(cloud.lab, CHASSIS);
      const { group, elsewhere } = await tenant(cloud, report);
      await wait(3000);
      flows = await flowCount(cloud);
      const rule = (fields: Json): Json => ({
        security_group_rule: { security_group_id: group, direction: "ingress", ethertype: "IPv4", ...fields },
      });
      const port = (number: number): Json => ({ port_range_min: number, port_range_max: number });
      const rules: readonly (readonly [string, Json])[] = [
        ["rule_tcp_port", rule({ protocol: "tcp", ...port(443) })],
        ["rule_cidr", rule({ protocol: "tcp", ...port(8080), remote_ip_prefix: "192.0.2.0/24" })],
        ["rule_remote_group", rule({ protocol: "udp", ...port(4789), remote_group_id: group })],
      ];
      for (let n = 0; n < RUNS; n++) {
        for (const [name, body] of rules) {
          const { measured, answer } = await change(cloud, `${name}_add`, "POST", "/security-group-rules", body);
          const made = answer["security_group_rule"];
          if (!hasId(made)) throw new Error("no rule in the answer");
          const { measured: gone } = await change(cloud, `${name}_del`, "DELETE", `/security-group-rules/${made.id}`);
          changes.push(measured, gone);
        }
        for (const [name, groups] of [
          ["member_join", [group]],
          ["member_leave", []],
        ] as const) {
          const body = { port: { security_groups: groups } };
          changes.push((await change(cloud, name, "PUT", `/ports/${elsewhere}`, body)).measured);
        }
        report(`round ${n + 1} of ${RUNS}`);
      }
    }
    peers.push(await peerMedians(report));
    return [figure("flows on the host", "count", [flows], { bound: 7000 }), ...figuresOf(changes, peers)];
  },
};

const BOUNDS: Readonly<Record<string, { readonly ms: number; readonly flows: number }>> = {
  rule_tcp_port_add: { ms: 10, flows: 6 },
  rule_cidr_add: { ms: 10, flows: 6 },
  rule_remote_group_add: { ms: 10, flows: 10 },
  member_join: { ms: 10, flows: 0 },
};

function figuresOf(changes: readonly Change[], peers: readonly ReadonlyMap<string, number>[]): readonly Figure[] {
  const names = [...new Set(changes.map(({ name }) => name))];
  return names.flatMap((name) => {
    const runs = changes.filter((c) => c.name === name);
    const bound = BOUNDS[name];
    const times = runs.flatMap(({ ms }) => ms ?? []);
    const theirs = peers.flatMap((peer) => peer.get(name) ?? []);
    const label = name.replaceAll("_", " ");
    return [
      figure(
        `${label}: flows changed`,
        "count",
        runs.map(({ events }) => events),
        bound && { bound: bound.flows },
      ),
      ...(times.length > 0 ? [figure(`${label}: flows acknowledged`, "ms", times, bound && { bound: bound.ms })] : []),
      ...(theirs.length > 0 ? [figure(`${label}: OVN, the same`, "ms", theirs)] : []),
    ];
  });
}
