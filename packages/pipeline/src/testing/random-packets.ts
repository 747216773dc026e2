/** Packets for properties: what VMs send, and what they should not. */
import {
  ALL_NODES,
  ALL_ROUTERS,
  encodeDhcp4,
  encodePacket,
  type LayersToEncode,
  linkLocal,
  MAC_BROADCAST,
  multicastMac,
  parseIpv4,
  parseIpv6,
  parseMac,
  solicitedNode,
} from "@dragonflow/packet";
import fc from "fast-check";
import {
  FIRST_PORT,
  MAX_PORTS,
  networkOf,
  routerAddress,
  type Topology,
  TUNNEL_PORTS,
  VIRTUAL,
} from "./random-topology.ts";
import { groupsOf, identityOf } from "./random-security.ts";
import type { Sent } from "./traced-switch.ts";
import { ipv4, ipv6, mac, routerMac, SELF, vni } from "./topology.ts";

export interface PacketChoice {
  readonly kind: (typeof KINDS)[number];
  /** Which port sends; on another host: what comes out of the tunnel from there. */
  readonly from: number;
  /** Whom it is for: a port, a router, a virtual address, nobody. */
  readonly to: number;
  readonly ttl: number;
  /** What is wrong with it. */
  readonly spoof: "nothing" | "mac" | "ip" | "sender" | "tag";
  /** By the router, or on the link. */
  readonly routed: boolean;
  readonly unicast: boolean;
  /** The rest of its datagram is on its way. */
  readonly firstFragment: boolean;
  /** A byte of the frame is another, or the frame ends there. */
  readonly damage: { readonly at: number; readonly byte: number; readonly cut: boolean } | null;
}

const KINDS = [
  "arp-request",
  "arp-reply",
  "ns",
  "dad",
  "na",
  "rs",
  "ra",
  "ping4",
  "ping6",
  "udp4",
  "tcp6",
  "fragment",
  "dhcp",
  "dhcp-offer",
  "multicast4",
  "multicast6",
  "broadcast",
  "other",
] as const;

export const packetChoices: fc.Arbitrary<PacketChoice> = fc.record({
  kind: fc.constantFrom(...KINDS, "ping4", "ping6", "ping4", "ping6"),
  from: fc.nat(3 * MAX_PORTS),
  to: fc.nat(MAX_PORTS + 8),
  ttl: fc.constantFrom(64, 64, 64, 2, 1, 0),
  spoof: fc.oneof(
    { arbitrary: fc.constant("nothing" as const), weight: 6 },
    fc.constantFrom("mac" as const, "ip" as const, "sender" as const, "tag" as const),
  ),
  routed: fc.boolean(),
  unicast: fc.boolean(),
  firstFragment: fc.oneof({ arbitrary: fc.constant(false), weight: 9 }, fc.constant(true)),
  damage: fc.oneof(
    { arbitrary: fc.constant(null), weight: 7 },
    fc.record({ at: fc.nat(99), byte: fc.nat(255), cut: fc.boolean() }),
  ),
});

interface Ends {
  readonly src: { readonly mac: number; readonly v4: number; readonly v6: bigint };
  readonly dst: { readonly mac: number; readonly v4: number; readonly v6: bigint };
}

/** The packet of a choice in a topology. */
export function packetOf(topology: Topology, choice: PacketChoice): Sent {
  const index = senderOf(topology, choice.from);
  const sender = topology.ports[index];
  const net = networkOf(topology, sender?.network ?? 0);
  const ends = endsOf(topology, choice, index, net);
  const whole = layersOf(choice, ends);
  const layers = choice.firstFragment ? asFirstFragment(whole) : whole;
  const tagged =
    choice.spoof === "tag" ? { ...layers, ethernet: { ...layers.ethernet, vlans: [{ id: 7, priority: 3 }] } } : layers;
  const frame = damaged(encodePacket(tagged), choice.damage);
  if (sender === undefined || sender.chassis === SELF) return { inPort: FIRST_PORT + index, frame, fields: {} };
  const tunnels = TUNNEL_PORTS[sender.chassis === "host2" ? "host2" : "host3"];
  // From a tunnel: mostly in the network and the encapsulation that it should be.
  const right = topology.networks[net - 1]?.type ?? "geneve";
  const inPort = tunnels[choice.ttl === 2 ? "vxlan" : right];
  const groups = topology.security && sender.portSecurity ? groupsOf(topology.security, index) : [];
  return { inPort, frame, fields: { tun_id: BigInt(vni(net)), tun_metadata0: BigInt(identityOf(groups)) } };
}

function asFirstFragment(layers: LayersToEncode): LayersToEncode {
  if (layers.ipv4 !== undefined) return { ...layers, ipv4: { ...layers.ipv4, moreFragments: true } };
  if (layers.ipv6 === undefined || layers.ipv6.extensions !== undefined) return layers;
  return { ...layers, ipv6: { ...layers.ipv6, extensions: [{ kind: "fragment", offsetBytes: 0, more: true, id: 7 }] } };
}

function damaged(frame: Uint8Array, damage: PacketChoice["damage"]): Uint8Array {
  if (damage === null) return frame;
  const at = damage.at % frame.length;
  // Shorter than an Ethernet header is no frame that a port would bring.
  return damage.cut ? frame.slice(0, Math.max(14, at)) : frame.with(at, damage.byte);
}

/** Ports of this host more often than others. */
function senderOf({ ports }: Topology, from: number): number {
  const local = ports.flatMap(({ chassis }, index) => (chassis === SELF ? [index] : []));
  const candidates = [...local, ...local, ...ports.keys()];
  return candidates[from % candidates.length] ?? 0;
}

function endsOf(topology: Topology, choice: PacketChoice, index: number, net: number): Ends {
  const own = FIRST_PORT + index;
  const src = {
    mac: parseMac(choice.spoof === "mac" ? mac(0x777) : mac(own)),
    v4: parseIpv4(choice.spoof === "ip" ? ipv4(net, 77) : ipv4(net, own)),
    v6: parseIpv6(choice.spoof === "ip" ? ipv6(net, 0x77) : ipv6(net, own)),
  };
  const target = targetOf(topology, choice.to, net);
  const firstHop = gatewayMac(topology, net);
  const to = choice.routed && firstHop !== undefined ? firstHop : target.mac;
  return { src, dst: { mac: parseMac(to), v4: parseIpv4(target.v4), v6: parseIpv6(target.v6) } };
}

function gatewayMac(topology: Topology, net: number): string | undefined {
  const r = topology.routers.findIndex(({ networks }) => networks.some((n) => networkOf(topology, n) === net));
  return r < 0 ? undefined : routerMac((r + 1) * 256 + net);
}

function targetOf(topology: Topology, to: number, net: number): { mac: string; v4: string; v6: string } {
  const at = (network: number, n: number, address: string) => ({
    mac: address,
    v4: ipv4(network, n),
    v6: ipv6(network, n),
  });
  const targeted = topology.ports[to];
  if (targeted !== undefined) return at(networkOf(topology, targeted.network), FIRST_PORT + to, mac(FIRST_PORT + to));
  switch (to % 8) {
    case 0:
      return at(net, 1, gatewayMac(topology, net) ?? mac(0x888));
    case 1:
      return at((net % topology.networks.length) + 1, 1, gatewayMac(topology, net) ?? mac(0x888));
    case 2:
      return at(net, VIRTUAL.n, VIRTUAL.mac);
    case 3:
      return at((net % topology.networks.length) + 1, VIRTUAL.n, VIRTUAL.mac);
    case 4:
      return { mac: mac(0x888), v4: "192.168.7.7", v6: "2001:db8:7::7" };
    case 5:
      return { mac: mac(0x888), v4: "192.168.9.9", v6: "2001:db8:9::9" };
    case 6:
      return at(net, routerAddress(topology, topology.routers.length - 1, net), mac(0x888));
    default:
      return at(net, 99, mac(0x888));
  }
}

const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function layersOf({ kind, ttl, spoof, unicast }: PacketChoice, { src, dst }: Ends): LayersToEncode {
  const ethernet = { src: src.mac, dst: dst.mac };
  const toAll = { src: src.mac, dst: MAC_BROADCAST };
  const inner = spoof === "sender" ? parseMac(mac(0x777)) : src.mac;
  const v4 = { src: src.v4, dst: dst.v4, ttl };
  const v6 = { src: src.v6, dst: dst.v6, hopLimit: ttl };
  const ports = { sourcePort: 4000, destinationPort: 53 };
  switch (kind) {
    case "arp-request":
    case "arp-reply": {
      const isReply = kind === "arp-reply";
      const senderIp = ttl === 0 ? 0 : src.v4;
      const arp = { senderMac: inner, senderIp, targetMac: isReply ? dst.mac : 0, targetIp: dst.v4 };
      return { ethernet: unicast || isReply ? ethernet : toAll, arp: { ...arp, operation: isReply ? 2 : 1 } };
    }
    case "ns":
    case "dad":
      return solicitation(kind === "dad", inner, unicast, ethernet, { src: src.v6, target: dst.v6 }, ttl);
    case "na":
      return {
        ethernet: { ...ethernet, dst: multicastMac(ALL_NODES) },
        ipv6: { src: src.v6, dst: ALL_NODES, hopLimit: 255 },
        icmp6: {
          kind: "neighbour-advertisement",
          code: 0,
          flags: { router: false, solicited: false, override: true },
          target: ttl === 2 ? dst.v6 : src.v6,
          options: unicast ? [{ kind: "target-link-layer", mac: inner }] : [],
        },
      };
    case "rs":
      return {
        ethernet: { ...ethernet, dst: multicastMac(ALL_ROUTERS) },
        ipv6: { src: unicast ? linkLocal(src.mac) : 0n, dst: ALL_ROUTERS, hopLimit: 255 },
        icmp6: { kind: "router-solicitation", code: 0, options: [] },
      };
    case "ra":
      return {
        ethernet: { ...ethernet, dst: multicastMac(ALL_NODES) },
        ipv6: { src: linkLocal(src.mac), dst: ALL_NODES, hopLimit: 255 },
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
      };
    case "ping4":
      return { ethernet, ipv4: v4, icmp4: { kind: "echo-request", code: 0, id: 1, sequence: 1, payload } };
    case "ping6":
      return { ethernet, ipv6: v6, icmp6: { kind: "echo-request", code: 0, id: 1, sequence: 1, payload } };
    case "udp4":
      return { ethernet, ipv4: v4, udp: ports, payload };
    case "tcp6":
      return { ethernet, ipv6: v6, tcp: { ...ports, sequence: 1, acknowledgement: 0, flags: { syn: true } }, payload };
    case "fragment":
      return unicast
        ? { ethernet, ipv4: { ...v4, protocol: 17, fragmentOffsetBytes: 8, moreFragments: true }, payload }
        : {
            ethernet,
            ipv6: { ...v6, protocol: 17, extensions: [{ kind: "fragment", offsetBytes: 8, more: false, id: 7 }] },
            payload,
          };
    case "dhcp":
    case "dhcp-offer":
      return dhcp(kind === "dhcp", src, unicast ? dst : undefined);
    case "multicast4":
      return {
        ethernet: { ...ethernet, dst: multicastMac(0xe0000116) },
        ipv4: { ...v4, dst: 0xe0000116 },
        udp: ports,
        payload,
      };
    case "multicast6":
      return {
        ethernet: { ...ethernet, dst: multicastMac(0xff02n << 112n) },
        ipv6: { ...v6, dst: 0xff02n << 112n },
        udp: ports,
        payload,
      };
    case "broadcast":
      return { ethernet: toAll, ipv4: { ...v4, dst: 0xffffffff }, udp: ports, payload };
    case "other":
      return { ethernet: { ...ethernet, etherType: unicast ? 0x88b5 : 8 }, payload };
  }
}

function solicitation(
  dad: boolean,
  mac48: number,
  unicast: boolean,
  ethernet: { readonly src: number; readonly dst: number },
  { src, target }: { readonly src: bigint; readonly target: bigint },
  ttl: number,
): LayersToEncode {
  // To a link-local address now and then: every port has one.
  const wanted = ttl === 1 ? linkLocal(ethernet.dst) : target;
  const group = solicitedNode(wanted);
  return {
    ethernet: unicast && !dad ? ethernet : { ...ethernet, dst: multicastMac(group) },
    ipv6: { src: dad ? 0n : src, dst: unicast && !dad ? wanted : group, hopLimit: 255 },
    icmp6: {
      kind: "neighbour-solicitation",
      code: 0,
      target: wanted,
      options: dad || ttl === 2 ? [] : [{ kind: "source-link-layer", mac: mac48 }],
    },
  };
}

function dhcp(fromClient: boolean, src: Ends["src"], server: Ends["dst"] | undefined): LayersToEncode {
  const [sourcePort, destinationPort] = fromClient ? [68, 67] : [67, 68];
  return {
    ethernet: { src: src.mac, dst: server?.mac ?? MAC_BROADCAST },
    ipv4: { src: server === undefined && fromClient ? 0 : src.v4, dst: server?.v4 ?? 0xffffffff },
    udp: { sourcePort, destinationPort },
    payload: encodeDhcp4({
      op: fromClient ? "request" : "reply",
      xid: 7,
      chaddr: src.mac,
      options: { messageType: fromClient ? "discover" : "offer" },
    }),
  };
}
