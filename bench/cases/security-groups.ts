import { setTimeout as wait } from "node:timers/promises";
import { Cloud, isMade, type Json } from "../cloud.ts";
import { FakeChassis } from "../fake-chassis.ts";
import { flowCount } from "../flow-count.ts";
import { FlowEvents } from "../flow-events.ts";
import { type Case, type Figure, figure, numberFrom } from "../measure.ts";
import { besidePeer, type PeerResults } from "../peer.ts";
import { createWideTenant, OTHER_CHASSIS } from "../tenants.ts";

const PORTS = numberFrom("BENCH_PORTS", 5000);
const RUNS = numberFrom("BENCH_RUNS", 7);

interface Change {
  readonly name: string;
  /** Milliseconds from the API's answer to the last flow event; 0 or less where the host was done before the answer. Undefined: no flow. */
  readonly afterAnswer: number | undefined;
  /** Milliseconds from the request to the last flow event, or to the answer where no flow changed. */
  readonly whole: number;
  readonly events: number;
}

/** One change by the API: how long until its last flow, and how many flows. */
async function change(cloud: Cloud, name: string, method: string, path: string, body?: Json) {
  const events = new FlowEvents(cloud.bridge(0));
  await wait(200);
  const sent = performance.now();
  const answer = await cloud.call(method, path, body);
  const answered = performance.now();
  await events.quiet();
  await events.close();
  const last = events.times.at(-1);
  const measured: Change = {
    name,
    afterAnswer: last === undefined ? undefined : last - answered,
    whole: Math.max(last ?? answered, answered) - sent,
    events: events.times.length,
  };
  return { measured, answer };
}

async function allChanges(report: (line: string) => void) {
  await using cloud = await Cloud.start(1, `${PORTS} ports`);
  await using _chassis = await FakeChassis.start(cloud.lab, OTHER_CHASSIS);
  const { groupId, joinerId } = await createWideTenant(cloud, PORTS, report);
  const flows = await flowCount(cloud.bridge(0));
  const changes: Change[] = [];
  const rule = (fields: Json): Json => ({
    security_group_rule: { security_group_id: groupId, direction: "ingress", ethertype: "IPv4", ...fields },
  });
  const port = (number: number): Json => ({ port_range_min: number, port_range_max: number });
  const rules: readonly (readonly [string, Json])[] = [
    ["rule_tcp_port", rule({ protocol: "tcp", ...port(443) })],
    ["rule_cidr", rule({ protocol: "tcp", ...port(8080), remote_ip_prefix: "192.0.2.0/24" })],
    ["rule_remote_group", rule({ protocol: "udp", ...port(4789), remote_group_id: groupId })],
  ];
  for (let n = 0; n < RUNS; n++) {
    for (const [name, body] of rules) {
      const { measured, answer } = await change(cloud, `${name}_add`, "POST", "/security-group-rules", body);
      const made = answer["security_group_rule"];
      if (!isMade(made)) throw new Error("no rule in the answer");
      const { measured: gone } = await change(cloud, `${name}_del`, "DELETE", `/security-group-rules/${made.id}`);
      changes.push(measured, gone);
    }
    for (const [name, groups] of [
      ["member_join", [groupId]],
      ["member_leave", []],
    ] as const) {
      const body = { port: { security_groups: groups } };
      changes.push((await change(cloud, name, "PUT", `/ports/${joinerId}`, body)).measured);
    }
    report(`round ${n + 1} of ${RUNS}`);
  }
  return { flows, changes };
}

export const securityGroups: Case = {
  name: "security-groups",
  section: "Control plane",
  about: `changes of a security group with ${PORTS} ports, seen by a host with ten of them on five networks`,
  sizes: "BENCH_PORTS: of the tenant (5000); BENCH_RUNS (7)",
  async run(report) {
    const { ours, peer } = await besidePeer("sg.py", [PORTS, RUNS], `${PORTS} ports`, report, () => allChanges(report));
    const flows = ours.map((round) => round.flows);
    return [
      figure("flows on the host", "count", flows, { bound: 7000, peer: peer.values("of_flows") }),
      ...figuresOf(
        ours.flatMap((round) => round.changes),
        peer,
      ),
    ];
  },
};

const BOUNDS: Readonly<Record<string, { readonly ms: number; readonly flows: number }>> = {
  rule_tcp_port_add: { ms: 10, flows: 6 },
  rule_cidr_add: { ms: 10, flows: 6 },
  rule_remote_group_add: { ms: 10, flows: 10 },
  member_join: { ms: 10, flows: 0 },
};

function figuresOf(changes: readonly Change[], peer: PeerResults): readonly Figure[] {
  const names = [...new Set(changes.map(({ name }) => name))];
  return names.flatMap((name) => {
    const runs = changes.filter((c) => c.name === name);
    const bound = BOUNDS[name];
    const times = runs.flatMap(({ afterAnswer }) => afterAnswer ?? []);
    const label = name.replaceAll("_", " ");
    const theirFlows = ["added", "deleted", "modified"].map((kind) => peer.values("changes", name, kind));
    const [added = []] = theirFlows;
    return [
      figure(
        `${label}: flows changed`,
        "count",
        runs.map(({ events }) => events),
        {
          bound: bound?.flows,
          peer: added.map((_, run) => theirFlows.reduce((sum, counts) => sum + (counts[run] ?? 0), 0)),
        },
      ),
      figure(
        `${label}: request to the last flow`,
        "ms",
        runs.map(({ whole }) => whole),
        {
          peer: peer.values("changes", name, "hv_installed_ms", "p50"),
          note: times.length === 0 ? "no flow changes: to the answer" : undefined,
        },
      ),
      ...(times.length > 0 ? [figure(`${label}: answer to the last flow`, "ms", times, { bound: bound?.ms })] : []),
    ];
  });
}
