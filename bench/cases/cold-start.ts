import { setTimeout as wait } from "node:timers/promises";
import { openLab, startRecorded, stopRecorded } from "@dragonflow/lab";
import { connect } from "@dragonflow/openflow";
import { OvsdbClient } from "@dragonflow/ovsdb";
import { Cloud } from "../cloud.ts";
import { FakeChassis } from "../fake-chassis.ts";
import { flowsIn } from "../flow-count.ts";
import { type Case, type Figure, figure, numberFrom, numbersFrom } from "../measure.ts";
import { besidePeer } from "../peer.ts";
import { plug } from "../plug.ts";
import { cpuSeconds, peakMb } from "../processes.ts";
import { createTenants, createWideTenant, networkOf, OTHER_CHASSIS, portIn } from "../tenants.ts";

const SIZES = numbersFrom("BENCH_SIZES", "0,1000,5000,10000");
const WIDE = numberFrom("BENCH_PORTS", 5000);
const RUNS = numberFrom("BENCH_RUNS", 5);
const DEADLINE_MS = 60_000;
/** The peer's: enough for its own three cold starts, and no more binds than it must. */
const PEER_BINDS = 3;

interface Cold {
  /** Milliseconds from the start of the process until the switch has all flows again. */
  readonly ms: number;
  readonly flows: number;
  /** Of the controller, up to then. */
  readonly cpuMs: number;
  readonly controllerMb: number;
  readonly serverMb: number;
}

/** OFPTT_ALL. */
const ALL_TABLES = 0xff;

/** The controller is ended, the flows are deleted, and it is started again: until all flows are there. */
async function coldStart(cloud: Cloud): Promise<Cold> {
  const lab = await openLab(cloud.lab);
  const socket = await connect(cloud.bridge(0));
  const flows = await flowsIn(socket);
  await stopRecorded(lab, "controller-host1");
  const [refused] = await socket.apply([
    { type: "flow_mod", command: "delete", table: ALL_TABLES, priority: 0, cookie: 0n, match: {}, instructions: {} },
  ]);
  if (refused !== undefined) throw refused;
  await wait(500);
  const started = performance.now();
  const { pid } = await startRecorded(lab, "controller-host1");
  while ((await flowsIn(socket)) < flows) {
    if (performance.now() - started > DEADLINE_MS) throw new Error(`not all ${flows} flows came back`);
    await wait(5);
  }
  const ms = performance.now() - started;
  socket.close();
  const cpuMs = cpuSeconds(pid) * 1000;
  // Its largest may come later: what it says of its ports, the audit.
  await wait(1500);
  const controllerMb = peakMb(pid);
  return { ms, flows, cpuMs, controllerMb, serverMb: peakMb(await cloud.pidOf("server")) };
}

async function coldStarts(
  when: string,
  fill: (cloud: Cloud) => Promise<void>,
  report: (line: string) => void,
): Promise<readonly Cold[]> {
  await using cloud = await Cloud.start(1, when);
  await using _chassis = await FakeChassis.start(cloud.lab, OTHER_CHASSIS);
  await fill(cloud);
  await wait(1000);
  const runs: Cold[] = [];
  for (let n = 0; n < RUNS; n++) {
    const run = await coldStart(cloud);
    runs.push(run);
    report(`${when}: ${run.ms.toFixed(0)} ms, ${run.flows} flows, controller ${run.controllerMb.toFixed(0)} MB`);
  }
  return runs;
}

/** Two ports on the host, in two networks of one tenant. */
async function fillTenants(cloud: Cloud, size: number, report: (line: string) => void): Promise<void> {
  const tenant = await createTenants(cloud, size, report);
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  for (const n of [0, 1]) {
    const { id } = await cloud.create("port", portIn(tenant, networkOf(tenant, n), 10, "host1"));
    await plug(ovs, [[`a${n}`, id]]);
  }
  await cloud.active("host1", 2);
}

interface Theirs {
  readonly ms: readonly number[];
  readonly flows: readonly number[];
  readonly controllerMb: readonly number[];
  readonly serverMb: readonly number[];
}
/** @param isWide what is asked for is asked of the large tenant */
function figuresOf(when: string, runs: readonly Cold[], peer: Theirs, isWide: boolean): readonly Figure[] {
  const of = (
    name: string,
    unit: Figure["unit"],
    value: (run: Cold) => number,
    theirs: readonly number[],
    peerBound?: number,
  ): Figure =>
    figure(`${when}: ${name}`, unit, runs.map(value), { peer: theirs, peerBound: isWide ? peerBound : undefined });
  return [
    of("controller's start to the last flow", "ms", (run) => run.ms, peer.ms, 1 / 3),
    of("flows", "count", (run) => run.flows, peer.flows),
    of("controller's CPU", "ms", (run) => run.cpuMs, []),
    of("controller's memory, peak", "MB", (run) => run.controllerMb, peer.controllerMb, 1),
    of("server's memory, peak (OVN: northd and both databases)", "MB", (run) => run.serverMb, peer.serverMb, 1),
  ];
}

export const coldStartCase: Case = {
  name: "cold-start",
  section: "Control plane",
  about: `a controller started on a host without flows: two ports of one tenant, with other ports in the cloud; and ten ports of a tenant of ${WIDE} in one security group`,
  sizes:
    "BENCH_SIZES: other ports in the cloud (0,1000,5000,10000); BENCH_PORTS: of the large tenant, 0 for none (5000); BENCH_RUNS (5)",
  async run(report) {
    const figures: Figure[] = [];
    const measure = async (
      when: string,
      script: string,
      args: readonly number[],
      memory: string,
      fill: (cloud: Cloud) => Promise<void>,
    ): Promise<void> => {
      const { ours, peer } = await besidePeer(script, args, when, report, () => coldStarts(when, fill, report));
      const peaks = (name: string): readonly number[] => peer.values(memory, name, "VmHWM");
      const [nb, sb] = [peaks("nb"), peaks("sb")];
      figures.push(
        ...figuresOf(
          when,
          ours.flat(),
          {
            ms: peer.values("ctl_cold_ms"),
            flows: peer.values("of_flows"),
            controllerMb: peaks("ctl"),
            serverMb: peaks("northd").map((northd, run) => northd + (nb[run] ?? 0) + (sb[run] ?? 0)),
          },
          script === "sg.py",
        ),
      );
    };
    for (const size of SIZES)
      await measure(`${size} other ports`, "bind.py", [size, PEER_BINDS], "rss_after_cold", (cloud) =>
        fillTenants(cloud, size, report),
      );
    if (WIDE > 0)
      await measure(`tenant of ${WIDE}`, "sg.py", [WIDE, 1], "rss_end", async (cloud) => {
        await createWideTenant(cloud, WIDE, report);
      });
    return figures;
  },
};
