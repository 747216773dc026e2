import { setTimeout as wait } from "node:timers/promises";
import { statusTopic } from "@dragonflow/model";
import { OvsdbClient } from "@dragonflow/ovsdb";
import { Replica } from "@dragonflow/store";
import { Cloud } from "../cloud.ts";
import { FakeChassis } from "../fake-chassis.ts";
import { flowCount } from "../flow-count.ts";
import { FlowEvents } from "../flow-events.ts";
import { connectAs, relayAccess } from "../lab-access.ts";
import { type Case, type Figure, figure, numberFrom, numbersFrom } from "../measure.ts";
import { besidePeer } from "../peer.ts";
import { plug, unplug } from "../plug.ts";
import { createTenants, networkOf, OTHER_CHASSIS, portIn, type Tenant } from "../tenants.ts";

const OTHERS = numberFrom("BENCH_PORTS", 5000);
const BURSTS = numbersFrom("BENCH_BURSTS", "50,500");
const RUNS = numberFrom("BENCH_RUNS", 3);
const FIRST_ADDRESS = 30;
const DEADLINE_MS = 60_000;
const SETTLED_MS = 1000;

interface Burst {
  /** Milliseconds from the first request: all answers, the last flow event, all up in the store, all ACTIVE in the API. */
  readonly answered: number;
  readonly flows: number;
  readonly up: number;
  readonly active: number;
  readonly flowsAdded: number;
}

/** What the host says of its ports, as the store has it: how many are up, and when that was so. */
class UpPorts implements AsyncDisposable {
  readonly #up = new Set<string>();
  readonly #replica: Replica;
  #wanted = { count: 0, reached: (_at: number): void => undefined };

  static async open(cloud: Cloud): Promise<UpPorts> {
    const store = await connectAs("server", await relayAccess(cloud.lab));
    const watch = store.watch();
    return new UpPorts(watch, () => store.close());
  }
  readonly #closeStore: () => Promise<void>;
  private constructor(watch: ConstructorParameters<typeof Replica>[0]["watch"], closeStore: () => Promise<void>) {
    this.#closeStore = closeStore;
    this.#replica = new Replica({
      watch,
      onBatch: ({ changes }) => {
        for (const { kind, id, row } of changes) {
          if (kind !== "port-status") continue;
          if (row?.["up"] === true) this.#up.add(id);
          else this.#up.delete(id);
        }
        if (this.#up.size >= this.#wanted.count) this.#wanted.reached(performance.now());
      },
    });
    this.#replica.add([statusTopic("host1")]);
  }
  get count(): number {
    return this.#up.size;
  }
  /** When there were so many. */
  reaches(count: number): Promise<number> {
    return new Promise((reached) => {
      this.#wanted = { count, reached };
    });
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replica.close();
    await this.#closeStore();
  }
}

async function burstOnce(cloud: Cloud, ovs: OvsdbClient, up: UpPorts, tenant: Tenant, size: number): Promise<Burst> {
  const before = await settledFlows(cloud);
  const others = up.count;
  const ids = Array.from({ length: size }, () => crypto.randomUUID());
  const events = new FlowEvents(cloud.bridge(0));
  await wait(300);
  const allUp = up.reaches(others + size);
  const started = performance.now();
  const done = ids.flatMap((id, n) => {
    const fields = portIn(tenant, networkOf(tenant, n), FIRST_ADDRESS + Math.floor(n / 10), "host1");
    return [cloud.create("port", fields, id), plug(ovs, [[`b${n}`, id]])];
  });
  await Promise.all(done);
  const answered = performance.now() - started;
  const upAt = (await allUp) - started;
  await cloud.active("host1", others + size);
  const active = performance.now() - started;
  await events.quiet();
  await events.close();
  const flowsAdded = (await flowCount(cloud.bridge(0))) - before;
  const last = events.times.at(-1) ?? Number.NaN;
  await cleanUp(cloud, ovs, ids, before);
  return { answered, flows: last - started, up: upAt, active, flowsAdded };
}

/** How many there are when they have not become more or fewer for a while. */
async function settledFlows(cloud: Cloud): Promise<number> {
  for (let last = -1; ; await wait(SETTLED_MS)) {
    const flows = await flowCount(cloud.bridge(0));
    if (flows === last) return flows;
    last = flows;
  }
}

/** @param flows that were there before */
async function cleanUp(cloud: Cloud, ovs: OvsdbClient, ids: readonly string[], flows: number): Promise<void> {
  await unplug(
    ovs,
    ids.map((_, n) => `b${n}`),
  );
  await Promise.all(ids.map((id) => cloud.call("DELETE", `/ports/${id}`)));
  const deleted = performance.now();
  while ((await flowCount(cloud.bridge(0))) > flows) {
    if (performance.now() - deleted > DEADLINE_MS) throw new Error("the flows of deleted ports are still there");
    await wait(50);
  }
}

async function burstsOf(size: number, report: (line: string) => void): Promise<readonly Burst[]> {
  await using cloud = await Cloud.start(1, `${size} ports beside ${OTHERS}`);
  await using _chassis = await FakeChassis.start(cloud.lab, OTHER_CHASSIS);
  const tenant = await createTenants(cloud, OTHERS, report);
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  const anchor = await cloud.create("port", portIn(tenant, networkOf(tenant, 0), 10, "host1"));
  await plug(ovs, [["anchor", anchor.id]]);
  await cloud.active("host1", 1);
  await using up = await UpPorts.open(cloud);
  await up.reaches(1);
  const runs: Burst[] = [];
  for (let n = 0; n < RUNS; n++) {
    const run = await burstOnce(cloud, ovs, up, tenant, size);
    runs.push(run);
    report(`${size} at once: flows ${run.flows.toFixed(0)} ms, ACTIVE ${run.active.toFixed(0)} ms`);
  }
  return runs;
}

export const burst: Case = {
  name: "burst",
  section: "Control plane",
  about: `${BURSTS.join(" and ")} ports at once on one host, in ten routed networks, with ${OTHERS} other ports: a POST and a transaction of the switch's database for each, none waiting for another`,
  sizes: "BENCH_BURSTS: ports at once (50,500); BENCH_PORTS: others (5000); BENCH_RUNS (3)",
  async run(report) {
    const figures: Figure[] = [];
    for (const size of BURSTS) {
      const when = `${size} ports beside ${OTHERS}`;
      const { ours, peer } = await besidePeer("burst.py", [OTHERS, size], when, report, () => burstsOf(size, report));
      const runs = ours.flat();
      const ms = (name: string, of: (run: Burst) => number, theirs?: string): Figure =>
        figure(`${size} at once: ${name}`, "ms", runs.map(of), {
          peer: theirs === undefined ? [] : peer.values("runs", "*", theirs),
          // Asked of fifty.
          peerBound: theirs !== undefined && size === 50 ? 1 : undefined,
        });
      figures.push(
        ms("the API's last answer", (run) => run.answered),
        ms("last flow", (run) => run.flows),
        ms("all up in the store", (run) => run.up, "sb_up_all"),
        ms("all ACTIVE in the API", (run) => run.active, "nb_up_all"),
        figure(
          `${size} at once: flows added`,
          "count",
          runs.map((run) => run.flowsAdded),
          { peer: peer.values("runs", "*", "flows_added") },
        ),
      );
    }
    return figures;
  },
};
