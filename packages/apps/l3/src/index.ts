/**
 * L3: distributed routing, for IPv4 and IPv6 alike. The source's host takes the packet through the router, and sends it to the destination's host
 * in the destination's network: one hop, and no host in the middle.
 *
 *   switching --> [router_port] -- MAC of a router: router --> [routing] -- longest prefix: network, hop limit --> [neighbour] -- address: MAC, port
 *                     `- miss: next (l2)                          |-- own address: echo reply, or an error
 *                                                                 |-- never passed on (link-local, groups, loopback): drop
 *                                                                 |-- hop limit used up: an error from the address of that side
 *                                                                 |-- extra route: straight to the port that has the next hop, or drop
 *                                                                 `- miss: drop
 */
import { derive, each } from "@dragonflow/engine";
import {
  defineNetworkApp,
  hosts,
  ports,
  routedNetworks,
  routerInterfaces,
  routerPorts,
  routers,
} from "@dragonflow/pipeline";
import { extraRoutes } from "./extra-routes.ts";
import { app, entry, routedNetwork, routerInterface } from "./interface-flows.ts";
import { martians } from "./martians.ts";
import { portNeighbour } from "./neighbours.ts";
import { errorResponder } from "./responder.ts";
import { neighbour, routerPort, routing } from "./tables.ts";

export default defineNetworkApp({
  name: app,
  tables: [routerPort, routing, neighbour],
  views: [derive(routedNetworks, { layer: 1 }, routerInterfaces, routedNetwork)],
  units: [
    each(routerPorts, entry),
    each(routerInterfaces, routerInterface),
    each(routers, extraRoutes),
    each(ports, portNeighbour),
    each(hosts, martians),
  ],
  responders: [errorResponder],
});
