import type { Version } from "@dragonflow/store";

/** An object as this process knows it, with the version that a rewrite must expect. */
export interface Stored<O> {
  readonly object: O;
  readonly version: Version;
}

/** Named ways to look objects up: each gives the keys that one object is found by. */
export type Indexes<O> = Readonly<Record<string, (object: O) => readonly string[]>>;

/** What requests read: the objects of one kind. Lookups by index cost what they return. */
export interface Table<O> {
  get(id: string): O | undefined;
  by(index: string, key: string): readonly O[];
  count(index: string, key: string): number;
  values(): Iterable<O>;
}

type Bucket<O> = Map<string, Stored<O>>;

/** All objects of one kind in memory, by id and by index. */
export class Collection<O extends { readonly id: string }> implements Table<O> {
  readonly #rows: Bucket<O> = new Map();
  readonly #indexes: ReadonlyMap<
    string,
    { readonly keys: (object: O) => readonly string[]; readonly buckets: Map<string, Bucket<O>> }
  >;
  readonly #listeners: ((before: O | undefined, after: O | undefined) => void)[] = [];
  #order: readonly string[] | undefined;

  constructor(indexes: Indexes<O>) {
    this.#indexes = new Map(Object.entries(indexes).map(([name, keys]) => [name, { keys, buckets: new Map() }]));
  }

  get size(): number {
    return this.#rows.size;
  }
  get(id: string): O | undefined {
    return this.#rows.get(id)?.object;
  }
  row(id: string): Stored<O> | undefined {
    return this.#rows.get(id);
  }
  *values(): Iterable<O> {
    for (const row of this.#rows.values()) yield row.object;
  }
  /** Every id in order. Kept until an object comes or goes, so that paging through a cloud sorts it once. */
  ids(): readonly string[] {
    this.#order ??= [...this.#rows.keys()].sort();
    return this.#order;
  }
  isIndexed(index: string): boolean {
    return this.#indexes.has(index);
  }
  by(index: string, key: string): readonly O[] {
    return Array.from(this.#bucket(index, key)?.values() ?? [], (row) => row.object);
  }
  count(index: string, key: string): number {
    return this.#bucket(index, key)?.size ?? 0;
  }
  /** Called for every change, after it was applied. */
  onChange(listener: (before: O | undefined, after: O | undefined) => void): void {
    this.#listeners.push(listener);
  }

  put(row: Stored<O>): void {
    const before = this.#rows.get(row.object.id);
    if (before === undefined) this.#order = undefined;
    this.#rows.set(row.object.id, row);
    this.#reindex(before?.object, row);
    for (const listener of this.#listeners) listener(before?.object, row.object);
  }

  delete(id: string): void {
    const before = this.#rows.get(id);
    if (before === undefined) return;
    this.#order = undefined;
    this.#rows.delete(id);
    this.#reindex(before.object, undefined);
    for (const listener of this.#listeners) listener(before.object, undefined);
  }

  #bucket(index: string, key: string): Bucket<O> | undefined {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new RangeError(`no index ${index}`);
    return found.buckets.get(key);
  }

  #reindex(before: O | undefined, after: Stored<O> | undefined): void {
    for (const { keys, buckets } of this.#indexes.values()) {
      const kept = after === undefined ? [] : keys(after.object);
      for (const key of before === undefined ? [] : keys(before)) {
        if (kept.includes(key)) continue;
        const bucket = buckets.get(key);
        if (before !== undefined) bucket?.delete(before.id);
        if (bucket?.size === 0) buckets.delete(key);
      }
      if (after === undefined) continue;
      for (const key of kept) {
        const bucket = buckets.get(key);
        if (bucket === undefined) buckets.set(key, new Map([[after.object.id, after]]));
        else bucket.set(after.object.id, after);
      }
    }
  }
}
