import {
  type Action,
  encodeInstructions,
  encodeMatch,
  type Flow,
  type FlowDesc,
  type Match,
} from "@dragonflow/openflow";
import type { Pipeline } from "@dragonflow/pipeline";
import { Writer } from "@dragonflow/wire";

const arena = new Writer(4096);

/** What makes two flows the same entry of a switch, in the form of `DesiredFlow.key`; undefined for a table that is not of this pipeline. */
export function keyOf(flow: Pick<FlowDesc, "table" | "priority" | "match">, pipeline: Pipeline): string | undefined {
  const table = pipeline.tables[flow.table];
  if (table === undefined) return undefined;
  arena.reset();
  arena.u16(flow.priority);
  encodeMatch(arena, flow.match);
  return `${table.name} ${arena.text()}`;
}

/** A match as it goes over the wire, one character a byte. */
export function packMatch(match: Match): string {
  arena.reset();
  encodeMatch(arena, match);
  return arena.text();
}

/**
 * What makes two entries do the same, in canonical bytes: what is sent and what is read back compare as strings.
 * @throws {EncodeError} for what has no wire form.
 */
export function valueOf(flow: Pick<Flow, "cookie" | "instructions">): string {
  arena.reset();
  arena.u64(flow.cookie);
  encodeInstructions(arena, flow.instructions);
  return arena.text();
}
/** The instructions in a value, packed. */
export function instructionsIn(value: string): string {
  return value.slice(COOKIE_BYTES);
}
const COOKIE_BYTES = 8;

/** The same for what a bucket does; as long as it is on the wire. @throws {EncodeError} */
export function actionsText(actions: readonly Action[]): string {
  arena.reset();
  encodeInstructions(arena, { apply: actions });
  return arena.text();
}
