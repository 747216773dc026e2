import { ValueError } from "./errors.ts";
import { excerpt, isArray, type Json } from "./json.ts";
import type { Atom } from "./values.ts";

/**
 * The codec of one column: `V` is what is read, `W` what may be written.
 *
 * | OVSDB type             | read                | written                                     |
 * |------------------------|---------------------|---------------------------------------------|
 * | one                    | `T`                 | `T`                                         |
 * | none or one            | `T \| null`         | `T \| null`                                 |
 * | set                    | `ReadonlySet<T>`    | a set or an array                           |
 * | map                    | `ReadonlyMap<K, T>` | a map, or an object where keys are strings  |
 */
export abstract class Column<V, W = V> {
  /**
   * The type in short: `string`, `integer?`, `uuid*`, `string=>string`. Two columns with one signature hold the same
   * values.
   */
  abstract readonly signature: string;
  /** What a column has when nobody wrote it. */
  abstract readonly initial: V;
  /** @throws {ValueError} */
  abstract decode(json: Json): V;
  /** @throws {ValueError} */
  abstract encode(value: W): Json;
  /** Applies the difference that an update2 or update3 carries (ovsdb-server(7), 4.1.14). @throws {ValueError} */
  abstract change(old: V, difference: Json): V;
  abstract equals(a: V, b: V): boolean;
}

/** The elements of a <set> (RFC 7047 section 5.1): a set of exactly one is also written as its element. */
function elements(json: Json): readonly Json[] {
  if (!isArray(json) || json[0] !== "set") return [json];
  const list = json[1];
  if (json.length !== 2 || !isArray(list)) throw new ValueError("bad-type", `${excerpt(json)} is not a set`);
  return list;
}

class ScalarColumn<V, W> extends Column<V, W> {
  readonly signature: string;
  readonly initial: V;
  readonly #atom: Atom<V, W>;
  constructor(atom: Atom<V, W>) {
    super();
    this.#atom = atom;
    this.signature = atom.type;
    this.initial = atom.initial;
  }
  decode(json: Json): V {
    return this.#atom.decode(json);
  }
  encode(value: W): Json {
    return this.#atom.encode(value);
  }
  change(_old: V, difference: Json): V {
    return this.#atom.decode(difference);
  }
  equals(a: V, b: V): boolean {
    return a === b;
  }
}

class OptionalColumn<V, W> extends Column<V | null, W | null> {
  readonly signature: string;
  readonly initial = null;
  readonly #atom: Atom<V, W>;
  constructor(atom: Atom<V, W>) {
    super();
    this.#atom = atom;
    this.signature = `${atom.type}?`;
  }
  decode(json: Json): V | null {
    const list = elements(json);
    const first = list[0];
    if (first === undefined) return null;
    if (list.length > 1) throw new ValueError("bad-type", `${excerpt(json)} has more than one element`);
    return this.#atom.decode(first);
  }
  encode(value: W | null): Json {
    return value === null ? ["set", []] : this.#atom.encode(value);
  }
  /** A set of at most one counts as a single value: the difference is the new one. */
  change(_old: V | null, difference: Json): V | null {
    return this.decode(difference);
  }
  equals(a: V | null, b: V | null): boolean {
    return a === b;
  }
}

export type SetInput<W> = readonly W[] | ReadonlySet<W>;

class SetColumn<V, W> extends Column<ReadonlySet<V>, SetInput<W>> {
  readonly signature: string;
  readonly initial: ReadonlySet<V>;
  readonly #atom: Atom<V, W>;
  constructor(atom: Atom<V, W>, min: number) {
    super();
    this.#atom = atom;
    this.signature = `${atom.type}*`;
    this.initial = new Set(min > 0 ? [atom.initial] : []);
  }
  decode(json: Json): ReadonlySet<V> {
    const list = elements(json);
    const value = new Set<V>();
    for (const element of list) value.add(this.#atom.decode(element));
    if (value.size !== list.length) throw new ValueError("duplicate", `${excerpt(json)} has an element twice`);
    return value;
  }
  encode(value: SetInput<W>): Json {
    if (!Array.isArray(value) && !(value instanceof Set))
      throw new ValueError("bad-type", `${excerpt(value)} is not a set`);
    return ["set", Array.from(value, (element: W) => this.#atom.encode(element))];
  }
  /** The difference of two sets is what only one of them has. */
  change(old: ReadonlySet<V>, difference: Json): ReadonlySet<V> {
    const value = new Set(old);
    for (const element of this.decode(difference)) if (!value.delete(element)) value.add(element);
    return value;
  }
  equals(a: ReadonlySet<V>, b: ReadonlySet<V>): boolean {
    return a.size === b.size && a.isSubsetOf(b);
  }
}

export type MapInput<VK, K, W> = ReadonlyMap<K, W> | (VK extends string ? Readonly<Record<K & string, W>> : never);

export class MapColumn<VK, V, K, W> extends Column<ReadonlyMap<VK, V>, MapInput<VK, K, W>> {
  readonly signature: string;
  readonly initial: ReadonlyMap<VK, V> = new Map<VK, V>();
  readonly #key: Atom<VK, K>;
  readonly #value: Atom<V, W>;
  constructor(key: Atom<VK, K>, value: Atom<V, W>) {
    super();
    this.#key = key;
    this.#value = value;
    this.signature = `${key.type}=>${value.type}`;
  }
  decode(json: Json): ReadonlyMap<VK, V> {
    const pairs = isArray(json) && json.length === 2 && json[0] === "map" ? json[1] : undefined;
    if (!isArray(pairs)) throw new ValueError("bad-type", `${excerpt(json)} is not a map`);
    const value = new Map<VK, V>();
    for (const pair of pairs) {
      if (!isArray(pair) || pair.length !== 2) throw new ValueError("bad-type", `${excerpt(pair)} is not a pair`);
      const [key, entry] = pair;
      if (key === undefined || entry === undefined) throw new ValueError("bad-type", `${excerpt(pair)} is not a pair`);
      value.set(this.#key.decode(key), this.#value.decode(entry));
    }
    if (value.size !== pairs.length) throw new ValueError("duplicate", `${excerpt(json)} has a key twice`);
    return value;
  }
  encode(value: MapInput<VK, K, W>): Json {
    const pairs: Json[] = [];
    for (const [key, entry] of entries<K, W>(value)) pairs.push([this.#key.encode(key), this.#value.encode(entry)]);
    return ["map", pairs];
  }
  /** A set of keys, which is what a "delete" mutation may name instead of pairs (RFC 7047 section 5.1, <mutation>). */
  encodeKeys(keys: SetInput<K>): Json {
    return ["set", Array.from(keys, (key: K) => this.#key.encode(key))];
  }
  /** The difference of two maps: keys that only one of them has, and the new values of keys that both have. */
  change(old: ReadonlyMap<VK, V>, difference: Json): ReadonlyMap<VK, V> {
    const value = new Map(old);
    for (const [key, entry] of this.decode(difference)) {
      if (value.has(key) && value.get(key) === entry) value.delete(key);
      else value.set(key, entry);
    }
    return value;
  }
  equals(a: ReadonlyMap<VK, V>, b: ReadonlyMap<VK, V>): boolean {
    if (a.size !== b.size) return false;
    for (const [key, entry] of a) if (b.get(key) !== entry || !b.has(key)) return false;
    return true;
  }
}

/** The pairs of a {@link MapInput}; what they are is for the atoms to check. */
function entries<K, W>(value: unknown): Iterable<[K, W]>;
function entries(value: unknown): Iterable<unknown> {
  if (value instanceof Map) return value;
  if (typeof value !== "object" || value === null || value instanceof Set || Array.isArray(value)) {
    throw new ValueError("bad-type", `${excerpt(value)} is not a map`);
  }
  return Object.entries(value);
}

/** Exactly one. */
export function scalar<V, W>(atom: Atom<V, W>): Column<V, W> {
  return new ScalarColumn(atom);
}

/** None or one. */
export function optional<V, W>(atom: Atom<V, W>): Column<V | null, W | null> {
  return new OptionalColumn(atom);
}

/** Any number, each once, in no order. `min` is 1 where the schema wants at least one. */
export function set<V, W>(atom: Atom<V, W>, { min = 0 } = {}): Column<ReadonlySet<V>, SetInput<W>> {
  return new SetColumn(atom, min);
}

export function map<VK, V, K, W>(key: Atom<VK, K>, value: Atom<V, W>): MapColumn<VK, V, K, W> {
  return new MapColumn(key, value);
}

/** What is read from a column. */
export type ReadOf<C> = C extends Column<infer V, infer _W> ? V : never;
/** What may be written to a column. */
export type WriteOf<C> = C extends Column<infer _V, infer W> ? W : never;

/** Columns by name: what a row of a table has. */
export type Columns = Readonly<Record<string, Column<unknown, unknown>>>;
export type RowOf<T extends Columns> = { readonly [C in keyof T]: ReadOf<T[C]> };
export type RowInput<T extends Columns> = { readonly [C in keyof T]?: WriteOf<T[C]> };
