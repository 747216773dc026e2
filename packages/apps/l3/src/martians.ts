import { type Desired, ETH_TYPE, flow, type MatchSpec } from "@dragonflow/pipeline";
import { app } from "./interface-flows.ts";
import { destination } from "./steps.ts";
import { routing } from "./tables.ts";

/** Behind the routers' own addresses (a link-local one among them), before any route. */
const MARTIAN = 940;

/**
 * What no router passes on, whatever routes it has: groups, loopback, and what is of one link only (RFC 1812 section 5.3.7, RFC 3927 section 2.7,
 * RFC 4291 sections 2.5.2, 2.5.3 and 2.5.6).
 */
export function martians(): readonly Desired[] {
  const owner = { app, kind: "host", id: "self" };
  const destinations = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8"];
  const matches: readonly MatchSpec[] = [
    ...destinations.map(destination),
    { eth_type: ETH_TYPE.ipv6, ipv6_src: "fe80::/10" },
  ];
  return matches.map((match) => flow(owner, routing, MARTIAN, match, []));
}
