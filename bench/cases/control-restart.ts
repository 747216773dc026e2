import { setTimeout as wait } from "node:timers/promises";
import { openLab, startRecorded, stopRecorded } from "@dragonflow/lab";
import { OvsdbClient } from "@dragonflow/ovsdb";
import { Cloud } from "../cloud.ts";
import { FakeChassis } from "../fake-chassis.ts";
import { FlowEvents } from "../flow-events.ts";
import { type Case, figure, numberFrom } from "../measure.ts";
import { besidePeer } from "../peer.ts";
import { plug } from "../plug.ts";
import { createTenants, networkOf, OTHER_CHASSIS, portIn, type Tenant } from "../tenants.ts";

const OTHERS = numberFrom("BENCH_PORTS", 5000);
const RUNS = numberFrom("BENCH_RUNS", 3);
const DEADLINE_MS = 60_000;
const SETTLED_MS = 3000;

interface Restart {
  /** Milliseconds from the start of the process; and from there until the host had the flows of a port that was bound then. */
  readonly answers: number;
  readonly installs: number;
  /** Flow events of the host, by nothing but the restart. */
  readonly needless: number;
}

/** Ends and starts a process of the cloud, and counts what that does to the host's flows. */
async function restarted(cloud: Cloud, name: string, back: () => Promise<void>) {
  const lab = await openLab(cloud.lab);
  const events = new FlowEvents(cloud.bridge(0));
  await wait(300);
  await stopRecorded(lab, name, { graceMs: 30_000 });
  const started = performance.now();
  await startRecorded(lab, name);
  await back();
  const answers = performance.now() - started;
  await wait(SETTLED_MS);
  const needless = events.times.length;
  await events.close();
  return { answers, needless };
}

/** As soon as the API answers again. */
async function apiAnswers(cloud: Cloud): Promise<void> {
  for (const asked = performance.now(); ; ) {
    try {
      await cloud.call("GET", "/networks?limit=1&fields=id");
      return;
    } catch (error) {
      if (performance.now() - asked > DEADLINE_MS) throw error;
      await wait(5);
    }
  }
}

/** A port bound on the host, until its flows are there. */
async function bindOne(cloud: Cloud, ovs: OvsdbClient, tenant: Tenant, n: number): Promise<number> {
  const events = new FlowEvents(cloud.bridge(0));
  await wait(300);
  const id = crypto.randomUUID();
  const started = performance.now();
  await Promise.all([
    cloud.create("port", portIn(tenant, networkOf(tenant, 0), 20 + n, "host1"), id),
    plug(ovs, [[`c${n}`, id]]),
  ]);
  await cloud.active("host1", 3 + n);
  await events.quiet();
  await events.close();
  return (events.times.at(-1) ?? Number.NaN) - started;
}

async function restarts(report: (line: string) => void) {
  await using cloud = await Cloud.start(1, `${OTHERS} other ports`);
  await using _chassis = await FakeChassis.start(cloud.lab, OTHER_CHASSIS);
  const tenant = await createTenants(cloud, OTHERS, report);
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  for (const n of [0, 1]) {
    const { id } = await cloud.create("port", portIn(tenant, networkOf(tenant, n), 10, "host1"));
    await plug(ovs, [[`a${n}`, id]]);
  }
  await cloud.active("host1", 2);
  const server: Restart[] = [];
  const controller: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    const one = await restarted(cloud, "server", () => apiAnswers(cloud));
    server.push({ ...one, installs: await bindOne(cloud, ovs, tenant, n) });
    controller.push((await restarted(cloud, "controller-host1", () => Promise.resolve())).needless);
    report(`run ${n + 1}: the server answers after ${one.answers.toFixed(0)} ms`);
  }
  return { server, controller };
}

export const controlRestart: Case = {
  name: "control-restart",
  section: "Control plane",
  about: `server and controller ended and started again, with ${OTHERS} other ports (OVN: northd, whose databases stay up and filled, until it has taken a change)`,
  sizes: "BENCH_PORTS: others (5000); BENCH_RUNS (3)",
  async run(report) {
    const when = `${OTHERS} other ports`;
    const { ours, peer } = await besidePeer("restart.py", [OTHERS], when, report, () => restarts(report));
    const server = ours.flatMap((round) => round.server);
    return [
      figure(
        "server: its start to the API's first answer",
        "ms",
        server.map(({ answers }) => answers),
        { peer: peer.values("northd_warm_restart_ms") },
      ),
      figure(
        "server: needless flow events on the host",
        "count",
        server.map(({ needless }) => needless),
        { bound: 0 },
      ),
      figure(
        "server: a port bound after it, to its last flow",
        "ms",
        server.map(({ installs }) => installs),
      ),
      figure(
        "controller: needless flow events on the host",
        "count",
        ours.flatMap((round) => round.controller),
        { bound: 0 },
      ),
    ];
  },
};
