import type { Catalog } from "./catalog.ts";
import { ownerOf } from "./claims.ts";
import { type Index, LOCAL, type Membership, type Owner, type Row, type SetIndex } from "./define.ts";
import { equal } from "./equal.ts";
import { attempt } from "./indexes.ts";
import type { TableStore } from "./rows.ts";

/** Something that is not what a compile from scratch over the current rows would make it. */
export interface AuditDifference {
  /** `app` is `index NAME` for an index, `claims` for an output or a derived row that does not follow from what units claim. */
  readonly owner: Owner;
  readonly difference: string;
}

/** What follows from the claims of units: outputs, derived rows. */
export interface Resolved {
  /** Resolves all claims again. Yields the keys that should hold something else, and `undefined` now and then. */
  audit(): Iterable<string | undefined>;
}

/**
 * Walks over everything that an engine remembers and makes it again from what it stands on: every unit from rows, every index from its table, every
 * output and derived row from its claims. As layers have no cycles, each being right means that all is as from scratch; and it needs no second engine. Yields once
 * per unit, index and 1,000 claims, so that the walk can be spread over time. Between yields rows may change.
 */
export function* auditWalk(catalog: Catalog, resolved: readonly Resolved[]): Generator<readonly AuditDifference[]> {
  for (const store of catalog.stores) {
    for (const shelf of store.shelves.values()) {
      for (const cell of shelf.cells.values()) {
        for (const unit of cell.units) {
          yield unit.audit().map((difference) => ({ owner: ownerOf(unit), difference }));
        }
      }
    }
  }
  for (const { index, buckets } of catalog.indexes) {
    const now = new Map<string, readonly string[]>();
    for (const { partition, key, cells } of buckets.all())
      now.set(entryName(partition.name, key), Array.from(cells, ({ id }) => id).sort());
    const entriesOf = (row: Row): readonly Membership[] => index.keys(row).map((key) => ({ key, member: row.id }));
    yield indexDifferences(index, now, fromRows(catalog.store(index.table), entriesOf));
  }
  for (const { index, sets } of catalog.setIndexes) {
    const now = new Map<string, readonly string[]>();
    for (const { partition, key, members } of sets.all()) now.set(entryName(partition.name, key), members);
    const entriesOf = (row: Row): readonly Membership[] => index.memberships(row);
    yield indexDifferences(index, now, fromRows(catalog.store(index.table), entriesOf));
  }
  for (const claims of resolved) {
    for (const id of claims.audit()) {
      const owner = { app: "claims", table: "", partition: LOCAL, id: id ?? "" };
      yield id === undefined ? [] : [{ owner, difference: "is not what its claims make" }];
    }
  }
}

const entryName = (partition: string, key: string): string => JSON.stringify([partition, key]);

/** The entries of an index, made again. A row on which the index's function throws has none. */
function fromRows(
  store: TableStore,
  entriesOf: (row: Row) => readonly Membership[],
): ReadonlyMap<string, readonly string[]> {
  const entries = new Map<string, Set<string>>();
  for (const shelf of store.shelves.values()) {
    for (const row of shelf.rows()) {
      for (const { key, member } of attempt(row, entriesOf).result) {
        const name = entryName(shelf.partition.name, key);
        const members = entries.get(name);
        if (members === undefined) entries.set(name, new Set([member]));
        else members.add(member);
      }
    }
  }
  return new Map(Array.from(entries, ([name, members]) => [name, [...members].sort()]));
}

function indexDifferences(
  index: Index | SetIndex,
  now: ReadonlyMap<string, readonly string[]>,
  expected: ReadonlyMap<string, readonly string[]>,
): readonly AuditDifference[] {
  const differences: AuditDifference[] = [];
  for (const name of new Set([...now.keys(), ...expected.keys()])) {
    if (equal(now.get(name) ?? [], expected.get(name) ?? [])) continue;
    const owner = { app: `index ${index.name}`, table: index.table.name, partition: LOCAL, id: name };
    differences.push({ owner, difference: "is not what the rows make" });
  }
  return differences;
}
