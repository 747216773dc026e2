import type { PortObject } from "@dragonflow/model";
import { type Engine, NeutronError } from "@dragonflow/neutron-api";
import { StoreError } from "@dragonflow/store";
import { type Claim, type FoldedPort, foldPort, isFolded } from "./fold.ts";

/** Ports of one commit, where the store takes that many. */
const PORTS_PER_COMMIT = 200;
/** What the update of one port may write and expect: its object, its projection here and there. */
const OPERATIONS_PER_PORT = 8;

type ClaimsOf = (portId: string) => readonly Claim[];

/** Undefined for a port that does not exist, or that chassis have no say in. */
export function foldedPort(port: PortObject | undefined, claims: readonly Claim[]): FoldedPort | undefined {
  return port === undefined || !isFolded(port) ? undefined : foldPort(port, claims);
}

const differs = (port: PortObject, folded: FoldedPort): boolean =>
  port.host_id !== folded.host_id || port.status !== folded.status;

/**
 * Gives ports the binding and the status that their claims make, many in one commit. Those that have them cost a look.
 * @returns what was made of those that had to change.
 * @throws what the store throws. Anything else is the fault of one port, which `failed` gets; the others are done.
 */
export async function foldPorts(
  engine: Engine,
  ids: readonly string[],
  claimsOf: ClaimsOf,
  options: {
    readonly operationsPerCommit: number;
    readonly failed: (id: string, error: unknown) => void;
  },
): Promise<ReadonlyMap<string, FoldedPort | undefined>> {
  const due = ids.filter((id) => {
    const port = engine.state.ports.get(id);
    const folded = foldedPort(port, claimsOf(id));
    return port !== undefined && folded !== undefined && differs(port, folded);
  });
  const size = Math.max(1, Math.min(PORTS_PER_COMMIT, Math.floor(options.operationsPerCommit / OPERATIONS_PER_PORT)));
  const written = new Map<string, FoldedPort | undefined>();
  for (let at = 0; at < due.length; at += size) {
    const batch = due.slice(at, at + size);
    try {
      for (const [id, folded] of await foldBatch(engine, batch, claimsOf)) written.set(id, folded);
    } catch (error) {
      if (error instanceof StoreError || error instanceof NeutronError) throw error;
      for (const id of batch) {
        try {
          written.set(id, (await foldBatch(engine, [id], claimsOf)).get(id));
        } catch (fault) {
          if (fault instanceof StoreError || fault instanceof NeutronError) throw fault;
          options.failed(id, fault);
        }
      }
    }
  }
  return written;
}

/** Folded anew from the state that the commit is built on, which may be newer than the one that was looked at. */
function foldBatch(
  engine: Engine,
  ids: readonly string[],
  claimsOf: ClaimsOf,
): Promise<ReadonlyMap<string, FoldedPort | undefined>> {
  return engine.transact((tx) => {
    const written = new Map<string, FoldedPort | undefined>();
    for (const id of ids) {
      const port = tx.ports.get(id);
      const folded = foldedPort(port, claimsOf(id));
      written.set(id, folded);
      if (port === undefined || folded === undefined) continue;
      tx.ports.put(tx.revise(port, { host_id: folded.host_id, status: folded.status }));
    }
    return written;
  });
}
