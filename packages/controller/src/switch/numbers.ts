/**
 * Numbers for the names that flows use (groups, meters). A name gets the lowest free number of our range; after a restart it gets back the number
 * that the switch's own flows show (see `adopt`), so that nothing has to be written down anywhere else.
 */
export class Numbers {
  readonly #first: number;
  readonly #last: number;
  readonly #byName = new Map<string, number>();
  readonly #taken = new Set<number>();
  #next: number;

  /** Both ends belong to the range; numbers outside are somebody else's. */
  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  isOurs(number: number): boolean {
    return number >= this.#first && number <= this.#last;
  }

  /** Undefined for a name that has none yet. */
  numberOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  /** @throws {RangeError} when all numbers are taken. */
  of(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    while (this.#taken.has(this.#next)) this.#next++;
    if (this.#next > this.#last) throw new RangeError(`no number left between ${this.#first} and ${this.#last}`);
    this.#take(name, this.#next);
    return this.#next;
  }

  /** The name keeps a number that was found in the switch, unless it has one already or the number has a name. */
  adopt(name: string, number: number): void {
    if (!this.isOurs(number) || this.#byName.has(name) || this.#taken.has(number)) return;
    this.#take(name, number);
  }

  /** Only once nothing in the switch uses the number any more. */
  release(name: string): void {
    const number = this.#byName.get(name);
    if (number === undefined) return;
    this.#byName.delete(name);
    this.#taken.delete(number);
    if (number < this.#next) this.#next = number;
  }

  /** Forgets all other names: what they stood for is looked for in the switch again. */
  retain(isWanted: (name: string) => boolean): void {
    for (const name of this.#byName.keys()) if (!isWanted(name)) this.release(name);
  }

  #take(name: string, number: number): void {
    this.#byName.set(name, number);
    this.#taken.add(number);
  }
}
