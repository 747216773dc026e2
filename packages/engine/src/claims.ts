import type { Owner } from "./define.ts";
import type { Partition } from "./interest.ts";

/** The unit behind a claim. */
export interface Claimant extends Owner {
  /** Tells apart the units that one app has for one row. */
  readonly ordinal: number;
  readonly homes: readonly Partition[];
}

/** That a unit wants a value under the key of a slot. */
export class Claim<V, S extends { readonly key: string }> {
  readonly claimant: Claimant;
  readonly slot: S;
  value: V;
  constructor(claimant: Claimant, slot: S, value: V) {
    this.claimant = claimant;
    this.slot = slot;
    this.value = value;
  }
}

/** The canonical order of claimants: whatever depends on an order depends on this one, never on who came first. */
export function compareClaimants(a: Claimant, b: Claimant): number {
  return compareOwners(a, b) || a.ordinal - b.ordinal;
}
export function compareOwners(a: Owner, b: Owner): number {
  return (
    compareText(a.app, b.app) ||
    compareText(a.table, b.table) ||
    compareText(a.partition, b.partition) ||
    compareText(a.id, b.id)
  );
}
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function ownerOf(claimant: Owner): Owner {
  return { app: claimant.app, table: claimant.table, partition: claimant.partition, id: claimant.id };
}

/** Keeps who claims what. A subclass says what a key holds, and what follows from its claims. */
export abstract class Claims<V, S extends { readonly key: string }> {
  abstract keyOf(value: V): string;
  protected abstract slot(key: string): S;
  protected abstract added(claim: Claim<V, S>): void;
  protected abstract removed(claim: Claim<V, S>): void;
  /** `claim.value` becomes `value`, under the same key. */
  protected abstract revised(claim: Claim<V, S>, value: V): void;
  /** The homes of the claimant have changed. Only derived rows care. */
  abstract rehomed(claims: readonly Claim<V, S>[], before: readonly Partition[], after: readonly Partition[]): void;

  protected abstract same(a: V, b: V): boolean;

  /** How what a unit holds differs from what it should. */
  differences(held: readonly Claim<V, S>[], values: readonly V[], keys: readonly string[]): readonly string[] {
    const differences: string[] = [];
    for (let i = 0; i < Math.max(held.length, values.length); i++) {
      const claim = held[i];
      const value = values[i];
      const key = keys[i];
      if (claim !== undefined && claim.slot.key !== key) differences.push(`holds ${claim.slot.key}`);
      if (value === undefined || key === undefined) continue;
      if (claim === undefined || claim.slot.key !== key) differences.push(`should hold ${key}`);
      else if (!this.same(claim.value, value)) differences.push(`holds another ${key}`);
    }
    return differences;
  }

  /** The claims of a unit become `values` (with `keys`, one each); `held` is what it claimed until now. */
  replace(
    claimant: Claimant,
    held: readonly Claim<V, S>[],
    values: readonly V[],
    keys: readonly string[],
  ): readonly Claim<V, S>[] {
    if (held.length === 0)
      return values.length === 0 ? held : values.map((value, i) => this.#claim(claimant, keys[i], value));
    if (held.length === keys.length && held.every((claim, i) => claim.slot.key === keys[i])) {
      for (const [i, claim] of held.entries()) {
        const value = values[i];
        if (value !== undefined) this.revised(claim, value);
      }
      return held;
    }
    // Claims under one key keep their order among each other, which a merge may see.
    const spare = new Map<string, Claim<V, S>[]>();
    for (const claim of held) {
      const same = spare.get(claim.slot.key);
      if (same === undefined) spare.set(claim.slot.key, [claim]);
      else same.push(claim);
    }
    const claims = values.map((value, i) => {
      const known = spare.get(keys[i] ?? "")?.shift();
      if (known === undefined) return this.#claim(claimant, keys[i], value);
      this.revised(known, value);
      return known;
    });
    for (const rest of spare.values()) for (const claim of rest) this.removed(claim);
    return claims;
  }
  #claim(claimant: Claimant, key: string | undefined, value: V): Claim<V, S> {
    const claim = new Claim(claimant, this.slot(key ?? this.keyOf(value)), value);
    this.added(claim);
    return claim;
  }
}
