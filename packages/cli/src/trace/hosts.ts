import {
  compareWithSwitch,
  cookiesOf,
  type FlowCount,
  type HostFacts,
  type Known,
  type Leg,
  type SwitchCheck,
  switchQuestion,
  type World,
} from "@dragonflow/explain";
import { ENCAPSULATIONS, shapes } from "@dragonflow/model";
import type { Connection } from "@dragonflow/pipeline";
import { CliError } from "../errors.ts";
import { ask, findControllers, type Selection, type Source } from "../introspection/socket.ts";

const { integer, list, nullable, object, oneOf, text } = shapes;
const factsShape = object({
  chassis: text,
  interfaces: list(object({ id: text, ofport: integer(), name: text })),
  tunnels: list(object({ id: text, chassis: text, encapsulation: oneOf(...ENCAPSULATIONS), ofport: integer() })),
});
const connectionsShape = object({
  connections: nullable(
    list(
      object({
        protocol: integer(),
        source: text,
        destination: text,
        first: integer(),
        second: integer(),
        mark: integer(),
      }),
    ),
  ),
});
const countsShape = object({
  flows: list(object({ table: integer(), priority: integer(), match: text, packets: integer() })),
});
const traceShape = object({ text });

interface Reached extends HostFacts {
  readonly source: Source;
}

/** The hosts whose controllers answer here: what they have, what they track, and what their switches say. */
export class ReachedHosts {
  readonly facts: ReadonlyMap<string, HostFacts>;
  /** Who did not answer, in words. */
  readonly silent: readonly string[];
  readonly #hosts: ReadonlyMap<string, Reached>;

  private constructor(hosts: ReadonlyMap<string, Reached>, silent: readonly string[]) {
    this.#hosts = hosts;
    this.facts = hosts;
    this.silent = silent;
  }

  /** Where no controller can be found on this machine, none is reached: that is no error. */
  static async find(selection: Selection): Promise<ReachedHosts> {
    const hosts = new Map<string, Reached>();
    const silent: string[] = [];
    const sources = await findControllers(selection).catch(explained);
    if (sources instanceof CliError) return new ReachedHosts(hosts, [sources.message]);
    await Promise.all(
      sources.controllers.map(async (source) => {
        const facts = await ask(source, "/facts", factsShape).catch(explained);
        if (facts instanceof CliError) silent.push(facts.message);
        else hosts.set(facts.chassis, { source, ...facts });
      }),
    );
    return new ReachedHosts(hosts, silent);
  }

  /** What is tracked for these ports. */
  async connections(places: readonly { readonly id: string; readonly chassis: string }[]): Promise<Known> {
    const known = new Map<string, Known extends ReadonlyMap<string, infer C> ? C : never>();
    for (const { id, chassis } of places) {
      const host = this.#hosts.get(chassis);
      if (host === undefined) continue;
      const { connections } = await ask(host.source, `/connections?port=${encodeURIComponent(id)}`, connectionsShape);
      known.set(id, connections ?? []);
    }
    return known;
  }

  /** How many packets the flows on each reached host have met so far. */
  async counts(legs: readonly Leg[]): Promise<ReadonlyMap<Leg, readonly FlowCount[]>> {
    const counts = new Map<Leg, readonly FlowCount[]>();
    for (const leg of legs) {
      const host = this.#hosts.get(leg.host.chassis);
      if (host === undefined) continue;
      const query = new URLSearchParams(cookiesOf(leg).map((cookie) => ["cookie", cookie]));
      counts.set(leg, (await ask(host.source, `/counts?${query.toString()}`, countsShape)).flows);
    }
    return counts;
  }

  /** The same packet in the real switches. @param connectionAt what the zone that is asked on a host takes it for. */
  async compare(
    world: World,
    legs: readonly Leg[],
    connectionAt: (leg: Leg) => Connection,
  ): Promise<readonly SwitchCheck[]> {
    const checks: SwitchCheck[] = [];
    for (const leg of legs) {
      const host = this.#hosts.get(leg.host.chassis);
      if (host === undefined) continue;
      const connection = connectionAt(leg);
      const query = await switchQuestion(world, leg, connection);
      const answer = await ask(host.source, `/trace?${query.toString()}`, traceShape);
      checks.push(compareWithSwitch(leg, connection, answer.text));
    }
    return checks;
  }
}

function explained(error: unknown): CliError {
  if (error instanceof CliError) return error;
  throw error;
}
