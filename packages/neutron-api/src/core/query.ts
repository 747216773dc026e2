import { badRequest, httpBadRequest } from "../errors.ts";
import { type Attribute, type Attributes, valueOf } from "./attribute.ts";
import type { Collection } from "./collection.ts";
import type { Reader } from "./state.ts";

/** What a list request asks for. Filters of several values match any of them; several filters must all match. */
export interface Query {
  readonly filters: ReadonlyMap<string, readonly string[]>;
  readonly fields: ReadonlySet<string>;
  readonly sorts: readonly { readonly key: string; readonly ascending: boolean }[];
  /** 0 = everything. */
  readonly limit: number;
  readonly marker: string | undefined;
  readonly reverse: boolean;
}
const CONTROLS: readonly string[] = ["fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"];

/** A filter that is not "this attribute equals": narrows by all its values at once. */
export interface SpecialFilter<O> {
  readonly matches: (object: O, values: readonly string[]) => boolean;
  /** Objects that can match, where an index knows them. */
  readonly candidates?: (
    values: readonly string[],
    table: Collection<O & { readonly id: string }>,
  ) => readonly O[] | undefined;
}
export type SpecialFilters<O> = Readonly<Record<string, SpecialFilter<O>>>;

function groupByName(search: URLSearchParams): Map<string, string[]> {
  const grouped = new Map<string, string[]>();
  for (const [name, value] of search) {
    const values = grouped.get(name);
    if (values === undefined) grouped.set(name, [value]);
    else values.push(value);
  }
  return grouped;
}

function parseLimit(text: string | undefined, maxPageSize: number): number {
  const limit = text === undefined ? 0 : /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : -1;
  if (limit < 0) throw badRequest("limit", `Limit must be an integer 0 or greater and not '${text}'`);
  return maxPageSize > 0 ? Math.min(limit === 0 ? maxPageSize : limit, maxPageSize) : limit;
}

function parseSorts<O>(search: URLSearchParams, attributes: Attributes<O>): Query["sorts"] {
  const keys = search.getAll("sort_key").filter((key) => key !== "");
  const directions = search.getAll("sort_dir").filter((direction) => direction !== "");
  if (keys.length !== directions.length) throw httpBadRequest("The number of sort_keys and sort_dirs must be same");
  const unknown = keys.filter((key) => attributes[key]?.sort !== true);
  if (unknown.length > 0) throw httpBadRequest(`${quoteList(unknown)} is invalid attribute for sort_keys`);
  const invalid = directions.filter((direction) => direction !== "asc" && direction !== "desc");
  if (invalid.length > 0)
    throw httpBadRequest(`${quoteList(invalid)} is invalid value for sort_dirs, valid value is 'asc' and 'desc'`);
  return keys.map((key, i) => ({ key, ascending: directions[i] === "asc" }));
}

const quoteList = (items: readonly string[]) => `[${items.map((item) => `'${item}'`).join(", ")}]`;

export function parseQuery<O>(
  search: URLSearchParams,
  attributes: Attributes<O>,
  special: SpecialFilters<O>,
  maxPageSize: number,
): Query {
  const filters = new Map<string, readonly string[]>();
  const unknown: string[] = [];
  for (const [name, values] of groupByName(search)) {
    if (CONTROLS.includes(name)) continue;
    if (attributes[name]?.filter !== true && !Object.hasOwn(special, name)) unknown.push(name);
    else filters.set(name, values);
  }
  if (unknown.length > 0) throw httpBadRequest(`${quoteList(unknown)} is invalid attribute for filtering`);
  return {
    filters,
    fields: new Set(search.getAll("fields").filter((field) => field !== "")),
    sorts: parseSorts(search, attributes),
    limit: parseLimit(search.get("limit") ?? undefined, maxPageSize),
    marker: search.get("marker") ?? undefined,
    reverse: search.get("page_reverse")?.toLowerCase() === "true",
  };
}

/** Values compare as text: a filter's text through the attribute's type, so that `shared=TRUE` finds `true`. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
}
function wantedTexts<O>(attribute: Attribute<O> | undefined, values: readonly string[]): ReadonlySet<string> {
  const convert = attribute?.type?.fromQuery;
  return new Set(values.map((value) => textOf(convert === undefined ? value : convert(value))));
}

/** The objects that match, in no particular order. Looks at those of the narrowest index that a filter names, or at all. */
export function filterObjects<O extends { readonly id: string }>(
  table: Collection<O>,
  attributes: Attributes<O>,
  special: SpecialFilters<O>,
  filters: Query["filters"],
  reader: Reader,
): readonly O[] {
  const tests: ((object: O) => boolean)[] = [];
  let candidates: Iterable<O> | undefined;
  let width = table.size;
  const narrow = (objects: readonly O[] | undefined) => {
    if (objects === undefined || objects.length > width) return;
    width = objects.length;
    candidates = new Map(objects.map((object) => [object.id, object])).values();
  };
  for (const [name, values] of filters) {
    const filter = special[name];
    if (filter !== undefined) {
      tests.push((object) => filter.matches(object, values));
      narrow(filter.candidates?.(values, table));
      continue;
    }
    const wanted = wantedTexts(attributes[name], values);
    tests.push((object) => wanted.has(textOf(valueOf(attributes, name, object, reader))));
    const index = name === "tenant_id" ? "project_id" : name;
    if (name === "id") narrow([...wanted].flatMap((id) => table.get(id) ?? []));
    else if (table.isIndexed(index)) narrow([...wanted].flatMap((key) => table.by(index, key)));
  }
  const matching: O[] = [];
  for (const object of candidates ?? table.values()) if (tests.every((test) => test(object))) matching.push(object);
  return matching;
}

function compareValues(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [x, y] = [textOf(a), textOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Sorted as asked, by id where nothing else decides: a page needs an order that everybody agrees on. */
export function comparator<O extends { readonly id: string }>(
  attributes: Attributes<O>,
  sorts: Query["sorts"],
  reader: Reader,
): (a: O, b: O) => number {
  return (a, b) => {
    for (const { key, ascending } of sorts) {
      const order = compareValues(valueOf(attributes, key, a, reader), valueOf(attributes, key, b, reader));
      if (order !== 0) return ascending ? order : -order;
    }
    return compareValues(a.id, b.id);
  };
}

/** The page of a sorted list that comes after (reversed: before) the marker, the marker itself left out. */
export function pageOf<O>(
  sorted: readonly O[],
  query: Query,
  marker: O | undefined,
  compare: (a: O, b: O) => number,
): readonly O[] {
  if (query.limit === 0) return sorted;
  if (marker === undefined) return query.reverse ? sorted.slice(-query.limit) : sorted.slice(0, query.limit);
  if (query.reverse) return sorted.filter((o) => compare(o, marker) < 0).slice(-query.limit);
  return sorted.filter((o) => compare(o, marker) > 0).slice(0, query.limit);
}
