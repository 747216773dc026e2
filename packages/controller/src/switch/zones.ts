import type { OpenFlowError } from "@dragonflow/openflow";
import { Numbers } from "./numbers.ts";

/**
 * Connection tracking zones that are ours. All bridges of a datapath share its zones (on the kernel's datapath with the host itself, which uses 0);
 * others hand out theirs from 1 up.
 */
export const ZONES = { first: 0x8000, last: 0xfffe } as const;

/** Numbers of zones that are taken, and the name that each belongs to. */
export type ZoneLedger = ReadonlyMap<number, string>;

/**
 * Numbers for the zones that flows name. A name gets an empty zone, and keeps it as long as any flow in the switch uses it:
 *
 *     a flow wants it: taken -> written down -> flushed: ready -> the flow is sent
 *     no flow in the switch uses it any more -> flushed -> free
 *
 * What a controller before this one has written down is in use as far as anybody knows: its names go on with their numbers, and nothing is flushed.
 */
export class Zones {
  readonly #numbers = new Numbers(ZONES.first, ZONES.last);
  readonly #names = new Map<number, string>();
  /** Names whose numbers are not written down yet. */
  readonly #taken = new Set<string>();
  /** Names whose numbers are, and whose zones were not flushed since. */
  readonly #fresh = new Set<string>();
  /** What the switch said when a zone was to be flushed. */
  readonly #refusals = new Map<string, OpenFlowError>();
  readonly #wanted = new Set<string>();
  /** Names that no flow wants any more, and the change since which that is so. */
  readonly #left = new Map<string, number>();
  #isKnown = false;

  /** What is to be written down. */
  get ledger(): ZoneLedger {
    return new Map(this.#names);
  }

  /** Undefined for a name that has none yet. */
  numberOf(name: string): number | undefined {
    return this.#numbers.numberOf(name);
  }

  isReady(name: string): boolean {
    return this.numberOf(name) !== undefined && !this.#taken.has(name) && !this.#fresh.has(name);
  }

  /** Flows name it. */
  want(name: string): void {
    this.#wanted.add(name);
    this.#left.delete(name);
  }
  /** From this change on no flow that is desired names it. */
  leave(name: string, change: number): void {
    this.#wanted.delete(name);
    if (this.numberOf(name) !== undefined) this.#left.set(name, change);
  }

  /**
   * Takes a number for a name that has none, once it is known what is written down.
   * @returns whether flows may use the number. @throws {OpenFlowError} where the switch did not flush the zone. @throws {RangeError} none is left.
   */
  prepare(name: string): boolean {
    const refusal = this.#refusals.get(name);
    if (refusal !== undefined) throw refusal;
    if (this.#isKnown && this.numberOf(name) === undefined) {
      this.#names.set(this.#numbers.of(name), name);
      this.#taken.add(name);
    }
    return this.isReady(name);
  }

  /** This is what is written down now. */
  written(ledger: ZoneLedger): void {
    if (!this.#isKnown) this.#adopt(ledger);
    this.#isKnown = true;
    for (const name of this.#taken) {
      const number = this.numberOf(name);
      if (number === undefined || ledger.get(number) !== name) continue;
      this.#taken.delete(name);
      this.#fresh.add(name);
    }
  }

  /** Names whose zones are to be flushed before flows use them. */
  get fresh(): ReadonlySet<string> {
    return this.#fresh;
  }
  flushed(name: string, refusal: OpenFlowError | undefined): void {
    this.#fresh.delete(name);
    if (refusal !== undefined) this.#refusals.set(name, refusal);
  }
  /** What the switch did not flush is to be flushed again. */
  forgive(): void {
    for (const name of this.#refusals.keys()) this.#fresh.add(name);
    this.#refusals.clear();
  }

  /** Names that no flow in the switch uses any more, now that all changes up to this one are in the switch. */
  unused(change: number): readonly string[] {
    return [...this.#left].flatMap(([name, since]) => (since <= change ? [name] : []));
  }
  /** Its zone was flushed. Not where somebody wants it again meanwhile. */
  free(name: string): void {
    if (!this.#left.delete(name)) return;
    const number = this.numberOf(name);
    if (number !== undefined) this.#names.delete(number);
    this.#numbers.release(name);
    this.#taken.delete(name);
    this.#fresh.delete(name);
    this.#refusals.delete(name);
  }

  #adopt(ledger: ZoneLedger): void {
    for (const [number, name] of ledger) {
      // A name has one number, whoever wrote it twice.
      if (!this.#numbers.isOurs(number) || this.numberOf(name) !== undefined) continue;
      this.#numbers.adopt(name, number);
      this.#names.set(number, name);
      if (!this.#wanted.has(name)) this.#left.set(name, 0);
    }
  }
}
