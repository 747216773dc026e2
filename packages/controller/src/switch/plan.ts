import { type Bundled, type Flow, type MessageNamed, OpenFlowError } from "@dragonflow/openflow";
import {
  type Binding,
  type DesiredFlow,
  type DesiredGroup,
  type DesiredMeter,
  packedMatch,
  type Pipeline,
} from "@dragonflow/pipeline";
import { EncodeError } from "@dragonflow/wire";
import { meterValue } from "./actual.ts";
import { instructionsIn, packMatch, valueOf } from "./canonical.ts";
import { groupMods } from "./group-mods.ts";
import { namesIdentityOption } from "./identity-option.ts";
import type { Installed, InstalledFlow } from "./installed.ts";
import type { Inventory } from "./inventory.ts";

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
  if (wanted?.type !== "flow") return NOTHING;
  // Most use none, and there may be a hundred thousand.
  let uses: string[] | undefined;
  for (const step of wanted.steps) {
    if (step.type === "group") (uses ??= []).push(`group ${step.group}`);
    else if (step.type === "meter") (uses ??= []).push(`meter ${step.meter}`);
  }
  return uses ?? NOTHING;
}
const NOTHING: readonly string[] = [];

/** The zones that something desired names. */
export function zonesOf(wanted: Wanted | undefined): readonly string[] {
  if (wanted?.type !== "flow") return NOTHING;
  let zones: string[] | undefined;
  for (const step of wanted.steps) if (step.type === "zone") (zones ??= []).push(step.zone);
  return zones ?? NOTHING;
}

export const METER_FLAGS = ["pktps", "burst", "stats"] as const;
const EVERY_BIT = 0xffffffffffffffffn;

/** Pure but for the numbers that `binding` hands out. @throws {RangeError} @throws {EncodeError} what has no wire form. */
export function packFlow(desired: DesiredFlow, pipeline: Pipeline, binding: Binding): InstalledFlow {
  const { table, priority, cookie } = desired;
  const value = valueOf({ cookie, instructions: pipeline.instructions(desired, binding) });
  return { type: "flow", table: pipeline.numberOf(table), priority, match: packedMatch(desired), cookie, value };
}
function packMiss({ flow }: MissFlow): InstalledFlow {
  const { table, priority, cookie } = flow;
  return { type: "flow", table, priority, match: packMatch(flow.match), cookie, value: valueOf(flow) };
}

/** Adding replaces an entry with the same match whole, its cookie included; a modify would keep the old cookie. */
export function addition({ table, priority, match, cookie, value }: InstalledFlow): Bundled {
  const instructions = instructionsIn(value);
  return { type: "packed_flow_mod", command: "add", table, priority, match, cookie, instructions };
}

/** What a plan is made of. */
export interface State {
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** Of these, what the switch does not take: it is as if it were not wanted. */
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly installed: Pick<Inventory, "get">;
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
        if (
          withoutOption !== undefined &&
          wanted.type === "flow" &&
          namesIdentityOption(pipeline.bind(wanted, binding))
        ) {
          giveUp(key, withoutOption, there);
          return;
        }
        const flow = wanted.type === "miss" ? packMiss(wanted) : packFlow(wanted, pipeline, binding);
        if (there?.type === "flow" && there.value === flow.value) return;
        flows.push({ key, message: addition(flow) });
        installs.set(key, flow);
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
        const { table, priority, match, cookie } = there;
        const message = { type: "packed_flow_mod", command: "delete_strict", cookieMask: EVERY_BIT } as const;
        goneFlows.push({ key, message: { ...message, table, priority, match, cookie, instructions: "" } });
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
