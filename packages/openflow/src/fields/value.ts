import { DecodeError, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { type FieldRow, fieldByOxm } from "./lookup.ts";
import { OXM_EXPERIMENTER } from "./oxm.ts";

/** A value under a mask: bits outside of the mask do not matter. */
export interface Masked<V extends number | bigint = number | bigint> {
  readonly value: V;
  readonly mask: V;
}

/** One field with its value as it stands in a match or a set_field; `mask` is absent when every bit counts. */
export interface FieldTerm {
  readonly row: FieldRow;
  readonly value: number | bigint;
  readonly mask?: number | bigint;
}

const TWO_32 = 0x1_0000_0000;

/** `a & b` of numbers of up to 48 bits. */
export function and(a: number, b: number): number {
  if (a < TWO_32 && b < TWO_32) return (a & b) >>> 0;
  const high = Math.floor(a / TWO_32) & Math.floor(b / TWO_32);
  return high * TWO_32 + ((a & b) >>> 0);
}

/** Checks that a value fits the field. */
export function checkValue(row: FieldRow, value: number | bigint): void {
  checkRange(row, value, row.limit);
}

/** Checks that a mask fits the field. */
export function checkMask(row: FieldRow, mask: number | bigint): void {
  checkRange(row, mask, row.ones);
}

function checkRange(row: FieldRow, value: number | bigint, limit: number | bigint): void {
  if (typeof limit === "number") {
    if (typeof value === "number" && value >= 0 && value <= limit && Number.isInteger(value)) return;
  } else if (typeof value === "bigint" && value >= 0n && value <= limit) {
    return;
  }
  throw new EncodeError("out-of-range", row.name, `${value} is not a ${typeof limit} of 0..${limit}`);
}

/** Writes the value of a field of fixed length, which must fit. */
function putValue(w: Writer, row: FieldRow, value: number | bigint, bytes: number): void {
  if (typeof value === "number") {
    if (bytes === 4) w.u32(value);
    else if (bytes === 2) w.u16(value);
    else if (bytes === 1) w.u8(value);
    else w.u16(Math.floor(value / TWO_32)).u32(value % TWO_32);
  } else if (bytes === 8) w.u64(value);
  else w.uint(value, bytes, row.name);
}

/** Words of four bytes, at least one. A switch fills up on the left, whatever the length it mapped to the field. */
function mappedBytes(value: bigint, mask: bigint): number {
  let bytes = 4;
  for (let rest = (value | mask) >> 32n; rest > 0n; rest >>= 32n) bytes += 4;
  return bytes;
}

/** Writes the OXM of a field whose value is known to fit. `mask` undefined: all bits. */
export function putOxm(w: Writer, row: FieldRow, value: number | bigint, mask?: number | bigint): void {
  if (row.exactHeader === 0 && row.field.identities.length === 0) {
    throw new EncodeError("unsupported", row.name, "has no form on the wire");
  }
  let { bytes } = row;
  let header = mask === undefined ? row.exactHeader : row.maskedHeader;
  if (row.mapped) {
    bytes = mappedBytes(BigInt(value), BigInt(mask ?? 0n));
    header += mask === undefined ? bytes : 2 * bytes;
  }
  w.u32(header);
  if (row.experimenter !== 0) w.u32(row.experimenter);
  putValue(w, row, value, bytes);
  if (mask !== undefined) putValue(w, row, mask, bytes);
}

/** Writes the header that names a field in a sub-field reference. */
export function putOxmHeader(w: Writer, row: FieldRow): void {
  if (row.field.identities.length === 0) throw new EncodeError("unsupported", row.name, "has no form on the wire");
  w.u32(row.exactHeader + (row.mapped ? row.bytes : 0));
  if (row.experimenter !== 0) w.u32(row.experimenter);
}

interface Header {
  readonly row: FieldRow;
  readonly masked: boolean;
  readonly bytes: number;
}

function readHeader(r: Reader): Header {
  const at = r.offset;
  const oxmClass = r.u16("OXM class");
  const rest = r.u16("OXM header");
  const masked = (rest & 0x100) !== 0;
  let payload = rest & 0xff;
  let experimenter = 0;
  if (oxmClass === OXM_EXPERIMENTER) {
    if (payload < 4) throw new DecodeError("bad-length", at, "an experimenter OXM of less than four bytes");
    experimenter = r.u32("OXM experimenter");
    payload -= 4;
  }
  const row = fieldByOxm(oxmClass, rest >>> 9, experimenter);
  if (row === undefined) {
    const name =
      oxmClass === OXM_EXPERIMENTER ? `experimenter 0x${experimenter.toString(16)}` : `0x${oxmClass.toString(16)}`;
    throw new DecodeError("unsupported", at, `OXM class ${name}, field ${rest >>> 9}`);
  }
  const bytes = masked ? payload / 2 : payload;
  const fits = row.mapped ? Number.isInteger(bytes) && bytes <= row.bytes : bytes === row.bytes;
  if (!fits) throw new DecodeError("bad-length", at, `${row.name} with ${payload} bytes`);
  return { row, masked, bytes };
}

function readValue(r: Reader, row: FieldRow, bytes: number): number | bigint {
  const at = r.offset;
  if (typeof row.ones === "bigint") return bytes === 8 ? r.u64(row.name) : r.uint(bytes, row.name);
  let value: number;
  if (bytes === 4) value = r.u32(row.name);
  else if (bytes === 2) value = r.u16(row.name);
  else if (bytes === 1) value = r.u8(row.name);
  else value = r.u16(row.name) * TWO_32 + r.u32(row.name);
  if (value > row.ones)
    throw new DecodeError("bad-value", at, `${row.name} ${value} has more than ${row.field.bits} bits`);
  return value;
}

/** Reads the mask: a field's full one may have more bits set than the field has. */
function readMask(r: Reader, row: FieldRow, bytes: number): number | bigint | undefined {
  if (typeof row.ones === "bigint") {
    const mask = bytes === 8 ? r.u64(row.name) : r.uint(bytes, row.name);
    return mask === row.ones && !row.mapped ? undefined : mask;
  }
  let mask: number;
  if (bytes === 4) mask = r.u32(row.name);
  else if (bytes === 2) mask = r.u16(row.name);
  else if (bytes === 1) mask = r.u8(row.name);
  else mask = r.u16(row.name) * TWO_32 + r.u32(row.name);
  mask = and(mask, row.ones);
  return mask === row.ones ? undefined : mask;
}

function isCovered(value: number | bigint, mask: number | bigint): boolean {
  if (typeof value === "number") return and(value, Number(mask)) === value;
  return (value & BigInt(mask)) === value;
}

/**
 * Reads one OXM with its value. A full mask vanishes; bits of the value outside of the mask do not decode, as vswitchd
 * has it.
 */
export function readOxm(r: Reader): FieldTerm {
  const at = r.offset;
  const { row, masked, bytes } = readHeader(r);
  const value = readValue(r, row, bytes);
  if (!masked) return { row, value };
  const mask = readMask(r, row, bytes);
  if (mask === undefined) return { row, value };
  if (!isCovered(value, mask)) throw new DecodeError("bad-value", at, `${row.name} has bits outside of its mask`);
  return { row, value, mask };
}

/** Reads a header alone, as it stands in a sub-field reference. */
export function readOxmHeader(r: Reader): FieldRow {
  const at = r.offset;
  const { row, masked } = readHeader(r);
  if (masked) throw new DecodeError("bad-value", at, `a mask where ${row.name} is only named`);
  return row;
}
