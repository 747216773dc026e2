import { type Call, get, post, put, remove } from "./call.ts";

const NONE = "a1b2c3d4-0000-4000-8000-000000000000";
const RULES = "/v2.0/security-group-rules";
const base = { security_group_id: "$sg", direction: "ingress" };
type Values = Readonly<Record<string, unknown>>;

const make = (name: string, body: Values, save?: string): Call =>
  post(
    `rule: ${name}`,
    RULES,
    { security_group_rule: { ...base, ...body } },
    { ...(save !== undefined && { save: { [save]: "security_group_rule.id" } }) },
  );
const several = (name: string, rules: readonly Values[]): Call =>
  post(`rules: ${name}`, RULES, { security_group_rules: rules.map((rule) => ({ ...base, ...rule })) });

const NAMES = [
  "ah dccp egp esp gre hopopt icmp igmp ip ipip ipv6-encap ipv6-frag ipv6-icmp icmpv6 ipv6-nonxt ipv6-opts",
  "ipv6-route ospf pgm rsvp sctp tcp udp udplite vrrp TCP any bogus 0 1 6 58 41 132 200 255 256 -1 1.5",
].flatMap((line) => line.split(" "));

/** In a group of their own, so that none is another's duplicate by accident. */
const protocols: readonly Call[] = [
  post(
    "rule: a group for protocols",
    "/v2.0/security-groups",
    { security_group: { name: "protocols" } },
    {
      save: { psg: "security_group.id" },
    },
  ),
  ...["IPv4", "IPv6"].flatMap((ethertype) =>
    NAMES.map((protocol) =>
      make(`protocol ${protocol} of ${ethertype}`, { security_group_id: "$psg", ethertype, protocol }),
    ),
  ),
  ...[6, 17.5, true, [], {}, ""].map((protocol) =>
    make(`protocol written ${JSON.stringify(protocol)}`, { security_group_id: "$psg", direction: "egress", protocol }),
  ),
];

const ports: readonly Call[] = [
  make("tcp 22", { protocol: "tcp", port_range_min: 22, port_range_max: 22, description: "ssh" }, "ssh"),
  make("the same", { protocol: "tcp", port_range_min: 22, port_range_max: 22 }),
  make("the same, as text", { protocol: "TCP", port_range_min: "22", port_range_max: "22" }),
  make("the same, by number", { protocol: 6, port_range_min: 22, port_range_max: 22 }),
  make("the same, from anywhere", {
    protocol: "tcp",
    port_range_min: 22,
    port_range_max: 22,
    remote_ip_prefix: "0.0.0.0/0",
  }),
  make("the same in IPv6", { ethertype: "ipv6", protocol: "tcp", port_range_min: 22, port_range_max: 22 }),
  make("the same out", { direction: "egress", protocol: "tcp", port_range_min: 22, port_range_max: 22 }),
  make("all ports", { protocol: "udp", port_range_min: 1, port_range_max: 65535 }),
  make("no ports after all ports", { protocol: "udp" }),
  make("range", { protocol: "sctp", port_range_min: 1, port_range_max: 1024 }),
  make("range of udplite", { protocol: "136", port_range_min: 5, port_range_max: 6 }),
  make("range of dccp", { protocol: "dccp", port_range_min: 5, port_range_max: 6 }),
  make("range upside down", { protocol: "tcp", port_range_min: 100, port_range_max: 99 }),
  make("minimum alone", { protocol: "tcp", port_range_min: 100 }),
  make("maximum alone", { protocol: "tcp", port_range_max: 100 }),
  make("port 0", { protocol: "tcp", port_range_min: 0, port_range_max: 100 }),
  make("port 65536", { protocol: "tcp", port_range_min: 1, port_range_max: 65536 }),
  make("port -1", { protocol: "tcp", port_range_min: -1, port_range_max: 5 }),
  make("port x", { protocol: "tcp", port_range_min: "x", port_range_max: 5 }),
  make("port 1.5", { protocol: "tcp", port_range_min: 1.5, port_range_max: 5 }),
  make("port of list", { protocol: "tcp", port_range_min: [], port_range_max: 5 }),
  make("port empty", { protocol: "tcp", port_range_min: "", port_range_max: 5 }),
  make("ports without protocol", { port_range_min: 1, port_range_max: 5 }),
  make("ports of gre", { protocol: "gre", port_range_min: 1, port_range_max: 5 }),
  make("ports of protocol 0", { protocol: "0", port_range_min: 1, port_range_max: 5 }),
  make("all ports of gre", { protocol: "gre", port_range_min: 1, port_range_max: 65535 }),
];

const icmp: readonly Call[] = [
  make("icmp type 0 code 0", { protocol: "icmp", port_range_min: 0, port_range_max: 0 }),
  make("icmp type 0", { protocol: "icmp", port_range_min: 0 }),
  make("icmp type 0, by number", { protocol: "1", port_range_min: 0 }),
  make("icmp type 8 code 0", { protocol: "icmp", port_range_min: 8, port_range_max: 0 }),
  make("icmp type 255 code 255", { protocol: "icmp", port_range_min: 255, port_range_max: 255 }),
  make("icmp type 256", { protocol: "icmp", port_range_min: 256 }),
  make("icmp code 256", { protocol: "icmp", port_range_min: 1, port_range_max: 256 }),
  make("icmp code without type", { protocol: "icmp", port_range_max: 0 }),
  make("icmpv6 type 128", { ethertype: "IPv6", protocol: "icmpv6", port_range_min: 128 }),
  make("ipv6-icmp type 128", { ethertype: "IPv6", protocol: "ipv6-icmp", port_range_min: 128 }),
  make("icmp of IPv6, type 128", { ethertype: "IPv6", protocol: "icmp", port_range_min: 128 }),
  make("1 of IPv6, type 128", { ethertype: "IPv6", protocol: 1, port_range_min: 128 }),
  make("58 of IPv6, type 129 code 0", { ethertype: "IPv6", protocol: 58, port_range_min: 129, port_range_max: 0 }),
  make("icmpv6 of IPv4", { ethertype: "IPv4", protocol: "icmpv6", port_range_min: 128 }),
];

const remotes: readonly Call[] = [
  make("prefix", { remote_ip_prefix: "192.0.2.0/24" }, "prefix"),
  make("prefix again", { remote_ip_prefix: "192.0.2.0/24" }),
  make("prefix with host bits", { remote_ip_prefix: "192.0.2.9/24" }),
  make("address", { remote_ip_prefix: "192.0.2.9" }),
  make("address with its length", { remote_ip_prefix: "192.0.2.9/32" }),
  make("netmask", { remote_ip_prefix: "192.0.3.0/255.255.255.0" }),
  make("prefix of IPv6", { ethertype: "IPv6", remote_ip_prefix: "2001:db8::/32" }),
  make("prefix of IPv6, with host bits", { ethertype: "IPv6", remote_ip_prefix: "2001:db8::5/64" }),
  make("prefix of IPv6, long", { ethertype: "IPv6", remote_ip_prefix: "2001:0DB8:0:0::/48" }),
  make("prefix of IPv6 in IPv4", { remote_ip_prefix: "2001:db8::/32" }),
  make("prefix of IPv4 in IPv6", { ethertype: "IPv6", remote_ip_prefix: "192.0.2.0/24" }),
  make("any address of IPv6", { ethertype: "IPv6", remote_ip_prefix: "::/0" }),
  make("everything", {}),
  make("any address", { remote_ip_prefix: "0.0.0.0/0" }),
  make("prefix too long", { remote_ip_prefix: "192.0.2.0/33" }),
  make("prefix of text", { remote_ip_prefix: "nonsense" }),
  make("prefix of list", { remote_ip_prefix: ["192.0.2.0/24"] }),
  make("prefix empty", { remote_ip_prefix: "", protocol: "igmp" }),
  make("group", { remote_group_id: "$theirs", protocol: "tcp" }, "remote"),
  make("group again", { remote_group_id: "$theirs", protocol: "tcp" }),
  make("own group", { remote_group_id: "$sg" }),
  make("unknown group", { remote_group_id: NONE }),
  make("group of text", { remote_group_id: "x" }),
  make("group empty", { remote_group_id: "", protocol: "vrrp" }),
  make("group and prefix", { remote_group_id: "$sg", remote_ip_prefix: "192.0.2.0/24" }),
  make("address group", { remote_address_group_id: "$ag", protocol: "udp" }, "byag"),
  make("unknown address group", { remote_address_group_id: NONE }),
  make("address group and group", { remote_address_group_id: "$ag", remote_group_id: "$sg" }),
  make("address group and prefix", { remote_address_group_id: "$ag", remote_ip_prefix: "192.0.2.0/24" }),
];

const refusals: readonly Call[] = [
  make("of no group", { security_group_id: NONE }),
  make("of a group of text", { security_group_id: "x" }),
  make("of another project", { tenant_id: "sgp1", protocol: "esp" }),
  make("sideways", { direction: "sideways" }),
  make("direction in capitals", { direction: "INGRESS" }),
  make("ethertype of text", { ethertype: "ARP" }),
  make("ethertype null", { ethertype: null }),
  make("ethertype 4", { ethertype: 4 }),
  make("unknown attribute", { bogus: 1 }),
  make("normalized", { normalized_cidr: "192.0.2.0/24" }),
  make("description too long", { description: "x".repeat(256) }),
  post("rule: no direction", RULES, { security_group_rule: { security_group_id: "$sg" } }),
  post("rule: no group", RULES, { security_group_rule: { direction: "ingress" } }),
  post("rule: group null", RULES, { security_group_rule: { direction: "ingress", security_group_id: null } }),
  several("two", [
    { protocol: "ospf", direction: "egress" },
    { protocol: "pgm", direction: "egress" },
  ]),
  several("twice the same", [{ protocol: "rsvp" }, { protocol: "46" }]),
  several("one that is there", [{ protocol: "rsvp" }, { protocol: "tcp", port_range_min: 22, port_range_max: 22 }]),
  several("one that is bad", [{ protocol: "rsvp" }, { protocol: "tcp", port_range_min: 22 }]),
  several("of two groups", [{ protocol: "rsvp" }, { protocol: "rsvp", security_group_id: "$stateless" }]),
  several("of two projects", [{ protocol: "rsvp" }, { protocol: "pgm", tenant_id: "sgp1" }]),
  get("rules: nothing of what failed", `${RULES}?protocol=rsvp&security_group_id=$sg`),
];

const reads: readonly Call[] = [
  get("rule: show", `${RULES}/$ssh`),
  get("rule: show fields", `${RULES}/$ssh?fields=protocol&fields=normalized_cidr`),
  get("rule: none such", `${RULES}/${NONE}`),
  get("rule: its group", "/v2.0/security-groups/$sg"),
  get("rules: of the group", `${RULES}?security_group_id=$sg&fields=protocol&fields=direction`),
  get("rules: by protocol", `${RULES}?security_group_id=$sg&protocol=TCP&fields=port_range_min`),
  get("rules: by port", `${RULES}?port_range_min=22&fields=ethertype&fields=direction`),
  get("rules: by bad port", `${RULES}?port_range_min=x`),
  get("rules: by bad protocol", `${RULES}?protocol=bogus`),
  get("rules: by ethertype", `${RULES}?ethertype=ipv6&security_group_id=$stateless&fields=direction`),
  get("rules: by direction", `${RULES}?direction=ingress&security_group_id=$stateless`),
  get("rules: by prefix", `${RULES}?remote_ip_prefix=192.0.2.0/24&fields=id`),
  get("rules: by address", `${RULES}?remote_ip_prefix=192.0.2.9&fields=remote_ip_prefix`),
  get("rules: by normalized prefix", `${RULES}?normalized_cidr=192.0.2.0/24&fields=remote_ip_prefix`),
  get("rules: by remote group", `${RULES}?remote_group_id=$theirs&fields=id`),
  get("rules: by remote address group", `${RULES}?remote_address_group_id=$ag&fields=id`),
  get("rules: by project", `${RULES}?project_id=sgnew2&fields=direction&fields=ethertype`),
  get("rules: by description", `${RULES}?description=ssh&fields=id`),
  get("rules: unknown filter", `${RULES}?bogus=1`),
  get("rules: by tags", `${RULES}?tags=x`),
  get("rules: sorted", `${RULES}?security_group_id=$psg&sort_key=protocol&sort_dir=asc&fields=protocol&limit=3`),
  get("rules: sorted by nonsense", `${RULES}?sort_key=bogus&sort_dir=asc`),
  put("rule: change", `${RULES}/$ssh`, { security_group_rule: { description: "x" } }),
  put("rule: tag", `${RULES}/$ssh/tags/red`, {}),
  remove("rule: delete", `${RULES}/$prefix`),
  remove("rule: delete again", `${RULES}/$prefix`),
  get("rules: gone", `${RULES}?remote_ip_prefix=192.0.2.0/24&security_group_id=$sg`),
];

export const securityRuleCalls: readonly Call[] = [...protocols, ...ports, ...icmp, ...remotes, ...refusals, ...reads];

/** After the group that a rule refers to has gone. */
export const cascadedRuleCalls: readonly Call[] = [
  get("rule: went with its remote group", `${RULES}/$remote`),
  get("rules: of what is left", `${RULES}?remote_group_id=$theirs`),
];
