import type { Row, Table } from "./define.ts";
import { equal, field } from "./equal.ts";
import type { Partition } from "./interest.ts";
import { type Runnable, type Schedule, Source } from "./source.ts";

export const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

/** Makes the unit that is anchored on a row. */
export interface Anchoring {
  anchor(cell: Cell): Runnable;
}
/** Follows the rows of a table: an index. */
export interface Upkeep {
  update(cell: Cell, before: Row | undefined, after: Row | undefined): void;
}

/** The place of one row, whether it exists or is only read. As a source: the row as a whole. */
export class Cell extends Source {
  readonly id: string;
  readonly shelf: Shelf;
  row: Row | undefined = undefined;
  presence: Presence | undefined = undefined;
  picks: readonly Picked[] = NO_PICKS;
  units: readonly Runnable[] = NO_UNITS;
  /** Partitions whose rows this one derives from; a base row: its own. */
  homes: readonly Partition[];

  constructor(shelf: Shelf, id: string) {
    super();
    this.shelf = shelf;
    this.id = id;
    this.homes = shelf.partition.alone;
  }
  override unread(): void {
    this.prune();
  }
  prune(): void {
    if (this.row !== undefined || this.units.length > 0 || this.isRead) return;
    if (this.presence === undefined && this.picks.length === 0) this.shelf.drop(this);
  }
  /** A unit of this row is gone. */
  release(unit: Runnable): void {
    this.units = this.units.filter((other) => other !== unit);
    this.prune();
  }
  present(): Presence {
    this.presence ??= new Presence(this);
    return this.presence;
  }
  pick(fields: readonly string[]): Picked {
    for (const known of this.picks) if (equal(known.fields, fields)) return known;
    const made = new Picked(this, [...fields]);
    this.picks = [...this.picks, made];
    return made;
  }
}
const NO_PICKS: readonly Picked[] = [];
const NO_UNITS: readonly Runnable[] = [];

/** That a row exists. */
class Presence extends Source {
  readonly #cell: Cell;
  constructor(cell: Cell) {
    super();
    this.#cell = cell;
  }
  override unread(): void {
    this.#cell.presence = undefined;
    this.#cell.prune();
  }
}

/** Some fields of a row. */
export class Picked extends Source {
  readonly fields: readonly string[];
  readonly #cell: Cell;
  #value: Readonly<Record<string, unknown>> | undefined;

  constructor(cell: Cell, fields: readonly string[]) {
    super();
    this.#cell = cell;
    this.fields = fields;
    this.#value = this.#take();
  }
  get value(): Readonly<Record<string, unknown>> | undefined {
    return this.#value;
  }
  #take(): Readonly<Record<string, unknown>> | undefined {
    const row = this.#cell.row;
    if (row === undefined) return undefined;
    const picked: Record<string, unknown> = {};
    for (const name of this.fields) if (Object.hasOwn(row, name)) picked[name] = field(row, name);
    return picked;
  }
  /** Whether the new row differs in these fields. */
  refresh(): boolean {
    const now = this.#take();
    if (equal(this.#value, now)) return false;
    this.#value = now;
    return true;
  }
  override unread(): void {
    this.#cell.picks = this.#cell.picks.filter((other) => other !== this);
    this.#cell.prune();
  }
}

/** All rows of a table in one partition, in id order. */
class Listing extends Source {
  readonly #shelf: Shelf;
  #rows: readonly Row[] | undefined = undefined;
  constructor(shelf: Shelf) {
    super();
    this.#shelf = shelf;
  }
  get rows(): readonly Row[] {
    this.#rows ??= [...this.#shelf.rows()].sort(byId);
    return this.#rows;
  }
  changed(): void {
    this.#rows = undefined;
  }
  override unread(): void {
    this.#shelf.listing = undefined;
    this.#shelf.prune();
  }
}

/** What one table holds of one partition. */
export class Shelf {
  readonly store: TableStore;
  readonly partition: Partition;
  readonly cells = new Map<string, Cell>();
  listing: Listing | undefined = undefined;

  constructor(store: TableStore, partition: Partition) {
    this.store = store;
    this.partition = partition;
  }
  cell(id: string): Cell {
    let cell = this.cells.get(id);
    if (cell === undefined) {
      cell = new Cell(this, id);
      this.cells.set(id, cell);
    }
    return cell;
  }
  *rows(): Generator<Row> {
    for (const cell of this.cells.values()) if (cell.row !== undefined) yield cell.row;
  }
  list(): Listing {
    this.listing ??= new Listing(this);
    return this.listing;
  }
  drop(cell: Cell): void {
    this.cells.delete(cell.id);
    this.prune();
  }
  prune(): void {
    if (this.cells.size === 0 && this.listing === undefined) this.store.drop(this);
  }
}

/** One table in one engine. */
export class TableStore {
  readonly table: Table;
  /** 0 for base tables, else the layer of the views that derive the rows. */
  readonly layer: number;
  readonly shelves = new Map<Partition, Shelf>();
  readonly anchorings: Anchoring[] = [];
  readonly upkeep: Upkeep[] = [];
  readonly #schedule: Schedule;

  constructor(table: Table, layer: number, schedule: Schedule) {
    this.table = table;
    this.layer = layer;
    this.#schedule = schedule;
  }
  shelf(partition: Partition): Shelf {
    let shelf = this.shelves.get(partition);
    if (shelf === undefined) {
      shelf = new Shelf(this, partition);
      this.shelves.set(partition, shelf);
      partition.holders++;
    }
    return shelf;
  }
  drop(shelf: Shelf): void {
    if (!this.shelves.delete(shelf.partition)) return;
    shelf.partition.holders--;
    shelf.partition.prune();
  }
  /** Puts or removes a row, and schedules whoever looked at what differs. A deeply equal row changes nothing. */
  write(cell: Cell, row: Row | undefined): void {
    const before = cell.row;
    if (equal(before, row)) {
      cell.prune();
      return;
    }
    const schedule = this.#schedule;
    cell.row = row;
    schedule.wake(cell);
    for (const picked of cell.picks) if (picked.refresh()) schedule.wake(picked);
    if (cell.presence !== undefined && (before === undefined) !== (row === undefined)) schedule.wake(cell.presence);
    const listing = cell.shelf.listing;
    if (listing !== undefined) {
      listing.changed();
      schedule.wake(listing);
    }
    for (const index of this.upkeep) index.update(cell, before, row);
    if (cell.units.length === 0 && row !== undefined && this.anchorings.length > 0) {
      cell.units = this.anchorings.map((anchoring) => anchoring.anchor(cell));
    }
    this.wakeUnits(cell);
    cell.prune();
  }
  wakeUnits(cell: Cell): void {
    for (const unit of cell.units) this.#schedule.add(unit);
  }
}
