import { type FieldRow, fieldRow, fieldRows } from "../fields/lookup.ts";
import { type SubField, symbolOf, widthOf } from "../fields/subfield.ts";
import type { Piece } from "./piece.ts";

/** Every spelling of a field: the row's name, those of ovs-fields(7), and its OXM and NXM identities. */
const bySpelling = new Map<string, FieldRow>();
for (const row of fieldRows()) {
  for (const { symbol } of row.field.identities) bySpelling.set(symbol, row);
  if (row.field.text === undefined) bySpelling.set(row.name, row);
  for (const spelling of row.field.text ?? []) bySpelling.set(spelling, row);
}
// Our own names of fields that ovs-ofctl spells otherwise, where it does not use that name for another one.
for (const row of fieldRows()) if (!bySpelling.has(row.name)) bySpelling.set(row.name, row);

export function fieldBySpelling(name: string): FieldRow | undefined {
  return bySpelling.get(name);
}

export function parseField(piece: Piece): FieldRow {
  const row = bySpelling.get(piece.text);
  if (row === undefined) piece.fail("unknown-name", `no field "${piece.text}"`);
  return row;
}

const REFERENCE = /^([^[]+)(?:\[(?:(\d+)(?:\.\.(\d+))?)?\])?$/;

/** `NXM_NX_REG0[]`, `reg0[3]`, `reg0[0..15]` or `reg0`. */
export function parseSubField(piece: Piece): SubField {
  const found = REFERENCE.exec(piece.text);
  if (found === null) piece.fail("bad-value", `"${piece.text}" is not field[start..end]`);
  const [, name = "", first, last] = found;
  const row = parseField(piece.slice(0, name.length));
  const width = widthOf(row);
  const start = Number(first ?? 0);
  const end = first === undefined ? width - 1 : Number(last ?? start);
  if (start > end || end >= width) piece.fail("out-of-range", `${row.name} has no bits ${start}..${end}`);
  return { field: row.name, start, bits: end - start + 1 };
}

/** Does it look like a reference rather than a number? */
export function isSubField(piece: Piece): boolean {
  return bySpelling.has(REFERENCE.exec(piece.text)?.[1] ?? "");
}

/** `NXM_NX_REG0[0..15]`: the name is the NXM one where there is one. */
export function printSubField({ field, start, bits }: SubField): string {
  const row = fieldRow(field);
  const range =
    start === 0 && bits === widthOf(row) ? "" : bits === 1 ? String(start) : `${start}..${start + bits - 1}`;
  return `${symbolOf(row)}[${range}]`;
}
