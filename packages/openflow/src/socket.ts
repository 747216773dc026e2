import { EventEmitter } from "node:events";
import { type Socket, connect as connectSocket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { DecodeError } from "@dragonflow/wire";
import { Connection, type ConnectionEvent, type ConnectionOptions } from "./connection.ts";
import { ConnectionError, OpenFlowError } from "./errors.ts";
import type { Bundled } from "./messages/bundle.ts";
import type { Message, ReplyTo, RequestMessage } from "./messages/index.ts";

export interface SocketOptions extends ConnectionOptions {
  /** Aborting it ends an attempt to connect. */
  readonly signal?: AbortSignal;
  /** So many bytes that the peer has not taken make the socket `congested`. Default 1 MiB. */
  readonly highWaterBytes?: number;
}

export interface SocketEvents {
  /** A message that answers nothing. */
  message: [message: Message, xid: number];
  /** The switch refused a message that nobody waits for; `error.tag` says whose. */
  refused: [error: OpenFlowError];
  /** A message that could not be read. */
  malformed: [error: DecodeError, bytes: Uint8Array];
  /** Not congested any more. */
  drain: [];
  close: [error: ConnectionError];
}

const TICK_MS = 1000;
/** Messages of a bundle that are encoded in one turn of the event loop. */
const BUNDLED_AT_ONCE = 1000;

/** Somebody who waits for an answer: what requests are tagged with. */
class Waiter {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: Error) => void;
  constructor(resolve: (message: Message) => void, reject: (error: Error) => void) {
    this.resolve = resolve;
    this.reject = reject;
  }
}
/** Somebody who collects the refusals of what was sent: a tag as well. */
class Collector {
  readonly errors: OpenFlowError[] = [];
}

/**
 * Connects to a switch and agrees with it on OpenFlow 1.5.
 * @param address As Open vSwitch writes it: `unix:PATH` or `tcp:HOST[:PORT]` (6653), an IPv6 host in brackets.
 * @throws {ConnectionError} `closed` (with the error of the system as `cause`), `version`, `protocol`, `timeout`.
 */
export async function connect(address: string, options: SocketOptions = {}): Promise<OpenFlowSocket> {
  options.signal?.throwIfAborted();
  const stream = connectSocket(parseAddress(address));
  const socket = new OpenFlowSocket(stream, options);
  const abort = (): void => socket.close();
  options.signal?.addEventListener("abort", abort);
  try {
    await socket.opened;
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
  return socket;
}

/** @throws {RangeError} for an address that is neither `unix:` nor `tcp:`. */
export function parseAddress(
  address: string,
): { readonly path: string } | { readonly host: string; readonly port: number } {
  if (address.startsWith("unix:")) return { path: address.slice(5) };
  const parts = /^tcp:(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address);
  const host = parts?.[1] ?? parts?.[2];
  if (host === undefined) throw new RangeError(`${address} is neither unix:PATH nor tcp:HOST[:PORT]`);
  return { host, port: Number(parts?.[3] ?? 6653) };
}

/**
 * A {@link Connection} over a stream of node:net. All that is sent in one turn of the event loop goes out in one write.
 */
export class OpenFlowSocket extends EventEmitter<SocketEvents> {
  /** Settles once messages can be sent, or never will be. */
  readonly opened: Promise<void>;
  readonly #stream: Socket;
  readonly #connection: Connection;
  readonly #highWaterBytes: number;
  readonly #timer: NodeJS.Timeout;
  #flushScheduled = false;
  #congested = false;
  #nextBundle = 1;
  #settleOpened: (error?: ConnectionError) => void = () => undefined;

  constructor(stream: Socket, options: SocketOptions = {}) {
    super();
    this.#stream = stream;
    this.#connection = new Connection(options);
    this.#highWaterBytes = options.highWaterBytes ?? 1024 * 1024;
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = (error) => (error === undefined ? resolve() : reject(error));
    });
    // Whoever does not wait for it learns the same from the `close` event.
    this.opened.catch(() => undefined);
    stream.setNoDelay(true);
    stream.on("data", (chunk) => {
      if (typeof chunk !== "string") this.#handle(this.#connection.receive(chunk));
    });
    stream.on("drain", () => this.#drained());
    stream.on("error", (cause) => this.#end(new ConnectionError("closed", cause.message, { cause })));
    stream.on("close", () => this.#end(new ConnectionError("closed", "the stream has ended")));
    this.#timer = setInterval(() => this.#handle(this.#connection.tick(performance.now())), TICK_MS).unref();
    this.#scheduleFlush();
  }

  /** The peer takes less than is sent: send only what cannot wait, until the `drain` event. */
  get congested(): boolean {
    return this.#congested;
  }
  get isOpen(): boolean {
    return this.#connection.state === "open";
  }

  /**
   * Sends messages that are not answered. With a `tag` (any value but undefined), a refusal that comes before the next
   * barrier is answered names the message and the tag, in the `refused` event.
   * @throws {ConnectionError} `not-open`. @throws {EncodeError}
   */
  send(messages: readonly Message[], tag?: unknown): void {
    this.#connection.send(messages, tag);
    this.#scheduleFlush();
  }

  /** Answers a message of the peer. */
  reply(xid: number, message: Message): void {
    this.#connection.reply(xid, message);
    this.#scheduleFlush();
  }

  /** Rejects with {@link OpenFlowError}, {@link ConnectionError}, or a DecodeError where the answer cannot be read. */
  request<M extends RequestMessage>(message: M): Promise<ReplyTo<M>> {
    return new Promise((resolve, reject) => {
      // The connection gives a request only the answer that its type has.
      this.#connection.request(message, new Waiter((answer) => resolve(answer as ReplyTo<M>), reject));
      this.#scheduleFlush();
    });
  }

  /** Resolves once the switch has done, or refused, all that was sent before. */
  async barrier(): Promise<void> {
    await this.request({ type: "barrier_request" });
  }

  /** Sends messages and a barrier. Resolves to what the switch refused; each error's `request` is the message. */
  async apply(messages: readonly Message[]): Promise<readonly OpenFlowError[]> {
    const collector = new Collector();
    this.send(messages, collector);
    await this.barrier();
    return collector.errors;
  }

  /**
   * Makes changes together: no packet, and nobody who reads the switch back, sees a part of them; without the commit
   * behind them nothing changes. One round trip. Resolves to what the switch refused, and made the rest without it; each
   * error's `request` is the `bundle_add_message`. Rejects with the {@link OpenFlowError} of the first change that was
   * found impossible among the others, and then nothing has changed.
   *
   * Open vSwitch finds most of what it refuses when it is added to a bundle, and commits the bundle without it.
   */
  async commit(messages: readonly Bundled[]): Promise<readonly OpenFlowError[]> {
    const bundle = this.#nextBundle++;
    const flags = ["atomic", "ordered"] as const;
    const control = { type: "bundle_control", bundle, flags } as const;
    const collector = new Collector();
    const opened = this.request({ ...control, control: "open_request" });
    // It may be refused while messages are still being sent; it is waited for below.
    opened.catch(() => undefined);
    try {
      for (let at = 0; at < messages.length; at += BUNDLED_AT_ONCE) {
        // The switch works on what it has while the rest is encoded.
        if (at > 0) await nextTurn();
        const part = messages.slice(at, at + BUNDLED_AT_ONCE);
        this.send(
          part.map((message) => ({ type: "bundle_add_message", bundle, flags, message })),
          collector,
        );
      }
    } catch (error) {
      await Promise.all([opened, this.request({ ...control, control: "discard_request" })]);
      throw error;
    }
    const committed = this.request({ ...control, control: "commit_request" });
    const outcomes = await Promise.allSettled([committed, opened, this.barrier()]);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") {
        // Of the change that made it fail the switch tells just before.
        const cause: unknown = outcome.reason;
        throw cause instanceof OpenFlowError ? (collector.errors.at(-1) ?? cause) : cause;
      }
    return collector.errors;
  }

  /** Ends the connection; what was sent before still goes out. */
  close(): void {
    this.#flush();
    this.#end(new ConnectionError("closed", "by this side"));
  }

  #handle(events: readonly ConnectionEvent[]): void {
    for (const event of events) this.#deliver(event);
    if (this.#connection.outputBytes > 0) this.#scheduleFlush();
  }

  #deliver(event: ConnectionEvent): void {
    switch (event.type) {
      case "open":
        this.#settleOpened();
        return;
      case "message":
        this.emit("message", event.message, event.xid);
        return;
      case "reply":
        if (event.tag instanceof Waiter) event.tag.resolve(event.message);
        return;
      case "failed":
        if (event.tag instanceof Waiter) event.tag.reject(event.error);
        else if (!(event.error instanceof OpenFlowError)) return;
        else if (event.tag instanceof Collector) event.tag.errors.push(event.error);
        else this.emit("refused", event.error);
        return;
      case "malformed":
        this.emit("malformed", event.error, event.bytes);
        return;
      case "closed":
        this.#closed(event.error, event.unanswered);
    }
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    if (this.#connection.outputBytes === 0 || this.#stream.destroyed) return;
    this.#stream.write(this.#connection.takeOutput());
    if (this.#stream.writableLength > this.#highWaterBytes) this.#congested = true;
  }

  #drained(): void {
    if (!this.#congested) return;
    this.#congested = false;
    this.emit("drain");
  }

  #end(error: ConnectionError): void {
    this.#handle(this.#connection.close(error));
  }

  #closed(error: ConnectionError, unanswered: readonly unknown[]): void {
    clearInterval(this.#timer);
    if (error.code === "timeout") {
      // It would wait for the peer to take what it does not take.
      this.#stream.destroy();
    } else {
      // The last words, such as why there is no version in common.
      this.#flush();
      this.#stream.destroySoon();
    }
    this.#settleOpened(error);
    for (const tag of unanswered) if (tag instanceof Waiter) tag.reject(error);
    this.emit("close", error);
  }
}
