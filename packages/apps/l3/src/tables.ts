import { defineFlowTable, stages } from "@dragonflow/pipeline";

const IP_FIELDS = ["eth_type", "ipv4_dst", "ipv6_dst"] as const;

export const neighbour = defineFlowTable({
  name: "neighbour",
  purpose: "(network, address) -> MAC and port",
  stage: stages.neighbour,
  match: ["network", ...IP_FIELDS],
  writes: ["destinationPort", "tunnelPort"],
  next: [stages.forwarding, stages.ingressConntrack],
  miss: "drop",
});

export const routing = defineFlowTable({
  name: "routing",
  purpose: "(router, longest prefix) -> network",
  stage: stages.routing,
  match: ["router", "network", "ip_ttl", "ip_proto", "icmpv4_type", "icmpv6_type", "ipv6_src", ...IP_FIELDS],
  writes: ["network", "router", "routed", "destinationPort", "tunnelPort"],
  next: [neighbour, stages.forwarding, stages.ingressConntrack],
  miss: "drop",
});

export const routerPort = defineFlowTable({
  name: "router_port",
  purpose: "(network, MAC of a router) -> router",
  stage: stages.switching,
  match: ["network", "eth_dst", "fromTunnel"],
  writes: ["router"],
  next: [stages.routing],
  miss: "next",
});
