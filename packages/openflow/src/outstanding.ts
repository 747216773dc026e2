import { ConnectionError } from "./errors.ts";
import { type Message, type RequestMessage, replyType } from "./messages/index.ts";

/** What is known of a message that was sent. */
export interface Sent {
  readonly message: Message;
  readonly tag: unknown;
}

interface Pending extends Sent {
  readonly expected: string | undefined;
  /** Batches numbered below this were sent before. */
  readonly batchesBefore: number;
  /** The parts of the answer that have come. */
  parts: unknown[];
  bytes: number;
}

interface Batch {
  readonly number: number;
  readonly firstXid: number;
  readonly messages: readonly Message[];
  readonly tag: unknown;
}

/** A request that was never answered. */
export interface Lost extends Sent {
  readonly xid: number;
}

/** What came of a message that may be part of an answer. */
export type Answer =
  /** It answers nothing that was asked. */
  | { readonly type: "stray" }
  /** More parts follow. */
  | { readonly type: "part" }
  /** `unanswered`: what a barrier shows to be lost, for its answer comes behind those to all that was sent before. */
  | { readonly type: "whole"; readonly sent: Sent; readonly message: Message; readonly unanswered: readonly Lost[] }
  | { readonly type: "failed"; readonly sent: Sent; readonly error: Error };

/**
 * The messages of one connection that may still be answered or refused: requests until their answer, others until a
 * barrier that was sent behind them is answered, for a switch refuses a message before it answers a later barrier.
 */
export class Outstanding {
  readonly #maxReplyBytes: number;
  readonly #maxKept: number;
  readonly #requests = new Map<number, Pending>();
  #batches: Batch[] = [];
  #nextBatch = 0;
  #kept = 0;

  constructor(maxReplyBytes: number, maxKept: number) {
    this.#maxReplyBytes = maxReplyBytes;
    this.#maxKept = maxKept;
  }

  /** How many messages are kept, requests not counted. */
  get kept(): number {
    return this.#kept;
  }
  get tags(): readonly unknown[] {
    return Array.from(this.#requests.values(), ({ tag }) => tag);
  }

  request(xid: number, message: RequestMessage, tag: unknown): void {
    const expected = replyType(message);
    this.#requests.set(xid, { message, tag, expected, batchesBefore: this.#nextBatch, parts: [], bytes: 0 });
  }

  /** Keeps messages that were sent with consecutive xids. The oldest are forgotten where there are too many. */
  keep(firstXid: number, messages: readonly Message[], tag: unknown): void {
    this.#batches.push({ number: this.#nextBatch++, firstXid, messages, tag });
    this.#kept += messages.length;
    while (this.#kept > this.#maxKept) this.#kept -= this.#batches.shift()?.messages.length ?? this.#kept;
  }

  /** @param bytes How long the message was on the wire. */
  answer(xid: number, message: Message, bytes: number): Answer {
    const pending = this.#requests.get(xid);
    if (pending === undefined || pending.expected !== message.type) return { type: "stray" };
    if (!("entries" in message)) return this.#complete(xid, pending, message);
    pending.bytes += bytes;
    if (pending.bytes > this.#maxReplyBytes) {
      // Parts that still come are dropped one by one: the request stays known until the last.
      pending.parts = [];
      if (message.more) return { type: "part" };
      const error = new ConnectionError("too-large", `${pending.bytes} bytes answer ${pending.message.type}`);
      this.#requests.delete(xid);
      return { type: "failed", sent: pending, error };
    }
    if (!message.more && pending.parts.length === 0) return this.#complete(xid, pending, message);
    for (const entry of message.entries) pending.parts.push(entry);
    if (message.more) return { type: "part" };
    // The parts are entries of messages of this very type.
    return this.#complete(xid, pending, { type: message.type, entries: pending.parts } as Message);
  }

  /** Which message this xid was of. A request gets no other answer after this. */
  refuse(xid: number): Sent | undefined {
    const pending = this.#requests.get(xid);
    if (pending !== undefined) {
      this.#requests.delete(xid);
      return pending;
    }
    for (const { firstXid, messages, tag } of this.#batches) {
      const message = messages[xid - firstXid];
      if (message !== undefined) return { message, tag };
    }
    return undefined;
  }

  #complete(xid: number, pending: Pending, message: Message): Answer {
    const unanswered = message.type === "barrier_reply" ? this.#settle(xid, pending) : [];
    this.#requests.delete(xid);
    return { type: "whole", sent: pending, message, unanswered };
  }

  /**
   * A barrier is answered: nothing that was sent before it is outstanding any more. Returns the requests that should
   * have been answered.
   */
  #settle(barrierXid: number, { batchesBefore }: Pending): Lost[] {
    const done = this.#batches.findIndex(({ number }) => number >= batchesBefore);
    const settled = this.#batches.splice(0, done < 0 ? this.#batches.length : done);
    for (const { messages } of settled) this.#kept -= messages.length;
    const lost: Lost[] = [];
    // A Map keeps the order in which the requests were sent.
    for (const [xid, { message, tag }] of this.#requests) {
      if (xid === barrierXid) break;
      lost.push({ xid, message, tag });
    }
    for (const { xid } of lost) this.#requests.delete(xid);
    return lost;
  }
}
