/** Frames by what matters in them, with addresses in text. */
import {
  ALL_NODES,
  ALL_ROUTERS,
  type Dhcp4Fields,
  encodeDhcp4,
  encodePacket,
  IPV4_BROADCAST,
  MAC_BROADCAST,
  multicastMac,
  parseIp,
  parseIpv4,
  parseIpv6,
  parseMac,
  solicitedNode,
} from "@dragonflow/packet";

/** Who sends, or who is meant: `mac` is that of the Ethernet header. */
export interface End {
  readonly mac: string;
  readonly ip: string;
}

const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** `senderMac`: another than that of the Ethernet header. `to`: not to everybody. */
export function arpRequest(
  from: End,
  targetIp: string,
  { senderMac = from.mac, to }: { readonly senderMac?: string; readonly to?: string } = {},
): Uint8Array {
  return encodePacket({
    ethernet: { src: parseMac(from.mac), dst: to === undefined ? MAC_BROADCAST : parseMac(to) },
    arp: {
      operation: 1,
      senderMac: parseMac(senderMac),
      senderIp: parseIpv4(from.ip),
      targetMac: 0,
      targetIp: parseIpv4(targetIp),
    },
  });
}

/** Says that `from.ip` is at `senderMac`. */
export function arpReply(
  from: End,
  to: End,
  { senderMac = from.mac }: { readonly senderMac?: string } = {},
): Uint8Array {
  return encodePacket({
    ethernet: { src: parseMac(from.mac), dst: parseMac(to.mac) },
    arp: {
      operation: 2,
      senderMac: parseMac(senderMac),
      senderIp: parseIpv4(from.ip),
      targetMac: parseMac(to.mac),
      targetIp: parseIpv4(to.ip),
    },
  });
}

/** To the target's solicited-node group, or to `to`. `sourceMac` null: without the option. */
export function neighbourSolicitation(
  from: End,
  target: string,
  { sourceMac = from.mac, to }: { readonly sourceMac?: string | null; readonly to?: string } = {},
): Uint8Array {
  const group = solicitedNode(parseIpv6(target));
  return encodePacket({
    ethernet: { src: parseMac(from.mac), dst: to === undefined ? multicastMac(group) : parseMac(to) },
    ipv6: { src: parseIpv6(from.ip), dst: to === undefined ? group : parseIpv6(target), hopLimit: 255 },
    icmp6: {
      kind: "neighbour-solicitation",
      code: 0,
      target: parseIpv6(target),
      options: sourceMac === null ? [] : [{ kind: "source-link-layer", mac: parseMac(sourceMac) }],
    },
  });
}

/** Tells all nodes that `target` is at `targetMac`; null: without the option. */
export function neighbourAdvertisement(
  from: End,
  { target = from.ip, targetMac = from.mac }: { readonly target?: string; readonly targetMac?: string | null } = {},
): Uint8Array {
  return encodePacket({
    ethernet: { src: parseMac(from.mac), dst: multicastMac(ALL_NODES) },
    ipv6: { src: parseIpv6(from.ip), dst: ALL_NODES, hopLimit: 255 },
    icmp6: {
      kind: "neighbour-advertisement",
      code: 0,
      flags: { router: false, solicited: false, override: true },
      target: parseIpv6(target),
      options: targetMac === null ? [] : [{ kind: "target-link-layer", mac: parseMac(targetMac) }],
    },
  });
}

export function routerSolicitation(from: End): Uint8Array {
  return encodePacket({
    ethernet: { src: parseMac(from.mac), dst: multicastMac(ALL_ROUTERS) },
    ipv6: { src: parseIpv6(from.ip), dst: ALL_ROUTERS, hopLimit: 255 },
    icmp6: { kind: "router-solicitation", code: 0, options: [] },
  });
}

export function routerAdvertisement(from: End): Uint8Array {
  return encodePacket({
    ethernet: { src: parseMac(from.mac), dst: multicastMac(ALL_NODES) },
    ipv6: { src: parseIpv6(from.ip), dst: ALL_NODES, hopLimit: 255 },
    icmp6: {
      kind: "router-advertisement",
      code: 0,
      currentHopLimit: 64,
      flags: { managed: false, otherConfiguration: false, homeAgent: false, preference: 0 },
      routerLifetimeSeconds: 1800,
      reachableTimeMs: 0,
      retransmitTimerMs: 0,
      options: [],
    },
  });
}

const ethernet = (from: End, to: End) => ({ src: parseMac(from.mac), dst: parseMac(to.mac) });

/** An echo request of the family of the addresses. */
export function ping(from: End, to: End, { ttl = 64 }: { readonly ttl?: number } = {}): Uint8Array {
  const echo = { kind: "echo-request" as const, code: 0, id: 1, sequence: 1, payload };
  const [src, dst] = [parseIp(from.ip), parseIp(to.ip)];
  return typeof src === "bigint" && typeof dst === "bigint"
    ? encodePacket({ ethernet: ethernet(from, to), ipv6: { src, dst, hopLimit: ttl }, icmp6: echo })
    : encodePacket({ ethernet: ethernet(from, to), ipv4: { src: Number(src), dst: Number(dst), ttl }, icmp4: echo });
}

/** A datagram of the family of the addresses. */
export function udp(
  from: End,
  to: End,
  { sourcePort = 4000, destinationPort = 5000, ttl = 64 } = {},
  body: Uint8Array = payload,
): Uint8Array {
  const ports = { sourcePort, destinationPort };
  const [src, dst] = [parseIp(from.ip), parseIp(to.ip)];
  return typeof src === "bigint" && typeof dst === "bigint"
    ? encodePacket({ ethernet: ethernet(from, to), ipv6: { src, dst, hopLimit: ttl }, udp: ports, payload: body })
    : encodePacket({
        ethernet: ethernet(from, to),
        ipv4: { src: Number(src), dst: Number(dst), ttl },
        udp: ports,
        payload: body,
      });
}

/** A frame of another protocol. */
export function ethernetFrame(srcMac: string, dstMac: string, etherType: number): Uint8Array {
  return encodePacket({ ethernet: { src: parseMac(srcMac), dst: parseMac(dstMac), etherType }, payload });
}

/** A client's message: from 0.0.0.0 to everybody, unless it has an address and knows the server's. */
export function dhcpRequest(
  message: Omit<Dhcp4Fields, "op" | "xid" | "chaddr"> & Partial<Pick<Dhcp4Fields, "xid" | "chaddr">>,
  mac: string,
  ends: { readonly ip?: string; readonly server?: End } = {},
): Uint8Array {
  const { ip = "0.0.0.0", server } = ends;
  return encodePacket({
    ethernet: { src: parseMac(mac), dst: server === undefined ? MAC_BROADCAST : parseMac(server.mac) },
    ipv4: { src: parseIpv4(ip), dst: server === undefined ? IPV4_BROADCAST : parseIpv4(server.ip) },
    udp: { sourcePort: 68, destinationPort: 67 },
    payload: encodeDhcp4({ xid: 0x1234, chaddr: parseMac(mac), ...message, op: "request" }),
  });
}

/** The frame behind a VLAN tag. */
export function tagged(frame: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, 12), 0x81, 0x00, vlan >>> 8, vlan & 0xff, ...frame.subarray(12)]);
}
