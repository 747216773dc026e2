/** Priorities by what they mean; an app that needs an order of its own (longest prefix) counts from one of these. */
export const priority = {
  /** What must win over everything else of the table. */
  override: 1000,
  /** A special case before the ordinary one. */
  special: 200,
  normal: 100,
  /** What is left. */
  rest: 10,
} as const;

/** EtherTypes (IEEE 802 Numbers) and IP protocol numbers (IANA) that matches need. */
export const ETH_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
export const IP_PROTO = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
