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

/** Keys of one index, at which everything that can match is found. */
interface Lookup {
  readonly index: string;
  readonly keys: readonly string[];
}
/** A filter that is not "this attribute equals": narrows by all its values at once. */
export interface SpecialFilter<O> {
  readonly matches: (object: O, values: readonly string[], reader: Reader) => boolean;
  readonly lookup?: (values: readonly string[]) => Lookup | undefined;
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

/** The objects at a lookup's keys, each once. */
function lookUp<O extends { readonly id: string }>(table: Collection<O>, { index, keys }: Lookup): Iterable<O> {
  const found = keys.flatMap((key) => (index === "id" ? (table.get(key) ?? []) : table.by(index, key)));
  return keys.length < 2 ? found : new Map(found.map((object) => [object.id, object])).values();
}
function widthOf<O extends { readonly id: string }>(table: Collection<O>, { index, keys }: Lookup): number {
  return index === "id" ? keys.length : keys.reduce((sum, key) => sum + table.count(index, key), 0);
}

/** The objects that match, in no particular order. Looks at those of the narrowest index that a filter names, or at all. */
function filterObjects<O extends { readonly id: string }>(
  table: Collection<O>,
  attributes: Attributes<O>,
  special: SpecialFilters<O>,
  filters: Query["filters"],
  reader: Reader,
): readonly O[] {
  const tests: ((object: O) => boolean)[] = [];
  let narrowest: { readonly lookup: Lookup; readonly width: number } | undefined;
  const consider = (lookup: Lookup | undefined) => {
    if (lookup === undefined) return;
    const width = widthOf(table, lookup);
    if (width < (narrowest?.width ?? table.size)) narrowest = { lookup, width };
  };
  for (const [name, values] of filters) {
    const filter = special[name];
    if (filter !== undefined) {
      tests.push((object) => filter.matches(object, values, reader));
      consider(filter.lookup?.(values));
      continue;
    }
    const wanted = wantedTexts(attributes[name], values);
    tests.push((object) => wanted.has(textOf(valueOf(attributes, name, object, reader))));
    const index = name === "tenant_id" ? "project_id" : name;
    if (index === "id" || table.isIndexed(index)) consider({ index, keys: [...wanted] });
  }
  const candidates = narrowest === undefined ? table.values() : lookUp(table, narrowest.lookup);
  const matching: O[] = [];
  for (const object of candidates) if (tests.every((test) => test(object))) matching.push(object);
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
function comparator<O extends { readonly id: string }>(
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
function pageOf<O>(
  sorted: readonly O[],
  query: Query,
  marker: O | undefined,
  compare: (a: O, b: O) => number,
): readonly O[] {
  if (query.limit === 0) return sorted;
  const end = query.reverse
    ? countBefore(sorted, (o) => marker === undefined || compare(o, marker) < 0)
    : sorted.length;
  if (query.reverse) return sorted.slice(Math.max(0, end - query.limit), end);
  const start = marker === undefined ? 0 : countBefore(sorted, (o) => compare(o, marker) <= 0);
  return sorted.slice(start, start + query.limit);
}

/** How many of the first are `before`, where those that are come first. */
function countBefore<T>(sorted: readonly T[], before: (item: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = sorted[middle];
    if (item !== undefined && before(item)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A page of everything in the order of ids, which is known: costs what it returns, so that paging through a cloud is not quadratic. */
function plainPage<O extends { readonly id: string }>(
  table: Collection<O>,
  query: Query,
  marker: O | undefined,
): readonly O[] {
  const ids = pageOf(table.ids(), query, marker?.id, compareValues);
  return ids.flatMap((id) => table.get(id) ?? []);
}

/** The objects that a query asks for, in the order that it asks for. */
export function runQuery<O extends { readonly id: string }>(
  table: Collection<O>,
  attributes: Attributes<O>,
  special: SpecialFilters<O>,
  query: Query,
  marker: O | undefined,
  reader: Reader,
): readonly O[] {
  if (query.limit > 0 && query.filters.size === 0 && query.sorts.length === 0) return plainPage(table, query, marker);
  const matching = [...filterObjects(table, attributes, special, query.filters, reader)];
  const compare = comparator(attributes, query.sorts, reader);
  if (query.sorts.length > 0 || query.limit > 0) matching.sort(compare);
  return pageOf(matching, query, marker, compare);
}
