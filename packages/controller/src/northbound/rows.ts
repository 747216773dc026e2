import type { RowChange, Table } from "@dragonflow/engine";
import {
  addressGroupKind,
  endpointKind,
  groupIdentityKind,
  type Kind,
  localPortKind,
  networkKind,
  portIdentityKind,
  portKind,
  routerInterfaceKind,
  routerKind,
  routerPortKind,
  securityGroupKind,
  subnetKind,
} from "@dragonflow/model";
import type { ParseKind, RowChange as ReplicaRowChange } from "@dragonflow/store";
import {
  addressGroups,
  endpoints,
  groupIdentities,
  localPorts,
  networks,
  portIdentities,
  ports,
  routerInterfaces,
  routerPorts,
  routers,
  securityGroups,
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
  [securityGroupKind.kind, { table: securityGroups, parse: securityGroupKind.parse }],
  [groupIdentityKind.kind, { table: groupIdentities, parse: groupIdentityKind.parse }],
  [portIdentityKind.kind, { table: portIdentities, parse: portIdentityKind.parse }],
  [addressGroupKind.kind, { table: addressGroups, parse: addressGroupKind.parse }],
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
