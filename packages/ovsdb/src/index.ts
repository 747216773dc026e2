/** OVSDB: the management protocol of Open vSwitch (RFC 7047 and the extensions of ovsdb-server(7)). No dependencies. */
export { OvsdbClient } from "./client.ts";
export type { ClientEvents, ClientOptions } from "./client.ts";
export type { Batch, Change, Replica, ReplicaRow, Selection, TableSelection } from "./replica.ts";
export type { BatchKind } from "./monitor.ts";
export { abort, assert, comment, commit, operations } from "./operations.ts";
export type { Comparison, Condition, Mutation, Operation, Operations, Results, SelectedRow } from "./operations.ts";
export { columnOf, parseSchema, schemaOf } from "./schema.ts";
export type { BaseType, ColumnSchema, DatabaseSchema, Schema, Tables, TableSchema } from "./schema.ts";
export { map, optional, scalar, set } from "./column.ts";
export type { Column, Columns, ReadOf, RowInput, RowOf, WriteOf } from "./column.ts";
export { boolean, integer, isUuid, namedUuid, oneOf, plainUuid, real, ref, string, uuid, zeroUuid } from "./values.ts";
export type { Atom, NamedUuid, Reference, Uuid } from "./values.ts";
export { Connection } from "./connection.ts";
export type { ConnectionOptions, Reply } from "./connection.ts";
export { JsonStream } from "./json-stream.ts";
export type { JsonStreamLimits } from "./json-stream.ts";
export type { Json, JsonObject } from "./json.ts";
export {
  ConnectionError,
  OutcomeUnknown,
  OvsdbError,
  ProtocolError,
  RpcError,
  SchemaMismatch,
  TransactionError,
  Unavailable,
  ValueError,
} from "./errors.ts";
export type { ConnectionErrorCode, ProtocolErrorCode, ValueErrorCode } from "./errors.ts";
export { generateTypes } from "./generate.ts";
export * from "./generated/open-vswitch.ts";
