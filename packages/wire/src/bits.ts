import type { Codec } from "./codec.ts";
import { EncodeError } from "./errors.ts";

type Layout = Record<string, number | "flag">;
/**
 * The object that {@link bits} reads: a boolean per flag, a number per field, nothing for those named `reserved...`.
 */
export type BitsOf<L> = {
  -readonly [K in keyof L as K extends `reserved${string}` ? never : K]: L[K] extends "flag" ? boolean : number;
};

interface Field {
  readonly name: string;
  readonly shift: number;
  readonly max: number;
  readonly flag: boolean;
}

/**
 * Bit fields packed into one big-endian word, most significant first. Each row is a width in bits, or `"flag"` for
 * one bit read as a boolean; a row named `reserved...` is written as zero and ignored when read.
 *
 * ```ts
 * const fragment = bits(16, { reserved: 1, dontFragment: "flag", moreFragments: "flag", offset: 13 });
 * ```
 * @throws {RangeError} when declared with widths that do not add up to the word.
 */
export function bits<const L extends Layout>(width: 8 | 16 | 24 | 32, layout: L): Codec<BitsOf<L>> {
  const fields = place(width, layout);
  return {
    read(r) {
      const word = width === 8 ? r.u8() : width === 16 ? r.u16() : width === 24 ? r.u24() : r.u32();
      const value: Record<string, number | boolean> = {};
      for (const { name, shift, max, flag } of fields) {
        const part = (word >>> shift) & max;
        value[name] = flag ? part !== 0 : part >>> 0;
      }
      return value as BitsOf<L>;
    },
    write(w, value) {
      const values = value as Record<string, number | boolean>;
      let word = 0;
      for (const { name, shift, max } of fields) {
        const part = Number(values[name]);
        if (!Number.isInteger(part) || part < 0 || part > max) {
          throw new EncodeError("out-of-range", name, `${values[name]} is not 0..${max}`);
        }
        word |= part << shift;
      }
      if (width === 8) w.u8(word >>> 0);
      else if (width === 16) w.u16(word >>> 0);
      else if (width === 24) w.u24(word >>> 0);
      else w.u32(word >>> 0);
    },
  };
}

function place(width: number, layout: Layout): Field[] {
  const fields: Field[] = [];
  let left = width;
  for (const [name, row] of Object.entries(layout)) {
    const size = row === "flag" ? 1 : row;
    left -= size;
    if (!Number.isInteger(size) || size < 1 || left < 0)
      throw new RangeError(`${name}: ${size} bits do not fit a word of ${width}`);
    if (!name.startsWith("reserved")) fields.push({ name, shift: left, max: 2 ** size - 1, flag: row === "flag" });
  }
  if (left !== 0) throw new RangeError(`the fields leave ${left} of ${width} bits undeclared`);
  return fields;
}
