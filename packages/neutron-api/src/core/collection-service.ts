import { badRequest, methodNotAllowed, objectExists, revisionMismatch } from "../errors.ts";
import { type Attributes, type Input, parsePost, parsePut, viewOf } from "./attribute.ts";
import { itemsToCreate, itemToUpdate, missing } from "./body.ts";
import type { Engine } from "./engine.ts";
import { parseQuery, type Query, runQuery } from "./query.ts";
import type { Caller } from "./request.ts";
import type { Resource } from "./resource.ts";
import type { Transaction } from "./transaction.ts";

/** A request as the resources see it. */
export interface Call {
  readonly caller: Caller;
  readonly search: URLSearchParams;
  readonly body: Input | undefined;
  /** Whether there was anything at all where a body would be. */
  readonly hasBody: boolean;
  /** From the header If-Match: the revision that the object must have. */
  readonly revision: number | undefined;
  /** From the header X-Dragonflow-Object-Id: the id that the client chose for the one object that it creates. */
  readonly objectId: string | undefined;
  /** `scheme://host:port` as the client wrote it, and the address without its query: links start from here. */
  readonly origin: string;
  readonly url: string;
}

/** One collection over HTTP: what {@link Resource} declares, with all that is the same for every resource. */
export interface CollectionService {
  readonly name: string;
  readonly collection: string;
  readonly can: { readonly create: boolean; readonly update: boolean; readonly remove: boolean };
  list(call: Call): Promise<Input>;
  show(call: Call, id: string): Promise<Input>;
  create(call: Call): Promise<Input>;
  update(call: Call, id: string): Promise<Input>;
  remove(call: Call, id: string): Promise<void>;
}

const ALL_FIELDS: ReadonlySet<string> = new Set();

export function serveCollection<O extends { readonly id: string }, A extends Attributes<O>>(
  engine: Engine,
  resource: Resource<O, A>,
): CollectionService {
  const { attributes, name, collection } = resource;
  const special = resource.filters ?? {};
  const maxItems = resource.bulk ? engine.config.maxBulkItems : 0;

  const find = (tx: Transaction, id: string): O => {
    const object = resource.tableIn(tx).get(id);
    if (object === undefined) throw resource.notFound(id);
    return object;
  };

  return {
    name,
    collection,
    can: {
      create: (resource.create ?? resource.createAll) !== undefined,
      update: resource.update !== undefined,
      remove: resource.remove !== undefined,
    },

    async list({ caller, search, url }) {
      const query = parseQuery(search, attributes, special, engine.config.maxPageSize);
      const state = await engine.read();
      const prepare = resource.beforeList?.(state, caller, query.filters);
      if (prepare !== undefined) {
        await engine.transact(prepare);
        await engine.read();
      }
      const table = resource.table(state);
      const marker = query.limit === 0 || query.marker === undefined ? undefined : table.get(query.marker);
      if (query.limit > 0 && query.marker !== undefined && marker === undefined) throw resource.notFound(query.marker);
      const page = runQuery(table, attributes, special, query, marker, state);
      const items = page.map((object) => viewOf(attributes, object, state, query.fields));
      const links = pageLinks(url, search, query, page);
      return links.length === 0 ? { [collection]: items } : { [collection]: items, [`${collection}_links`]: links };
    },

    async show({ search }, id) {
      const { fields } = parseQuery(search, attributes, special, engine.config.maxPageSize);
      const state = await engine.read();
      const object = resource.table(state).get(id);
      if (object === undefined) throw resource.notFound(id);
      return { [name]: viewOf(attributes, object, state, fields) };
    },

    async create({ body, caller, objectId }) {
      const { create, createAll = create && ((tx, all, by) => all.map((values) => create(tx, values, by))) } = resource;
      if (createAll === undefined) throw methodNotAllowed();
      const { isBulk, items } = itemsToCreate(body, name, collection, caller, maxItems);
      if (isBulk && objectId !== undefined)
        throw badRequest(name, "an id can be chosen for one object, not for several");
      const requests = items.map((item) => parsePost<O, A>(attributes, item));
      const views = await engine.transact((tx) => {
        if (resource.quota !== undefined) checkQuotas(tx, resource.quota, items);
        if (objectId !== undefined) {
          if (resource.tableIn(tx).get(objectId) !== undefined) throw objectExists(name, objectId);
          tx.chooseId(objectId);
        }
        const created = createAll(tx, requests, caller);
        return created.map(({ id }) => viewOf(attributes, find(tx, id), tx, ALL_FIELDS));
      });
      return isBulk ? { [collection]: views } : { [name]: views[0] };
    },

    async update({ body, caller, revision }, id) {
      const { update } = resource;
      if (update === undefined) throw methodNotAllowed();
      const item = itemToUpdate(body, name, collection);
      const changes = item === undefined ? undefined : parsePut<O, A>(attributes, item);
      return engine.transact((tx) => {
        const object = find(tx, id);
        if (changes === undefined) throw missing(name);
        checkRevision(object, revision);
        return { [name]: viewOf(attributes, update(tx, object, changes, caller), tx, ALL_FIELDS) };
      });
    },

    async remove({ caller, revision }, id) {
      const { remove } = resource;
      if (remove === undefined) throw methodNotAllowed();
      await engine.transact((tx) => {
        const object = find(tx, id);
        checkRevision(object, revision);
        remove(tx, object, caller);
      });
    },
  };
}

/** @throws {NeutronError} 412 when the object is not at the revision that the client knows. */
export function checkRevision(object: { readonly id: string }, expected: number | undefined): void {
  if (expected === undefined) return;
  const revision: unknown = Reflect.get(object, "revision_number");
  if (revision !== expected) throw revisionMismatch(expected, revision);
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * An id that the client chose: for who mirrors another Neutron, or has to name an object before it is there. Neutron itself takes no id in a body,
 * and neither do we.
 */
export function parseObjectId(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== "string" || !UUID.test(header))
    throw badRequest("X-Dragonflow-Object-Id", `'${String(header).slice(0, 100)}' is not a UUID in lower case`);
  return header;
}

/** The revision in an If-Match header: `revision_number=N`, among others. */
export function parseIfMatch(header: string | undefined): number | undefined {
  const tags = [...(header ?? "").matchAll(/"?(revision_number=([^",]*))"?/g)].map((match) => match[2] ?? "");
  if (tags.length > 1) throw badRequest("if-match", "Multiple revision_number etags are not supported.");
  const [tag] = tags;
  if (tag === undefined) return undefined;
  if (!/^\s*[+-]?\d+\s*$/.test(tag))
    throw badRequest("if-match", "Revision number etag must be in the format of revision_number=<int>");
  return Number(tag);
}

function checkQuotas(tx: Transaction, quota: Parameters<Transaction["checkQuota"]>[0], items: readonly Input[]): void {
  const perProject = new Map<string, number>();
  for (const { project_id } of items)
    if (typeof project_id === "string") perProject.set(project_id, (perProject.get(project_id) ?? 0) + 1);
  for (const [projectId, adding] of perProject) tx.checkQuota(quota, projectId, adding);
}

interface Link {
  readonly rel: "next" | "previous";
  readonly href: string;
}

/** Where the pages beside this one are. A page that is not full has none in its direction. */
function pageLinks(
  url: string,
  search: URLSearchParams,
  query: Query,
  page: readonly { readonly id: string }[],
): readonly Link[] {
  if (query.limit === 0) return [];
  const link = (rel: Link["rel"], marker: string | undefined): Link => {
    const params = new URLSearchParams(search);
    params.delete("marker");
    params.delete("page_reverse");
    if (marker !== undefined) params.set("marker", marker);
    if (rel === "previous") params.set("page_reverse", "True");
    return { rel, href: `${url}?${params.toString()}` };
  };
  const isShort = page.length < query.limit;
  const links: Link[] = [];
  if (!isShort || query.reverse) links.push(link("next", page.at(-1)?.id));
  if (!isShort || !query.reverse) links.push(link("previous", page[0]?.id));
  return links;
}
