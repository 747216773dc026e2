import { ConnectionError, type OvsdbError, ProtocolError, RpcError } from "./errors.ts";
import { excerpt, isArray, isObject, type Json, type JsonObject, member } from "./json.ts";
import { JsonStream, type JsonStreamLimits } from "./json-stream.ts";

/**
 * What became of a request. `error` is an {@link RpcError} where the server answered with one; else why there is no
 * answer.
 */
export type Reply = { readonly ok: true; readonly result: Json } | { readonly ok: false; readonly error: OvsdbError };

export interface ConnectionOptions {
  /** Sends one message; the connection never waits for it. */
  readonly write: (text: string) => void;
  /**
   * A message of the server that wants no answer. It may throw an {@link OvsdbError}, which
   * {@link Connection.receive} then throws.
   */
  readonly notification: (method: string, params: readonly Json[]) => void;
  /**
   * Silence after which the server is asked whether it is there; as much again without any byte ends the connection.
   * 0: never.
   */
  readonly probeIntervalMs: number;
  /** The time at which the connection came to be, on the clock of `receive` and `tick`. */
  readonly nowMs: number;
  readonly limits?: Partial<JsonStreamLimits>;
}

/** The id of our probes: a string, so that it meets none of our requests'. */
const probeId = "probe";

/**
 * One JSON-RPC 1.0 session with an OVSDB server (RFC 7047 section 4), without the socket and without the clock: bytes
 * and times come in, texts go out. Replies and notifications are handed on inside of `receive`, in the order in which
 * they came: a monitor's contents are there before its first update.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #stream: JsonStream;
  readonly #pending = new Map<number, { method: string; settle: (reply: Reply) => void }>();
  #nextId = 1;
  #lastHeardMs: number;
  #probedAtMs: number | undefined;
  #ended: OvsdbError | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#stream = new JsonStream(options.limits);
    this.#lastHeardMs = options.nowMs;
  }

  /**
   * Sends a request. `settle` is called exactly once, never before this returns unless the connection has ended
   * already.
   */
  request(method: string, params: readonly Json[], settle: (reply: Reply) => void): number {
    const id = this.#nextId++;
    if (this.#ended !== undefined) settle({ ok: false, error: this.#ended });
    else {
      this.#pending.set(id, { method, settle });
      this.#send({ method, params, id });
    }
    return id;
  }

  /**
   * Asks the server to give up on a request (RFC 7047 section 4.1.4), and forgets it: `settle` is not called any
   * more.
   */
  cancel(id: number): void {
    const request = this.#pending.get(id);
    if (request === undefined) return;
    request.settle = () => undefined;
    this.#send({ method: "cancel", params: [id], id: null });
    // ovsdb-server 3.1 obeys without the reply that the RFC has it send. What it has not said before this echo it
    // never will.
    this.request("echo", [], () => this.#pending.delete(id));
  }

  /**
   * Takes bytes as they came.
   * @throws {ProtocolError} and what `notification` throws: the connection is then to be ended.
   */
  receive(chunk: Uint8Array, nowMs: number): void {
    this.#lastHeardMs = nowMs;
    this.#probedAtMs = undefined;
    this.#stream.push(chunk, (message) => {
      // What is still in the chunk of a connection that has ended is nobody's.
      if (this.#ended === undefined) this.#dispatch(message);
    });
  }

  /**
   * Lets time pass: sends a probe where the server has been silent for long.
   * @returns when to call next; Infinity for never
   * @throws {ConnectionError} `probe-timeout`
   */
  tick(nowMs: number): number {
    const interval = this.#options.probeIntervalMs;
    if (interval === 0 || this.#ended !== undefined) return Number.POSITIVE_INFINITY;
    if (this.#probedAtMs === undefined && nowMs >= this.#lastHeardMs + interval) {
      this.#probedAtMs = nowMs;
      this.#send({ method: "echo", params: [], id: probeId });
    }
    if (this.#probedAtMs === undefined) return this.#lastHeardMs + interval;
    if (nowMs < this.#probedAtMs + interval) return this.#probedAtMs + interval;
    throw new ConnectionError(
      "probe-timeout",
      `no byte from the server for ${Math.round(nowMs - this.#lastHeardMs)} ms`,
    );
  }

  /** Ends the session: what is pending is told, and nothing is sent or handed on from now. */
  end(reason: OvsdbError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { settle } of pending) settle({ ok: false, error: reason });
  }

  #send(message: JsonObject): void {
    if (this.#ended === undefined) this.#options.write(JSON.stringify(message));
  }

  #dispatch(message: Json): void {
    if (!isObject(message)) throw badMessage(message);
    const method = member(message, "method");
    const id = member(message, "id") ?? null;
    if (method === undefined || method === null) return this.#settle(id, message);
    const params = member(message, "params") ?? [];
    if (typeof method !== "string" || !isArray(params)) throw badMessage(message);
    if (id === null) this.#options.notification(method, params);
    // Either side may ask the other for an echo (RFC 7047 section 4.1.11). Nothing else is for a server to ask.
    else if (method === "echo") this.#send({ result: params, error: null, id });
    else this.#send({ result: null, error: "unknown method", id });
  }

  #settle(id: Json, message: JsonObject): void {
    if (id === probeId) return;
    const request = typeof id === "number" ? this.#pending.get(id) : undefined;
    if (request === undefined || typeof id !== "number")
      throw new ProtocolError("bad-message", `a reply to nothing: ${excerpt(message)}`);
    this.#pending.delete(id);
    // ovsdb-server leaves out "result" beside an error, where JSON-RPC 1.0 wants both members.
    const error = member(message, "error") ?? null;
    const result = member(message, "result") ?? null;
    request.settle(error === null ? { ok: true, result } : { ok: false, error: rpcError(request.method, error) });
  }
}

function badMessage(message: Json): ProtocolError {
  return new ProtocolError("bad-message", `neither request nor reply: ${excerpt(message)}`);
}

/**
 * An <error> is an object with a string `error` and maybe `details`; for an unknown method ovsdb-server gives the
 * string alone.
 */
function rpcError(method: string, error: Json): RpcError {
  if (!isObject(error)) return new RpcError(method, typeof error === "string" ? error : excerpt(error));
  const { reason, details } = failureOf(error) ?? { reason: excerpt(error), details: undefined };
  return new RpcError(method, reason, details);
}

/** Reads an <error> (RFC 7047 section 3.1). */
export function failureOf(json: JsonObject): { reason: string; details: string | undefined } | undefined {
  const reason = member(json, "error");
  const details = member(json, "details");
  if (typeof reason !== "string") return undefined;
  return { reason, details: typeof details === "string" ? details : undefined };
}
