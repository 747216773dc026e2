import type { RowChange, Table } from "@dragonflow/engine";
import {
  endpointKind,
  type Kind,
  localPortKind,
  networkKind,
  portKind,
  routerInterfaceKind,
  routerKind,
  routerPortKind,
  ShapeError,
  subnetKind,
} from "@dragonflow/model";
import {
  endpoints,
  localPorts,
  networks,
  ports,
  routerInterfaces,
  routerPorts,
  routers,
  subnets,
} from "@dragonflow/pipeline";

interface Reader {
  readonly table: Table;
  readonly parse: Kind["parse"];
}

/** Which kind of record goes into which table of the engine. Kinds that no app reads are not here. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [networkKind.kind, { table: networks, parse: networkKind.parse }],
  [subnetKind.kind, { table: subnets, parse: subnetKind.parse }],
  [portKind.kind, { table: ports, parse: portKind.parse }],
  [localPortKind.kind, { table: localPorts, parse: localPortKind.parse }],
  [routerKind.kind, { table: routers, parse: routerKind.parse }],
  [routerInterfaceKind.kind, { table: routerInterfaces, parse: routerInterfaceKind.parse }],
  [routerPortKind.kind, { table: routerPorts, parse: routerPortKind.parse }],
  [endpointKind.kind, { table: endpoints, parse: endpointKind.parse }],
]);

/** A record of the store as the replica holds it; `fields` undefined: gone. */
export interface RecordChange {
  readonly topic: string;
  readonly kind: string;
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/**
 * One record as a row; undefined for a kind that no app reads. A record that is not what its kind says counts as absent (fail closed), and `bad` is
 * told.
 */
export function toRowChange(
  change: RecordChange,
  bad: (change: RecordChange, error: ShapeError) => void,
): RowChange | undefined {
  const reader = READERS.get(change.kind);
  if (reader === undefined) return undefined;
  const { table, parse } = reader;
  const gone: RowChange = { table, partition: change.topic, id: change.id, row: undefined };
  if (change.fields === undefined) return gone;
  try {
    return { ...gone, row: parse(change.fields) };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    bad(change, error);
    return gone;
  }
}
