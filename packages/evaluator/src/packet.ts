/**
 * Where a packet comes from, or goes to. `outside`: whoever is no port of the cloud, or was hidden by the translation of an address. `services`: what
 * Dragonflow itself says on the port's host in the place of a DHCP server or of a router.
 */
export type Place = { readonly port: string } | "outside" | "services";

/** What a port that follows connections knows of this packet; a port with stateless groups does not ask. */
export interface Connection {
  /**
   * `new`: of none so far. `established`: of one, in the direction of its first packet. `reply`: in the other direction. `related`: an ICMP error
   * about a packet of one. `invalid`: what can be of none, as a broken header or an answer that nobody asked for.
   */
  readonly state: "new" | "established" | "reply" | "related" | "invalid";
  /** The ends of this packet where the rules, at some time since the connection's first packet, did not let it go on. Absent: nowhere. */
  readonly revokedAt?: readonly End[];
}
export type End = "source" | "destination";

export interface Ports {
  readonly type: "ports";
  readonly source: number;
  readonly destination: number;
}
/** Of ICMP (RFC 792) or ICMPv6 (RFC 4443). */
export interface IcmpMessage {
  readonly type: "icmp";
  readonly icmpType: number;
  readonly icmpCode: number;
}

/** A packet of IPv4 or IPv6, as its addresses tell. A fragment is described by the whole datagram that it is a part of. */
export interface IpPacket {
  readonly type: "ip";
  readonly from: Place;
  readonly to: Place;
  /** Addresses as text. */
  readonly source: string;
  readonly destination: string;
  /** IANA number of what is behind the header, and behind all extension headers. */
  readonly protocol: number;
  /** Null: of this protocol nothing is known above IP. */
  readonly header: Ports | IcmpMessage | null;
  readonly fragment: "none" | "first" | "later";
  readonly connection: Connection;
}
/** A frame that is not IP. */
export interface OtherPacket {
  readonly type: "arp" | "other";
  readonly from: Place;
  readonly to: Place;
}
export type Packet = IpPacket | OtherPacket;

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, dccp: 33, icmp6: 58, sctp: 132, udpLite: 136 } as const;
