import { type Codec, EncodeError, type Reader, type ValueOf, type Writer } from "@dragonflow/wire";

/** One property: its type, or its experimenter and the experimenter's type, and what it holds. */
export interface Property<T> {
  readonly type: number;
  readonly experimenter?: { readonly id: number; readonly type: number };
  readonly value: Codec<T>;
}

type Rows = Readonly<Record<string, Property<unknown>>>;
type PropertiesOf<R extends Rows> = { readonly [K in keyof R]?: ValueOf<R[K]["value"]> };

const EXPERIMENTER = 0xffff;

export function property<T>(type: number, value: Codec<T>): Property<T> {
  return { type, value };
}
export function experimenterProperty<T>(id: number, type: number, value: Codec<T>): Property<T> {
  return { type: EXPERIMENTER, experimenter: { id, type }, value };
}

/**
 * Properties until the enclosing structure ends, each an optional member of the object. OpenFlow 1.5.1 section 7.2.1.1:
 * `type:16 | length:16 | value`, zeros up to a multiple of 8 behind it, not counted. Properties that no row names are
 * skipped; one that comes twice does not decode.
 */
export function properties<const R extends Rows>(rows: R): Codec<PropertiesOf<R>>;
export function properties(rows: Rows): Codec<Readonly<Record<string, unknown>>> {
  const entries = Object.entries(rows);
  return {
    read(r) {
      const values: Record<string, unknown> = {};
      while (!r.done) readProperty(r, entries, values);
      return values;
    },
    write(w, values) {
      for (const [name, row] of entries) {
        const value = values[name];
        if (value !== undefined) writeProperty(w, row, value, name);
      }
    },
  };
}

function readProperty(r: Reader, rows: readonly [string, Property<unknown>][], values: Record<string, unknown>): void {
  const type = r.u16("property type");
  const length = r.u16("property length");
  if (length < 4) r.fail(`property ${type} says it is ${length} bytes long`, "bad-length");
  const body = r.sub(length - 4, "property");
  r.skip((8 - (length % 8)) % 8, "property padding");
  let id = 0;
  let experimenterType = 0;
  if (type === EXPERIMENTER) {
    id = body.u32("experimenter");
    experimenterType = body.u32("experimenter type");
  }
  for (const [name, { type: wanted, experimenter, value }] of rows) {
    if (wanted !== type) continue;
    if (experimenter !== undefined && (experimenter.id !== id || experimenter.type !== experimenterType)) continue;
    if (name in values) r.fail(`property ${name} comes twice`);
    values[name] = value.read(body);
    return;
  }
}

function writeProperty(w: Writer, row: Property<unknown>, value: unknown, name: string): void {
  const start = w.length;
  w.u16(row.type).u16(0);
  if (row.experimenter !== undefined) w.u32(row.experimenter.id).u32(row.experimenter.type);
  row.value.write(w, value, name);
  if (w.length - start > 0xffff) throw new EncodeError("too-long", name, "a property holds at most 65535 bytes");
  w.setU16(start + 2, w.length - start);
  w.align(8, start);
}

/** A property's value that starts at a multiple of 8: four zeros before it. */
export function aligned<T>(value: Codec<T>): Codec<T> {
  return {
    read(r) {
      r.skip(4);
      return value.read(r);
    },
    write(w, item, field) {
      w.zeros(4);
      value.write(w, item, field);
    },
  };
}

/** A property's value with zeros behind it that count as part of it. Read with or without them. */
export function padded<T>(value: Codec<T>, zeros: number): Codec<T> {
  return {
    read: (r) => value.read(r),
    write(w, item, field) {
      value.write(w, item, field);
      w.zeros(zeros);
    },
  };
}

/** The same members, of which `names` must be there. */
export function requiring<T extends object, const K extends keyof T & string>(
  codec: Codec<T>,
  ...names: readonly K[]
): Codec<T & { readonly [N in K]-?: Exclude<T[N], undefined> }>;
export function requiring(codec: Codec<object>, ...names: readonly string[]): Codec<object> {
  return {
    read(r) {
      const value = codec.read(r);
      for (const name of names) if (!(name in value)) r.fail(`property ${name} is missing`);
      return value;
    },
    write(w, value, field) {
      for (const name of names) {
        if (!(name in value)) throw new EncodeError("bad-value", name, "is missing");
      }
      codec.write(w, value, field);
    },
  };
}
