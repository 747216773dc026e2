import type { Refusal, Wanted } from "./plan.ts";

/** What a switch driver tells. */
export interface SwitchEvents {
  /** What is desired replaces what is there from now on. */
  released: [];
  /** All that was desired up to this change is in the switch, but for what it refused. */
  applied: [change: number];
  /** The switch does not take this. The rest goes on. */
  refused: [key: string, wanted: Wanted, refusal: Refusal];
  connected: [];
  /** A plan was sent, and its barrier has come. */
  sent: [seconds: number];
  /** Somebody else changed flows of ours: the switch is read back. */
  disturbed: [];
  /** The audit found so many entries otherwise than they were sent: they are made right. */
  drifted: [entries: number];
  /** Read back and made equal: so many flow-mods it took. */
  synced: [flowMods: number];
  /** The connection was lost, or could not be made. */
  disconnected: [reason: Error];
}

/** Since the start. */
export interface Counters {
  flowMods: number;
  groupMods: number;
  meterMods: number;
  /** Zones that were emptied: each before its first flow, and after its last. */
  zoneFlushes: number;
  /** Plans that were sent: what changes while one is on its way goes together in the next. */
  plans: number;
  refusals: number;
  /** How often the switch was read back. */
  syncs: number;
  /** How often somebody else was seen to change flows of ours. */
  disturbances: number;
  /** Flow-mods that it took then. */
  repairedAfterDisturbance: number;
  /** Flows that the audit compared. */
  auditedFlows: number;
  /** Entries that it found otherwise than they were sent. */
  repairedByAudit: number;
}
export const noCounters = (): Counters => ({
  flowMods: 0,
  groupMods: 0,
  meterMods: 0,
  zoneFlushes: 0,
  plans: 0,
  refusals: 0,
  syncs: 0,
  disturbances: 0,
  repairedAfterDisturbance: 0,
  auditedFlows: 0,
  repairedByAudit: 0,
});
