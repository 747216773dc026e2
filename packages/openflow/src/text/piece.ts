/** Why a text could not be read. The code is the API; the message is for people. */
export type TextCode = "unknown-keyword" | "missing" | "bad-value" | "out-of-range" | "unknown-name" | "conflict";

/**
 * A text in ovs-ofctl's syntax that cannot be read. `offset` counts characters from the start of the text that the
 * caller handed in.
 */
export class TextError extends Error {
  override readonly name = "TextError";
  readonly code: TextCode;
  readonly offset: number;
  constructor(code: TextCode, offset: number, what: string) {
    super(`${code} at character ${offset}: ${what}`);
    this.code = code;
    this.offset = offset;
  }
}

/** A part of the text, with its place. */
export class Piece {
  readonly text: string;
  readonly offset: number;
  constructor(text: string, offset = 0) {
    this.text = text;
    this.offset = offset;
  }

  get empty(): boolean {
    return this.text.length === 0;
  }
  slice(start: number, end = this.text.length): Piece {
    return new Piece(this.text.slice(start, end), this.offset + start);
  }
  /** Before and behind the first `separator`; undefined where there is none. */
  split(separator: string): readonly [Piece, Piece] | undefined {
    const at = this.text.indexOf(separator);
    return at < 0 ? undefined : [this.slice(0, at), this.slice(at + separator.length)];
  }
  fail(code: TextCode, what: string): never {
    throw new TextError(code, this.offset, what);
  }
}

/** `key`, `key=value`, `key:value`, `key(value)` or `key(value)->suffix`. */
export interface Argument {
  readonly key: Piece;
  /** What stood between key and value; empty where there is no value. */
  readonly delimiter: "" | "=" | ":" | "(";
  readonly value: Piece;
  /** What follows `->` behind the closing parenthesis. */
  readonly target?: Piece;
}

const SEPARATORS = ", \t\r\n";
const KEY_ENDS = `:=(${SEPARATORS}`;

/** Where the next of `ends` stands outside of parentheses, from `at` on. */
function findEnd(text: string, from: number, ends: string): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (depth === 0 && ends.includes(char)) return at;
    if (char === "(") depth++;
    else if (char === ")" && depth > 0) depth--;
  }
  return at;
}

/** Splits a list of arguments that commas and blanks separate, outside of parentheses. */
export function* splitArguments(list: Piece): Generator<Argument> {
  const { text } = list;
  let at = 0;
  for (;;) {
    while (at < text.length && SEPARATORS.includes(text.charAt(at))) at++;
    if (at >= text.length) return;
    const start = at;
    while (at < text.length && !KEY_ENDS.includes(text.charAt(at))) at++;
    const key = list.slice(start, at);
    const delimiter = text.charAt(at);
    if (delimiter === ":" || delimiter === "=") {
      const end = findEnd(text, at + 1, SEPARATORS);
      yield { key, delimiter, value: list.slice(at + 1, end) };
      at = end;
    } else if (delimiter === "(") {
      const close = findEnd(text, at + 1, ")");
      if (close >= text.length) list.slice(at).fail("missing", "a closing parenthesis");
      const value = list.slice(at + 1, close);
      at = close + 1;
      if (text.startsWith("->", at)) {
        const end = findEnd(text, at, SEPARATORS);
        yield { key, delimiter, value, target: list.slice(at + 2, end) };
        at = end;
      } else {
        yield { key, delimiter, value };
      }
    } else {
      yield { key, delimiter: "", value: list.slice(at, at) };
    }
  }
}

/** The words of a list that commas and blanks separate. */
export function splitWords(list: Piece): Piece[] {
  const words: Piece[] = [];
  const pattern = /[^, \t\r\n]+/g;
  for (const found of list.text.matchAll(pattern)) words.push(list.slice(found.index, found.index + found[0].length));
  return words;
}
