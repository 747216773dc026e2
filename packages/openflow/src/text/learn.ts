import type { Learn, LearnSource, LearnSpec } from "../actions/learn-types.ts";
import { fieldRow } from "../fields/lookup.ts";
import { type SubField, widthOf } from "../fields/subfield.ts";
import { type ActionText, call, required, type TextContext } from "./action-text.ts";
import { type Names, parseTable, printTable } from "./names.ts";
import { hex, hexOrZero, parseBigInt, parseNumber } from "./number.ts";
import { type Argument, type Piece, splitArguments } from "./piece.ts";
import { isSubField, parseSubField, printSubField } from "./sub-field.ts";
import { fieldText, parseValue, printValue } from "./value.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const DEFAULT_PRIORITY = 0x8000;

function isWhole({ field, start, bits }: SubField): boolean {
  return start === 0 && bits === widthOf(fieldRow(field));
}

function isSame(a: SubField, b: SubField): boolean {
  return a.field === b.field && a.start === b.start;
}

function printSource(from: LearnSource): string {
  return typeof from === "object" ? printSubField(from) : hexOrZero(from);
}

function printSpec(one: LearnSpec, names: Names): string {
  switch (one.spec) {
    case "output":
      return `output:${printSubField(one.from)}`;
    case "load":
      return `load:${printSource(one.from)}->${printSubField(one.to)}`;
    case "match": {
      const { from, to } = one;
      if (typeof from === "object")
        return isSame(from, to) ? printSubField(to) : `${printSubField(to)}=${printSubField(from)}`;
      if (!isWhole(to)) return `${printSubField(to)}=${hexOrZero(from)}`;
      const row = fieldRow(to.field);
      return `${fieldText(row)}=${printValue(row, from, undefined, names)}`;
    }
  }
}

function narrow(value: bigint, bits: number): number | bigint {
  return bits <= 48 ? Number(value) : value;
}

function parseSource(piece: Piece, to: SubField, context: TextContext): LearnSource {
  if (isSubField(piece)) {
    const from = parseSubField(piece);
    if (from.bits !== to.bits) piece.fail("bad-value", `${from.bits} bits into ${to.bits}`);
    return from;
  }
  if (!isWhole(to)) return narrow(parseBigInt(piece, to.bits, to.field), to.bits);
  return parseValue(fieldRow(to.field), piece, context.numbers).value;
}

function parseLoad(value: Piece): LearnSpec {
  const [source, target] = value.split("->") ?? value.fail("missing", "load:value->field");
  const to = parseSubField(target);
  if (!isSubField(source)) return { spec: "load", from: narrow(parseBigInt(source, to.bits, to.field), to.bits), to };
  const from = parseSubField(source);
  if (from.bits !== to.bits) source.fail("bad-value", `${from.bits} bits into ${to.bits}`);
  return { spec: "load", from, to };
}

function parseSpec({ key, value }: Argument, context: TextContext): LearnSpec {
  if (key.text === "load") return parseLoad(value);
  if (key.text === "output") return { spec: "output", from: parseSubField(value) };
  const to = parseSubField(key);
  return { spec: "match", from: value.empty ? to : parseSource(value, to, context), to };
}

type Setter = (learn: Mutable<Learn>, value: Piece, context: TextContext) => void;

const number = (bits: number, set: (learn: Mutable<Learn>, value: number) => void): Setter => {
  return (learn, value) => set(learn, parseNumber(value, bits, "learn"));
};

const SETTERS: Readonly<Record<string, Setter>> = {
  table: (learn, value, { numbers }) => (learn.table = parseTable(value, numbers)),
  priority: number(16, (learn, value) => (learn.priority = value)),
  idle_timeout: number(16, (learn, value) => value > 0 && (learn.idleTimeoutSeconds = value)),
  hard_timeout: number(16, (learn, value) => value > 0 && (learn.hardTimeoutSeconds = value)),
  fin_idle_timeout: number(16, (learn, value) => value > 0 && (learn.finIdleTimeoutSeconds = value)),
  fin_hard_timeout: number(16, (learn, value) => value > 0 && (learn.finHardTimeoutSeconds = value)),
  cookie(learn, value) {
    const cookie = parseBigInt(value, 64, "cookie");
    if (cookie !== 0n) learn.cookie = cookie;
  },
  limit: number(32, (learn, value) => value > 0 && (learn.limit = value)),
  result_dst: (learn, value) => (learn.result = parseSubField(value)),
};

function parseLearn(list: Piece, context: TextContext): Learn {
  const specs: LearnSpec[] = [];
  const learn: Mutable<Learn> = { table: 1, priority: DEFAULT_PRIORITY, specs };
  for (const argument of splitArguments(list)) {
    const { key, value } = argument;
    const set = Object.hasOwn(SETTERS, key.text) ? SETTERS[key.text] : undefined;
    if (set !== undefined) set(learn, required(key, value), context);
    else if (key.text === "send_flow_rem") learn.sendFlowRemoved = true;
    else if (key.text === "delete_learned") learn.deleteLearned = true;
    else specs.push(parseSpec(argument, context));
  }
  return learn;
}

export const learnText: ActionText<Learn> = {
  print(learn, names) {
    const timeout = (name: string, seconds: number | undefined): string | false =>
      seconds !== undefined && `${name}=${seconds}`;
    return call("learn", [
      `table=${printTable(learn.table, names)}`,
      timeout("idle_timeout", learn.idleTimeoutSeconds),
      timeout("hard_timeout", learn.hardTimeoutSeconds),
      timeout("fin_idle_timeout", learn.finIdleTimeoutSeconds),
      timeout("fin_hard_timeout", learn.finHardTimeoutSeconds),
      learn.priority !== DEFAULT_PRIORITY && `priority=${learn.priority}`,
      learn.sendFlowRemoved && "send_flow_rem",
      learn.deleteLearned && "delete_learned",
      learn.cookie !== undefined && learn.cookie !== 0n && `cookie=${hex(learn.cookie)}`,
      learn.limit !== undefined && `limit=${learn.limit}`,
      learn.result && `result_dst=${printSubField(learn.result)}`,
      ...learn.specs.map((one) => printSpec(one, names)),
    ]);
  },
  keywords: { learn: ({ value }, context) => parseLearn(value, context) },
};
