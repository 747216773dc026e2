import type { Action } from "../actions/table.ts";
import type { Flow } from "../flow.ts";
import type { Instructions } from "../instructions.ts";
import type { Match } from "../match.ts";
import type { FlowFlag } from "../messages/flow-mod.ts";
import { parseActionList, parseInstructionList, printInstructions } from "./actions.ts";
import { MatchReader } from "./match-parse.ts";
import { printMatch } from "./match-print.ts";
import { type NamedNumbers, type Names, parseTable, printTable } from "./names.ts";
import { hex, parseBigInt, parseNumber } from "./number.ts";
import { type Argument, Piece, splitArguments, TextError } from "./piece.ts";

const DEFAULT_PRIORITY = 0x8000;

/** The flags as ovs-ofctl spells them. */
const FLAGS: Readonly<Record<string, FlowFlag>> = {
  send_flow_rem: "send_flow_rem",
  check_overlap: "check_overlap",
  reset_counts: "reset_counts",
  no_packet_counts: "no_pkt_counts",
  no_byte_counts: "no_byt_counts",
};

/**
 * Prints a flow exactly as `ovs-ofctl -O OpenFlow15 dump-flows --no-stats` does, without the blank in front.
 * @param flow.match in canonical form, as {@link decodeMatch} and {@link parseFlow} give it.
 */
export function printFlow(flow: Flow, names: Names = {}): string {
  const { cookie, table, idleTimeoutSeconds: idle, hardTimeoutSeconds: hard, flags = [], importance } = flow;
  const head: string[] = [];
  if (cookie !== 0n) head.push(`cookie=${hex(cookie)}, `);
  if (table !== 0 || names.tableName?.(table) !== undefined) head.push(`table=${printTable(table, names)}, `);
  if (idle !== undefined && idle !== 0) head.push(`idle_timeout=${idle}, `);
  if (hard !== undefined && hard !== 0) head.push(`hard_timeout=${hard}, `);
  for (const [word, flag] of Object.entries(FLAGS)) if (flags.includes(flag)) head.push(`${word} `);
  if (importance !== undefined && importance !== 0) head.push(`importance=${importance}, `);
  const priority = flow.priority === DEFAULT_PRIORITY ? "" : `priority=${flow.priority}`;
  const match = [priority, printMatch(flow.match, names)].filter((part) => part !== "").join(",");
  return `${head.join("")}${match}${match === "" ? "" : " "}actions=${printInstructions(flow.instructions, names)}`;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Head = Mutable<Omit<Flow, "match" | "instructions">>;

const HEAD: Readonly<Record<string, (head: Head, value: Piece, numbers: NamedNumbers) => void>> = {
  table: (head, value, numbers) => (head.table = parseTable(value, numbers)),
  priority: (head, value) => (head.priority = parseNumber(value, 16, "priority")),
  cookie: (head, value) => (head.cookie = parseBigInt(value, 64, "cookie")),
  idle_timeout(head, value) {
    const seconds = parseNumber(value, 16, "idle_timeout");
    if (seconds > 0) head.idleTimeoutSeconds = seconds;
  },
  hard_timeout(head, value) {
    const seconds = parseNumber(value, 16, "hard_timeout");
    if (seconds > 0) head.hardTimeoutSeconds = seconds;
  },
  importance(head, value) {
    const importance = parseNumber(value, 16, "importance");
    if (importance > 0) head.importance = importance;
  },
};

/** Statistics, which a flow read back from a dump carries. */
const IGNORED = new Set([
  "duration",
  "n_packets",
  "n_bytes",
  "idle_age",
  "hard_age",
  "no_readonly_table",
  "allow_hidden_fields",
]);

function takeHead({ key, value }: Argument, head: Head, numbers: NamedNumbers): boolean {
  if (IGNORED.has(key.text)) return true;
  if (Object.hasOwn(FLAGS, key.text)) {
    const flag = FLAGS[key.text];
    if (flag !== undefined) head.flags = [...(head.flags ?? []), flag];
    return true;
  }
  const set = Object.hasOwn(HEAD, key.text) ? HEAD[key.text] : undefined;
  if (set === undefined) return false;
  if (value.empty) throw new TextError("missing", key.offset, `${key.text} wants a value`);
  set(head, value, numbers);
  return true;
}

/**
 * Reads one flow in the syntax of ovs-ofctl(8), as `add-flow` takes it and `dump-flows` prints it.
 * @throws {TextError} with the place in the text.
 */
export function parseFlow(text: string, numbers: NamedNumbers = {}): Flow {
  const found = /\bactions?\s*=/.exec(text);
  if (found === null) throw new TextError("missing", text.length, "actions=");
  const head: Head = { table: 0, priority: DEFAULT_PRIORITY, cookie: 0n };
  const reader = new MatchReader(numbers);
  for (const argument of splitArguments(new Piece(text.slice(0, found.index)))) {
    if (takeHead(argument, head, numbers) || reader.take(argument)) continue;
    throw new TextError("unknown-keyword", argument.key.offset, `"${argument.key.text}"`);
  }
  const match = reader.finish();
  const start = found.index + found[0].length;
  const instructions = parseInstructionList(new Piece(text.slice(start), start), { numbers, match });
  return { ...head, match, instructions };
}

/** Reads a match alone. */
export function parseMatch(text: string, numbers: NamedNumbers = {}): Match {
  const reader = new MatchReader(numbers);
  for (const argument of splitArguments(new Piece(text))) {
    if (!reader.take(argument)) throw new TextError("unknown-keyword", argument.key.offset, `"${argument.key.text}"`);
  }
  return reader.finish();
}

/** Reads actions alone; `match` is that of the flow they belong to, for the few that depend on it. */
export function parseActions(text: string, numbers: NamedNumbers = {}, match: Match = {}): Action[] {
  return parseActionList(new Piece(text), { numbers, match });
}

/** Reads what stands behind `actions=`. */
export function parseInstructions(text: string, numbers: NamedNumbers = {}, match: Match = {}): Instructions {
  return parseInstructionList(new Piece(text), { numbers, match });
}
