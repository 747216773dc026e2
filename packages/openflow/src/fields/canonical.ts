import { EncodeError } from "@dragonflow/wire";
import type { Match } from "../match.ts";
import { findField } from "./lookup.ts";
import type { FieldName } from "./table.ts";
import { checkMask, checkValue, type Masked } from "./value.ts";
import { isView } from "./views.ts";

type Term = number | bigint | Masked;
type Terms = Record<string, Term | undefined>;

/**
 * Fields that are another view of bits which OpenFlow 1.5 has under another name in a match. Each says how its value
 * and mask are spelled there. What the other spelling cannot express is `unsupported`, since the switch would lose it.
 */
const VIEWS: Readonly<Record<string, (value: bigint, mask: bigint, out: Terms) => void>> = {
  nxm_in_port: (value, _mask, out) => add(out, "in_port", widenPort(Number(value)), 0xffffffff),
  vlan_tci: (value, mask, out) => splitTci(Number(value), Number(mask), out),
  dl_vlan: (value, _mask, out) => add(out, "vlan_vid", 0x1000 | Number(value), 0x1fff),
  dl_vlan_pcp: (value, _mask, out) => splitTci((Number(value) << 13) | 0x1000, 0xf000, out),
  nw_tos: (value, _mask, out) => {
    if ((value & 3n) !== 0n) throw new EncodeError("bad-value", "nw_tos", "has the two ECN bits set");
    add(out, "ip_dscp", Number(value >> 2n), 0x3f);
  },
};
const XREG = /^(x{1,2})reg(\d+)$/;

/** A 16-bit port number of OpenFlow 1.0 as a 32-bit one: the reserved ports are the highest numbers in both. */
export function widenPort(port: number): number {
  return port >= 0xff00 ? port + 0xffff0000 : port;
}

/**
 * The same match in the fields that an OpenFlow 1.5 match has on the wire.
 * @throws {EncodeError} `bad-value` where two views contradict each other, `out-of-range`, `unsupported` for a part of
 * vlan_tci's priority bits.
 */
export function withoutViews(match: Match): Match {
  const terms: Terms = match;
  const out: Terms = {};
  for (const name in terms) {
    const term = terms[name];
    if (term !== undefined && !isView(name)) out[name] = term;
  }
  for (const name in terms) {
    const term = terms[name];
    const row = findField(name);
    if (term === undefined || row === undefined || !row.view) continue;
    const value = isMasked(term) ? term.value : term;
    const mask = isMasked(term) ? term.mask : row.ones;
    checkValue(row, value);
    checkMask(row, mask);
    if (mask !== row.ones && row.field.maskable !== true) {
      throw new EncodeError("bad-value", name, "cannot be matched in part");
    }
    rewrite(name, BigInt(value), BigInt(mask), out);
  }
  return out as Match;
}

function isMasked(term: Term): term is Masked {
  return typeof term === "object";
}

function rewrite(name: string, value: bigint, mask: bigint, out: Terms): void {
  const view = VIEWS[name];
  if (view !== undefined) {
    view(value, mask, out);
    return;
  }
  const words = name.startsWith("xx") ? 4 : 2;
  const first = Number(XREG.exec(name)?.[2] ?? 0) * words;
  for (let i = 0; i < words; i++) {
    const shift = BigInt(32 * (words - 1 - i));
    const part = Number((mask >> shift) & 0xffffffffn);
    if (part !== 0) add(out, `reg${first + i}` as FieldName, Number((value >> shift) & 0xffffffffn), part, 0xffffffff);
  }
}

/** 802.1Q tag control information: priority 3 bits, "there is a tag" 1 bit, VID 12 bits. */
function splitTci(value: number, mask: number, out: Terms): void {
  const priorityMask = mask >>> 13;
  if ((mask & 0x1fff) !== 0) add(out, "vlan_vid", value & mask & 0x1fff, mask & 0x1fff, 0x1fff);
  // Without a tag there is no priority: matching "none" says nothing more.
  if (priorityMask === 0 || (mask === 0xffff && value === 0)) return;
  if (priorityMask !== 7 || (mask & value & 0x1000) === 0) {
    throw new EncodeError(
      "unsupported",
      "vlan_tci",
      "priority bits can be matched only all together, and with the bit 0x1000",
    );
  }
  add(out, "vlan_pcp", value >>> 13, 7);
}

/** Adds a term, together with what is there of the same field already. */
function add(out: Terms, name: FieldName, value: number, mask: number, ones = mask): void {
  const old = out[name];
  const oldValue = Number(old === undefined ? 0 : isMasked(old) ? old.value : old);
  const oldMask = Number(old === undefined ? 0 : isMasked(old) ? old.mask : ones);
  if (((oldValue ^ value) & oldMask & mask) !== 0) {
    throw new EncodeError("bad-value", name, "is matched twice, and differs");
  }
  const both = (mask | oldMask) >>> 0;
  const merged = ((value & mask) | (oldValue & oldMask)) >>> 0;
  out[name] = both === ones ? merged : { value: merged, mask: both };
}
