import { DecodeError, Writer } from "@dragonflow/wire";
import { ConnectionError, OpenFlowError } from "./errors.ts";
import { Framer } from "./framing.ts";
import { MAX_MESSAGE_BYTES } from "./messages/header.ts";
import {
  type Decoded,
  type Message,
  type MessageNamed,
  type RequestMessage,
  decodeMessage,
  encodeMessage,
  isReply,
} from "./messages/index.ts";
import { OPENFLOW_15 } from "./numbers.ts";
import { Outstanding } from "./outstanding.ts";

export interface ConnectionOptions {
  /** After so much silence the peer is asked for a sign of life. Default 5000. */
  readonly echoIntervalMs?: number;
  /** So much later, without any sign, the connection is given up, at the second tick that finds it so. Default 5000. */
  readonly echoTimeoutMs?: number;
  /** Largest message that is accepted. Default 65535, which is the largest there can be. */
  readonly maxMessageBytes?: number;
  /** Largest reply of several parts that is put together. Default 256 MiB: a million flows. */
  readonly maxReplyBytes?: number;
}

/** Byte strings in messages are views of what was received: copy what is kept for long. */
export type ConnectionEvent =
  /** Both sides speak OpenFlow 1.5: messages may be sent. */
  | { readonly type: "open" }
  /** A message that answers nothing: packet-in, port status, flow removed, flow updates, requests by the peer. */
  | { readonly type: "message"; readonly xid: number; readonly message: Message }
  /** The answer to a request, whole. */
  | { readonly type: "reply"; readonly xid: number; readonly message: Message; readonly tag: unknown }
  /**
   * The switch refused a message, or its answer could not be read. `tag` is undefined for a message that was not kept.
   */
  | { readonly type: "failed"; readonly xid: number; readonly error: Error; readonly tag: unknown }
  /** A message that cannot be read, and answers nothing. The connection goes on. */
  | { readonly type: "malformed"; readonly error: DecodeError; readonly bytes: Uint8Array }
  /** Nothing more will come, and nothing can be sent. `unanswered` are the tags of the requests that are still open. */
  | { readonly type: "closed"; readonly error: ConnectionError; readonly unanswered: readonly unknown[] };

const MAX_REPLY_BYTES = 256 * 1024 * 1024;
const MAX_KEPT = 1_000_000;
const MAX_XID = 0xffffffff;
/** Larger arenas are handed over instead of copied, so that a big upload does not stay in memory. */
const KEEP_ARENA_BYTES = 256 * 1024;

/**
 * One OpenFlow 1.5 connection without any I/O: it is fed the bytes that came and the time, and gives events and the
 * bytes to send. Either side can be it: a controller asks with `request`, a switch answers with `reply`.
 *
 * By itself it says hello, agrees on the version, answers echo requests, and watches over the peer.
 */
export class Connection {
  readonly #echoIntervalMs: number;
  readonly #echoTimeoutMs: number;
  readonly #framer: Framer;
  readonly #outstanding: Outstanding;
  #output = new Writer(4096);
  #state: "hello" | "open" | "closed" = "hello";
  #nextXid = 1;
  /** Something came since the last tick. */
  #heard = true;
  #lastHeardMs = 0;
  /** When the silent peer was asked for a sign of life. */
  #askedMs: number | undefined;
  /** The last tick found that it has taken too long. */
  #overdue = false;
  /** Why it is closed. */
  #end: ConnectionError | undefined;

  constructor(options: ConnectionOptions = {}) {
    this.#echoIntervalMs = options.echoIntervalMs ?? 5000;
    this.#echoTimeoutMs = options.echoTimeoutMs ?? 5000;
    this.#framer = new Framer(options.maxMessageBytes ?? MAX_MESSAGE_BYTES);
    this.#outstanding = new Outstanding(options.maxReplyBytes ?? MAX_REPLY_BYTES, MAX_KEPT);
    encodeMessage(this.#output, this.#xids(1), { type: "hello", versions: [OPENFLOW_15] });
  }

  get state(): "hello" | "open" | "closed" {
    return this.#state;
  }
  /** Bytes that wait to be taken by {@link takeOutput}. */
  get outputBytes(): number {
    return this.#output.length;
  }

  /** The bytes to send: everything since the last time. They are the caller's from here on. */
  takeOutput(): Uint8Array {
    if (this.#output.length <= KEEP_ARENA_BYTES) {
      const bytes = this.#output.slice();
      this.#output.reset();
      return bytes;
    }
    const bytes = this.#output.view();
    this.#output = new Writer(4096);
    return bytes;
  }

  /**
   * Sends messages that are not answered. With a `tag` they are kept until a barrier behind them is answered, so that
   * an error names the message and the tag; at most a million of them.
   * @throws {ConnectionError} `not-open`. @throws {EncodeError} for a message that has no wire form: then none is sent.
   */
  send(messages: readonly Message[], tag?: unknown): void {
    this.#checkOpen();
    const firstXid = this.#xids(messages.length);
    const start = this.#output.length;
    let xid = firstXid;
    try {
      for (const message of messages) encodeMessage(this.#output, xid++, message);
    } catch (failure) {
      this.#output.truncate(start);
      throw failure;
    }
    if (tag !== undefined) this.#outstanding.keep(firstXid, messages, tag);
  }

  /**
   * Sends a message that is answered; its `reply` or `failed` event carries the `tag`.
   * @throws {ConnectionError} `not-open`. @throws {EncodeError} for a message that has no wire form.
   */
  request(message: RequestMessage, tag: unknown): void {
    this.#checkOpen();
    const xid = this.#xids(1);
    encodeMessage(this.#output, xid, message);
    this.#outstanding.request(xid, message, tag);
  }

  /** Answers a message of the peer: `xid` is that of the message. */
  reply(xid: number, message: Message): void {
    this.#checkOpen();
    encodeMessage(this.#output, xid, message);
  }

  /** Bytes that came, cut in any way. */
  receive(chunk: Uint8Array): ConnectionEvent[] {
    const events: ConnectionEvent[] = [];
    if (this.#state === "closed") return events;
    this.#heard = true;
    for (const bytes of this.#framer.push(chunk)) {
      this.#accept(bytes, events);
      if (this.state === "closed") return events;
    }
    const { broken } = this.#framer;
    if (broken !== undefined) this.#close(new ConnectionError("protocol", broken.message, { cause: broken }), events);
    return events;
  }

  /** Time has passed. Call it about once a second. */
  tick(nowMs: number): ConnectionEvent[] {
    const events: ConnectionEvent[] = [];
    if (this.#state === "closed") return events;
    if (this.#heard) {
      this.#heard = false;
      this.#lastHeardMs = nowMs;
      this.#askedMs = undefined;
      this.#overdue = false;
    }
    const silentMs = nowMs - this.#lastHeardMs;
    if (this.#askedMs !== undefined) {
      if (nowMs - this.#askedMs < this.#echoTimeoutMs) return events;
      // A process that was held up itself sees the time first, and then what came meanwhile: it looks once more before it judges.
      if (this.#overdue) this.#close(new ConnectionError("timeout", `silent for ${silentMs} ms`), events);
      else this.#overdue = true;
    } else if (silentMs >= this.#echoIntervalMs) {
      this.#askedMs = nowMs;
      // A peer that has not said hello yet is not asked, but gets as long.
      if (this.#state === "open") {
        encodeMessage(this.#output, this.#xids(1), { type: "echo_request", payload: new Uint8Array() });
      }
    }
    return events;
  }

  /** Gives the connection up, for instance since its socket is gone. */
  close(error: ConnectionError): ConnectionEvent[] {
    const events: ConnectionEvent[] = [];
    if (this.#state !== "closed") this.#close(error, events);
    return events;
  }

  #checkOpen(): void {
    if (this.#state === "open") return;
    const cause = this.#end;
    throw new ConnectionError("not-open", cause?.message ?? "no hello yet", cause && { cause });
  }

  /** The first of `count` consecutive transaction ids. 0 stands for "asked by nobody". */
  #xids(count: number): number {
    if (this.#nextXid + count > MAX_XID) this.#nextXid = 1;
    const first = this.#nextXid;
    this.#nextXid += count;
    return first;
  }

  #accept(bytes: Uint8Array, events: ConnectionEvent[]): void {
    let decoded: Decoded;
    try {
      decoded = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#malformed(bytes, error, events);
      return;
    }
    if (this.#state === "hello") this.#greet(decoded, events);
    else this.#dispatch(decoded, bytes.length, events);
  }

  #malformed(bytes: Uint8Array, error: DecodeError, events: ConnectionEvent[]): void {
    const xid = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
    const sent = this.#outstanding.refuse(xid);
    if (sent !== undefined) events.push({ type: "failed", xid, error, tag: sent.tag });
    else if (this.#state === "open") events.push({ type: "malformed", error, bytes });
    else this.#close(new ConnectionError("protocol", "no hello", { cause: error }), events);
  }

  #greet({ message, xid }: Decoded, events: ConnectionEvent[]): void {
    if (message.type === "hello" && message.versions.includes(OPENFLOW_15)) {
      this.#state = "open";
      events.push({ type: "open" });
    } else if (message.type === "hello") {
      const why = `the peer speaks versions ${message.versions.join(", ")}, not ${OPENFLOW_15}`;
      const data = new TextEncoder().encode(why);
      encodeMessage(this.#output, xid, { type: "error", error: "OFPHFC_INCOMPATIBLE", data });
      this.#close(new ConnectionError("version", why), events);
    } else if (message.type === "error") {
      const cause = new OpenFlowError(message.error, xid, message.data);
      this.#close(new ConnectionError("version", cause.message, { cause }), events);
    } else {
      this.#close(new ConnectionError("protocol", `${message.type} before hello`), events);
    }
  }

  #dispatch({ message, xid }: Decoded, bytes: number, events: ConnectionEvent[]): void {
    if (message.type === "hello") return;
    if (message.type === "echo_request") {
      encodeMessage(this.#output, xid, { type: "echo_reply", payload: message.payload });
      return;
    }
    if (message.type === "error") {
      this.#refused(message, xid, events);
      return;
    }
    const answer = this.#outstanding.answer(xid, message, bytes);
    switch (answer.type) {
      case "whole":
        for (const { xid: lost, message: request, tag } of answer.unanswered) {
          const error = new ConnectionError("unanswered", `${request.type} (xid ${lost}), though a later barrier was`);
          events.push({ type: "failed", xid: lost, error, tag });
        }
        events.push({ type: "reply", xid, message: answer.message, tag: answer.sent.tag });
        return;
      case "failed":
        events.push({ type: "failed", xid, error: answer.error, tag: answer.sent.tag });
        return;
      case "stray":
        // The answer to a request that has failed already, or to our own echo.
        if (xid === 0 || !isReply(message)) events.push({ type: "message", xid, message });
        return;
      case "part":
    }
  }

  #refused({ error, data }: MessageNamed<"error">, xid: number, events: ConnectionEvent[]): void {
    const sent = this.#outstanding.refuse(xid);
    const failure = new OpenFlowError(error, xid, data, sent?.message, sent?.tag);
    events.push({ type: "failed", xid, error: failure, tag: sent?.tag });
  }

  #close(error: ConnectionError, events: ConnectionEvent[]): void {
    this.#state = "closed";
    this.#end = error;
    events.push({ type: "closed", error, unanswered: this.#outstanding.tags });
  }
}
