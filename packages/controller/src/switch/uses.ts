import type { Wanted } from "./plan.ts";

/** Who uses what: flows the groups and meters that they stand and fall with, or zones. */
export class Uses {
  readonly #usesOf: (wanted: Wanted | undefined) => readonly string[];
  readonly #users = new Map<string, Set<string>>();

  constructor(usesOf: (wanted: Wanted | undefined) => readonly string[]) {
    this.#usesOf = usesOf;
  }

  /** What is wanted under `key` was `before`, and is `now`. */
  replace(key: string, before: Wanted | undefined, now: Wanted | undefined): void {
    for (const use of this.#usesOf(before)) {
      const users = this.#users.get(use);
      users?.delete(key);
      if (users?.size === 0) this.#users.delete(use);
    }
    for (const use of this.#usesOf(now)) {
      const users = this.#users.get(use);
      if (users === undefined) this.#users.set(use, new Set([key]));
      else users.add(key);
    }
  }

  of(use: string): Iterable<string> {
    return this.#users.get(use) ?? [];
  }
  has(use: string): boolean {
    return this.#users.has(use);
  }
}
