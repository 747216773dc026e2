/** Something that is not as it shall be. */
export interface Difference {
  /** `store`: its records against the objects that they stand for. `host`: its controller against the store. `switch`: against its controller. */
  readonly where: "store" | "host" | "switch" | "reachability";
  /** Null where it is of no host. */
  readonly host: string | null;
  readonly problem: string;
  readonly what: string;
  /** The object of the model that it belongs to; null where nobody wants it. */
  readonly owner: { readonly kind: string; readonly id: string } | null;
  readonly detail: string;
  /** Of a packet: whose flows it met, and how it ended. */
  readonly flows?: readonly string[];
}

/** What makes two of them the same, however they look in detail. */
const keyOf = ({ where, host, problem, what, owner }: Difference): string =>
  JSON.stringify([where, host, problem, what, owner?.kind, owner?.id]);

/** Those of the second that were there at the first look too: what is gone by then was on its way. */
export function lasting(first: readonly Difference[], second: readonly Difference[]): readonly Difference[] {
  const before = new Set(first.map(keyOf));
  return second.filter((difference) => before.has(keyOf(difference)));
}
