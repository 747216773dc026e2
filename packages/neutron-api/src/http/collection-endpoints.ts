import { type CollectionService, serveCollection } from "../core/collection-service.ts";
import type { Engine } from "../core/engine.ts";
import { httpBadRequest } from "../errors.ts";
import { agents } from "../resources/agents.ts";
import { addressGroups } from "../resources/address-groups.ts";
import { networkIpAvailability } from "../resources/network-ip-availability.ts";
import { networks } from "../resources/networks.ts";
import { ports } from "../resources/ports.ts";
import { routers } from "../resources/routers.ts";
import { securityGroupRules } from "../resources/security-group-rules.ts";
import { securityGroups } from "../resources/security-groups.ts";
import { subnets } from "../resources/subnets.ts";
import type { Endpoint } from "./endpoint.ts";

function endpointsOf(service: CollectionService): readonly Endpoint[] {
  const path = `/v2.0/${service.collection}`;
  const { can } = service;
  return [
    {
      path,
      on: {
        GET: async (call) => ({ body: await service.list(call) }),
        ...(can.create && { POST: async (call) => ({ status: 201, body: await service.create(call) }) }),
      },
    },
    {
      path: `${path}/:id`,
      on: {
        GET: async (call, { id = "" }) => ({ body: await service.show(call, id) }),
        ...(can.update && { PUT: async (call, { id = "" }) => ({ body: await service.update(call, id) }) }),
        ...(can.remove && {
          DELETE: async (call, { id = "" }) => {
            if (call.hasBody) throw httpBadRequest("Request body is not supported in DELETE.");
            await service.remove(call, id);
            return {};
          },
        }),
      },
    },
  ];
}

/** The one collection where a filter also changes what is shown. */
function availability(engine: Engine): CollectionService {
  const all = serveCollection(engine, networkIpAvailability(undefined));
  const ipv4 = serveCollection(engine, networkIpAvailability(4));
  const ipv6 = serveCollection(engine, networkIpAvailability(6));
  const byVersion = new Map([
    ["4", ipv4],
    ["6", ipv6],
  ]);
  return { ...all, list: (call) => (byVersion.get(call.search.get("ip_version") ?? "") ?? all).list(call) };
}

/** Every collection that {@link Resource} rows declare. */
export function collectionEndpoints(engine: Engine): readonly Endpoint[] {
  return [
    serveCollection(engine, networks),
    serveCollection(engine, subnets),
    serveCollection(engine, ports),
    serveCollection(engine, routers),
    serveCollection(engine, securityGroups),
    serveCollection(engine, securityGroupRules),
    serveCollection(engine, addressGroups),
    serveCollection(engine, agents),
    availability(engine),
  ].flatMap(endpointsOf);
}
