import type { Json } from "./json.ts";

/** Every error that this library makes. `code` is the API; the message is for people. */
export abstract class OvsdbError extends Error {
  abstract readonly code: string;
}

export type ValueErrorCode =
  | "bad-type"
  | "bad-uuid"
  | "bad-name"
  | "out-of-range"
  | "duplicate"
  | "unknown-table"
  | "unknown-column"
  | "bad-schema"
  | "bad-address";

/**
 * A value that has no meaning in OVSDB, in either direction. `path` says where, as `Interface.ofport`; empty for a
 * lone value.
 */
export class ValueError extends OvsdbError {
  override readonly name = "ValueError";
  readonly code: ValueErrorCode;
  readonly path: string;
  readonly #what: string;
  constructor(code: ValueErrorCode, what: string, path = "") {
    super(path === "" ? `${code}: ${what}` : `${code}: ${path}: ${what}`);
    this.code = code;
    this.path = path;
    this.#what = what;
  }
  /** The same error, seen from further out. */
  within(outer: string): ValueError {
    return new ValueError(this.code, this.#what, this.path === "" ? outer : `${outer}.${this.path}`);
  }
}

/** Runs `body`, and says `path` in the {@link ValueError} that comes out of it. */
export function within<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof ValueError ? error.within(path) : error;
  }
}

export type ProtocolErrorCode =
  | "too-large"
  | "too-deep"
  | "bad-utf8"
  | "bad-json"
  | "bad-message"
  | "bad-update"
  | "bad-reply";

/** Bytes or messages that a server must not send. The connection cannot be trusted any more and is dropped. */
export class ProtocolError extends OvsdbError {
  override readonly name = "ProtocolError";
  readonly code: ProtocolErrorCode;
  constructor(code: ProtocolErrorCode, what: string, options?: ErrorOptions) {
    super(`${code}: ${what}`, options);
    this.code = code;
  }
}

export type ConnectionErrorCode = "connect-failed" | "connect-timeout" | "lost" | "probe-timeout" | "closed";

/** Why there is no connection. `lost`: the server or the network ended it; `closed`: we did. */
export class ConnectionError extends OvsdbError {
  override readonly name = "ConnectionError";
  readonly code: ConnectionErrorCode;
  constructor(code: ConnectionErrorCode, what: string, options?: ErrorOptions) {
    super(`${code}: ${what}`, options);
    this.code = code;
  }
}

/** The server answered a request with an error (RFC 7047 section 3.1, <error>). `reason` is its `error` string. */
export class RpcError extends OvsdbError {
  override readonly name = "RpcError";
  readonly code = "rpc-error";
  readonly method: string;
  readonly reason: string;
  readonly details: string | undefined;
  constructor(method: string, reason: string, details?: string) {
    super(`${method}: ${reason}${details === undefined ? "" : `: ${details}`}`);
    this.method = method;
    this.reason = reason;
    this.details = details;
  }
}

/**
 * A transaction that did not happen, because of one of its operations or, where `index` is undefined, when all of it
 * was committed.
 */
export class TransactionError extends OvsdbError {
  override readonly name = "TransactionError";
  readonly code = "transaction-failed";
  /** The <error> string, as `constraint violation` or `timed out` (RFC 7047 section 5.2). */
  readonly reason: string;
  readonly details: string | undefined;
  /** Which operation failed, from 0. */
  readonly index: number | undefined;
  /** The operation in short, as `insert Bridge`. */
  readonly operation: string | undefined;
  readonly results: readonly Json[];
  constructor(
    failure: { reason: string; details: string | undefined; index: number | undefined; operation: string | undefined },
    results: readonly Json[],
  ) {
    const where = failure.index === undefined ? "commit" : `operation ${failure.index} (${failure.operation})`;
    super(`${where}: ${failure.reason}${failure.details === undefined ? "" : `: ${failure.details}`}`);
    this.reason = failure.reason;
    this.details = failure.details;
    this.index = failure.index;
    this.operation = failure.operation;
    this.results = results;
  }
}

/** Nothing was sent, because there is no connection: it is safe to try again. `cause` says why there is none. */
export class Unavailable extends OvsdbError {
  override readonly name = "Unavailable";
  readonly code = "unavailable";
  constructor(what: string, cause: unknown) {
    super(`unavailable: ${what}`, { cause });
  }
}

/** A request was sent and no answer will come: a transaction may have happened or not. Read before trying again. */
export class OutcomeUnknown extends OvsdbError {
  override readonly name = "OutcomeUnknown";
  readonly code = "outcome-unknown";
  constructor(what: string, cause: unknown) {
    super(`outcome unknown: ${what}`, { cause });
  }
}

/** The server's database lacks a selected table or column, or has it with another type. One line per difference. */
export class SchemaMismatch extends OvsdbError {
  override readonly name = "SchemaMismatch";
  readonly code = "schema-mismatch";
  readonly differences: readonly string[];
  constructor(database: string, differences: readonly string[]) {
    super(`schema of ${database}: ${differences.join("; ")}`);
    this.differences = differences;
  }
}
