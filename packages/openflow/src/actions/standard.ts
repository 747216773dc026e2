import { type Codec, DecodeError, EncodeError, padding, u8, u16, u32 } from "@dragonflow/wire";
import { fieldRow } from "../fields/lookup.ts";
import { referencedRow, type SubField, subField } from "../fields/subfield.ts";
import type { FieldName, FieldValue } from "../fields/table.ts";
import { and, checkMask, checkValue, putOxm, putOxmHeader, readOxm, readOxmHeader } from "../fields/value.ts";
import { structure } from "../layout.ts";
import { PortNumber } from "../numbers.ts";
import { type ActionText, bare, decimal, hexadecimal, single } from "../text/action-text.ts";
import { printPort } from "../text/names.ts";
import { parseNumber } from "../text/number.ts";
import { splitWords } from "../text/piece.ts";
import { printSubField } from "../text/sub-field.ts";
import { fieldText, printValue } from "../text/value.ts";
import { action, nicira, openflow } from "./row.ts";

export interface Output {
  readonly port: number;
  /** Bytes of the packet that a controller gets; absent: all of it. Only with the controller as port. */
  readonly maxLen?: number;
}

const NO_BUFFER = 0xffff;

const output: Codec<Output> = {
  read(r) {
    const port = r.u32("port");
    const maxLen = r.u16("max_len");
    r.skip(6);
    return port === PortNumber.controller && maxLen !== NO_BUFFER ? { port, maxLen } : { port };
  },
  write(w, { port, maxLen }) {
    const bytes = port === PortNumber.controller ? (maxLen ?? NO_BUFFER) : 0;
    w.u32(port, "port").u16(bytes, "maxLen").zeros(6);
  },
};
const outputText: ActionText<Output> = {
  print({ port, maxLen }, names) {
    if (port === PortNumber.controller) return `CONTROLLER:${maxLen ?? NO_BUFFER}`;
    return port < PortNumber.max ? `output:${printPort(port, names)}` : printPort(port, names);
  },
  keywords: {},
};

/** Fields whose values are numbers; those of the others are bigints. */
type NarrowField = { [F in FieldName]: FieldValue<F> extends number ? F : never }[FieldName];
type WideField = Exclude<FieldName, NarrowField>;

/** `mask` absent: all bits. */
export type SetField =
  | { readonly field: NarrowField; readonly value: number; readonly mask?: number }
  | { readonly field: WideField; readonly value: bigint; readonly mask?: bigint };

const setField: Codec<SetField> = {
  read(r) {
    const { row, value, mask } = readOxm(r);
    return { field: row.name, value, ...(mask !== undefined && { mask }) } as SetField;
  },
  write(w, { field, value, mask }) {
    const row = fieldRow(field);
    checkValue(row, value);
    if (row.field.writable !== true) throw new EncodeError("bad-value", field, "cannot be written");
    if (mask === undefined || mask === row.ones) {
      putOxm(w, row, value);
      return;
    }
    checkMask(row, mask);
    putOxm(w, row, typeof value === "number" ? and(value, Number(mask)) : value & BigInt(mask), mask);
  },
};
const setFieldText: ActionText<SetField> = {
  print({ field, value, mask }, names) {
    const row = fieldRow(field);
    const shown = mask === row.ones ? undefined : mask;
    return `set_field:${printValue(row, value, shown, names)}->${fieldText(row)}`;
  },
  keywords: {},
};

/** Copies `src` to `dst`; both have the same number of bits. */
export interface CopyField {
  readonly src: SubField;
  readonly dst: SubField;
}

const copyField: Codec<CopyField> = {
  read(r) {
    const bits = r.u16("n_bits");
    const srcStart = r.u16("src_offset");
    const dstStart = r.u16("dst_offset");
    r.skip(2);
    const src = subField(r, readOxmHeader(r), srcStart, bits);
    return { src, dst: subField(r, readOxmHeader(r), dstStart, bits) };
  },
  write(w, { src, dst }) {
    if (src.bits !== dst.bits) throw new EncodeError("bad-value", dst.field, `${src.bits} bits into ${dst.bits}`);
    w.u16(src.bits, "bits").u16(src.start, "start").u16(dst.start, "start").zeros(2);
    putOxmHeader(w, referencedRow(src));
    putOxmHeader(w, referencedRow(dst));
  },
};
const copyFieldText: ActionText<CopyField> = {
  print: ({ src, dst }) => `move:${printSubField(src)}->${printSubField(dst)}`,
  keywords: {},
};

/** `controllers`: ids of those that are told when the TTL runs out; absent: the default, 0. */
export interface DecTtl {
  readonly controllers?: readonly number[];
}

const decTtlPlain: Codec<DecTtl> = { read: () => ({}), write: () => {} };
const decTtlControllers: Codec<DecTtl> = {
  read(r) {
    const at = r.offset;
    const count = r.u16("n_controllers");
    r.skip(4);
    if (count * 2 > r.remaining) throw new DecodeError("truncated", at, `${count} controller ids`);
    return { controllers: Array.from({ length: count }, () => r.u16("controller")) };
  },
  write(w, { controllers }) {
    const ids = controllers ?? [];
    w.u16(ids.length, "controllers").zeros(4);
    for (const id of ids) w.u16(id, "controllers");
  },
};
const decTtlText: ActionText<DecTtl> = {
  print: ({ controllers }) => (controllers === undefined ? "dec_ttl" : `dec_ttl(${controllers.join(",")})`),
  keywords: {
    dec_ttl: ({ value }) =>
      value.empty ? {} : { controllers: splitWords(value).map((id) => parseNumber(id, 16, "dec_ttl")) },
  },
};

const nothing = structure({});
const ethertype = structure({ ethertype: u16, reserved: padding(2) });
const ttl = structure({ ttl: u8, reserved: padding(3) });

/** OpenFlow 1.5.1 section 7.2.6, with what Nicira adds to them. */
export const STANDARD_ACTIONS = {
  output: action(outputText, openflow(0, output)),
  group: action(single("group", "group", decimal(32)), openflow(22, structure({ group: u32 }))),
  set_queue: action(single("set_queue", "queue", decimal(32)), openflow(21, structure({ queue: u32 }))),
  pop_queue: action(bare("pop_queue"), nicira(5, nothing)),
  push_vlan: action(single("push_vlan", "ethertype", hexadecimal(16)), openflow(17, ethertype)),
  pop_vlan: action(bare("pop_vlan"), openflow(18, nothing)),
  push_mpls: action(single("push_mpls", "ethertype", hexadecimal(16)), openflow(19, ethertype)),
  pop_mpls: action(single("pop_mpls", "ethertype", hexadecimal(16)), openflow(20, ethertype)),
  set_mpls_ttl: action(single("set_mpls_ttl", "ttl", decimal(8), "parentheses"), openflow(15, ttl)),
  dec_mpls_ttl: action(bare("dec_mpls_ttl"), openflow(16, nothing)),
  set_nw_ttl: action(single("mod_nw_ttl", "ttl", decimal(8)), openflow(23, ttl)),
  dec_ttl: action(
    decTtlText,
    openflow(24, decTtlPlain, (a) => a.controllers === undefined),
    nicira(21, decTtlControllers),
  ),
  set_field: action(setFieldText, openflow(25, setField)),
  copy_field: action(copyFieldText, openflow(28, copyField)),
  meter: action(single("meter", "meter", decimal(32)), openflow(29, structure({ meter: u32 }))),
} as const;
