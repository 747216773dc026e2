import {
  DHCP4_PORT,
  type Dhcp4,
  decodeDhcp4,
  decodePacket,
  encodeDhcp4,
  encodePacket,
  IPV4_BROADCAST,
  MAC_BROADCAST,
  parseMac,
} from "@dragonflow/packet";

/** What a client that has no address yet sends. */
export function discover(mac: string, xid = 1): Uint8Array {
  const options = { messageType: "discover" } as const;
  return fromClient(mac, encodeDhcp4({ op: "request", xid, chaddr: parseMac(mac), options }));
}
/** The same, with something else where the message should be. */
export function notDhcp(mac: string, payload: Uint8Array): Uint8Array {
  return fromClient(mac, payload);
}

/** The DHCP message in a frame; undefined: it is something else. */
export function dhcpIn(frame: Uint8Array): Dhcp4 | undefined {
  const packet = decodePacket(frame);
  if (packet.udp?.destinationPort !== DHCP4_PORT.client || packet.payload === undefined) return undefined;
  return decodeDhcp4(packet.payload);
}

function fromClient(mac: string, payload: Uint8Array): Uint8Array {
  return encodePacket({
    ethernet: { src: parseMac(mac), dst: MAC_BROADCAST },
    ipv4: { src: 0, dst: IPV4_BROADCAST, ttl: 64 },
    udp: { sourcePort: DHCP4_PORT.client, destinationPort: DHCP4_PORT.server },
    payload,
  });
}
