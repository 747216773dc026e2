import { auditReachability, allPairs, Model, pairCount, samplePairs } from "@dragonflow/audit";
import { parseRecord, toRowChange } from "@dragonflow/controller";
import { type Host, World } from "@dragonflow/explain";
import { ShapeError } from "@dragonflow/model";
import { auditRecords, type FoundRecord, type RecordAudit, type State } from "@dragonflow/neutron-api";
import { type StoreDriver, version } from "@dragonflow/store";
import type { Respondents } from "../introspection/respondents.ts";
import { counted } from "../screen/palette.ts";
import type { Progress } from "../screen/progress.ts";
import type { Difference } from "./difference.ts";
import { askHost, compiledHost, hostDifferences, type HostReport } from "./hosts.ts";

/** What is looked at, and by which ports. */
export interface Subject {
  readonly driver: StoreDriver;
  readonly state: () => Promise<State>;
  readonly respondents: Respondents;
  /** Absent: all pairs. */
  readonly sample?: { readonly pairs: number; readonly seed: number };
}

/** One look at everything. */
export interface Pass {
  readonly store: { readonly records: number; readonly topics: number; readonly digest: string };
  readonly hosts: readonly { readonly host: string; readonly answers: boolean; readonly flows: number }[];
  readonly reachability: { readonly pairs: number; readonly packets: number; readonly allowed: number };
  readonly differences: readonly Difference[];
}

export async function lookOnce(subject: Subject, progress: Progress): Promise<Pass> {
  const state = await subject.state();
  const audit = await progress.step(
    "records of the store",
    async (tell) => auditRecords(subject.driver, state, (read, of) => tell(`${read} of ${of} topics`)),
    ({ records, topics }) => `${counted(records.length, "record")} of ${counted(topics, "topic")}`,
  );
  const { records, differences: bad } = readable(audit.records);
  const reports = await progress.step(
    "hosts",
    async () => askHosts(subject.respondents, state),
    (all) => `${counted(all.length, "host")} asked`,
  );
  const world = worldOf(records);
  const hosts = new Hosts(world, reports, (id) => state.ports.get(id)?.status === "ACTIVE");
  const ofHosts = await progress.step("flows of each host, compiled from the store", async (tell) => {
    const found: Difference[] = [];
    for (const [i, report] of reports.entries()) {
      found.push(...hostDifferences(report, report.said && (await hosts.of(report.chassis))));
      tell(`${i + 1} of ${reports.length}`);
    }
    return found;
  });
  const model = new Model(records);
  const ids = model.ports.map(({ id }) => id);
  const { sample } = subject;
  const pairs = sample === undefined ? allPairs(ids) : samplePairs(ids, sample.pairs, sample.seed);
  const count = Math.min(sample?.pairs ?? Number.POSITIVE_INFINITY, pairCount(ids));
  const reach = await progress.step(
    "who reaches whom, by the model and by the flows",
    async (tell) =>
      auditReachability(
        model,
        pairs,
        async (chassis) => hosts.of(chassis),
        (done) => tell(`${done} of ${counted(count, "pair")}`),
      ),
    ({ packets, allowed }) => `${counted(count, "pair")} of ports, ${packets} packets, ${allowed} of them allowed`,
  );
  return {
    store: { records: audit.records.length, topics: audit.topics, digest: audit.digest },
    hosts: await Promise.all(
      reports.map(async ({ chassis, said }) => {
        const flows = said === undefined ? 0 : (await hosts.of(chassis)).bound.flows.length;
        return { host: chassis, answers: said !== undefined, flows };
      }),
    ),
    reachability: { pairs: reach.pairs, packets: reach.packets, allowed: reach.allowed },
    differences: [
      ...storeDifferences(audit),
      ...bad,
      ...ofHosts,
      ...reach.differences.map(
        ({ from, to, problem, packet, model: says, flows }): Difference => ({
          where: "reachability",
          host: null,
          problem,
          flows,
          what: `${packet}, from port ${from}`,
          owner: { kind: "port", id: to },
          detail: `the flows ${problem === "dropped" ? "drop" : "deliver"} it; the model: ${says}`,
        }),
      ),
    ],
  };
}

/** Of so many at a time: the answer of a host with many flows is long. */
const HOSTS_AT_ONCE = 32;

/** Every host that the API shows, that lives, or that has its socket here. */
async function askHosts(respondents: Respondents, { agents }: State): Promise<readonly HostReport[]> {
  await respondents.lookAgain();
  const all = [...new Set([...Array.from(agents.values(), ({ host }) => host), ...respondents.chassis])].sort();
  await respondents.willAsk(all);
  const reports: HostReport[] = [];
  for (let at = 0; at < all.length; at += HOSTS_AT_ONCE)
    reports.push(
      ...(await Promise.all(all.slice(at, at + HOSTS_AT_ONCE).map((chassis) => askHost(respondents, chassis)))),
    );
  return reports;
}

function storeDifferences({ differences }: RecordAudit): readonly Difference[] {
  return differences.map(({ topic, id, problem, owner, detail }) => {
    return { where: "store", host: null, problem, what: `${topic} ${id}`, owner, detail };
  });
}

/** A record that is not of its kind counts as absent, as it does for controllers. */
function readable(records: readonly FoundRecord[]): {
  readonly records: readonly FoundRecord[];
  readonly differences: readonly Difference[];
} {
  const good: FoundRecord[] = [];
  const differences: Difference[] = [];
  for (const one of records) {
    // What servers keep for themselves has other fields under the same names.
    if (/^(api|refs)\//.test(one.topic)) continue;
    try {
      parseRecord(one.kind, one.fields);
      good.push(one);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      const what = `${one.topic} ${one.id}`;
      const about = { where: "store", host: null, problem: "unreadable", what, detail: error.message } as const;
      differences.push({ ...about, owner: { kind: one.kind, id: one.fields.id } });
    }
  }
  return { records: good, differences };
}

/** Nobody here asks for it. */
const UNKNOWN = version("");

function worldOf(records: readonly FoundRecord[]): World {
  const byTopic = Map.groupBy(records, ({ topic }): string => topic);
  return new World(async (topics) => {
    const rows = topics.map((topic) => [topic, byTopic.get(topic) ?? []] as const);
    return new Map(
      rows.map(([topic, found]) => [
        topic,
        found.flatMap(({ topic: in_, kind, fields }) => {
          const { id } = fields;
          return toRowChange({ topic: in_, kind, id, row: parseRecord(kind, fields), version: UNKNOWN }) ?? [];
        }),
      ]),
    );
  });
}

/** Each host is compiled once. */
class Hosts {
  readonly #world: World;
  readonly #reports: readonly HostReport[];
  readonly #isPlugged: (portId: string) => boolean;
  readonly #compiled = new Map<string, Promise<Host>>();

  constructor(world: World, reports: readonly HostReport[], isPlugged: (portId: string) => boolean) {
    this.#world = world;
    this.#reports = reports;
    this.#isPlugged = isPlugged;
  }

  async of(chassis: string): Promise<Host> {
    const report = this.#reports.find((one) => one.chassis === chassis);
    const host = this.#compiled.get(chassis) ?? compiledHost(this.#world, chassis, report, this.#isPlugged);
    this.#compiled.set(chassis, host);
    return host;
  }
}
