import { type PortObject, ROUTER_INTERFACE_OWNERS, type Route, type RouterObject } from "@dragonflow/model";
import { routes as routesType } from "../core/address-types.ts";
import { type Attributes, UNSPECIFIED } from "../core/attribute.ts";
import { pythonRepr } from "../core/python-text.ts";
import {
  freeKey,
  given,
  identityAttributes,
  newObject,
  type Resource,
  standardAttributes,
  standardFilters,
} from "../core/resource.ts";
import type { Transaction } from "../core/transaction.ts";
import { boolean, uniqueTexts } from "../core/types.ts";
import { badRequest, invalidRoutes, networkNotFound, routerInUse, routerNotFound, routesExhausted } from "../errors.ts";
import { contains, parseIp, parsePrefix } from "../ipam/addresses.ts";
import { gatewayInfo } from "./gateway-type.ts";
import { checkZones, zonesOf } from "./availability-zones.ts";

const attributes = {
  ...identityAttributes,
  admin_state_up: { type: boolean, post: true, put: true, default: true, filter: true, sort: true },
  status: { sort: true },
  external_gateway_info: { type: gatewayInfo, post: true, put: true, default: null, value: () => null },
  routes: { type: routesType, put: true, default: UNSPECIFIED },
  availability_zone_hints: { type: uniqueTexts(255), post: true, default: [] },
  availability_zones: { value: (r, reader) => zonesOf(reader, r.availability_zone_hints) },
  ...standardAttributes,
} as const satisfies Attributes<RouterObject>;

/** The ports that are this router's interfaces. */
export function interfacesOf(tx: Transaction, router: RouterObject): readonly PortObject[] {
  return tx.ports.by("device_id", router.id).filter((port) => ROUTER_INTERFACE_OWNERS.includes(port.device_owner));
}

/** A next hop must be a neighbour of the router, and not the router. */
export function checkRoutes(tx: Transaction, router: RouterObject, routes: readonly Route[]): void {
  if (routes.length > tx.config.maxRoutes) throw routesExhausted(router.id, tx.config.maxRoutes);
  const fixed = tx.ports.by("device_id", router.id).flatMap((port) => port.fixed_ips);
  const prefixes = fixed.flatMap((f) => parsePrefix(tx.subnets.get(f.subnet_id)?.cidr ?? "") ?? []);
  for (const { nexthop } of routes) {
    const ip = parseIp(nexthop);
    if (ip === undefined || !prefixes.some((prefix) => contains(prefix, ip)))
      throw invalidRoutes(pythonRepr(routes), "the nexthop is not connected with router");
    if (fixed.some((f) => f.ip_address === nexthop))
      throw invalidRoutes(pythonRepr(routes), "the nexthop is used by router");
  }
}

/** Until external networks come, every network that a gateway could be on is an internal one. */
function refuseGateway(tx: Transaction, gateway: { readonly network_id: string } | null | undefined): void {
  if (gateway === null || gateway === undefined) return;
  if (tx.networks.get(gateway.network_id) === undefined) throw networkNotFound(gateway.network_id);
  throw badRequest("router", `Network ${gateway.network_id} is not an external network`);
}

export const routers: Resource<RouterObject, typeof attributes> = {
  name: "router",
  collection: "routers",
  attributes,
  filters: standardFilters,
  table: (state) => state.routers,
  tableIn: (tx) => tx.routers,
  notFound: routerNotFound,
  bulk: false,
  quota: "router",

  create(tx, values) {
    checkZones(tx, values.availability_zone_hints);
    refuseGateway(tx, values.external_gateway_info);
    return tx.routers.put({
      ...newObject(tx, values),
      key: freeKey(0xffffff, (key) => tx.routers.count("key", key) > 0),
      admin_state_up: values.admin_state_up,
      status: "ACTIVE",
      routes: [],
      availability_zone_hints: values.availability_zone_hints,
    });
  },

  update(tx, router, values) {
    refuseGateway(tx, values.external_gateway_info);
    const { name, description, admin_state_up, routes } = values;
    if (routes !== undefined) checkRoutes(tx, router, routes);
    return tx.routers.put(tx.revise(router, given({ name, description, admin_state_up, routes })));
  },

  remove(tx, router) {
    const attached = interfacesOf(tx, router).map((port) => port.id);
    if (attached.length > 0) throw routerInUse(router.id, `has ports still attached: ${attached.join(", ")}`);
    tx.routers.delete(router.id);
  },
};
