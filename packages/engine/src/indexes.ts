import type { Index, Membership, Row, SetIndex } from "./define.ts";
import type { Partition } from "./interest.ts";
import { byId, type Cell, type Upkeep } from "./rows.ts";
import { type Schedule, SettledSource, Source } from "./source.ts";

/** Told of a key function that threw: the row is then under no key. `error` undefined: it is well again. */
export type IndexFault = (index: string, cell: Cell, error: { readonly thrown: unknown } | undefined) => void;

/** Entries by key, by partition; empty ones are forgotten. */
class Keyed<B extends { readonly key: string; readonly partition: Partition }> {
  readonly #shelves = new Map<Partition, Map<string, B>>();
  readonly #make: (partition: Partition, key: string) => B;

  constructor(make: (partition: Partition, key: string) => B) {
    this.#make = make;
  }
  get size(): number {
    let size = 0;
    for (const shelf of this.#shelves.values()) size += shelf.size;
    return size;
  }
  *all(): Generator<B> {
    for (const shelf of this.#shelves.values()) yield* shelf.values();
  }
  get(partition: Partition, key: string): B {
    let shelf = this.#shelves.get(partition);
    if (shelf === undefined) {
      shelf = new Map();
      this.#shelves.set(partition, shelf);
      partition.holders++;
    }
    let entry = shelf.get(key);
    if (entry === undefined) {
      entry = this.#make(partition, key);
      shelf.set(key, entry);
    }
    return entry;
  }
  drop(entry: B): void {
    const shelf = this.#shelves.get(entry.partition);
    if (shelf === undefined || !shelf.delete(entry.key) || shelf.size > 0) return;
    this.#shelves.delete(entry.partition);
    entry.partition.holders--;
    entry.partition.prune();
  }
}

const NO_ROWS: readonly Row[] = [];

/** A number or a flag about the rows under a key. */
class Measure extends SettledSource {
  readonly #read: () => number;
  readonly #unread: () => void;
  value: number;
  constructor(read: () => number, unread: () => void) {
    super();
    this.#read = read;
    this.#unread = unread;
    this.value = read();
  }
  override settle(): boolean {
    const now = this.#read();
    if (now === this.value) return false;
    this.value = now;
    return true;
  }
  override unread(): void {
    this.#unread();
  }
}

/** The rows under one key. As a source: membership and rows. */
export class Bucket extends Source {
  readonly partition: Partition;
  readonly key: string;
  /** Most keys have one row: that is no set. */
  #cells: Cell | Set<Cell> | undefined = undefined;
  /** Of several. */
  #rows: readonly Row[] | undefined = undefined;
  #count: Measure | undefined = undefined;
  #any: Measure | undefined = undefined;
  readonly #index: IndexStore;

  constructor(index: IndexStore, partition: Partition, key: string) {
    super();
    this.#index = index;
    this.partition = partition;
    this.key = key;
  }
  get size(): number {
    if (this.#cells === undefined) return 0;
    return this.#cells instanceof Set ? this.#cells.size : 1;
  }
  get cells(): Iterable<Cell> {
    if (this.#cells === undefined) return [];
    return this.#cells instanceof Set ? this.#cells : [this.#cells];
  }
  add(cell: Cell): void {
    const now = this.#cells;
    if (now === undefined) this.#cells = cell;
    else if (now instanceof Set) now.add(cell);
    else if (now !== cell) this.#cells = new Set([now, cell]);
  }
  delete(cell: Cell): void {
    const now = this.#cells;
    if (now === cell) this.#cells = undefined;
    else if (now instanceof Set) {
      now.delete(cell);
      if (now.size <= 1) [this.#cells] = now;
    }
  }
  get rows(): readonly Row[] {
    const cells = this.#cells;
    if (cells === undefined) return NO_ROWS;
    if (!(cells instanceof Set)) return cells.row === undefined ? NO_ROWS : [cells.row];
    this.#rows ??= Array.from(cells)
      .flatMap(({ row }) => row ?? [])
      .sort(byId);
    return this.#rows;
  }
  count(): Measure {
    this.#count ??= new Measure(
      () => this.size,
      () => {
        this.#count = undefined;
        this.prune();
      },
    );
    return this.#count;
  }
  any(): Measure {
    this.#any ??= new Measure(
      () => Math.min(this.size, 1),
      () => {
        this.#any = undefined;
        this.prune();
      },
    );
    return this.#any;
  }
  rowChanged(schedule: Schedule): void {
    this.#rows = undefined;
    schedule.wake(this);
  }
  membersChanged(schedule: Schedule): void {
    this.rowChanged(schedule);
    if (this.#count !== undefined) schedule.touch(this.#count);
    if (this.#any !== undefined) schedule.touch(this.#any);
    this.prune();
  }
  override unread(): void {
    this.#rows = undefined;
    this.prune();
  }
  prune(): void {
    if (this.size > 0 || this.isRead || this.#count !== undefined || this.#any !== undefined) return;
    this.#index.buckets.drop(this);
  }
}

export class IndexStore implements Upkeep {
  readonly index: Index;
  readonly buckets = new Keyed<Bucket>((partition, key) => new Bucket(this, partition, key));
  readonly #schedule: Schedule;
  readonly #fault: IndexFault;

  constructor(index: Index, schedule: Schedule, fault: IndexFault) {
    this.index = index;
    this.#schedule = schedule;
    this.#fault = fault;
  }
  update(cell: Cell, before: Row | undefined, after: Row | undefined): void {
    const keysOf = (row: Row): readonly string[] => [...new Set(this.index.keys(row))];
    const { result: old } = attempt(before, keysOf);
    const { result: now, error } = attempt(after, keysOf);
    this.#fault(this.index.name, cell, error);
    const partition = cell.shelf.partition;
    for (const key of old) {
      const bucket = this.buckets.get(partition, key);
      if (now.includes(key)) bucket.rowChanged(this.#schedule);
      else {
        bucket.delete(cell);
        bucket.membersChanged(this.#schedule);
      }
    }
    for (const key of now) {
      if (old.includes(key)) continue;
      const bucket = this.buckets.get(partition, key);
      bucket.add(cell);
      bucket.membersChanged(this.#schedule);
    }
  }
}

/** One set: its members, and how many rows hold each. As a source: the set of members. */
export class MemberSet extends SettledSource {
  readonly partition: Partition;
  readonly key: string;
  readonly counts = new Map<string, number>();
  #members: readonly string[] | undefined = undefined;
  readonly #index: SetIndexStore;

  constructor(index: SetIndexStore, partition: Partition, key: string) {
    super();
    this.#index = index;
    this.partition = partition;
    this.key = key;
  }
  /** As of the last settled step. */
  get members(): readonly string[] {
    this.#members ??= [...this.counts.keys()].sort();
    return this.#members;
  }
  add(member: string, by: 1 | -1, schedule: Schedule): void {
    const count = (this.counts.get(member) ?? 0) + by;
    if (count > 0) this.counts.set(member, count);
    else this.counts.delete(member);
    if (count === 0 || (count === 1 && by === 1)) {
      if (this.isRead) schedule.touch(this);
      else this.#members = undefined;
    }
    if (count === 0) this.prune();
  }
  override settle(): boolean {
    const before = this.#members;
    const now = [...this.counts.keys()].sort();
    if (before !== undefined && before.length === now.length && before.every((member, i) => member === now[i]))
      return false;
    this.#members = now;
    return true;
  }
  override unread(): void {
    this.prune();
  }
  prune(): void {
    if (this.counts.size === 0 && !this.isRead) this.#index.sets.drop(this);
  }
}

export class SetIndexStore implements Upkeep {
  readonly index: SetIndex;
  readonly sets = new Keyed<MemberSet>((partition, key) => new MemberSet(this, partition, key));
  readonly #schedule: Schedule;
  readonly #fault: IndexFault;

  constructor(index: SetIndex, schedule: Schedule, fault: IndexFault) {
    this.index = index;
    this.#schedule = schedule;
    this.#fault = fault;
  }
  update(cell: Cell, before: Row | undefined, after: Row | undefined): void {
    const membershipsOf = (row: Row): readonly Membership[] => this.index.memberships(row);
    const { result: old } = attempt(before, membershipsOf);
    const { result: now, error } = attempt(after, membershipsOf);
    this.#fault(this.index.name, cell, error);
    const partition = cell.shelf.partition;
    for (const { key, member } of now) this.sets.get(partition, key).add(member, 1, this.#schedule);
    for (const { key, member } of old) this.sets.get(partition, key).add(member, -1, this.#schedule);
  }
}

/** What a row is indexed under: nothing if there is no row, or if the index's function throws on it. */
export function attempt<R>(row: Row | undefined, entriesOf: (row: Row) => readonly R[]): Attempt<R> {
  if (row === undefined) return { result: [], error: undefined };
  try {
    return { result: [...entriesOf(row)], error: undefined };
  } catch (thrown) {
    return { result: [], error: { thrown } };
  }
}
interface Attempt<R> {
  readonly result: readonly R[];
  readonly error: { readonly thrown: unknown } | undefined;
}
