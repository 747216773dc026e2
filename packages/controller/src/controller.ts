import type { Delta, RowChange } from "@dragonflow/engine";
import { chassisStatusKind, type NbRecord, record } from "@dragonflow/model";
import { Metrics } from "@dragonflow/metrics";
import { ConnectionError } from "@dragonflow/openflow";
import type { DesiredTunnel } from "@dragonflow/pipeline";
import type { StoreDriver } from "@dragonflow/store";
import { pipeline } from "./apps.ts";
import { Compiler } from "./compiler.ts";
import { type Compiled, dispatch } from "./dispatch.ts";
import { Answers } from "./introspection/answers.ts";
import { connectionsIn, traceInSwitch } from "./introspection/asked.ts";
import { countsOf } from "./introspection/counts.ts";
import { flowViews } from "./introspection/flow-view.ts";
import { digestsOf } from "./introspection/digests.ts";
import { readStatistics } from "./introspection/statistics.ts";
import { injectAt } from "./introspection/injected.ts";
import type { ControllerView } from "./introspection/questions.ts";
import type { SwitchFacts } from "./local/facts.ts";
import { ChangeTimes } from "./metrics/change-times.ts";
import { collectController } from "./metrics/collected.ts";
import { CONTROLLER_METRICS } from "./metrics/declared.ts";
import { LocalSwitch } from "./local/local-switch.ts";
import { Northbound } from "./northbound/northbound.ts";
import { PacketIn } from "./packet-in/packet-in.ts";
import type { ControllerSettings, Log } from "./settings.ts";
import { Recheck } from "./recheck/recheck.ts";
import { portErrors } from "./status/port-errors.ts";
import { PortStates } from "./status/port-states.ts";
import { StatusWriter } from "./status/status-writer.ts";
import { SwitchDriver } from "./switch/driver.ts";
import { lostPorts } from "./switch/lost-ports.ts";

/** A millisecond or two of each second. */
const AUDIT_EVERY_MS = 1000;
const AUDITED_UNITS = 50;

/**
 * The local controller of one host. Data flows one way: the store and the local switch -> rows -> compiler -> desired state -> the switch, its
 * database, the packet-in thread, and what this host says of itself.
 */
export class Controller implements ControllerView {
  readonly #settings: ControllerSettings;
  readonly #log: Log;
  readonly #startedAt = new Date().toISOString();
  readonly #local: LocalSwitch;
  readonly #compiler: Compiler;
  readonly #northbound: Northbound;
  readonly #switch: SwitchDriver;
  readonly #recheck: Recheck;
  readonly #packetIn: PacketIn;
  readonly #ports: PortStates;
  readonly #status: StatusWriter;
  readonly #answers: Answers;
  readonly #failed = Promise.withResolvers<never>();
  /** The local interfaces were read. */
  #factsKnown = false;
  /** What is desired replaces what is there. */
  #isReleased = false;
  /** Ports that are plugged in here and that the store seems to have lost: nothing is replaced while there are any. */
  #lostPorts: readonly string[] = [];
  /** Tunnel ports that were declared before that. */
  #earlyTunnels: (readonly [string, DesiredTunnel | undefined])[] = [];
  /** The switch has done what it was told since this controller started: what is said of ports is what is so. */
  #portsKnown = false;
  #saying: NodeJS.Immediate | undefined;
  readonly #audit: NodeJS.Timeout;
  #isAuditingSwitch = false;
  readonly #audited = { steps: 0, differences: 0 };
  readonly #metrics: Metrics<typeof CONTROLLER_METRICS>;
  readonly #changes: ChangeTimes;

  /** Starts everything; each part connects, and connects again, by itself. */
  constructor(settings: ControllerSettings, store: StoreDriver, log: Log, metrics = new Metrics(CONTROLLER_METRICS)) {
    // It may fail before somebody asks for `failure`; who asks then is told then.
    this.#failed.promise.catch(() => undefined);
    const onFailure = (error: Error): void => this.#failed.reject(error);
    this.#settings = settings;
    this.#log = log;
    this.#metrics = metrics;
    this.#changes = new ChangeTimes(metrics);
    this.#ports = new PortStates(settings.chassis);
    // First what may not like its settings, then what would have to be ended.
    this.#local = new LocalSwitch(settings, pipeline, log, {
      onZones: (ledger) => this.#switch.zonesWritten(ledger),
      onFacts: (changes, facts) => this.#factsChanged(changes, facts),
      onFailure,
    });
    this.#compiler = new Compiler(settings, (delta, seconds) => this.#compiled(delta, seconds));
    this.#northbound = new Northbound(store, settings, log, {
      onRows: (rows, topics) => this.#compiler.change(rows, topics),
      onCommits: (commits) => this.#changes.arrived(commits),
      onStatus: () => this.#status.seen(),
      onQuestions: () => this.#answers.seen(),
      onFailure,
    });
    this.#switch = this.#openSwitch();
    this.#recheck = new Recheck(this.#switch, settings, log);
    this.#packetIn = new PacketIn({ bridge: settings.openflow });
    this.#packetIn.on("problem", (problem) => log.warn({ problem }, "packet-in"));
    const { status: topic, questions, answers, replica } = this.#northbound;
    this.#status = new StatusWriter(store, topic, replica, {
      onUp: (portIds) => this.#announce(portIds),
      onFailure: (error) =>
        log.warn({ error: error.message }, "what this host says of itself could not be written yet"),
    });
    const places = { chassis: settings.chassis, questions, answers };
    this.#answers = new Answers(this, places, store, replica, (error) =>
      log.warn({ error: error.message }, "what an operator asked could not be answered yet"),
    );
    this.#audit = setInterval(() => this.#auditSome(), AUDIT_EVERY_MS).unref();
    collectController(metrics, {
      compiler: this.#compiler,
      northbound: this.#northbound,
      local: this.#local,
      driver: this.#switch,
      recheck: this.#recheck,
      packetIn: this.#packetIn,
      changes: this.#changes,
      audited: this.#audited,
    });
    this.#say();
  }

  /** Rejects where the controller cannot go on: the store refuses it, the local database is not one it knows. */
  get failure(): Promise<never> {
    return this.#failed.promise;
  }

  /** Stops, and leaves everything in the switch as it is: packets go on. */
  async close(): Promise<void> {
    this.#compiler.close();
    clearImmediate(this.#saying);
    clearInterval(this.#audit);
    this.#status.close();
    this.#answers.close();
    this.#recheck.close();
    this.#switch.close();
    await Promise.all([this.#northbound.close(), this.#packetIn.close(), this.#local.close()]);
  }

  flows(): ReturnType<ControllerView["flows"]> {
    return flowViews(this.#switch, pipeline);
  }

  statistics(): Promise<object> {
    return readStatistics(this.#switch, pipeline, this.#local.facts.interfaces);
  }

  async drift(): Promise<object> {
    const digests = await digestsOf(this.#compiler.engine);
    const differences = await this.#switch.drift();
    return { inSync: this.#switch.synced, differences, digests };
  }

  facts(): object {
    const { interfaces, tunnels } = this.#local.facts;
    const { chassis } = this.#settings;
    return { chassis, interfaces: [...interfaces.values()], tunnels: [...tunnels.values()] };
  }

  async connections(query: URLSearchParams): Promise<object> {
    const zone = this.#switch.zoneOf(query.get("port") ?? "");
    return { connections: zone === undefined ? null : await connectionsIn(zone, this.#settings) };
  }

  async trace(query: URLSearchParams): Promise<object> {
    return { text: await traceInSwitch(query, this.#settings) };
  }

  async counts(query: URLSearchParams): Promise<object> {
    return countsOf(this.#switch, this.#local.facts.interfaces, query);
  }

  async inject(query: URLSearchParams): Promise<object> {
    const answer = await injectAt(this.#switch, this.#local.facts.interfaces, query);
    this.#log.info({ port: query.get("port"), ...answer }, "sent a packet as this port, as an operator asked");
    return answer;
  }

  status(): object {
    const { engine } = this.#compiler;
    return {
      chassis: this.#settings.chassis,
      startedAt: this.#startedAt,
      inSync: this.#switch.synced,
      connected: {
        switch: this.#switch.connected,
        database: this.#local.connected,
        packetIn: this.#packetIn.connected,
        lease: this.#northbound.hasLease,
      },
      switch: this.#switch.counters,
      refused: Array.from(this.#switch.refused, ([key, { code, message }]) => {
        const wanted = this.#switch.desired().get(key);
        return { owner: wanted !== undefined && "owner" in wanted ? wanted.owner : null, code, message };
      }),
      lostPorts: this.#lostPorts,
      packetIn: this.#packetIn.counts,
      recheck: this.#recheck.counts,
      interfaces: Object.fromEntries(this.#local.facts.problems),
      topics: [...engine.interest()],
      records: { received: this.#northbound.received },
      pending: engine.pendingUnits(),
      conflicts: engine.conflicts(),
      faults: engine.faults().map(({ owner, error }) => ({ owner, error: String(error) })),
      size: engine.size(),
      audit: this.#audited,
      changes: { pending: this.#changes.pending, slow: this.#changes.slow },
    };
  }

  #openSwitch(): SwitchDriver {
    const driver = new SwitchDriver(this.#settings.openflow, pipeline, (ledger) => this.#local.keepZones(ledger));
    driver.on("released", () => this.#released());
    driver.on("applied", (change) => {
      this.#changes.applied(change);
      this.#ports.applied(change);
      this.#recheck.applied(change);
      this.#portsKnown = true;
      this.#say();
    });
    driver.on("refused", (_, wanted, { code, message }) => {
      const owner = "owner" in wanted ? wanted.owner : undefined;
      this.#log.error({ type: wanted.type, owner, code, error: message }, "the switch refused what an object needs");
    });
    driver.on("disturbed", () => this.#log.warn({}, "somebody else changed our flows in the switch; reading it back"));
    driver.on("sent", (seconds) => this.#metrics.observe("dragonflow_switch_plan_duration_seconds", seconds));
    driver.on("drifted", (entries) => {
      this.#log.error({ entries }, "the switch had not what it was sent; that is made right");
      this.#recheck.all();
    });
    driver.on("synced", (flowMods) => {
      this.#log.info({ flowMods }, "the switch is in step");
      if (flowMods > 0) this.#recheck.all();
    });
    driver.on("disconnected", (reason) => this.#log.warn({ error: reason.message }, "the bridge is away"));
    return driver;
  }

  #factsChanged(changes: readonly RowChange[], { tunnels }: SwitchFacts): void {
    this.#packetIn.warmUp(Array.from(tunnels.values(), ({ ofport }) => ofport));
    this.#factsKnown = true;
    this.#compiler.change(changes);
    this.#releaseIfKnown();
  }

  #compiled(delta: Delta<Compiled>, seconds: number): void {
    this.#metrics.observe("dragonflow_batch_duration_seconds", seconds);
    this.#metrics.count("dragonflow_units_run_total", delta.unitsRun);
    this.#northbound.follow(delta.interest);
    this.#tell(delta);
    const { switch: flows, tunnels, responses, ports, recheck } = dispatch(delta);
    const change = this.#switch.update(flows);
    this.#changes.compiled(flows.length > 0 ? change : undefined);
    this.#recheck.compiled(recheck, change);
    this.#packetIn.declare(responses);
    this.#ports.compiled(ports, change, new Set(this.#compiler.engine.pendingUnits().map(({ owner }) => owner.id)));
    if (!this.#isReleased) this.#earlyTunnels.push(...tunnels);
    else if (tunnels.length > 0) this.#local.want(tunnels);
    if (ports.length > 0) this.#say();
    this.#releaseIfKnown();
  }

  #tell({ conflicts, faults }: Delta<Compiled>): void {
    for (const { now } of conflicts)
      if (now !== undefined)
        this.#log.error({ key: now.key, owners: now.owners }, "two objects claim the same; neither has it");
    for (const { owner, error } of faults) {
      const text = error instanceof Error ? error.stack : String(error);
      this.#log.error({ owner, error: text }, "an object could not be compiled");
    }
  }

  /** No timer decides: nothing is on its way, no unit waits for a topic, and the local interfaces were read. */
  #releaseIfKnown(): void {
    if (this.#isReleased || !this.#factsKnown || !this.#compiler.settled) return;
    this.#switch.release((cookies) => {
      const { interfaces } = this.#local.facts;
      const lost = lostPorts(interfaces.keys(), (id) => this.#compiler.knowsPort(id), cookies);
      if (lost.length > 0 && this.#lostPorts.length === 0)
        this.#log.error(
          { ports: lost },
          "the store does not know most of the ports that are here; all flows stay as they are until it does",
        );
      this.#lostPorts = lost;
      return lost.length === 0;
    });
  }

  #released(): void {
    this.#isReleased = true;
    this.#local.want(this.#earlyTunnels);
    this.#earlyTunnels = [];
  }

  /**
   * Whether what the engine holds is what a compile from scratch gives, and whether the switch has what it was sent: a part at a time, over and over.
   */
  #auditSome(): void {
    void this.#auditSwitch();
    const differences = this.#compiler.engine.audit(AUDITED_UNITS);
    this.#audited.steps++;
    this.#audited.differences += differences.length;
    for (const difference of differences)
      this.#log.error({ difference }, "what is compiled is not what a compile from scratch gives");
  }

  /** One look after the other, however slow the switch is. */
  async #auditSwitch(): Promise<void> {
    if (this.#isAuditingSwitch) return;
    this.#isAuditingSwitch = true;
    try {
      await this.#switch.audit();
    } catch (error) {
      // Lost meanwhile: the driver tells.
      if (!(error instanceof ConnectionError)) this.#failed.reject(error);
    } finally {
      this.#isAuditingSwitch = false;
    }
  }

  /** After what cannot wait, and once for all that happens in this turn. */
  #say(): void {
    this.#saying ??= setImmediate(() => {
      this.#saying = undefined;
      this.#sayNow();
    });
  }

  #sayNow(): void {
    const { engine } = this.#compiler;
    const errors = portErrors({
      wanted: this.#switch.desired(),
      refused: this.#switch.refused,
      faults: engine.faults(),
      conflicts: engine.conflicts(),
    });
    this.#status.say({
      records: [this.#chassis(), ...(this.#portsKnown ? this.#ports.records(errors) : [])],
      isComplete: this.#portsKnown,
    });
  }

  #announce(portIds: readonly string[]): void {
    for (const id of portIds) {
      const holder = this.#ports.holderOf(id);
      if (holder !== undefined) this.#packetIn.announce(id, holder);
    }
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
}
