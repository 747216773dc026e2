import type { Route, RouterObject } from "@dragonflow/model";
import { routes as routesType } from "../core/address-types.ts";
import { type Input, isInput, Rejected } from "../core/attribute.ts";
import { missing } from "../core/body.ts";
import type { Transaction } from "../core/transaction.ts";
import { badRequest, httpBadRequest } from "../errors.ts";
import { checkRoutes } from "./routers.ts";

const isSame = (a: Route, b: Route) => a.destination === b.destination && a.nexthop === b.nexthop;

/** `{"router": {"routes": [...]}}` */
function parse(body: Input | undefined): readonly Route[] {
  const router = body?.["router"];
  if (!isInput(router)) throw missing("router");
  if (!Object.hasOwn(router, "routes")) throw badRequest("router", "routes must be specified");
  try {
    return routesType.parse(router["routes"]);
  } catch (reason) {
    if (reason instanceof Rejected) throw httpBadRequest(`Invalid input for routes. Reason: ${reason.message}.`);
    throw reason;
  }
}

/** PUT /routers/ID/add_extraroutes: routes that the router has already stay as they are. */
export function addExtraRoutes(tx: Transaction, router: RouterObject, body: Input | undefined): RouterObject {
  const added = parse(body).filter((route) => !router.routes.some((other) => isSame(route, other)));
  const routes = [...router.routes, ...added];
  checkRoutes(tx, router, routes);
  return tx.routers.put(tx.revise(router, { routes }));
}

/** PUT /routers/ID/remove_extraroutes: routes that the router does not have are no error. */
export function removeExtraRoutes(tx: Transaction, router: RouterObject, body: Input | undefined): RouterObject {
  const removed = parse(body);
  const routes = router.routes.filter((route) => !removed.some((other) => isSame(route, other)));
  return tx.routers.put(tx.revise(router, { routes }));
}
