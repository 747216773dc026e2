import type { Action, FlowDesc, Instructions, OpenFlowSocket } from "@dragonflow/openflow";
import { type DesiredFlow, type Pipeline, PIPELINE_COOKIE, readCookie } from "@dragonflow/pipeline";
import { keyOf } from "./canonical.ts";
import type { Numbers } from "./numbers.ts";

/** A flow of ours that the switch has. */
export interface ActualFlow {
  readonly flow: FlowDesc;
  /** As `DesiredFlow.key`; undefined where this release has no such table. */
  readonly key: string | undefined;
}
export interface ActualGroup {
  readonly group: number;
  /** Bucket number -> its actions. */
  readonly buckets: ReadonlyMap<number, readonly Action[]>;
}
export interface Actual {
  readonly flows: readonly ActualFlow[];
  readonly groups: ReadonlyMap<number, ActualGroup>;
  /** Meter number -> packets per second and burst, "" for one that is not of our kind. */
  readonly meters: ReadonlyMap<number, string>;
}

/** True for a flow that carries a cookie of ours: everything else in the bridge belongs to somebody else, and is left alone. */
export function isOurs(cookie: bigint): boolean {
  return cookie === PIPELINE_COOKIE || readCookie(cookie) !== undefined;
}

/** Reads back what the switch has of ours. */
export async function readActual(
  socket: OpenFlowSocket,
  pipeline: Pipeline,
  groupNumbers: Numbers,
  meterNumbers: Numbers,
): Promise<Actual> {
  const [flows, groups, meters] = await Promise.all([
    socket.request({ type: "flow_desc_request", match: {} }),
    socket.request({ type: "group_desc_request" }),
    socket.request({ type: "meter_desc_request" }),
  ]);
  return {
    flows: flows.entries.filter((flow) => isOurs(flow.cookie)).map((flow) => ({ flow, key: keyOf(flow, pipeline) })),
    groups: new Map(
      groups.entries
        .filter(({ group }) => groupNumbers.isOurs(group))
        .map(({ group, buckets }) => [group, { group, buckets: new Map(buckets.map((b) => [b.bucket, b.actions])) }]),
    ),
    meters: new Map(
      meters.entries
        .filter(({ meter }) => meterNumbers.isOurs(meter))
        .map(({ meter, bands }) => [meter, bands.map((b) => `${b.rate}/${b.burst}`).join()]),
    ),
  };
}

/** The names in a desired flow take over the numbers that the switch has in the same places of the same flow. */
export function adoptNumbers(desired: DesiredFlow, instructions: Instructions, groups: Numbers, meters: Numbers): void {
  const names = desired.steps.flatMap((step) => (step.type === "group" ? [step.group] : []));
  const numbers = (instructions.apply ?? []).flatMap((action) => (action.type === "group" ? [action.group] : []));
  names.forEach((name, i) => {
    const number = numbers[i];
    if (number !== undefined) groups.adopt(name, number);
  });
  const meter = desired.steps.find((step) => step.type === "meter");
  if (meter?.type === "meter" && instructions.meter !== undefined) meters.adopt(meter.meter, instructions.meter);
}
