import {
  type Column,
  type Columns,
  MapColumn,
  type ReadOf,
  type RowInput,
  type RowOf,
  scalar,
  type WriteOf,
} from "./column.ts";
import { ProtocolError, ValueError, within } from "./errors.ts";
import { excerpt, isArray, isObject, type Json, type JsonObject, member } from "./json.ts";
import { columnNamed, columnsOf, type Schema, type Tables } from "./schema.ts";
import { type NamedUuid, plainUuid, type Reference, type Uuid } from "./values.ts";

/** One operation of a transaction (RFC 7047 section 5.2): what is sent, and how its result is read. */
export interface Operation<R> {
  /** In short, as `insert Bridge`: for people. */
  readonly title: string;
  readonly json: JsonObject;
  /** @throws {ValueError} for a result that is none of this operation */
  result(json: JsonObject): R;
}

/** The results of operations, each in its operation's place. */
export type Results<Ops extends readonly Operation<unknown>[]> = {
  -readonly [I in keyof Ops]: Ops[I] extends Operation<infer R> ? R : never;
};

/** <function> of RFC 7047 section 5.1. The order is for numbers; ovsdb-server has it for optional numbers too. */
export type Comparison = "==" | "!=" | "includes" | "excludes" | "<" | "<=" | ">" | ">=";

/** <condition> of RFC 7047 section 5.1: every column of the table, and `_uuid`. */
export type Condition<C extends Columns> =
  | readonly ["_uuid", "==" | "!=" | "includes" | "excludes", Reference]
  | { [N in keyof C & string]: readonly [N, Comparison, WriteOf<C[N]>] }[keyof C & string];

type Element<V> = V extends ReadonlySet<infer E> ? E : NonNullable<V>;

type MutationOf<N, V, W> =
  | (Element<V> extends number ? readonly [N, "+=" | "-=" | "*=" | "/=" | "%=", number] : never)
  | (V extends ReadonlySet<unknown> ? readonly [N, "insert" | "delete", W] : never)
  | (V extends ReadonlyMap<infer K, unknown>
      ? readonly [N, "insert" | "delete", W] | readonly [N, "delete", readonly K[]]
      : never);

/**
 * <mutation> of RFC 7047 section 5.1. Inserting a key that a map has does not change it; a map loses pairs, or keys
 * whatever they map to.
 */
export type Mutation<C extends Columns> = {
  [N in keyof C & string]: MutationOf<N, ReadOf<C[N]>, WriteOf<C[N]>>;
}[keyof C & string];

/** A row that a select found: the columns that were asked for, and its UUID. */
export type SelectedRow<C extends Columns, N extends keyof C> = Pick<RowOf<C>, N> & { readonly _uuid: Uuid };

const uuidColumn = scalar(plainUuid);

/** Builders of the operations that name a table, checked against a schema by the compiler and again while running. */
export class Operations<T extends Tables> {
  readonly #schema: Schema<T>;

  constructor(schema: Schema<T>) {
    this.#schema = schema;
  }

  /**
   * Section 5.2.1. Columns that are not given get their defaults.
   * @param options.as the name under which other operations of this transaction refer to the row
   * @param options.uuid the row's UUID, chosen here (Open vSwitch 2.13 and later)
   * @returns the new row's UUID, as this operation's result
   */
  insert<N extends keyof T & string>(
    table: N,
    row: RowInput<T[N]>,
    options: { readonly as?: NamedUuid; readonly uuid?: Uuid } = {},
  ): Operation<Uuid> {
    return {
      title: `insert ${table}`,
      json: {
        op: "insert",
        table,
        row: this.#row(table, row),
        ...(options.as && { "uuid-name": options.as.label }),
        ...(options.uuid && { uuid: options.uuid }),
      },
      result: (json) => uuidColumn.decode(member(json, "uuid") ?? null),
    };
  }

  /**
   * Section 5.2.2. All columns where none are named. Finds the rows that meet all conditions; no condition: every
   * row.
   */
  select<N extends keyof T & string, C extends keyof T[N] & string = keyof T[N] & string>(
    table: N,
    where: readonly Condition<T[N]>[] = [],
    columns?: readonly C[],
  ): Operation<SelectedRow<T[N], C>[]> {
    const all = columnsOf(this.#schema, table);
    const names = columns ?? Object.keys(all);
    const codecs = names.map((name) => [name, this.#column(table, name)] as const);
    codecs.push(["_uuid", uuidColumn]);
    return {
      title: `select ${table}`,
      json: { op: "select", table, where: this.#where(table, where), columns: codecs.map(([name]) => name) },
      // The row's type says what the codecs of just these columns make.
      result: (json) => rowsOf(json).map((row) => decodeRow(table, codecs, row) as SelectedRow<T[N], C>),
    };
  }

  /** Section 5.2.3. @returns the number of rows that met the conditions */
  update<N extends keyof T & string>(
    table: N,
    where: readonly Condition<T[N]>[],
    row: RowInput<T[N]>,
  ): Operation<number> {
    return {
      title: `update ${table}`,
      json: { op: "update", table, where: this.#where(table, where), row: this.#row(table, row) },
      result: countOf,
    };
  }

  /** Section 5.2.4. @returns the number of rows that met the conditions */
  mutate<N extends keyof T & string>(
    table: N,
    where: readonly Condition<T[N]>[],
    mutations: readonly Mutation<T[N]>[],
  ): Operation<number> {
    return {
      title: `mutate ${table}`,
      json: {
        op: "mutate",
        table,
        where: this.#where(table, where),
        mutations: mutations.map((mutation) => this.#mutation(table, mutation)),
      },
      result: countOf,
    };
  }

  /** Section 5.2.5. @returns the number of rows that met the conditions */
  delete<N extends keyof T & string>(table: N, where: readonly Condition<T[N]>[]): Operation<number> {
    return {
      title: `delete ${table}`,
      json: { op: "delete", table, where: this.#where(table, where) },
      result: countOf,
    };
  }

  /**
   * Section 5.2.6. Holds the transaction until the rows that meet the conditions are (`==`) or are not (`!=`) `rows`,
   * in the columns that `rows` name. No rows and `==` wait until nothing meets the conditions. Fails as `timed out`
   * after `timeoutMs`; with 0 at once; never where it is not given.
   */
  wait<N extends keyof T & string>(
    table: N,
    where: readonly Condition<T[N]>[],
    until: "==" | "!=",
    rows: readonly RowInput<T[N]>[],
    options: { readonly timeoutMs?: number } = {},
  ): Operation<void> {
    const columns = new Set(rows.flatMap((row) => Object.keys(row)));
    return {
      title: `wait ${table}`,
      json: {
        op: "wait",
        table,
        where: this.#where(table, where),
        columns: columns.size === 0 ? ["_uuid"] : [...columns],
        until,
        rows: rows.map((row) => this.#row(table, row)),
        ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs }),
      },
      result: nothing,
    };
  }

  #column(table: string, name: string): Column<unknown, unknown> {
    if (name === "_uuid") return uuidColumn;
    const columns = columnsOf(this.#schema, table);
    return within(table, () => columnNamed(columns, name));
  }

  #row(table: string, row: Readonly<Record<string, unknown>>): JsonObject {
    columnsOf(this.#schema, table);
    return Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, encodeAt(table, name, this.#column(table, name), value)]),
    );
  }

  #where<C extends Columns>(table: string, where: readonly Condition<C>[]): Json[] {
    columnsOf(this.#schema, table);
    return encodeConditions(table, (name) => this.#column(table, name), where);
  }

  #mutation(table: string, mutation: readonly [string, string, unknown]): Json {
    const [name, mutator, value] = mutation;
    const column = this.#column(table, name);
    if (mutator === "insert" || mutator === "delete") {
      // Keys are told from pairs by their shape: a list of them, or a set.
      if (mutator === "delete" && column instanceof MapColumn && (Array.isArray(value) || value instanceof Set)) {
        return [name, mutator, within(`${table}.${name}`, () => column.encodeKeys(value))];
      }
      return [name, mutator, encodeAt(table, name, column, value)];
    }
    return [name, mutator, within(`${table}.${name}`, () => operand(value))];
  }
}

/** The builders for one database: `const ops = operations(openVSwitch)`. */
export function operations<T extends Tables>(schema: Schema<T>): Operations<T> {
  return new Operations(schema);
}

/** Section 5.2.7. With `durable` the reply waits for the disk. */
export function commit({ durable }: { readonly durable: boolean }): Operation<void> {
  return { title: "commit", json: { op: "commit", durable }, result: nothing };
}

/** Section 5.2.8. The transaction fails as `aborted`. */
export function abort(): Operation<void> {
  return { title: "abort", json: { op: "abort" }, result: nothing };
}

/** Section 5.2.9. The text goes into the database's log, for people. */
export function comment(text: string): Operation<void> {
  return { title: "comment", json: { op: "comment", comment: text }, result: nothing };
}

/** Section 5.2.10. The transaction fails as `not owner` where this session does not hold the lock. */
export function assert(lock: string): Operation<void> {
  return { title: "assert", json: { op: "assert", lock }, result: nothing };
}

/** Conditions as they are sent. `column` finds the codec of a column, or throws. */
export function encodeConditions(
  table: string,
  column: (name: string) => Column<unknown, unknown>,
  where: readonly (readonly [string, string, unknown])[],
): Json[] {
  return where.map(([name, comparison, value]) => [name, comparison, encodeAt(table, name, column(name), value)]);
}

function encodeAt(table: string, name: string, column: Column<unknown, unknown>, value: unknown): Json {
  return within(`${table}.${name}`, () => column.encode(value));
}

/** What "+=" and its like take: one number, whether the column holds one or many. */
function operand(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new ValueError("bad-type", `${excerpt(value)} is not a number`);
}

function decodeRow(
  table: string,
  codecs: readonly (readonly [string, Column<unknown, unknown>])[],
  row: JsonObject,
): object {
  return Object.fromEntries(
    codecs.map(([name, column]) => [name, within(`${table}.${name}`, () => column.decode(member(row, name) ?? null))]),
  );
}

function rowsOf(json: JsonObject): JsonObject[] {
  const rows = member(json, "rows");
  if (!isArray(rows)) throw badResult(json);
  return rows.map((row) => {
    if (!isObject(row)) throw badResult(json);
    return row;
  });
}

function countOf(json: JsonObject): number {
  const count = member(json, "count");
  if (typeof count !== "number") throw badResult(json);
  return count;
}

function nothing(): void {
  // These yield an object without members (ovsdb-server(7), 5.2.6).
}

function badResult(json: JsonObject): ProtocolError {
  return new ProtocolError("bad-reply", `not the result of the operation: ${excerpt(json)}`);
}
