/** Named ways to look objects up: each gives the keys that one object is found by. */
export type Indexes<O> = Readonly<Record<string, (object: O) => readonly string[]>>;

/** What requests read: the objects of one kind. Lookups by index cost what they return. */
export interface Table<O> {
  get(id: string): O | undefined;
  by(index: string, key: string): readonly O[];
  count(index: string, key: string): number;
  values(): Iterable<O>;
}

type Bucket<O> = Map<string, O>;

/** All objects of one kind in memory, by id and by index. */
export class Collection<O extends { readonly id: string }> implements Table<O> {
  readonly #objects: Bucket<O> = new Map();
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
    return this.#objects.size;
  }
  get(id: string): O | undefined {
    return this.#objects.get(id);
  }
  values(): Iterable<O> {
    return this.#objects.values();
  }
  /** Every id in order. Kept until an object comes or goes, so that paging through a cloud sorts it once. */
  ids(): readonly string[] {
    this.#order ??= [...this.#objects.keys()].sort();
    return this.#order;
  }
  isIndexed(index: string): boolean {
    return this.#indexes.has(index);
  }
  by(index: string, key: string): readonly O[] {
    return [...(this.#bucket(index, key)?.values() ?? [])];
  }
  count(index: string, key: string): number {
    return this.#bucket(index, key)?.size ?? 0;
  }
  /** Called for every change, after it was applied. */
  onChange(listener: (before: O | undefined, after: O | undefined) => void): void {
    this.#listeners.push(listener);
  }

  put(object: O): void {
    const before = this.#objects.get(object.id);
    if (before === undefined) this.#order = undefined;
    this.#objects.set(object.id, object);
    this.#reindex(before, object);
    for (const listener of this.#listeners) listener(before, object);
  }

  delete(id: string): void {
    const before = this.#objects.get(id);
    if (before === undefined) return;
    this.#order = undefined;
    this.#objects.delete(id);
    this.#reindex(before, undefined);
    for (const listener of this.#listeners) listener(before, undefined);
  }

  #bucket(index: string, key: string): Bucket<O> | undefined {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new RangeError(`no index ${index}`);
    return found.buckets.get(key);
  }

  #reindex(before: O | undefined, after: O | undefined): void {
    for (const { keys, buckets } of this.#indexes.values()) {
      const kept = after === undefined ? [] : keys(after);
      for (const key of before === undefined ? [] : keys(before)) {
        if (before === undefined || kept.includes(key)) continue;
        const bucket = buckets.get(key);
        bucket?.delete(before.id);
        if (bucket?.size === 0) buckets.delete(key);
      }
      if (after === undefined) continue;
      for (const key of kept) {
        const bucket = buckets.get(key);
        if (bucket === undefined) buckets.set(key, new Map([[after.id, after]]));
        else bucket.set(after.id, after);
      }
    }
  }
}
