import type { FlowDesc, Instructions, OpenFlowSocket } from "@dragonflow/openflow";
import { type DesiredFlow, type Pipeline, PIPELINE_COOKIE, readCookie } from "@dragonflow/pipeline";
import { actionsText, keyOf } from "./canonical.ts";
import type { Buckets } from "./group-mods.ts";
import type { Numbers } from "./numbers.ts";

/** A flow of ours that the switch has. */
export interface ActualFlow {
  readonly flow: FlowDesc;
  /** As `DesiredFlow.key`; undefined where this release has no such table. */
  readonly key: string | undefined;
}
/** What is in the switch and ours, by the cookie of a flow and the number of a group or meter. */
export interface Actual {
  readonly flows: readonly ActualFlow[];
  readonly groups: ReadonlyMap<number, Buckets>;
  /** As {@link meterValue}. */
  readonly meters: ReadonlyMap<number, string>;
}

/** True for a flow that carries a cookie of ours: everything else in the bridge belongs to somebody else, and is left alone. */
export function isOurs(cookie: bigint): boolean {
  return cookie === PIPELINE_COOKIE || readCookie(cookie) !== undefined;
}

/** What makes two meters the same. */
export function meterValue(
  flags: readonly string[],
  bands: readonly { readonly rate: number; readonly burst: number }[],
) {
  return `${flags.toSorted().join("+")} ${bands.map(({ rate, burst }) => `${rate}/${burst}`).join()}`;
}

/** Reads back what the switch has of ours. */
export async function readActual(
  socket: OpenFlowSocket,
  pipeline: Pipeline,
  groupNumbers: Numbers,
  meterNumbers: Numbers,
): Promise<Actual> {
  const [flows, others] = await Promise.all([
    socket.request({ type: "flow_desc_request", match: {} }),
    readGroups(socket, groupNumbers, meterNumbers),
  ]);
  return {
    flows: flows.entries.filter((flow) => isOurs(flow.cookie)).map((flow) => ({ flow, key: keyOf(flow, pipeline) })),
    ...others,
  };
}

/** What is there beside flows. */
export async function readGroups(
  socket: OpenFlowSocket,
  groupNumbers: Numbers,
  meterNumbers: Numbers,
): Promise<Pick<Actual, "groups" | "meters">> {
  const [groups, meters] = await Promise.all([
    socket.request({ type: "group_desc_request" }),
    socket.request({ type: "meter_desc_request" }),
  ]);
  return {
    groups: new Map(
      groups.entries
        .filter(({ group }) => groupNumbers.isOurs(group))
        .map(({ group, buckets }) => [group, new Map(buckets.map((b) => [b.bucket, actionsText(b.actions)]))]),
    ),
    meters: new Map(
      meters.entries
        .filter(({ meter }) => meterNumbers.isOurs(meter))
        .map(({ meter, flags, bands }) => [meter, meterValue(flags, bands)]),
    ),
  };
}

/** The names in a desired flow take over the numbers that the switch has in the same places of the same flow. */
export function adoptNumbers(desired: DesiredFlow, instructions: Instructions, groups: Numbers, meters: Numbers): void {
  const numbers = (instructions.apply ?? []).flatMap((action) => (action.type === "group" ? [action.group] : []));
  const [first] = instructions.apply ?? [];
  let place = 0;
  for (const step of desired.steps) {
    // What was sent as an instruction is read back as the first action (OpenFlow 1.5 has no meter instruction).
    if (step.type === "meter" && first?.type === "meter") meters.adopt(step.meter, first.meter);
    if (step.type !== "group") continue;
    const number = numbers[place++];
    if (number !== undefined) groups.adopt(step.group, number);
  }
}
