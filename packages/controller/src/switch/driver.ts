import { EventEmitter } from "node:events";
import {
  ConnectionError,
  connect,
  type Flow,
  type OpenFlowSocket,
  type ReplyTo,
  type RequestMessage,
} from "@dragonflow/openflow";
import type { Binding, DesiredFlow, Pipeline } from "@dragonflow/pipeline";
import { type Actual, isOurs, readActual } from "./actual.ts";
import { keyOf } from "./canonical.ts";
import { bindingOf, type KnownNumbers, type SwitchDifference } from "./difference.ts";
import { driftOf } from "./drift.ts";
import { type Counters, noCounters, type SwitchEvents } from "./events.ts";
import { Disturbances, watchForeignChanges } from "./foreign-changes.ts";
import { installIdentityOption } from "./identity-option.ts";
import { type InjectedPacket, injectPackets } from "./inject.ts";
import { fromActual } from "./installed.ts";
import { Inventory } from "./inventory.ts";
import { Numbers } from "./numbers.ts";
import { type MissFlow, plan, type Plan, type Refusal, type SwitchDesired, usesOf, type Wanted } from "./plan.ts";
import { Redial } from "./redial.ts";
import { SelfAudit } from "./self-audit.ts";
import { isEmpty, transmit } from "./transmit.ts";
import { Uses } from "./uses.ts";
import { type WriteDown, ZoneKeeper } from "./zone-keeper.ts";
import type { ZoneLedger } from "./zones.ts";

/** Group numbers and meter numbers that are ours. Meters of the userspace datapath end at 65,535. */
const GROUPS = { first: 0x0df00000, last: 0x0dffffff } as const;
const METERS = { first: 0x4000, last: 0xfffe } as const;

/**
 * Keeps one bridge equal to what is desired. On every connection it reads back what is there and sends the difference only; afterwards one plan at a
 * time, each with all that has changed meanwhile (latest wins). While there is no connection, or nothing was released yet, the switch keeps what it
 * has.
 *
 * What the switch refuses counts as not desired until it changes: what stood in its place is removed, so that what is in the switch follows from what
 * is desired, and not from what was.
 */
export class SwitchDriver extends EventEmitter<SwitchEvents> {
  readonly counters: Counters = noCounters();
  readonly #pipeline: Pipeline;
  readonly #redial: Redial<OpenFlowSocket>;
  readonly #misses: ReadonlyMap<string, MissFlow>;
  readonly #wanted: Map<string, Wanted>;
  readonly #refused = new Map<string, Refusal>();
  #refusedBefore: ReadonlyMap<string, Refusal> | undefined;
  readonly #uses = new Uses(usesOf);
  readonly #groups = new Numbers(GROUPS.first, GROUPS.last);
  readonly #meters = new Numbers(METERS.first, METERS.last);
  readonly #zones: ZoneKeeper;
  readonly #binding: Binding = {
    group: (name) => this.#groups.of(name),
    meter: (name) => this.#meters.of(name),
    zone: (name) => this.#zones.numberOf(name) ?? 0,
  };
  /** Those that are handed out already. */
  readonly #numbers: KnownNumbers = {
    group: (name) => this.#groups.numberOf(name),
    meter: (name) => this.#meters.numberOf(name),
    zone: this.#binding.zone,
  };
  /** What the switch acknowledged on this connection. */
  #installed = new Inventory();
  /** Keys where what is wanted may not be what is installed. */
  #dirty = new Set<string>();
  #withoutOption: Refusal | undefined;
  #socket: OpenFlowSocket | undefined;
  #held = true;
  /** Asked once, with what is there, before anything is replaced for the first time. */
  #mayReplace: ((cookies: Iterable<bigint>) => boolean) | undefined;
  /** What is installed is not known, or doubted. */
  #unread = true;
  #busy = false;
  #change = 0;
  readonly #disturbances = new Disturbances(() => {
    this.counters.disturbances++;
    this.#repairs = true;
    this.emit("disturbed");
    this.resync();
  });
  readonly #audit: SelfAudit;
  /** The next reading back is for what others did. */
  #repairs = false;

  /**
   * @param address `unix:…/br-int.mgmt` or `tcp:…` of the bridge.
   * @param writeDown takes the numbers of zones to write down; who is given one says what stands there, at first and whenever it changes, by
   * `zonesWritten`. Absent: they are forgotten with the driver.
   */
  constructor(address: string, pipeline: Pipeline, writeDown?: WriteDown) {
    super();
    this.#pipeline = pipeline;
    this.#zones = new ZoneKeeper(writeDown);
    this.#audit = new SelfAudit(pipeline, this.#groups, this.#meters);
    const misses = pipeline.missFlows().map((flow) => [keyOf(flow, pipeline) ?? "", { type: "miss", flow }] as const);
    this.#misses = new Map(misses);
    this.#wanted = new Map(misses);
    this.#redial = new Redial((signal) => connect(address, { signal }), {
      up: (socket) => this.#connected(socket),
      failed: (error) => this.emit("disconnected", error),
    });
  }

  get connected(): boolean {
    return this.#socket !== undefined;
  }
  /** The switch was read back on this connection, and nothing is on its way. */
  get synced(): boolean {
    const isIdle = !this.#unread && !this.#busy && this.#dirty.size === 0 && this.#zones.waiting.size === 0;
    return this.#socket !== undefined && isIdle;
  }
  /** What is desired, and not in the switch. While that is found out anew, what was known before. */
  get refused(): ReadonlyMap<string, Refusal> {
    return this.#refusedBefore ?? this.#refused;
  }
  desired(): ReadonlyMap<string, Wanted> {
    return this.#wanted;
  }
  /** A flow as it is sent; groups, meters and zones that have no number yet are 0. */
  bind(desired: DesiredFlow): Flow {
    return this.#pipeline.bind(desired, bindingOf(this.#numbers));
  }

  /** Declares what has changed; undefined takes a key back. @returns the number that `applied` will reach. */
  update(changes: Iterable<readonly [string, SwitchDesired | undefined]>): number {
    for (const [key, desired] of changes) this.#declare(key, desired ?? this.#misses.get(key));
    this.#change++;
    this.#pump();
    return this.#change;
  }

  /** These numbers of zones are written down: a controller that starts now finds them. */
  zonesWritten(ledger: ZoneLedger): void {
    this.#zones.written(ledger);
    this.#retryWaiting();
    if (this.#dirty.size > 0) this.#pump();
  }
  /** How many zones are taken. */
  get zones(): number {
    return this.#zones.count;
  }
  /** The number of a zone that flows use. */
  zoneOf(name: string): number | undefined {
    return this.#zones.readyNumberOf(name);
  }

  /** Resolves once the switch has taken the packets. @throws {OpenFlowError} one is refused. @throws {ConnectionError} it is away. */
  async inject(packets: readonly InjectedPacket[]): Promise<void> {
    await injectPackets(this.#open(), packets, this.#pipeline);
  }
  /** Reads the switch back, and says how it differs from what is desired now; changes nothing. @throws {ConnectionError} it is away. */
  async drift(): Promise<readonly SwitchDifference[]> {
    const actual = await readActual(this.#open(), this.#pipeline, this.#groups, this.#meters);
    const desires = { wanted: this.#wanted, refused: this.refused, numbers: this.#numbers };
    return driftOf(actual, desires, this.#pipeline);
  }
  /**
   * Compares a part of what the switch has with what was sent, and makes right what differs; the parts come in turn. Nothing is compared where the
   * switch is not quiet meanwhile. @throws {ConnectionError} it was lost.
   */
  async audit(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || !this.synced) return;
    const installed = this.#installed;
    const { plans } = this.counters;
    const { flows, drift, others } = await this.#audit.look(socket, installed);
    if (this.#socket !== socket || !this.synced || this.#installed !== installed || this.counters.plans !== plans)
      return;
    this.#audit.next();
    this.counters.auditedFlows += flows;
    for (const [key, is] of drift) {
      if (is === undefined) installed.delete(key);
      else installed.set(key, is);
      this.#dirty.add(key);
    }
    if (others > 0) this.#unread = true;
    const entries = drift.length + others;
    if (entries === 0) return;
    this.counters.repairedByAudit += entries;
    this.emit("drifted", entries);
    this.#pump();
  }
  /** Asks the switch something. @throws {OpenFlowError} it refuses. @throws {ConnectionError} it is away. */
  async request<M extends RequestMessage>(message: M): Promise<ReplyTo<M>> {
    return this.#open().request(message);
  }
  #open(): OpenFlowSocket {
    if (this.#socket === undefined) throw new ConnectionError("not-open", "the bridge is away");
    return this.#socket;
  }

  /**
   * Everything that the store holds is known: from now on what is desired may replace what is there, unless `mayReplace` says no to the cookies of our
   * flows that are there. Then nothing has happened, until it is released anew.
   */
  release(mayReplace: (cookies: Iterable<bigint>) => boolean = () => true): void {
    if (!this.#held) return;
    this.#held = false;
    this.#mayReplace = mayReplace;
    this.#pump();
  }

  /** Reads the switch back, and repairs what differs. */
  resync(): void {
    this.#unread = true;
    this.#pump();
  }

  /** Nothing is sent and no event comes after this; the switch keeps what it has. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#disturbances.close();
    this.#redial.close();
    socket?.close();
  }

  #declare(key: string, wanted: Wanted | undefined): void {
    const before = this.#wanted.get(key);
    this.#uses.replace(key, before, wanted);
    this.#zones.declare(key, before, wanted, this.#change + 1);
    // A group that comes or goes, or is another one than the switch refused, takes the flows that use it along.
    if ((before === undefined) !== (wanted === undefined) || this.#refused.has(key))
      for (const user of this.#uses.of(key)) this.#touch(user);
    if (wanted === undefined) this.#wanted.delete(key);
    else this.#wanted.set(key, wanted);
    this.#touch(key);
  }

  /** Flows whose zones can be made ready now. */
  #retryWaiting(): void {
    if (this.#zones.hasFresh) for (const key of this.#zones.waiting) this.#dirty.add(key);
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    this.#refused.delete(key);
  }

  #connected(socket: OpenFlowSocket): void {
    this.#socket = socket;
    this.#unread = true;
    socket.on("close", (error: ConnectionError) => this.#lost(socket, error));
    this.emit("connected");
    watchForeignChanges(socket, (update) => {
      const key = keyOf(update, this.#pipeline);
      if (isOurs(update.cookie) || (key !== undefined && this.#installed.has(key)))
        if (this.#socket === socket && !this.#held) this.#disturbances.noticed();
    }).catch((error: unknown) => this.#lost(socket, error instanceof Error ? error : new Error(String(error))));
    // Before the switch is read back, so that nothing happens unseen.
    this.#pump();
  }

  /** The connection is of no use any more. */
  #lost(socket: OpenFlowSocket, reason: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    socket.close();
    this.emit("disconnected", reason);
    this.#redial.again();
  }

  /** One thing at a time: read back, or send one plan; and again while something is left. */
  #pump(): void {
    const socket = this.#socket;
    if (this.#busy || this.#held || socket === undefined) return;
    this.#busy = true;
    const change = this.#change;
    this.#work(socket, change).then(
      () => {
        this.#busy = false;
        if (this.#socket === socket && !this.#held && this.#zones.waiting.size === 0) this.emit("applied", change);
        this.#retryWaiting();
        if (this.#dirty.size > 0 || this.#change > change || this.#unread) this.#pump();
      },
      (error: unknown) => {
        this.#busy = false;
        // What was on its way is unknown: the next connection reads it back.
        this.#lost(socket, error instanceof Error ? error : new Error(String(error)));
        this.#pump();
      },
    );
  }

  async #work(socket: OpenFlowSocket, change: number): Promise<void> {
    await (this.#unread ? this.#sync(socket) : this.#send(socket));
    // Held: what is desired is not known, and what is there is in use.
    if (!this.#held) this.counters.zoneFlushes += await this.#zones.giveBack(socket, change);
  }

  async #sync(socket: OpenFlowSocket): Promise<void> {
    this.#unread = false;
    const before = this.counters.flowMods;
    try {
      this.#withoutOption = await installIdentityOption(socket);
      const actual = await readActual(socket, this.#pipeline, this.#groups, this.#meters);
      this.counters.syncs++;
      if (!this.#mayReplaceAll(actual)) {
        this.#unread = true;
        return;
      }
      this.#refusedBefore ??= new Map(this.#refused);
      this.#refused.clear();
      this.#zones.forgive();
      this.#installed = fromActual(actual, this.#wanted, this.#groups, this.#meters);
      // What changed while this was read is among them, or is neither wanted nor there.
      this.#dirty = new Set([...this.#wanted.keys(), ...this.#installed.keys()]);
      await this.#send(socket);
    } catch (error) {
      this.#unread = true;
      throw error;
    }
    if (this.#socket !== socket) return;
    this.#refusedBefore = undefined;
    this.#redial.proven();
    const flowMods = this.counters.flowMods - before;
    if (this.#repairs) this.counters.repairedAfterDisturbance += flowMods;
    this.#repairs = false;
    this.emit("synced", flowMods);
  }

  #mayReplaceAll({ flows }: Actual): boolean {
    if (this.#mayReplace === undefined) return true;
    if (!this.#mayReplace(flows.map(({ flow }) => flow.cookie))) {
      this.#held = true;
      return false;
    }
    this.#mayReplace = undefined;
    this.emit("released");
    return true;
  }

  async #send(socket: OpenFlowSocket): Promise<void> {
    if (this.#zones.hasFresh) this.counters.zoneFlushes += await this.#zones.flushFresh(socket);
    let keys = this.#dirty;
    this.#dirty = new Set();
    while (keys.size > 0) {
      const state = {
        wanted: this.#wanted,
        refused: this.#refused,
        installed: this.#installed,
        withoutOption: this.#withoutOption,
        prepareZone: this.#zones.prepare,
      };
      const step = plan(keys, state, this.#pipeline, this.#binding);
      this.#zones.planned(keys, step.waiting);
      const startedAt = performance.now();
      const refusals = await transmit(socket, step);
      this.#count(step);
      if (!isEmpty(step)) this.emit("sent", (performance.now() - startedAt) / 1000);
      this.#record(step, refusals);
      for (const [key, refusal] of step.unsendable) this.#refuse(key, refusal);
      keys = new Set();
      for (const [key, refusal] of refusals) if (this.#refuse(key, refusal)) keys.add(key);
    }
  }

  #count(step: Plan): void {
    const { meters, changes, lastMeters } = step;
    let flowMods = 0;
    for (const { message } of changes) if (message.type === "packed_flow_mod") flowMods++;
    this.counters.flowMods += flowMods;
    this.counters.groupMods += changes.length - flowMods;
    this.counters.meterMods += meters.length + lastMeters.length;
    if (!isEmpty(step)) this.counters.plans++;
  }

  #record({ installs }: Plan, refusals: ReadonlyMap<string, Refusal>): void {
    for (const [key, now] of installs) {
      const before = this.#installed.get(key);
      if (refusals.has(key)) {
        // Of several changes to a group the switch may have taken some.
        if (now?.type === "group") this.#installed.set(key, { ...now, buckets: undefined });
      } else if (now !== undefined) {
        this.#installed.set(key, now);
      } else {
        this.#installed.delete(key);
        if (before?.type === "group") this.#groups.release(before.name);
        if (before?.type === "meter") this.#meters.release(before.name);
      }
    }
  }

  /** @returns whether what stands in its place is to be removed. */
  #refuse(key: string, refusal: Refusal): boolean {
    const wanted = this.#wanted.get(key);
    // It has changed meanwhile, and is sent again anyway; or it is gone.
    if (wanted === undefined || this.#dirty.has(key) || this.#refused.has(key)) return false;
    this.counters.refusals++;
    this.#refused.set(key, refusal);
    this.emit("refused", key, wanted, refusal);
    return this.#installed.get(key)?.type === "flow";
  }
}
