import { type ErrorName, type UnnamedError, errorTypeName } from "./error-table.ts";
import type { Message } from "./messages/index.ts";

/** The switch refused a message. */
export class OpenFlowError extends Error {
  override readonly name = "OpenFlowError";
  /** What is wrong: `OFPBMC_BAD_PREREQ`, `NXBRC_MUST_BE_ZERO`; `unknown` for numbers that have no name. */
  readonly code: ErrorName | "unknown";
  /** What kind of thing is wrong: `OFPET_BAD_MATCH`. Nicira's errors are all `NXET`. */
  readonly errorType: string;
  /** Of the message that was refused. */
  readonly xid: number;
  /** The head of that message, as the switch sent it back: 64 bytes or more. */
  readonly head: Uint8Array;
  /** That message, where it was kept: see `Connection.send` and `Connection.request`. */
  readonly request: Message | undefined;
  /** What its sender gave it to be recognised by. */
  readonly tag: unknown;

  constructor(error: ErrorName | UnnamedError, xid: number, head: Uint8Array, request?: Message, tag?: unknown) {
    const errorType = errorTypeName(error);
    const shown = typeof error === "string" ? error : `type ${error.type} code ${error.code}`;
    super(`${shown}${request === undefined ? "" : ` for ${request.type}`} (xid ${xid})`);
    this.code = typeof error === "string" ? error : "unknown";
    this.errorType = errorType;
    this.xid = xid;
    this.head = head;
    this.request = request;
    this.tag = tag;
  }
}

/**
 * `closed`: by one of the sides. `timeout`: the peer is silent. `version`: no version of OpenFlow in common.
 * `protocol`: what came is not OpenFlow. `too-large`: a reply of more bytes than allowed; only its request fails.
 * `unanswered`: the answer to a later barrier came first. `not-open`: it is not, or no longer, possible to send.
 */
export type ConnectionErrorCode =
  | "closed"
  | "timeout"
  | "version"
  | "protocol"
  | "too-large"
  | "unanswered"
  | "not-open";

/** Why a connection, or a request on it, came to nothing. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: ConnectionErrorCode;
  constructor(code: ConnectionErrorCode, what: string, options?: ErrorOptions) {
    super(`${code}: ${what}`, options);
    this.code = code;
  }
}
