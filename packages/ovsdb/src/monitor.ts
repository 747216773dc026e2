import type { Column } from "./column.ts";
import type { Connection, Reply } from "./connection.ts";
import { ConnectionError, type OvsdbError, ProtocolError, RpcError, SchemaMismatch } from "./errors.ts";
import { excerpt, isArray, type Json } from "./json.ts";
import { columnOf, type DatabaseSchema, parseSchema } from "./schema.ts";
import { ReplicaTables, type RowChange } from "./tables.ts";
import { isUuid, type Uuid, zeroUuid } from "./values.ts";

/**
 * What made a batch:
 * - `snapshot`: the first contents. It comes once, and comes empty where nothing was selected by it.
 * - `update`: one transaction of somebody, or several that the server sent as one.
 * - `resume`: after a reconnect, what happened since, told by the server.
 * - `rediff`: after a reconnect, what differs from before, found by comparing: the server told everything.
 *
 * After each of the last two, which come even where nothing changed, the replica is in step again.
 */
export type BatchKind = "snapshot" | "update" | "resume" | "rediff";

/** The columns to keep of one table, and which rows; all rows where `conditions` is not given. */
export interface MonitoredTable {
  readonly columns: readonly (readonly [string, Column<unknown, unknown>])[];
  readonly conditions: readonly Json[] | undefined;
}

export interface MonitorOptions {
  readonly database: string;
  /** Tells the updates of one monitor from those of others in one session. */
  readonly id: string;
  readonly tables: ReadonlyMap<string, MonitoredTable>;
  readonly deliver: (kind: BatchKind, changes: RowChange[]) => void;
  /** The server will not serve this monitor: {@link RpcError} or {@link SchemaMismatch}; it is asked again after the
   * next reconnect. Or the monitor was abandoned. */
  readonly failed: (error: OvsdbError) => void;
}

/** From the best to what every server has (RFC 7047 section 4.1.5). */
const methods = ["monitor_cond_since", "monitor_cond", "monitor"] as const;
type MonitorMethod = (typeof methods)[number];

/**
 * Keeps rows equal to a server's over any number of connections: monitor_cond_since with resume from the last
 * transaction (ovsdb-server(7), 4.1.15), or what an older server has instead. A server that does not know the last
 * transaction (every one that is not clustered, in Open vSwitch 3.1) sends everything, and the difference is found
 * here.
 */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #tables: ReplicaTables;
  #connection: Connection | undefined;
  #everSynced = false;
  #synced = false;
  /** The last transaction that the tables contain; unknown where the server gives none. */
  #last: Uuid | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#tables = new ReplicaTables(new Map(Array.from(options.tables, ([name, { columns }]) => [name, columns])));
  }

  get tables(): ReplicaTables {
    return this.#tables;
  }

  /** Whether the tables are the server's, as far as its messages have come. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Begins on a new connection: checks the schema, then asks for the rows. */
  start(connection: Connection): void {
    this.#connection = connection;
    connection.request("get_schema", [this.#options.database], (reply) => {
      if (this.#connection !== connection) return;
      if (!reply.ok) return this.#refused(reply.error);
      const differences = differencesOf(parseSchema(reply.result), this.#options.tables);
      if (differences.length > 0) return this.#options.failed(new SchemaMismatch(this.#options.database, differences));
      this.#ask(connection, "monitor_cond_since");
    });
  }

  /** The connection is gone. Rows stay as they are. */
  stop(): void {
    this.#connection = undefined;
    this.#synced = false;
  }

  /** There will be no other connection. */
  abandon(reason: OvsdbError): void {
    this.stop();
    this.#options.failed(reason);
  }

  /** Ends the monitor on the server too. */
  cancel(): void {
    // The answer says whether there was such a monitor, which is of no interest any more.
    this.#connection?.request("monitor_cancel", [this.#options.id], () => undefined);
    this.stop();
  }

  /**
   * Takes a notification of the server, if it is for this monitor.
   * @throws {OvsdbError} the connection is to be ended
   */
  notification(method: string, params: readonly Json[]): void {
    if (params[0] !== this.#options.id || this.#connection === undefined) return;
    if (method === "update") this.#update(() => this.#tables.applyWhole(params[1] ?? null));
    else if (method === "update2") this.#update(() => this.#tables.apply(params[1] ?? null));
    else if (method === "update3") this.#update(() => this.#tables.apply(params[2] ?? null), params[1]);
    // Comes where the database was removed or converted. A new session sees what there is.
    else if (method === "monitor_canceled") throw new ConnectionError("lost", "the server cancelled a monitor");
  }

  #ask(connection: Connection, method: MonitorMethod): void {
    const { database, id } = this.#options;
    const since = method === "monitor_cond_since" ? [this.#last ?? zeroUuid] : [];
    connection.request(method, [database, id, this.#requests(method), ...since], (reply) => {
      if (this.#connection === connection) this.#answered(connection, method, reply);
    });
  }

  #requests(method: MonitorMethod): Json {
    return Object.fromEntries(
      Array.from(this.#options.tables, ([name, { columns, conditions }]) => {
        const where = conditions === undefined || method === "monitor" ? {} : { where: conditions };
        return [name, [{ columns: columns.map(([column]) => column), ...where }]];
      }),
    );
  }

  #answered(connection: Connection, method: MonitorMethod, reply: Reply): void {
    if (reply.ok) return this.#contents(method, reply.result);
    const { error } = reply;
    const next = methods[methods.indexOf(method) + 1];
    const unknown = error instanceof RpcError && error.reason === "unknown method";
    if (!unknown || next === undefined) return this.#refused(error);
    // The first monitor method has no conditions: rows that were not selected would come.
    if (next === "monitor" && this.#conditional()) return this.#refused(error);
    this.#ask(connection, next);
  }

  #conditional(): boolean {
    return this.#options.tables.values().some(({ conditions }) => conditions !== undefined);
  }

  #refused(error: OvsdbError): void {
    // Without an answer there will be another connection.
    if (error instanceof RpcError) this.#options.failed(error);
  }

  #contents(method: MonitorMethod, result: Json): void {
    const kind = this.#everSynced ? "rediff" : "snapshot";
    if (method !== "monitor_cond_since") return this.#take(kind, () => this.#tables.replace(result), undefined);
    const [found, last, updates] = isArray(result) ? result : [];
    if (typeof found !== "boolean" || updates === undefined) throw badUpdate(result);
    if (found && this.#last !== undefined) this.#take("resume", () => this.#tables.apply(updates), last);
    else this.#take(kind, () => this.#tables.replace(updates), last);
  }

  #update(change: () => RowChange[], last?: Json): void {
    if (!this.#synced) throw new ProtocolError("bad-update", "an update before the contents");
    this.#take("update", change, last);
  }

  #take(kind: BatchKind, change: () => RowChange[], last: Json | undefined): void {
    // Whatever goes wrong now, rows may be missing a transaction: the next connection must tell everything.
    this.#last = undefined;
    const changes = change();
    if (last !== undefined) this.#last = transactionId(last);
    this.#everSynced = true;
    this.#synced = true;
    if (kind !== "update" || changes.length > 0) this.#options.deliver(kind, changes);
  }
}

/** Servers that know no transaction ids say zero. */
function transactionId(json: Json): Uuid | undefined {
  if (typeof json !== "string" || !isUuid(json)) throw badUpdate(json);
  return json === zeroUuid ? undefined : json;
}

function badUpdate(json: Json): ProtocolError {
  return new ProtocolError("bad-update", `not what monitor_cond_since answers: ${excerpt(json)}`);
}

/** What a server's schema lacks or has otherwise, of the columns that are asked for. */
function differencesOf(live: DatabaseSchema, tables: ReadonlyMap<string, MonitoredTable>): string[] {
  const differences: string[] = [];
  for (const [name, { columns }] of tables) {
    const table = live.tables.get(name);
    if (table === undefined) differences.push(`no table ${name}`);
    for (const [column, codec] of table === undefined ? [] : columns) {
      const type = table?.columns.get(column);
      if (type === undefined) differences.push(`no column ${name}.${column}`);
      else if (columnOf(type).signature !== codec.signature) {
        differences.push(`${name}.${column} is ${columnOf(type).signature}, not ${codec.signature}`);
      }
    }
  }
  return differences;
}
