import { type LayersToEncode, parseIpv4, parseIpv6, parseMac } from "@dragonflow/packet";

const ethernet = { src: parseMac("02:00:00:00:00:01"), dst: parseMac("02:00:00:00:00:02") };
const v4 = { src: parseIpv4("10.0.0.1"), dst: parseIpv4("10.0.0.2"), ttl: 64 };
const v6 = { src: parseIpv6("fd00::1"), dst: parseIpv6("fd00::2"), hopLimit: 64 };
const payload = Uint8Array.of(1, 2, 3);
const udp = { sourcePort: 1000, destinationPort: 2000 };
/** An authentication header (RFC 4302) in front of UDP, and what stands behind it. */
const AUTHENTICATION = [17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
const DATAGRAM = Uint8Array.of(0x03, 0xe8, 0x07, 0xd0, 0, 8, 0, 0);
/** One packet of each kind that the tracer tells apart, by name. */
export const SAMPLES = {
  udp: { ethernet, ipv4: v4, udp, payload },
  lastHop: { ethernet, ipv4: { ...v4, ttl: 1 }, udp, payload },
  tcp6: {
    ethernet,
    ipv6: v6,
    tcp: {
      ...udp,
      sequence: 1,
      acknowledgement: 2,
      flags: { syn: true },
      windowBytes: 1,
      urgentPointer: 0,
      options: [],
    },
    payload,
  },
  ping: { ethernet, ipv4: v4, icmp4: { kind: "echo-request", code: 0, id: 1, sequence: 2, payload } },
  arp: { ethernet, arp: { operation: 1, senderMac: ethernet.src, senderIp: v4.src, targetMac: 0, targetIp: v4.dst } },
  tagged: { ethernet: { ...ethernet, vlans: [{ id: 7, priority: 5 }] }, ipv4: v4, udp, payload },
  extended: {
    ethernet,
    ipv6: {
      ...v6,
      extensions: [
        { kind: "hop-by-hop", options: [{ kind: "router-alert", value: 0 }] },
        { kind: "destination", options: [] },
      ],
    },
    udp,
    payload,
  },
  authenticated: {
    ethernet,
    ipv6: { ...v6, protocol: 51 },
    payload: Uint8Array.from([...AUTHENTICATION, ...DATAGRAM]),
  },
  firstFragment: {
    ethernet,
    ipv6: { ...v6, extensions: [{ kind: "fragment", offsetBytes: 0, more: true, id: 1 }] },
    udp,
    payload,
  },
  laterFragment: {
    ethernet,
    ipv6: { ...v6, protocol: 17, extensions: [{ kind: "fragment", offsetBytes: 64, more: false, id: 1 }] },
    payload: DATAGRAM,
  },
  solicitation: {
    ethernet,
    ipv6: { ...v6, hopLimit: 255 },
    icmp6: {
      kind: "neighbour-solicitation",
      code: 0,
      target: v6.dst,
      options: [
        { kind: "mtu", mtuBytes: 1400 },
        { kind: "other", type: 14, bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) },
        { kind: "source-link-layer", mac: ethernet.src },
      ],
    },
  },
  twice: {
    ethernet,
    ipv6: { ...v6, hopLimit: 255 },
    icmp6: {
      kind: "neighbour-solicitation",
      code: 0,
      target: v6.dst,
      options: [
        { kind: "source-link-layer", mac: ethernet.src },
        { kind: "source-link-layer", mac: ethernet.dst },
      ],
    },
  },
  fragment: { ethernet, ipv4: { ...v4, protocol: 17, fragmentOffsetBytes: 64 }, payload },
} as const satisfies Record<string, LayersToEncode>;
