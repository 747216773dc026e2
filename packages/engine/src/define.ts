/** What applications declare: tables, indexes, views, units. Everything here is inert; an {@link Engine} gives it life. */

/** Any row. Identity is (table, partition, id): the same id in two partitions is two rows. */
export interface Row {
  readonly id: string;
}

declare const rowType: unique symbol;

/** A table of rows of one type, split into partitions. Two tables are the same if they are the same object. */
export interface Table<T extends Row = Row> {
  readonly name: string;
  /** Never there at run time: carries the type of the rows. */
  readonly [rowType]?: T;
}

/** The partition of rows that come from no topic: facts of the local switch, learned rows, derived rows. Always current, always a root. */
export const LOCAL = "";

/** Rows of one table by key. `keys` must be pure. */
export interface Index<T extends Row = Row> {
  readonly kind: "index";
  readonly name: string;
  readonly table: Table<T>;
  keys(row: T): readonly string[];
}

/** That `member` belongs to the set `key`. */
export interface Membership {
  readonly key: string;
  readonly member: string;
}

/** Sets of strings by key, each member held by any number of rows. `memberships` must be pure. */
export interface SetIndex<T extends Row = Row> {
  readonly kind: "set-index";
  readonly name: string;
  readonly table: Table<T>;
  memberships(row: T): readonly Membership[];
}

/**
 * What a compile function may look at. Whatever it reads is remembered, and the unit runs again when that changes, and not otherwise.
 *
 * Reads are three-valued: a row is there, is absent, or is *pending* because its partition has not arrived. A pending read answers like an absent
 * one (`undefined`, `[]`, `0`), but the whole run is void: the unit keeps the output that it had, and runs again when the partition is current. The
 * run goes on only so that everything the unit will want is asked for at once.
 */
export interface Read {
  /** One row; tracked as a whole. */
  row<T extends Row>(table: Table<T>, partition: string, id: string): T | undefined;
  /** Some fields of one row; a change of the others goes unnoticed. */
  pick<T extends Row, K extends keyof T & string>(
    table: Table<T>,
    partition: string,
    id: string,
    fields: readonly K[],
  ): Pick<T, K> | undefined;
  /** Whether the row exists; its fields do not matter. */
  has(table: Table, partition: string, id: string): boolean;
  /** All rows of a partition, in id order; tracked as membership and rows. */
  rows<T extends Row>(table: Table<T>, partition: string): readonly T[];
  /** Rows under a key, in id order; tracked as membership and rows. */
  by<T extends Row>(index: Index<T>, partition: string, key: string): readonly T[];
  /** Whether any row is under the key; tracked as just that. */
  hasAny(index: Index, partition: string, key: string): boolean;
  /** How many rows are under the key; tracked as the number. */
  count(index: Index, partition: string, key: string): number;
  /** Members of a set, sorted, each once; tracked by equality of the set. */
  set(index: SetIndex, partition: string, key: string): readonly string[];
}

/** Where the row of a unit lives. */
export interface At {
  readonly partition: string;
}

/** One unit per row of `table`: its complete output, as a pure function of the row and of what it reads. */
export interface Unit<O> {
  readonly table: Table;
  compile(row: Row, read: Read, at: At): Iterable<O>;
}

/** Rows derived from rows. A view reads only tables of lower layers (base tables are layer 0), so layers run in order, once each. */
export type View = RowView | GroupView;
export interface RowView {
  readonly kind: "rows";
  readonly layer: number;
  readonly source: Table;
  readonly target: Table;
  compile(row: Row, read: Read, at: At): Iterable<Row>;
}
export interface GroupView {
  readonly kind: "groups";
  readonly layer: number;
  readonly source: Table;
  readonly target: Table<GroupRow>;
  memberships(row: Row): readonly Membership[];
}
/** One key of a set index over all partitions. `members` is sorted. */
export interface GroupRow extends Row {
  readonly members: readonly string[];
}

export interface App<O> {
  readonly name: string;
  readonly views: readonly View[];
  readonly units: readonly Unit<O>[];
}

/** The unit that an output, a conflict or a fault leads back to: the row that it is keyed by, and the app that it belongs to. */
export interface Owner {
  readonly app: string;
  readonly table: string;
  readonly partition: string;
  readonly id: string;
}

export function defineTable<T extends Row>(name: string): Table<T> {
  return { name };
}

export function defineIndex<T extends Row>(
  table: Table<T>,
  name: string,
  keys: (row: T) => readonly string[],
): Index<T> {
  return { kind: "index", name, table, keys };
}

/** For "which chassis have ports on this network": reading it costs a re-run only when the set changes, whatever the number of rows behind it. */
export function defineSetIndex<T extends Row>(
  table: Table<T>,
  name: string,
  memberships: (row: T) => readonly Membership[],
): SetIndex<T> {
  return { kind: "set-index", name, table, memberships };
}

/** One unit per row of a table, base or derived. */
export function each<T extends Row, O>(table: Table<T>, compile: (row: T, read: Read, at: At) => Iterable<O>): Unit<O> {
  return { table, compile };
}

/**
 * Derived rows, in partition {@link LOCAL}. Each derived row has one owner: if two source rows give one id, neither exists and both are marked as in
 * conflict, whether or not they agree.
 */
export function derive<V extends Row, T extends Row>(
  target: Table<V>,
  place: { readonly layer: number },
  source: Table<T>,
  compile: (row: T, read: Read, at: At) => Iterable<V>,
): View {
  return { kind: "rows", layer: place.layer, source, target, compile };
}

/**
 * One derived row per key of a set index, over all partitions: `{ id: key, members }`. It exists while a row holds the key, and changes only when
 * the set does. For units per peer chassis, per local network: what many rows have in common.
 */
export function deriveGroups<T extends Row>(
  target: Table<GroupRow>,
  place: { readonly layer: number },
  index: SetIndex<T>,
): View {
  return {
    kind: "groups",
    layer: place.layer,
    source: index.table,
    target,
    memberships: (row: T) => index.memberships(row),
  };
}

export function defineApp<O>(app: {
  readonly name: string;
  readonly views?: readonly View[];
  readonly units: readonly Unit<O>[];
}): App<O> {
  return { name: app.name, views: app.views ?? [], units: app.units };
}

/** `row` as it now is, or `undefined`: there is no such row any more. */
export interface RowChange {
  readonly table: Table;
  readonly partition: string;
  readonly id: string;
  readonly row: Row | undefined;
}

export function putRow<T extends Row>(table: Table<T>, partition: string, row: NoInfer<T>): RowChange {
  return { table, partition, id: row.id, row };
}
export function removeRow(table: Table, partition: string, id: string): RowChange {
  return { table, partition, id, row: undefined };
}

/**
 * `current`: the rows of the partition are what the store holds. `pending`: they are not (yet, or for the moment): whoever reads them keeps its
 * output. `dropped`: nobody wants it; rows that are still there are removed. A partition that was never mentioned is as if dropped.
 */
export interface PartitionChange {
  readonly partition: string;
  readonly state: "current" | "pending" | "dropped";
}
