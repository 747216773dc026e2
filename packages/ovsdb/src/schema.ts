import { type Columns, type Column, map, optional, scalar, set } from "./column.ts";
import { ValueError, within } from "./errors.ts";
import { excerpt, isArray, isObject, member, type Json, type JsonObject } from "./json.ts";
import { type Atom, type AtomicType, atomicTypes, boolean, integer, plainUuid, real, ref, string } from "./values.ts";

/** Tables by name. */
export type Tables = Readonly<Record<string, Columns>>;

/** The codecs of one database: generated from its schema, or made by {@link schemaOf} while running. */
export interface Schema<T extends Tables = Tables> {
  readonly name: string;
  readonly version: string;
  readonly tables: T;
}

/** A <base-type> (RFC 7047 section 3.2). Numbers are bounds of the value, lengths count characters. */
export interface BaseType {
  readonly type: AtomicType;
  readonly oneOf: readonly (string | number | boolean)[] | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly refTable: string | undefined;
  readonly refType: "strong" | "weak";
}

/** A <column-schema> with its <type> (RFC 7047 section 3.2). `value` makes it a map; `max` may be Infinity. */
export interface ColumnSchema {
  readonly key: BaseType;
  readonly value: BaseType | undefined;
  readonly min: 0 | 1;
  readonly max: number;
  readonly ephemeral: boolean;
  readonly mutable: boolean;
}

/** A <table-schema>. `maxRows` is Infinity where there is no limit. */
export interface TableSchema {
  readonly columns: ReadonlyMap<string, ColumnSchema>;
  readonly maxRows: number;
  readonly isRoot: boolean;
  readonly indexes: readonly (readonly string[])[];
}

/** A <database-schema>. ovsdb-server lets the version be missing: it is then empty. */
export interface DatabaseSchema {
  readonly name: string;
  readonly version: string;
  readonly tables: ReadonlyMap<string, TableSchema>;
}

function bad(what: string): never {
  throw new ValueError("bad-schema", what);
}

function object(json: Json | undefined, what: string): JsonObject {
  return isObject(json) ? json : bad(`${what} is not an object: ${excerpt(json)}`);
}

function number(json: JsonObject, name: string): number | undefined {
  const value = member(json, name);
  return value === undefined || typeof value === "number" ? value : bad(`${name} is not a number: ${excerpt(value)}`);
}

function flag(json: JsonObject, name: string, otherwise: boolean): boolean {
  const value = member(json, name) ?? otherwise;
  return typeof value === "boolean" ? value : bad(`${name} is not a boolean: ${excerpt(value)}`);
}

function atomicType(json: Json | undefined): AtomicType {
  return atomicTypes.find((type) => type === json) ?? bad(`${excerpt(json)} is not an atomic type`);
}

function enumeration(json: Json | undefined): BaseType["oneOf"] {
  if (json === undefined) return undefined;
  const list = isArray(json) && json[0] === "set" ? json[1] : [json];
  if (!isArray(list)) return bad(`enum is not a set: ${excerpt(json)}`);
  return list.map((value) =>
    typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? value
      : bad(`enum has ${excerpt(value)}`),
  );
}

function baseType(json: Json | undefined): BaseType {
  const from = typeof json === "string" ? { type: json } : object(json, "base type");
  const type = atomicType(member(from, "type"));
  const refTable = member(from, "refTable");
  const refType = member(from, "refType") ?? "strong";
  if (refTable !== undefined && typeof refTable !== "string") bad(`refTable is ${excerpt(refTable)}`);
  if (refType !== "strong" && refType !== "weak") return bad(`refType is ${excerpt(refType)}`);
  return {
    type,
    oneOf: enumeration(member(from, "enum")),
    min: number(from, type === "real" ? "minReal" : "minInteger"),
    max: number(from, type === "real" ? "maxReal" : "maxInteger"),
    minLength: number(from, "minLength"),
    maxLength: number(from, "maxLength"),
    refTable: typeof refTable === "string" ? refTable : undefined,
    refType,
  };
}

function columnSchema(json: Json): ColumnSchema {
  const column = object(json, "column");
  const type = member(column, "type");
  const full = typeof type === "string" ? { key: type } : object(type, "type");
  const value = member(full, "value");
  const min = number(full, "min") ?? 1;
  const max = member(full, "max") === "unlimited" ? Number.POSITIVE_INFINITY : (number(full, "max") ?? 1);
  if (min !== 0 && min !== 1) return bad(`min is ${min}`);
  if (max < 1) return bad(`max is ${max}`);
  return {
    key: baseType(member(full, "key")),
    value: value === undefined ? undefined : baseType(value),
    min,
    max,
    ephemeral: flag(column, "ephemeral", false),
    mutable: flag(column, "mutable", true),
  };
}

/** Members of an <id> to something each. Names that begin with "_" are the server's own (RFC 7047 section 3.2). */
function named<T>(json: Json | undefined, what: string, parse: (json: Json) => T): ReadonlyMap<string, T> {
  return new Map(
    Object.entries(object(json, what)).map(([name, value]) => {
      if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) bad(`${excerpt(name)} is no name in ${what}`);
      return [name, within(name, () => parse(value))];
    }),
  );
}

function tableSchema(json: Json): TableSchema {
  const table = object(json, "table");
  const columns = named(member(table, "columns"), "columns", columnSchema);
  const indexes = member(table, "indexes") ?? [];
  if (!isArray(indexes)) return bad(`indexes is ${excerpt(indexes)}`);
  return {
    columns,
    maxRows: number(table, "maxRows") ?? Number.POSITIVE_INFINITY,
    isRoot: flag(table, "isRoot", false),
    indexes: indexes.map((index) => {
      if (!isArray(index)) return bad(`index is ${excerpt(index)}`);
      return index.map((name) =>
        typeof name === "string" && columns.has(name) ? name : bad(`index on ${excerpt(name)}`),
      );
    }),
  };
}

/**
 * Parses a <database-schema> (RFC 7047 section 3.2): what get_schema answers, and what a .ovsschema file holds.
 * @throws {ValueError} `bad-schema`, with the table and column as its path
 */
export function parseSchema(json: Json): DatabaseSchema {
  const schema = object(json, "schema");
  const name = member(schema, "name");
  const version = member(schema, "version") ?? "";
  if (typeof name !== "string") return bad(`name is ${excerpt(name)}`);
  if (typeof version !== "string") return bad(`version is ${excerpt(version)}`);
  return { name, version, tables: named(member(schema, "tables"), "tables", tableSchema) };
}

function atomOf(base: BaseType): Atom<unknown, unknown> {
  switch (base.type) {
    case "integer":
      return integer;
    case "real":
      return real;
    case "boolean":
      return boolean;
    case "string":
      return string;
    case "uuid":
      return base.refTable === undefined ? plainUuid : ref(base.refTable, base.refType);
  }
}

/** The codec of a column whose type is known only while running. */
export function columnOf(column: ColumnSchema): Column<unknown, unknown> {
  const key = atomOf(column.key);
  if (column.value !== undefined) return map(key, atomOf(column.value));
  if (column.max > 1) return set(key, { min: column.min });
  return column.min === 0 ? optional(key) : scalar(key);
}

/** The codecs of a whole database whose schema is known only while running: its rows have values of unknown types. */
export function schemaOf(database: DatabaseSchema): Schema {
  const tables = Array.from(database.tables, ([name, table]): [string, Columns] => [
    name,
    Object.fromEntries(Array.from(table.columns, ([column, type]) => [column, columnOf(type)])),
  ]);
  return { name: database.name, version: database.version, tables: Object.fromEntries(tables) };
}

/** @throws {ValueError} `unknown-table` */
export function columnsOf(schema: Schema, table: string): Columns {
  const columns = Object.hasOwn(schema.tables, table) ? schema.tables[table] : undefined;
  if (columns === undefined) throw new ValueError("unknown-table", `${schema.name} has no table ${table}`, table);
  return columns;
}

/** @throws {ValueError} `unknown-column` */
export function columnNamed(columns: Columns, name: string): Column<unknown, unknown> {
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column === undefined) throw new ValueError("unknown-column", "no such column", name);
  return column;
}
