import type { Operation } from "@dragonflow/ovsdb";
import type { ZoneLedger } from "../switch/zones.ts";
import { type BridgeRow, ops } from "./bridge.ts";

/** In the external_ids of the integration bridge: `dragonflow-zone-NUMBER` is the name of who has the zone. */
const KEY = "dragonflow-zone-";
const KEY_PATTERN = /^dragonflow-zone-([1-9]\d{0,4})$/;

/** What stands there. */
export function readLedger({ external_ids: ids }: Pick<BridgeRow, "external_ids">): ZoneLedger {
  const ledger = new Map<number, string>();
  for (const [key, name] of ids) {
    const number = KEY_PATTERN.exec(key)?.[1];
    if (number !== undefined) ledger.set(Number(number), name);
  }
  return ledger;
}

/** From what stands there to what shall. An insert leaves a key alone that is there: one whose name changes is removed first (RFC 7047 section 5.1). */
export function ledgerOperations(bridge: BridgeRow, wanted: ZoneLedger): readonly Operation<unknown>[] {
  const there = readLedger(bridge);
  const gone = [...there].filter(([number, name]) => wanted.get(number) !== name).map(([number]) => KEY + number);
  const come = [...wanted].filter(([number, name]) => there.get(number) !== name);
  const where = [["_uuid", "==", bridge.uuid]] as const;
  const result: Operation<unknown>[] = [];
  if (gone.length > 0) result.push(ops.mutate("Bridge", where, [["external_ids", "delete", gone]]));
  if (come.length > 0) {
    const entries = new Map(come.map(([number, name]) => [KEY + number, name]));
    result.push(ops.mutate("Bridge", where, [["external_ids", "insert", entries]]));
  }
  return result;
}
