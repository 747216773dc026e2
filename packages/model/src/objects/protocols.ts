/** Names of protocols that a rule may use, with their IANA numbers; in Neutron's order, which its messages print. */
export const PROTOCOLS: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  hopopt: 0,
  icmp: 1,
  igmp: 2,
  ip: 0,
  ipip: 4,
  "ipv6-encap": 41,
  "ipv6-frag": 44,
  "ipv6-icmp": 58,
  icmpv6: 58,
  "ipv6-nonxt": 59,
  "ipv6-opts": 60,
  "ipv6-route": 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
};

/**
 * The number that a rule's protocol stands for; null: every protocol, which is also what Neutron means by number 0.
 * @param protocol a name of {@link PROTOCOLS}, or a number in decimal.
 */
export function protocolNumber(protocol: string | null): number | null {
  if (protocol === null) return null;
  const number = Object.hasOwn(PROTOCOLS, protocol) ? PROTOCOLS[protocol] : Number(protocol);
  return number === undefined || number === 0 ? null : number;
}
