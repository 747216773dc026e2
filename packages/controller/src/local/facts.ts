import { type RowChange, type Row, type Table } from "@dragonflow/engine";
import { ENCAPSULATIONS } from "@dragonflow/model";
import { type InterfaceFact, interfaces, LOCAL, type TunnelFact, tunnelId, tunnels } from "@dragonflow/pipeline";
import type { BridgeInterface } from "./bridge.ts";

/** Marks a tunnel port as ours, and says to which chassis it leads. */
export const TUNNEL_CHASSIS_KEY = "dragonflow-chassis";
export const TUNNEL_TYPE_KEY = "dragonflow-encapsulation";
/** On an interface: the id of the port that it is (Open vSwitch's integration guide). */
const PORT_KEY = "iface-id";

/** What the local switch says, as rows by table and id. */
export interface SwitchFacts {
  readonly interfaces: ReadonlyMap<string, InterfaceFact>;
  readonly tunnels: ReadonlyMap<string, TunnelFact>;
  /** Interface -> what is wrong with it, in words. */
  readonly problems: ReadonlyMap<string, string>;
}
export const NO_FACTS: SwitchFacts = { interfaces: new Map(), tunnels: new Map(), problems: new Map() };

/**
 * Pure: from the interfaces of the integration bridge, in order of name. One without a number is not there yet; of several that carry the id of one
 * port the first counts.
 */
export function readFacts(found: readonly BridgeInterface[]): SwitchFacts {
  const ports = new Map<string, InterfaceFact>();
  const peers = new Map<string, TunnelFact>();
  const problems = new Map<string, string>();
  for (const { name, ofport, externalIds, error } of found) {
    const chassis = externalIds.get(TUNNEL_CHASSIS_KEY);
    const encapsulation = ENCAPSULATIONS.find((type) => type === externalIds.get(TUNNEL_TYPE_KEY));
    const id = externalIds.get(PORT_KEY);
    const isTunnel = chassis !== undefined && encapsulation !== undefined;
    if (error !== null && (isTunnel || id !== undefined))
      problems.set(name, isTunnel ? `the tunnel to ${chassis}: ${error}` : `the interface of port ${id}: ${error}`);
    if (ofport === undefined) continue;
    if (isTunnel) {
      const tunnel = tunnelId(chassis, encapsulation);
      peers.set(tunnel, { id: tunnel, chassis, encapsulation, ofport });
    } else if (id !== undefined) {
      const first = ports.get(id);
      if (first === undefined) ports.set(id, { id, ofport, name });
      else problems.set(name, `carries the id of port ${id}, as ${first.name} does, which counts`);
    }
  }
  return { interfaces: ports, tunnels: peers, problems };
}

/** The difference of two states of the switch, as changes for the engine. */
export function factChanges(before: SwitchFacts, after: SwitchFacts): readonly RowChange[] {
  return [
    ...changes(interfaces, before.interfaces, after.interfaces, (a, b) => a.ofport === b.ofport && a.name === b.name),
    ...changes(tunnels, before.tunnels, after.tunnels, (a, b) => a.ofport === b.ofport),
  ];
}

function changes<T extends Row>(
  table: Table<T>,
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  isSame: (a: T, b: T) => boolean,
): readonly RowChange[] {
  const result: RowChange[] = [];
  for (const id of before.keys()) if (!after.has(id)) result.push({ table, partition: LOCAL, id, row: undefined });
  for (const [id, row] of after) {
    const old = before.get(id);
    if (old === undefined || !isSame(old, row)) result.push({ table, partition: LOCAL, id, row });
  }
  return result;
}
