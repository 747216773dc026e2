import { DecodeError, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { type FieldRow, fieldRow } from "./lookup.ts";
import { OXM_EXPERIMENTER, type Oxm } from "./oxm.ts";
import { MAX_TUNNEL_METADATA_BYTES, oxmHeader } from "./row.ts";
import type { FieldName } from "./table.ts";

/** `bits` bits of a field from bit `start` on; bit 0 is the lowest. */
export interface SubField {
  readonly field: FieldName;
  readonly start: number;
  readonly bits: number;
}

/** All bits of a field. A mapped field (tun_metadata) counts as one of 124 bytes. */
export function wholeField(field: FieldName): SubField {
  return { field, start: 0, bits: widthOf(fieldRow(field)) };
}

export function widthOf(row: FieldRow): number {
  return row.mapped ? MAX_TUNNEL_METADATA_BYTES * 8 : (row.field.width ?? row.field.bits);
}

/** The row of a reference that is about to be written: its bits must exist on the wire. */
export function referencedRow({ field, start, bits }: SubField): FieldRow {
  const row = fieldRow(field);
  const fits = Number.isInteger(start) && Number.isInteger(bits) && start >= 0 && bits > 0;
  if (!fits || start + bits > row.bytes * 8) {
    throw new EncodeError("out-of-range", field, `has no bits ${start}..${start + bits - 1}`);
  }
  return row;
}

/** NXM is classes 0 and 1. */
const LAST_NXM_CLASS = 1;

/** How Nicira's structures name a field. */
function legacyIdentity(row: FieldRow): Oxm {
  const { identities } = row.field;
  const identity = identities.find((oxm) => oxm.class <= LAST_NXM_CLASS) ?? identities.at(-1);
  if (identity === undefined) throw new EncodeError("unsupported", row.name, "has no form on the wire");
  return identity;
}

/** How ovs-ofctl spells the field in a reference to its bits. */
export function symbolOf(row: FieldRow): string {
  return row.field.identities.length === 0 ? row.name : legacyIdentity(row).symbol;
}

/** Writes the 4 or 8 bytes that name a field in one of Nicira's structures. */
export function putLegacyHeader(w: Writer, row: FieldRow): void {
  const oxm = legacyIdentity(row);
  w.u32(oxmHeader(oxm, row.bytes, false));
  if (oxm.class === OXM_EXPERIMENTER) w.u32(oxm.experimenter ?? 0);
}

/** Writes the 4 bytes that name a field where the structure has no room for more. */
export function putShortHeader(w: Writer, row: FieldRow): void {
  const oxm = legacyIdentity(row);
  if (oxm.class === OXM_EXPERIMENTER) {
    throw new EncodeError("unsupported", row.name, "an experimenter field has no room here");
  }
  w.u32(oxmHeader(oxm, row.bytes, false));
}

/** `start:10 | bits - 1:6` */
export function packRange({ field, start, bits }: SubField): number {
  if (start > 0x3ff || bits > 64) {
    throw new EncodeError("out-of-range", field, `bits ${start}..${start + bits - 1} have no room here`);
  }
  return (start << 6) | (bits - 1);
}

export function unpackRange(packed: number): { readonly start: number; readonly bits: number } {
  return { start: packed >>> 6, bits: (packed & 0x3f) + 1 };
}

/** A reference that was read: its bits must exist. */
export function subField(r: Reader, row: FieldRow, start: number, bits: number): SubField {
  if (bits < 1 || start + bits > row.bytes * 8) {
    throw new DecodeError("bad-value", r.offset, `${row.name} has no bits ${start}..${start + bits - 1}`);
  }
  return { field: row.name, start, bits };
}
