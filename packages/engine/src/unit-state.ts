import { type Claim, type Claimant, type Claims, ownerOf } from "./claims.ts";
import type { At, Owner, Read, Row } from "./define.ts";
import { type Partition, samePartitions } from "./interest.ts";
import type { Anchoring, Cell } from "./rows.ts";
import type { Runnable, Source } from "./source.ts";
import type { Reads, TrackedRead } from "./tracked-read.ts";

/** A unit whose compile function (or an index whose key function) threw: it has no output until what it read changes. */
export interface Fault {
  /** `app` is `index NAME` for an index. */
  readonly owner: Owner;
  readonly error: unknown;
}

/** What the units of one engine share. */
export interface UnitContext {
  readonly read: TrackedRead;
  readonly faulty: Map<Runnable, Fault>;
  readonly waiting: Set<Runnable>;
  /** Failed in this batch. */
  failed: Fault[];
  /** Units run so far. */
  ran: number;
  units: number;
}

interface Evaluation<V> {
  readonly reads: Reads;
  readonly values: readonly V[];
  readonly keys: readonly string[];
  readonly fault: { readonly thrown: unknown } | undefined;
}

/** One compile function of one app, for all rows of its table. */
export class UnitKind<V, S extends { readonly key: string }> implements Anchoring {
  readonly app: string;
  readonly ordinal: number;
  /** Position in the order of layers. */
  readonly layer: number;
  /** The layer as declared: tables at or above it must not be read. */
  readonly below: number;
  readonly claims: Claims<V, S>;
  readonly context: UnitContext;
  readonly #compile: (row: Row, read: Read, at: At) => Iterable<V>;

  constructor(
    name: { readonly app: string; readonly ordinal: number },
    place: { readonly layer: number; readonly below: number },
    claims: Claims<V, S>,
    context: UnitContext,
    compile: (row: Row, read: Read, at: At) => Iterable<V>,
  ) {
    this.app = name.app;
    this.ordinal = name.ordinal;
    this.layer = place.layer;
    this.below = place.below;
    this.claims = claims;
    this.context = context;
    this.#compile = compile;
  }
  anchor(cell: Cell): UnitState<V, S> {
    this.context.units++;
    return new UnitState(this, cell);
  }
  evaluate(row: Row, at: At): Evaluation<V> {
    const { read } = this.context;
    const values: V[] = [];
    const keys: string[] = [];
    let fault: { readonly thrown: unknown } | undefined;
    read.begin(this.below);
    try {
      for (const value of this.#compile(row, read, at)) {
        values.push(value);
        keys.push(this.claims.keyOf(value));
      }
    } catch (thrown) {
      fault = { thrown };
    }
    return { reads: read.end(), values, keys, fault };
  }
}

const NO_SOURCES: readonly Source[] = [];
const NO_PARTITIONS: readonly Partition[] = [];
/** Most units that are derived from make nothing themselves, and most others read nothing: they share these. */
const NO_CLAIMS: readonly never[] = [];

/**
 * One compile function for one row: what it read, and what it claims. Three ways to run: void (something was pending: claims stay), failed (claims go)
 * and complete (claims become the result).
 */
export class UnitState<V, S extends { readonly key: string }> implements Runnable, Claimant {
  queued = false;
  /** Of the row, as of the last run: where the edges of this unit start. */
  homes: readonly Partition[] = NO_PARTITIONS;
  readonly #kind: UnitKind<V, S>;
  readonly #cell: Cell;
  #sources = NO_SOURCES;
  /** Partitions that it reads: where its edges end. */
  #reach = NO_PARTITIONS;
  #claims: readonly Claim<V, S>[] = NO_CLAIMS;

  constructor(kind: UnitKind<V, S>, cell: Cell) {
    this.#kind = kind;
    this.#cell = cell;
  }
  get layer(): number {
    return this.#kind.layer;
  }
  get app(): string {
    return this.#kind.app;
  }
  get ordinal(): number {
    return this.#kind.ordinal;
  }
  get table(): string {
    return this.#cell.shelf.store.table.name;
  }
  get partition(): string {
    return this.#cell.shelf.partition.name;
  }
  get id(): string {
    return this.#cell.id;
  }
  get waitsFor(): readonly string[] {
    const own = this.#cell.shelf.partition;
    return [own, ...this.#reach.filter((other) => other !== own)]
      .filter((partition) => partition.state !== "current")
      .map((partition) => partition.name);
  }

  run(): void {
    const cell = this.#cell;
    const { context } = this.#kind;
    const { partition } = cell.shelf;
    const { row } = cell;
    // While the partition is pending its rows stand still for the units, so the loss of the row waits as well.
    if (row === undefined && partition.state !== "pending") {
      this.#remove();
      return;
    }
    if (row === undefined || partition.state !== "current") {
      context.waiting.add(this);
      this.#follow(context.read.waitFor(partition), true);
      return;
    }
    context.ran++;
    const result = this.#kind.evaluate(row, partition.at);
    this.#follow(result.reads, result.reads.pending);
    if (result.reads.pending) {
      context.waiting.add(this);
      return;
    }
    if (context.waiting.size > 0) context.waiting.delete(this);
    if (result.fault === undefined) {
      if (context.faulty.size > 0) context.faulty.delete(this);
      this.#claims = this.#kind.claims.replace(this, this.#claims, result.values, result.keys);
    } else {
      const fault = { owner: ownerOf(this), error: result.fault.thrown };
      context.faulty.set(this, fault);
      context.failed.push(fault);
      this.#claims = this.#kind.claims.replace(this, this.#claims, [], []);
    }
  }

  #remove(): void {
    const { context, claims } = this.#kind;
    context.waiting.delete(this);
    context.faulty.delete(this);
    context.units--;
    this.#claims = claims.replace(this, this.#claims, [], []);
    this.#connect(NO_PARTITIONS, NO_PARTITIONS);
    for (const source of this.#sources) source.unsubscribe(this);
    this.#sources = NO_SOURCES;
    this.#cell.release(this);
  }
  /** Subscribes to what was read. A unit that keeps its output also keeps the interest that it had: losing that could take away what it stands on. */
  #follow(reads: Reads, keepReach: boolean): void {
    const { homes } = this.#cell;
    if (!samePartitions(this.homes, homes)) this.#kind.claims.rehomed(this.#claims, this.homes, homes);
    const before = this.#sources;
    for (const source of reads.sources) source.subscribe(this);
    this.#sources = reads.sources;
    const reach = keepReach ? [...new Set([...this.#reach, ...reads.reach])] : reads.reach;
    this.#connect(homes, reach);
    const { run } = this.#kind.context.read;
    for (const source of before) if (source.lastRun !== run) source.unsubscribe(this);
  }
  /** Edges of the graph of interest, from where this unit is at home to what it reads. */
  #connect(homes: readonly Partition[], reach: readonly Partition[]): void {
    if (samePartitions(this.homes, homes) && samePartitions(this.#reach, reach)) return;
    const before = { homes: this.homes, reach: this.#reach };
    this.homes = homes;
    this.#reach = reach;
    for (const home of homes) for (const to of reach) if (home !== to) home.connect(to);
    for (const home of before.homes) for (const to of before.reach) if (home !== to) home.disconnect(to);
  }

  audit(): readonly string[] {
    const { context, claims } = this.#kind;
    const { partition } = this.#cell.shelf;
    const { row } = this.#cell;
    const waits = context.waiting.has(this);
    if (row === undefined || partition.state !== "current") return [];
    const now = this.#kind.evaluate(row, partition.at);
    const { sources, reach, pending } = now.reads;
    // What nobody reads was made just now, by this run.
    for (const source of sources) if (!source.isRead) source.unread();
    for (const reached of reach) reached.prune();
    // A partition that went pending since the last run is noticed by the next one: until then nothing has changed for this unit.
    if (pending) return [];
    if (waits) return ["should not wait"];
    const differences: string[] = [];
    const known = new Set(this.#sources);
    if (sources.length !== known.size || sources.some((source) => !known.has(source)))
      differences.push("reads something else");
    if ((now.fault !== undefined) !== context.faulty.has(this))
      differences.push(now.fault === undefined ? "should not fail" : `should fail: ${String(now.fault.thrown)}`);
    if (now.fault === undefined) differences.push(...claims.differences(this.#claims, now.values, now.keys));
    return differences;
  }
}
