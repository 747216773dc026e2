import { httpBadRequest } from "../errors.ts";
import { type Input, isInput } from "./attribute.ts";
import type { Caller } from "./request.ts";

/** Deeper than anything the API has a use for; shallow enough for every function that walks a value. */
const MAX_DEPTH = 32;

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return depth === 0 || Object.values(value).some((item) => isDeeperThan(item, depth - 1));
}

/** A request's body: undefined if it has none. @throws {NeutronError} 400 when it is not a JSON object. */
export function parseBody(text: unknown): Input | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What exactly is wrong with it is the client's to find: Neutron says no more.
    throw httpBadRequest("Body contains invalid data");
  }
  if (!isInput(value) || isDeeperThan(value, MAX_DEPTH)) throw httpBadRequest("Body contains invalid data");
  return value;
}

/** The two names of one thing: who gives one gives both. */
function withProject(input: Input): Input {
  const { project_id, tenant_id } = input;
  if (project_id === undefined && tenant_id === undefined) return input;
  const merged = { ...input, project_id: project_id ?? tenant_id, tenant_id: tenant_id ?? project_id };
  if (merged.project_id !== merged.tenant_id) throw httpBadRequest("'project_id' and 'tenant_id' do not match");
  return merged;
}

function checkItem(name: string, item: unknown): Input {
  if (item === null || item === undefined) throw missing(name);
  if (!isInput(item)) throw httpBadRequest(`Object '${name}' contains invalid data`);
  return withProject(item);
}
export const missing = (name: string) => httpBadRequest(`Unable to find '${name}' in request body`);

export interface Items {
  readonly isBulk: boolean;
  readonly items: readonly Input[];
}

const noBulk = () => httpBadRequest("Bulk operation not supported");

/** What a POST asks to create: `{name: {...}}`, or `{collection: [...]}` for several at once (at most `maxItems`; 0 = never). */
export function itemsToCreate(
  body: Input | undefined,
  name: string,
  collection: string,
  caller: Caller,
  maxItems: number,
): Items {
  if (body === undefined || !(Object.hasOwn(body, name) || Object.hasOwn(body, collection))) throw missing(name);
  const owned = (item: Input): Input =>
    Object.hasOwn(item, "project_id") ? item : { ...item, project_id: caller.projectId, tenant_id: caller.projectId };
  const several = body[collection];
  if (!Object.hasOwn(body, collection)) return { isBulk: false, items: [owned(checkItem(name, body[name]))] };
  if (maxItems === 0) throw noBulk();
  if (several === null || several === "" || (Array.isArray(several) && several.length === 0))
    throw httpBadRequest("Resources required");
  if (!Array.isArray(several)) throw httpBadRequest("Body contains invalid data");
  if (several.length > maxItems) throw httpBadRequest(`Too many items in one request, the limit is ${maxItems}`);
  const items = several.map((item: unknown) => {
    if (item === null || typeof item === "number" || typeof item === "boolean")
      throw httpBadRequest("Body contains invalid data");
    return owned(checkItem(name, isInput(item) && Object.hasOwn(item, name) ? item[name] : item));
  });
  return { isBulk: true, items };
}

/** What a PUT asks to change; undefined when it names nothing of this kind. */
export function itemToUpdate(body: Input | undefined, name: string, collection: string): Input | undefined {
  if (body === undefined) return undefined;
  if (Object.hasOwn(body, collection)) throw noBulk();
  return Object.hasOwn(body, name) ? checkItem(name, body[name]) : undefined;
}
