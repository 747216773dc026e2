import { type ActionOf, encodeInstructions, type Flow } from "@dragonflow/openflow";
import { Writer } from "@dragonflow/wire";
import { canonicalMatch } from "./canonical.ts";
import { TraceError } from "./errors.ts";
import { FieldSet, verifyKnown } from "./fields.ts";

interface Term {
  readonly field: Parameters<FieldSet["matches"]>[0];
  readonly value: number | bigint;
  readonly mask: number | bigint | undefined;
}
interface Entry {
  readonly flow: Flow;
  readonly terms: readonly Term[];
  /** What it is a part of; it does nothing by itself. Empty: an ordinary flow. */
  readonly clauses: readonly ActionOf<"conjunction">[];
}

const arena = new Writer(4096);

/** A match in the fields that a switch keeps: what is written in another view of them has to be spelled so first. */
function termsOf({ match }: Flow): readonly Term[] {
  return Object.entries(canonicalMatch(match)).map(([field, term]) => {
    verifyKnown(field);
    return typeof term === "object"
      ? { field, value: term.value, mask: term.mask }
      : { field, value: term, mask: undefined };
  });
}

/** The flows of one table. */
export class FlowTable {
  /** Highest priority first. */
  readonly #entries: Entry[] = [];
  #sorted = true;

  add(flow: Flow): void {
    const clauses = (flow.instructions.apply ?? []).filter((action) => action.type === "conjunction");
    this.#entries.push({ flow, terms: termsOf(flow), clauses });
    this.#sorted = false;
  }

  /**
   * The flow that a packet meets; undefined: none matches.
   * @throws {TraceError} `ambiguous`.
   */
  find(packet: FieldSet): Flow | undefined {
    if (!this.#sorted) this.#entries.sort((a, b) => b.flow.priority - a.flow.priority);
    this.#sorted = true;
    return this.#find(packet, true);
  }

  /**
   * Highest priority first. Where only clauses match at a priority, and all of a conjunction are among them, the packet is looked up once more with
   * its conj_id; if that leads nowhere, lower priorities have their turn (ovs-fields(7), "Conjunctive Match Fields").
   */
  #find(packet: FieldSet, withClauses: boolean): Flow | undefined {
    for (let start = 0, end = 0; start < this.#entries.length; start = end) {
      const priority = this.#entries[start]?.flow.priority;
      const met: Entry[] = [];
      for (; this.#entries[end]?.flow.priority === priority; end++) {
        const entry = this.#entries[end];
        if (entry?.terms.every(({ field, value, mask }) => packet.matches(field, value, mask))) met.push(entry);
      }
      const [first, ...others] = met.filter(({ clauses }) => clauses.length === 0).map(({ flow }) => flow);
      if (first !== undefined && !others.every((other) => doTheSame(first, other))) throw ambiguous(first);
      if (first !== undefined) return first;
      if (!withClauses || met.length === 0) continue;
      const [id, ...further] = completed(met);
      const again = id === undefined ? undefined : this.#find(withConjunction(packet, id), false);
      if (again !== undefined && further.length > 0) throw ambiguous(again);
      if (again !== undefined) return again;
    }
    return undefined;
  }
}

const ambiguous = ({ priority, table }: Flow): TraceError =>
  new TraceError("ambiguous", `two flows of priority ${priority} in table ${table} match`);

/** Conjunctions all of whose clauses are met. */
function completed(entries: readonly Entry[]): readonly number[] {
  const met = new Map<number, Set<number>>();
  const complete: number[] = [];
  for (const { id, clause, clauses } of entries.flatMap((entry) => entry.clauses)) {
    const parts = met.get(id) ?? new Set();
    met.set(id, parts);
    if (parts.has(clause)) continue;
    parts.add(clause);
    if (parts.size === clauses) complete.push(id);
  }
  return complete;
}

function withConjunction(packet: FieldSet, id: number): FieldSet {
  const again = new FieldSet(packet);
  again.set("conj_id", id);
  return again;
}

function doTheSame(a: Flow, b: Flow): boolean {
  const [first, second] = [a, b].map(({ instructions }) => {
    arena.reset();
    encodeInstructions(arena, instructions);
    return Buffer.from(arena.slice());
  });
  return first !== undefined && second !== undefined && first.equals(second);
}
