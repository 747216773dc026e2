import type { Match } from "../match.ts";
import type { NamedNumbers, Names } from "./names.ts";
import { parseNumber } from "./number.ts";
import { type Argument, type Piece, splitArguments, TextError } from "./piece.ts";

/** What reading an action may need to know beside its own text. */
export interface TextContext {
  readonly numbers: NamedNumbers;
  /** Of the flow that the action belongs to. */
  readonly match: Match;
}

export type Read<T> = (argument: Argument, context: TextContext) => T;

/** How ovs-ofctl spells an action. */
export interface ActionText<T> {
  print(action: T, names: Names): string;
  /**
   * The words that introduce it, each with what reads the rest. Forms that are no spelling of one action alone are in
   * `shorthands.ts`.
   */
  readonly keywords: Readonly<Record<string, Read<T>>>;
}

/** A word without arguments. */
export function bare(keyword: string): ActionText<object> {
  return { print: () => keyword, keywords: { [keyword]: () => ({}) } };
}

/** How one value is spelled. */
export interface Spelling {
  readonly bits: number;
  readonly print: (value: number) => string;
}
export const decimal = (bits: number): Spelling => ({ bits, print: String });
export const hexadecimal = (bits: number): Spelling => ({
  bits,
  print: (value) => `0x${value.toString(16).padStart(bits / 4, "0")}`,
});

/** `keyword:value`, or `keyword(value)` where ovs-ofctl prints it so. */
export function single<const K extends string>(
  keyword: string,
  member: K,
  { bits, print }: Spelling,
  style: "colon" | "parentheses" = "colon",
): ActionText<{ readonly [P in K]: number }> {
  type Body = { readonly [P in K]: number };
  return {
    print: (action) =>
      style === "colon" ? `${keyword}:${print(action[member])}` : `${keyword}(${print(action[member])})`,
    keywords: {
      [keyword]: ({ key, value }) => ({ [member]: parseNumber(required(key, value), bits, keyword) }) as Body,
    },
  };
}

/** The value, which must be there. */
export function required(key: Piece, value: Piece): Piece {
  if (value.empty) key.fail("missing", `${key.text} wants a value`);
  return value;
}

/** Reads `key=value` arguments; a key that `readers` does not have is an error. */
export function readArguments(
  list: Piece,
  what: string,
  readers: Readonly<Record<string, (argument: Argument) => void>>,
): void {
  for (const argument of splitArguments(list)) {
    const { key } = argument;
    const read = Object.hasOwn(readers, key.text) ? readers[key.text] : undefined;
    if (read === undefined) throw new TextError("unknown-keyword", key.offset, `${what} has no argument "${key.text}"`);
    read(argument);
  }
}

/** Arguments in parentheses, with commas between those that are there. */
export function call(keyword: string, args: readonly (string | undefined | false)[]): string {
  return `${keyword}(${args.filter((one) => typeof one === "string").join(",")})`;
}
