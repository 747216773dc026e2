import { type Columns, type RowOf, scalar } from "./column.ts";
import { type OvsdbError, Unavailable, ValueError, within } from "./errors.ts";
import { type BatchKind, Monitor, type MonitoredTable } from "./monitor.ts";
import { type Condition, encodeConditions } from "./operations.ts";
import { columnNamed, columnsOf, type Schema, type Tables } from "./schema.ts";
import { plainUuid, type Uuid } from "./values.ts";
import { untilAborted } from "./waiting.ts";

const uuidColumn = scalar(plainUuid);

type Names<C extends Columns> = readonly (keyof C & string)[];

/** The columns to keep of a table; with `anyOf` only the rows that meet at least one of the conditions. */
export type TableSelection<C extends Columns> =
  | Names<C>
  | { readonly columns: Names<C>; readonly anyOf: readonly Condition<C>[] };

/** What to replicate, by table. */
export type Selection<T extends Tables> = { readonly [N in keyof T]?: TableSelection<T[N]> };

type SelectedColumns<S> = S extends readonly (infer C)[]
  ? C
  : S extends { readonly columns: readonly (infer C)[] }
    ? C
    : never;

type SelectedTables<T extends Tables, S> = keyof T & keyof S & string;

/** A row of the replica: the selected columns of table `N`. */
export type ReplicaRow<T extends Tables, S, N extends SelectedTables<T, S>> = Pick<
  RowOf<T[N]>,
  SelectedColumns<S[N]> & keyof T[N]
>;

/**
 * What became of one row. Without `old` it is new, without `new` it is gone. Rows never change in place, and the
 * value of a column that did not change is the very same in both.
 */
export type Change<T extends Tables, S> = {
  [N in SelectedTables<T, S>]: {
    readonly table: N;
    readonly uuid: Uuid;
    readonly old: ReplicaRow<T, S, N> | undefined;
    readonly new: ReplicaRow<T, S, N> | undefined;
  };
}[SelectedTables<T, S>];

/** Changes that belong together: all of a transaction's. Each row is in it once. */
export interface Batch<T extends Tables, S> {
  readonly kind: BatchKind;
  readonly changes: readonly Change<T, S>[];
}

export interface ReplicaOptions<T extends Tables, S> {
  readonly schema: Schema<T>;
  readonly selection: S;
  readonly onBatch: (batch: Batch<T, S>) => void;
  readonly onError: ((error: OvsdbError) => void) | undefined;
}

/** Who runs monitors over connections: the client. */
export interface MonitorHost {
  newMonitorId(): string;
  add(monitor: Monitor): void;
  remove(monitor: Monitor): void;
  /** Runs code of the user; what it throws must not look like a fault of the connection. */
  callOut(body: () => void): void;
}

/**
 * A live copy of some columns of some tables, which outlives connections: while there is none the rows stay as they
 * were, and after it only the difference is delivered.
 */
export class Replica<T extends Tables, S extends Selection<T>> {
  readonly #host: MonitorHost;
  readonly #monitor: Monitor;
  #failure: OvsdbError | undefined;
  #waiting: PromiseWithResolvers<void>[] = [];

  /** @throws {ValueError} `unknown-table` | `unknown-column` */
  constructor(host: MonitorHost, { schema, selection, onBatch, onError }: ReplicaOptions<T, S>) {
    this.#host = host;
    this.#monitor = new Monitor({
      database: schema.name,
      id: host.newMonitorId(),
      tables: monitoredTables(schema, selection),
      deliver: (kind, changes) => {
        this.#failure = undefined;
        // The compiler cannot know that rows read by the codecs of the selection have the selection's types.
        host.callOut(() => onBatch({ kind, changes: changes as readonly Change<T, S>[] }));
        for (const { resolve } of this.#waiting.splice(0)) resolve();
      },
      failed: (error) => {
        this.#failure = error;
        const waiting = this.#waiting.splice(0);
        for (const { reject } of waiting) reject(error);
        if (error instanceof Unavailable) return;
        if (onError !== undefined) host.callOut(() => onError(error));
        else if (waiting.length === 0) {
          host.callOut(() => {
            throw error;
          });
        }
      },
    });
    host.add(this.#monitor);
  }

  /** Whether the rows are the server's, as far as its messages have come. */
  get synced(): boolean {
    return this.#monitor.synced;
  }

  /** The rows of a table: a live view. It contains the changes of a batch when the batch is delivered. */
  rows<N extends SelectedTables<T, S>>(table: N): ReadonlyMap<Uuid, ReplicaRow<T, S, N>> {
    const rows = this.#monitor.tables.rows(table);
    if (rows === undefined) throw new ValueError("unknown-table", "not selected", table);
    // As above: made by the codecs of the selected columns.
    return rows as ReadonlyMap<Uuid, ReplicaRow<T, S, N>>;
  }

  /**
   * Waits until the rows are the server's; the first batch has been delivered then.
   * @throws {SchemaMismatch} {@link RpcError} the server does not serve this selection
   * @throws {Unavailable} the replica or its client was closed
   */
  async ready(signal?: AbortSignal): Promise<void> {
    if (this.#monitor.synced) return;
    if (this.#failure !== undefined) throw this.#failure;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    await untilAborted(waiting.promise, signal);
  }

  /** Ends the replica here and on the server. No batch comes after it; the rows stay as they are. */
  close(): void {
    this.#monitor.cancel();
    this.#host.remove(this.#monitor);
    this.#monitor.abandon(new Unavailable("the replica was closed", undefined));
  }
}

function monitoredTables<T extends Tables>(
  schema: Schema<T>,
  selection: Selection<T>,
): ReadonlyMap<string, MonitoredTable> {
  const tables = new Map<string, MonitoredTable>();
  for (const [name, selected] of Object.entries<TableSelection<Columns> | undefined>(selection)) {
    if (selected === undefined) continue;
    const codecs = columnsOf(schema, name);
    const { columns, anyOf } = "columns" in selected ? selected : { columns: selected, anyOf: undefined };
    const column = (column: string) =>
      column === "_uuid" ? uuidColumn : within(name, () => columnNamed(codecs, column));
    tables.set(name, {
      columns: columns.map((name) => [name, column(name)]),
      // To a server no condition at all means every row; none of nothing is nothing.
      conditions: anyOf && (anyOf.length === 0 ? [false] : encodeConditions(name, column, anyOf)),
    });
  }
  return tables;
}
