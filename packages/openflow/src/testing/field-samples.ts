/**
 * For every row of the table of fields: matches and writes that exercise it. Derived from the row; exceptions are
 * listed.
 */
import type { Action } from "../actions/index.ts";
import { type FieldRow, fieldRow } from "../fields/lookup.ts";
import type { Prerequisite } from "../fields/row.ts";
import { widthOf } from "../fields/subfield.ts";
import type { FieldName } from "../fields/table.ts";
import type { Match } from "../match.ts";

type Value = number | bigint;
type Terms = Record<string, Value | { readonly value: Value; readonly mask: Value }>;

/** What a match must say before it may name a field. */
const CONTEXTS: Readonly<Record<Prerequisite, Match>> = {
  vlan: { vlan_vid: 0x1005 },
  mpls: { eth_type: 0x8847 },
  ipv4: { eth_type: 0x0800 },
  ipv6: { eth_type: 0x86dd },
  ip: { eth_type: 0x86dd },
  arp: { eth_type: 0x0806 },
  tcp: { eth_type: 0x0800, ip_proto: 6 },
  udp: { eth_type: 0x86dd, ip_proto: 17 },
  sctp: { eth_type: 0x0800, ip_proto: 132 },
  icmpv4: { eth_type: 0x0800, ip_proto: 1 },
  icmpv6: { eth_type: 0x86dd, ip_proto: 58 },
  nd: { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 135, icmpv6_code: 0 },
  nd_solicit: { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 135, icmpv6_code: 0 },
  nd_advert: { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 136, icmpv6_code: 0 },
  nsh: { eth_type: 0x894f },
  ct: { ct_state: { value: 0x22, mask: 0x22 } },
  ct_ipv4: { ct_state: { value: 0x22, mask: 0x22 }, eth_type: 0x0800 },
  ct_ipv6: { ct_state: { value: 0x22, mask: 0x22 }, eth_type: 0x86dd },
  ct_transport: { ct_state: { value: 0x22, mask: 0x22 }, eth_type: 0x0800, ct_nw_proto: 6 },
};

/** Values of fields that do not take any. */
const VALUES: Readonly<Partial<Record<FieldName, readonly Value[]>>> = {
  packet_type: [0x0001_894f, 0x0001_0800],
  in_port: [1, 0xfffffffe],
  nxm_in_port: [1, 0xfffe],
  actset_output: [1, 0xfffffff7],
  eth_type: [0x88cc, 0x05ff],
  vlan_tci: [0x1005, 0xffff, 0],
  vlan_vid: [0x1005, 0x1fff, 0],
  nw_tos: [0x20, 0xfc],
  icmpv6_type: [1, 255],
  tun_metadata0: [0n, 5n, 0xffff_ffffn],
};
const WRITES: Readonly<Partial<Record<FieldName, readonly Value[]>>> = {
  ...VALUES,
  vlan_tci: [0x1005, 0xffff],
  vlan_vid: [0x1005, 0x1fff],
};

/** Masks of fields that do not take any; the first value is taken under each. */
const MASKS: Readonly<Partial<Record<FieldName, readonly { readonly value: Value; readonly mask: Value }[]>>> = {
  vlan_tci: [
    { value: 0x1000, mask: 0x1000 },
    { value: 0x1005, mask: 0x100f },
    { value: 0x6000 | 0x1000, mask: 0xf000 },
    { value: 0, mask: 0x1fff },
  ],
  vlan_vid: [
    { value: 0x1000, mask: 0x1000 },
    { value: 0x1005, mask: 0x100f },
  ],
  nw_tos: [{ value: 0x80, mask: 0xe0 }],
  nsh_ttl: [{ value: 0x2a, mask: 0x2a }],
  tun_metadata0: [
    { value: 0n, mask: 0n },
    { value: 0x0500n, mask: 0xff00n },
  ],
};

export function contextOf(row: FieldRow): Match {
  return row.field.needs === undefined ? {} : CONTEXTS[row.field.needs];
}

/** Two bits, then every bit; of mapped fields what fits four bytes, for which the test maps them. */
function valuesOf(row: FieldRow, listed: Readonly<Partial<Record<FieldName, readonly Value[]>>>): readonly Value[] {
  const known = listed[row.name];
  if (known !== undefined) return known;
  if (row.mapped) return [5n];
  const { limit } = row;
  return typeof limit === "bigint" ? [5n, limit] : [Math.min(5, limit), limit];
}

/** Every other bit. */
function masksOf(row: FieldRow): readonly { readonly value: Value; readonly mask: Value }[] {
  const known = MASKS[row.name];
  if (known !== undefined) return known;
  const { ones } = row;
  if (row.mapped) return [{ value: 0x50n, mask: 0xf0n }];
  if (typeof ones === "bigint") {
    const mask = (ones / 3n) * 2n;
    return [{ value: mask & 0xffn, mask }];
  }
  const mask = ones === 1 ? 1 : Math.floor(ones / 3) * 2;
  return [{ value: mask % 0x100, mask }];
}

export interface MatchSample {
  readonly title: string;
  readonly match: Match;
}

/** Matches on the field: exact, and under masks where it has them. */
export function matchSamples(name: FieldName): readonly MatchSample[] {
  const row = fieldRow(name);
  const terms: readonly Terms[string][] = [
    ...valuesOf(row, VALUES),
    ...(row.field.maskable === true ? masksOf(row) : []),
  ];
  return terms.map((term) => {
    const all: Terms = { ...(contextOf(row) as Terms), [name]: term };
    const shown = typeof term === "object" ? `${term.value}/${term.mask}` : String(term);
    return { title: `${name}=${shown}`, match: all as Match };
  });
}

export interface WriteSample extends MatchSample {
  readonly actions: readonly Action[];
}

/** set_field of the whole field and of a part. What conntrack keeps can be written only from inside ct. */
export function writeSamples(name: FieldName): readonly WriteSample[] {
  const row = fieldRow(name);
  const bodies: object[] = valuesOf(row, WRITES).map((value) => ({ value }));
  const [part] = masksOf(row);
  if (part !== undefined && name !== "vlan_vid" && !row.mapped) bodies.push(part);
  return bodies.map((body) => {
    const write = { type: "set_field", field: name, ...body } as Action;
    const shown = Object.values(body).join("/");
    return { title: `${shown}->${name}`, ...inContext(row, write) };
  });
}

/** Copies to the field from a register, and from the field to a register. */
export function copySamples(name: FieldName): readonly WriteSample[] {
  const row = fieldRow(name);
  const whole = { field: name, start: 0, bits: row.mapped ? 32 : widthOf(row) } as const;
  const register = { field: name === "xxreg0" ? "xxreg1" : "xxreg0", start: 0, bits: whole.bits } as const;
  const out = { type: "copy_field", src: whole, dst: register } as const;
  const into = { type: "copy_field", src: register, dst: whole } as const;
  const samples = [{ title: `${name}->${register.field}`, match: contextOf(row), actions: [out] as readonly Action[] }];
  if (row.field.writable === true) samples.push({ title: `${register.field}->${name}`, ...inContext(row, into) });
  return samples;
}

function inContext(row: FieldRow, action: Action): { readonly match: Match; readonly actions: readonly Action[] } {
  if (row.name !== "ct_mark" && row.name !== "ct_label") {
    const needs = row.name === "vlan_vid" ? { vlan_vid: 0x1009 } : {};
    return { match: { ...contextOf(row), ...needs }, actions: [action] };
  }
  return { match: { eth_type: 0x0800 }, actions: [{ type: "ct", commit: true, exec: [action] }] };
}
