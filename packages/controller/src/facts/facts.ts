import type { RowChange } from "@dragonflow/engine";
import { ENCAPSULATIONS } from "@dragonflow/model";
import { type InterfaceFact, interfaces, LOCAL, type TunnelFact, tunnelId, tunnels } from "@dragonflow/pipeline";
import type { BridgeInterface } from "./bridge.ts";

/** Marks a tunnel port as ours, and says to which chassis it leads. */
export const TUNNEL_CHASSIS_KEY = "dragonflow-chassis";
export const TUNNEL_TYPE_KEY = "dragonflow-encapsulation";

/** What the local switch says, as rows by table and id. */
export interface SwitchFacts {
  readonly interfaces: ReadonlyMap<string, InterfaceFact>;
  readonly tunnels: ReadonlyMap<string, TunnelFact>;
  /** Port ids that more than one interface carries: the first by name counts. */
  readonly doubles: readonly string[];
}

/** Pure: from the interfaces of the integration bridge. An interface without a number is not there yet. */
export function readFacts(found: readonly BridgeInterface[]): SwitchFacts {
  const ports = new Map<string, InterfaceFact>();
  const peers = new Map<string, TunnelFact>();
  const doubles: string[] = [];
  for (const { name, ofport, externalIds } of found) {
    if (ofport === undefined) continue;
    const chassis = externalIds.get(TUNNEL_CHASSIS_KEY);
    const encapsulation = ENCAPSULATIONS.find((type) => type === externalIds.get(TUNNEL_TYPE_KEY));
    if (chassis !== undefined && encapsulation !== undefined) {
      const id = tunnelId(chassis, encapsulation);
      peers.set(id, { id, chassis, encapsulation, ofport });
      continue;
    }
    const id = externalIds.get("iface-id");
    if (id === undefined) continue;
    if (ports.has(id)) doubles.push(id);
    else ports.set(id, { id, ofport, name });
  }
  return { interfaces: ports, tunnels: peers, doubles };
}

/** The difference of two states of the switch, as changes for the engine. */
export function factChanges(before: SwitchFacts, after: SwitchFacts): readonly RowChange[] {
  return [
    ...changes(interfaces, before.interfaces, after.interfaces),
    ...changes(tunnels, before.tunnels, after.tunnels),
  ];
}

function changes(
  table: RowChange["table"],
  before: ReadonlyMap<string, { readonly id: string; readonly ofport: number }>,
  after: ReadonlyMap<string, { readonly id: string; readonly ofport: number; readonly name?: string }>,
): readonly RowChange[] {
  const gone = [...before.keys()]
    .filter((id) => !after.has(id))
    .map((id) => ({ table, partition: LOCAL, id, row: undefined }));
  const there = [...after.values()].filter((row) => JSON.stringify(before.get(row.id)) !== JSON.stringify(row));
  return [...gone, ...there.map((row) => ({ table, partition: LOCAL, id: row.id, row }))];
}
export const NO_FACTS: SwitchFacts = { interfaces: new Map(), tunnels: new Map(), doubles: [] };
