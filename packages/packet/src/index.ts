/**
 * Packets as data: Ethernet, ARP, IPv4, IPv6, ICMP, ND, UDP, TCP and DHCP, one RFC in one file.
 *
 * {@link decodePacket} takes a frame apart into named layers, {@link encodePacket} puts one together and computes
 * what can be computed; DHCP is a payload of its own ({@link decodeDhcp4}, {@link decodeDhcp6}). The answers that a
 * network gives in somebody's place ({@link arpReply}, {@link neighbourAdvertisement}, {@link echoReply}, {@link
 * icmp4Error}, {@link icmp6Error}) are layers again. Everything is pure; whatever bytes come in, the only thing
 * thrown is a `DecodeError`.
 */
export * from "./addresses.ts";
export { type Arp, ArpOperation, decodeArp, encodeArp } from "./arp.ts";
export { type Addresses, checksum, pseudoHeader } from "./checksum.ts";
export * from "./cidr.ts";
export { describeLayers, describePacket } from "./describe.ts";
export { DHCP4_PORT, type Dhcp4, decodeDhcp4, type Dhcp4Fields, encodeDhcp4 } from "./dhcp4.ts";
export type { ClasslessRoute, Dhcp4MessageType } from "./dhcp4-option-types.ts";
export { DHCP4_OPTIONS, type Dhcp4OptionName, type Dhcp4Options, parseDhcp4Option } from "./dhcp4-options.ts";
export {
  DHCP6_PORT,
  DHCP6_SERVERS,
  type Dhcp6,
  type Dhcp6Option,
  Dhcp6Status,
  decodeDhcp6,
  encodeDhcp6,
} from "./dhcp6.ts";
export {
  decodeEthernet,
  encodeEthernet,
  type Ethernet,
  type EthernetFields,
  EtherType,
  type VlanTag,
} from "./ethernet.ts";
export { decodeIcmp4, encodeIcmp4, type Icmp4, UnreachableCode } from "./icmp4.ts";
export { decodeIcmp6, encodeIcmp6, type Icmp6, Unreachable6Code } from "./icmp6.ts";
export {
  type ErrorSource,
  icmp4Error,
  type Icmp4ErrorMessage,
  icmp6Error,
  type Icmp6ErrorMessage,
} from "./icmp-errors.ts";
export {
  decodeIpv4,
  decodeIpv4Header,
  encodeIpv4,
  IpProtocol,
  type Ipv4,
  type Ipv4Fields,
  type Ipv4Option,
  isFragment,
} from "./ipv4.ts";
export {
  decodeIpv6,
  decodeIpv6Header,
  encodeIpv6,
  type Ipv6,
  type Ipv6Extension,
  type Ipv6Fields,
  type Ipv6Option,
  isFragment6,
} from "./ipv6.ts";
export { isNd, type Nd, ndFault, type NdOption } from "./nd.ts";
export { decodePacket, encodePacket, type Layers, type LayersToEncode } from "./packet.ts";
export { arpAnnouncement, arpReply, echoReply, neighbourAdvertisement, neighbourAnnouncement } from "./replies.ts";
export { decodeTcp, encodeTcp, type Tcp, type TcpFields, type TcpFlags, type TcpOption } from "./tcp.ts";
export { decodeUdp, encodeUdp, type Udp } from "./udp.ts";
