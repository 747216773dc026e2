import type { Bundled, Flow, Message } from "@dragonflow/openflow";
import type { Binding, DesiredFlow, DesiredGroup, DesiredMeter, Pipeline } from "@dragonflow/pipeline";
import { valueOf } from "./canonical.ts";
import { groupMods, type InstalledGroup } from "./group-mods.ts";

export type SwitchDesired = DesiredFlow | DesiredGroup | DesiredMeter;

/** What the switch was told, and acknowledged, by the key of what was desired. */
export type Installed =
  | {
      readonly type: "flow";
      readonly value: string;
      readonly flow: Pick<Flow, "table" | "priority" | "match">;
      readonly uses: readonly string[];
    }
  | ({ readonly type: "group"; readonly name: string; readonly number: number } & InstalledGroup)
  | { readonly type: "meter"; readonly name: string; readonly number: number; readonly value: string };

/** One step towards what is desired: messages in an order that never refers to what is not there, and what is installed once they are acknowledged. */
export interface Plan {
  readonly before: readonly Message[];
  readonly bundle: readonly Bundled[];
  readonly after: readonly Message[];
  readonly installs: ReadonlyMap<string, Installed | undefined>;
  /** Which key each message of the bundle is for, in order. */
  readonly keys: readonly string[];
  readonly flowMods: number;
}

/** Names of groups and meters that a flow uses, as keys of what is desired. */
function usesOf(flow: DesiredFlow): readonly string[] {
  return flow.steps.flatMap((step) =>
    step.type === "group" ? [`group ${step.group}`] : step.type === "meter" ? [`meter ${step.meter}`] : [],
  );
}

export const meterValue = (meter: DesiredMeter): string => `${meter.packetsPerSecond}/${meter.burstPackets}`;

/** From what is installed to what is desired, for these keys. Pure but for the numbers that `binding` hands out. */
export function plan(
  keys: Iterable<string>,
  desired: ReadonlyMap<string, SwitchDesired>,
  installed: ReadonlyMap<string, Installed>,
  pipeline: Pipeline,
  binding: Binding,
): Plan {
  const groups: { key: string; message: Bundled }[] = [];
  const flows: { key: string; message: Bundled }[] = [];
  const gone: { key: string; message: Bundled }[] = [];
  const before: Message[] = [];
  const after: Message[] = [];
  const installs = new Map<string, Installed | undefined>();

  for (const key of keys) {
    const wanted = desired.get(key);
    const there = installed.get(key);
    if (wanted === undefined) {
      if (there !== undefined) remove(key, there);
      continue;
    }
    switch (wanted.type) {
      case "flow": {
        const flow = pipeline.bind(wanted, binding);
        const value = valueOf(flow);
        if (there?.type === "flow" && there.value === value) break;
        // Adding replaces an entry with the same match whole, its cookie included; a modify would keep the old cookie.
        flows.push({ key, message: { type: "flow_mod", command: "add", ...flow } });
        const { table, priority, match } = flow;
        installs.set(key, { type: "flow", value, flow: { table, priority, match }, uses: usesOf(wanted) });
        break;
      }
      case "group": {
        const number = binding.group(wanted.name);
        const { mods, installs: result } = groupMods(
          wanted,
          number,
          pipeline,
          binding,
          there?.type === "group" ? there : undefined,
        );
        for (const message of mods) groups.push({ key, message });
        installs.set(key, { type: "group", name: wanted.name, number, ...result });
        break;
      }
      case "meter": {
        const number = binding.meter(wanted.name);
        const value = meterValue(wanted);
        if (there?.type === "meter" && there.value === value) break;
        before.push({
          type: "meter_mod",
          command: there === undefined ? "add" : "modify",
          flags: ["pktps", "burst", "stats"],
          meter: number,
          bands: [{ action: "drop", rate: wanted.packetsPerSecond, burst: wanted.burstPackets }],
        });
        installs.set(key, { type: "meter", name: wanted.name, number, value });
        break;
      }
    }
  }
  const bundle = [...groups, ...flows, ...gone];
  return {
    before,
    bundle: bundle.map((b) => b.message),
    keys: bundle.map((b) => b.key),
    after,
    installs,
    flowMods: flows.length + gone.length,
  };

  function remove(key: string, there: Installed): void {
    installs.set(key, undefined);
    switch (there.type) {
      case "flow":
        // Flows first: deleting a group would delete the flows that use it, another owner's among them.
        flows.push({
          key,
          message: { type: "flow_mod", command: "delete_strict", cookie: 0n, instructions: {}, ...there.flow },
        });
        break;
      case "group":
        gone.push({
          key,
          message: { type: "group_mod", command: "delete", groupType: "all", group: there.number, buckets: [] },
        });
        break;
      case "meter":
        after.push({ type: "meter_mod", command: "delete", flags: [], meter: there.number, bands: [] });
        break;
    }
  }
}
