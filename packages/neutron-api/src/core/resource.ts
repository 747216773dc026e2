import { randomInt } from "node:crypto";
import type { NeutronError } from "../errors.ts";
import type { Attributes, PostOf, PutOf } from "./attribute.ts";
import type { Collection, Table } from "./collection.ts";
import type { Limited } from "./limited.ts";
import type { Query, SpecialFilters } from "./query.ts";
import type { Caller } from "./request.ts";
import type { Reader, State } from "./state.ts";
import type { Transaction } from "./transaction.ts";
import { text } from "./types.ts";

/** A collection that clients create, read, update and delete in. The generic core does all that these functions leave out. */
export interface Resource<O extends { readonly id: string }, A extends Attributes<O>> {
  readonly name: string;
  readonly collection: string;
  readonly attributes: A;
  readonly table: (state: State) => Collection<O>;
  readonly tableIn: (tx: Transaction) => Table<O>;
  readonly filters?: SpecialFilters<O>;
  readonly notFound: (id: string) => NeutronError;
  /** Absent: clients cannot. Each adds what it changes to the transaction, and returns the object as it will be. */
  readonly create?: (tx: Transaction, values: PostOf<A>, caller: Caller) => O;
  /** Instead of `create`, where what one POST creates is checked together. */
  readonly createAll?: (tx: Transaction, values: readonly PostOf<A>[], caller: Caller) => readonly O[];
  readonly update?: (tx: Transaction, object: O, values: PutOf<A>, caller: Caller) => O;
  readonly remove?: (tx: Transaction, object: O, caller: Caller) => void;
  /** Can a POST make several at once? */
  readonly bulk: boolean;
  /** Resources that a project may have only so many of. */
  readonly quota?: Limited;
  /** What has to be there before a list can be shown, if something is missing. */
  readonly beforeList?: (
    reader: Reader,
    caller: Caller,
    filters: Query["filters"],
  ) => ((tx: Transaction) => void) | undefined;
}

interface Standard {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision_number: number;
  readonly tags: readonly string[];
}

/** Rows that every resource with a life of its own has. */
export const identityAttributes = {
  id: { filter: true, sort: true },
  name: { type: text(255), post: true, put: true, default: "", filter: true, sort: true },
  tenant_id: {
    type: text(255),
    post: true,
    filter: true,
    sort: true,
    value: (o: Pick<Standard, "project_id">) => o.project_id,
  },
} as const satisfies Attributes<Pick<Standard, "id" | "name" | "project_id">>;

export const standardAttributes = {
  project_id: { type: text(255), post: true, filter: true, sort: true },
  description: { type: text(255), post: true, put: true, default: "", filter: true, sort: true },
  tags: {},
  created_at: { filter: true, sort: true },
  updated_at: { filter: true, sort: true },
  revision_number: { filter: true, sort: true },
} as const satisfies Attributes<Standard>;

/** What is the same in every new object. */
export function newObject(
  tx: Transaction,
  values: { readonly project_id: string; readonly name: string; readonly description: string },
  id = tx.newId(),
): Standard {
  return {
    id,
    project_id: values.project_id,
    name: values.name,
    description: values.description,
    created_at: tx.now,
    updated_at: tx.now,
    revision_number: 1,
    tags: [],
  };
}

/** A random number that no object of the table has; the guards settle what two servers choose at once. */
export function freeKey(max: number, isUsed: (key: string) => boolean): number {
  for (;;) {
    const key = randomInt(1, max);
    if (!isUsed(String(key))) return key;
  }
}

/** The values that a PUT names, under the names that the object keeps them by. */
export function given<T extends object>(changes: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(changes).filter(([, value]) => value !== undefined);
  const result: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const [name, value] of kept) Reflect.set(result, name, value);
  return result;
}

function tagSet(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(",")).filter((tag) => tag !== "");
}

/** Filters by tags: each takes several, separated by commas. */
export const standardFilters = {
  tags: { matches: (o, values) => tagSet(values).every((tag) => o.tags.includes(tag)) },
  "tags-any": { matches: (o, values) => tagSet(values).some((tag) => o.tags.includes(tag)) },
  "not-tags": { matches: (o, values) => !tagSet(values).every((tag) => o.tags.includes(tag)) },
  "not-tags-any": { matches: (o, values) => !tagSet(values).some((tag) => o.tags.includes(tag)) },
} as const satisfies SpecialFilters<Standard>;
