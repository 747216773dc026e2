import type { Owner } from "./define.ts";

/** What runs when something that it read has changed: a unit, whatever it makes. */
export interface Runnable extends Owner {
  /** Position in the order of layers. */
  readonly layer: number;
  queued: boolean;
  /** Partitions that are not current and that it would read. */
  readonly waitsFor: readonly string[];
  run(): void;
  /** Compiles again and says how the result differs from what is remembered; changes nothing. */
  audit(): readonly string[];
}

/** Up to this many readers are an exact-size array (a small Set costs some 200 bytes), more are a Set. */
const FEW = 8;

/** Something that can be read and can change. One object per thing that is read, whatever the number of reads: no keys, no strings. */
export abstract class Source {
  /** The last run that read this, so that reading twice is remembered once. */
  lastRun = 0;
  #readers: readonly Runnable[] | Set<Runnable> | undefined = undefined;

  /** The last reader has gone: nothing may hold on to this source on account of readers. */
  abstract unread(): void;

  get readers(): Iterable<Runnable> {
    return this.#readers ?? NOBODY;
  }
  get isRead(): boolean {
    return this.#readers !== undefined;
  }
  get readerCount(): number {
    if (this.#readers === undefined) return 0;
    return this.#readers instanceof Set ? this.#readers.size : this.#readers.length;
  }

  subscribe(reader: Runnable): void {
    const now = this.#readers;
    if (now === undefined) this.#readers = [reader];
    else if (now instanceof Set) now.add(reader);
    else if (!now.includes(reader)) this.#readers = now.length < FEW ? [...now, reader] : new Set([...now, reader]);
  }
  unsubscribe(reader: Runnable): void {
    const now = this.#readers;
    if (now === undefined) return;
    if (now instanceof Set) {
      now.delete(reader);
      if (now.size === 0) this.#readers = undefined;
    } else {
      const rest = now.filter((other) => other !== reader);
      this.#readers = rest.length === 0 ? undefined : rest;
    }
    if (this.#readers === undefined) this.unread();
  }
}
const NOBODY: readonly Runnable[] = [];

/** A source whose value is compared when all changes of a step are in, not change by change: a set that loses and regains a member is the same. */
export abstract class SettledSource extends Source {
  /** Waiting to be compared. */
  touched = false;
  /** Whether the value differs from the one that readers saw; from now on it is what they see. */
  abstract settle(): boolean;
}

/** Units to run, by layer, and values to compare before they do. */
export class Schedule {
  readonly #queues: Runnable[][] = [];
  #touched: SettledSource[] = [];

  constructor(layers: number) {
    for (let layer = 0; layer < layers; layer++) this.#queues.push([]);
  }
  add(unit: Runnable): void {
    if (unit.queued) return;
    const queue = this.#queues[unit.layer];
    if (queue === undefined) throw new RangeError(`no layer ${unit.layer}`);
    unit.queued = true;
    queue.push(unit);
  }
  wake(source: Source): void {
    if (source.isRead) for (const reader of source.readers) this.add(reader);
  }
  touch(source: SettledSource): void {
    if (source.touched || !source.isRead) return;
    source.touched = true;
    this.#touched.push(source);
  }
  /** Takes the units of one layer, once all changes that the layers below made are settled. */
  take(layer: number): readonly Runnable[] {
    const touched = this.#touched;
    this.#touched = [];
    for (const source of touched) {
      source.touched = false;
      if (source.settle()) this.wake(source);
    }
    const units = this.#queues[layer] ?? [];
    this.#queues[layer] = [];
    for (const unit of units) unit.queued = false;
    return units;
  }
}
