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
  subnetKind,
} from "@dragonflow/model";
import type { ParseKind, RowChange as ReplicaRowChange } from "@dragonflow/store";
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

/** Checks a record of a kind that apps read; of other kinds it takes what there is. @throws {ShapeError} and then the record counts as absent. */
export const parseRecord: ParseKind = (kind, fields) => {
  const reader = READERS.get(kind);
  return reader === undefined ? fields : { ...reader.parse(fields) };
};

/** One record as a row; undefined for a kind that no app reads. */
export function toRowChange({ topic, kind, id, row }: ReplicaRowChange): RowChange | undefined {
  const reader = READERS.get(kind);
  if (reader === undefined) return undefined;
  return { table: reader.table, partition: topic, id, row: row === undefined ? undefined : { ...row, id } };
}
