/** Whole clouds as a store holds them, with the flows that each host compiles. */
import { APPS, pipeline } from "@dragonflow/controller";
import { LOCAL, putRow, type RowChange, type State } from "@dragonflow/engine";
import type { AnyRecord } from "@dragonflow/evaluator";
import { compileHost, type Host, World } from "@dragonflow/explain";
import { chassisTopic, endpointTopic } from "@dragonflow/model";
import { Bound, type Desired, endpoints, localPorts, ports, Tracer } from "@dragonflow/pipeline";
import { SELF, tunnelIp } from "@dragonflow/pipeline/testing";
import type { HostOf } from "../reachability.ts";

/** Puts each port on its host, as that host and as the others see it. @param rows in which all ports are on SELF */
export function onTheirHosts(rows: State, chassisOf: (portId: string) => string): State {
  return [
    ...rows.filter(({ partition }) => partition !== LOCAL).map((change) => moved(change, chassisOf)),
    putRow(endpoints, endpointTopic(SELF), { id: SELF, ip: tunnelIp(SELF), encapsulations: [...ENCAPSULATIONS] }),
  ];
}
const ENCAPSULATIONS = ["geneve", "vxlan"] as const;

function moved(change: RowChange, chassisOf: (portId: string) => string): RowChange {
  const { table, row } = change;
  if (row === undefined || (table !== ports && table !== localPorts)) return change;
  const chassis = chassisOf(row.id);
  const partition = table === localPorts ? chassisTopic(chassis) : change.partition;
  return { ...change, partition, row: Object.assign({ ...row }, { chassis }) };
}

export const recordsOf = (rows: State): readonly AnyRecord[] =>
  rows.flatMap(({ table, row }) => (row === undefined ? [] : [{ kind: table.name, fields: { ...row } }]));

export function worldOf(rows: State): World {
  const byTopic = Map.groupBy(rows, ({ partition }) => partition);
  return new World(async (topics) => new Map(topics.map((topic) => [topic, byTopic.get(topic) ?? []])));
}

/** Each host compiled once; every port is plugged in. @param spoil what a host's compiler makes of it instead */
export function hostsOf(rows: State, spoil: (desired: readonly Desired[]) => readonly Desired[] = (d) => d): HostOf {
  const world = worldOf(rows);
  const hosts = new Map<string, Promise<Host>>();
  const compiled = async (chassis: string): Promise<Host> => {
    const host = await compileHost({ apps: APPS, pipeline }, world, chassis, undefined, () => true);
    const desired = spoil(host.desired);
    const bound = new Bound(pipeline, desired);
    return { ...host, desired, bound, tracer: new Tracer(bound) };
  };
  return async (chassis) => {
    const host = hosts.get(chassis) ?? compiled(chassis);
    hosts.set(chassis, host);
    return host;
  };
}
