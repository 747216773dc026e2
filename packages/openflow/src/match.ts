import { DecodeError, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { withoutViews } from "./fields/canonical.ts";
import { type FieldRow, findField } from "./fields/lookup.ts";
import { satisfies } from "./fields/prerequisites.ts";
import type { FieldName, FieldValue } from "./fields/table.ts";
import { and, checkMask, checkValue, type FieldTerm, type Masked, putOxm, readOxm } from "./fields/value.ts";

/**
 * What a flow looks for: a value, or a value under a mask, per field; a field that is not named may be anything. Ports
 * are numbers as in {@link PortNumber}, addresses and MACs unsigned integers, network order. `vlan_vid` holds 0x1000 |
 * VID.
 */
export type Match = { readonly [F in FieldName]?: FieldValue<F> | Masked<FieldValue<F>> };

/** Type OFPMT_OXM. */
const OXM_MATCH = 1;
const REGISTER_PAIRS = 8;
/** The class of the packet registers, in which all registers travel. */
const PACKET_REGISTERS = 0x8001;
const FULL_MASKS = [0xffffffff, 0xffffffff] as const;
/** Where the packet registers stand among the fields: all rows regN are encoded there. */
const registerOrder = findField("reg0")?.order ?? 0;
const firstPacketRegister = findField("xreg0")?.exactHeader ?? 0;

// Scratch of the encoder, which runs to its end before it can be entered again.
const rows: FieldRow[] = [];
const registerValues = new Uint32Array(2 * REGISTER_PAIRS);
const registerMasks = new Uint32Array(2 * REGISTER_PAIRS);

type Terms = Readonly<Record<string, number | bigint | Masked | undefined>>;

/**
 * Encodes a match with its padding (ofp_match, OpenFlow 1.5.1 section 7.2.3) in canonical form: the bytes that vswitchd
 * returns for it, decoded and encoded again. Fixed order of fields, registers as packet registers, value & mask, no
 * full and no empty masks.
 * @throws {EncodeError} `bad-value` (no such field, a mask where none may be), `out-of-range`, `prerequisite`,
 * `unsupported`.
 */
export function encodeMatch(w: Writer, match: Match): void {
  const start = w.length;
  w.u16(OXM_MATCH).u16(0);
  encodeFields(w, match);
  w.setU16(start + 2, w.length - start);
  w.align(8, start);
}

/** The fields of a match alone, one OXM behind another. */
export function encodeFields(w: Writer, match: Match): void {
  const terms: Terms = match;
  let count = 0;
  let registers = false;
  for (const name in terms) {
    const term = terms[name];
    if (term === undefined) continue;
    const row = findField(name);
    if (row === undefined) throw new EncodeError("bad-value", name, "is not a field");
    if (row.view) {
      encodeFields(w, withoutViews(match));
      return;
    }
    if (row.register < 0) {
      count = insert(row, count);
      continue;
    }
    if (!registers) registerMasks.fill(0);
    registers = true;
    takeRegister(row, term);
  }
  let i = 0;
  for (; i < count; i++) {
    const row = rows[i];
    if (row === undefined || row.order > registerOrder) break;
    encodeTerm(w, row, terms[row.name], match);
  }
  if (registers) encodeRegisters(w);
  for (; i < count; i++) {
    const row = rows[i];
    if (row !== undefined) encodeTerm(w, row, terms[row.name], match);
  }
}

/** Inserts a row among the first `count`, which are in order. */
function insert(row: FieldRow, count: number): number {
  let at = count;
  for (; at > 0; at--) {
    const before = rows[at - 1];
    if (before === undefined || before.order < row.order) break;
    rows[at] = before;
  }
  rows[at] = row;
  return count + 1;
}

function encodeTerm(w: Writer, row: FieldRow, term: number | bigint | Masked | undefined, match: Match): void {
  // Ethernet is what a match is about anyway: vswitchd does not keep that it was said.
  if (term === undefined || (term === 0 && row.name === "packet_type")) return;
  if (row.quirky) {
    encodeQuirky(w, row, term, match);
    return;
  }
  if (typeof term !== "object") {
    checkValue(row, term);
    if (row.needs !== undefined) checkPrerequisite(row, match);
    putOxm(w, row, term);
    return;
  }
  const { value, mask } = term;
  checkValue(row, value);
  checkMask(row, mask);
  if (mask === row.ones) {
    if (row.needs !== undefined) checkPrerequisite(row, match);
    putOxm(w, row, value);
    return;
  }
  const empty = mask === 0 || mask === 0n;
  if (empty && !row.mapped) return;
  if (row.field.maskable !== true) throw new EncodeError("bad-value", row.name, "cannot be matched in part");
  if (row.needs !== undefined) checkPrerequisite(row, match);
  putOxm(w, row, typeof value === "number" ? and(value, Number(mask)) : value & BigInt(mask), mask);
}

/** Encodes what vswitchd 3.1 would misread as what it makes of it, or not at all. */
function encodeQuirky(w: Writer, row: FieldRow, term: number | bigint | Masked, match: Match): void {
  const value = typeof term === "object" ? term.value : term;
  const mask = typeof term === "object" ? term.mask : row.ones;
  checkValue(row, value);
  checkMask(row, mask);
  checkPrerequisite(row, match);
  const kept = and(Number(value), Number(mask));
  if (kept === 0) throw new EncodeError("unsupported", row.name, "vswitchd takes a match on 0 for a match on anything");
  const keptMask = row.field.valueAsMask === true ? kept : Number(mask);
  if (keptMask !== row.ones && row.field.maskable !== true) {
    throw new EncodeError("bad-value", row.name, "cannot be matched in part");
  }
  putOxm(w, row, kept, keptMask === row.ones ? undefined : keptMask);
}

function checkPrerequisite(row: FieldRow, match: Match): void {
  if (row.needs !== undefined && !satisfies(match, row.needs)) {
    throw new EncodeError("prerequisite", row.name, `needs a match on ${row.needs}`);
  }
}

function takeRegister(row: FieldRow, term: number | bigint | Masked): void {
  const value = typeof term === "object" ? term.value : term;
  const mask = typeof term === "object" ? term.mask : row.ones;
  checkValue(row, value);
  checkMask(row, mask);
  registerMasks[row.register] = Number(mask);
  registerValues[row.register] = and(Number(value), Number(mask));
}

function encodeRegisters(w: Writer): void {
  for (let high = 0; high < 2 * REGISTER_PAIRS; high += 2) {
    const highMask = registerMasks[high] ?? 0;
    const lowMask = registerMasks[high + 1] ?? 0;
    if (highMask === 0 && lowMask === 0) continue;
    const full = highMask === 0xffffffff && lowMask === 0xffffffff;
    // Field N of the class stands seven bits up, so pair N is N * 2 fields of 0x100 further: (N << 9).
    w.u32(firstPacketRegister + (high << 8) + (full ? 0 : 0x108));
    w.u32(highMask === 0 ? 0 : (registerValues[high] ?? 0)).u32(lowMask === 0 ? 0 : (registerValues[high + 1] ?? 0));
    if (!full) w.u32(highMask).u32(lowMask);
  }
}

/**
 * Decodes a match with its padding. What comes out is canonical: no views of other fields (registers as regN, VLANs as
 * vlan_vid and vlan_pcp), no full and no empty masks, no packet type where it is Ethernet.
 * @throws {DecodeError} `truncated`, `bad-length`, `bad-value` (a field twice, bits outside of a mask), `unsupported`
 * (no such field).
 */
export function decodeMatch(r: Reader): Match {
  const start = r.offset;
  const type = r.u16("match type");
  if (type !== OXM_MATCH) throw new DecodeError("unsupported", start, `match type ${type}`);
  const length = r.u16("match length");
  if (length < 4) throw new DecodeError("bad-length", start, `a match of ${length} bytes`);
  const match = decodeFields(r.sub(length - 4, "match"));
  r.skip((8 - (length % 8)) % 8, "match padding");
  return match;
}

/** Decodes OXMs up to the end of the reader. */
export function decodeFields(r: Reader): Match {
  const terms: Record<string, number | bigint | Masked> = {};
  let views = false;
  while (!r.done) {
    if (r.remaining >= 2 && r.peekU16() === PACKET_REGISTERS) {
      decodeRegisters(r, terms);
      continue;
    }
    const at = r.offset;
    const term = readOxm(r);
    const { name } = term.row;
    if (Object.hasOwn(terms, name)) throw new DecodeError("bad-value", at, `${name} twice`);
    if (name === "packet_type" && term.value === 0) continue;
    if (term.row.view) views = true;
    const kept = termOf(term);
    if (kept !== undefined) terms[name] = kept;
  }
  const match = terms as Match;
  if (!views) return match;
  try {
    return withoutViews(match);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    throw new DecodeError("bad-value", r.offset, error.message);
  }
}

/** Packet register N holds reg2N in its high and reg2N+1 in its low half. */
function decodeRegisters(r: Reader, terms: Record<string, number | bigint | Masked>): void {
  const at = r.offset;
  r.skip(2);
  const header = r.u16("packet register");
  const masked = (header & 0x100) !== 0;
  const high = (header >>> 9) * 2;
  if ((header & 0xff) !== (masked ? 16 : 8))
    throw new DecodeError("bad-length", at, `a packet register of ${header & 0xff} bytes`);
  if (high >= 2 * REGISTER_PAIRS) throw new DecodeError("unsupported", at, `packet register ${high / 2}`);
  const values = [r.u32("packet register"), r.u32("packet register")] as const;
  const masks = masked ? ([r.u32("mask"), r.u32("mask")] as const) : FULL_MASKS;
  for (const half of [0, 1] as const) {
    const value = values[half];
    const mask = masks[half];
    const name = `reg${high + half}`;
    if ((value & ~mask) !== 0) throw new DecodeError("bad-value", at, `${name} has bits outside of its mask`);
    if (mask === 0) continue;
    if (name in terms) throw new DecodeError("bad-value", at, `${name} twice`);
    terms[name] = mask === 0xffffffff ? value : { value, mask };
  }
}

function termOf({ row, value, mask }: FieldTerm): number | bigint | Masked | undefined {
  if (mask === undefined) return value;
  if ((mask === 0 || mask === 0n) && !row.mapped) return undefined;
  return { value, mask };
}
