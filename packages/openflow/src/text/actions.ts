import { registerActionText } from "../actions/nested.ts";
import { type Action, ACTIONS, type ActionType } from "../actions/table.ts";
import type { Instructions } from "../instructions.ts";
import type { ActionText, Read, TextContext } from "./action-text.ts";
import { type Names, parseTable, printTable } from "./names.ts";
import { hexOrZero, parseBigInt } from "./number.ts";
import { type Argument, type Piece, splitArguments } from "./piece.ts";
import { parseBarePort, SHORTHANDS } from "./shorthands.ts";

const texts = new Map<string, ActionText<object>>();
const readers = new Map<string, Read<readonly Action[]>>(Object.entries(SHORTHANDS));

for (const [type, row] of Object.entries(ACTIONS)) addRow(type as ActionType, row.text as ActionText<object>);

function addRow(type: ActionType, text: ActionText<object>): void {
  texts.set(type, text);
  for (const [keyword, read] of Object.entries(text.keywords)) {
    readers.set(keyword, (argument, context) => [{ type, ...read(argument, context) } as Action]);
  }
}

export function printAction(action: Action, names: Names = {}): string {
  const text = texts.get(action.type);
  if (text === undefined) throw new RangeError(`${action.type} is not an action`);
  return text.print(action, names);
}

/** Actions with commas between; `drop` where there are none. */
export function printActions(actions: readonly Action[], names: Names = {}): string {
  return actions.length === 0 ? "drop" : actions.map((action) => printAction(action, names)).join(",");
}

/** What stands behind `actions=`. */
export function printInstructions(instructions: Instructions, names: Names = {}): string {
  const { meter, apply = [], clear, write, metadata, goto } = instructions;
  const parts: string[] = [];
  if (meter !== undefined) parts.push(`meter:${meter}`);
  for (const action of apply) parts.push(printAction(action, names));
  if (clear) parts.push("clear_actions");
  if (write !== undefined && write.length > 0) parts.push(`write_actions(${printActions(write, names)})`);
  if (metadata !== undefined) {
    const mask = metadata.mask === undefined ? "" : `/${hexOrZero(metadata.mask)}`;
    parts.push(`write_metadata:${hexOrZero(metadata.value)}${mask}`);
  }
  if (goto !== undefined) parts.push(`goto_table:${printTable(goto, names)}`);
  return parts.length === 0 ? "drop" : parts.join(",");
}

/** How deep actions may stand in actions: vswitchd takes no more. */
const MAX_DEPTH = 32;
let depth = 0;

/** One word of a list, which may stand for several actions. */
function readAction(argument: Argument, context: TextContext): readonly Action[] {
  const { key } = argument;
  if (depth >= MAX_DEPTH) return key.fail("out-of-range", `actions ${depth} deep`);
  depth++;
  try {
    return readWord(argument, context);
  } finally {
    depth--;
  }
}

function readWord(argument: Argument, context: TextContext): readonly Action[] {
  const { key } = argument;
  const read = readers.get(key.text.toLowerCase());
  if (read !== undefined) return read(argument, context);
  if (argument.delimiter !== "") return key.fail("unknown-keyword", `no action "${key.text}"`);
  return [parseBarePort(key, context.numbers)];
}

/** Reads a list of actions; `drop` stands alone. */
export function parseActionList(list: Piece, context: TextContext): Action[] {
  const actions: Action[] = [];
  for (const argument of splitArguments(list)) {
    if (argument.key.text.toLowerCase() === "drop") {
      if (list.text.trim().length > 4) argument.key.fail("conflict", "drop beside other actions");
      return [];
    }
    actions.push(...readAction(argument, context));
  }
  return actions;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads what stands behind `actions=`. */
export function parseInstructionList(list: Piece, context: TextContext): Instructions {
  const found: Mutable<Instructions> = {};
  const apply: Action[] = [];
  for (const argument of splitArguments(list)) {
    const { key, value } = argument;
    switch (key.text.toLowerCase()) {
      case "drop":
        if (list.text.trim().length > 4) key.fail("conflict", "drop beside other actions");
        break;
      case "apply_actions":
        apply.push(...parseActionList(value, context));
        break;
      case "clear_actions":
        found.clear = true;
        break;
      case "write_actions":
        found.write = parseActionList(value, context);
        break;
      case "write_metadata":
        found.metadata = parseMetadata(value);
        break;
      case "goto_table":
        found.goto = parseTable(value, context.numbers);
        break;
      default:
        apply.push(...readAction(argument, context));
    }
  }
  if (apply.length > 0) found.apply = apply;
  return found;
}

function parseMetadata(piece: Piece): { value: bigint; mask?: bigint } {
  const [value, mask] = piece.split("/") ?? [piece];
  if (mask === undefined) return { value: parseBigInt(value, 64, "write_metadata") };
  return { value: parseBigInt(value, 64, "write_metadata"), mask: parseBigInt(mask, 64, "write_metadata") };
}

registerActionText({ print: printActions, parse: parseActionList, parseOne: readAction });
