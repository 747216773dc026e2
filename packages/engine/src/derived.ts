import { type Claim, Claims } from "./claims.ts";
import type { GroupRow, Membership, Row } from "./define.ts";
import { equal } from "./equal.ts";
import { type Partition, samePartitions } from "./interest.ts";
import type { Cell, TableStore } from "./rows.ts";
import { type Conflict, type Settled, Slots, type Slot } from "./slots.ts";

/** What becomes rows of a derived table when the units of its layer have run. */
export interface Derivation {
  /** Writes the rows that have changed. Reports what was claimed by several, before or now. */
  settle(report: (settled: Settled<unknown>) => void): void;
  conflicts(): readonly Conflict[];
  audit(): Iterable<string | undefined>;
}

/** Where derived rows are written. */
interface Place {
  readonly store: TableStore;
  readonly local: Partition;
}

/** Writes a derived row, and moves the units anchored on it to where its owners now are. */
function write(to: Place, id: string, row: Row | undefined, homes: readonly Partition[]): void {
  const cell: Cell = to.store.shelf(to.local).cell(id);
  const moved = row !== undefined && !samePartitions(cell.homes, homes);
  if (moved) cell.homes = homes;
  to.store.write(cell, row);
  if (moved) to.store.wakeUnits(cell);
}
function isWritten(to: Place, id: string, row: Row | undefined): boolean {
  return equal(to.store.shelves.get(to.local)?.cells.get(id)?.row, row);
}

/** Rows that have one owner each: two claims of one id exclude each other even if they are equal, so `same` never holds. */
export class DerivedRows extends Slots<Row> implements Derivation {
  readonly #to: Place;
  constructor(store: TableStore, local: Partition) {
    super({ keyOf: (row) => row.id, same: () => false }, store.table.name);
    this.#to = { store, local };
  }
  protected override same(a: Row, b: Row): boolean {
    return equal(a, b);
  }
  override rehomed(claims: readonly Claim<Row, Slot<Row>>[] = []): void {
    for (const claim of claims) this.touch(claim.slot);
  }
  override settle(report: (settled: Settled<Row>) => void): void {
    super.settle((settled) => {
      const { slot } = settled;
      write(this.#to, slot.key, slot.value, slot.sole?.claimant.homes ?? []);
      report(settled);
    });
  }
  override *audit(): Generator<string | undefined> {
    yield* super.audit();
    for (const slot of this.all) if (!isWritten(this.#to, slot.key, slot.value)) yield slot.key;
  }
}

/** One key of a group view, with the number of rows behind each member and each home: a changed row costs O(1), however many there are. */
class Group {
  readonly key: string;
  readonly members = new Map<string, number>();
  readonly homes = new Map<Partition, number>();
  touched = false;
  constructor(key: string) {
    this.key = key;
  }
}

const rowOf = (group: Group): GroupRow => ({ id: group.key, members: [...group.members.keys()].sort() });

function count<K>(counts: Map<K, number>, of: K, by: 1 | -1): boolean {
  const now = (counts.get(of) ?? 0) + by;
  if (now > 0) counts.set(of, now);
  else counts.delete(of);
  return now === 0 || (now === 1 && by === 1);
}

export class DerivedGroups extends Claims<Membership, Group> implements Derivation {
  readonly #to: Place;
  readonly #groups = new Map<string, Group>();
  #touched: Group[] = [];
  constructor(store: TableStore, local: Partition) {
    super();
    this.#to = { store, local };
  }
  override keyOf(membership: Membership): string {
    return membership.key;
  }
  protected override slot(key: string): Group {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new Group(key);
      this.#groups.set(key, group);
    }
    return group;
  }
  protected override added({ slot, value, claimant }: Claim<Membership, Group>): void {
    this.#member(slot, value.member, 1);
    for (const home of claimant.homes) this.#home(slot, home, 1);
  }
  protected override removed({ slot, value, claimant }: Claim<Membership, Group>): void {
    this.#member(slot, value.member, -1);
    for (const home of claimant.homes) this.#home(slot, home, -1);
  }
  protected override revised(claim: Claim<Membership, Group>, value: Membership): void {
    if (claim.value.member === value.member) return;
    this.#member(claim.slot, value.member, 1);
    this.#member(claim.slot, claim.value.member, -1);
    claim.value = value;
  }
  protected override same(a: Membership, b: Membership): boolean {
    return equal(a, b);
  }
  override rehomed(
    claims: readonly Claim<Membership, Group>[],
    before: readonly Partition[],
    after: readonly Partition[],
  ): void {
    for (const { slot } of claims) {
      for (const home of after) this.#home(slot, home, 1);
      for (const home of before) this.#home(slot, home, -1);
    }
  }
  #member(group: Group, member: string, by: 1 | -1): void {
    if (count(group.members, member, by)) this.#touch(group);
  }
  #home(group: Group, home: Partition, by: 1 | -1): void {
    if (count(group.homes, home, by)) this.#touch(group);
  }
  #touch(group: Group): void {
    if (group.touched) return;
    group.touched = true;
    this.#touched.push(group);
  }
  settle(): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const group of touched) {
      group.touched = false;
      if (group.members.size === 0) {
        this.#groups.delete(group.key);
        write(this.#to, group.key, undefined, []);
      } else {
        write(this.#to, group.key, rowOf(group), [...group.homes.keys()]);
      }
    }
  }
  conflicts(): readonly [] {
    return [];
  }
  *audit(): Generator<string> {
    for (const group of this.#groups.values()) if (!isWritten(this.#to, group.key, rowOf(group))) yield group.key;
  }
}
