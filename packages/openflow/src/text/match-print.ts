import { fieldRow } from "../fields/lookup.ts";
import { ethertypeOf } from "../fields/prerequisites.ts";
import type { FieldName } from "../fields/table.ts";
import type { Masked } from "../fields/value.ts";
import type { Match } from "../match.ts";
import { printIpv4, printIpv6, printMac } from "./address.ts";
import { CT_STATE_FLAGS, printFlags, TCP_FLAGS } from "./flags.ts";
import { type Names, printPort } from "./names.ts";
import { hex, hexDigits, hexOrZero } from "./number.ts";
import { ipv4Suffix, ipv6Suffix, printPacketType, printValue } from "./value.ts";

type Term = number | bigint | Masked;
type Style = (value: number | bigint, mask: number | bigint | undefined, names: Names) => string;

const withMask =
  (print: (value: number | bigint) => string): Style =>
  (value, mask) =>
    mask === undefined ? print(value) : `${print(value)}/${print(mask)}`;
/** Exact in one way, under a mask in another. */
const either =
  (exact: (value: number | bigint) => string, masked: (value: number | bigint) => string): Style =>
  (value, mask) =>
    mask === undefined ? exact(value) : `${masked(value)}/${masked(mask)}`;

const cHex = withMask(hexOrZero);
const plainHex = withMask(hex);
const decimal: Style = (value) => value.toString();
const hexWithoutMask: Style = (value) => hexOrZero(value);
const decimalOrHex = either(String, hex);
const decimalOrHex2 = either(String, (value) => hexDigits(value, 2));
const decimalOrHex8 = either(String, (value) => hexDigits(value, 8));
const hex5 = withMask((value) => hexDigits(value, 5));
const ethernet: Style = withMask((value) => printMac(Number(value)));
const ipv4: Style = (value, mask) => printIpv4(Number(value)) + ipv4Suffix(mask);
const ipv6: Style = (value, mask) => printIpv6(BigInt(value)) + ipv6Suffix(mask);
const port: Style = (value, _mask, names) => printPort(Number(value), names);
const flags =
  (flagNames: readonly string[]): Style =>
  (value, mask) =>
    printFlags(Number(value), Number(mask ?? 2 ** flagNames.length - 1), flagNames);

/** Fields in the order and under the labels of `ovs-ofctl dump-flows`: up to the word for the protocol. */
const BEFORE_PROTOCOL: readonly (readonly [FieldName, Style, string?])[] = [
  ["pkt_mark", cHex],
  ["recirc_id", cHex],
  ["dp_hash", cHex],
  ["conj_id", decimal],
  ["actset_output", port],
  ["ct_state", flags(CT_STATE_FLAGS)],
  ["ct_zone", decimalOrHex],
  ["ct_mark", cHex],
  ["ct_label", cHex],
  ["ct_nw_src", ipv4],
  ["ct_ipv6_src", ipv6],
  ["ct_nw_dst", ipv4],
  ["ct_ipv6_dst", ipv6],
  ["ct_nw_proto", decimal],
  ["ct_tp_src", decimalOrHex],
  ["ct_tp_dst", decimalOrHex],
];

const TUNNEL: readonly (readonly [FieldName, Style, string?])[] = [
  ["tun_id", cHex],
  ["tun_src", ipv4],
  ["tun_dst", ipv4],
  ["tun_ipv6_src", ipv6],
  ["tun_ipv6_dst", ipv6],
  ["tun_gbp_id", decimalOrHex],
  ["tun_gbp_flags", hexWithoutMask],
  ["tun_erspan_ver", decimal],
  ["tun_erspan_idx", hexWithoutMask],
  ["tun_erspan_dir", decimal],
  ["tun_erspan_hwid", hexWithoutMask],
  ["tun_gtpu_flags", hexWithoutMask, "gtpu_flags"],
  ["tun_gtpu_msgtype", decimal, "gtpu_msgtype"],
  ["tun_flags", (value) => (Number(value) === 0 ? "-oam" : "+oam")],
];

/** From the VLAN on. */
const HEADERS: readonly (readonly [FieldName, Style, string?])[] = [
  ["eth_src", ethernet, "dl_src"],
  ["eth_dst", ethernet, "dl_dst"],
  ["eth_type", (value) => hexDigits(value, 4), "dl_type"],
  ["ipv6_src", ipv6],
  ["ipv6_dst", ipv6],
  ["ipv6_label", hex5],
  ["arp_spa", ipv4],
  ["arp_tpa", ipv4],
  ["nsh_flags", decimalOrHex2],
  ["nsh_ttl", decimalOrHex2],
  ["nsh_mdtype", decimalOrHex2],
  ["nsh_np", decimalOrHex2],
  ["nsh_spi", plainHex],
  ["nsh_si", decimalOrHex2],
  ["nsh_c1", plainHex],
  ["nsh_c2", plainHex],
  ["nsh_c3", plainHex],
  ["nsh_c4", plainHex],
  ["ipv4_src", ipv4, "nw_src"],
  ["ipv4_dst", ipv4, "nw_dst"],
  ["ip_proto", decimal, "nw_proto"],
  ["arp_op", decimal],
  ["arp_sha", ethernet],
  ["arp_tha", ethernet],
  ["ip_dscp", (value) => String(Number(value) * 4), "nw_tos"],
  ["ip_ecn", decimal, "nw_ecn"],
  ["ip_ttl", decimal, "nw_ttl"],
  ["mpls_label", decimal],
  ["mpls_tc", decimal],
  ["mpls_ttl", decimal],
  ["mpls_bos", decimal],
  ["ip_frag", (value, mask, names) => printValue(fieldRow("ip_frag"), value, mask, names), "nw_frag"],
  ["icmpv4_type", decimal, "icmp_type"],
  ["icmpv4_code", decimal, "icmp_code"],
  ["icmpv6_type", decimal, "icmp_type"],
  ["icmpv6_code", decimal, "icmp_code"],
  ["nd_target", ipv6],
  ["nd_sll", ethernet],
  ["nd_tll", ethernet],
  ["nd_reserved", decimalOrHex8],
  ["nd_options_type", decimalOrHex],
  ["tcp_src", decimalOrHex, "tp_src"],
  ["tcp_dst", decimalOrHex, "tp_dst"],
  ["udp_src", decimalOrHex, "tp_src"],
  ["udp_dst", decimalOrHex, "tp_dst"],
  ["sctp_src", decimalOrHex, "tp_src"],
  ["sctp_dst", decimalOrHex, "tp_dst"],
  ["tcp_flags", flags(TCP_FLAGS)],
];

const IP_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);
const IPV6_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [58, "icmp6"],
  [6, "tcp6"],
  [17, "udp6"],
  [132, "sctp6"],
]);
const ETHERTYPES: ReadonlyMap<number, string> = new Map([
  [0x0800, "ip"],
  [0x86dd, "ipv6"],
  [0x0806, "arp"],
  [0x8035, "rarp"],
  [0x8847, "mpls"],
  [0x8848, "mplsm"],
]);

/** A match in canonical form as `ovs-ofctl dump-flows` prints it; empty for one that matches everything. */
export function printMatch(match: Match, names: Names = {}): string {
  const parts: string[] = [];
  const terms: Readonly<Record<string, Term | undefined>> = match;
  const put = (name: string, style: Style, label = name): void => {
    const term = terms[name];
    if (term === undefined || hidden.has(name)) return;
    const masked = typeof term === "object";
    parts.push(`${label}=${masked ? style(term.value, term.mask, names) : style(term, undefined, names)}`);
  };
  const hidden = new Set<string>();

  for (const [name, style, label] of BEFORE_PROTOCOL) put(name, style, label);
  const { packet_type: packetType } = match;
  if (typeof packetType === "number") parts.push(printPacketType(packetType));
  putProtocol(match, parts, hidden);
  for (let n = 0; n < 16; n++) put(`reg${n}`, cHex);
  hideUnprinted(match, hidden);
  for (const [name, style, label] of TUNNEL) put(name, style, label);
  for (let n = 0; n < 64; n++) putTunnelMetadata(`tun_metadata${n}`, terms, parts);
  put("metadata", cHex);
  put("in_port", port);
  putVlan(match, parts);
  for (const [name, style, label] of HEADERS) put(name, style, label);
  return parts.join(",");
}

/** Puts `tcp`, `arp` ... and hides the fields that the word stands for. */
function putProtocol(match: Match, parts: string[], hidden: Set<string>): void {
  if (match.eth_type === undefined) return;
  const ethertype = ethertypeOf(match);
  const name = ETHERTYPES.get(ethertype);
  if (name === undefined) return;
  hidden.add("eth_type");
  const protocols = ethertype === 0x0800 ? IP_PROTOCOLS : ethertype === 0x86dd ? IPV6_PROTOCOLS : undefined;
  const protocol = typeof match.ip_proto === "number" ? protocols?.get(match.ip_proto) : undefined;
  if (protocol !== undefined) hidden.add("ip_proto");
  parts.push(protocol ?? name);
}

/**
 * What ovs-ofctl does not print: fields of the other version of ERSPAN, or of none, and contexts of NSH without "type
 * 1".
 */
function hideUnprinted(match: Match, hidden: Set<string>): void {
  const version = typeof match.tun_erspan_ver === "object" ? match.tun_erspan_ver.value : match.tun_erspan_ver;
  if (version !== 1) hidden.add("tun_erspan_idx");
  if (version !== 2) hidden.add("tun_erspan_dir").add("tun_erspan_hwid");
  if (match.nsh_mdtype !== 1) hidden.add("nsh_c1").add("nsh_c2").add("nsh_c3").add("nsh_c4");
}

/**
 * ovs-ofctl does not know how long the option is: a mask of whole bytes, as many as are needed, looks to it like all of
 * them.
 */
function putTunnelMetadata(name: string, terms: Readonly<Record<string, Term | undefined>>, parts: string[]): void {
  const term = terms[name];
  if (term === undefined) return;
  if (typeof term !== "object") {
    parts.push(`${name}=${hexOrZero(term)}`);
    return;
  }
  const mask = BigInt(term.mask);
  const whole = mask !== 0n && (mask & (mask + 1n)) === 0n && mask.toString(2).length % 8 === 0;
  if (mask === 0n) parts.push(name);
  else parts.push(`${name}=${hexOrZero(term.value)}${whole ? "" : `/${hex(mask)}`}`);
}

/** `dl_vlan` and `dl_vlan_pcp` where these say it all, else `vlan_tci` under a mask. */
function putVlan({ vlan_vid: vid, vlan_pcp: pcp }: Match, parts: string[]): void {
  if (vid === undefined && pcp === undefined) return;
  const vidValue = typeof vid === "object" ? vid.value : (vid ?? 0);
  const vidMask = vid === undefined ? 0 : typeof vid === "object" ? vid.mask : 0x1fff;
  const pcpValue = typeof pcp === "number" ? pcp : 0;
  const pcpMask = pcp === undefined ? 0 : 7;
  const idMask = vidMask & 0xfff;
  if ((vidMask & vidValue & 0x1000) !== 0 && (idMask === 0 || idMask === 0xfff) && (idMask !== 0 || pcpMask !== 0)) {
    if (idMask !== 0) parts.push(`dl_vlan=${vidValue & 0xfff}`);
    if (pcpMask !== 0) parts.push(`dl_vlan_pcp=${pcpValue}`);
    return;
  }
  const mask = (pcpMask << 13) | vidMask;
  parts.push(`vlan_tci=${hexDigits((pcpValue << 13) | vidValue, 4)}/${hexDigits(mask, 4)}`);
}
