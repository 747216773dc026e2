import { setTimeout as pause } from "node:timers/promises";
import { IpProtocol } from "@dragonflow/packet";
import type { Log } from "../settings.ts";
import type { SwitchDriver } from "../switch/driver.ts";
import { type TrackedConnection, readConnections } from "./connections.ts";
import { askVswitchd, datapathOf, runDirectory } from "../switch/control-socket.ts";
import { Losses, type RecheckChanges } from "./losses.ts";
import type { Allowance } from "./policy.ts";
import { probeOf } from "./probe.ts";

/** Since the start. */
export interface RecheckCounts {
  /** How often the connections of a port were gone through. */
  ports: number;
  /** Connections about which the rules were asked again. */
  connections: number;
  /** Those of a port that were too many: they end, or go on, with their next packet in the direction of the first. */
  left: number;
  /** Ports whose connections could not be gone through. */
  failures: number;
}

/** A packet-out that goes through the pipeline takes vswitchd some 50 microseconds, in which it does nothing else: a tenth of its time at most. */
const PER_SECOND = 2000;
/** Over 512 packets on their way and vswitchd drops some. */
const AT_ONCE = 64;
const MOST_OF_A_PORT = 10_000;
const ATTEMPTS = 3;
const NEXT_ATTEMPT_MS = 300;

/** Whoever receives data of these acknowledges it (RFC 9293, RFC 9260): there is a packet in each direction, and the rules see it. */
const ACKNOWLEDGED: ReadonlySet<number> = new Set([IpProtocol.tcp, IpProtocol.sctp]);
/** Everything may have been allowed by what is lost. */
const ANYTHING: readonly Allowance[] = [4, 6].map((version) => ({
  text: "",
  ipVersion: version === 4 ? 4 : 6,
  protocol: null,
}));

/**
 * Ends connections that only ever go on by replies, when the rule that let them begin is gone.
 *
 * Rules decide about packets in the direction of a connection's first one; replies pass as long as the connection is not marked as ended. A stream that
 * is never answered would go on for ever. So once a change that takes something away from a port is in the switch, its zone's connections are listed
 * (OpenFlow has no message for that: vswitchd's control socket does it), and for each that what is gone may have let in, a packet like its first one is
 * sent through the rules: they mark the connection, as they would by a packet of its sender, or another rule allows it and nothing happens. The packet
 * ends behind the rules, nobody receives it.
 *
 * Protocols that acknowledge what they carry need none of this. So many packets a second, and of a port, go out at most; what is left over is decided by
 * the connection's own next packet.
 */
export class Recheck {
  readonly counts: RecheckCounts = { ports: 0, connections: 0, left: 0, failures: 0 };
  readonly #driver: SwitchDriver;
  readonly #settings: { readonly openflow: string; readonly bridge: string };
  readonly #log: Log;
  readonly #losses = new Losses();
  /** Port -> what it has lost, and the change by which the switch knows of it. */
  readonly #due = new Map<string, { readonly change: number; readonly lost: readonly Allowance[] }>();
  readonly #queue = new Map<string, readonly Allowance[]>();
  readonly #closed = new AbortController();
  #isRunning = false;

  constructor(driver: SwitchDriver, settings: { readonly openflow: string; readonly bridge: string }, log: Log) {
    this.#driver = driver;
    this.#settings = settings;
    this.#log = log;
  }

  /** What was compiled; the flows that came of it are in the switch with this change. */
  compiled(changes: RecheckChanges, change: number): void {
    for (const [portId, all] of this.#losses.changed(changes)) {
      const gone = all.filter(needsRecheck);
      if (gone.length > 0) this.#due.set(portId, { change, lost: [...(this.#due.get(portId)?.lost ?? []), ...gone] });
    }
    for (const [portId, port] of changes.ports) if (port === undefined) this.#due.delete(portId);
  }

  /** All changes up to this one are in the switch. */
  applied(change: number): void {
    for (const [portId, due] of this.#due) {
      if (due.change > change) continue;
      this.#due.delete(portId);
      this.#enqueue(portId, due.lost);
    }
  }

  /** The switch had other flows than those that it shall have: what was taken away is not known. */
  all(): void {
    for (const portId of this.#losses.portIds) this.#enqueue(portId, ANYTHING);
  }

  close(): void {
    this.#closed.abort();
    this.#queue.clear();
  }

  #enqueue(portId: string, gone: readonly Allowance[]): void {
    if (this.#closed.signal.aborted) return;
    this.#queue.set(portId, [...(this.#queue.get(portId) ?? []), ...gone]);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run().catch((error: unknown) => {
      if (!this.#closed.signal.aborted) throw error;
    });
  }

  async #run(): Promise<void> {
    for (const [portId, gone] of this.#queue) {
      this.#queue.delete(portId);
      await this.#recheck(portId, gone);
    }
    this.#isRunning = false;
  }

  async #recheck(portId: string, gone: readonly Allowance[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#ask(portId, gone);
        this.counts.ports++;
        return;
      } catch (error) {
        this.#closed.signal.throwIfAborted();
        if (attempt < ATTEMPTS) {
          await this.#pause(NEXT_ATTEMPT_MS);
          continue;
        }
        this.counts.failures++;
        const text = error instanceof Error ? error.message : String(error);
        this.#log.warn(
          { port: portId, error: text },
          "connections of a port were not looked through after a change of rules",
        );
        return;
      }
    }
  }

  async #ask(portId: string, gone: readonly Allowance[]): Promise<void> {
    const zone = this.#driver.zoneOf(portId);
    const port = this.#losses.port(portId);
    if (zone === undefined || port === undefined) return;
    const suspects = (await this.#list(zone)).filter(
      (connection) => connection.mark === 0 && gone.some((allowance) => covers(allowance, connection)),
    );
    const asked = suspects.slice(0, MOST_OF_A_PORT);
    this.counts.left += suspects.length - asked.length;
    for (let at = 0; at < asked.length; at += AT_ONCE) {
      const some = asked.slice(at, at + AT_ONCE);
      await this.#driver.inject(some.map((connection) => probeOf(connection, port)));
      this.counts.connections += some.length;
      await this.#pause((some.length / PER_SECOND) * 1000);
    }
  }

  /** The connections in a zone, of protocols that do not acknowledge. */
  async #list(zone: number): Promise<readonly TrackedConnection[]> {
    const directory = runDirectory(this.#settings.openflow);
    const datapath = await datapathOf(directory, this.#settings.bridge);
    const text = await askVswitchd(directory, "dpctl/dump-conntrack", datapath, `zone=${zone}`);
    return [...readConnections(text)].filter(({ protocol }) => !ACKNOWLEDGED.has(protocol));
  }

  #pause(ms: number): Promise<void> {
    return pause(ms, undefined, { signal: this.#closed.signal });
  }
}

const needsRecheck = ({ protocol }: Allowance): boolean => protocol === null || !ACKNOWLEDGED.has(protocol);

function covers({ ipVersion, protocol }: Allowance, connection: TrackedConnection): boolean {
  const version = typeof connection.source === "bigint" ? 6 : 4;
  return version === ipVersion && (protocol === null || protocol === connection.protocol);
}
