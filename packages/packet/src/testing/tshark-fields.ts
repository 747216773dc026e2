import {
  type ClasslessRoute,
  type Dhcp4,
  type Dhcp4MessageType,
  type Dhcp6,
  type Dhcp6Option,
  DHCP4_OPTIONS,
  formatIpv4,
  formatIpv6,
  formatMac,
  type Icmp6,
  type Layers,
  type NdOption,
} from "../index.ts";

/** A decoded vector. */
export interface Seen {
  readonly layers: Layers;
  readonly dhcp4: Dhcp4 | undefined;
  readonly dhcp6: Dhcp6 | undefined;
}
type Value = string | number | bigint | boolean | undefined | readonly Value[];
type Row = (seen: Seen) => Value;

const ip4 =
  (f: (s: Seen) => number | undefined): Row =>
  (s) =>
    text(f(s), formatIpv4);
const ip4s =
  (f: (s: Seen) => readonly number[] | undefined): Row =>
  (s) =>
    f(s)?.map(formatIpv4);
const ip6 =
  (f: (s: Seen) => bigint | undefined): Row =>
  (s) =>
    text(f(s), formatIpv6);
const mac =
  (f: (s: Seen) => number | undefined): Row =>
  (s) =>
    text(f(s), formatMac);
const hex =
  (digits: number, f: (s: Seen) => number | undefined): Row =>
  (s) =>
    text(f(s), (n) => `0x${n.toString(16).padStart(digits, "0")}`);
const bytes = (value: Uint8Array | undefined): Value => value && Buffer.from(value).toString("hex");
function text<T>(value: T | undefined, format: (value: T) => string): string | undefined {
  return value === undefined ? undefined : format(value);
}

const ndOptions = ({ layers: { icmp6 } }: Seen): readonly NdOption[] =>
  icmp6 !== undefined && "options" in icmp6 ? icmp6.options : [];
const ND_TYPES = {
  "source-link-layer": 1,
  "target-link-layer": 2,
  prefix: 3,
  "redirected-header": 4,
  mtu: 5,
  rdnss: 25,
  dnssl: 31,
} as const;
const nd =
  <K extends NdOption["kind"]>(kind: K, f: (option: Extract<NdOption, { kind: K }>) => Value): Row =>
  (s) =>
    ndOptions(s).flatMap((option) => (option.kind === kind ? f(option as Extract<NdOption, { kind: K }>) : []));
const icmp6 =
  <K extends Icmp6["kind"]>(kind: K, f: (message: Extract<Icmp6, { kind: K }>) => Value): Row =>
  ({ layers }) =>
    layers.icmp6?.kind === kind ? f(layers.icmp6 as Extract<Icmp6, { kind: K }>) : undefined;

const tags = (s: Seen, service: boolean) => s.layers.ethernet.vlans.filter((v) => v.service === service);
const fragment6 = ({ layers: { ipv6 } }: Seen) => ipv6?.extensions.find((e) => e.kind === "fragment");
const routing6 = ({ layers: { ipv6 } }: Seen) => ipv6?.extensions.find((e) => e.kind === "routing");
const echo4 = ({ layers: { icmp4 } }: Seen) => (icmp4 !== undefined && "id" in icmp4 ? icmp4 : undefined);
const echo6 = ({ layers: { icmp6 } }: Seen) => (icmp6 !== undefined && "id" in icmp6 ? icmp6 : undefined);

const TYPE4 = {
  "echo-reply": 0,
  unreachable: 3,
  redirect: 5,
  "echo-request": 8,
  "time-exceeded": 11,
  "parameter-problem": 12,
  "timestamp-request": 13,
  "timestamp-reply": 14,
} as const;
const TYPE6 = {
  unreachable: 1,
  "packet-too-big": 2,
  "time-exceeded": 3,
  "parameter-problem": 4,
  "echo-request": 128,
  "echo-reply": 129,
  "router-solicitation": 133,
  "router-advertisement": 134,
  "neighbour-solicitation": 135,
  "neighbour-advertisement": 136,
  "nd-redirect": 137,
} as const;
const OPTION4 = {
  nop: 1,
  "record-route": 7,
  "loose-source-route": 131,
  "strict-source-route": 137,
  "router-alert": 148,
} as const;
const FLAG_BITS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128, ae: 256 } as const;
const MESSAGE: Record<Dhcp4MessageType, number> = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
};
const TYPE_DHCP6 = [
  "",
  "solicit",
  "advertise",
  "request",
  "confirm",
  "renew",
  "rebind",
  "reply",
  "release",
  "decline",
  "reconfigure",
  "information-request",
  "relay-forward",
  "relay-reply",
];
const OPTION6 = {
  "client-id": 1,
  "server-id": 2,
  "ia-na": 3,
  "ia-ta": 4,
  address: 5,
  "option-request": 6,
  preference: 7,
  "elapsed-time": 8,
  "relay-message": 9,
  "server-unicast": 12,
  status: 13,
  "rapid-commit": 14,
  "interface-id": 18,
  "reconfigure-accept": 20,
  "dns-servers": 23,
  "domain-search": 24,
  "ia-pd": 25,
  prefix: 26,
  "information-refresh-time": 32,
  "boot-file-url": 59,
  "sol-max-rt": 82,
  "inf-max-rt": 83,
} as const;

/** tshark prints these as the bytes of the wire. */
function routeBytes({ destination: { address, prefixLength }, gateway }: ClasslessRoute): string {
  const word = (value: number) => value.toString(16).padStart(8, "0");
  return (
    prefixLength.toString(16).padStart(2, "0") + word(address).slice(0, 2 * Math.ceil(prefixLength / 8)) + word(gateway)
  );
}

/** Options inside others, in the order of the wire. */
type Tree = { kind: string; type?: number; options?: readonly Tree[] };
const flatten = (options: readonly Tree[]): Tree[] => options.flatMap((o) => [o, ...flatten(o.options ?? [])]);
const options6 = <K extends Dhcp6Option["kind"]>(s: Seen, ...kinds: K[]) =>
  (s.dhcp6?.options ?? []).filter((o): o is Extract<Dhcp6Option, { kind: K }> => kinds.some((kind) => kind === o.kind));
const associations = (s: Seen) => options6(s, "ia-na", "ia-pd");
const addresses = (s: Seen) =>
  associations(s).flatMap((ia) => ia.options.flatMap((o) => (o.kind === "address" ? [o] : [])));
const prefixes = (s: Seen) =>
  associations(s).flatMap((ia) => ia.options.flatMap((o) => (o.kind === "prefix" ? [o] : [])));
const statuses = (s: Seen) => [
  ...options6(s, "status"),
  ...associations(s).flatMap((ia) => ia.options.flatMap((o) => (o.kind === "status" ? [o] : []))),
  ...addresses(s).flatMap((a) => a.options.flatMap((o) => (o.kind === "status" ? [o] : []))),
];

/** How each of tshark's fields is read from what we decoded: one row per field. Values print as tshark prints them. */
export const TSHARK: Readonly<Record<string, Row>> = {
  "eth.dst": mac((s) => s.layers.ethernet.dst),
  "eth.src": mac((s) => s.layers.ethernet.src),
  "eth.type": hex(4, ({ layers: { ethernet } }) => {
    const [outer] = ethernet.vlans;
    return outer === undefined ? ethernet.etherType : outer.service ? 0x88a8 : 0x8100;
  }),
  "ieee8021ad.id": (s) => tags(s, true).map((v) => v.id),
  "ieee8021ad.priority": (s) => tags(s, true).map((v) => v.priority),
  "ieee8021ad.dei": (s) => tags(s, true).map((v) => v.dropEligible),
  "vlan.id": (s) => tags(s, false).map((v) => v.id),
  "vlan.priority": (s) => tags(s, false).map((v) => v.priority),
  "vlan.dei": (s) => tags(s, false).map((v) => v.dropEligible),
  "arp.opcode": (s) => s.layers.arp?.operation,
  "arp.src.hw_mac": mac((s) => s.layers.arp?.senderMac),
  "arp.src.proto_ipv4": ip4((s) => s.layers.arp?.senderIp),
  "arp.dst.hw_mac": mac((s) => s.layers.arp?.targetMac),
  "arp.dst.proto_ipv4": ip4((s) => s.layers.arp?.targetIp),

  "ip.src": ip4((s) => s.layers.ipv4?.src),
  "ip.dst": ip4((s) => s.layers.ipv4?.dst),
  "ip.ttl": (s) => s.layers.ipv4?.ttl,
  "ip.proto": (s) => s.layers.ipv4?.protocol,
  "ip.dsfield.dscp": (s) => s.layers.ipv4?.dscp,
  "ip.dsfield.ecn": (s) => s.layers.ipv4?.ecn,
  "ip.id": hex(4, (s) => s.layers.ipv4?.id),
  "ip.flags.df": (s) => s.layers.ipv4?.dontFragment,
  "ip.flags.mf": (s) => s.layers.ipv4?.moreFragments,
  "ip.frag_offset": (s) => s.layers.ipv4 && s.layers.ipv4.fragmentOffsetBytes / 8,
  "ip.opt.type": (s) => s.layers.ipv4?.options.map((o) => (o.kind === "other" ? o.type : OPTION4[o.kind])),
  "ip.opt.ra": (s) => s.layers.ipv4?.options.flatMap((o) => (o.kind === "router-alert" ? o.value : [])),
  "ip.rec_rt": (s) =>
    s.layers.ipv4?.options.flatMap((o) =>
      o.kind === "record-route" ? o.addresses.slice(0, (o.pointer - 4) / 4).map(formatIpv4) : [],
    ),

  "ipv6.src": ip6((s) => s.layers.ipv6?.src),
  "ipv6.dst": ip6((s) => s.layers.ipv6?.dst),
  "ipv6.hlim": (s) => s.layers.ipv6?.hopLimit,
  "ipv6.tclass.dscp": (s) => s.layers.ipv6?.dscp,
  "ipv6.tclass.ecn": (s) => s.layers.ipv6?.ecn,
  "ipv6.flow": hex(6, (s) => s.layers.ipv6?.flowLabel),
  "ipv6.fraghdr.offset": (s) => (fragment6(s)?.offsetBytes ?? 0) / 8,
  "ipv6.fraghdr.more": (s) => fragment6(s)?.more,
  "ipv6.fraghdr.ident": hex(8, (s) => fragment6(s)?.id),
  "ipv6.routing.type": (s) => routing6(s)?.routingType,
  "ipv6.routing.segleft": (s) => routing6(s)?.segmentsLeft,
  "ipv6.opt.router_alert": (s) =>
    s.layers.ipv6?.extensions.flatMap((e) =>
      "options" in e ? e.options.flatMap((o) => (o.kind === "router-alert" ? o.value : [])) : [],
    ),

  "icmp.type": ({ layers: { icmp4 } }) => icmp4 && (icmp4.kind === "other" ? icmp4.type : TYPE4[icmp4.kind]),
  "icmp.code": (s) => s.layers.icmp4?.code,
  "icmp.ident": (s) => echo4(s)?.id,
  "icmp.seq": (s) => echo4(s)?.sequence,
  "icmp.mtu": ({ layers: { icmp4 } }) => (icmp4?.kind === "unreachable" ? icmp4.mtuBytes : undefined),
  "icmp.redir_gw": ip4(({ layers: { icmp4 } }) => (icmp4?.kind === "redirect" ? icmp4.gateway : undefined)),
  "icmp.pointer": ({ layers: { icmp4 } }) => (icmp4?.kind === "parameter-problem" ? icmp4.pointer : undefined),

  "icmpv6.type": ({ layers: { icmp6: m } }) => m && (m.kind === "other" ? m.type : TYPE6[m.kind]),
  "icmpv6.code": (s) => s.layers.icmp6?.code,
  "icmpv6.echo.identifier": hex(4, (s) => echo6(s)?.id),
  "icmpv6.echo.sequence_number": (s) => echo6(s)?.sequence,
  "icmpv6.mtu": icmp6("packet-too-big", (m) => m.mtuBytes),
  "icmpv6.pointer": icmp6("parameter-problem", (m) => m.pointer),
  "icmpv6.nd.ra.cur_hop_limit": icmp6("router-advertisement", (m) => m.currentHopLimit),
  "icmpv6.nd.ra.flag.m": icmp6("router-advertisement", (m) => m.flags.managed),
  "icmpv6.nd.ra.flag.o": icmp6("router-advertisement", (m) => m.flags.otherConfiguration),
  "icmpv6.nd.ra.flag.prf": icmp6("router-advertisement", (m) => m.flags.preference),
  "icmpv6.nd.ra.router_lifetime": icmp6("router-advertisement", (m) => m.routerLifetimeSeconds),
  "icmpv6.nd.ra.reachable_time": icmp6("router-advertisement", (m) => m.reachableTimeMs),
  "icmpv6.nd.ra.retrans_timer": icmp6("router-advertisement", (m) => m.retransmitTimerMs),
  "icmpv6.nd.ns.target_address": icmp6("neighbour-solicitation", (m) => formatIpv6(m.target)),
  "icmpv6.nd.na.target_address": icmp6("neighbour-advertisement", (m) => formatIpv6(m.target)),
  "icmpv6.nd.na.flag.r": icmp6("neighbour-advertisement", (m) => m.flags.router),
  "icmpv6.nd.na.flag.s": icmp6("neighbour-advertisement", (m) => m.flags.solicited),
  "icmpv6.nd.na.flag.o": icmp6("neighbour-advertisement", (m) => m.flags.override),
  "icmpv6.nd.rd.target_address": icmp6("nd-redirect", (m) => formatIpv6(m.target)),
  "icmpv6.rd.na.destination_address": icmp6("nd-redirect", (m) => formatIpv6(m.destination)),
  "icmpv6.opt.type": (s) => ndOptions(s).map((o) => (o.kind === "other" ? o.type : ND_TYPES[o.kind])),
  "icmpv6.opt.linkaddr": (s) => ndOptions(s).flatMap((o) => ("mac" in o ? formatMac(o.mac) : [])),
  "icmpv6.opt.prefix": nd("prefix", (o) => formatIpv6(o.prefix)),
  "icmpv6.opt.prefix.length": nd("prefix", (o) => o.prefixLength),
  "icmpv6.opt.prefix.flag.l": nd("prefix", (o) => o.flags.onLink),
  "icmpv6.opt.prefix.flag.a": nd("prefix", (o) => o.flags.autonomous),
  "icmpv6.opt.prefix.valid_lifetime": nd("prefix", (o) => o.validLifetimeSeconds),
  "icmpv6.opt.prefix.preferred_lifetime": nd("prefix", (o) => o.preferredLifetimeSeconds),
  "icmpv6.opt.mtu": nd("mtu", (o) => o.mtuBytes),
  "icmpv6.opt.rdnss": nd("rdnss", (o) => o.servers.map(formatIpv6)),
  "icmpv6.opt.rdnss.lifetime": nd("rdnss", (o) => o.lifetimeSeconds),
  "icmpv6.opt.dnssl": nd("dnssl", (o) => o.domains),

  "udp.srcport": (s) => s.layers.udp?.sourcePort,
  "udp.dstport": (s) => s.layers.udp?.destinationPort,
  "udp.length": (s) => s.layers.udp && s.layers.payload.length + 8,
  "tcp.srcport": (s) => s.layers.tcp?.sourcePort,
  "tcp.dstport": (s) => s.layers.tcp?.destinationPort,
  "tcp.seq_raw": (s) => s.layers.tcp?.sequence,
  "tcp.ack_raw": (s) => s.layers.tcp?.acknowledgement,
  "tcp.flags": hex(
    4,
    ({ layers: { tcp } }) =>
      tcp &&
      Object.entries(FLAG_BITS).reduce(
        (word, [flag, bit]) => word | (tcp.flags[flag as keyof typeof FLAG_BITS] ? bit : 0),
        0,
      ),
  ),
  "tcp.window_size_value": (s) => s.layers.tcp?.windowBytes,
  "tcp.urgent_pointer": (s) => s.layers.tcp?.urgentPointer,
  "tcp.options.mss_val": (s) => s.layers.tcp?.options.flatMap((o) => (o.kind === "mss" ? o.mssBytes : [])),
  "tcp.options.wscale.shift": (s) => s.layers.tcp?.options.flatMap((o) => (o.kind === "window-scale" ? o.shift : [])),
  "tcp.options.timestamp.tsval": (s) => s.layers.tcp?.options.flatMap((o) => (o.kind === "timestamps" ? o.value : [])),
  "tcp.options.timestamp.tsecr": (s) =>
    s.layers.tcp?.options.flatMap((o) => (o.kind === "timestamps" ? o.echoReply : [])),
  "tcp.options.sack_le": (s) =>
    s.layers.tcp?.options.flatMap((o) => (o.kind === "sack" ? o.blocks.map((b) => b.left) : [])),
  "tcp.options.sack_re": (s) =>
    s.layers.tcp?.options.flatMap((o) => (o.kind === "sack" ? o.blocks.map((b) => b.right) : [])),

  "dhcp.type": (s) => s.dhcp4 && (s.dhcp4.op === "request" ? 1 : 2),
  "dhcp.hops": (s) => s.dhcp4?.hops,
  "dhcp.id": hex(8, (s) => s.dhcp4?.xid),
  "dhcp.secs": (s) => s.dhcp4?.elapsedSeconds,
  "dhcp.flags.bc": (s) => s.dhcp4?.broadcast,
  "dhcp.ip.client": ip4((s) => s.dhcp4?.ciaddr),
  "dhcp.ip.your": ip4((s) => s.dhcp4?.yiaddr),
  "dhcp.ip.server": ip4((s) => s.dhcp4?.siaddr),
  "dhcp.ip.relay": ip4((s) => s.dhcp4?.giaddr),
  // tshark prints the address in a client identifier under the same name.
  "dhcp.hw.mac_addr": ({ dhcp4 }) => {
    const [type, ...id] = dhcp4?.options.clientIdentifier ?? [];
    const own = id.length === 6 && type === 1 ? [formatMac(id.reduce((value, byte) => value * 256 + byte, 0))] : [];
    return dhcp4 && [formatMac(dhcp4.chaddr), ...own];
  },
  "dhcp.server": (s) => s.dhcp4?.sname,
  "dhcp.file": (s) => s.dhcp4?.file,
  "dhcp.option.type": ({ dhcp4 }) => {
    if (dhcp4 === undefined) return undefined;
    const { other = [], ...known } = dhcp4.options;
    return [
      ...Object.keys(known).map((name) => DHCP4_OPTIONS[name as keyof typeof DHCP4_OPTIONS].code),
      ...other.map((o) => o.code),
      0, // the end, as tshark prints it
    ];
  },
  "dhcp.option.dhcp": (s) => s.dhcp4?.options.messageType && MESSAGE[s.dhcp4.options.messageType],
  "dhcp.option.requested_ip_address": ip4((s) => s.dhcp4?.options.requestedAddress),
  "dhcp.option.ip_address_lease_time": (s) => s.dhcp4?.options.leaseTimeSeconds,
  "dhcp.option.subnet_mask": ip4((s) => s.dhcp4?.options.subnetMask),
  "dhcp.option.router": ip4s((s) => s.dhcp4?.options.routers),
  "dhcp.option.domain_name_server": ip4s((s) => s.dhcp4?.options.dnsServers),
  "dhcp.option.domain_name": (s) => s.dhcp4?.options.domainName,
  "dhcp.option.hostname": (s) => s.dhcp4?.options.hostName,
  "dhcp.option.interface_mtu": (s) => s.dhcp4?.options.mtuBytes,
  "dhcp.option.ntp_server": ip4s((s) => s.dhcp4?.options.ntpServers),
  "dhcp.option.broadcast_address": ip4((s) => s.dhcp4?.options.broadcastAddress),
  "dhcp.option.dhcp_server_id": ip4((s) => s.dhcp4?.options.serverIdentifier),
  "dhcp.option.renewal_time_value": (s) => s.dhcp4?.options.renewalTimeSeconds,
  "dhcp.option.rebinding_time_value": (s) => s.dhcp4?.options.rebindingTimeSeconds,
  "dhcp.option.request_list_item": (s) => s.dhcp4?.options.parameterRequestList,
  "dhcp.option.vendor_class_id": (s) => s.dhcp4?.options.vendorClass,
  "dhcp.option.dhcp_max_message_size": (s) => s.dhcp4?.options.maximumMessageBytes,
  "dhcp.option.message": (s) => s.dhcp4?.options.message,
  "dhcp.option.tftp_server_name": (s) => s.dhcp4?.options.tftpServerName,
  "dhcp.option.bootfile_name": (s) => s.dhcp4?.options.bootFileName,
  "dhcp.option.tftp_server_address": ip4s((s) => s.dhcp4?.options.tftpServers),
  "dhcp.option.dhcp_dns_domain_search_list_fqdn": (s) => s.dhcp4?.options.domainSearch,
  "dhcp.option.classless_static_route": (s) =>
    [...(s.dhcp4?.options.microsoftClasslessRoutes ?? []), ...(s.dhcp4?.options.classlessRoutes ?? [])].map(routeBytes),
  "dhcp.option.agent_information_option.agent_circuit_id": (s) =>
    bytes(s.dhcp4?.options.relayAgent?.find((o) => o.kind === "circuit-id")?.id),
  "dhcp.option.agent_information_option.agent_remote_id": (s) =>
    bytes(s.dhcp4?.options.relayAgent?.find((o) => o.kind === "remote-id")?.id),

  "dhcpv6.msgtype": (s) => s.dhcp6 && TYPE_DHCP6.indexOf(s.dhcp6.type),
  "dhcpv6.xid": hex(6, ({ dhcp6 }) => (dhcp6 && "transactionId" in dhcp6 ? dhcp6.transactionId : undefined)),
  "dhcpv6.hopcount": ({ dhcp6 }) => (dhcp6 && "hopCount" in dhcp6 ? dhcp6.hopCount : undefined),
  "dhcpv6.linkaddr": ip6(({ dhcp6 }) => (dhcp6 && "linkAddress" in dhcp6 ? dhcp6.linkAddress : undefined)),
  "dhcpv6.peeraddr": ip6(({ dhcp6 }) => (dhcp6 && "peerAddress" in dhcp6 ? dhcp6.peerAddress : undefined)),
  "dhcpv6.option.type": (s) =>
    s.dhcp6 && flatten(s.dhcp6.options).map((o) => o.type ?? OPTION6[o.kind as keyof typeof OPTION6]),
  "dhcpv6.iaid": (s) => associations(s).map((ia) => ia.iaid.toString(16).padStart(8, "0")),
  "dhcpv6.iaid.t1": (s) => associations(s).map((ia) => ia.t1Seconds),
  "dhcpv6.iaid.t2": (s) => associations(s).map((ia) => ia.t2Seconds),
  "dhcpv6.iaaddr.ip": (s) => addresses(s).map((a) => formatIpv6(a.address)),
  "dhcpv6.iaaddr.pref_lifetime": (s) => addresses(s).map((a) => a.preferredLifetimeSeconds),
  "dhcpv6.iaaddr.valid_lifetime": (s) => addresses(s).map((a) => a.validLifetimeSeconds),
  "dhcpv6.iaprefix.pref_addr": (s) => prefixes(s).map((p) => formatIpv6(p.prefix)),
  "dhcpv6.iaprefix.pref_len": (s) => prefixes(s).map((p) => p.prefixLength),
  // tshark prints milliseconds.
  "dhcpv6.elapsed_time": (s) => options6(s, "elapsed-time").map((o) => o.hundredthsOfSecond * 10),
  "dhcpv6.status_code": (s) => statuses(s).map((o) => o.code),
  "dhcpv6.dns_server": (s) => options6(s, "dns-servers").flatMap((o) => o.servers.map(formatIpv6)),
  // tshark prints the final dot.
  "dhcpv6.search_list_entry": (s) => options6(s, "domain-search").flatMap((o) => o.domains.map((d) => `${d}.`)),
};

/** A value as tshark prints it. */
export function print(value: Value): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  return Array.isArray(value) ? value.map(print).join(",") : String(value);
}
