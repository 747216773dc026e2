import type { Server } from "node:http";
import type { Delta, RowChange } from "@dragonflow/engine";
import { chassisStatusKind, type NbRecord, portStatusKind, record } from "@dragonflow/model";
import { printInstructions, printMatch } from "@dragonflow/openflow";
import type { Desired, DesiredTunnel } from "@dragonflow/pipeline";
import type { StoreDriver } from "@dragonflow/store";
import { pipeline } from "./apps.ts";
import { Compiler } from "./compiler.ts";
import { dispatch } from "./dispatch.ts";
import type { SwitchFacts } from "./local/facts.ts";
import { LocalSwitch } from "./local/local-switch.ts";
import { type FlowView, serveIntrospection } from "./introspection.ts";
import { Northbound } from "./northbound/northbound.ts";
import { PacketIn } from "./packet-in/packet-in.ts";
import type { ControllerSettings, Log } from "./settings.ts";
import { PortStates } from "./status/port-states.ts";
import { StatusWriter } from "./status/status-writer.ts";
import { SwitchDriver } from "./switch/driver.ts";

/**
 * The local controller of one host. Data flows one way: the store and the local switch -> rows -> compiler -> desired state -> the switch, its
 * database, the packet-in thread, and what this host says of itself.
 */
export class Controller {
  readonly #settings: ControllerSettings;
  readonly #log: Log;
  readonly #startedAt = new Date().toISOString();
  readonly #local: LocalSwitch;
  readonly #compiler: Compiler;
  readonly #northbound: Northbound;
  readonly #switch: SwitchDriver;
  readonly #packetIn: PacketIn;
  readonly #ports: PortStates;
  readonly #status: StatusWriter;
  readonly #failed = Promise.withResolvers<never>();
  #bridgeKnown = false;
  /** What stands in the switch may be replaced: everything that decides about it is known. */
  #released = false;
  /** Tunnel ports that were declared before that. */
  #earlyTunnels: (readonly [string, DesiredTunnel | undefined])[] = [];
  /** The switch has done what it was told since this controller started, so what is said of ports is what is so. */
  #portsKnown = false;
  #window: Server | undefined;

  /** Starts everything; each part connects, and connects again, by itself. */
  constructor(settings: ControllerSettings, store: StoreDriver, log: Log) {
    // It may fail before somebody asks for `failure`; who asks then is told then.
    this.#failed.promise.catch(() => undefined);
    this.#settings = settings;
    this.#log = log;
    this.#ports = new PortStates(settings.chassis);
    this.#compiler = new Compiler(settings, (delta) => this.#compiled(delta));
    this.#switch = this.#openSwitch();
    this.#packetIn = new PacketIn({ bridge: settings.openflow });
    this.#packetIn.on("problem", (message) => log.warn({}, message));
    this.#local = new LocalSwitch(settings, pipeline, log, {
      onFacts: (changes, facts) => this.#factsChanged(changes, facts),
      onFailure: (error) => this.#failed.reject(error),
    });
    this.#northbound = new Northbound(
      store,
      settings,
      this.#compiler,
      log,
      () => this.#say(),
      (error) => this.#failed.reject(error),
    );
    this.#status = new StatusWriter(
      store,
      () => this.#northbound.stored(),
      (error) => log.error({ error: error.message }, "the status of this host could not be written"),
    );
  }

  /** Rejects where the controller cannot go on: the store refuses it. */
  get failure(): Promise<never> {
    return this.#failed.promise;
  }

  /** Opens the controller's own socket, for `dragonflow flows`. */
  async serve(): Promise<void> {
    this.#window = await serveIntrospection(this.#settings.socket, {
      flows: () => this.#flows(),
      status: () => this.#view(),
    });
  }

  /** Stops, and leaves everything in the switch as it is: packets go on. */
  async close(): Promise<void> {
    this.#window?.close();
    this.#status.close();
    this.#switch.close();
    await Promise.all([this.#northbound.close(), this.#packetIn.close(), this.#local.close()]);
  }

  #openSwitch(): SwitchDriver {
    const driver = new SwitchDriver(this.#settings.openflow, pipeline);
    driver.on("applied", (change) => {
      this.#ports.applied(change);
      this.#portsKnown = true;
      this.#say();
    });
    driver.on("refused", (key, desired, error) => {
      const owner = "owner" in desired ? desired.owner : undefined;
      this.#log.error({ key: desired.type, owner, error: error.code }, "the switch refused a flow");
      if (owner?.kind === "port") this.#ports.refused(owner.id, key, error.code);
    });
    driver.on("synced", (flowMods) => this.#log.info({ flowMods }, "the switch is in step"));
    driver.on("disconnected", (reason) => this.#log.warn({ error: reason.message }, "the bridge is away"));
    return driver;
  }

  #factsChanged(changes: readonly RowChange[], facts: SwitchFacts): void {
    this.#packetIn.warmUp(Array.from(facts.tunnels.values(), ({ ofport }) => ofport));
    this.#bridgeKnown = true;
    this.#compiler.change(changes);
    this.#releaseIfKnown();
  }

  #compiled(delta: Delta<Desired>): void {
    this.#northbound.follow(delta.interest);
    for (const { now } of delta.conflicts)
      if (now !== undefined)
        this.#log.error({ key: now.key, owners: now.owners }, "two objects claim one flow; neither is in");
    for (const { owner, error } of delta.faults)
      this.#log.error(
        { owner, error: error instanceof Error ? error.stack : String(error) },
        "an object could not be compiled",
      );
    const { switch: flows, tunnels, responses, ports } = dispatch(delta);
    const change = this.#switch.update(flows);
    for (const [key, desired] of flows)
      if (desired?.type === "flow" && desired.owner.kind === "port")
        this.#ports.refused(desired.owner.id, key, undefined);
    this.#packetIn.declare(responses);
    for (const [portId, wanted] of ports) this.#ports.set(portId, wanted, change);
    if (!this.#released) this.#earlyTunnels.push(...tunnels);
    else if (tunnels.length > 0) this.#local.want(tunnels);
    if (ports.length > 0) this.#say();
    this.#releaseIfKnown();
  }

  /** What stands in the switch is replaced only once everything is known: no timer, but nothing pending, and the local interfaces read. */
  #releaseIfKnown(): void {
    if (this.#released || !this.#bridgeKnown || !this.#compiler.settled) return;
    this.#released = true;
    this.#local.want(this.#earlyTunnels);
    this.#earlyTunnels = [];
    this.#switch.release();
  }

  #say(): void {
    this.#status.write(() => [this.#chassis(), ...this.#portRecords()]);
  }

  /**
   * At first what was said before this controller started still holds: a port that is not claimed for an instant is lost
   * to all others.
   */
  #portRecords(): readonly NbRecord[] {
    if (this.#portsKnown) return this.#ports.records();
    return (this.#northbound.stored() ?? []).filter(({ kind }) => kind === portStatusKind.kind);
  }

  #chassis(): NbRecord {
    const { chassis, hostname, tunnelIp, encapsulations, release } = this.#settings;
    return record(chassisStatusKind, {
      id: chassis,
      hostname,
      tunnelIp,
      encapsulations,
      release,
      startedAt: this.#startedAt,
      bridgeMappings: [],
    });
  }

  #flows(): readonly FlowView[] {
    const names = { tableName: (number: number) => pipeline.tables[number]?.name };
    const views: FlowView[] = [];
    for (const [key, desired] of this.#switch.desired()) {
      if (desired.type !== "flow") continue;
      const { match, instructions } = this.#switch.bind(desired);
      const refused = this.#switch.refused.get(key)?.code ?? null;
      views.push({
        table: desired.table.name,
        priority: desired.priority,
        match: printMatch(match),
        actions: printInstructions(instructions, names),
        owner: desired.owner,
        refused,
      });
    }
    return views;
  }

  #view(): object {
    const { engine } = this.#compiler;
    return {
      chassis: this.#settings.chassis,
      startedAt: this.#startedAt,
      inSync: this.#switch.synced,
      switch: this.#switch.counters,
      packetIn: this.#packetIn.counts,
      topics: [...engine.interest()],
      pending: engine.pendingUnits(),
      conflicts: engine.conflicts(),
      faults: engine.faults().map(({ owner, error }) => ({ owner, error: String(error) })),
      size: engine.size(),
    };
  }
}
