import { type Bundled, type Flow, type MessageNamed, OpenFlowError } from "@dragonflow/openflow";
import type { Binding, DesiredFlow, DesiredGroup, DesiredMeter, Pipeline } from "@dragonflow/pipeline";
import { EncodeError } from "@dragonflow/wire";
import { meterValue } from "./actual.ts";
import { valueOf } from "./canonical.ts";
import { groupMods } from "./group-mods.ts";
import { namesIdentityOption } from "./identity-option.ts";
import type { Installed } from "./installed.ts";

export type SwitchDesired = DesiredFlow | DesiredGroup | DesiredMeter;
/** What the pipeline itself wants in the switch, whatever the apps do: see `Pipeline.missFlows`. */
export interface MissFlow {
  readonly type: "miss";
  readonly flow: Flow;
}
export type Wanted = SwitchDesired | MissFlow;

/** Why something desired is not in the switch: an error of OpenFlow by name, or `unsendable` where it has no wire form. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

type MeterMod = MessageNamed<"meter_mod">;
/** A message, and the key that it is for. */
export interface Step<M> {
  readonly key: string;
  readonly message: M;
}

/**
 * From what is installed to what is desired, in an order in which nothing ever refers to what is not there: meters that come or change; groups,
 * flows that come or change, flows that go, groups that go; meters that go.
 */
export interface Plan {
  readonly meters: readonly Step<MeterMod>[];
  readonly changes: readonly Step<Bundled>[];
  readonly lastMeters: readonly Step<MeterMod>[];
  /** What is installed once the messages for a key are acknowledged. */
  readonly installs: ReadonlyMap<string, Installed | undefined>;
  /** What cannot even be sent; a flow that stands in its place is removed. */
  readonly unsendable: ReadonlyMap<string, Refusal>;
  /** Flows whose zones are not ready: what stands in their places stays. */
  readonly waiting: readonly string[];
}

/** The groups and meters that something desired uses, by their keys: deleting one deletes the flows that use it. */
export function usesOf(wanted: Wanted | undefined): readonly string[] {
  if (wanted?.type !== "flow") return [];
  return wanted.steps.flatMap((step) =>
    step.type === "group" ? [`group ${step.group}`] : step.type === "meter" ? [`meter ${step.meter}`] : [],
  );
}

/** The zones that something desired names. */
export function zonesOf(wanted: Wanted | undefined): readonly string[] {
  if (wanted?.type !== "flow") return [];
  return wanted.steps.flatMap((step) => (step.type === "zone" ? [step.zone] : []));
}

const METER_FLAGS = ["pktps", "burst", "stats"] as const;
const EVERY_BIT = 0xffffffffffffffffn;

/** What a plan is made of. */
export interface State {
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** Of these, what the switch does not take: it is as if it were not wanted. */
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly installed: ReadonlyMap<string, Installed>;
  /** Why flows that name the option for identities cannot be sent; absent where they can. */
  readonly withoutOption?: Refusal | undefined;
  /** Hands out numbers; false while flows may not use one. @throws {RangeError} @throws {OpenFlowError} */
  readonly prepareZone: (name: string) => boolean;
}

/** Pure but for the numbers that `binding` hands out. */
export function plan(
  keys: Iterable<string>,
  { wanted: all, refused, installed, withoutOption, prepareZone }: State,
  pipeline: Pipeline,
  binding: Binding,
): Plan {
  const meters: Step<MeterMod>[] = [];
  const groups: Step<Bundled>[] = [];
  const flows: Step<Bundled>[] = [];
  const goneFlows: Step<Bundled>[] = [];
  const goneGroups: Step<Bundled>[] = [];
  const lastMeters: Step<MeterMod>[] = [];
  const installs = new Map<string, Installed | undefined>();
  const unsendable = new Map<string, Refusal>();
  const waiting: string[] = [];

  for (const key of keys) {
    const wanted = refused.has(key) ? undefined : all.get(key);
    const there = installed.get(key);
    if (wanted === undefined) {
      if (there !== undefined) remove(key, there);
      continue;
    }
    try {
      const missing = usesOf(wanted).find((use) => !all.has(use));
      if (missing !== undefined) throw new RangeError(`uses the ${missing}, which is not there`);
      // Of all its zones, so that each has its number.
      if (zonesOf(wanted).filter((zone) => !prepareZone(zone)).length > 0) waiting.push(key);
      else bring(key, wanted, there);
    } catch (error) {
      if (error instanceof OpenFlowError) giveUp(key, error, there);
      else if (!(error instanceof RangeError || error instanceof EncodeError)) throw error;
      else giveUp(key, { code: "unsendable", message: error.message }, there);
    }
  }
  const changes = [...groups, ...flows, ...goneFlows, ...goneGroups];
  return { meters, changes, lastMeters, installs, unsendable, waiting };

  function bring(key: string, wanted: Wanted, there: Installed | undefined): void {
    switch (wanted.type) {
      case "flow":
      case "miss": {
        const flow = wanted.type === "miss" ? wanted.flow : pipeline.bind(wanted, binding);
        if (withoutOption !== undefined && namesIdentityOption(flow)) {
          giveUp(key, withoutOption, there);
          return;
        }
        const value = valueOf(flow);
        if (there?.type === "flow" && there.value === value) return;
        // Adding replaces an entry with the same match whole, its cookie included; a modify would keep the old cookie.
        flows.push({ key, message: { type: "flow_mod", command: "add", ...flow } });
        const { table, priority, match, cookie } = flow;
        installs.set(key, { type: "flow", value, flow: { table, priority, match, cookie } });
        return;
      }
      case "group": {
        const { name } = wanted;
        const number = binding.group(name);
        const before = there?.type === "group" ? there : undefined;
        const { mods, installs: result } = groupMods(wanted, number, pipeline, binding, before);
        for (const message of mods) groups.push({ key, message });
        installs.set(key, { type: "group", name, number, ...result });
        return;
      }
      case "meter": {
        const { name } = wanted;
        const bands = [{ action: "drop", rate: wanted.packetsPerSecond, burst: wanted.burstPackets }] as const;
        const value = meterValue(METER_FLAGS, bands);
        if (there?.type === "meter" && there.value === value) return;
        const number = binding.meter(name);
        const command = there === undefined ? "add" : "modify";
        meters.push({ key, message: { type: "meter_mod", command, flags: METER_FLAGS, meter: number, bands } });
        installs.set(key, { type: "meter", name, number, value });
      }
    }
  }

  /** What stood in its place goes now: with the group that it used, the switch deletes it anyway. */
  function giveUp(key: string, refusal: Refusal, there: Installed | undefined): void {
    unsendable.set(key, refusal);
    if (there?.type === "flow") remove(key, there);
  }

  function remove(key: string, there: Installed): void {
    installs.set(key, undefined);
    switch (there.type) {
      case "flow": {
        // By its cookie too: what somebody else has put in its place meanwhile is not ours to delete.
        const message = { ...there.flow, type: "flow_mod", command: "delete_strict", cookieMask: EVERY_BIT } as const;
        goneFlows.push({ key, message: { ...message, instructions: {} } });
        return;
      }
      case "group": {
        const message = { type: "group_mod", command: "delete", groupType: "all", buckets: [] } as const;
        goneGroups.push({ key, message: { ...message, group: there.number } });
        return;
      }
      case "meter":
        lastMeters.push({
          key,
          message: { type: "meter_mod", command: "delete", flags: [], meter: there.number, bands: [] },
        });
    }
  }
}
