import {
  compareWithSwitch,
  cookiesOf,
  type FlowCount,
  type HostFacts,
  type Known,
  type KnownConnection,
  type Leg,
  type SwitchCheck,
  switchQuestion,
  type World,
} from "@dragonflow/explain";
import { ENCAPSULATIONS, portStatusKind, shapes, splitRecordId, statusTopic } from "@dragonflow/model";
import type { Connection } from "@dragonflow/pipeline";
import type { StoreDriver } from "@dragonflow/store";
import { CliError } from "../errors.ts";
import type { Respondents } from "../introspection/respondents.ts";

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
        id: integer(),
        mark: integer(),
      }),
    ),
  ),
});
const countsShape = object({
  flows: list(object({ table: integer(), priority: integer(), match: text, packets: integer() })),
  ports: list(object({ id: text, packets: integer(), dropped: integer() })),
});
const traceShape = object({ text });
const sentShape = object({ copies: integer() });

/** What is counted at one moment. */
export interface Counts {
  readonly flows: ReadonlyMap<Leg, readonly FlowCount[]>;
  /** Undefined: its host is not reached. */
  readonly port: { readonly packets: number; readonly dropped: number } | undefined;
}
interface PortPlace {
  readonly id: string;
  readonly chassis: string;
}

/** The hosts that packets come to: what they have, what they track, and what their switches say. One that is not reached is asked once. */
export class TracedHosts {
  readonly #respondents: Respondents;
  readonly #store: StoreDriver;
  readonly #facts = new Map<string, Promise<HostFacts | undefined>>();
  /** Hosts that answered. */
  readonly #reached = new Set<string>();
  /** Of hosts that did not, the ports that they said they have. */
  readonly #plugged = new Set<string>();
  /** Who did not answer, and what is assumed, in words. */
  readonly silent: string[] = [];

  constructor(respondents: Respondents, store: StoreDriver) {
    this.#respondents = respondents;
    this.#store = store;
  }

  facts(chassis: string): Promise<HostFacts | undefined> {
    const known = this.#facts.get(chassis) ?? this.#ask(chassis);
    this.#facts.set(chassis, known);
    return known;
  }
  /** Of a host that did not answer. */
  isPlugged(portId: string): boolean {
    return this.#plugged.has(portId);
  }

  async #ask(chassis: string): Promise<HostFacts | undefined> {
    try {
      const facts = await this.#respondents.ask(chassis, "/facts", factsShape);
      this.#reached.add(chassis);
      return facts;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      this.silent.push(
        `${error.message}. Of ${chassis} is assumed: what it last said of its interfaces still holds, all tunnels are there, and it tracks no connection`,
      );
    }
    const { rows } = await this.#store.snapshot(statusTopic(chassis));
    for await (const page of rows)
      for (const row of page) {
        const { kind, id } = splitRecordId(row.id);
        if (kind === portStatusKind.kind) this.#plugged.add(id);
      }
    return undefined;
  }

  async isReached(chassis: string): Promise<boolean> {
    if (chassis === "") return false;
    await this.facts(chassis);
    return this.#reached.has(chassis);
  }

  /** What is tracked for these ports; of a port that has no zone, and of one whose host is not reached, nothing is said. */
  async connections(places: readonly PortPlace[]): Promise<Known> {
    const known = await Promise.all(
      places.map(async ({ id, chassis }): Promise<readonly [string, readonly KnownConnection[]][]> => {
        if (!(await this.isReached(chassis))) return [];
        const path = `/connections?port=${encodeURIComponent(id)}`;
        const { connections } = await this.#respondents.ask(chassis, path, connectionsShape);
        return connections === null ? [] : [[id, connections]];
      }),
    );
    return new Map(known.flat());
  }

  /** How many packets the flows on each reached host have met so far, and the port was given. */
  async counts(legs: readonly Leg[], port: PortPlace | undefined): Promise<Counts> {
    const asked = async (chassis: string, query: readonly (readonly [string, string])[]) =>
      (await this.isReached(chassis))
        ? this.#respondents.ask(
            chassis,
            `/counts?${new URLSearchParams(query.map(([name, value]) => [name, value])).toString()}`,
            countsShape,
          )
        : undefined;
    const [ofPort, ...ofLegs] = await Promise.all([
      port === undefined ? undefined : asked(port.chassis, [["port", port.id]]),
      ...legs.map((leg) =>
        asked(
          leg.host.chassis,
          cookiesOf(leg).map((cookie) => ["cookie", cookie]),
        ),
      ),
    ]);
    return {
      flows: new Map(
        legs.flatMap((leg, i) => {
          const counted = ofLegs[i];
          return counted === undefined ? [] : [[leg, counted.flows]];
        }),
      ),
      port: ofPort?.ports.find(({ id }) => id === port?.id),
    };
  }

  /** Sends a packet as this port. @throws {CliError} its host is not reached, or does not do it */
  async inject({ id, chassis }: PortPlace, frame: Uint8Array, copies: number): Promise<void> {
    const query = new URLSearchParams({ port: id, frame: Buffer.from(frame).toString("hex"), copies: String(copies) });
    await this.#respondents.ask(chassis, `/inject?${query.toString()}`, sentShape);
  }

  /** The same packet in the real switches. @param connectionAt what the zone that is asked on a host takes it for. */
  async compare(
    world: World,
    legs: readonly Leg[],
    connectionAt: (leg: Leg) => Connection,
  ): Promise<readonly SwitchCheck[]> {
    const checks = await Promise.all(
      legs.map(async (leg): Promise<readonly SwitchCheck[]> => {
        const { chassis } = leg.host;
        if (!(await this.isReached(chassis))) return [];
        const connection = connectionAt(leg);
        const query = await switchQuestion(world, leg, connection);
        const answer = await this.#respondents.ask(chassis, `/trace?${query.toString()}`, traceShape);
        return [compareWithSwitch(leg, connection, answer.text)];
      }),
    );
    return checks.flat();
  }
}
