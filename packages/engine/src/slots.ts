import { Claim, Claims, compareClaimants, compareOwners, compareText, ownerOf } from "./claims.ts";
import type { Owner } from "./define.ts";

/** What values are, and how claims on one key become one value. All three must be pure. */
export interface Merging<V> {
  /** Values with the same key are one thing, e.g. a flow's table, priority and match. */
  keyOf(value: V): string;
  /** Whether two values are interchangeable: it must look at everything that matters. */
  same(a: V, b: V): boolean;
  /** The union of claims that differ, given in canonical order (two or more); `undefined` refuses. */
  merge?(claims: readonly V[]): V | undefined;
}

/** Claims on one key that exclude each other: none of them is in force. */
export interface Conflict {
  readonly key: string;
  /** The table of a derived row; `undefined`: an output. */
  readonly view: string | undefined;
  /** In canonical order, each once. */
  readonly owners: readonly Owner[];
  /** What `same` or `merge` threw. */
  readonly cause?: unknown;
}

/** One key and the claims on it. `value` is in force. */
export class Slot<V> {
  readonly key: string;
  value: V | undefined = undefined;
  conflict: Conflict | undefined = undefined;
  /** All claims are the same as `value`. */
  agreed = false;
  touched = false;
  /** Most slots have one claim: that is no list. */
  #claims: Claim<V, Slot<V>> | readonly Claim<V, Slot<V>>[] | Set<Claim<V, Slot<V>>> | undefined = undefined;

  constructor(key: string) {
    this.key = key;
  }
  get claims(): Iterable<Claim<V, Slot<V>>> {
    if (this.#claims === undefined) return [];
    return this.#claims instanceof Claim ? [this.#claims] : this.#claims;
  }
  /** The only claim, if there is but one. */
  get sole(): Claim<V, Slot<V>> | undefined {
    return this.#claims instanceof Claim ? this.#claims : undefined;
  }
  get isEmpty(): boolean {
    return this.#claims === undefined;
  }
  add(claim: Claim<V, Slot<V>>): void {
    const now = this.#claims;
    if (now === undefined) this.#claims = claim;
    else if (now instanceof Claim) this.#claims = [now, claim];
    else if (now instanceof Set) now.add(claim);
    else this.#claims = now.length < FEW ? [...now, claim] : new Set([...now, claim]);
  }
  remove(claim: Claim<V, Slot<V>>): void {
    const now = this.#claims;
    if (now === claim) this.#claims = undefined;
    else if (now instanceof Set) {
      now.delete(claim);
      if (now.size <= 1) [this.#claims] = now;
    } else if (Array.isArray(now)) {
      const rest = now.filter((other) => other !== claim);
      this.#claims = rest.length === 1 ? rest[0] : rest;
    }
  }
  owners(): readonly Owner[] {
    const owners: Owner[] = [];
    for (const { claimant } of [...this.claims].sort((a, b) => compareClaimants(a.claimant, b.claimant))) {
      const last = owners.at(-1);
      if (last === undefined || compareOwners(last, claimant) !== 0) owners.push(ownerOf(claimant));
    }
    return owners;
  }
}
const newSlot = <V>(key: string): Slot<V> => new Slot(key);
const FEW = 8;
const AUDITED_AT_ONCE = 1000;

/** A slot that claims have changed, and its value before. */
export interface Settled<V> {
  readonly slot: Slot<V>;
  readonly before: V | undefined;
  readonly conflictBefore: Conflict | undefined;
  /** Whether the value in force is another one now. */
  readonly changed: boolean;
}

interface Resolution<V> {
  readonly value: V | undefined;
  readonly agreed: boolean;
  readonly conflict: Conflict | undefined;
}

const NOTHING = { value: undefined, agreed: false, conflict: undefined };

/**
 * Values by key, out of the claims of units. What is in force is a pure function of the set of claims: if they agree, that; if they can be merged,
 * the union; otherwise nothing, and all claimants are marked. Resolved once per batch, when all claims are in.
 */
export class Slots<V> extends Claims<V, Slot<V>> {
  readonly #merging: Merging<V>;
  readonly #view: string | undefined;
  readonly #slots = new Map<string, Slot<V>>();
  readonly #conflicting = new Set<Slot<V>>();
  #touched: Slot<V>[] = [];

  constructor(merging: Merging<V>, view?: string) {
    super();
    this.#merging = merging;
    this.#view = view;
  }
  get size(): number {
    return this.#slots.size;
  }
  get all(): Iterable<Slot<V>> {
    return this.#slots.values();
  }
  find(key: string): Slot<V> | undefined {
    return this.#slots.get(key);
  }
  conflicts(): readonly Conflict[] {
    const conflicts: Conflict[] = [];
    for (const { conflict } of this.#conflicting) if (conflict !== undefined) conflicts.push(conflict);
    return conflicts.sort((a, b) => compareText(a.key, b.key));
  }
  override keyOf(value: V): string {
    return this.#merging.keyOf(value);
  }
  protected override slot(key: string): Slot<V> {
    return this.#slots.getOrInsertComputed(key, newSlot<V>);
  }
  protected override added(claim: Claim<V, Slot<V>>): void {
    const { slot } = claim;
    slot.add(claim);
    if (!this.#stillAgrees(slot, claim.value)) this.touch(slot);
  }
  protected override removed(claim: Claim<V, Slot<V>>): void {
    const { slot } = claim;
    slot.remove(claim);
    if (!slot.agreed || slot.isEmpty) this.touch(slot);
  }
  protected override revised(claim: Claim<V, Slot<V>>, value: V): void {
    if (this.#agree(claim.value, value)) return;
    claim.value = value;
    this.touch(claim.slot);
  }
  touch(slot: Slot<V>): void {
    if (slot.touched) return;
    slot.touched = true;
    slot.agreed = false;
    this.#touched.push(slot);
  }
  #stillAgrees(slot: Slot<V>, value: V): boolean {
    return slot.agreed && slot.value !== undefined && this.#agree(slot.value, value);
  }
  protected override same(a: V, b: V): boolean {
    return this.#agree(a, b);
  }
  override rehomed(): void {}
  /** A comparison that throws is left to {@link settle}, which reports it. */
  #agree(a: V, b: V): boolean {
    try {
      return this.#merging.same(a, b);
    } catch {
      return false;
    }
  }

  /** Resolves the slots whose claims have changed, and reports each. */
  settle(report: (settled: Settled<V>) => void): void {
    const touched = this.#touched;
    this.#touched = [];
    for (const slot of touched) {
      const { value: before, conflict: conflictBefore } = slot;
      const { value, agreed, conflict } = this.#resolve(slot);
      const same = before !== undefined && value !== undefined ? this.#agree(before, value) : before === value;
      slot.touched = false;
      slot.value = same ? before : value;
      slot.agreed = agreed;
      slot.conflict = conflict;
      if (conflict !== undefined) this.#conflicting.add(slot);
      else if (conflictBefore !== undefined) this.#conflicting.delete(slot);
      if (slot.isEmpty) this.#slots.delete(slot.key);
      report({ slot, before, conflictBefore, changed: !same });
    }
  }
  /** Resolves every slot again. Yields the key of each that should have another value, and `undefined` now and then. */
  *audit(): Generator<string | undefined> {
    let n = 0;
    for (const slot of this.#slots.values()) {
      const { value, conflict } = this.#resolve(slot);
      const same =
        value !== undefined && slot.value !== undefined ? this.same(value, slot.value) : value === slot.value;
      if (!same || (conflict === undefined) !== (slot.conflict === undefined)) yield slot.key;
      else if (++n % AUDITED_AT_ONCE === 0) yield undefined;
    }
  }
  /** What is in force under the claims of a slot, whatever was before. */
  #resolve(slot: Slot<V>): Resolution<V> {
    if (slot.isEmpty) return NOTHING;
    if (slot.sole !== undefined) return { value: slot.sole.value, agreed: true, conflict: undefined };
    const [first, ...others] = slot.claims;
    if (first === undefined) return NOTHING;
    const conflict = { key: slot.key, view: this.#view };
    try {
      if (others.every((claim) => this.#merging.same(first.value, claim.value)))
        return { value: first.value, agreed: true, conflict: undefined };
      if (this.#merging.merge !== undefined) {
        // Sorting is stable, and the claims of one unit stand in the order in which it made them.
        const claims = [first, ...others].sort((a, b) => compareClaimants(a.claimant, b.claimant));
        const merged = this.#merging.merge(claims.map((claim) => claim.value));
        if (merged !== undefined) return { value: merged, agreed: false, conflict: undefined };
      }
      return { value: undefined, agreed: false, conflict: { ...conflict, owners: slot.owners() } };
    } catch (cause) {
      return { value: undefined, agreed: false, conflict: { ...conflict, owners: slot.owners(), cause } };
    }
  }
}
