import { WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { backOff } from "../commit-retry.ts";
import { errorFromFields, Forbidden, OutcomeUnknown, TooLarge, Unavailable } from "../errors.ts";
import { wasAsleep } from "./asleep.ts";
import {
  type ClientFrame,
  decodeServerFrame,
  encodeClientFrame,
  RELAY_PROTOCOL,
  type ServerFrame,
  type Welcome,
} from "./frames.ts";
import { ProtocolError, textOf } from "./json.ts";

const FIRST_RETRY_MILLISECONDS = 50;
const LONGEST_RETRY_MILLISECONDS = 5_000;
/** No less than a server grants for TLS and for the request together: who gives up before it begins anew, and has both do the work again. */
const HANDSHAKE_MILLISECONDS = 20_000;

export interface ConnectionOptions {
  readonly address: string;
  readonly token: string;
  readonly ca: string | Buffer | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onError: (error: unknown) => void;
}
/** What the connection tells its owner; synchronous and in order. */
export interface ConnectionEvents {
  up(welcome: Welcome): void;
  down(): void;
  /** The server does not accept the token. */
  refused(error: Error): void;
  frame(frame: ServerFrame): void;
  /** The server had heard us at this time, by our clock. */
  proven(at: number): void;
}

interface Waiting {
  readonly sentAt: number;
  readonly writes: boolean;
  readonly answer: PromiseWithResolvers<unknown>;
}
type Unnumbered<F> = F extends { readonly request: number } ? Omit<F, "request"> : never;
export type RequestFrame = Unnumbered<ClientFrame>;

/** One WebSocket to the relay, made again whenever it breaks. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #waiting = new Map<number, Waiting>();
  #socket: WebSocket | undefined;
  #welcome: Welcome | undefined;
  #nextRequest = 1;
  /** Since a server was of use: one that only says welcome, its store being away, is not to be tried again and again by a whole fleet. */
  #attempt = 0;
  #refused: Error | undefined;
  #lastError: unknown;
  #closed = false;
  #cancelRetry: () => void = () => undefined;
  #cancelPing: () => void = () => undefined;
  #unanswered: { readonly number: number; readonly sentAt: number } | undefined;
  #pingNumber = 0;
  /** The longest silence that someone can bear, in milliseconds. */
  #bearable = Number.POSITIVE_INFINITY;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#connect();
  }

  get isUp(): boolean {
    return this.#welcome !== undefined;
  }
  get closed(): boolean {
    return this.#closed;
  }
  /** Why there is no connection. */
  get absence(): Error {
    const { address } = this.#options;
    if (this.#closed) return new Unavailable(`the connection to ${address} was closed`);
    return this.#refused ?? new Unavailable(`not connected to ${address}`, { cause: this.#lastError });
  }

  /** False: there is no connection now. */
  send(frame: ClientFrame): boolean {
    if (this.#socket === undefined || this.#welcome === undefined) return false;
    this.#socket.send(encodeClientFrame(frame));
    return true;
  }

  /** @throws {Unavailable} | {@link OutcomeUnknown} when the connection is cut before the answer; what the server answers. */
  async request(frame: RequestFrame, signal?: AbortSignal): Promise<unknown> {
    const socket = this.#socket;
    if (socket === undefined || this.#welcome === undefined) throw this.absence;
    signal?.throwIfAborted();
    const request = this.#nextRequest++;
    const text = encodeClientFrame(numbered(frame, request));
    const { frameBytes } = this.#welcome;
    if (text.length * 3 > frameBytes && Buffer.byteLength(text) > frameBytes)
      throw new TooLarge("bytesPerFrame", frameBytes, Buffer.byteLength(text));
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(request, { sentAt: this.#options.clock.now(), writes: frame.type === "commit", answer });
    socket.send(text);
    const onAbort = (): void => {
      answer.reject(signal?.reason);
      if (frame.type === "lease") this.send({ type: "cancel", request, name: frame.name });
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await answer.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#waiting.delete(request);
    }
  }

  /** From now on the server is asked for a sign of life three times within this time. */
  bear(milliseconds: number): void {
    if (milliseconds >= this.#bearable) return;
    this.#bearable = milliseconds;
    if (this.isUp) this.#ping();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry();
    const socket = this.#socket;
    if (socket === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once("close", () => resolve());
    const cancel = this.#options.clock.after(1000, () => socket.terminate());
    socket.close();
    await promise;
    cancel();
  }

  #connect(): void {
    const { address, token, ca } = this.#options;
    const socket = new WebSocket(address, RELAY_PROTOCOL, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: HANDSHAKE_MILLISECONDS,
      perMessageDeflate: false,
      maxPayload: 0,
      ...(ca === undefined ? {} : { ca }),
    });
    this.#socket = socket;
    socket.on("message", (message) => this.#receive(socket, textOf(message)));
    socket.on("unexpected-response", (request, response) => {
      const refusal = response.statusCode === 401 || response.statusCode === 403;
      this.#refused = refusal ? new Forbidden(`${address} does not accept the token`) : undefined;
      if (this.#refused !== undefined) this.#events.refused(this.#refused);
      request.destroy(new Unavailable(`${address} answered ${response.statusCode ?? "nothing"}`));
    });
    socket.on("error", (error) => {
      // The same reason again and again, at each attempt, is told once.
      const isNew = !(this.#lastError instanceof Error) || this.#lastError.message !== error.message;
      this.#lastError = error;
      if (isNew) this.#options.onError(error);
    });
    socket.on("close", () => this.#down(socket));
  }

  #receive(socket: WebSocket, text: string): void {
    if (socket !== this.#socket) return;
    let frame: ServerFrame;
    try {
      frame = decodeServerFrame(text);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#lastError = error;
      this.#options.onError(error);
      socket.terminate();
      return;
    }
    switch (frame.type) {
      case "welcome":
        this.#welcome = frame;
        this.#refused = undefined;
        this.#lastError = undefined;
        this.bear(frame.silenceSeconds * 1000);
        this.#ping();
        this.#events.up(frame);
        break;
      case "answer":
      case "error": {
        const waiting = this.#waiting.get(frame.request);
        if (waiting === undefined) break;
        this.#events.proven(waiting.sentAt);
        if (frame.type === "answer") {
          this.#attempt = 0;
          waiting.answer.resolve(frame.result);
        } else waiting.answer.reject(errorFromFields(frame.error));
        break;
      }
      case "pong":
        if (this.#unanswered?.number !== frame.number) break;
        this.#events.proven(this.#unanswered.sentAt);
        this.#unanswered = undefined;
        break;
      case "current":
        this.#attempt = 0;
        this.#events.frame(frame);
        break;
      case "lost":
      case "refused":
      case "began":
      case "snapshot":
      case "page":
      case "commit":
      case "stale":
        this.#events.frame(frame);
        break;
      default:
        frame satisfies never;
    }
  }

  #ping(due = this.#options.clock.now()): void {
    this.#cancelPing();
    const interval = this.#bearable / 3;
    const now = this.#options.clock.now();
    if (this.#unanswered === undefined) {
      this.#unanswered = { number: ++this.#pingNumber, sentAt: now };
      this.send({ type: "ping", number: this.#unanswered.number });
    } else if (now - this.#unanswered.sentAt >= 2 * interval && !wasAsleep(due, this.#options.clock)) {
      this.#lastError = new Unavailable("the relay fell silent");
      this.#socket?.terminate();
      return;
    }
    this.#cancelPing = this.#options.clock.after(interval, () => this.#ping(now + interval));
  }

  #down(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    const wasUp = this.isUp;
    this.#socket = undefined;
    this.#welcome = undefined;
    this.#unanswered = undefined;
    this.#cancelPing();
    for (const { writes, answer } of this.#waiting.values())
      answer.reject(writes ? new OutcomeUnknown("the connection was cut before the answer") : this.absence);
    this.#waiting.clear();
    if (wasUp) this.#events.down();
    if (this.#closed) return;
    const { clock, random } = this.#options;
    const pause = backOff(this.#attempt++, FIRST_RETRY_MILLISECONDS, LONGEST_RETRY_MILLISECONDS, random);
    this.#cancelRetry = clock.after(pause, () => this.#connect(), true);
  }
}

function numbered(frame: RequestFrame, request: number): ClientFrame {
  return { ...frame, request };
}
