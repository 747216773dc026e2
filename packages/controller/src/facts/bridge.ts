import type { OvsdbClient, Replica, Uuid } from "@dragonflow/ovsdb";
import { type Batch, openVSwitch } from "@dragonflow/ovsdb";

/** What the controller reads of the local Open vSwitch. */
export const SELECTION = {
  Open_vSwitch: ["external_ids", "bridges"],
  Bridge: ["name", "ports", "flow_tables"],
  Port: ["name", "interfaces", "external_ids"],
  Interface: ["name", "type", "ofport", "external_ids", "error"],
  Flow_Table: ["name"],
} as const;
export type BridgeReplica = Replica<typeof openVSwitch.tables, typeof SELECTION>;
export type BridgeBatch = Batch<typeof openVSwitch.tables, typeof SELECTION>;

export interface BridgeInterface {
  readonly uuid: Uuid;
  readonly name: string;
  /** OpenFlow number, once vswitchd gave it one. */
  readonly ofport: number | undefined;
  readonly externalIds: ReadonlyMap<string, string>;
  readonly error: string | null;
}

export function replicateBridge(ovs: OvsdbClient, onBatch: (batch: BridgeBatch) => void): BridgeReplica {
  return ovs.replica(openVSwitch, SELECTION, onBatch);
}

/** The row of a bridge; undefined where there is no bridge of that name. */
export function findBridge(
  replica: BridgeReplica,
  name: string,
): { readonly uuid: Uuid; readonly ports: ReadonlySet<Uuid> } | undefined {
  for (const [uuid, bridge] of replica.rows("Bridge")) if (bridge.name === name) return { uuid, ports: bridge.ports };
  return undefined;
}

/** The interfaces on one bridge, in order of name: those of other bridges are none of ours. */
export function interfacesOf(replica: BridgeReplica, bridge: string): readonly BridgeInterface[] {
  const found: BridgeInterface[] = [];
  for (const portUuid of findBridge(replica, bridge)?.ports ?? []) {
    for (const uuid of replica.rows("Port").get(portUuid)?.interfaces ?? []) {
      const row = replica.rows("Interface").get(uuid);
      if (row === undefined) continue;
      const ofport = row.ofport !== null && row.ofport > 0 ? row.ofport : undefined;
      found.push({ uuid, name: row.name, ofport, externalIds: row.external_ids, error: row.error });
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
