import { hex } from "./number.ts";
import type { Piece } from "./piece.ts";
import { parseNumber } from "./number.ts";

/** Names of bits, the lowest first. */
export type FlagNames = readonly string[];

export const CT_STATE_FLAGS: FlagNames = ["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
export const TCP_FLAGS: FlagNames = [
  "fin",
  "syn",
  "rst",
  "psh",
  "ack",
  "urg",
  "ece",
  "cwr",
  "ns",
  "[200]",
  "[400]",
  "[800]",
];
export const TUN_FLAGS: FlagNames = ["oam"];

/** `syn|ack` where all bits count, else `+syn-ack` for those that do. */
export function printFlags(value: number, mask: number, names: FlagNames): string {
  const all = 2 ** names.length - 1;
  if (mask === all) return printAll(value, names);
  if (mask === 0) return "0/0";
  return names.map((name, bit) => (mask & (1 << bit) ? `${value & (1 << bit) ? "+" : "-"}${name}` : "")).join("");
}

function printAll(value: number, names: FlagNames): string {
  const set = names.filter((_, bit) => value & (1 << bit));
  return set.length === 0 ? "0" : set.join("|");
}

/** `+syn-ack`, `syn|ack`, `0x2/0x12` or `0x2`. */
export function parseFlags(piece: Piece, names: FlagNames, what: string): { value: number; mask: number } {
  const all = 2 ** names.length - 1;
  const parts = piece.split("/");
  if (parts !== undefined) {
    const [value, mask] = parts;
    return { value: parseNumber(value, names.length, what), mask: parseNumber(mask, names.length, what) };
  }
  if (/^[+-]/.test(piece.text)) return parseSigned(piece, names, what);
  let value = 0;
  for (const word of piece.text.split("|")) {
    value |= /^\d/.test(word)
      ? parseNumber(piece.slice(piece.text.indexOf(word), piece.text.indexOf(word) + word.length), names.length, what)
      : bitOf(word, piece, names, what);
  }
  return { value, mask: all };
}

function parseSigned(piece: Piece, names: FlagNames, what: string): { value: number; mask: number } {
  let value = 0;
  let mask = 0;
  for (const [, sign, name = ""] of piece.text.matchAll(/([+-])([^+-]*)/g)) {
    const bit = bitOf(name, piece, names, what);
    if (mask & bit) piece.fail("conflict", `${what}: ${name} twice`);
    mask |= bit;
    if (sign === "+") value |= bit;
  }
  return { value, mask };
}

function bitOf(name: string, piece: Piece, names: FlagNames, what: string): number {
  const bit = names.indexOf(name);
  if (bit < 0)
    piece.fail("bad-value", `${what}: no flag "${name}" (of ${names.join(", ")}; ${hex(2 ** names.length - 1)})`);
  return 1 << bit;
}
