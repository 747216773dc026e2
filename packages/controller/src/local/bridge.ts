import { openVSwitch, operations, type OvsdbClient, type Replica, type Uuid } from "@dragonflow/ovsdb";

/** What the controller reads of the local Open vSwitch. */
const SELECTION = {
  Open_vSwitch: ["datapath_types"],
  Bridge: ["name", "ports", "fail_mode", "flow_tables", "external_ids"],
  Port: ["name", "interfaces", "external_ids"],
  Interface: ["name", "type", "ofport", "options", "external_ids", "error"],
  Flow_Table: ["name", "external_ids"],
} as const;
export type LocalReplica = Replica<typeof openVSwitch.tables, typeof SELECTION>;
export type BridgeRow = NonNullable<ReturnType<typeof findBridge>>;

export const ops = operations(openVSwitch);

/** One interface on the integration bridge. */
export interface BridgeInterface {
  readonly name: string;
  /** OpenFlow number, once vswitchd gave it one. */
  readonly ofport: number | undefined;
  readonly externalIds: ReadonlyMap<string, string>;
  /** Why vswitchd could not make it. */
  readonly error: string | null;
}

export function replicate(ovs: OvsdbClient, onBatch: () => void, onError: (error: Error) => void): LocalReplica {
  return ovs.replica(openVSwitch, SELECTION, onBatch, { onError });
}

/** The row of a bridge; undefined where there is no bridge of that name. */
export function findBridge(replica: LocalReplica, name: string) {
  for (const [uuid, bridge] of replica.rows("Bridge")) if (bridge.name === name) return { uuid, ...bridge };
  return undefined;
}

/** The interfaces on one bridge, in order of name: those of other bridges are none of ours. */
export function interfacesOf(replica: LocalReplica, bridge: { readonly ports: ReadonlySet<Uuid> }) {
  const found: BridgeInterface[] = [];
  const [ports, interfaces] = [replica.rows("Port"), replica.rows("Interface")];
  for (const port of bridge.ports) {
    for (const uuid of ports.get(port)?.interfaces ?? []) {
      const row = interfaces.get(uuid);
      if (row === undefined) continue;
      const ofport = row.ofport !== null && row.ofport > 0 ? row.ofport : undefined;
      found.push({ name: row.name, ofport, externalIds: row.external_ids, error: row.error });
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
