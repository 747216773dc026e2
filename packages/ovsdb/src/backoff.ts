/** How long to wait before the next attempt, in milliseconds. */
export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Waits that double from `minMs` to `maxMs`, each shortened by up to a half at random: clients that lost one server
 * together do not come back together.
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #random: () => number;
  #ceilingMs: number;

  /** @param random gives 0 (included) to 1 (not) */
  constructor(limits: BackoffLimits, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
    this.#ceilingMs = limits.minMs;
  }

  next(): number {
    const ceiling = this.#ceilingMs;
    this.#ceilingMs = Math.min(ceiling * 2, this.#limits.maxMs);
    return ceiling * (1 - this.#random() / 2);
  }

  /** Begins again at `minMs`. */
  reset(): void {
    this.#ceilingMs = this.#limits.minMs;
  }
}
