/**
 * The skeleton that apps hang their tables on. A packet goes through the stages in this order; a stage without tables costs nothing, because
 * whoever goes to it goes to the next one that has some. That is how apps meet without importing each other.
 */
export interface Stage {
  readonly type: "stage";
  readonly name: string;
  readonly order: number;
  readonly purpose: string;
}

function stage(order: number, name: string, purpose: string): Stage {
  return { type: "stage", name, order, purpose };
}

export const stages = {
  classify: stage(0, "classify", "in_port, tunnel, VLAN -> source port and network"),
  sourceGuard: stage(1, "source_guard", "a local port sends only from its own addresses"),
  egressConntrack: stage(2, "egress_conntrack", "connection state and rules of the source port"),
  services: stage(3, "services", "ARP, ND, DHCP, RA answered on this host"),
  chain: stage(4, "chain", "hook for service functions"),
  switching: stage(5, "switching", "(network, MAC) -> port, router, flood or drop"),
  routing: stage(6, "routing", "(router, address): longest prefix -> network, TTL"),
  neighbour: stage(7, "neighbour", "(network, address) -> MAC and port"),
  nat: stage(8, "nat", "floating IP, SNAT"),
  forwarding: stage(9, "forwarding", "to another host by tunnel, to a provider network by patch port"),
  ingressConntrack: stage(10, "ingress_conntrack", "connection state and rules of the destination port"),
  delivery: stage(11, "delivery", "output to the local port"),
} as const satisfies Readonly<Record<string, Stage>>;

export const STAGES: readonly Stage[] = Object.values(stages).sort((a, b) => a.order - b.order);
