import { usesOf, type Wanted } from "./plan.ts";

/** Which flows use a group or a meter, by its key: they stand and fall with it. */
export class Uses {
  readonly #users = new Map<string, Set<string>>();

  /** What is wanted under `key` was `before`, and is `now`. */
  replace(key: string, before: Wanted | undefined, now: Wanted | undefined): void {
    for (const use of usesOf(before)) {
      const users = this.#users.get(use);
      users?.delete(key);
      if (users?.size === 0) this.#users.delete(use);
    }
    for (const use of usesOf(now)) {
      const users = this.#users.get(use);
      if (users === undefined) this.#users.set(use, new Set([key]));
      else users.add(key);
    }
  }

  of(use: string): Iterable<string> {
    return this.#users.get(use) ?? [];
  }
}
