/** Random topologies on three hosts: what the model says of them, and the flows that each host compiles. */
import { APPS, pipeline } from "@dragonflow/controller";
import { recordsOf, onTheirHosts } from "@dragonflow/audit/testing";
import type { RowChange, State } from "@dragonflow/engine";
import { Topology } from "@dragonflow/evaluator";
import { compileHost, type Host, World } from "@dragonflow/explain";
import { routerInterfaces, routerPorts, routers, type TunnelFact, tunnelId } from "@dragonflow/pipeline";
import {
  FIRST_PORT,
  type GroupChoice,
  portId,
  type RuleChoice,
  rowsOf,
  SELF,
  securedTopologies,
  topologies,
  type TopologyChoice,
} from "@dragonflow/pipeline/testing";
import fc from "fast-check";

export const HOSTS = [SELF, "host2", "host3"] as const;
/** OpenFlow ports of the tunnels to the other two hosts, in order. */
const TUNNELS = [
  { geneve: 101, vxlan: 102 },
  { geneve: 103, vxlan: 104 },
] as const;

export interface SceneChoice {
  readonly topology: TopologyChoice;
  /** Places of routers, and of their interfaces, that are administratively down. */
  readonly routersDown: readonly number[];
  readonly interfacesDown: readonly number[];
  /** Places of ports without an interface. */
  readonly unplugged: readonly number[];
}

const seldom = (max: number): fc.Arbitrary<readonly number[]> =>
  fc.oneof({ arbitrary: fc.constant([]), weight: 5 }, fc.array(fc.nat(max), { minLength: 1, maxLength: 2 }));

/** Groups that let their members send anything, so that what comes depends on one end. */
const talkative = (receive: (group: GroupChoice, ipVersion: 4 | 6, place: number) => readonly RuleChoice[]) =>
  securedTopologies.map((topology): TopologyChoice => {
    const { security } = topology;
    if (security === undefined) return topology;
    const groups = security.groups.map((group, place) => {
      const rules = ([4, 6] as const).flatMap((ipVersion) => [
        { ...ANYTHING, ipVersion, direction: "egress" } as const,
        ...receive(group, ipVersion, place),
      ]);
      return { ...group, rules };
    });
    return { ...topology, security: { ...security, groups } };
  });
const ANYTHING = { protocol: null, range: [null, null], remote: "anybody", which: 0 } as const;

/** As Neutron's default group: they get what members of a group send, their own or another one. */
const befriended = talkative(({ rules }, ipVersion, place) => [
  { ...ANYTHING, ipVersion, direction: "ingress", remote: "group", which: place + (rules.length % 2) },
]);
/** They get what comes for a few ports, from anybody. */
const narrow = talkative(({ rules }, ipVersion) =>
  rules.slice(0, 2).map(({ range, protocol }) => ({
    ...ANYTHING,
    ipVersion,
    direction: "ingress",
    protocol: protocol === 6 ? 6 : 17,
    range: range[0] === null || range[1] === null ? [50, 60] : range,
  })),
);

/** Without security groups of its own every port is open: what comes behind the rules is seen more often. */
const mixed = fc.oneof(securedTopologies, befriended, narrow, topologies);

/** A router between all networks, besides others. */
const joined = mixed.map((topology): TopologyChoice => {
  const all = { networks: [0, 1, 2, 3], split: topology.ports.length % 2 === 0, routes: [] };
  return { ...topology, routers: [all, ...topology.routers.slice(0, 2)] };
});

/** Three networks in a row, with a router between each two of them: each has a route to the network behind the other one. */
const chained = mixed
  .filter(({ networks }) => networks.length >= 3)
  .map((topology): TopologyChoice => {
    const routesTo = (network: number, nexthop: number) =>
      [`10.0.${network}.0/24`, `fd00:${network}::/64`].map((prefix) => ({ prefix, nexthop }));
    // By the numbers that addresses of routers have in such a topology: 17 is the second's in the second network, 20 the first's.
    const first = { networks: [0, 1], split: false, routes: routesTo(3, 17) };
    const second = { networks: [1, 2], split: false, routes: routesTo(1, 20) };
    return { ...topology, routers: [first, second, ...topology.routers.slice(0, 1)] };
  });

/** A virtual router on many ports of few networks: of those that share its MAC address, several are on one host. */
const sharing = mixed.map((topology): TopologyChoice => {
  const ports = topology.ports.map((one) => ({ ...one, network: one.network % 2, pairs: "shared-mac" as const }));
  return { ...topology, ports };
});

export const sceneChoices: fc.Arbitrary<SceneChoice> = fc.record({
  topology: fc.oneof(mixed, joined, chained, sharing),
  routersDown: seldom(2),
  interfacesDown: seldom(9),
  unplugged: seldom(8),
});

export interface Scene {
  readonly topology: Topology;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly isPlugged: (portId: string) => boolean;
  readonly ofportOf: (portId: string) => number;
}

export async function sceneOf(choice: SceneChoice): Promise<Scene> {
  const { topology, unplugged } = choice;
  const here = { ...topology, ports: topology.ports.map((one) => ({ ...one, chassis: SELF })) };
  const ids = topology.ports.map((_, i) => portId(FIRST_PORT + i));
  const chassisOf = (id: string): string => topology.ports[ids.indexOf(id)]?.chassis ?? SELF;
  const rows = lowered(onTheirHosts(rowsOf(here), chassisOf), choice);
  const isPlugged = (id: string): boolean => !unplugged.includes(ids.indexOf(id));
  const ofportOf = (id: string): number => FIRST_PORT + ids.indexOf(id);
  const byTopic = Map.groupBy(rows, ({ partition }) => partition);
  const world = new World(async (topics) => new Map(topics.map((topic) => [topic, byTopic.get(topic) ?? []])));
  const hosts = new Map<string, Host>();
  for (const chassis of HOSTS) {
    const plugged = ids.filter((id) => chassisOf(id) === chassis && isPlugged(id));
    const facts = {
      interfaces: plugged.map((id) => ({ id, ofport: ofportOf(id), name: `p${ofportOf(id)}` })),
      tunnels: tunnelsOf(chassis),
    };
    hosts.set(chassis, await compileHost({ apps: APPS, pipeline }, world, chassis, facts, () => true));
  }
  return { topology: new Topology(recordsOf(rows)), hosts, isPlugged, ofportOf };
}

function tunnelsOf(own: string): readonly TunnelFact[] {
  return HOSTS.filter((chassis) => chassis !== own).flatMap((chassis, i) =>
    (["geneve", "vxlan"] as const).map((encapsulation) => ({
      id: tunnelId(chassis, encapsulation),
      chassis,
      encapsulation,
      ofport: TUNNELS[i]?.[encapsulation] ?? 0,
    })),
  );
}

/** Takes routers and interfaces down, as both of their records tell. */
function lowered(rows: State, { routersDown, interfacesDown }: SceneChoice): State {
  const down = new Set([
    ...placed(rows, routers.name, routersDown),
    ...placed(rows, routerInterfaces.name, interfacesDown),
  ]);
  return rows.map((change): RowChange => {
    const { table, row } = change;
    if (row === undefined || !down.has(row.id)) return change;
    if (table !== routers && table !== routerInterfaces && table !== routerPorts) return change;
    return { ...change, row: Object.assign({ ...row }, { adminUp: false }) };
  });
}

function placed(rows: State, table: string, places: readonly number[]): readonly string[] {
  const ids = rows.flatMap(({ table: { name }, row }) => (name === table && row !== undefined ? [row.id] : []));
  return places.flatMap((place) => ids[place] ?? []);
}

/** Lists of just so many, which shrink to shorter ones. */
export class ExactlyMany<T> extends fc.Arbitrary<T[]> {
  readonly #all: fc.Arbitrary<T[]>;
  readonly #fewer: fc.Arbitrary<T[]>;
  constructor(items: fc.Arbitrary<T>, count: number) {
    super();
    this.#all = fc.array(items, { minLength: count, maxLength: count });
    this.#fewer = fc.array(items, { minLength: 1, maxLength: count });
  }
  generate(random: fc.Random, biasFactor: number | undefined): fc.Value<T[]> {
    return this.#all.generate(random, biasFactor);
  }
  canShrinkWithoutContext(value: unknown): value is T[] {
    return this.#fewer.canShrinkWithoutContext(value);
  }
  shrink(value: T[], context: unknown): fc.Stream<fc.Value<T[]>> {
    return this.#fewer.shrink(value, context);
  }
}
