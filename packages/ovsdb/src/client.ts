import { EventEmitter } from "node:events";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { type Address, parseAddress } from "./address.ts";
import { Backoff, type BackoffLimits } from "./backoff.ts";
import { ConnectionError, type OvsdbError, OutcomeUnknown, RpcError, Unavailable } from "./errors.ts";
import type { Json } from "./json.ts";
import type { JsonStreamLimits } from "./json-stream.ts";
import { Link } from "./link.ts";
import type { Monitor } from "./monitor.ts";
import type { Operation, Results } from "./operations.ts";
import { type Batch, type MonitorHost, Replica, type Selection } from "./replica.ts";
import { type DatabaseSchema, parseSchema, type Schema, type Tables } from "./schema.ts";
import { readResults } from "./transaction.ts";
import { untilAborted } from "./waiting.ts";

export interface ClientOptions {
  /** Waits between attempts to connect; 100 ms to 5 s. */
  readonly backoff?: BackoffLimits;
  /** How long the server may take to accept a connection and to answer a first echo; 5 s. */
  readonly connectTimeoutMs?: number;
  /** Silence after which the server is asked for an echo; as much again ends the connection. 5 s; 0 asks never. */
  readonly probeIntervalMs?: number;
  /** For ssl: addresses: `ca`, `cert`, `key`. */
  readonly tls?: TlsOptions;
  /** What one message may be. */
  readonly limits?: Partial<JsonStreamLimits>;
  /** Chance of the back-off, 0 (included) to 1 (not). */
  readonly random?: () => number;
}

export interface ClientEvents {
  connected: [];
  /**
   * The connection is lost, or an attempt to make one failed. `retryMs`: the wait before the next attempt; undefined
   * where the client was closed.
   */
  disconnected: [reason: OvsdbError, retryMs: number | undefined];
}

const defaultBackoff: BackoffLimits = { minMs: 100, maxMs: 5000 };

/**
 * A client of one OVSDB server. It connects again by itself, with jittered exponential back-off, and its replicas go
 * on.
 *
 *     const ovs = await OvsdbClient.connect("unix:/run/openvswitch/db.sock");
 *     const replica = ovs.replica(openVSwitch, { Interface: ["name", "ofport"] }, ({ changes }) => ...);
 *     const ops = operations(openVSwitch);
 *     await ovs.transact(openVSwitch, [ops.update("Interface", [["name", "==", "vm1"]], { ofport_request: 7 })]);
 */
export class OvsdbClient extends EventEmitter<ClientEvents> {
  readonly #address: Address;
  readonly #options: ClientOptions;
  readonly #backoff: Backoff;
  readonly #monitors = new Set<Monitor>();
  #nextMonitor = 1;
  #link: Link | undefined;
  #upSinceMs: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  #lastReason: OvsdbError = new ConnectionError("connect-failed", "no connection yet");
  #closing: Promise<void> | undefined;
  #waiting: PromiseWithResolvers<void>[] = [];

  /**
   * Connects, and fails where the first attempt does.
   * @param address `unix:PATH`, `tcp:HOST:PORT` or `ssl:HOST:PORT`
   * @param options.signal ends the attempt; it has no meaning for the client that was returned
   * @throws {ValueError} `bad-address`
   * @throws {Unavailable} with the reason as its cause
   */
  static async connect(
    address: string,
    options: ClientOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<OvsdbClient> {
    options.signal?.throwIfAborted();
    const client = new OvsdbClient(address, options);
    const attempt = Promise.withResolvers<void>();
    const failed = (reason: OvsdbError) => attempt.reject(new Unavailable(`cannot connect to ${address}`, reason));
    client.once("connected", attempt.resolve).once("disconnected", failed);
    try {
      await untilAborted(attempt.promise, options.signal);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    } finally {
      client.off("connected", attempt.resolve).off("disconnected", failed);
    }
  }

  /**
   * Begins to connect, and tries until it is closed: for whom the server may come later.
   * @throws {ValueError} `bad-address`
   */
  constructor(address: string, options: ClientOptions = {}) {
    super();
    this.#address = parseAddress(address);
    this.#options = options;
    this.#backoff = new Backoff(options.backoff ?? defaultBackoff, options.random);
    this.#dial();
  }

  get connected(): boolean {
    return this.#upSinceMs !== undefined;
  }

  /** Waits until there is a connection. @throws {Unavailable} the client was closed */
  async whenConnected(signal?: AbortSignal): Promise<void> {
    if (this.connected) return;
    if (this.#closing !== undefined) throw new Unavailable("closed", this.#lastReason);
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    await untilAborted(waiting.promise, signal);
  }

  /**
   * Runs operations as one transaction (RFC 7047 section 4.1.3).
   *
   * An aborted `signal` cancels it on the server. Whether that came in time is not known, unless nothing had been
   * sent yet.
   * @param database its schema, or its name
   * @returns the results of the operations, each in its operation's place
   * @throws {TransactionError} it did not happen, because of the operation that the error names
   * @throws {Unavailable} nothing was sent, nor is it later; also the signal's reason, where it was aborted before
   * @throws {OutcomeUnknown} connection lost, or aborted, before the reply: it may have happened or not
   * @throws {RpcError} the server refused all of it, as for an unknown database
   */
  async transact<const Ops extends readonly Operation<unknown>[]>(
    database: string | Schema,
    operations: Ops,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Results<Ops>> {
    const name = typeof database === "string" ? database : database.name;
    const reply = await this.request("transact", [name, ...operations.map(({ json }) => json)], options);
    return readResults(operations, reply);
  }

  /**
   * Sends any request of RFC 7047 section 4.1 or ovsdb-server(7). Errors and `signal` are those of {@link transact}.
   */
  async request(
    method: string,
    params: readonly Json[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Json> {
    signal?.throwIfAborted();
    const link = this.#link;
    if (link === undefined || !this.connected) throw new Unavailable(`${method} was not sent`, this.#lastReason);
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const id = link.connection.request(method, params, (reply) => {
      if (reply.ok) resolve(reply.result);
      else
        reject(reply.error instanceof RpcError ? reply.error : new OutcomeUnknown(`${method} was sent`, reply.error));
    });
    if (signal === undefined) return promise;
    const abort = () => {
      link.connection.cancel(id);
      reject(new OutcomeUnknown(`${method} was aborted`, signal.reason));
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** The schema of a database as the server has it (RFC 7047 section 4.1.2). */
  async schema(database: string): Promise<DatabaseSchema> {
    return parseSchema(await this.request("get_schema", [database]));
  }

  /**
   * Keeps a copy of the selected columns, through lost connections, until it is closed.
   * @param onBatch gets the first contents as one batch, then each transaction's changes as one, before the promise
   *   of an own transaction resolves. What it throws is an uncaught exception.
   * @param options.onError the server does not serve this selection: {@link SchemaMismatch} or {@link RpcError}.
   *   Without it, and where nobody waits for `ready()`, that is an uncaught exception.
   * @throws {ValueError} `unknown-table` | `unknown-column`
   */
  replica<T extends Tables, const S extends Selection<T>>(
    schema: Schema<T>,
    selection: S & Record<Exclude<keyof S, keyof T>, never>,
    onBatch: (batch: Batch<T, S>) => void,
    options: { readonly onError?: (error: OvsdbError) => void } = {},
  ): Replica<T, S> {
    if (this.#closing !== undefined) throw new Unavailable("closed", this.#lastReason);
    return new Replica(this.#host, { schema, selection, onBatch, onError: options.onError });
  }

  /**
   * Ends the connection, the replicas and the attempts. Transactions whose reply has not come are
   * {@link OutcomeUnknown}.
   */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  readonly #host: MonitorHost = {
    newMonitorId: () => `monitor-${this.#nextMonitor++}`,
    add: (monitor) => {
      this.#monitors.add(monitor);
      if (this.#link !== undefined && this.connected) monitor.start(this.#link.connection);
    },
    remove: (monitor) => this.#monitors.delete(monitor),
    callOut,
  };

  #dial(): void {
    this.#link = new Link({
      address: this.#address,
      tls: this.#options.tls ?? {},
      connectTimeoutMs: this.#options.connectTimeoutMs ?? 5000,
      probeIntervalMs: this.#options.probeIntervalMs ?? 5000,
      limits: this.#options.limits ?? {},
      up: () => this.#up(),
      down: (reason) => this.#down(reason),
      notification: (method, params) => {
        for (const monitor of this.#monitors) monitor.notification(method, params);
      },
    });
  }

  #up(): void {
    this.#upSinceMs = performance.now();
    for (const monitor of this.#monitors) if (this.#link !== undefined) monitor.start(this.#link.connection);
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    callOut(() => this.emit("connected"));
  }

  #down(reason: OvsdbError): void {
    // A server that drops us each time soon after the greeting is not one to hurry back to.
    const { maxMs } = this.#options.backoff ?? defaultBackoff;
    if (this.#upSinceMs !== undefined && performance.now() - this.#upSinceMs >= maxMs) this.#backoff.reset();
    this.#gone(reason);
    const retryMs = this.#backoff.next();
    this.#retry = setTimeout(() => this.#dial(), retryMs);
    callOut(() => this.emit("disconnected", reason, retryMs));
  }

  #gone(reason: OvsdbError): void {
    this.#upSinceMs = undefined;
    this.#link = undefined;
    this.#lastReason = reason;
    for (const monitor of this.#monitors) monitor.stop();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#retry);
    const reason = new ConnectionError("closed", "the client was closed");
    const wasConnected = this.connected;
    const link = this.#link;
    this.#gone(reason);
    for (const monitor of this.#monitors) monitor.abandon(new Unavailable("closed", reason));
    this.#monitors.clear();
    for (const { reject } of this.#waiting.splice(0)) reject(new Unavailable("closed", reason));
    await link?.close(reason);
    if (wasConnected) callOut(() => this.emit("disconnected", reason, undefined));
  }
}

/**
 * Runs code of the user. What it throws is the process's to deal with, not a fault of the connection on which it
 * happened to run.
 */
function callOut(body: () => void): void {
  try {
    body();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
