import type { RowChange } from "@dragonflow/engine";
import { OvsdbClient } from "@dragonflow/ovsdb";
import type { DesiredTunnel, Pipeline } from "@dragonflow/pipeline";
import type { ControllerSettings, Log } from "../settings.ts";
import { findBridge, interfacesOf, type LocalReplica, replicate } from "./bridge.ts";
import { factChanges, NO_FACTS, readFacts, type SwitchFacts } from "./facts.ts";
import { bridgeOperations } from "./integration-bridge.ts";
import { RowWriter } from "./row-writer.ts";
import type { ZoneLedger } from "../switch/zones.ts";
import { TunnelPorts } from "./tunnel-ports.ts";
import { ledgerOperations, readLedger } from "./zone-ledger.ts";

export interface LocalSwitchListener {
  /** The numbers of zones that are written down, before the first facts and whenever the database says something. */
  readonly onZones: (ledger: ZoneLedger) => void;
  /** What the local switch says has changed; with the first call, which may bring nothing, all of it is known. */
  readonly onFacts: (changes: readonly RowChange[], facts: SwitchFacts) => void;
  /** The database is not one that this release can use. */
  readonly onFailure: (error: Error) => void;
}

/** The database's socket is on this host: trying costs little. */
const BACK_OFF = { minMs: 20, maxMs: 500 } as const;

/**
 * The local Open vSwitch by its database: what it says becomes rows of the engine, and the bridge, its names of tables and its tunnel ports become
 * what they shall be. While the database is away everything stays as it was last known.
 */
export class LocalSwitch {
  readonly #settings: Pick<ControllerSettings, "bridge">;
  readonly #log: Log;
  readonly #listener: LocalSwitchListener;
  readonly #ovs: OvsdbClient;
  readonly #replica: LocalReplica;
  readonly #tunnels = new TunnelPorts();
  readonly #bridgeWriter: RowWriter;
  readonly #tunnelWriter: RowWriter;
  readonly #zoneWriter: RowWriter;
  #facts: SwitchFacts = NO_FACTS;
  #tunnelsKnown = false;
  /** Undefined: not known yet, and what is there stays. */
  #zones: ZoneLedger | undefined;
  #taken = "";

  constructor(
    settings: Pick<ControllerSettings, "bridge" | "ovsdb">,
    pipeline: Pick<Pipeline, "tables">,
    log: Log,
    listener: LocalSwitchListener,
  ) {
    this.#settings = settings;
    this.#log = log;
    this.#listener = listener;
    this.#ovs = new OvsdbClient(settings.ovsdb, { backoff: BACK_OFF });
    const told = new Set<string>();
    this.#ovs.on("connected", () => told.clear());
    this.#ovs.on("disconnected", ({ message }, retryMs) => {
      if (retryMs === undefined || told.has(message)) return;
      told.add(message);
      log.warn({ error: message }, "the local Open vSwitch database is away");
    });
    this.#replica = replicate(this.#ovs, () => this.#changed(), listener.onFailure);
    const replica = this.#replica;
    this.#bridgeWriter = new RowWriter(
      this.#ovs,
      () => (replica.synced ? bridgeOperations(replica, settings.bridge, pipeline) : []),
      (error) => log.error({ bridge: settings.bridge, error: error.message }, "the bridge could not be set up"),
    );
    this.#tunnelWriter = new RowWriter(
      this.#ovs,
      () => {
        const bridge = replica.synced ? findBridge(replica, settings.bridge) : undefined;
        return bridge === undefined ? [] : this.#tunnels.operations(replica, bridge);
      },
      (error) => log.error({ error: error.message }, "tunnel ports could not be changed"),
    );
    this.#zoneWriter = new RowWriter(
      this.#ovs,
      () => {
        const bridge = replica.synced ? findBridge(replica, settings.bridge) : undefined;
        return bridge === undefined || this.#zones === undefined ? [] : ledgerOperations(bridge, this.#zones);
      },
      (error) => log.error({ error: error.message }, "the zones of ports could not be written down"),
    );
  }

  get connected(): boolean {
    return this.#ovs.connected;
  }
  get facts(): SwitchFacts {
    return this.#facts;
  }

  /**
   * Declares tunnel ports that changed; undefined takes one back. Until the first call all that are there stay: what is
   * wanted is not known yet.
   */
  want(tunnels: Iterable<readonly [string, DesiredTunnel | undefined]>): void {
    this.#tunnelsKnown = true;
    this.#tunnels.want(tunnels);
    this.#writeTunnels();
  }

  /** Declares the numbers of zones to write down. */
  keepZones(ledger: ZoneLedger): void {
    this.#zones = ledger;
    this.#zoneWriter.check();
  }

  async close(): Promise<void> {
    this.#bridgeWriter.close();
    this.#zoneWriter.close();
    this.#tunnelWriter.close();
    await this.#ovs.close();
  }

  #changed(): void {
    this.#bridgeWriter.check();
    const bridge = findBridge(this.#replica, this.#settings.bridge);
    // One that went away comes back: until then its interfaces count as they were.
    if (bridge === undefined) return;
    this.#zoneWriter.check();
    this.#listener.onZones(readLedger(bridge));
    const before = this.#facts;
    this.#facts = readFacts(interfacesOf(this.#replica, bridge));
    for (const [name, problem] of this.#facts.problems)
      if (before.problems.get(name) !== problem)
        this.#log.warn({ interface: name, problem }, "an interface is not right");
    this.#listener.onFacts(factChanges(before, this.#facts), this.#facts);
    this.#writeTunnels();
  }

  #writeTunnels(): void {
    if (!this.#tunnelsKnown) return;
    this.#tunnelWriter.check();
    const taken = [...this.#tunnels.taken].join();
    if (taken !== "" && taken !== this.#taken)
      this.#log.error({ ports: taken }, "tunnel ports of ours cannot be made: somebody else has ports of these names");
    this.#taken = taken;
  }
}
