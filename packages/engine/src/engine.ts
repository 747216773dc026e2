import { type AuditDifference, auditWalk } from "./audit.ts";
import { Catalog } from "./catalog.ts";
import { compareOwners, compareText } from "./claims.ts";
import { type App, LOCAL, type Owner, type PartitionChange, type RowChange, type Row, type Table } from "./define.ts";
import type { Derivation } from "./derived.ts";
import { type InterestChange, Partitions } from "./interest.ts";
import { planLayers, wireUnits } from "./wiring.ts";
import type { Cell } from "./rows.ts";
import { type Conflict, type Merging, type Settled, Slots } from "./slots.ts";
import { Schedule } from "./source.ts";
import { TrackedRead } from "./tracked-read.ts";
import type { Fault, UnitContext } from "./unit-state.ts";

export interface EngineOptions<O> {
  readonly apps: readonly App<O>[];
  readonly output: Merging<O>;
  /** Partitions that are wanted whether or not a unit reads them: where interest starts. {@link LOCAL} is one anyway. */
  readonly roots: (partition: string) => boolean;
}

/** What one batch changed, net. Applied to the outputs before it, it gives the outputs after it. */
export interface Delta<O> {
  /** New and changed outputs. */
  readonly set: ReadonlyMap<string, O>;
  /** Outputs that are gone, with their last value. */
  readonly removed: ReadonlyMap<string, O>;
  /** Conflicts that came, changed or went (`now` undefined). */
  readonly conflicts: readonly ConflictChange[];
  /** Units that failed in this batch. */
  readonly faults: readonly Fault[];
  readonly interest: InterestChange;
  readonly unitsRun: number;
}

export interface ConflictChange {
  readonly before: Conflict | undefined;
  readonly now: Conflict | undefined;
}
const subjectOf = ({ before, now }: ConflictChange): string => now?.key ?? before?.key ?? "";

/** A unit that waits for partitions, and keeps the output that it had. */
export interface PendingUnit {
  readonly owner: Owner;
  readonly waitsFor: readonly string[];
}

/** How much an engine holds. Without rows and with all partitions dropped, everything is 0. */
export interface EngineSize {
  /** Rows, and places of rows that are only read. */
  readonly cells: number;
  readonly units: number;
  readonly outputs: number;
  /** Keys of indexes and set indexes. */
  readonly indexKeys: number;
  /** Without the local one. */
  readonly partitions: number;
}

/**
 * Compiles rows to outputs, and keeps the outputs equal to what a compile from scratch would give while rows change: a unit runs again only when
 * something that it read has changed. Output depends on the current rows only, never on the order in which they came.
 */
export class Engine<O> {
  readonly #schedule: Schedule;
  readonly #partitions: Partitions;
  readonly #catalog: Catalog;
  readonly #context: UnitContext;
  readonly #outputs: Slots<O>;
  readonly #layers: readonly (readonly Derivation[])[];
  readonly #derived: ReadonlyMap<Table, number>;
  readonly #indexFaults = new Map<string, Fault>();
  /** Compile functions may be running. */
  #busy = false;
  #audit: Generator<readonly AuditDifference[]> | undefined = undefined;

  /** @throws {RangeError} when layers, targets or names of the apps contradict each other. */
  constructor(options: EngineOptions<O>) {
    const plan = planLayers(options.apps);
    this.#derived = plan.layerOf;
    this.#schedule = new Schedule(plan.layers.length + 1);
    this.#partitions = new Partitions(options.roots);
    this.#partitions.get(LOCAL);
    this.#catalog = new Catalog(this.#partitions, this.#schedule, plan.layerOf, (index, cell, error) =>
      this.#indexFault(index, cell, error),
    );
    this.#context = {
      read: new TrackedRead(this.#catalog),
      faulty: new Map(),
      waiting: new Set(),
      failed: [],
      ran: 0,
      units: 0,
    };
    this.#outputs = new Slots(options.output);
    this.#layers = wireUnits(options.apps, plan, this.#catalog, this.#outputs, this.#context);
  }

  /**
   * Takes one batch of changes (of one row, the last counts) and brings the outputs up to date. Nothing is applied if it throws.
   * @throws {RangeError} for a change of a derived table, a row under another id than its own, or a state of {@link LOCAL}.
   */
  apply(changes: readonly RowChange[], partitions: readonly PartitionChange[] = []): Delta<O> {
    this.#refuse(changes, partitions);
    return this.#alone(() => {
      const ranBefore = this.#context.ran;
      this.#context.failed = [];
      this.#write(changes, partitions);
      const set = new Map<string, O>();
      const removed = new Map<string, O>();
      const conflicts: ConflictChange[] = [];
      const noteConflict = ({ slot, conflictBefore }: Settled<unknown>): void => {
        if (conflictBefore === undefined && slot.conflict === undefined) return;
        conflicts.push({ before: conflictBefore, now: slot.conflict });
      };
      this.#layers.forEach((derivations, layer) => {
        this.#runLayer(layer);
        for (const derivation of derivations) derivation.settle(noteConflict);
      });
      this.#runLayer(this.#layers.length);
      this.#outputs.settle((settled) => {
        const { slot, before, changed } = settled;
        noteConflict(settled);
        if (!changed) return;
        if (slot.value !== undefined) set.set(slot.key, slot.value);
        else if (before !== undefined) removed.set(slot.key, before);
      });
      return {
        set,
        removed,
        conflicts: conflicts.sort((a, b) => compareText(subjectOf(a), subjectOf(b))),
        faults: this.#context.failed,
        interest: this.#partitions.sweep(),
        unitsRun: this.#context.ran - ranBefore,
      };
    });
  }

  *outputs(): Generator<readonly [string, O]> {
    for (const { key, value } of this.#outputs.all) if (value !== undefined) yield [key, value];
  }
  output(key: string): O | undefined {
    return this.#outputs.find(key)?.value;
  }
  /** Who claims an output, also where the claims are in conflict; in canonical order. */
  ownersOf(key: string): readonly Owner[] {
    return this.#outputs.find(key)?.owners() ?? [];
  }
  conflicts(): readonly Conflict[] {
    return [
      ...this.#layers.flatMap((layer) => layer.flatMap((view) => view.conflicts())),
      ...this.#outputs.conflicts(),
    ];
  }
  faults(): readonly Fault[] {
    const faults = [...this.#context.faulty.values(), ...this.#indexFaults.values()];
    return faults.sort((a, b) => compareOwners(a.owner, b.owner));
  }
  /** Partitions that units want, roots not included. */
  interest(): ReadonlySet<string> {
    return this.#partitions.interest;
  }
  pendingUnits(): readonly PendingUnit[] {
    return Array.from(this.#context.waiting, (unit) => ({
      owner: { app: unit.app, table: unit.table, partition: unit.partition, id: unit.id },
      waitsFor: unit.waitsFor,
    }));
  }
  /** One row as it is now. */
  row<T extends Row>(table: Table<T>, partition: string, id: string): Row | undefined {
    const at = this.#partitions.find(partition);
    return at && this.#catalog.store(table).shelves.get(at)?.cells.get(id)?.row;
  }
  /** The rows of a table as they are now, derived ones included. */
  *rows(table: Table): Generator<readonly [partition: string, row: Row]> {
    for (const shelf of this.#catalog.store(table).shelves.values()) {
      for (const row of shelf.rows()) yield [shelf.partition.name, row];
    }
  }

  /**
   * Compares what the engine holds with what a compile from scratch over the current rows gives, and returns the differences: none, unless a compile
   * function is not pure (or the engine is wrong). A running controller does it `limit` units at a time: each call goes on where the last one ended.
   */
  audit(limit = Number.POSITIVE_INFINITY): readonly AuditDifference[] {
    return this.#alone(() => {
      const differences: AuditDifference[] = [];
      for (let n = 0; n < limit; n++) {
        this.#audit ??= auditWalk(this.#catalog, [...this.#layers.flat(), this.#outputs]);
        const step = this.#audit.next();
        if (step.done === true) {
          this.#audit = undefined;
          break;
        }
        differences.push(...step.value);
      }
      return differences;
    });
  }
  size(): EngineSize {
    let cells = 0;
    let indexKeys = 0;
    for (const store of this.#catalog.stores) for (const shelf of store.shelves.values()) cells += shelf.cells.size;
    for (const index of this.#catalog.indexes) indexKeys += index.buckets.size;
    for (const index of this.#catalog.setIndexes) indexKeys += index.sets.size;
    return {
      cells,
      units: this.#context.units,
      outputs: this.#outputs.size,
      indexKeys,
      partitions: this.#partitions.size - 1,
    };
  }

  #alone<R>(work: () => R): R {
    if (this.#busy) throw new Error("the engine is called by something that it runs");
    this.#busy = true;
    try {
      return work();
    } finally {
      this.#busy = false;
    }
  }
  #refuse(changes: readonly RowChange[], partitions: readonly PartitionChange[]): void {
    for (const { table, id, row } of changes) {
      this.#catalog.store(table);
      if (this.#derived.has(table)) throw new RangeError(`rows of ${table.name} are derived, they cannot be put`);
      if (row !== undefined && row.id !== id) throw new RangeError(`row ${row.id} of ${table.name} is put as ${id}`);
    }
    if (partitions.some(({ partition }) => partition === LOCAL)) throw new RangeError("local rows are always current");
  }
  #write(changes: readonly RowChange[], partitions: readonly PartitionChange[]): void {
    const rows = new Map<Cell, Row | undefined>();
    for (const { table, partition, id, row } of changes) {
      rows.set(this.#catalog.store(table).shelf(this.#partitions.get(partition)).cell(id), row);
    }
    for (const change of partitions) {
      const partition = this.#partitions.get(change.partition);
      if (change.state === "dropped") {
        partition.state = "absent";
        for (const store of this.#catalog.stores) {
          for (const cell of store.shelves.get(partition)?.cells.values() ?? []) rows.set(cell, undefined);
        }
      } else {
        partition.state = change.state;
      }
      // Those who wait run again, and find out whether they still have to. A row that went while the partition was pending goes now.
      if (change.state !== "pending") this.#schedule.wake(partition);
      partition.prune();
    }
    for (const [cell, row] of rows) cell.shelf.store.write(cell, row);
  }
  #runLayer(layer: number): void {
    for (const unit of this.#schedule.take(layer)) unit.run();
  }
  #indexFault(index: string, cell: Cell, error: { readonly thrown: unknown } | undefined): void {
    if (error === undefined && this.#indexFaults.size === 0) return;
    const { store, partition } = cell.shelf;
    const owner = { app: `index ${index}`, table: store.table.name, partition: partition.name, id: cell.id };
    const key = JSON.stringify([index, owner.table, owner.partition, owner.id]);
    if (error === undefined) this.#indexFaults.delete(key);
    else {
      const fault = { owner, error: error.thrown };
      this.#indexFaults.set(key, fault);
      this.#context.failed.push(fault);
    }
  }
}
