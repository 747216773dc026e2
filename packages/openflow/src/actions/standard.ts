import { type Codec, DecodeError, EncodeError, padding, u8, u16, u32 } from "@dragonflow/wire";
import { fieldRow } from "../fields/lookup.ts";
import { putOxmHeader, referencedRow, readOxmHeader, type SubField, subField } from "../fields/subfield.ts";
import type { FieldName, FieldValue } from "../fields/table.ts";
import { and, checkWidth, putOxm, readOxm } from "../fields/value.ts";
import { structure } from "../layout.ts";
import { PortNumber } from "../numbers.ts";
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
    checkWidth(row, value);
    if (row.field.writable !== true) throw new EncodeError("bad-value", field, "cannot be written");
    if (mask === undefined || mask === row.ones) {
      putOxm(w, row, value);
      return;
    }
    checkWidth(row, mask);
    if (row.field.maskable !== true && row.register < 0 && mask !== row.ones) {
      putOxm(w, row, maskedValue(value, mask), mask);
      return;
    }
    putOxm(w, row, maskedValue(value, mask), mask);
  },
};

function maskedValue(value: number | bigint, mask: number | bigint): number | bigint {
  return typeof value === "number" ? and(value, Number(mask)) : value & BigInt(mask);
}

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

const nothing = structure({});
const ethertype = structure({ ethertype: u16, reserved: padding(2) });
const ttl = structure({ ttl: u8, reserved: padding(3) });

/** OpenFlow 1.5.1 section 7.2.6, with what Nicira adds to them. */
export const STANDARD_ACTIONS = {
  output: action(openflow(0, output)),
  group: action(openflow(22, structure({ group: u32 }))),
  set_queue: action(openflow(21, structure({ queue: u32 }))),
  pop_queue: action(nicira(5, nothing)),
  push_vlan: action(openflow(17, ethertype)),
  pop_vlan: action(openflow(18, nothing)),
  push_mpls: action(openflow(19, ethertype)),
  pop_mpls: action(openflow(20, ethertype)),
  set_mpls_ttl: action(openflow(15, ttl)),
  dec_mpls_ttl: action(openflow(16, nothing)),
  set_nw_ttl: action(openflow(23, ttl)),
  dec_ttl: action(
    openflow(24, decTtlPlain, (a) => a.controllers === undefined),
    nicira(21, decTtlControllers),
  ),
  set_field: action(openflow(25, setField)),
  copy_field: action(openflow(28, copyField)),
  meter: action(openflow(29, structure({ meter: u32 }))),
} as const;
