import { encodeInstructions, type Flow } from "@dragonflow/openflow";
import { Writer } from "@dragonflow/wire";
import { canonicalMatch } from "./canonical.ts";
import { TraceError } from "./errors.ts";
import { type FieldSet, verifyKnown } from "./fields.ts";

interface Term {
  readonly field: Parameters<FieldSet["matches"]>[0];
  readonly value: number | bigint;
  readonly mask: number | bigint | undefined;
}
interface Entry {
  readonly flow: Flow;
  readonly terms: readonly Term[];
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
    this.#entries.push({ flow, terms: termsOf(flow) });
    this.#sorted = false;
  }

  /**
   * The flow that a packet meets; undefined: none matches.
   * @throws {TraceError} `ambiguous`.
   */
  find(packet: FieldSet): Flow | undefined {
    if (!this.#sorted) this.#entries.sort((a, b) => b.flow.priority - a.flow.priority);
    this.#sorted = true;
    let found: Flow | undefined;
    for (const { flow, terms } of this.#entries) {
      if (found !== undefined && flow.priority < found.priority) break;
      if (!terms.every(({ field, value, mask }) => packet.matches(field, value, mask))) continue;
      if (found !== undefined && !doTheSame(found, flow))
        throw new TraceError("ambiguous", `two flows of priority ${flow.priority} in table ${flow.table} match`);
      found ??= flow;
    }
    return found;
  }
}

function doTheSame(a: Flow, b: Flow): boolean {
  const [first, second] = [a, b].map(({ instructions }) => {
    arena.reset();
    encodeInstructions(arena, instructions);
    return Buffer.from(arena.slice());
  });
  return first !== undefined && second !== undefined && first.equals(second);
}
