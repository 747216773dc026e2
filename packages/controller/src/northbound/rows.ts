import type { Row, RowChange, Table } from "@dragonflow/engine";
import { type Kind, KINDS } from "@dragonflow/model";
import type { Fields, ParseKind, RowChange as ReplicaRowChange } from "@dragonflow/store";
import { RECORD_TABLES } from "@dragonflow/pipeline";

interface Reader {
  readonly table: Table;
  readonly parse: Kind["parse"];
}

/** Which kind of record goes into which table of the engine. Kinds that no app reads are not here. */
const READERS: ReadonlyMap<string, Reader> = new Map(
  KINDS.flatMap(({ kind, parse }): (readonly [string, Reader])[] => {
    const table = RECORD_TABLES.find(({ name }) => name === kind);
    return table === undefined ? [] : [[kind, { table, parse }]];
  }),
);

/** Checks a record of a kind that apps read; of other kinds it takes what there is. @throws {ShapeError} and then the record counts as absent. */
export const parseRecord: ParseKind = (kind, fields) => {
  const reader = READERS.get(kind);
  return reader === undefined ? fields : reader.parse(fields);
};

/** One record as a row; undefined for a kind that no app reads. */
export function toRowChange({ topic, kind, id, row }: ReplicaRowChange): RowChange | undefined {
  const reader = READERS.get(kind);
  if (reader === undefined) return undefined;
  return { table: reader.table, partition: topic, id, row: row && withId(row, id) };
}

/** The record itself, as it says who it is: the replica and the engine share one. */
function withId(row: Fields, id: string): Row {
  return isOf(row, id) ? row : { ...row, id };
}
const isOf = (row: Fields, id: string): row is Fields & Row => row["id"] === id;
