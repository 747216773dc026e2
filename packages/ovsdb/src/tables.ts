import type { Column } from "./column.ts";
import { ProtocolError, within } from "./errors.ts";
import { excerpt, isObject, type Json, type JsonObject, member } from "./json.ts";
import { isUuid, type Uuid } from "./values.ts";

/** A row as its columns' codecs made it. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * What became of one row. Without `old` it is new, without `new` it is gone. A column that did not change is the same
 * object in both.
 */
export interface RowChange {
  readonly table: string;
  readonly uuid: Uuid;
  readonly old: Row | undefined;
  readonly new: Row | undefined;
}

interface Table {
  readonly columns: readonly (readonly [string, Column<unknown, unknown>])[];
  readonly rows: Map<Uuid, Row>;
}

/**
 * The rows of some columns of some tables, kept equal to a server's. What a monitor sends goes in, what changed comes
 * out. Each message is taken as a whole: one that cannot be understood changes nothing.
 */
export class ReplicaTables {
  readonly #tables: ReadonlyMap<string, Table>;

  /** @param selection columns by name, by table */
  constructor(selection: ReadonlyMap<string, Table["columns"]>) {
    this.#tables = new Map(Array.from(selection, ([name, columns]) => [name, { columns, rows: new Map<Uuid, Row>() }]));
  }

  /** The live rows of a table that was selected: a view, which changes as messages come. */
  rows(table: string): ReadonlyMap<Uuid, Row> | undefined {
    return this.#tables.get(table)?.rows;
  }

  /**
   * Takes the whole contents, as a monitor's first reply has them: rows under `initial` (monitor_cond and later) or
   * `new` (monitor). Rows that are not among them are gone; rows that are the same are no change.
   */
  replace(updates: Json): RowChange[] {
    const changes: RowChange[] = [];
    const seen = new Map(Array.from(this.#tables.keys(), (name) => [name, new Set<Uuid>()]));
    this.#each(updates, (name, table, uuid, update) => {
      seen.get(name)?.add(uuid);
      const contents = member(update, "initial") ?? member(update, "new");
      if (!isObject(contents)) throw badUpdate(`${name} ${uuid}`, update);
      const old = table.rows.get(uuid);
      const row = readRow(name, table, contents, old);
      if (row !== old) changes.push({ table: name, uuid, old, new: row });
    });
    for (const [name, { rows }] of this.#tables) {
      for (const [uuid, old] of rows)
        if (!seen.get(name)?.has(uuid)) changes.push({ table: name, uuid, old, new: undefined });
    }
    return this.#commit(changes);
  }

  /** Takes <table-updates2>: rows, and differences of rows (ovsdb-server(7), 4.1.14). */
  apply(updates: Json): RowChange[] {
    const changes: RowChange[] = [];
    this.#each(updates, (name, table, uuid, update) => {
      const old = table.rows.get(uuid);
      const inserted = member(update, "insert") ?? member(update, "initial");
      const modified = member(update, "modify");
      if (isObject(inserted) && old === undefined) {
        changes.push({ table: name, uuid, old, new: readRow(name, table, inserted, undefined) });
      } else if (isObject(modified) && old !== undefined) {
        changes.push({ table: name, uuid, old, new: changeRow(name, table, modified, old) });
      } else if (member(update, "delete") !== undefined && old !== undefined) {
        changes.push({ table: name, uuid, old, new: undefined });
      } else {
        throw badUpdate(`${name} ${uuid}, ${old === undefined ? "which is not here" : "which is here"}`, update);
      }
    });
    return this.#commit(changes);
  }

  /**
   * Takes <table-updates> of the first kind: the whole row under `new`, nothing there for a row that is gone (RFC
   * 7047 section 4.1.6).
   */
  applyWhole(updates: Json): RowChange[] {
    const changes: RowChange[] = [];
    this.#each(updates, (name, table, uuid, update) => {
      const old = table.rows.get(uuid);
      const contents = member(update, "new");
      if (contents !== undefined && !isObject(contents)) throw badUpdate(`${name} ${uuid}`, update);
      const row = contents === undefined ? undefined : readRow(name, table, contents, old);
      if (row !== old) changes.push({ table: name, uuid, old, new: row });
    });
    return this.#commit(changes);
  }

  #each(updates: Json, take: (name: string, table: Table, uuid: Uuid, update: JsonObject) => void): void {
    if (!isObject(updates)) throw badUpdate("tables", updates);
    for (const [name, rows] of Object.entries(updates)) {
      const table = this.#tables.get(name);
      if (table === undefined || !isObject(rows)) throw badUpdate(`table ${name}`, rows);
      for (const [uuid, update] of Object.entries(rows)) {
        if (!isUuid(uuid) || !isObject(update)) throw badUpdate(`${name} ${uuid}`, update);
        take(name, table, uuid, update);
      }
    }
  }

  #commit(changes: RowChange[]): RowChange[] {
    for (const { table, uuid, new: row } of changes) {
      if (row === undefined) this.#tables.get(table)?.rows.delete(uuid);
      else this.#tables.get(table)?.rows.set(uuid, row);
    }
    return changes;
  }
}

/**
 * A whole row; columns that the server left out have their defaults. Where nothing differs from `old` it is `old`
 * itself.
 */
function readRow(name: string, table: Table, contents: JsonObject, old: Row | undefined): Row {
  const row: Record<string, unknown> = {};
  let differs = old === undefined;
  for (const [column, codec] of table.columns) {
    const json = member(contents, column);
    const value = json === undefined ? codec.initial : decodeAt(name, column, codec, json);
    if (old !== undefined && codec.equals(old[column], value)) {
      row[column] = old[column];
    } else {
      row[column] = value;
      differs = true;
    }
  }
  return old === undefined || differs ? row : old;
}

function changeRow(name: string, table: Table, modified: JsonObject, old: Row): Row {
  const row: Record<string, unknown> = { ...old };
  for (const [column, codec] of table.columns) {
    const difference = member(modified, column);
    if (difference !== undefined)
      row[column] = within(`${name}.${column}`, () => codec.change(old[column], difference));
  }
  return row;
}

function decodeAt(name: string, column: string, codec: Column<unknown, unknown>, json: Json): unknown {
  return within(`${name}.${column}`, () => codec.decode(json));
}

function badUpdate(what: string, json: Json): ProtocolError {
  return new ProtocolError("bad-update", `update of ${what}: ${excerpt(json)}`);
}
