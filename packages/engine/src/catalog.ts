import { type Index, LOCAL, type SetIndex, type Table } from "./define.ts";
import { type IndexFault, IndexStore, SetIndexStore } from "./indexes.ts";
import type { Partition, Partitions } from "./interest.ts";
import { TableStore, type Upkeep } from "./rows.ts";
import type { Schedule } from "./source.ts";

/** The tables and indexes of one engine. Tables appear when they are first written or read, indexes when they are first read. */
export class Catalog {
  readonly partitions: Partitions;
  readonly #schedule: Schedule;
  readonly #indexFault: IndexFault;
  readonly #layers: ReadonlyMap<Table, number>;
  readonly #stores = new Map<Table, TableStore>();
  readonly #names = new Map<string, Table>();
  readonly #indexes = new Map<Index, IndexStore>();
  readonly #setIndexes = new Map<SetIndex, SetIndexStore>();

  constructor(partitions: Partitions, schedule: Schedule, layers: ReadonlyMap<Table, number>, indexFault: IndexFault) {
    this.partitions = partitions;
    this.#schedule = schedule;
    this.#layers = layers;
    this.#indexFault = indexFault;
  }
  get stores(): Iterable<TableStore> {
    return this.#stores.values();
  }
  get indexes(): Iterable<IndexStore> {
    return this.#indexes.values();
  }
  get setIndexes(): Iterable<SetIndexStore> {
    return this.#setIndexes.values();
  }
  store(table: Table): TableStore {
    let store = this.#stores.get(table);
    if (store === undefined) {
      const namesake = this.#names.get(table.name);
      if (namesake !== undefined) throw new RangeError(`two tables are named ${table.name}`);
      this.#names.set(table.name, table);
      store = new TableStore(table, this.#layers.get(table) ?? 0, this.#schedule);
      this.#stores.set(table, store);
    }
    return store;
  }
  get local(): Partition {
    return this.partitions.get(LOCAL);
  }
  index(index: Index): IndexStore {
    let store = this.#indexes.get(index);
    if (store === undefined) {
      store = new IndexStore(index, this.#schedule, this.#indexFault);
      this.#indexes.set(index, store);
      this.#fill(index.table, store);
    }
    return store;
  }
  setIndex(index: SetIndex): SetIndexStore {
    let store = this.#setIndexes.get(index);
    if (store === undefined) {
      store = new SetIndexStore(index, this.#schedule, this.#indexFault);
      this.#setIndexes.set(index, store);
      this.#fill(index.table, store);
    }
    return store;
  }
  #fill(table: Table, upkeep: Upkeep): void {
    const store = this.store(table);
    store.upkeep.push(upkeep);
    for (const shelf of store.shelves.values()) {
      for (const cell of shelf.cells.values()) upkeep.update(cell, undefined, cell.row);
    }
  }
}
