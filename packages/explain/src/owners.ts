import type { Owner, TraceStep } from "@dragonflow/pipeline";
import type { Host } from "./host.ts";

export type Lookup = Extract<TraceStep, { type: "lookup" }>;

/** Who caused the flow that a packet met; undefined: none did, or the pipeline itself. */
export const ownerAt = ({ bound }: Host, { flow }: Lookup): Owner | undefined =>
  flow === undefined ? undefined : bound.desiredOf(flow)?.owner;

/** The flow does nothing with the packet, so that it ends there. */
export const isDrop = ({ flow }: Lookup): boolean => flow !== undefined && Object.keys(flow.instructions).length === 0;

/** Where the flow sends the packet on to; undefined: nowhere, or to several places. */
export function nextTable(host: Host, { flow }: Lookup): string | undefined {
  const { goto, apply = [] } = flow?.instructions ?? {};
  if (goto !== undefined) return host.bound.tableName(goto);
  for (const action of apply) {
    if (action.type === "resubmit" && action.table !== undefined) return host.bound.tableName(action.table);
    if (action.type === "ct" && action.table !== undefined) return host.bound.tableName(action.table);
  }
  return undefined;
}
