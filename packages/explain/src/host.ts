import { Engine, LOCAL, type PartitionChange, putRow, type RowChange } from "@dragonflow/engine";
import { chassisTopic, endpointTopic } from "@dragonflow/model";
import {
  Bound,
  type Desired,
  desiredOutput,
  endpoints,
  hosts,
  type InterfaceFact,
  interfaces,
  localPorts,
  type NetworkApp,
  type Pipeline,
  Tracer,
  type TunnelFact,
  tunnelId,
  tunnels,
} from "@dragonflow/pipeline";
import { ExplainError } from "./errors.ts";
import type { World } from "./world.ts";

/** What a host has, as its controller sees it. */
export interface HostFacts {
  readonly interfaces: readonly InterfaceFact[];
  readonly tunnels: readonly TunnelFact[];
}
/** The apps that a controller runs, and the tables that they make. */
export interface Program {
  readonly apps: readonly NetworkApp[];
  readonly pipeline: Pipeline;
}

/** One host, with the flows that it would compile. */
export interface Host {
  readonly chassis: string;
  readonly desired: readonly Desired[];
  readonly bound: Bound;
  readonly tracer: Tracer;
  readonly interfaces: readonly InterfaceFact[];
  readonly tunnels: readonly TunnelFact[];
  /** Whether the two lists are the host's own, or what it has if all is well. */
  readonly isKnown: boolean;
  /** Ports that are bound here. */
  readonly portIds: readonly string[];
}

const FIRST_TUNNEL = 0x4000;

/**
 * Compiles what the controller of a host compiles, from what it would read.
 * @param facts undefined: nobody could be asked; then every port that `isPlugged` has an interface, and every tunnel that is wanted is there.
 * @throws {ExplainError} `unreadable` where something cannot be compiled.
 */
export async function compileHost(
  program: Program,
  world: World,
  chassis: string,
  facts: HostFacts | undefined,
  isPlugged: (portId: string) => boolean,
): Promise<Host> {
  const own = chassisTopic(chassis);
  await world.load([own, endpointTopic(chassis)]);
  const bound = world.list(localPorts, own).map(({ id }) => id);
  const plugged = facts?.interfaces ?? assumed(bound.filter(isPlugged));
  const engine = new Engine<Desired>({
    apps: program.apps.map((app) => app.compile),
    output: desiredOutput,
    roots: (partition) => partition === LOCAL || partition === own,
  });
  const tunnelIp = world.row(endpoints, endpointTopic(chassis), chassis)?.ip ?? "";
  engine.apply([
    putRow(hosts, LOCAL, { id: "self", chassis, tunnelIp }),
    ...plugged.map((one) => putRow(interfaces, LOCAL, one)),
    ...(facts?.tunnels ?? []).map((one) => putRow(tunnels, LOCAL, one)),
  ]);
  await deliver(engine, world, own);
  const ways = facts?.tunnels ?? wantedTunnels(engine);
  if (facts === undefined) {
    engine.apply(ways.map((one) => putRow(tunnels, LOCAL, one)));
    await deliver(engine, world, own);
  }
  verify(engine, chassis);
  const desired = Array.from(engine.outputs(), ([, one]) => one);
  const flows = new Bound(program.pipeline, desired);
  const shared = { chassis, desired, bound: flows, tracer: new Tracer(flows), interfaces: plugged, tunnels: ways };
  return { ...shared, isKnown: facts !== undefined, portIds: bound };
}

function assumed(portIds: readonly string[]): readonly InterfaceFact[] {
  return [...portIds].sort().map((id, i) => ({ id, ofport: i + 1, name: `port ${id}` }));
}

function wantedTunnels(engine: Engine<Desired>): readonly TunnelFact[] {
  return Array.from(engine.outputs(), ([, desired]) => desired)
    .flatMap((desired) => (desired.type === "tunnel" ? [desired] : []))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ chassis, encapsulation }, i) => {
      return { id: tunnelId(chassis, encapsulation), chassis, encapsulation, ofport: FIRST_TUNNEL + i };
    });
}

/** Topic after topic, as its units ask for them. */
async function deliver(engine: Engine<Desired>, world: World, own: string): Promise<void> {
  const delivered = new Set<string>();
  for (;;) {
    const wanted = new Set([own, ...engine.interest(), ...engine.pendingUnits().flatMap(({ waitsFor }) => waitsFor)]);
    const arriving = [...wanted].filter((topic) => topic !== LOCAL && !delivered.has(topic));
    if (arriving.length === 0) return;
    await world.load(arriving);
    const rows: readonly RowChange[] = arriving.flatMap((topic) => world.rows(topic));
    engine.apply(
      rows,
      arriving.map((partition): PartitionChange => ({ partition, state: "current" })),
    );
    for (const topic of arriving) delivered.add(topic);
  }
}

function verify(engine: Engine<Desired>, chassis: string): void {
  const [fault] = engine.faults();
  if (fault === undefined) return;
  const { app, id } = fault.owner;
  throw new ExplainError("unreadable", `${id} cannot be compiled on ${chassis} (${app})`, { cause: fault.error });
}
