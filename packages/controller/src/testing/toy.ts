/** A pipeline of two tables, and what a test wants in it: as small as can be. */
import {
  act,
  type Bucket,
  type DesiredFlow,
  type DesiredGroup,
  type DesiredMeter,
  defineFlowTable,
  floodGroup,
  flow,
  goto,
  group,
  limit,
  meter,
  output,
  type Owner,
  Pipeline,
  setZone,
  type Step,
  stages,
} from "@dragonflow/pipeline";
import { portId } from "@dragonflow/pipeline/testing";
import type { SwitchDesired } from "../switch/plan.ts";

const last = defineFlowTable({
  name: "last",
  purpose: "the end",
  stage: stages.delivery,
  match: ["in_port"],
  miss: "drop",
});
const first = defineFlowTable({
  name: "first",
  purpose: "the beginning",
  stage: stages.classify,
  match: ["in_port", "eth_dst"],
  writes: ["ctZone"],
  next: [stages.delivery],
  miss: "next",
});
/** One flow of its own: the miss of its first table. */
export const toyPipeline = new Pipeline([first, last]);

export const ownerOf = (n: number): Owner => ({ app: "l2", kind: "port", id: portId(n) });
export function toyFlow(n: number, steps: readonly Step[] = [output(1)], owner: Owner = ownerOf(n)): DesiredFlow {
  return flow(owner, first, 100, { in_port: n }, steps);
}
/** One that tracks connections in the zone of this name. */
export const zoneFlow = (n: number, name: string): DesiredFlow => toyFlow(n, [setZone(name), output(1)]);
/** For those who want more than there are port numbers. */
export const bulkFlow = (n: number): DesiredFlow =>
  flow(ownerOf(n), first, 100, { eth_dst: 0x020000000000 + n }, [output(1)]);
export const onwards = goto(stages.delivery);
/** Needs an IP packet, which the match does not promise: OFPBAC_MATCH_INCONSISTENT. */
export const refusedSteps: readonly Step[] = [act({ type: "dec_ttl" })];
export const bucket = (n: number): Bucket => ({ id: `bucket ${n}`, steps: [output(n)] });
export function toyGroup(name: string, buckets: readonly number[]): DesiredGroup {
  return floodGroup({ app: "l2", kind: "network", id: name }, name, buckets.map(bucket));
}
export const toyMeter = (name: string, rate = 10): DesiredMeter => meter(name, rate);
export { group, limit };

/** As a change of the switch. */
export function put(...items: readonly SwitchDesired[]): readonly (readonly [string, SwitchDesired])[] {
  return items.map((item) => [item.key, item]);
}
export function take(...items: readonly SwitchDesired[]): readonly (readonly [string, undefined])[] {
  return items.map(({ key }) => [key, undefined]);
}
export function range(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}
