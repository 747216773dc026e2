import { checkCharacters, type Input, Rejected } from "../core/attribute.ts";
import type { Transaction } from "../core/transaction.ts";
import { checkText, LIST_LIMIT, uniqueTexts } from "../core/types.ts";
import { invalidInput, tagNotFound, tagResourceNotFound } from "../errors.ts";

/** Resources that carry tags: the collection, and where its objects are. */
export const TAGGED = {
  networks: "networks",
  subnets: "subnets",
  ports: "ports",
  routers: "routers",
  security_groups: "securityGroups",
} as const;
export type Tagged = keyof typeof TAGGED;

export const isTagged = (collection: string): collection is Tagged => Object.hasOwn(TAGGED, collection);

const tagsType = uniqueTexts(255);

/** Every tag is checked like an attribute, and refused as an operation. */
function refusing<T>(check: () => T): T {
  try {
    return check();
  } catch (reason) {
    if (reason instanceof Rejected) throw invalidInput(reason.message);
    throw reason;
  }
}
export const checkTag = (tag: string): string => refusing(() => checkText(tag, 255));
export function parseTags(body: Input | undefined): readonly string[] {
  if (body === undefined || !Object.hasOwn(body, "tags")) throw invalidInput("Invalid tags body");
  return refusing(() => tagsType.parse(checkCharacters(body["tags"])));
}

/** Where tags are read from: the state, or a request on its way. */
type Readable = {
  readonly [K in (typeof TAGGED)[Tagged]]: { get(id: string): { readonly tags: readonly string[] } | undefined };
};

export function tagsOf(reader: Readable, collection: Tagged, id: string): readonly string[] {
  const object = reader[TAGGED[collection]].get(id);
  if (object === undefined) throw tagResourceNotFound(collection, id);
  return object.tags;
}
export function checkHasTag(reader: Readable, collection: Tagged, id: string, tag: string): void {
  if (!tagsOf(reader, collection, id).includes(tag)) throw tagNotFound(tag);
}

/** Replaces an object's tags by what `change` makes of them: a new revision, if that is different. */
export function changeTags(
  tx: Transaction,
  collection: Tagged,
  id: string,
  change: (tags: readonly string[]) => readonly string[],
): readonly string[] {
  const tags = change(tagsOf(tx, collection, id));
  if (tags.length > LIST_LIMIT) throw invalidInput(`An object must not have more than ${LIST_LIMIT} tags`);
  switch (collection) {
    case "networks":
      return retag(tx, tx.networks, id, tags);
    case "subnets":
      return retag(tx, tx.subnets, id, tags);
    case "ports":
      return retag(tx, tx.ports, id, tags);
    case "routers":
      return retag(tx, tx.routers, id, tags);
    case "security_groups":
      return retag(tx, tx.securityGroups, id, tags);
  }
}

interface Taggable {
  readonly id: string;
  readonly tags: readonly string[];
  readonly revision_number: number;
  readonly updated_at: string;
}
function retag<O extends Taggable>(
  tx: Transaction,
  table: { get(id: string): O | undefined; put(object: O): O },
  id: string,
  tags: readonly string[],
): readonly string[] {
  const object = table.get(id);
  const isSame = object?.tags.length === tags.length && object.tags.every((tag) => tags.includes(tag));
  if (object !== undefined && !isSame) table.put(tx.touch({ ...object, tags }));
  return tags;
}
