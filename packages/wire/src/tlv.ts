import type { Codec, ValueOf } from "./codec.ts";
import { EncodeError } from "./errors.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** How one protocol writes its options: `type | length | value`. */
export interface TlvLayout {
  readonly typeBytes: 1 | 2;
  readonly lengthBytes: 1 | 2;
  /** What one unit of the length field stands for, in bytes; shorter values are padded with zeros. Default 1. */
  readonly unitBytes?: number;
  /** The length field counts type and length as well (TCP, IPv4, ND). Default: the value alone. */
  readonly lengthCoversHeader?: boolean;
  /** Types that are a lone type field, with neither length nor value (no-operation). */
  readonly bare?: readonly number[];
  /** The type that, alone, ends the list; what stands behind it is padding. */
  readonly end?: number;
}

/** One option as it stands on the wire. `value` sees its bytes and nothing else. */
export interface Tlv {
  readonly type: number;
  readonly value: Reader;
}

/**
 * Reads the next option; `undefined` at the end of the list (by `end`, then the reader is used up, or by the end of
 * the bytes).
 */
export function readTlv(r: Reader, layout: TlvLayout): Tlv | undefined {
  if (r.done) return undefined;
  const start = r.offset;
  const type = layout.typeBytes === 1 ? r.u8("type") : r.u16("type");
  if (type === layout.end) {
    r.rest();
    return undefined;
  }
  if (layout.bare?.includes(type)) return { type, value: r.sub(0) };
  const length = (layout.lengthBytes === 1 ? r.u8("length") : r.u16("length")) * (layout.unitBytes ?? 1);
  const header = layout.lengthCoversHeader ? r.offset - start : 0;
  if (length < header) r.fail(`an option of type ${type} has length ${length}`, "bad-length");
  return { type, value: r.sub(length - header, `the value of option ${type}`) };
}

/** Writes one option: type, computed length, what `value` writes, and zeros up to a whole unit. */
export function writeTlv(w: Writer, layout: TlvLayout, type: number, value: (w: Writer) => void): void {
  const start = w.length;
  if (layout.typeBytes === 1) w.u8(type, "type");
  else w.u16(type, "type");
  if (layout.bare?.includes(type)) return;
  const lengthAt = w.length;
  w.zeros(layout.lengthBytes);
  const counted = layout.lengthCoversHeader ? start : w.length;
  value(w);
  const unit = layout.unitBytes ?? 1;
  w.align(unit, counted);
  const length = (w.length - counted) / unit;
  if (length >= 2 ** (8 * layout.lengthBytes))
    throw new EncodeError("too-long", `option ${type}`, `${w.length - counted} bytes`);
  if (layout.lengthBytes === 1) w.setU8(lengthAt, length);
  else w.setU16(lengthAt, length);
}

/**
 * One kind of option: its type number, and the codec of its value (an object, so that the fields stand beside
 * `kind`).
 */
export interface TlvRow {
  readonly type: number;
  readonly value: Codec<object>;
}
/** An option whose type has no row, byte for byte. */
export interface OtherTlv {
  kind: "other";
  type: number;
  bytes: Uint8Array;
}
/** What {@link tlvs} reads: one object per option, told apart by `kind`. */
export type TlvOf<R> =
  | { [K in keyof R]: R[K] extends TlvRow ? { kind: K } & ValueOf<R[K]["value"]> : never }[keyof R]
  | OtherTlv;

/**
 * A list of options up to the end of the enclosing structure, in the order of the wire. One row per kind gives type,
 * decoder and encoder; a type without a row is kept as `other`. An option with bytes that its row does not explain is
 * a `bad-length`.
 */
export function tlvs<const R extends Record<string, TlvRow>>(layout: TlvLayout, rows: R): Codec<TlvOf<R>[]> {
  const byType = new Map(Object.entries(rows).map(([kind, row]) => [row.type, { kind, value: row.value }]));
  const byKind = new Map<string, TlvRow>(Object.entries(rows));
  return {
    read(r) {
      const options: object[] = [];
      for (let next = readTlv(r, layout); next !== undefined; next = readTlv(r, layout)) {
        const { type, value } = next;
        const row = byType.get(type);
        if (row === undefined) {
          options.push({ kind: "other", type, bytes: value.rest() });
          continue;
        }
        options.push({ kind: row.kind, ...row.value.read(value) });
        if (!value.done) value.fail(`${value.remaining} bytes too many in option ${row.kind}`, "bad-length");
      }
      return options as TlvOf<R>[];
    },
    write(w, options, field) {
      for (const option of options as readonly ({ readonly kind: string } | OtherTlv)[]) {
        if ("bytes" in option && option.kind === "other") {
          writeTlv(w, layout, option.type, (body) => void body.bytes(option.bytes));
          continue;
        }
        const row = byKind.get(option.kind);
        if (row === undefined) throw new EncodeError("unsupported", field, `no option ${option.kind}`);
        writeTlv(w, layout, row.type, (body) => row.value.write(body, option, option.kind));
      }
    },
  };
}
