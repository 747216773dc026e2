import { backOff, type Clock, StoreError, Unavailable } from "@dragonflow/store";
import type { EtcdAddress } from "./address.ts";
import { type Era, settleEra, type Witness } from "./era.ts";
import { EtcdFault, STATUS, storeErrorOf } from "./faults.ts";
import type { Keys } from "./keys.ts";
import { type Access, Link } from "./link.ts";
import { Multiplexer } from "./multiplexer.ts";
import { type Call, range } from "./wire/calls.ts";

const FIRST_PAUSE_MILLISECONDS = 50;
const LONGEST_PAUSE_MILLISECONDS = 2000;
/** How long a call waits for a member that can be used. */
const PATIENCE_MILLISECONDS = 5000;
/** How often a member is asked whether it is of use, and how long it has to answer: it reads through the leader. */
const PULSE_MILLISECONDS = 3000;
const PULSE_DEADLINE_MILLISECONDS = 4000;

/** A connection that was looked at: it may be used until `link.lost`. */
export interface Session {
  readonly link: Link;
  readonly era: Era;
  readonly watches: Multiplexer;
}
/** Who follows the connection. Of one session, `lost` comes after `opened`. */
export interface Follower {
  opened(session: Session): void;
  lost(): void;
}

export interface ConnectionOptions {
  readonly address: EtcdAddress;
  readonly access: Access;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly onNewLineage: (reason: string) => void;
}

/** One session at a time with any of the members; the next one is opened when it is lost. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #followers: Follower[] = [];
  #session: Session | undefined;
  #era: Era | undefined;
  #witness: Witness | undefined;
  #member = Math.floor(Math.random() * 1000);
  #askForNewLineage: boolean;
  #waiting = Promise.withResolvers<Session>();
  #failure: unknown;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#askForNewLineage = options.address.newLineage;
    this.#waiting.promise.catch(() => undefined);
  }

  /** Until a first session is there. @throws {StoreError} when the members refuse us; `signal.reason`. */
  async open(signal: AbortSignal): Promise<Session> {
    for (let attempt = 0; ; attempt++) {
      try {
        const session = await this.#connect();
        this.#running = this.#run(session);
        return session;
      } catch (error) {
        // A password or a right that is wrong does not become right by waiting.
        const passing = error instanceof EtcdFault && error.isMembers;
        if (!passing) throw storeErrorOf(error);
        this.#failure = error;
        await this.#pause(attempt, AbortSignal.any([signal, this.#closing.signal]));
        if (signal.aborted) throw new Unavailable(`etcd was not reached: ${error.message}`, { cause: error });
      }
    }
  }

  follow(follower: Follower): void {
    this.#followers.push(follower);
    if (this.#session !== undefined) follower.opened(this.#session);
  }

  /** Of the newest session. */
  get era(): Era {
    if (this.#era === undefined) throw new Unavailable("etcd was not reached yet");
    return this.#era;
  }

  /** What was read or written for sure. */
  witnessed(witness: Witness): void {
    if (witness.revision > (this.#witness?.revision ?? 0)) this.#witness = witness;
  }

  /** Waits a little for one. @throws {Unavailable} */
  async session(): Promise<Session> {
    if (this.#closing.signal.aborted) throw new Unavailable("the store was closed");
    if (this.#session !== undefined) return this.#session;
    const late = Promise.withResolvers<never>();
    const why = this.#failure instanceof Error ? `: ${this.#failure.message}` : "";
    const cancel = this.#options.clock.after(
      PATIENCE_MILLISECONDS,
      () => late.reject(new Unavailable(`no member of etcd is reached${why}`)),
      true,
    );
    try {
      return await Promise.race([this.#waiting.promise, late.promise]);
    } finally {
      cancel();
    }
  }

  /** A call that writes nothing: it goes to the next member where one fails. @throws {StoreError}; {@link EtcdFault} for what `expected` names. */
  async read<Q, A>(call: Call<Q, A>, request: Q, expected?: (fault: EtcdFault) => boolean): Promise<A> {
    return (await this.ask(call, request, expected)).answer;
  }

  /** The same, with the era that the answer's revisions are of. */
  async ask<Q, A>(
    call: Call<Q, A>,
    request: Q,
    expected?: (fault: EtcdFault) => boolean,
  ): Promise<{ readonly answer: A; readonly era: Era }> {
    const deadline = this.#options.clock.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      const { link, era } = await this.session();
      try {
        return { answer: await link.call(call, request), era };
      } catch (error) {
        if (this.#closing.signal.aborted) throw new Unavailable("the store was closed");
        if (error instanceof EtcdFault && expected?.(error) === true) throw error;
        if (
          !(error instanceof EtcdFault && (error.isMembers || error.needsLogin)) ||
          this.#options.clock.now() > deadline
        )
          throw storeErrorOf(error);
      }
    }
  }

  /** The session is of no use: another one is opened, and looked at. */
  renew(session: Session, why: string): void {
    session.link.lose(why);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Unavailable("the store was closed"));
    this.#waiting.reject(new Unavailable("the store was closed"));
    this.#session?.link.lose("the store was closed");
    await this.#running;
  }

  async #run(first: Session): Promise<void> {
    for (let session: Session | undefined = first; session !== undefined; session = await this.#reconnect()) {
      const { lost } = session.link;
      if (this.#closing.signal.aborted) session.link.lose("the store was closed");
      if (lost.aborted) continue;
      lost.addEventListener("abort", () => this.#lose(lost.reason), { once: true });
      this.#session = session;
      this.#failure = undefined;
      this.#waiting.resolve(session);
      for (const follower of this.#followers) follower.opened(session);
      await this.#pulse(session);
    }
  }

  /** At once: nobody may use it any more. */
  #lose(why: unknown): void {
    this.#session = undefined;
    this.#failure = why;
    if (!this.#closing.signal.aborted) {
      this.#waiting = Promise.withResolvers();
      this.#waiting.promise.catch(() => undefined);
    }
    for (const follower of this.#followers) follower.lost();
  }

  async #reconnect(): Promise<Session | undefined> {
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      try {
        return await this.#connect();
      } catch (error) {
        if (!(error instanceof EtcdFault || error instanceof StoreError)) throw error;
        this.#failure = error;
        await this.#pause(attempt, this.#closing.signal);
      }
    }
    return undefined;
  }

  /** Tries each member once. */
  async #connect(): Promise<Session> {
    const { address, access, keys, onNewLineage } = this.#options;
    let failure: unknown = new EtcdFault(STATUS.unavailable, "there is no member");
    for (const _ of address.endpoints) {
      this.#closing.signal.throwIfAborted();
      const endpoint = address.endpoints[this.#member++ % address.endpoints.length];
      if (endpoint === undefined) continue;
      let link: Link | undefined;
      try {
        link = await Link.open(endpoint, access);
        const before = this.#era === undefined ? undefined : { era: this.#era, witness: this.#witness };
        const { era, renewed } = await settleEra(link, keys, before, this.#askForNewLineage);
        this.#closing.signal.throwIfAborted();
        this.#askForNewLineage = false;
        if (this.#era?.lineage !== era.lineage) this.#witness = undefined;
        this.#era = era;
        if (renewed !== undefined) onNewLineage(renewed);
        return { link, era, watches: new Multiplexer(link, this.#options.clock) };
      } catch (error) {
        link?.lose(`${endpoint}: ${String(error)}`);
        failure = error;
        if (!(error instanceof EtcdFault && error.isMembers)) break;
      }
    }
    throw failure;
  }

  /** Asks now and then; returns when the session is lost. */
  async #pulse({ link, era }: Session): Promise<void> {
    while (!link.lost.aborted) {
      const next = Promise.withResolvers<void>();
      const cancel = this.#options.clock.after(PULSE_MILLISECONDS * (0.8 + Math.random() * 0.4), next.resolve);
      link.lost.addEventListener("abort", () => next.resolve(), { once: true });
      await next.promise;
      cancel();
      if (link.lost.aborted) return;
      try {
        const request = { key: this.#options.keys.meta, keysOnly: true };
        const [meta] = (await link.call(range, request, PULSE_DEADLINE_MILLISECONDS)).kvs;
        if (meta?.modRevision !== era.metaRevision) link.lose("the store has another lineage now");
      } catch (error) {
        link.lose(`${link.endpoint}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  async #pause(attempt: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    const milliseconds = backOff(attempt, FIRST_PAUSE_MILLISECONDS, LONGEST_PAUSE_MILLISECONDS);
    const cancel = this.#options.clock.after(milliseconds, resolve, true);
    await promise;
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}
