import type { RouterObject } from "@dragonflow/model";
import { type Input, viewOf } from "../core/attribute.ts";
import { type Call, checkRevision } from "../core/collection-service.ts";
import type { Engine } from "../core/engine.ts";
import type { Transaction } from "../core/transaction.ts";
import { addressGroupNotFound, httpNotFound, routerNotFound } from "../errors.ts";
import { actionAttributes, addAddresses, removeAddresses } from "../resources/address-groups.ts";
import { availabilityZones } from "../resources/availability-zones.ts";
import { EXTENSIONS } from "../resources/extensions.ts";
import { addExtraRoutes, removeExtraRoutes } from "../resources/extra-routes.ts";
import {
  allLimits,
  defaultLimits,
  limitsOf,
  parseLimits,
  resetLimits,
  setLimits,
  usageOf,
} from "../resources/quotas.ts";
import { addRouterInterface, removeRouterInterface } from "../resources/router-interfaces.ts";
import { routers } from "../resources/routers.ts";
import {
  changeTags,
  checkHasTag,
  checkTag,
  isTagged,
  parseTags,
  TAGGED,
  type Tagged,
  tagsOf,
} from "../resources/tags.ts";
import type { Endpoint, Handler } from "./endpoint.ts";

/** Which versions there are, and what is in the one. */
function discovery(): readonly Endpoint[] {
  const core = ["network", "subnet", "port"];
  return [
    {
      path: "/",
      on: {
        GET: ({ origin }) => ({
          body: {
            versions: [{ id: "v2.0", status: "CURRENT", links: [{ rel: "self", href: `${origin}/v2.0/` }] }],
          },
        }),
      },
    },
    {
      path: "/v2.0",
      on: {
        GET: ({ origin, url }) => {
          if (!url.endsWith("/")) throw httpNotFound();
          return {
            body: {
              resources: core.map((name) => ({
                name,
                collection: `${name}s`,
                links: [{ rel: "self", href: `${origin}/v2.0/${name}s` }],
              })),
            },
          };
        },
      },
    },
    { path: "/v2.0/extensions", on: { GET: () => ({ body: { extensions: EXTENSIONS } }) } },
    {
      path: "/v2.0/extensions/:alias",
      on: {
        GET: (_, { alias = "" }) => {
          const extension = EXTENSIONS.find((e) => e.alias === alias);
          if (extension === undefined) throw httpNotFound(`Extension with alias ${alias} does not exist`);
          return { body: { extension } };
        },
      },
    },
  ];
}

function routerActions(engine: Engine): readonly Endpoint[] {
  const action =
    (act: (tx: Transaction, router: RouterObject, body: Input | undefined) => Input): Handler =>
    async (call, { id = "" }) => ({
      body: await engine.transact((tx) => {
        const router = tx.routers.get(id);
        if (router === undefined) throw routerNotFound(id);
        checkRevision(router, call.revision);
        return act(tx, router, call.body);
      }),
    });
  const shown = (act: (tx: Transaction, router: RouterObject, body: Input | undefined) => RouterObject) =>
    action((tx, router, body) => ({ router: viewOf(routers.attributes, act(tx, router, body), tx, new Set()) }));
  return [
    { path: "/v2.0/routers/:id/add_router_interface", on: { PUT: action(addRouterInterface) } },
    { path: "/v2.0/routers/:id/remove_router_interface", on: { PUT: action(removeRouterInterface) } },
    { path: "/v2.0/routers/:id/add_extraroutes", on: { PUT: shown(addExtraRoutes) } },
    { path: "/v2.0/routers/:id/remove_extraroutes", on: { PUT: shown(removeExtraRoutes) } },
  ];
}

function addressGroupActions(engine: Engine): readonly Endpoint[] {
  const action =
    (act: typeof addAddresses): Handler =>
    async (call, { id = "" }) => ({
      body: await engine.transact((tx) => {
        const group = tx.addressGroups.get(id);
        if (group === undefined) throw addressGroupNotFound(id);
        checkRevision(group, call.revision);
        return { address_group: viewOf(actionAttributes, act(tx, group, call.body), tx, new Set()) };
      }),
    });
  return [
    { path: "/v2.0/address_groups/:id/add_addresses", on: { PUT: action(addAddresses) } },
    { path: "/v2.0/address_groups/:id/remove_addresses", on: { PUT: action(removeAddresses) } },
  ];
}

function tags(engine: Engine, collection: Tagged): readonly Endpoint[] {
  const change = (call: Call, id: string, to: (tags: readonly string[], tx: Transaction) => readonly string[]) =>
    engine.transact((tx) => {
      const object = tx[TAGGED[collection]].get(id);
      if (object !== undefined) checkRevision(object, call.revision);
      return changeTags(tx, collection, id, (current) => to(current, tx));
    });
  return [
    {
      path: `/v2.0/${collection}/:id/tags`,
      on: {
        GET: async (_, { id = "" }) => ({ body: { tags: tagsOf(await engine.read(), collection, id) } }),
        PUT: async (call, { id = "" }) => {
          const wanted = parseTags(call.body);
          return { body: { tags: await change(call, id, () => wanted) } };
        },
        POST: () => {
          throw httpNotFound("not supported");
        },
        DELETE: async (call, { id = "" }) => {
          await change(call, id, () => []);
          return {};
        },
      },
    },
    {
      path: `/v2.0/${collection}/:id/tags/:tag`,
      on: {
        GET: async (_, { id = "", tag = "" }) => {
          checkHasTag(await engine.read(), collection, id, checkTag(tag));
          return {};
        },
        PUT: async (call, { id = "", tag = "" }) => {
          checkTag(tag);
          await change(call, id, (current) => (current.includes(tag) ? current : [...current, tag]));
          return { status: 201, body: null };
        },
        DELETE: async (call, { id = "", tag = "" }) => {
          checkTag(tag);
          await change(call, id, (current, tx) => {
            checkHasTag(tx, collection, id, tag);
            return current.filter((other) => other !== tag);
          });
          return {};
        },
      },
    },
  ];
}

function quotas(engine: Engine): readonly Endpoint[] {
  return [
    { path: "/v2.0/quotas", on: { GET: async () => ({ body: { quotas: allLimits(await engine.read()) } }) } },
    {
      path: "/v2.0/quotas/:project",
      on: {
        GET: async ({ caller }, { project = "" }) => {
          // Two names that are no projects, but questions: who am I?
          if (project === "tenant") return { body: { tenant: { tenant_id: caller.projectId } } };
          if (project === "project") return { body: { project: { project_id: caller.projectId } } };
          return { body: { quota: limitsOf(await engine.read(), project) } };
        },
        PUT: async ({ body }, { project = "" }) => {
          const limits = parseLimits(body);
          return { body: { quota: await engine.transact((tx) => setLimits(tx, project, limits)) } };
        },
        DELETE: async (_, { project = "" }) => {
          await engine.transact((tx) => resetLimits(tx, project));
          return {};
        },
      },
    },
    {
      path: "/v2.0/quotas/:project/default",
      on: { GET: () => ({ body: { quota: defaultLimits(engine.state) } }) },
    },
    {
      path: "/v2.0/quotas/:project/details",
      on: { GET: async (_, { project = "" }) => ({ body: { quota: usageOf(await engine.read(), project) } }) },
    },
  ];
}

/** What is no collection of stored objects. */
export function otherEndpoints(engine: Engine): readonly Endpoint[] {
  return [
    ...discovery(),
    ...routerActions(engine),
    ...addressGroupActions(engine),
    ...Object.keys(TAGGED)
      .filter(isTagged)
      .flatMap((collection) => tags(engine, collection)),
    ...quotas(engine),
    {
      path: "/v2.0/availability_zones",
      on: { GET: ({ search }) => ({ body: { availability_zones: availabilityZones(engine.state, search) } }) },
    },
  ];
}
