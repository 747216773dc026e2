import { DecodeError, EncodeError } from "./errors.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/**
 * A value together with its wire form: what the rows of a codec table are declared with. `read` throws {@link
 * DecodeError}, `write` throws {@link EncodeError} naming `field`; each is the inverse of the other.
 */
export interface Codec<T> {
  read(r: Reader): T;
  write(w: Writer, value: T, field: string): void;
}

/** The value that a codec reads and writes. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

export const u8: Codec<number> = { read: (r) => r.u8(), write: (w, value, field) => void w.u8(value, field) };
export const u16: Codec<number> = { read: (r) => r.u16(), write: (w, value, field) => void w.u16(value, field) };
export const u24: Codec<number> = { read: (r) => r.u24(), write: (w, value, field) => void w.u24(value, field) };
export const u32: Codec<number> = { read: (r) => r.u32(), write: (w, value, field) => void w.u32(value, field) };
export const u64: Codec<bigint> = { read: (r) => r.u64(), write: (w, value, field) => void w.u64(value, field) };

/** All bytes up to the end of the enclosing structure: a view of the buffer, not a copy. */
export const rest: Codec<Uint8Array> = { read: (r) => r.rest(), write: (w, value) => void w.bytes(value) };

/** Exactly `length` bytes: a view of the buffer, not a copy. */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    read: (r) => r.bytes(length),
    write(w, value, field) {
      if (value.length !== length) throw new EncodeError("bad-value", field, `${value.length} bytes, not ${length}`);
      w.bytes(value);
    },
  };
}

/**
 * `length` bytes that mean nothing: written as zeros, ignored when read. Its name in a {@link struct} starts with
 * `reserved`.
 */
export function padding(length: number): Codec<undefined> {
  return {
    read(r) {
      r.skip(length);
      return undefined;
    },
    write: (w) => void w.zeros(length),
  };
}

/** A number that stands for a name. A number without one is a `bad-value`. */
export function oneOf<const N extends Record<string, number>>(
  number: Codec<number>,
  names: N,
): Codec<keyof N & string> {
  const byNumber = new Map(Object.entries(names).map(([name, value]) => [value, name]));
  const byName = new Map(Object.entries(names));
  return {
    read(r) {
      const value = number.read(r);
      return byNumber.get(value) ?? r.fail(`${value} is none of ${[...byNumber.keys()].join(", ")}`);
    },
    write(w, name, field) {
      const value = byName.get(name);
      if (value === undefined)
        throw new EncodeError("bad-value", field, `${name} is none of ${[...byName.keys()].join(", ")}`);
      number.write(w, value, field);
    },
  };
}

/** Items one behind another up to the end of the enclosing structure. */
export function list<T>(item: Codec<T>): Codec<T[]> {
  return {
    read(r) {
      const items: T[] = [];
      while (!r.done) {
        const before = r.offset;
        items.push(item.read(r));
        if (r.offset === before) throw new DecodeError("bad-length", before, "an item of a list without bytes");
      }
      return items;
    },
    write(w, items, field) {
      for (const value of items) item.write(w, value, field);
    },
  };
}

type Shape = Record<string, Codec<unknown>>;
/** The object that a {@link struct} reads: its fields, without those named `reserved...`. */
export type StructOf<S> = { -readonly [K in keyof S as K extends `reserved${string}` ? never : K]: ValueOf<S[K]> };

/**
 * Fields one behind another, in the order of declaration. Fields named `reserved...` take their bytes and are not
 * part of the value.
 */
export function struct<S extends Shape>(shape: S): Codec<StructOf<S>> {
  const fields = Object.entries(shape).map(([name, codec]) => ({ name, codec, reserved: name.startsWith("reserved") }));
  return {
    read(r) {
      const value: Record<string, unknown> = {};
      for (const { name, codec, reserved } of fields) {
        if (reserved) codec.read(r);
        else value[name] = codec.read(r);
      }
      return value as StructOf<S>;
    },
    write(w, value) {
      const values = value as Record<string, unknown>;
      for (const { name, codec } of fields) codec.write(w, values[name], name);
    },
  };
}
