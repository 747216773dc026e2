import { setTimeout as wait } from "node:timers/promises";
import { OvsdbClient } from "@dragonflow/ovsdb";
import { Cloud } from "../cloud.ts";
import { FakeChassis } from "../fake-chassis.ts";
import { FlowEvents } from "../flow-events.ts";
import { type Case, type Figure, figure, numberFrom, numbersFrom } from "../measure.ts";
import { besidePeer } from "../peer.ts";
import { plug, unplug } from "../plug.ts";
import { createTenants, networkOf, OTHER_CHASSIS, portIn, type Tenant } from "../tenants.ts";

const HOSTS = numbersFrom("BENCH_HOSTS", "2,5,10");
const OTHERS = numberFrom("BENCH_PORTS", 500);
const RUNS = numberFrom("BENCH_RUNS", 20);
const FRESH = 60;

interface Propagation {
  /** Milliseconds from POST and plug until the last flow event of each host but the first. */
  readonly others: readonly number[];
  readonly own: number;
}

async function once(cloud: Cloud, ovs: OvsdbClient, tenant: Tenant): Promise<Propagation> {
  const events = cloud.status.hosts.map((_, n) => new FlowEvents(cloud.bridge(n)));
  await wait(300);
  const id = crypto.randomUUID();
  const started = performance.now();
  await Promise.all([
    cloud.create("port", portIn(tenant, networkOf(tenant, 0), FRESH, "host1"), id),
    plug(ovs, [["fresh", id]]),
  ]);
  await Promise.all(events.map((host) => host.quiet()));
  await Promise.all(events.map((host) => host.close()));
  const [own = Number.NaN, ...others] = events.map((host) => (host.times.at(-1) ?? Number.NaN) - started);
  if (others.some(Number.isNaN)) throw new Error("a host of the network heard nothing of a port there");
  await unplug(ovs, ["fresh"]);
  await cloud.call("DELETE", `/ports/${id}`);
  await wait(300);
  return { others, own };
}

async function over(hosts: number, report: (line: string) => void): Promise<readonly Propagation[]> {
  await using cloud = await Cloud.start(hosts, `${hosts} hosts`);
  await using _chassis = await FakeChassis.start(cloud.lab, OTHER_CHASSIS);
  const tenant = await createTenants(cloud, OTHERS, report);
  for (const [n, { name }] of cloud.status.hosts.entries()) {
    await using ovs = await OvsdbClient.connect(cloud.ovsdb(n));
    const fields = [0, 1].map((i) => portIn(tenant, networkOf(tenant, 0), 10 + 2 * n + i, name));
    const ports = await cloud.createPorts(fields);
    await plug(
      ovs,
      ports.map(({ id }, i) => [`a${i}`, id]),
    );
    await cloud.active(name, 2);
  }
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  const runs: Propagation[] = [];
  for (let n = 0; n < RUNS; n++) runs.push(await once(cloud, ovs, tenant));
  report(`${hosts} hosts: ${runs.length} ports came and went`);
  return runs;
}

export const propagation: Case = {
  name: "propagation",
  section: "Control plane",
  about: `a port added on one host, with two ports of its network on each host and ${OTHERS} others: POST and plug sent together, until the other hosts have the last of its flows`,
  sizes: "BENCH_HOSTS (2,5,10); BENCH_PORTS: others (500); BENCH_RUNS (20)",
  async run(report) {
    const figures: Figure[] = [];
    for (const hosts of HOSTS) {
      const { ours, peer } = await besidePeer("multi.py", [hosts, RUNS, OTHERS], `${hosts} hosts`, report, () =>
        over(hosts, report),
      );
      const runs = ours.flat();
      figures.push(
        figure(
          `${hosts} hosts: another host has it`,
          "ms",
          runs.flatMap((run) => run.others),
          { peer: peer.values("ms", "remote_each", "p50") },
        ),
        figure(
          `${hosts} hosts: all others have it`,
          "ms",
          runs.map((run) => Math.max(...run.others)),
          { peer: peer.values("ms", "remote_all", "p50") },
        ),
        figure(
          `${hosts} hosts: its own host has it`,
          "ms",
          runs.map((run) => run.own),
          { peer: peer.values("ms", "local_last", "p50") },
        ),
      );
    }
    return figures;
  },
};
