import {
  type ChassisStatusRecord,
  chassisStatusKind,
  type PortStatusRecord,
  portStatusKind,
  type RecordId,
  recordId,
  ShapeError,
  statusTopic,
} from "@dragonflow/model";
import { LEASE_TOPIC, type RowChange } from "@dragonflow/store";
import type { Claim } from "./fold.ts";

/** Told of which chassis and ports something has changed. */
export interface ChangeListener {
  chassisChanged(name: string): void;
  portChanged(portId: string): void;
}
/** `bad`: a record that is not what its kind says. It counts as absent. */
export interface ReportListener extends ChangeListener {
  bad(change: RowChange, error: ShapeError): void;
}

const STATUS_PREFIX = statusTopic("");
/** The leases that chassis hold, by name. */
const CHASSIS_LEASE = /^chassis\/([\w.-]+)$/;

/** What chassis say of themselves and of their ports, and which of them live; by chassis and by port. */
export class Reports {
  readonly #listener: ReportListener;
  readonly #alive = new Set<string>();
  readonly #status = new Map<string, ChassisStatusRecord>();
  readonly #portsOf = new Map<string, Set<string>>();
  readonly #claims = new Map<string, Map<string, PortStatusRecord>>();

  constructor(listener: ReportListener) {
    this.#listener = listener;
  }

  isAlive(chassis: string): boolean {
    return this.#alive.has(chassis);
  }
  statusOf(chassis: string): ChassisStatusRecord | undefined {
    return this.#status.get(chassis);
  }
  claimsOf(portId: string): readonly Claim[] {
    return Array.from(this.#claims.get(portId) ?? [], ([chassis, { up }]) => ({
      chassis,
      isAlive: this.#alive.has(chassis),
      isUp: up,
    }));
  }
  /** The records that stand in the chassis's topic. */
  recordsOf(chassis: string): readonly RecordId[] {
    const ports = Array.from(this.#portsOf.get(chassis) ?? [], (id) => recordId(portStatusKind.kind, id));
    return this.#status.has(chassis) ? [...ports, recordId(chassisStatusKind.kind, chassis)] : ports;
  }

  /**
   * Takes one record, or its end, of the leases' topic or a chassis's; who it is from is said by the topic: nobody
   * else may write there.
   */
  take(change: RowChange): void {
    if (change.topic === LEASE_TOPIC) {
      const name = CHASSIS_LEASE.exec(change.id)?.[1];
      if (name !== undefined) this.#setAlive(name, change.row !== undefined);
      return;
    }
    if (!change.topic.startsWith(STATUS_PREFIX)) return;
    const chassis = change.topic.slice(STATUS_PREFIX.length);
    if (change.kind === chassisStatusKind.kind && change.id === chassis) {
      const status = this.#parsed(change, chassisStatusKind.parse);
      if (status === undefined) this.#status.delete(chassis);
      else this.#status.set(chassis, status);
      this.#listener.chassisChanged(chassis);
    } else if (change.kind === portStatusKind.kind) {
      this.#setClaim(chassis, change.id, this.#parsed(change, portStatusKind.parse));
      this.#listener.portChanged(change.id);
    }
  }

  #setAlive(chassis: string, isAlive: boolean): void {
    if (isAlive) this.#alive.add(chassis);
    else this.#alive.delete(chassis);
    this.#listener.chassisChanged(chassis);
    for (const portId of this.#portsOf.get(chassis) ?? []) this.#listener.portChanged(portId);
  }

  #setClaim(chassis: string, portId: string, status: PortStatusRecord | undefined): void {
    const claims = this.#claims.get(portId) ?? new Map<string, PortStatusRecord>();
    const ports = this.#portsOf.get(chassis) ?? new Set<string>();
    if (status === undefined) {
      claims.delete(chassis);
      ports.delete(portId);
    } else {
      claims.set(chassis, status);
      ports.add(portId);
    }
    if (claims.size === 0) this.#claims.delete(portId);
    else this.#claims.set(portId, claims);
    if (ports.size === 0) this.#portsOf.delete(chassis);
    else this.#portsOf.set(chassis, ports);
  }

  #parsed<T>(change: RowChange, parse: (value: unknown) => T): T | undefined {
    if (change.row === undefined) return undefined;
    try {
      return parse(change.row);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      this.#listener.bad(change, error);
      return undefined;
    }
  }
}
