import { ValueError } from "./errors.ts";
import { excerpt, isArray, type Json } from "./json.ts";

declare const uuidBrand: unique symbol;
/** A row's name: 36 lower-case characters (RFC 4122 section 3). Made by {@link uuid}, or by the server. */
export type Uuid = string & { readonly [uuidBrand]: true };

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): text is Uuid {
  return uuidPattern.test(text);
}

/** @throws {ValueError} `bad-uuid` */
export function uuid(text: string): Uuid {
  const lower = text.toLowerCase();
  if (!isUuid(lower)) throw new ValueError("bad-uuid", `${excerpt(text)} is not a UUID`);
  return lower;
}

export const zeroUuid: Uuid = uuid("00000000-0000-0000-0000-000000000000");

/** A row of the same transaction, by the name that its insert gave it (RFC 7047 section 5.1, <named-uuid>). */
export class NamedUuid {
  readonly label: string;
  constructor(label: string) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(label)) {
      throw new ValueError("bad-name", `${excerpt(label)} is not letters, digits and "_", beginning with no digit`);
    }
    this.label = label;
  }
}

/** @throws {ValueError} `bad-name`: a label is an <id> (RFC 7047 section 3.1). */
export function namedUuid(label: string): NamedUuid {
  return new NamedUuid(label);
}

/** The atomic types of RFC 7047 section 3.1, <atomic-type>. */
export const atomicTypes = ["integer", "real", "boolean", "string", "uuid"] as const;
export type AtomicType = (typeof atomicTypes)[number];

/**
 * The codec of one atomic type: `V` is what is read, `W` what may be written.
 * (Method syntax on purpose: it lets a codec of numbers stand where a codec of something is asked for.)
 */
export interface Atom<V, W = V> {
  readonly type: AtomicType;
  /** What a column has when nobody wrote it (RFC 7047 section 5.2.1). */
  readonly initial: V;
  /** @throws {ValueError} */
  decode(json: Json): V;
  /** @throws {ValueError} */
  encode(value: W): Json;
}

function mistyped(type: string, value: unknown): never {
  throw new ValueError("bad-type", `${excerpt(value)} is not a ${type}`);
}

/**
 * Signed, 64 bits. Beyond 2^53 in either direction (a byte counter of a fast link gets there) what is read is the
 * nearest number that JavaScript has; writing such a number is refused.
 */
export const integer: Atom<number> = {
  type: "integer",
  initial: 0,
  decode(json) {
    if (typeof json !== "number" || !Number.isInteger(json)) return mistyped("integer", json);
    if (json < -(2 ** 63) || json > 2 ** 63) throw new ValueError("out-of-range", `${json} does not fit 64 bits`);
    return json === 0 ? 0 : json;
  },
  encode(value) {
    if (!Number.isInteger(value)) return mistyped("integer", value);
    if (!Number.isSafeInteger(value)) throw new ValueError("out-of-range", `${value} is not exact`);
    return value;
  },
};

export const real: Atom<number> = {
  type: "real",
  initial: 0,
  decode: (json) => (typeof json === "number" && Number.isFinite(json) ? json : mistyped("real", json)),
  encode: (value) => (Number.isFinite(value) ? value : mistyped("real", value)),
};

export const boolean: Atom<boolean> = {
  type: "boolean",
  initial: false,
  decode: (json) => (typeof json === "boolean" ? json : mistyped("boolean", json)),
  encode: (value) => (typeof value === "boolean" ? value : mistyped("boolean", value)),
};

function encodeString(value: string): string {
  if (typeof value !== "string") return mistyped("string", value);
  // ovsdb-server drops the connection over either: its JSON parser takes no NUL and no half of a surrogate pair.
  if (!value.isWellFormed()) throw new ValueError("out-of-range", `${excerpt(value)} is not well-formed Unicode`);
  if (value.includes("\0")) throw new ValueError("out-of-range", `${excerpt(value)} contains a NUL`);
  return value;
}

function decodeString(json: Json): string {
  return typeof json === "string" ? json : mistyped("string", json);
}

export const string: Atom<string> = { type: "string", initial: "", decode: decodeString, encode: encodeString };

/** Any string, written so that an editor still offers the known ones. */
export type OtherString = string & Record<never, never>;

/** A string of an enumeration: only these may be written, and a newer server may have others to read. */
export function oneOf<const E extends string>(...values: readonly E[]): Atom<E | OtherString, E> {
  const known: ReadonlySet<string> = new Set(values);
  return {
    type: "string",
    initial: "",
    decode: decodeString,
    encode: (value) => (known.has(value) ? value : mistyped(values.join(" | "), value)),
  };
}

export type Reference = Uuid | NamedUuid;

function decodeUuid(json: Json): Uuid {
  if (!isArray(json) || json.length !== 2 || json[0] !== "uuid") return mistyped("uuid", json);
  const text = json[1];
  if (typeof text !== "string" || !isUuid(text)) throw new ValueError("bad-uuid", `${excerpt(text)} is not a UUID`);
  return text;
}

function encodeReference(value: Reference): Json {
  if (value instanceof NamedUuid) return ["named-uuid", value.label];
  if (typeof value !== "string") return mistyped("uuid", value);
  return ["uuid", uuid(value)];
}

/** A UUID that names no row of a table, or of any. */
export const plainUuid: Atom<Uuid, Reference> = {
  type: "uuid",
  initial: zeroUuid,
  decode: decodeUuid,
  encode: encodeReference,
};

/**
 * A UUID of a row of `table`. `strong` keeps that row alive, `weak` goes when the row goes (RFC 7047 section 3.2,
 * refType).
 */
export function ref(table: string, strength: "strong" | "weak" = "strong"): Atom<Uuid, Reference> & Target {
  return { ...plainUuid, table, strength };
}

interface Target {
  readonly table: string;
  readonly strength: "strong" | "weak";
}
