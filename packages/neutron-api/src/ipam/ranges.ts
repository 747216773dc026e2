/** A run of addresses, both ends included. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** How many of the lowest free addresses a choice is made among: wide enough that concurrent choosers seldom meet. */
export const WINDOW = 1024n;

/**
 * The free addresses of one subnet's allocation pools: disjoint runs in order, kept as addresses are taken and given back, so that neither a request
 * nor a change costs what the subnet holds.
 */
export class FreeRanges {
  readonly #pools: readonly Range[];
  #runs: Range[];

  constructor(pools: readonly Range[]) {
    this.#pools = [...pools].sort((a, b) => (a.first < b.first ? -1 : 1));
    this.#runs = this.#pools.map(({ first, last }) => ({ first, last }));
  }

  runs(): readonly Range[] {
    return this.#runs;
  }

  /** Index of the run with this address, or of the first run behind it. */
  #find(address: bigint): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const run = this.#runs[middle];
      if (run !== undefined && run.last < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(address: bigint): boolean {
    const run = this.#runs[this.#find(address)];
    return run !== undefined && run.first <= address;
  }

  /** No effect on an address that is not free. */
  take(address: bigint): void {
    const at = this.#find(address);
    const run = this.#runs[at];
    if (run === undefined || run.first > address) return;
    const rest: Range[] = [];
    if (run.first < address) rest.push({ first: run.first, last: address - 1n });
    if (run.last > address) rest.push({ first: address + 1n, last: run.last });
    this.#runs.splice(at, 1, ...rest);
  }

  /** No effect on an address that is free, or in no pool. */
  give(address: bigint): void {
    if (this.has(address) || !this.#pools.some((pool) => pool.first <= address && address <= pool.last)) return;
    const at = this.#find(address);
    const before = this.#runs[at - 1];
    const after = this.#runs[at];
    const joinsBefore = before !== undefined && before.last + 1n === address;
    const joinsAfter = after !== undefined && after.first - 1n === address;
    const joined = { first: joinsBefore ? before.first : address, last: joinsAfter ? after.last : address };
    this.#runs.splice(at - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), joined);
  }

  /**
   * One free address that `isTaken` does not claim: at random among the lowest, so that servers that choose at the same time choose differently.
   * @param random gives a number in [0, 1); 0 always gives the lowest.
   */
  choose(random: () => number, isTaken: (address: bigint) => boolean): bigint | undefined {
    const width = this.#windowWidth();
    if (width > 0n) {
      for (let attempt = 0; attempt < 8; attempt++) {
        const address = this.#at(BigInt(Math.floor(random() * Number(width))));
        if (address !== undefined && !isTaken(address)) return address;
      }
    }
    for (const run of this.#runs) {
      for (let address = run.first; address <= run.last; address++) if (!isTaken(address)) return address;
    }
    return undefined;
  }

  #windowWidth(): bigint {
    let width = 0n;
    for (const run of this.#runs) {
      width += run.last - run.first + 1n;
      if (width >= WINDOW) return WINDOW;
    }
    return width;
  }

  /** The free address with this many free ones before it. */
  #at(offset: bigint): bigint | undefined {
    let left = offset;
    for (const run of this.#runs) {
      const length = run.last - run.first + 1n;
      if (left < length) return run.first + left;
      left -= length;
    }
    return undefined;
  }
}
