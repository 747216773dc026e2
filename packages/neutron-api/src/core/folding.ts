import { createHash } from "node:crypto";
import type { ChassisStatusRecord, ObjectStatus, PortObject } from "@dragonflow/model";
import type { Engine } from "./engine.ts";
import type { AgentObject } from "./kinds.ts";
import type { Transaction } from "./transaction.ts";

/**
 * What the chassis report, folded into the objects that clients see. Each is an update like a client's, through the same commit, and does nothing
 * where it changes nothing: reports may repeat.
 */

/** `bound`: the port is on that chassis now (or on none, when released). `refused`: it is someone else's. `unknown`: there is no such port. */
export type BindOutcome = "bound" | "refused" | "unknown";

/**
 * A chassis found the port's interface, or (null) the one that it is bound to has lost it. A host that was asked for is never overruled, and a
 * claim that was granted stands until it is released: the first claim wins.
 * @param from who releases: a release by anyone but the present holder changes nothing.
 */
export function bindPort(engine: Engine, portId: string, chassis: string | null, from?: string): Promise<BindOutcome> {
  return engine.transact((tx): BindOutcome => {
    const port = tx.ports.get(portId);
    if (port === undefined) return "unknown";
    if (chassis === null) {
      if (port.requested_host_id !== "") return "refused";
      if (from === undefined || from === port.host_id) rebind(tx, port, "");
      return "bound";
    }
    if (port.host_id === chassis) return "bound";
    if (port.host_id !== "") return "refused";
    rebind(tx, port, chassis);
    return "bound";
  });
}

function rebind(tx: Transaction, port: PortObject, host: string): void {
  tx.ports.put(tx.revise(port, { host_id: host, status: "DOWN" }));
}

/** Whether the port's flows are in place on `chassis`. @returns false where the port is not (or no longer) bound there: the report is stale. */
export function setPortStatus(engine: Engine, portId: string, chassis: string, status: ObjectStatus): Promise<boolean> {
  return engine.transact((tx) => {
    const port = tx.ports.get(portId);
    if (port === undefined || port.host_id !== chassis) return false;
    tx.ports.put(tx.revise(port, { status }));
    return true;
  });
}

/** The id of a chassis's agent: the same whoever makes it. RFC 9562 section 5.8. */
export function agentId(chassis: string): string {
  const hex = createHash("sha256").update(`dragonflow chassis ${chassis}`).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(18, 20),
    hex.slice(20, 32),
  ].join("-");
}

/** A chassis said who it is. Makes its agent, or brings it up to date. */
export async function recordChassis(engine: Engine, chassis: ChassisStatusRecord, alive: boolean): Promise<void> {
  await engine.transact((tx) => {
    const id = agentId(chassis.id);
    const known = tx.agents.get(id);
    const reported = {
      host: chassis.id,
      hostname: chassis.hostname,
      tunnel_ip: chassis.tunnelIp,
      encapsulations: chassis.encapsulations,
      bridge_mappings: chassis.bridgeMappings,
      release: chassis.release,
      started_at: chassis.startedAt,
      alive,
    };
    const made = { id, admin_state_up: true, description: null, created_at: tx.now, seen_at: tx.now };
    // In the order of fields that it has, so that what is equal looks equal.
    const agent: AgentObject = { ...(known ?? made), ...reported };
    putIfChanged(tx, known, agent.alive === known?.alive ? agent : { ...agent, seen_at: tx.now });
  });
}

/** A chassis's lease was granted, or has run out. @returns false where no such chassis has ever reported. */
export function setChassisAlive(engine: Engine, chassis: string, alive: boolean): Promise<boolean> {
  return engine.transact((tx) => {
    const known = tx.agents.get(agentId(chassis));
    if (known === undefined) return false;
    if (known.alive !== alive) tx.agents.put({ ...known, alive, seen_at: tx.now });
    return true;
  });
}

function putIfChanged(tx: Transaction, before: AgentObject | undefined, after: AgentObject): void {
  if (JSON.stringify(before) !== JSON.stringify(after)) tx.agents.put(after);
}
