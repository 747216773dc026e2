import type { Installed, InstalledFlow } from "./installed.ts";

/** Of a cookie, the bits that tell slices apart: behind them is the version of a UUID, which is the same for all. */
export const FIRST_BIT = 8;
export const MOST_BITS = 10;
const PLACES = 1 << MOST_BITS;

/** Flows of one table whose cookies have the same bits: `bits` of them from {@link FIRST_BIT} on are `n`. */
export interface Slice {
  readonly table: number;
  readonly bits: number;
  readonly n: number;
}

/** The low half of a cookie has all the bits that count, as a number: there may be a hundred thousand to look at. */
const placeOf = (cookie: bigint): number => (Number(BigInt.asUintN(32, cookie)) >>> FIRST_BIT) & (PLACES - 1);

/** True for a flow whose place in the switch is in the slice. */
export function isIn({ table, bits, n }: Slice, flow: Pick<InstalledFlow, "table" | "cookie">): boolean {
  return flow.table === table && (bits === 0 || (placeOf(flow.cookie) & ((1 << bits) - 1)) === n);
}

interface TableCount {
  flows: number;
  /** By the bits of their cookies. */
  readonly places: Uint32Array;
}

/**
 * What the switch acknowledged, or gave back, by key. It knows how many flows each slice has: whether one of a slice is missing is a question of
 * numbers, and only if one is, it is looked for among all.
 */
export class Inventory {
  readonly #flows = new Map<string, InstalledFlow>();
  /** Groups and meters: few. */
  readonly #others = new Map<string, Exclude<Installed, InstalledFlow>>();
  readonly #tables: (TableCount | undefined)[] = [];

  get(key: string): Installed | undefined {
    return this.#flows.get(key) ?? this.#others.get(key);
  }
  has(key: string): boolean {
    return this.#flows.has(key) || this.#others.has(key);
  }
  *keys(): Generator<string> {
    yield* this.#flows.keys();
    yield* this.#others.keys();
  }
  flow(key: string): InstalledFlow | undefined {
    return this.#flows.get(key);
  }
  get others(): Iterable<Exclude<Installed, InstalledFlow>> {
    return this.#others.values();
  }

  /** What is installed under a key is of one type for ever. */
  set(key: string, item: Installed): void {
    if (item.type !== "flow") {
      this.#others.set(key, item);
      return;
    }
    const before = this.#flows.get(key);
    this.#flows.set(key, item);
    if (before?.cookie === item.cookie && before.table === item.table) return;
    if (before !== undefined) this.#count(before, -1);
    this.#count(item, 1);
  }
  delete(key: string): void {
    const flow = this.#flows.get(key);
    if (flow === undefined) {
      this.#others.delete(key);
      return;
    }
    this.#flows.delete(key);
    this.#count(flow, -1);
  }

  /** How many flows a table has. */
  flowsIn(table: number): number {
    return this.#tables[table]?.flows ?? 0;
  }
  /** How many flows a slice has. */
  flowsOf({ table, bits, n }: Slice): number {
    const count = this.#tables[table];
    if (count === undefined || bits === 0) return count?.flows ?? 0;
    let flows = 0;
    for (let place = n; place < PLACES; place += 1 << bits) flows += count.places[place] ?? 0;
    return flows;
  }
  /** The keys of a slice's flows: looks at all flows of all tables. */
  *keysOf(slice: Slice): Generator<string> {
    for (const [key, flow] of this.#flows) if (isIn(slice, flow)) yield key;
  }

  #count({ table, cookie }: InstalledFlow, by: 1 | -1): void {
    const count = (this.#tables[table] ??= { flows: 0, places: new Uint32Array(PLACES) });
    count.flows += by;
    const place = placeOf(cookie);
    count.places[place] = (count.places[place] ?? 0) + by;
  }
}
