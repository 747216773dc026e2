import { createHash } from "node:crypto";
import type { ChassisStatusRecord } from "@dragonflow/model";
import type { Engine } from "./engine.ts";
import type { AgentObject } from "./kinds.ts";
import type { Transaction } from "./transaction.ts";

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
