/**
 * Port security: a local port sends only from the addresses that Neutron gave it, and only as a client.
 *
 *   source_guard --sourcePort--> [port_security] -- own (MAC, IPv4), own ARP sender --> egress_conntrack
 *                                   |-------------- own (MAC, IPv6) --> [port_security_nd] -- own ND target --> egress_conntrack
 *                                   |-------------- port security off --> egress_conntrack
 *                                   `- miss: drop
 *
 * Neutron attributes: port_security_enabled, mac_address, fixed_ips, allowed_address_pairs (prefixes included).
 */
import { each } from "@dragonflow/engine";
import type { LocalPortRecord } from "@dragonflow/model";
import {
  type Desired,
  defineNetworkApp,
  defineFlowTable,
  ETH_TYPE,
  flow,
  goto,
  hosts,
  IP_PROTO,
  linkLocalText,
  localPorts,
  type MatchSpec,
  type Owner,
  stages,
} from "@dragonflow/pipeline";

const app = "port-security";

/** ICMPv6 types (RFC 4861 section 4, RFC 3810). */
const ICMP6 = {
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
  mldReport: 143,
};

const nd = defineFlowTable({
  name: "port_security_nd",
  purpose: "what an IPv6 packet claims about neighbours",
  stage: stages.sourceGuard,
  match: ["sourcePort", "eth_type", "ip_proto", "icmpv6_type", "icmpv6_code", "nd_target", "nd_sll", "nd_tll"],
  next: [stages.egressConntrack],
  internal: true,
  miss: "next",
});

const portSecurity = defineFlowTable({
  name: "port_security",
  purpose: "source addresses of a local port",
  stage: stages.sourceGuard,
  match: [
    "sourcePort",
    "eth_type",
    "eth_src",
    "vlan_vid",
    "ipv4_src",
    "ipv6_src",
    "ip_proto",
    "udp_src",
    "udp_dst",
    "icmpv6_type",
    "arp_op",
    "arp_spa",
    "arp_sha",
  ],
  next: [stages.egressConntrack, nd],
  miss: "drop",
});

const level = { untagged: 1000, bypass: 900, client: 800, own: 100, foreign: 50, otherProtocols: 10 } as const;
const pass = [goto(stages.egressConntrack)];
const UNSPECIFIED4 = "0.0.0.0";
const UNSPECIFIED6 = "::";

/** What holds for every guarded port, whoever owns it. */
function everyPort(): readonly Desired[] {
  const owner = { app, kind: "host", id: "self" };
  const drop = (table: typeof nd, at: number, match: MatchSpec): Desired => flow(owner, table, at, match, []);
  const udp = { ip_proto: IP_PROTO.udp };
  const icmp6 = { eth_type: ETH_TYPE.ipv6, ip_proto: IP_PROTO.icmpv6 };
  return [
    // No VLAN of a VM's own making: its network carries none.
    drop(portSecurity, level.untagged, { vlan_vid: { value: 0x1000, mask: 0x1000 } }),
    // A port is no DHCP server (RFC 2131, RFC 8415; clients take a reply from any port, as long as it is for theirs),
    // and no router (RFC 6105).
    drop(portSecurity, level.client, { eth_type: ETH_TYPE.ipv4, ...udp, udp_src: 67 }),
    drop(portSecurity, level.client, { eth_type: ETH_TYPE.ipv4, ...udp, udp_dst: 68 }),
    drop(portSecurity, level.client, { eth_type: ETH_TYPE.ipv6, ...udp, udp_src: 547 }),
    drop(portSecurity, level.client, { eth_type: ETH_TYPE.ipv6, ...udp, udp_dst: 546 }),
    drop(portSecurity, level.client, { ...icmp6, icmpv6_type: ICMP6.routerAdvertisement }),
    drop(portSecurity, level.client, { ...icmp6, icmpv6_type: ICMP6.redirect }),
    // IP and ARP that no port's own flow let pass, before the flow that passes other protocols by MAC alone.
    ...Object.values(ETH_TYPE).map((eth_type) => drop(portSecurity, level.foreign, { eth_type })),
    drop(nd, level.foreign, { ...icmp6, icmpv6_type: ICMP6.neighbourSolicitation }),
    drop(nd, level.foreign, { ...icmp6, icmpv6_type: ICMP6.neighbourAdvertisement }),
  ];
}

interface AddressPair {
  readonly mac: string;
  readonly ip: string;
}

/** Every (MAC, IP) that the port may send from, each once. */
function addressPairs(port: LocalPortRecord): readonly AddressPair[] {
  const given = [...port.addresses.map(({ ip }) => ({ mac: port.mac, ip })), ...port.pairs];
  const macs = new Set([port.mac, ...given.map(({ mac }) => mac)]);
  // An IPv6 host has a link-local address before it has any other (RFC 4862 section 5.3).
  const all = [...given, ...[...macs].map((mac) => ({ mac, ip: linkLocalText(mac) }))];
  return [...new Map(all.map((pair) => [`${pair.mac} ${pair.ip}`, pair])).values()];
}

function guard(port: LocalPortRecord): readonly Desired[] {
  const owner = { app, kind: "port", id: port.id };
  const from = { sourcePort: port.key };
  if (!port.portSecurity) return [flow(owner, portSecurity, level.bypass, from, pass)];
  const pairs = addressPairs(port);
  const macs = [...new Set(pairs.map(({ mac }) => mac))];
  return [
    ...pairs.flatMap((pair) => ownAddress(owner, from, pair)),
    ...macs.flatMap((mac) => ownMac(owner, from, mac)),
  ];
}

function ownAddress(owner: Owner, from: MatchSpec, { mac, ip }: AddressPair): readonly Desired[] {
  const own = { ...from, eth_src: mac };
  if (!ip.includes(":")) {
    return [
      flow(owner, portSecurity, level.own, { ...own, eth_type: ETH_TYPE.ipv4, ipv4_src: ip }, pass),
      // ARP carries the sender once more (RFC 826): unchecked, neighbours can be poisoned.
      flow(owner, portSecurity, level.own, { ...own, eth_type: ETH_TYPE.arp, arp_sha: mac, arp_spa: ip }, pass),
    ];
  }
  const advertisement = {
    ...from,
    eth_type: ETH_TYPE.ipv6,
    ip_proto: IP_PROTO.icmpv6,
    icmpv6_type: ICMP6.neighbourAdvertisement,
    icmpv6_code: 0,
    nd_target: ip,
  };
  return [
    flow(owner, portSecurity, level.own, { ...own, eth_type: ETH_TYPE.ipv6, ipv6_src: ip }, [goto(nd)]),
    flow(owner, nd, level.own, { ...advertisement, nd_tll: mac }, pass),
    // Without the option the field reads as zero (RFC 4861 section 4.4: it may be left out of a solicited answer).
    flow(owner, nd, level.own, { ...advertisement, nd_tll: 0 }, pass),
  ];
}

/** What a host sends before it has an address, and under each MAC of its own. */
function ownMac(owner: Owner, from: MatchSpec, mac: string): readonly Desired[] {
  const own = { ...from, eth_src: mac };
  const unspecified6 = { ...own, eth_type: ETH_TYPE.ipv6, ipv6_src: UNSPECIFIED6, ip_proto: IP_PROTO.icmpv6 };
  const solicitation = {
    ...from,
    eth_type: ETH_TYPE.ipv6,
    ip_proto: IP_PROTO.icmpv6,
    icmpv6_type: ICMP6.neighbourSolicitation,
    // With any other code its options cannot be seen, and read as zero.
    icmpv6_code: 0,
  };
  const dhcp = { eth_type: ETH_TYPE.ipv4, ipv4_src: UNSPECIFIED4, ip_proto: IP_PROTO.udp, udp_src: 68, udp_dst: 67 };
  return [
    flow(owner, portSecurity, level.own, { ...own, ...dhcp }, pass),
    // A probe for an address that is not one's own yet (RFC 5227 section 2.1.1).
    flow(
      owner,
      portSecurity,
      level.own,
      { ...own, eth_type: ETH_TYPE.arp, arp_op: 1, arp_sha: mac, arp_spa: UNSPECIFIED4 },
      pass,
    ),
    ...[ICMP6.routerSolicitation, ICMP6.neighbourSolicitation, ICMP6.mldReport].map((icmpv6_type) =>
      flow(owner, portSecurity, level.own, { ...unspecified6, icmpv6_type }, [goto(nd)]),
    ),
    flow(owner, nd, level.own, { ...solicitation, nd_sll: mac }, pass),
    flow(owner, nd, level.own, { ...solicitation, nd_sll: 0 }, pass),
    flow(owner, portSecurity, level.otherProtocols, own, pass),
  ];
}

export default defineNetworkApp({
  name: app,
  tables: [portSecurity, nd],
  units: [each(hosts, everyPort), each(localPorts, guard)],
});
