import type { Engine, State } from "@dragonflow/engine";
import type { NetworkApp } from "../app.ts";
import type { Desired, DesiredResponse } from "../desired.ts";
import { Pipeline } from "../pipeline.ts";
import { isRegister, type RegisterName, registers } from "../registers.ts";
import { decodeUserdata, type Reply } from "../responder.ts";
import { tunnels } from "../rows.ts";
import { STAGES } from "../stages.ts";
import { defineFlowTable, type Table } from "../table.ts";
import { Bound, type Outcome, type PacketFields, printOutcome, type Trace, Tracer, tracking } from "../trace/index.ts";
import { compile } from "./compile.ts";

/** Where a packet is put in. */
export interface Entry {
  readonly inPort?: number;
  /** By name. Absent: the first. */
  readonly table?: string;
  readonly registers?: Readonly<Partial<Record<RegisterName, number>>>;
  readonly fields?: PacketFields;
  /** What connection tracking takes it for, in all zones or by zone. Absent: new. */
  readonly connection?: Parameters<typeof tracking>[0];
}

/** What became of one copy. */
export interface Ending {
  readonly verdict: string;
  readonly registers: Readonly<Partial<Record<RegisterName, number>>>;
  readonly fields: PacketFields;
}

/**
 * Some apps with the flows of one state, to send packets through. Where these are not all apps (`part`), the way ends where others would go on: a
 * packet is `to STAGE` of which none of these apps has a table, or `to rest_of_STAGE` of one where they have. They see every topic, also those that
 * another app's reads would bring.
 */
export class TestBed {
  readonly engine: Engine<Desired>;
  readonly bound: Bound;
  readonly pipeline: Pipeline;
  readonly #apps: readonly NetworkApp[];
  readonly #tracer: Tracer;
  readonly #ends: ReadonlySet<string>;
  readonly #tunnels: ReadonlySet<number>;

  constructor(apps: readonly NetworkApp[], state: State, extent: "part" | "whole" = "part") {
    const tables = apps.flatMap((app) => app.tables);
    const ends = extent === "part" ? stubs(tables) : [];
    this.#apps = apps;
    this.#ends = new Set(ends.map(({ name }) => name));
    this.engine = compile(apps, state, extent === "part" ? "everything" : "interest");
    this.pipeline = new Pipeline([...tables, ...ends]);
    this.bound = new Bound(this.pipeline, this.desired());
    this.#tracer = new Tracer(this.bound);
    this.#tunnels = new Set(
      state
        .filter(({ table }) => table === tunnels)
        .map(({ row }) => (row && "ofport" in row ? Number(row.ofport) : -1)),
    );
  }

  desired(): readonly Desired[] {
    return [...this.engine.outputs()].map(([, desired]) => desired);
  }

  trace(frame: Uint8Array, entry: Entry = {}): Trace {
    const table = entry.table === undefined ? 0 : this.pipeline.tables.findIndex(({ name }) => name === entry.table);
    if (table < 0) throw new RangeError(`no table ${entry.table}`);
    const fields = { ...registerFields(entry.registers ?? {}), ...entry.fields };
    const conntrack = tracking(entry.connection ?? { state: "new" });
    return this.#tracer.trace({ inPort: entry.inPort ?? 1, frame, fields, table, conntrack });
  }

  /** What becomes of a packet, a line for each copy in order: as {@link printOutcome}, `to STAGE`, `tunnel PORT vni VNI`, `punt NAME SUBJECT`. */
  send(frame: Uint8Array, entry: Entry = {}): readonly string[] {
    return this.trace(frame, entry).outcomes.map((outcome) => this.#print(outcome));
  }

  /** The same, with the registers (those that are not 0) and the headers that each copy ends with. */
  ends(frame: Uint8Array, entry: Entry = {}): readonly Ending[] {
    return this.trace(frame, entry).outcomes.map((outcome) => ({
      verdict: this.#print(outcome),
      registers: readRegisters(outcome.packet.fields),
      fields: outcome.packet.fields,
    }));
  }

  /** What responders say to the packet, by the rows that their apps declared. */
  answers(frame: Uint8Array, entry: Entry = {}): readonly Reply[] {
    return this.trace(frame, entry).outcomes.flatMap((outcome) => {
      const to = outcome.type === "punt" && outcome.userdata ? decodeUserdata(outcome.userdata) : undefined;
      if (to === undefined || outcome.type !== "punt") return [];
      const responder = this.#responder(to.responder);
      const row = this.response(responder.name, to.subject);
      return responder.respond(row, { bytes: outcome.packet.frame(), inPort: entry.inPort ?? 1 });
    });
  }

  /** The row that an app declared for a responder's subject. */
  response(responder: string, subject: number): object {
    const found = this.desired().find(
      (d): d is DesiredResponse => d.type === "response" && d.responder === responder && d.subject === subject,
    );
    if (found === undefined) throw new RangeError(`nothing declared for ${responder} ${subject}`);
    return found.row;
  }

  #responder(number: number) {
    const found = this.#apps.flatMap((app) => app.responders).find((responder) => responder.number === number);
    if (found === undefined) throw new RangeError(`no responder ${number}`);
    return found;
  }

  #print(outcome: Outcome): string {
    if (outcome.type === "drop" && outcome.reason === "miss" && this.#ends.has(outcome.table))
      return `to ${outcome.table}`;
    if (outcome.type === "output" && this.#tunnels.has(outcome.port))
      return `tunnel ${outcome.port} vni ${outcome.packet.fields.tun_id}`;
    const to = outcome.type === "punt" && outcome.userdata ? decodeUserdata(outcome.userdata) : undefined;
    if (to !== undefined) return `punt ${this.#responder(to.responder).name} ${to.subject}`;
    return printOutcome(outcome);
  }
}

/** A table for every stage that has none, and one behind those that pass on what they miss: there other apps would have theirs. */
function stubs(tables: readonly Table[]): readonly Table[] {
  return STAGES.flatMap((stage) => {
    const last = tables.findLast((table) => table.stage === stage && !table.internal);
    if (last?.miss === "drop") return [];
    const name = last === undefined ? stage.name : `rest_of_${stage.name}`;
    return [defineFlowTable({ name, purpose: stage.purpose, stage, match: [], miss: "drop" })];
  });
}

function registerFields(values: Readonly<Partial<Record<RegisterName, number>>>): PacketFields {
  const fields: Record<string, number> = {};
  for (const [name, { field, start }] of Object.entries(registers)) {
    const value = Object.entries(values).find(([given]) => given === name)?.[1] ?? 0;
    fields[field] = (fields[field] ?? 0) + value * 2 ** start;
  }
  return fields;
}

function readRegisters(fields: PacketFields): Readonly<Partial<Record<RegisterName, number>>> {
  const values: Partial<Record<RegisterName, number>> = {};
  for (const name in registers) {
    if (!isRegister(name)) continue;
    const { field, start, bits } = registers[name];
    const value = Math.floor(Number(fields[field] ?? 0) / 2 ** start) % 2 ** bits;
    if (value !== 0) values[name] = value;
  }
  return values;
}
