import { type Codec, EncodeError, type Reader, type ValueOf, type Writer, list as wireList } from "@dragonflow/wire";

/** A member that is absent from the object while the wire says "none". Made by {@link optional}. */
export interface OptionalCodec<T> extends Codec<T | undefined> {
  readonly absent: T;
}

/** A length that follows from other members: on the wire, but not in the object. */
interface Length {
  /** What it counts: the whole structure, or one later member. */
  readonly counts: "structure" | { readonly member: string };
}

type Members = Readonly<Record<string, Codec<unknown> | Length>>;
type Flat<T> = { readonly [K in keyof T]: T[K] };
type Hidden<M> = { [K in keyof M]: K extends `reserved${string}` ? K : M[K] extends Length ? K : never }[keyof M];
type Optional<M> = { [K in keyof M]: M[K] extends { absent: unknown } ? K : never }[keyof M];
type Present<C> = C extends OptionalCodec<infer T> ? T : never;

/** The object that a {@link structure} of these members reads. */
export type StructureOf<M extends Members> = Flat<
  { [K in Exclude<keyof M, Hidden<M> | Optional<M>>]: ValueOf<M[K]> } & { [K in Optional<M>]?: Present<M[K]> }
>;

/** Ethernet address, `aa:bb:cc:dd:ee:ff`. */
export const ethernetAddress: Codec<string> = {
  read: (r) => Array.from(r.bytes(6), (byte) => byte.toString(16).padStart(2, "0")).join(":"),
  write(w, value, field) {
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value)) {
      throw new EncodeError("bad-value", field, `${value} is not an Ethernet address`);
    }
    w.uint(BigInt(`0x${value.replaceAll(":", "")}`), 6, field);
  },
};

const toUtf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** Text of fewer than `size` bytes, filled up with NULs. */
export function text(size: number): Codec<string> {
  return {
    read(r) {
      const bytes = r.bytes(size);
      const end = bytes.indexOf(0);
      return fromUtf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
    },
    write(w, value, field) {
      const bytes = toUtf8.encode(value);
      if (bytes.includes(0)) throw new EncodeError("bad-value", field, "text holds a NUL");
      if (bytes.length >= size) throw new EncodeError("too-long", field, `${bytes.length} bytes, ${size - 1} fit`);
      w.bytes(bytes).zeros(size - bytes.length);
    },
  };
}

/** A number that is spelled as a name. Numbers without a name do not decode. */
export function named<const N extends Readonly<Record<string, number>>>(
  base: Codec<number>,
  names: N,
): Codec<keyof N & string> {
  const byName = new Map<string, number>(Object.entries(names));
  const byNumber = new Map<number, keyof N & string>();
  for (const name in names) byNumber.set(names[name] as number, name);
  return {
    read(r) {
      const number = base.read(r);
      return byNumber.get(number) ?? r.fail(`${number} is none of ${Object.keys(names).join(", ")}`);
    },
    write(w, value, field) {
      const number = byName.get(value);
      if (number === undefined) throw new EncodeError("bad-value", field, `${value} is not a known name`);
      base.write(w, number, field);
    },
  };
}

/** A bitmap as the list of the names of its bits, in the order of declaration. Bits without a name are ignored. */
export function flags<const N extends Readonly<Record<string, number>>>(
  base: Codec<number>,
  bits: N,
): Codec<readonly (keyof N & string)[]> {
  const byName = new Map<string, number>(Object.entries(bits));
  const names: (keyof N & string)[] = [];
  for (const name in bits) names.push(name);
  return {
    read(r) {
      const bitmap = base.read(r);
      return bitmap === 0 ? [] : names.filter((name) => (bitmap & (byName.get(name) ?? 0)) !== 0);
    },
    write(w, value, field) {
      let bitmap = 0;
      for (const name of value) {
        const bit = byName.get(name);
        if (bit === undefined) throw new EncodeError("bad-value", field, `${name} is not a known flag`);
        bitmap |= bit;
      }
      base.write(w, bitmap >>> 0, field);
    },
  };
}

/** A member that is absent from the object while the wire says `absent`. */
export function optional<T extends number | bigint>(codec: Codec<T>, absent: T): OptionalCodec<T> {
  return {
    absent,
    read(r) {
      const value = codec.read(r);
      return value === absent ? undefined : value;
    },
    write: (w, value, field) => codec.write(w, value ?? absent, field),
  };
}

/** Values one behind another until the enclosing structure ends. */
export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  return wireList(item);
}

/** Exactly `count` values. */
export function array<T>(count: number, item: Codec<T>): Codec<readonly T[]> {
  return {
    read: (r) => Array.from({ length: count }, () => item.read(r)),
    write(w, value, field) {
      if (value.length !== count) throw new EncodeError("bad-value", field, `${value.length} values, not ${count}`);
      for (const one of value) item.write(w, one, field);
    },
  };
}

/** 16 bits: how long this structure is, from its first member to its end. Its members cannot read past that. */
export const length16: Length = { counts: "structure" };
/** 16 bits: how many bytes the later member `member` takes. */
export function lengthOf(member: string): Length {
  return { counts: { member } };
}

interface Step {
  readonly name: string;
  readonly member: Codec<unknown> | Length;
  readonly reserved: boolean;
  readonly optional: boolean;
  /** An earlier member says how long this one is. */
  readonly measured: boolean;
}

/**
 * Members in the order of the wire, as the specification's structure lists them; those named `reserved...` take their
 * bytes and are not part of the value, nor are lengths. `tail` (a list of properties) adds its own members to the same
 * object.
 *
 * A structure with a {@link length16} must be used up by its members: bytes that are left over are a `bad-length`.
 */
export function structure<const M extends Members>(members: M): Codec<StructureOf<M>>;
export function structure<const M extends Members, T extends object>(
  members: M,
  tail: Codec<T>,
): Codec<Flat<StructureOf<M> & T>>;
export function structure(members: Members, tail?: Codec<object>): Codec<Record<string, unknown>> {
  const measured = new Set<string>();
  for (const member of Object.values(members)) {
    if ("counts" in member && member.counts !== "structure") measured.add(member.counts.member);
  }
  const steps: readonly Step[] = Object.entries(members).map(([name, member]) => ({
    name,
    member,
    reserved: name.startsWith("reserved"),
    optional: "absent" in member,
    measured: measured.has(name),
  }));
  return {
    read: (r) => readStructure(r, steps, tail),
    write: (w, value) => writeStructure(w, value, steps, tail),
  };
}

function readStructure(outer: Reader, steps: readonly Step[], tail?: Codec<object>): Record<string, unknown> {
  const start = outer.offset;
  let r = outer;
  let lengths: Map<string, number> | undefined;
  const value: Record<string, unknown> = {};
  for (const { name, member, reserved, optional: canBeAbsent, measured } of steps) {
    if ("counts" in member) {
      const length = r.u16("length");
      if (member.counts !== "structure") {
        (lengths ??= new Map()).set(member.counts.member, length);
        continue;
      }
      const used = r.offset - start;
      if (length < used) r.fail(`a structure of ${length} bytes that needs more`, "bad-length");
      r = r.sub(length - used);
      continue;
    }
    let item: unknown;
    if (measured) {
      const part = r.sub(lengths?.get(name) ?? 0, name);
      item = member.read(part);
      if (!part.done) part.fail(`${part.remaining} bytes left over in ${name}`, "bad-length");
    } else {
      item = member.read(r);
    }
    if (!reserved && (item !== undefined || !canBeAbsent)) value[name] = item;
  }
  if (tail !== undefined) Object.assign(value, tail.read(r));
  if (r !== outer && !r.done) r.fail(`${r.remaining} bytes left over in a structure`, "bad-length");
  return value;
}

function writeStructure(
  w: Writer,
  value: Readonly<Record<string, unknown>>,
  steps: readonly Step[],
  tail?: Codec<object>,
): void {
  const start = w.length;
  let lengthAt = -1;
  let measureAt: Map<string, number> | undefined;
  for (const { name, member, measured } of steps) {
    const at = w.length;
    if ("counts" in member) {
      if (member.counts === "structure") lengthAt = at;
      else (measureAt ??= new Map()).set(member.counts.member, at);
      w.zeros(2);
      continue;
    }
    member.write(w, value[name], name);
    if (measured) w.setU16(measureAt?.get(name) ?? at, w.length - at, name);
  }
  tail?.write(w, value, "properties");
  if (lengthAt >= 0) w.setU16(lengthAt, w.length - start);
}
