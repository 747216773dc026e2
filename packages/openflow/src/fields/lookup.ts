import type { Prerequisite } from "./row.ts";
import { type Field, oxmHeader } from "./row.ts";
import { isView } from "./views.ts";
import { OXM_EXPERIMENTER, oxmKey } from "./oxm.ts";
import { FIELDS, type FieldName } from "./table.ts";

/** A row of the table with what encoding needs, computed once. */
export interface FieldRow {
  readonly name: FieldName;
  readonly field: Field;
  /** Place in a match. */
  readonly order: number;
  readonly bytes: number;
  readonly ones: number | bigint;
  /** The highest value. */
  readonly limit: number | bigint;
  /** As long as the switch mapped it to be, in words of four bytes. */
  readonly mapped: boolean;
  /** The first 32 bits of its OXM without and with a mask. Of a mapped field: without the length. */
  readonly exactHeader: number;
  readonly maskedHeader: number;
  /** What follows these 32 bits, or 0. */
  readonly experimenter: number;
  readonly needs: Prerequisite | undefined;
  /** N of regN, -1 otherwise: in an OpenFlow 1.5 match registers travel in pairs. */
  readonly register: number;
  /** vswitchd reads it in a way of its own. */
  readonly quirky: boolean;
  /** A match has its bits under another name: see `canonical.ts`. */
  readonly view: boolean;
}

const byName = new Map<string, FieldRow>();
const byOxm = new Map<number, FieldRow>();

function addRow(name: FieldName, field: Field, order: number): void {
  const identity = field.identities[0];
  const mapped = field.bits === 0;
  const row: FieldRow = {
    name,
    field,
    order,
    bytes: field.bytes,
    ones: field.ones,
    limit: field.limit ?? field.ones,
    mapped,
    exactHeader: identity === undefined ? 0 : oxmHeader(identity, mapped ? 0 : field.bytes, false),
    maskedHeader: identity === undefined ? 0 : oxmHeader(identity, mapped ? 0 : field.bytes, true),
    experimenter: identity?.experimenter ?? 0,
    needs: field.needs,
    register: /^reg\d+$/.test(name) ? Number(name.slice(3)) : -1,
    quirky: field.valueAsMask === true || field.zeroIsAny === true,
    view: isView(name),
  };
  byName.set(name, row);
  for (const oxm of field.identities) byOxm.set(oxmKey(oxm.class, oxm.field, oxm.experimenter ?? 0), row);
}

let order = 0;
for (const name in FIELDS) if (isFieldName(name)) addRow(name, FIELDS[name], order++);

export function isFieldName(name: string): name is FieldName {
  return Object.hasOwn(FIELDS, name);
}

/** The row of a name that may not be one. */
export function findField(name: string): FieldRow | undefined {
  return byName.get(name);
}

export function fieldRow(name: FieldName): FieldRow {
  const row = byName.get(name);
  if (row === undefined) throw new RangeError(`${name} is not a field`);
  return row;
}

export function fieldByOxm(oxmClass: number, field: number, experimenter: number): FieldRow | undefined {
  return byOxm.get(oxmKey(oxmClass, field, oxmClass === OXM_EXPERIMENTER ? experimenter : 0));
}

/** All rows in the order of the table. */
export function fieldRows(): IterableIterator<FieldRow> {
  return byName.values();
}
