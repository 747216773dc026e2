import { basic, ericsson, nicira, nsh, nxm0, nxm1, onf, packetRegister } from "./oxm.ts";
import { field, mappedField, numbered, wideField } from "./row.ts";

const hexadecimal = "hexadecimal";
const ethernet = "ethernet";
/** Matched in any part, and written. */
const open = { maskable: true, writable: true } as const;

/**
 * Every field of ovs-fields(7) as Open vSwitch 3.1 speaks it in OpenFlow 1.5. ONE ROW PER FIELD: encode, decode, text,
 * width checks, prerequisites and types derive from it. The order of the rows is the order in which vswitchd writes a
 * match, and so is ours.
 *
 * A name is the long name of the field; what ovs-ofctl spells otherwise says so in `text`. `dl_vlan`, `dl_vlan_pcp`,
 * `nw_tos`, `vlan_tci`, `nxm_in_port` and the registers are other views of bits that a match of OpenFlow 1.5 has under
 * another name: see `canonical.ts`.
 */
export const FIELDS = {
  packet_type: field(32, [basic(44, "PACKET_TYPE")], { format: "packet_type" }),
  dp_hash: field(32, [nxm1(35, "DP_HASH"), nicira(0, "DP_HASH")], {
    maskable: true,
    format: hexadecimal,
    refused: { match: "OFPBRC_EPERM" },
  }),
  recirc_id: field(32, [nxm1(36, "RECIRC_ID")], { refused: { match: "OFPBRC_EPERM" } }),
  conj_id: field(32, [nxm1(37, "CONJ_ID")]),
  in_port: field(32, [basic(0, "IN_PORT")], {
    writable: true,
    format: "port",
    text: ["in_port_oxm"],
    refused: { write: "OFPBAC_BAD_SET_ARGUMENT" },
  }),
  nxm_in_port: field(16, [nxm0(0, "IN_PORT")], { writable: true, format: "port", text: ["in_port"] }),
  actset_output: field(32, [basic(43, "ACTSET_OUTPUT"), onf(43, "ACTSET_OUTPUT")], { format: "port" }),

  eth_src: field(48, [basic(4, "ETH_SRC"), nxm0(2, "ETH_SRC")], {
    ...open,
    format: ethernet,
    text: ["eth_src", "dl_src"],
  }),
  eth_dst: field(48, [basic(3, "ETH_DST"), nxm0(1, "ETH_DST")], {
    ...open,
    format: ethernet,
    text: ["eth_dst", "dl_dst"],
  }),
  eth_type: field(16, [basic(5, "ETH_TYPE"), nxm0(3, "ETH_TYPE")], {
    format: hexadecimal,
    text: ["eth_type", "dl_type"],
  }),

  vlan_tci: field(16, [nxm0(4, "VLAN_TCI")], { ...open, format: hexadecimal }),
  dl_vlan: field(12, [], { writable: true }),
  dl_vlan_pcp: field(3, [], { writable: true }),
  // Bit 12 says that there is a tag at all: 0x1000 | VID.
  vlan_vid: field(13, [basic(6, "VLAN_VID")], { width: 12, ...open }),
  vlan_pcp: field(3, [basic(7, "VLAN_PCP")], { writable: true, needs: "vlan" }),

  mpls_tc: field(3, [basic(35, "MPLS_TC")], { writable: true, needs: "mpls" }),
  mpls_bos: field(1, [basic(36, "MPLS_BOS")], { needs: "mpls" }),
  mpls_ttl: field(8, [nxm1(30, "MPLS_TTL")], { writable: true, needs: "mpls" }),
  mpls_label: field(20, [basic(34, "MPLS_LABEL")], { bytes: 4, writable: true, needs: "mpls" }),

  ipv4_src: field(32, [basic(11, "IPV4_SRC"), nxm0(7, "IP_SRC")], {
    ...open,
    needs: "ipv4",
    format: "ipv4",
    text: ["ip_src", "nw_src"],
  }),
  ipv4_dst: field(32, [basic(12, "IPV4_DST"), nxm0(8, "IP_DST")], {
    ...open,
    needs: "ipv4",
    format: "ipv4",
    text: ["ip_dst", "nw_dst"],
  }),
  ipv6_src: wideField(128, [basic(26, "IPV6_SRC"), nxm1(19, "IPV6_SRC")], { ...open, needs: "ipv6", format: "ipv6" }),
  ipv6_dst: wideField(128, [basic(27, "IPV6_DST"), nxm1(20, "IPV6_DST")], { ...open, needs: "ipv6", format: "ipv6" }),
  ip_frag: field(2, [nxm1(26, "IP_FRAG")], {
    maskable: true,
    needs: "ip",
    format: "frag",
    text: ["ip_frag", "nw_frag"],
  }),
  nw_tos: field(8, [nxm0(5, "IP_TOS")], { writable: true, needs: "ip" }),
  ip_dscp: field(6, [basic(8, "IP_DSCP")], { writable: true, needs: "ip" }),
  ip_ecn: field(2, [basic(9, "IP_ECN"), nxm1(28, "IP_ECN")], {
    writable: true,
    needs: "ip",
    text: ["nw_ecn", "ip_ecn"],
  }),
  ip_ttl: field(8, [nxm1(29, "IP_TTL")], { writable: true, needs: "ip", text: ["nw_ttl"] }),
  ipv6_label: field(20, [basic(28, "IPV6_FLABEL"), nxm1(27, "IPV6_LABEL")], {
    bytes: 4,
    ...open,
    needs: "ipv6",
    format: hexadecimal,
  }),
  ip_proto: field(8, [basic(10, "IP_PROTO"), nxm0(6, "IP_PROTO")], { needs: "ip", text: ["nw_proto", "ip_proto"] }),
  tcp_src: field(16, [basic(13, "TCP_SRC"), nxm0(9, "TCP_SRC")], {
    ...open,
    needs: "tcp",
    text: ["tcp_src", "tp_src"],
  }),
  tcp_dst: field(16, [basic(14, "TCP_DST"), nxm0(10, "TCP_DST")], {
    ...open,
    needs: "tcp",
    text: ["tcp_dst", "tp_dst"],
  }),
  tcp_flags: field(12, [basic(42, "TCP_FLAGS"), onf(42, "TCP_FLAGS"), nxm1(34, "TCP_FLAGS")], {
    maskable: true,
    needs: "tcp",
    format: "tcp_flags",
  }),
  udp_src: field(16, [basic(15, "UDP_SRC"), nxm0(11, "UDP_SRC")], { ...open, needs: "udp" }),
  udp_dst: field(16, [basic(16, "UDP_DST"), nxm0(12, "UDP_DST")], { ...open, needs: "udp" }),
  sctp_src: field(16, [basic(17, "SCTP_SRC")], { ...open, needs: "sctp" }),
  sctp_dst: field(16, [basic(18, "SCTP_DST")], { ...open, needs: "sctp" }),
  icmpv4_type: field(8, [basic(19, "ICMPV4_TYPE"), nxm0(13, "ICMP_TYPE")], {
    writable: true,
    needs: "icmpv4",
    text: ["icmp_type"],
  }),
  icmpv4_code: field(8, [basic(20, "ICMPV4_CODE"), nxm0(14, "ICMP_CODE")], {
    writable: true,
    needs: "icmpv4",
    text: ["icmp_code"],
  }),
  icmpv6_type: field(8, [basic(29, "ICMPV6_TYPE"), nxm1(21, "ICMPV6_TYPE")], { writable: true, needs: "icmpv6" }),
  icmpv6_code: field(8, [basic(30, "ICMPV6_CODE"), nxm1(22, "ICMPV6_CODE")], { writable: true, needs: "icmpv6" }),
  nd_reserved: field(32, [ericsson(1, "ICMPV6_ND_RESERVED")], { writable: true, needs: "nd" }),
  nd_target: wideField(128, [basic(31, "IPV6_ND_TARGET"), nxm1(23, "ND_TARGET")], {
    ...open,
    needs: "nd",
    format: "ipv6",
  }),
  nd_options_type: field(8, [ericsson(2, "ICMPV6_ND_OPTIONS_TYPE")], { writable: true, needs: "nd" }),
  nd_sll: field(48, [basic(32, "IPV6_ND_SLL"), nxm1(24, "ND_SLL")], { ...open, needs: "nd_solicit", format: ethernet }),
  nd_tll: field(48, [basic(33, "IPV6_ND_TLL"), nxm1(25, "ND_TLL")], { ...open, needs: "nd_advert", format: ethernet }),

  arp_op: field(16, [basic(21, "ARP_OP"), nxm0(15, "ARP_OP")], { limit: 255, writable: true, needs: "arp" }),
  arp_spa: field(32, [basic(22, "ARP_SPA"), nxm0(16, "ARP_SPA")], { ...open, needs: "arp", format: "ipv4" }),
  arp_tpa: field(32, [basic(23, "ARP_TPA"), nxm0(17, "ARP_TPA")], { ...open, needs: "arp", format: "ipv4" }),
  arp_sha: field(48, [basic(24, "ARP_SHA"), nxm1(17, "ARP_SHA")], { ...open, needs: "arp", format: ethernet }),
  arp_tha: field(48, [basic(25, "ARP_THA"), nxm1(18, "ARP_THA")], { ...open, needs: "arp", format: ethernet }),

  tun_id: wideField(64, [basic(38, "TUNNEL_ID"), nxm1(16, "TUN_ID")], {
    ...open,
    format: hexadecimal,
    text: ["tun_id", "tunnel_id"],
  }),
  tun_flags: field(1, [nxm1(104, "TUN_FLAGS")], { bytes: 2, ...open, format: "tun_flags" }),
  tun_src: field(32, [nxm1(31, "TUN_IPV4_SRC")], { ...open, format: "ipv4" }),
  tun_dst: field(32, [nxm1(32, "TUN_IPV4_DST")], { ...open, format: "ipv4" }),
  tun_ipv6_src: wideField(128, [nxm1(109, "TUN_IPV6_SRC")], { ...open, format: "ipv6" }),
  tun_ipv6_dst: wideField(128, [nxm1(110, "TUN_IPV6_DST")], { ...open, format: "ipv6" }),
  tun_gbp_id: field(16, [nxm1(38, "TUN_GBP_ID")], { ...open }),
  tun_gbp_flags: field(8, [nxm1(39, "TUN_GBP_FLAGS")], { ...open, format: hexadecimal }),
  // Options that the switch maps to Geneve TLVs, of the length that it was told (NXT_TLV_TABLE_MOD). Mask 0: the option
  // is there at all.
  ...numbered("tun_metadata", 64, (n) =>
    mappedField([nxm1(40 + n, `TUN_METADATA${n}`)], { ...open, format: hexadecimal }),
  ),
  tun_erspan_idx: field(20, [nicira(11, "ERSPAN_IDX")], { bytes: 4, ...open, format: hexadecimal }),
  tun_erspan_ver: field(4, [nicira(12, "ERSPAN_VER")], {
    maskable: true,
    valueAsMask: true,
    zeroIsAny: true,
    writable: true,
  }),
  tun_erspan_dir: field(1, [nicira(13, "ERSPAN_DIR")], {
    maskable: true,
    valueAsMask: true,
    zeroIsAny: true,
    writable: true,
  }),
  tun_erspan_hwid: field(6, [nicira(14, "ERSPAN_HWID")], {
    maskable: true,
    valueAsMask: true,
    zeroIsAny: true,
    writable: true,
    format: hexadecimal,
  }),
  tun_gtpu_flags: field(8, [nicira(15, "GTPU_FLAGS")], {
    maskable: true,
    valueAsMask: true,
    zeroIsAny: true,
    format: hexadecimal,
  }),
  tun_gtpu_msgtype: field(8, [nicira(16, "GTPU_MSGTYPE")], { maskable: true, valueAsMask: true, zeroIsAny: true }),

  nsh_flags: field(8, [nsh(1, "FLAGS")], { ...open, needs: "nsh" }),
  nsh_ttl: field(8, [nsh(10, "TTL")], { limit: 63, writable: true, needs: "nsh" }),
  nsh_mdtype: field(8, [nsh(2, "MDTYPE")], { limit: 2, needs: "nsh" }),
  nsh_np: field(8, [nsh(3, "NP")], { needs: "nsh" }),
  nsh_spi: field(24, [nsh(4, "SPI")], {
    bytes: 4,
    writable: true,
    needs: "nsh",
    format: hexadecimal,
    text: ["nsh_spi", "nsp"],
  }),
  nsh_si: field(8, [nsh(5, "SI")], { writable: true, needs: "nsh", text: ["nsh_si", "nsi"] }),
  nsh_c1: field(32, [nsh(6, "C1")], { ...open, needs: "nsh", format: hexadecimal, text: ["nsh_c1", "nshc1"] }),
  nsh_c2: field(32, [nsh(7, "C2")], { ...open, needs: "nsh", format: hexadecimal, text: ["nsh_c2", "nshc2"] }),
  nsh_c3: field(32, [nsh(8, "C3")], { ...open, needs: "nsh", format: hexadecimal, text: ["nsh_c3", "nshc3"] }),
  nsh_c4: field(32, [nsh(9, "C4")], { ...open, needs: "nsh", format: hexadecimal, text: ["nsh_c4", "nshc4"] }),

  ...numbered("reg", 16, (n) => field(32, [nxm1(n, `REG${n}`)], { ...open, format: hexadecimal })),
  ...numbered("xreg", 8, (n) => wideField(64, [packetRegister(n)], { ...open, format: hexadecimal })),
  ...numbered("xxreg", 4, (n) => wideField(128, [nxm1(111 + n, `XXREG${n}`)], { ...open, format: hexadecimal })),

  pkt_mark: field(32, [nxm1(33, "PKT_MARK")], { ...open, format: hexadecimal }),
  skb_priority: field(32, [], { format: hexadecimal }),
  ct_state: field(8, [nxm1(105, "CT_STATE")], { bytes: 4, width: 32, maskable: true, format: "ct_state" }),
  ct_zone: field(16, [nxm1(106, "CT_ZONE")], { format: hexadecimal }),
  ct_mark: field(32, [nxm1(107, "CT_MARK")], { ...open, format: hexadecimal }),
  ct_label: wideField(128, [nxm1(108, "CT_LABEL")], { ...open, format: hexadecimal }),
  ct_nw_src: field(32, [nxm1(120, "CT_NW_SRC")], { maskable: true, needs: "ct_ipv4", format: "ipv4" }),
  ct_ipv6_src: wideField(128, [nxm1(122, "CT_IPV6_SRC")], { maskable: true, needs: "ct_ipv6", format: "ipv6" }),
  ct_nw_dst: field(32, [nxm1(121, "CT_NW_DST")], { maskable: true, needs: "ct_ipv4", format: "ipv4" }),
  ct_ipv6_dst: wideField(128, [nxm1(123, "CT_IPV6_DST")], { maskable: true, needs: "ct_ipv6", format: "ipv6" }),
  ct_nw_proto: field(8, [nxm1(119, "CT_NW_PROTO")], { zeroIsAny: true, needs: "ct" }),
  ct_tp_src: field(16, [nxm1(124, "CT_TP_SRC")], { maskable: true, needs: "ct_transport" }),
  ct_tp_dst: field(16, [nxm1(125, "CT_TP_DST")], { maskable: true, needs: "ct_transport" }),
  metadata: wideField(64, [basic(2, "METADATA")], { ...open, format: hexadecimal }),
} as const;

export type FieldName = keyof typeof FIELDS;
/** How a value of the field looks: fields of up to 48 bits are numbers, wider ones bigints. */
export type FieldValue<F extends FieldName = FieldName> = (typeof FIELDS)[F]["ones"];
