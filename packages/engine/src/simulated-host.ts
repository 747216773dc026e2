import { type App, LOCAL, type PartitionChange, removeRow, type RowChange } from "./define.ts";
import { type Delta, Engine } from "./engine.ts";
import { equal } from "./equal.ts";
import type { Merging } from "./slots.ts";

/** All rows that there are, everywhere: made with `putRow`. */
export type State = readonly RowChange[];

export interface HostOptions<O> {
  readonly output: Merging<O>;
  /** As for the engine; the default delivers everything. */
  readonly roots?: (partition: string) => boolean;
}

/** How the difference between two states arrives. */
export interface Arrival {
  readonly rows: "in-order" | "reversed";
  /** `pending-first`: each partition that changes or is new is pending while its rows come one by one, and current at the end. */
  readonly partitions: "at-once" | "pending-first";
  /** `lingering`: partitions that are no longer wanted stay until everything else has arrived. */
  readonly leaving: "at-once" | "lingering";
}
export const AT_ONCE: Arrival = { rows: "in-order", partitions: "at-once", leaving: "at-once" };

/** More rounds of "subscribe to what is wanted" than any sound app needs: each must reach at least one partition further from the roots. */
const ROUNDS = 100;

const rowKey = ({ table, partition, id }: RowChange): string => JSON.stringify([table.name, partition, id]);

/** A mistake of an app, found by one of the checks. */
export class CheckError extends Error {
  override readonly name = "CheckError";
}

/**
 * An engine and what a controller does for it: it delivers the rows of wanted partitions, and drops the others. Every delta is verified: it must
 * lead from the outputs before to the outputs after it.
 */
export class SimulatedHost<O> {
  readonly engine: Engine<O>;
  readonly #output: Merging<O>;
  readonly #roots: (partition: string) => boolean;
  readonly #delivered = new Map<string, RowChange>();
  readonly #current = new Set<string>([LOCAL]);
  readonly #mirror = new Map<string, O>();
  readonly #interest = new Set<string>();

  constructor(apps: readonly App<O>[], options: HostOptions<O>) {
    this.#output = options.output;
    this.#roots = options.roots ?? (() => true);
    this.engine = new Engine({ apps, output: options.output, roots: this.#roots });
  }

  /** Goes over to a state, and to the interest that follows from it. */
  show(state: State, arrival: Arrival = AT_ONCE): void {
    for (let round = 0; this.#round(state, arrival); round++) {
      if (round === ROUNDS) throw new CheckError(`interest does not settle: ${[...this.engine.interest()].join(" ")}`);
    }
    const [waiting] = this.engine.pendingUnits();
    if (waiting !== undefined)
      throw new CheckError(`${waiting.owner.table} ${waiting.owner.id} still waits for ${waiting.waitsFor.join(" ")}`);
  }
  /** Changes that take the way over all `states` to the last of them, in one batch: of each row only the last change may count. */
  squash(states: readonly State[]): void {
    const last = states.at(-1) ?? [];
    const changes = states.flatMap((state, i) => difference(states[i - 1] ?? [], state));
    this.apply(changes.filter(({ partition }) => this.#current.has(partition)));
    for (const change of changes) if (this.#current.has(change.partition)) this.#deliver(change);
    this.show(last);
  }
  /** The rows that are there come again, as copies. */
  repeat(): Delta<O> {
    return this.apply([...this.#delivered.values()].map((change) => ({ ...change, row: copy(change.row) })));
  }
  /** Changes of partitions that are delivered here; others do not reach this host. */
  change(changes: readonly RowChange[]): Delta<O> {
    return this.apply(changes.filter(({ partition }) => this.#current.has(partition)));
  }

  /** Removes every row and partition: what is left then has leaked. */
  close(): void {
    this.show([]);
    this.#current.delete(LOCAL);
    this.apply(
      [],
      Array.from(this.#current, (partition) => ({ partition, state: "dropped" })),
    );
    const left = Object.entries(this.engine.size()).filter(([, size]) => size > 0);
    if (left.length > 0) throw new CheckError(`leaked: ${left.map(([what, size]) => `${size} ${what}`).join(", ")}`);
  }

  #wanted(state: State): ReadonlySet<string> {
    const wanted = new Set([LOCAL, ...this.engine.interest()]);
    for (const { partition } of state) if (this.#roots(partition)) wanted.add(partition);
    for (const partition of this.#current) if (this.#roots(partition)) wanted.add(partition);
    for (const unit of this.engine.pendingUnits()) {
      for (const partition of unit.waitsFor) if (this.#roots(partition)) wanted.add(partition);
    }
    return wanted;
  }
  /** One subscription: false if there was nothing to deliver or to drop. */
  #round(state: State, arrival: Arrival): boolean {
    const wanted = this.#wanted(state);
    const there = [...this.#delivered.values()].filter(({ partition }) => wanted.has(partition));
    const changes = difference(
      there,
      state.filter(({ partition }) => wanted.has(partition)),
    );
    if (arrival.rows === "reversed") changes.reverse();
    const arriving = [...wanted].filter((partition) => !this.#current.has(partition));
    const linger = arrival.leaving === "lingering" && changes.length + arriving.length > 0;
    const dropped = linger ? [] : [...this.#current].filter((partition) => !wanted.has(partition));
    if (changes.length === 0 && arriving.length === 0 && dropped.length === 0) return false;
    const leaving = dropped.map((partition): PartitionChange => ({ partition, state: "dropped" }));
    if (arrival.partitions === "pending-first") {
      const concerned = new Set([...arriving, ...changes.map(({ partition }) => partition)]);
      concerned.delete(LOCAL);
      this.apply(
        [],
        [...concerned].map((partition): PartitionChange => ({ partition, state: "pending" })),
      );
      for (const change of changes) this.apply([change]);
      this.apply(
        [],
        [...leaving, ...[...concerned].map((partition): PartitionChange => ({ partition, state: "current" }))],
      );
    } else {
      this.apply(changes, [
        ...leaving,
        ...arriving.map((partition): PartitionChange => ({ partition, state: "current" })),
      ]);
    }
    for (const change of changes) this.#deliver(change);
    for (const partition of arriving) this.#current.add(partition);
    for (const partition of dropped) {
      this.#current.delete(partition);
      for (const [key, change] of this.#delivered) if (change.partition === partition) this.#delivered.delete(key);
    }
    return true;
  }
  #deliver(change: RowChange): void {
    if (change.row === undefined) this.#delivered.delete(rowKey(change));
    else this.#delivered.set(rowKey(change), change);
  }

  apply(changes: readonly RowChange[], partitions: readonly PartitionChange[] = []): Delta<O> {
    const delta = this.engine.apply(changes, partitions);
    const wrong = (what: string, key: string): CheckError => new CheckError(`the delta ${what} ${key}`);
    for (const [key, value] of delta.removed) {
      const known = this.#mirror.get(key);
      if (known === undefined) throw wrong("removes what was not there:", key);
      if (!this.#output.same(known, value)) throw wrong("removes with another value than was there:", key);
      this.#mirror.delete(key);
    }
    for (const [key, value] of delta.set) {
      const known = this.#mirror.get(key);
      if (known !== undefined && this.#output.same(known, value)) throw wrong("sets what was there already:", key);
      this.#mirror.set(key, value);
    }
    let outputs = 0;
    for (const [key, value] of this.engine.outputs()) {
      outputs++;
      const known = this.#mirror.get(key);
      if (known === undefined || !this.#output.same(known, value)) throw wrong("misses a change of", key);
    }
    if (outputs !== this.#mirror.size) throw wrong("misses a removal", "");
    for (const partition of delta.interest.added) this.#interest.add(partition);
    for (const partition of delta.interest.dropped) this.#interest.delete(partition);
    if (!equal(this.#interest, new Set(this.engine.interest()))) throw wrong("misses a change of", "interest");
    return delta;
  }
}

/** What leads from the rows of one state to those of another. */
export function difference(before: State, after: State): RowChange[] {
  const changes: RowChange[] = [];
  const old = new Map(before.map((change) => [rowKey(change), change]));
  const now = new Set<string>();
  for (const change of after) {
    const key = rowKey(change);
    if (now.has(key)) throw new CheckError(`a state holds ${key} twice`);
    now.add(key);
    const known = old.get(key);
    if (known === undefined || !equal(known.row, change.row)) changes.push(change);
  }
  for (const [key, { table, partition, id }] of old) if (!now.has(key)) changes.push(removeRow(table, partition, id));
  return changes;
}

/** A state in between: `changes` applied to `before`. */
export function advanced(before: State, changes: readonly RowChange[]): State {
  const rows = new Map(before.map((change) => [rowKey(change), change]));
  for (const change of changes) {
    if (change.row === undefined) rows.delete(rowKey(change));
    else rows.set(rowKey(change), change);
  }
  return [...rows.values()];
}

/** Arrays and plain objects are copied, anything else is taken as it is. */
function copy<T>(value: T): T;
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => copy(item));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, copy(of)]));
}

/** Freezes arrays and plain objects to the bottom, so that a compile function that writes to its rows fails. */
export function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return;
  Object.freeze(value);
  for (const item of Object.values(value)) freeze(item);
}
