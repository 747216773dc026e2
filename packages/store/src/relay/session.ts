import type { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Topic } from "@dragonflow/model";
import type { WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import type { StoreDriver, Version } from "../contract.ts";
import {
  errorFields,
  Forbidden,
  InvalidRequest,
  OutcomeUnknown,
  StoreError,
  TooLarge,
  Unavailable,
} from "../errors.ts";
import type { Subject } from "../tokens.ts";
import { type ClientFrame, decodeClientFrame, encodeServerFrame, PAGE_WINDOW, type ServerFrame } from "./frames.ts";
import type { Hub } from "./hub.ts";
import { lengthOf, ProtocolError, textOf } from "./json.ts";
import { type Rights, rightsOf } from "./rights.ts";
import type { LeaseLink, ServerLeases } from "./server-leases.ts";
import { type SessionLink, SessionWatch, type SubscribedTopic } from "./session-watch.ts";
import { encodeCommitted, encodeHead, encodeRow } from "./values.ts";

export interface SessionLimits {
  /** Bytes of one frame from a client. */
  readonly frameBytes: number;
  readonly subscriptionsPerConnection: number;
  readonly watchesPerConnection: number;
  readonly leasesPerConnection: number;
  /** Further requests are not read until some are answered. */
  readonly requestsInFlight: number;
  /** What may wait for a client that reads slowly; beyond, it loses events, is told so, and gets what it missed. */
  readonly clientBufferBytes: number;
}

/** What went over all connections of a relay since it started: messages, and their bytes without the framing of WebSocket and TLS. */
export interface RelayTraffic {
  messagesSent: number;
  bytesSent: number;
  messagesReceived: number;
  bytesReceived: number;
}

interface AskedLease {
  readonly cancelled: AbortController;
  /** Once it is granted. */
  fence: Version | undefined;
}

/** WebSocket close codes (RFC 6455 section 7.4.1). */
const CLOSE = { policy: 1008, tryAgainLater: 1013 } as const;

/** One client's connection. */
export class Session implements SessionLink, LeaseLink {
  readonly driver: StoreDriver;
  readonly hub: Hub;
  heardAt: number;
  congested = false;
  readonly #socket: WebSocket;
  /** What the WebSocket writes to. */
  readonly #wire: Duplex;
  #isCorked = false;
  readonly #rights: Rights;
  readonly #subject: Subject;
  readonly #leases: ServerLeases;
  readonly #limits: SessionLimits;
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  /** Of all connections of this relay. */
  readonly #traffic: RelayTraffic;
  readonly #ended = new AbortController();
  readonly #watches = new Map<number, SessionWatch>();
  readonly #missed = new Set<SubscribedTopic>();
  #inFlight = 0;
  /** By the number of the request: what is waited for, or held. */
  readonly #leasesAsked = new Map<number, AskedLease>();
  #credit = PAGE_WINDOW;
  #wantCredit: PromiseWithResolvers<void>[] = [];

  constructor(
    socket: WebSocket,
    wire: Duplex,
    subject: Subject,
    server: {
      readonly driver: StoreDriver;
      readonly hub: Hub;
      readonly leases: ServerLeases;
      readonly limits: SessionLimits;
      readonly clock: Clock;
      readonly report: (error: unknown) => void;
      readonly traffic: RelayTraffic;
    },
  ) {
    this.driver = server.driver;
    this.hub = server.hub;
    this.#socket = socket;
    this.#wire = wire;
    this.#subject = subject;
    this.#rights = rightsOf(subject);
    this.#leases = server.leases;
    this.#limits = server.limits;
    this.#clock = server.clock;
    this.#report = server.report;
    this.#traffic = server.traffic;
    this.heardAt = server.clock.now();
    socket.on("message", (message, isBinary) => {
      this.#traffic.messagesReceived++;
      this.#traffic.bytesReceived += lengthOf(message);
      this.#receive(isBinary ? "" : textOf(message));
    });
    socket.on("error", (error) => this.#report(error));
    socket.on("close", () => this.#end());
  }

  get closed(): AbortSignal {
    return this.#ended.signal;
  }

  send(frame: ServerFrame): void {
    this.sendShared(Buffer.from(encodeServerFrame(frame)));
  }
  sendShared(bytes: Buffer): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#cork();
    this.#traffic.messagesSent++;
    this.#traffic.bytesSent += bytes.length;
    this.#socket.send(bytes, { binary: false });
    if (this.congested || this.#socket.bufferedAmount <= this.#limits.clientBufferBytes) return;
    this.congested = true;
    // Its callback comes when everything before it has left.
    this.#socket.ping("", false, () => this.#drained());
  }
  onDrained(member: SubscribedTopic): void {
    this.#missed.add(member);
  }
  lost(name: string, fence: Version): void {
    this.send({ type: "lost", name, fence });
  }

  async pageCredit(): Promise<void> {
    if (this.closed.aborted) throw this.closed.reason;
    if (this.#credit > 0) {
      this.#credit--;
      // A long snapshot must not keep the others of this process waiting.
      if (this.#credit % 4 === 0) await nextTurn();
      return;
    }
    const wanted = Promise.withResolvers<void>();
    this.#wantCredit.push(wanted);
    await wanted.promise;
  }

  returnCredit(): void {
    this.#grantCredit(1);
  }

  /** The store or the protocol failed under this connection: the client is to try another time. */
  failed(error: unknown): void {
    if (this.closed.aborted) return;
    this.#report(error);
    this.#socket.close(CLOSE.tryAgainLater, "the store is unavailable");
  }

  terminate(): void {
    this.#socket.terminate();
  }
  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** What is sent in one turn leaves as one piece: one record of TLS and one call of the kernel, not one for each message. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#wire.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#wire.uncork();
    });
  }

  #drained(): void {
    this.congested = false;
    if (this.closed.aborted) return;
    const missed = [...this.#missed].filter((member) => member.state === "missed");
    this.#missed.clear();
    for (const [watch, members] of Map.groupBy(missed, (member) => member.watch)) {
      const topics = members.map((member) => member.topic);
      this.send({ type: "stale", watch: watch.number, reason: "overflow", topics });
      watch.join(members);
    }
  }

  #end(): void {
    this.#ended.abort(new Unavailable("the client has gone"));
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
    for (const { reject } of this.#wantCredit.splice(0)) reject(this.closed.reason);
    this.#leases.detach(this);
  }

  #receive(text: string): void {
    this.heardAt = this.#clock.now();
    try {
      this.#handle(decodeClientFrame(text));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#socket.close(CLOSE.policy, error.message.slice(0, 100));
    }
  }

  #handle(frame: ClientFrame): void {
    switch (frame.type) {
      case "ping":
        this.send({ type: "pong", number: frame.number });
        break;
      case "ack":
        this.#grantCredit(frame.pages);
        break;
      case "add":
        this.#add(frame);
        break;
      case "drop":
        this.#watches.get(frame.watch)?.drop(frame.topics);
        break;
      case "close":
        this.#watches.get(frame.watch)?.close();
        this.#watches.delete(frame.watch);
        break;
      case "lease":
        void this.#answer(frame.request, () => this.#lease(frame));
        break;
      case "cancel":
        this.#cancelLease(frame);
        break;
      case "get":
      case "head":
      case "commit":
      case "release":
        void this.#answerInTurn(frame);
        break;
      default:
        frame satisfies never;
    }
  }

  #add(frame: Extract<ClientFrame, { type: "add" }>): void {
    let watch = this.#watches.get(frame.watch);
    if (watch === undefined) {
      watch = new SessionWatch(frame.watch, this);
      this.#watches.set(frame.watch, watch);
    }
    const error = this.#refusal(frame.subscriptions.map((s) => s.topic));
    if (error === undefined) watch.add(frame.generation, frame.once, frame.subscriptions);
    else this.send({ type: "refused", watch: frame.watch, error: errorFields(error) });
  }

  #refusal(topics: readonly Topic[]): StoreError | undefined {
    const forbidden = topics.find((topic) => !this.#rights.mayRead(topic));
    if (forbidden !== undefined) return new Forbidden(`${this.#subject} may not read ${forbidden}`);
    const { watchesPerConnection, subscriptionsPerConnection } = this.#limits;
    if (this.#watches.size > watchesPerConnection)
      return new TooLarge("watchesPerConnection", watchesPerConnection, this.#watches.size);
    const subscribed = topics.length + this.#watches.values().reduce((sum, watch) => sum + watch.size, 0);
    if (subscribed > subscriptionsPerConnection)
      return new TooLarge("subscriptionsPerConnection", subscriptionsPerConnection, subscribed);
    return undefined;
  }

  #grantCredit(pages: number): void {
    this.#credit = Math.min(PAGE_WINDOW, this.#credit + pages);
    while (this.#credit > 0) {
      const wanted = this.#wantCredit.shift();
      if (wanted === undefined) break;
      this.#credit--;
      wanted.resolve();
    }
  }

  async #answerInTurn(frame: Extract<ClientFrame, { type: "get" | "head" | "commit" | "release" }>): Promise<void> {
    this.#inFlight++;
    if (this.#inFlight >= this.#limits.requestsInFlight) this.#socket.pause();
    await this.#answer(frame.request, () => this.#serve(frame), frame.type === "commit");
    this.#inFlight--;
    if (this.#socket.isPaused) this.#socket.resume();
  }

  async #answer(request: number, serve: () => Promise<unknown>, writes = false): Promise<void> {
    try {
      this.send({ type: "answer", request, result: await serve() });
    } catch (error) {
      if (this.closed.aborted) return;
      if (!(error instanceof StoreError)) this.#report(error);
      const other = writes ? new OutcomeUnknown("the server failed") : new Unavailable("the server failed");
      this.send({ type: "error", request, error: errorFields(error instanceof StoreError ? error : other) });
    }
  }

  async #serve(frame: Extract<ClientFrame, { type: "get" | "head" | "commit" | "release" }>): Promise<unknown> {
    switch (frame.type) {
      case "get": {
        this.#mustRead(frame.topic);
        const row = await this.driver.get(frame.topic, frame.id);
        return row === undefined ? null : encodeRow(row);
      }
      case "head":
        this.#mustRead(frame.topic);
        return encodeHead(await this.driver.head(frame.topic));
      case "commit": {
        for (const { topic } of frame.changes)
          if (!this.#rights.mayWrite(topic)) throw new Forbidden(`${this.#subject} may not write ${topic}`);
        for (const { topic } of frame.expect) this.#mustRead(topic);
        return encodeCommitted(await this.driver.commit(frame.id, frame.changes, frame.expect));
      }
      case "release":
        await this.#release(frame.name, frame.fence);
        return null;
      default:
        return frame satisfies never;
    }
  }

  async #lease(frame: Extract<ClientFrame, { type: "lease" }>): Promise<Version> {
    if (!this.#rights.mayLease(frame.name)) throw new Forbidden(`${this.#subject} may not hold ${frame.name}`);
    const { leasesPerConnection } = this.#limits;
    if (this.#leasesAsked.size >= leasesPerConnection)
      throw new TooLarge("leasesPerConnection", leasesPerConnection, this.#leasesAsked.size + 1);
    if (frame.holder.length === 0) throw new InvalidRequest("a lease needs a holder");
    const cancelled = new AbortController();
    const request: AskedLease = { cancelled, fence: undefined };
    this.#leasesAsked.set(frame.request, request);
    const { name, ttlSeconds, resume } = frame;
    // Of this subject: nobody else takes it over, whatever holder it names.
    const asked = { name, ttlSeconds, holder: `${this.#subject} ${frame.holder}`, ...(resume && { resume }) };
    try {
      request.fence = await this.#leases.acquire(asked, this, AbortSignal.any([this.closed, cancelled.signal]));
    } catch (error) {
      this.#leasesAsked.delete(frame.request);
      throw error;
    }
    if (cancelled.signal.aborted) await this.#release(name, request.fence);
    return request.fence;
  }

  /** Its grant may be on its way: then it is given back. */
  #cancelLease({ request, name }: Extract<ClientFrame, { type: "cancel" }>): void {
    const asked = this.#leasesAsked.get(request);
    asked?.cancelled.abort(new Unavailable("the client no longer waits"));
    if (asked?.fence === undefined) return;
    this.#release(name, asked.fence).catch((error: unknown) => this.#report(error));
  }
  async #release(name: string, fence: Version): Promise<void> {
    for (const [request, asked] of this.#leasesAsked) if (asked.fence === fence) this.#leasesAsked.delete(request);
    await this.#leases.release(name, fence, this);
  }

  #mustRead(topic: Topic): void {
    if (!this.#rights.mayRead(topic)) throw new Forbidden(`${this.#subject} may not read ${topic}`);
  }
}
