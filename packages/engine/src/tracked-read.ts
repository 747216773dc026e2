import type { Catalog } from "./catalog.ts";
import { type Index, LOCAL, type Read, type Row, type SetIndex, type Table } from "./define.ts";
import type { Partition } from "./interest.ts";
import type { TableStore } from "./rows.ts";
import type { Source } from "./source.ts";

/** A view read a table that is not below it. */
export class LayerError extends Error {
  override readonly name = "LayerError";
}

/** What one run looked at. */
export interface Reads {
  readonly sources: readonly Source[];
  /** Partitions other than {@link LOCAL}, each once. */
  readonly reach: readonly Partition[];
  /** A partition was not current: the result is void. */
  readonly pending: boolean;
}

const NOTHING: readonly never[] = [];

/** A copy of exact size. One partition has a list of itself already, and most units reach no further. */
function listOf(reach: readonly Partition[]): readonly Partition[] {
  const [first] = reach;
  if (first === undefined) return NOTHING;
  return reach.length === 1 ? first.alone : reach.slice();
}

/** The {@link Read} that compile functions are given: one object, which notes what the unit that is running looks at. */
export class TrackedRead implements Read {
  readonly #catalog: Catalog;
  #run = 0;
  #running = false;
  #layer = 0;
  #pending = false;
  /** Grown and emptied again and again: what a unit keeps are copies of exact size. */
  readonly #sources: Source[] = [];
  readonly #reach: Partition[] = [];
  #last: Partition | undefined = undefined;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }
  /** Number of the current or last run: sources that it read carry it. */
  get run(): number {
    return this.#run;
  }
  /** @param layer of the view that runs; a unit is above all. */
  begin(layer: number): void {
    this.#run++;
    this.#running = true;
    this.#layer = layer;
    this.#pending = false;
    this.#sources.length = 0;
    this.#reach.length = 0;
    this.#last = undefined;
  }
  end(): Reads {
    this.#running = false;
    this.#last = undefined;
    return {
      sources: this.#sources.length === 0 ? NOTHING : this.#sources.slice(),
      reach: listOf(this.#reach),
      pending: this.#pending,
    };
  }
  /** The reads of a unit that does not even run, because its own row's partition is not current. */
  waitFor(partition: Partition): Reads {
    this.#run++;
    partition.lastRun = this.#run;
    return { sources: [partition], reach: NOTHING, pending: true };
  }

  row<T extends Row>(table: Table<T>, partition: string, id: string): T | undefined {
    const store = this.#store(table);
    const at = this.#enter(partition);
    if (at === undefined) return undefined;
    const cell = store.shelf(at).cell(id);
    this.#note(cell);
    return rowOf(table, cell.row);
  }
  pick<T extends Row, K extends keyof T & string>(
    table: Table<T>,
    partition: string,
    id: string,
    fields: readonly K[],
  ): Pick<T, K> | undefined {
    const store = this.#store(table);
    const at = this.#enter(partition);
    if (at === undefined) return undefined;
    const picked = store.shelf(at).cell(id).pick(fields);
    this.#note(picked);
    return fieldsOf(table, fields, picked.value);
  }
  has(table: Table, partition: string, id: string): boolean {
    const store = this.#store(table);
    const at = this.#enter(partition);
    if (at === undefined) return false;
    const cell = store.shelf(at).cell(id);
    this.#note(cell.present());
    return cell.row !== undefined;
  }
  rows<T extends Row>(table: Table<T>, partition: string): readonly T[] {
    const store = this.#store(table);
    const at = this.#enter(partition);
    if (at === undefined) return NOTHING;
    const listing = store.shelf(at).list();
    this.#note(listing);
    return rowsOf(table, listing.rows);
  }
  by<T extends Row>(index: Index<T>, partition: string, key: string): readonly T[] {
    this.#store(index.table);
    const at = this.#enter(partition);
    if (at === undefined) return NOTHING;
    const bucket = this.#catalog.index(index).buckets.get(at, key);
    this.#note(bucket);
    return rowsOf(index.table, bucket.rows);
  }
  hasAny(index: Index, partition: string, key: string): boolean {
    this.#store(index.table);
    const at = this.#enter(partition);
    if (at === undefined) return false;
    const any = this.#catalog.index(index).buckets.get(at, key).any();
    this.#note(any);
    return any.value > 0;
  }
  count(index: Index, partition: string, key: string): number {
    this.#store(index.table);
    const at = this.#enter(partition);
    if (at === undefined) return 0;
    const count = this.#catalog.index(index).buckets.get(at, key).count();
    this.#note(count);
    return count.value;
  }
  set(index: SetIndex, partition: string, key: string): readonly string[] {
    this.#store(index.table);
    const at = this.#enter(partition);
    if (at === undefined) return NOTHING;
    const set = this.#catalog.setIndex(index).sets.get(at, key);
    this.#note(set);
    return set.members;
  }

  #store(table: Table): TableStore {
    if (!this.#running) throw new Error("read outside of the compile function that it was given to");
    const store = this.#catalog.store(table);
    if (store.layer >= this.#layer) {
      throw new LayerError(
        `a view of layer ${this.#layer} reads ${table.name}, which is derived in layer ${store.layer}`,
      );
    }
    return store;
  }
  /** The partition if it is current; notes it as reached, and as waited for otherwise. */
  #enter(name: string): Partition | undefined {
    let partition = this.#last;
    if (partition === undefined || partition.name !== name) {
      partition = this.#catalog.partitions.get(name);
      this.#last = partition;
      if (partition.lastReach !== this.#run && name !== LOCAL) {
        partition.lastReach = this.#run;
        this.#reach.push(partition);
      }
    }
    if (partition.state === "current") return partition;
    this.#pending = true;
    this.#note(partition);
    return undefined;
  }
  #note(source: Source): void {
    if (source.lastRun === this.#run) return;
    source.lastRun = this.#run;
    this.#sources.push(source);
  }
}

// The only way into Table<T> is a RowChange or a view made for that table, so its rows are T. The compiler cannot know: these three say so.
function rowOf<T extends Row>(_table: Table<T>, row: Row | undefined): T | undefined {
  return row as T | undefined;
}
function rowsOf<T extends Row>(_table: Table<T>, rows: readonly Row[]): readonly T[] {
  return rows as readonly T[];
}
function fieldsOf<T extends Row, K extends keyof T>(
  _table: Table<T>,
  _fields: readonly K[],
  value: Readonly<Record<string, unknown>> | undefined,
): Pick<T, K> | undefined {
  return value as Pick<T, K> | undefined;
}
