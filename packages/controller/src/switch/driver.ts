import { EventEmitter } from "node:events";
import { type ConnectionError, connect, type Flow, OpenFlowError, type OpenFlowSocket } from "@dragonflow/openflow";
import { type Binding, type DesiredFlow, PIPELINE_COOKIE, type Pipeline } from "@dragonflow/pipeline";
import { adoptNumbers, readActual } from "./actual.ts";
import { keyOf, valueOf } from "./canonical.ts";
import { Numbers } from "./numbers.ts";
import { type Installed, plan, type Plan, type SwitchDesired } from "./plan.ts";
import { Redial } from "./redial.ts";

export interface SwitchEvents {
  /** All that was desired up to this change is in the switch, or was refused by it. */
  applied: [change: number];
  /** The switch refused this flow, group or meter. The rest goes on. */
  refused: [key: string, desired: SwitchDesired, error: OpenFlowError];
  connected: [];
  /** Read back and made equal: so many flow-mods it took. */
  synced: [flowMods: number];
  disconnected: [reason: Error];
}

export interface Counters {
  flowMods: number;
  bundles: number;
  refusals: number;
  resyncs: number;
}

/** Group numbers and meter numbers that are ours. Meters of the userspace datapath end at 65,535. */
const GROUPS = { first: 0x0df00000, last: 0x0dffffff } as const;
const METERS = { first: 0x4000, last: 0xfffe } as const;

/**
 * Keeps one bridge equal to what is desired. On every connection it reads back what is there and sends the difference only; afterwards one atomic
 * bundle at a time, each with all that has changed meanwhile (latest wins). While there is no connection, or `hold` was not lifted yet, the switch
 * keeps what it has.
 */
export class SwitchDriver extends EventEmitter<SwitchEvents> {
  readonly counters: Counters = { flowMods: 0, bundles: 0, refusals: 0, resyncs: 0 };
  readonly refused = new Map<string, OpenFlowError>();
  readonly #pipeline: Pipeline;
  readonly #redial: Redial<OpenFlowSocket>;
  readonly #desired = new Map<string, SwitchDesired>();
  readonly #installed = new Map<string, Installed>();
  readonly #dirty = new Set<string>();
  readonly #groups = new Numbers(GROUPS.first, GROUPS.last);
  readonly #meters = new Numbers(METERS.first, METERS.last);
  readonly #binding: Binding = { group: (name) => this.#groups.of(name), meter: (name) => this.#meters.of(name) };
  #socket: OpenFlowSocket | undefined;
  #held = true;
  #synced = false;
  #busy = false;
  #change = 0;

  /** @param address `unix:…/br-int.mgmt` or `tcp:…` of the bridge. */
  constructor(address: string, pipeline: Pipeline) {
    super();
    this.#pipeline = pipeline;
    this.#redial = new Redial((signal) => connect(address, { signal }), {
      up: (socket) => this.#connected(socket),
      failed: (error) => this.emit("disconnected", error),
    });
  }

  get synced(): boolean {
    return this.#synced;
  }
  /** A flow as it is sent, with the numbers of its groups and meters. */
  bind(desired: DesiredFlow): Flow {
    return this.#pipeline.bind(desired, this.#binding);
  }
  desired(): ReadonlyMap<string, SwitchDesired> {
    return this.#desired;
  }

  /** Declares what has changed; undefined takes a key back. @returns the number that `applied` will reach. */
  update(changes: Iterable<readonly [string, SwitchDesired | undefined]>): number {
    for (const [key, desired] of changes) {
      if (desired === undefined) this.#desired.delete(key);
      else this.#desired.set(key, desired);
      this.#dirty.add(key);
      this.refused.delete(key);
    }
    this.#change++;
    this.#pump();
    return this.#change;
  }

  /** Everything that the store holds is known: from now on what is desired may replace what is there. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#pump();
  }

  /** Reads the switch back and repairs what differs: counts as a resync. */
  resync(): void {
    this.#synced = false;
    this.#pump();
  }

  close(): void {
    this.#redial.close();
    this.#socket?.close();
  }

  #connected(socket: OpenFlowSocket): void {
    this.#socket = socket;
    this.#synced = false;
    socket.on("close", (error: ConnectionError) => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.emit("disconnected", error);
      this.#redial.again();
    });
    this.emit("connected");
    this.#pump();
  }

  /** One thing at a time: read back, or send one plan; and again while something is left. */
  #pump(): void {
    if (this.#busy || this.#held) return;
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#busy = true;
    const change = this.#change;
    const work = this.#synced ? this.#send(socket) : this.#sync(socket);
    work.then(
      () => {
        this.#busy = false;
        if (this.#socket === socket) this.emit("applied", change);
        if (this.#dirty.size > 0 || this.#change > change || !this.#synced) this.#pump();
      },
      (error: unknown) => {
        this.#busy = false;
        // What was on its way is unknown: the next connection reads it back.
        this.emit("disconnected", error instanceof Error ? error : new Error(String(error)));
        this.#synced = false;
        socket.close();
      },
    );
  }

  async #sync(socket: OpenFlowSocket): Promise<void> {
    const actual = await readActual(socket, this.#pipeline, this.#groups, this.#meters);
    this.counters.resyncs++;
    this.#installed.clear();
    const misses = new Map(this.#pipeline.missFlows().map((flow) => [keyOf(flow, this.#pipeline), flow]));
    const strays: string[] = [];
    for (const { flow, key } of actual.flows) {
      const wanted = key === undefined ? undefined : this.#desired.get(key);
      if (flow.cookie === PIPELINE_COOKIE && misses.get(key) && valueOf(flow) === valueOf(misses.get(key) ?? flow)) {
        misses.delete(key);
        continue;
      }
      if (wanted?.type === "flow") adoptNumbers(wanted, flow.instructions, this.#groups, this.#meters);
      const installedKey = key ?? `stray ${strays.length}`;
      const { table, priority, match } = flow;
      this.#installed.set(installedKey, {
        type: "flow",
        value: valueOf(flow),
        flow: { table, priority, match },
        uses: [],
      });
      if (wanted === undefined) strays.push(installedKey);
    }
    this.#adoptGroupsAndMeters(actual.groups, actual.meters, strays);
    const before = this.counters.flowMods;
    if (misses.size > 0) {
      const messages = [...misses.values()].map((flow) => ({ type: "flow_mod", command: "add", ...flow }) as const);
      await socket.commit(messages);
      this.counters.flowMods += messages.length;
    }
    this.#dirty.clear();
    for (const key of this.#desired.keys()) this.#dirty.add(key);
    for (const key of strays) this.#dirty.add(key);
    await this.#send(socket);
    this.#synced = true;
    this.emit("synced", this.counters.flowMods - before);
  }

  #adoptGroupsAndMeters(
    groups: Awaited<ReturnType<typeof readActual>>["groups"],
    meters: Awaited<ReturnType<typeof readActual>>["meters"],
    strays: string[],
  ): void {
    const wantedGroups = new Map(
      [...this.#desired.values()].flatMap((d) =>
        d.type === "group" && this.#groups.has(d.name) ? [[this.#groups.of(d.name), d] as const] : [],
      ),
    );
    for (const [number, { buckets }] of groups) {
      const wanted = wantedGroups.get(number);
      const key = wanted?.key ?? `stray group ${number}`;
      this.#installed.set(key, { type: "group", name: wanted?.name ?? key, number, buckets, numbers: new Map() });
      if (wanted === undefined) strays.push(key);
    }
    const wantedMeters = new Map(
      [...this.#desired.values()].flatMap((d) =>
        d.type === "meter" && this.#meters.has(d.name) ? [[this.#meters.of(d.name), d] as const] : [],
      ),
    );
    for (const [number, value] of meters) {
      const wanted = wantedMeters.get(number);
      const key = wanted?.key ?? `stray meter ${number}`;
      this.#installed.set(key, { type: "meter", name: wanted?.name ?? key, number, value });
      if (wanted === undefined) strays.push(key);
    }
  }

  async #send(socket: OpenFlowSocket): Promise<void> {
    const keys = [...this.#dirty];
    this.#dirty.clear();
    const step = plan(keys, this.#desired, this.#installed, this.#pipeline, this.#binding);
    const failed = await this.#transmit(socket, step);
    this.counters.flowMods += step.flowMods;
    for (const [key, installed] of step.installs) {
      if (failed.has(key)) continue;
      const old = this.#installed.get(key);
      if (installed === undefined) {
        this.#installed.delete(key);
        if (old?.type === "group") this.#groups.release(old.name);
        if (old?.type === "meter") this.#meters.release(old.name);
      } else {
        this.#installed.set(key, installed);
      }
    }
  }

  /** @returns the keys that the switch refused. */
  async #transmit(socket: OpenFlowSocket, step: Plan): Promise<ReadonlySet<string>> {
    const failed = new Set<string>();
    if (step.before.length > 0)
      for (const error of await socket.apply(step.before)) this.#meterRefused(error, step, failed);
    const [single] = step.bundle;
    if (step.bundle.length > 1) {
      this.counters.bundles++;
      try {
        await socket.commit(step.bundle);
      } catch (error) {
        if (!(error instanceof OpenFlowError)) throw error;
        // One refusal undoes the whole bundle: send all once more, each by itself, so that only what is refused is missing.
        await this.#oneByOne(socket, step, failed);
      }
    } else if (single !== undefined) {
      await this.#oneByOne(socket, step, failed);
    }
    if (step.after.length > 0)
      for (const error of await socket.apply(step.after)) this.#meterRefused(error, step, failed);
    return failed;
  }

  async #oneByOne(socket: OpenFlowSocket, step: Plan, failed: Set<string>): Promise<void> {
    const keyOfMessage = new Map<unknown, string | undefined>(step.bundle.map((message, i) => [message, step.keys[i]]));
    for (const error of await socket.apply(step.bundle)) this.#refuse(keyOfMessage.get(error.request), error, failed);
  }

  #meterRefused(error: OpenFlowError, step: Plan, failed: Set<string>): void {
    const { request } = error;
    const number = request?.type === "meter_mod" ? request.meter : undefined;
    const key = [...step.installs].find(([, i]) => i?.type === "meter" && i.number === number)?.[0];
    this.#refuse(key, error, failed);
  }

  #refuse(key: string | undefined, error: OpenFlowError, failed: Set<string>): void {
    this.counters.refusals++;
    if (key === undefined) throw error;
    failed.add(key);
    const desired = this.#desired.get(key);
    if (desired === undefined) return;
    this.refused.set(key, error);
    this.emit("refused", key, desired, error);
  }
}
