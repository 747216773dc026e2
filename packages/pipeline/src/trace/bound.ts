import type { Action, Flow, Names } from "@dragonflow/openflow";
import type { Desired, DesiredFlow, DesiredGroup, DesiredMeter, Owner } from "../desired.ts";
import type { Pipeline } from "../pipeline.ts";
import type { SwitchContents } from "./tracer.ts";

/** Who caused a flow, as people say it. */
export const ownerText = ({ kind, id, app }: Owner): string => `${kind} ${id} (${app})`;

/** What a pipeline puts into a switch for all that is desired, bound to numbers: those of groups, meters and zones in order of their names, from 1. */
export class Bound implements SwitchContents {
  /** With the misses of the tables, which belong to nobody. */
  readonly flows: readonly Flow[];
  readonly groups: ReadonlyMap<number, { readonly type: "all"; readonly buckets: readonly (readonly Action[])[] }>;
  readonly names: Names;
  readonly #owners: ReadonlyMap<Flow, DesiredFlow>;
  readonly #groupNumbers: ReadonlyMap<string, number>;
  readonly #meterNumbers: ReadonlyMap<string, number>;
  readonly #zoneNumbers: ReadonlyMap<string, number>;
  readonly #pipeline: Pipeline;

  constructor(pipeline: Pipeline, desired: Iterable<Desired>) {
    const all = [...desired];
    const groups = all.filter((d): d is DesiredGroup => d.type === "group");
    const meters = all.filter((d): d is DesiredMeter => d.type === "meter");
    this.#pipeline = pipeline;
    this.#groupNumbers = numbered(groups);
    this.#meterNumbers = numbered(meters);
    this.#zoneNumbers = numbered(all.flatMap(zonesOf));
    const binding = {
      group: (name: string) => this.groupNumber(name),
      meter: (name: string) => this.meterNumber(name),
      zone: (name: string) => this.zoneNumber(name),
    };
    this.#owners = new Map(
      all.filter((d): d is DesiredFlow => d.type === "flow").map((d) => [pipeline.bind(d, binding), d]),
    );
    this.flows = [...this.#owners.keys(), ...pipeline.missFlows()];
    this.groups = new Map(
      groups.map((group) => [
        this.groupNumber(group.name),
        { type: "all", buckets: group.buckets.map((bucket) => pipeline.bucketActions(bucket, binding)) },
      ]),
    );
    this.names = { tableName: (table) => this.tableName(table) };
  }

  tableName(table: number): string | undefined {
    return this.#pipeline.tables[table]?.name;
  }
  ownerOf(flow: Flow): string | undefined {
    const owner = this.desiredOf(flow)?.owner;
    return owner && ownerText(owner);
  }
  /** What one of {@link flows} was made of; undefined for a miss. */
  desiredOf(flow: Flow): DesiredFlow | undefined {
    return this.#owners.get(flow);
  }
  /** 0: no such group is desired, so that a flow that uses it drops. */
  groupNumber(name: string): number {
    return this.#groupNumbers.get(name) ?? 0;
  }
  /** 0: no such meter is desired. */
  meterNumber(name: string): number {
    return this.#meterNumbers.get(name) ?? 0;
  }
  /** Of a port, by its id; 0: nothing is tracked for it. */
  zoneNumber(portId: string): number {
    return this.#zoneNumbers.get(portId) ?? 0;
  }
}

function zonesOf(desired: Desired): readonly { readonly name: string }[] {
  if (desired.type !== "flow") return [];
  return desired.steps.flatMap((step) => (step.type === "zone" ? [{ name: step.zone }] : []));
}

function numbered(named: readonly { readonly name: string }[]): ReadonlyMap<string, number> {
  return new Map([...new Set(named.map(({ name }) => name))].sort().map((name, i) => [name, i + 1]));
}
