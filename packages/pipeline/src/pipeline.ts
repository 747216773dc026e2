import type { Action, Flow, Instructions } from "@dragonflow/openflow";
import { type Bucket, type DesiredFlow, matchOf } from "./desired.ts";
import { registers } from "./registers.ts";
import { type Stage, STAGES } from "./stages.ts";
import { type Step, subfield } from "./steps.ts";
import type { Table, Target } from "./table.ts";

/** Numbers for the names in flows: which the switch driver hands out, keeps, and takes back. */
export interface Binding {
  readonly group: (name: string) => number;
  readonly meter: (name: string) => number;
  /** The conntrack zone of a port, by the port's id: 1..65535, never 0, which is everybody's. */
  readonly zone: (name: string) => number;
}

/** The tables of all apps, in order, with their numbers: what a target means, and how a desired flow goes over the wire. */
export class Pipeline {
  /** In order of their numbers. */
  readonly tables: readonly Table[];
  readonly #numbers = new Map<Table, number>();
  readonly #entries = new Map<Stage, number>();

  /** @param tables those of every app, in order of registration: within a stage, packets pass them in this order. */
  constructor(tables: readonly Table[]) {
    this.tables = STAGES.flatMap((stage) => tables.filter((table) => table.stage === stage));
    const names = new Set<string>();
    for (const [number, table] of this.tables.entries()) {
      if (names.has(table.name)) throw new RangeError(`two tables are named ${table.name}`);
      names.add(table.name);
      this.#numbers.set(table, number);
    }
    if (this.tables.length > 250) throw new RangeError("Open vSwitch has 254 tables");
    for (const stage of STAGES) {
      const entry = this.tables.findIndex((table) => table.stage.order >= stage.order && !table.internal);
      if (entry >= 0) this.#entries.set(stage, entry);
    }
  }

  /** @throws {RangeError} where a target leads behind the last table, or a table is not of this pipeline. */
  numberOf(target: Target): number {
    const number = target.type === "stage" ? this.#entries.get(target) : this.#numbers.get(target);
    if (number === undefined) throw new RangeError(`${target.type} ${target.name} leads nowhere in this pipeline`);
    return number;
  }

  /** Where a packet goes that no flow of `table` matches; undefined: dropped. @throws {RangeError} where there is no table behind it. */
  afterMiss(table: Table): number | undefined {
    if (table.miss === "drop") return undefined;
    const own = this.numberOf(table);
    const next = this.tables.findIndex((other, number) => number > own && !other.internal);
    if (next < 0) throw new RangeError(`table ${table.name}: its miss leads nowhere`);
    return next;
  }

  /**
   * What happens to a packet that no other flow of its table matches: part of the pipeline, not of any app's rows. A miss that drops has a flow as
   * well: without one, vswitchd sends the packet to a controller as soon as anybody is connected by an OpenFlow older than 1.3; and this one counts.
   */
  missFlows(): readonly Flow[] {
    return this.tables.map((table, number) => {
      const next = this.afterMiss(table);
      const instructions: Instructions = next === undefined ? {} : { goto: next };
      return { table: number, priority: 0, cookie: PIPELINE_COOKIE, match: {}, instructions };
    });
  }

  /** A desired flow with its numbers: what is sent, and what the switch gives back. */
  bind(flow: DesiredFlow, binding: Binding): Flow {
    const { priority, cookie } = flow;
    const instructions = this.instructions(flow, binding);
    return { table: this.numberOf(flow.table), priority, cookie, match: matchOf(flow), instructions };
  }

  /** What a desired flow does, with its numbers. */
  instructions({ steps }: Pick<DesiredFlow, "steps">, binding: Binding): Instructions {
    const apply: Action[] = [];
    const instructions: { meter?: number; apply?: Action[]; goto?: number } = {};
    const last = steps.at(-1);
    for (const step of steps) {
      // A goto is an instruction: it works only as the last step.
      if (step === last && step.type === "goto") instructions.goto = this.numberOf(step.target);
      else if (step.type === "meter") instructions.meter ??= binding.meter(step.meter);
      else apply.push(this.#action(step, binding));
    }
    if (apply.length > 0) instructions.apply = apply;
    return instructions;
  }

  bucketActions(bucket: Bucket, binding: Binding): readonly Action[] {
    return bucket.steps.flatMap((step) => (step.type === "meter" ? [] : [this.#action(step, binding)]));
  }

  #action(step: Exclude<Step, { type: "meter" }>, binding: Binding): Action {
    switch (step.type) {
      case "do":
        return step.action;
      case "set":
        return setRegister(step.register, step.value);
      case "group":
        return { type: "group", group: binding.group(step.group) };
      case "resubmit":
      case "goto":
        return { type: "resubmit", table: this.numberOf(step.target) };
      case "zone":
        return setRegister("ctZone", binding.zone(step.zone));
      case "track":
        return { type: "ct", zone: subfield("ctZone"), table: this.numberOf(step.target) };
    }
  }
}

/** Cookie of the flows that belong to the pipeline itself. */
export const PIPELINE_COOKIE = 0xdf00000000000000n;

function setRegister(name: keyof typeof registers, value: number): Action {
  const { field, start, bits } = registers[name];
  if (bits === 32) return { type: "set_field", field, value };
  return { type: "set_field", field, value: value * 2 ** start, mask: (2 ** bits - 1) * 2 ** start };
}
