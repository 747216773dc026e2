import { bad, type Call, get, post, put, remove } from "./call.ts";

const LONG = "x".repeat(256);
const on = { network_id: "$pnet" };
const NONE = "a1b2c3d4-0000-4000-8000-000000000000";
/** Leaves addresses that are asked for by name to those who ask. */
const POOL = [{ start: "10.2.0.2", end: "10.2.0.40" }];
const POOL6 = [{ start: "fd02::1000", end: "fd02::2000" }];
/** Which of the free addresses a port gets is left to chance. */
const CHANCE = ["fixed_ips", "dns_assignment"];

/** Where the recorded server's mechanism driver, which has no agents, speaks for itself: it reports every port ACTIVE at once. */
const BOUND = ["binding:vif_details", "status"];

const make = (
  name: string,
  body: Readonly<Record<string, unknown>>,
  save?: string,
  ignore: readonly string[] = [],
): Call =>
  post(
    `port: ${name}`,
    "/v2.0/ports",
    { port: { ...on, ...body } },
    { ignore, ...(save !== undefined && { save: { [save]: "port.id" } }) },
  );
const change = (
  name: string,
  body: Readonly<Record<string, unknown>>,
  port = "port",
  ignore: readonly string[] = [],
): Call => put(`port: ${name}`, `/v2.0/ports/$${port}`, { port: body }, { ignore });

const setUp: readonly Call[] = [
  post("port: its network", "/v2.0/networks", { network: { name: "pnet" } }, { save: { pnet: "network.id" } }),
  post("port: on a network without subnets", "/v2.0/ports", { port: on }, { save: { bare: "port.id" } }),
  post("port: address without subnets", "/v2.0/ports", { port: { ...on, fixed_ips: [{ ip_address: "10.2.0.9" }] } }),
  remove("port: deleted for what comes", "/v2.0/ports/$bare"),
  post(
    "port: its subnet",
    "/v2.0/subnets",
    { subnet: { ...on, name: "psub", ip_version: 4, cidr: "10.2.0.0/24", allocation_pools: POOL } },
    { save: { psub: "subnet.id" } },
  ),
  post(
    "port: its IPv6 subnet",
    "/v2.0/subnets",
    { subnet: { ...on, name: "psub6", ip_version: 6, cidr: "fd02::/64", allocation_pools: POOL6 } },
    { save: { psub6: "subnet.id" } },
  ),
  post(
    "port: another network",
    "/v2.0/networks",
    { network: { name: "pother", port_security_enabled: false } },
    { save: { pother: "network.id" } },
  ),
  post(
    "port: a subnet there",
    "/v2.0/subnets",
    { subnet: { network_id: "$pother", ip_version: 4, cidr: "10.3.0.0/29" } },
    { save: { posub: "subnet.id" } },
  ),
];

const creations: readonly Call[] = [
  // Before all those whose addresses are drawn: it has the lowest.
  make("of dhcp", { device_owner: "network:dhcp", device_id: "d" }, "dhcp"),
  make("defaults", {}, "auto", CHANCE),
  make(
    "everything",
    {
      name: "p1",
      description: "d",
      admin_state_up: false,
      mac_address: "fa:16:3e:00:00:01",
      fixed_ips: [{ subnet_id: "$psub", ip_address: "10.2.0.50" }, { ip_address: "fd02:0::50" }],
      device_id: "vm1",
      device_owner: "compute:nova",
      "binding:host_id": "h1",
      "binding:profile": { foo: { bar: [1] } },
      "binding:vnic_type": "normal",
      allowed_address_pairs: [
        { ip_address: "10.2.0.99" },
        { ip_address: "10.2.1.0/24", mac_address: "00:11:22:33:44:55" },
        { ip_address: "fd02::/64" },
      ],
      extra_dhcp_opts: [
        { opt_name: "bootfile-name", opt_value: "pxe" },
        { opt_name: "150", opt_value: "10.0.0.1", ip_version: "4" },
        { opt_name: "dns-server", opt_value: "fd02::1", ip_version: 6 },
      ],
      dns_name: "My-Host",
      port_security_enabled: true,
      tenant_id: "p1",
    },
    "port",
    BOUND,
  ),
  make("subnet only", { fixed_ips: [{ subnet_id: "$psub" }] }, undefined, CHANCE),
  make("two of one subnet", { fixed_ips: [{ subnet_id: "$psub" }, { subnet_id: "$psub" }] }, undefined, CHANCE),
  make("of a router that is none", { device_owner: "network:router_interface", device_id: "x", fixed_ips: [] }),
  make("host none", { "binding:host_id": null, fixed_ips: [] }),
  make("floating", { device_owner: "network:floatingip", fixed_ips: [] }),
  make("options null", { extra_dhcp_opts: [{ opt_name: "a", opt_value: null }], fixed_ips: [] }),
  make("options twice", {
    extra_dhcp_opts: [
      { opt_name: "a", opt_value: "1", ip_version: 4 },
      { opt_name: "a", opt_value: "2", ip_version: 6 },
    ],
    fixed_ips: [],
  }),
  make("no addresses", { fixed_ips: [] }, "naked"),
  make("no port security", { port_security_enabled: false, fixed_ips: [] }, "insecure"),
  make("mac with hyphens", { mac_address: "FA-16-3E-00-00-07", fixed_ips: [] }),
  make("mac in capitals", { mac_address: "FA:16:3E:00:00:08", fixed_ips: [] }),
  make("pairs not canonical", { allowed_address_pairs: [{ ip_address: "FD02:0:0::/64" }], fixed_ips: [] }),
  make("network without port security", { network_id: "$pother", fixed_ips: [] }),
  make("ip of the gateway", { fixed_ips: [{ ip_address: "10.2.0.1" }] }, "gw"),
  make("ip outside the pool", { fixed_ips: [{ ip_address: "fd02::" }] }),
  remove("port: gateway's", "/v2.0/ports/$gw"),
  make("same ip", { fixed_ips: [{ ip_address: "10.2.0.50" }] }),
  make("same ip of the subnet", { fixed_ips: [{ subnet_id: "$psub", ip_address: "10.2.0.50" }] }),
  make("same mac", { mac_address: "fa:16:3e:00:00:01" }),
  make("same mac elsewhere", { network_id: "$pother", mac_address: "fa:16:3e:00:00:01", fixed_ips: [] }),
  make("broadcast address", { fixed_ips: [{ ip_address: "10.2.0.255" }] }),
  make("network address", { fixed_ips: [{ subnet_id: "$psub", ip_address: "10.2.0.0" }] }),
  make("address of no subnet", { fixed_ips: [{ ip_address: "10.9.0.9" }] }),
  make("address of another subnet", { fixed_ips: [{ subnet_id: "$psub", ip_address: "10.9.0.9" }] }),
  make("subnet of another network", { fixed_ips: [{ subnet_id: "$posub" }] }),
  make("unknown subnet", { fixed_ips: [{ subnet_id: NONE }] }),
  make("neither address nor subnet", { fixed_ips: [{}] }),
  make("the same address twice", { fixed_ips: [{ ip_address: "10.2.0.60" }, { ip_address: "10.2.0.60" }] }),
  make("unknown network", { network_id: NONE }),
  make("pairs without port security", {
    port_security_enabled: false,
    allowed_address_pairs: [{ ip_address: "10.2.0.99" }],
    fixed_ips: [],
  }),
  make("unknown attribute", { bogus: 1 }),
  make("read-only status", { status: "ACTIVE" }),
  make("read-only vif type", { "binding:vif_type": "ovs" }),
  make("tags", { tags: ["a", "b"], fixed_ips: [] }),
  post("port: no network", "/v2.0/ports", { port: {} }),
  post("ports: bulk", "/v2.0/ports", {
    ports: [
      { ...on, name: "q1", fixed_ips: [] },
      { ...on, name: "q2", fixed_ips: [] },
    ],
  }),
  post("ports: bulk with one address", "/v2.0/ports", {
    ports: [
      { ...on, name: "q3", fixed_ips: [{ ip_address: "10.2.0.70" }] },
      { ...on, name: "q4", fixed_ips: [{ ip_address: "10.2.0.70" }] },
    ],
  }),
  get("ports: nothing of the bad bulk is left", "/v2.0/ports?name=q3"),
  ...bad("/v2.0/ports", "port", on, "name", [7, LONG, null]),
  ...bad("/v2.0/ports", "port", on, "network_id", ["x", null, 7]),
  ...bad("/v2.0/ports", "port", on, "mac_address", [
    "x",
    7,
    "00:00:00:00:00:00",
    "FF:FF:FF:FF:FF:FF",
    "00:11:22:33:44",
    "00:11:22:33:44:55 ",
    "",
  ]),
  ...bad("/v2.0/ports", "port", on, "fixed_ips", [
    "x",
    null,
    [7],
    [{ ip_address: "x" }],
    [{ ip_address: "010.2.0.8" }],
    [{ subnet_id: "x" }],
    [{ ip_address: null }],
    { subnet_id: "x" },
  ]),
  ...bad("/v2.0/ports", "port", on, "admin_state_up", ["maybe"]),
  ...bad("/v2.0/ports", "port", on, "device_id", [7, LONG]),
  ...bad("/v2.0/ports", "port", on, "device_owner", [7, LONG]),
  ...bad("/v2.0/ports", "port", on, "binding:vnic_type", ["x", null, 7]),
  ...bad("/v2.0/ports", "port", on, "binding:profile", ["x", 7, { a: "x".repeat(4096) }]),
  ...bad("/v2.0/ports", "port", on, "port_security_enabled", ["maybe"]),
  ...bad("/v2.0/ports", "port", on, "dns_name", [7, "a_b", "-a", "a.", "x".repeat(64), "a..b", "1.2"]),
  ...bad("/v2.0/ports", "port", on, "allowed_address_pairs", [
    "x",
    ["x"],
    [{}],
    [{ mac_address: "fa:16:3e:11:22:33" }],
    [{ ip_address: "x" }],
    [{ ip_address: "10.0.0.0/33" }],
    [{ ip_address: "10.0.0.1", mac_address: "x" }],
    [{ ip_address: "10.0.0.1", extra: 1 }],
    [{ ip_address: "10.0.0.1" }, { ip_address: "10.0.0.1" }],
    Array.from({ length: 11 }, (_, i) => ({ ip_address: `10.0.1.${i + 1}` })),
  ]),
  ...bad("/v2.0/ports", "port", { ...on, fixed_ips: [] }, "extra_dhcp_opts", [
    "x",
    ["x"],
    [{}],
    [{ opt_name: "a" }],
    [{ opt_name: "", opt_value: "x" }],
    [{ opt_name: "a", opt_value: "" }],
    [{ opt_name: "a", opt_value: 7 }],
    [{ opt_name: "a", opt_value: "x", ip_version: 5 }],
    [{ opt_name: "a", opt_value: "x", extra: 5 }],
    [{ opt_name: "x".repeat(65), opt_value: "x" }],
    [{ opt_name: "a\nb", opt_value: "x" }],
  ]),
];

const updates: readonly Call[] = [
  get("port: show", "/v2.0/ports/$port", { ignore: BOUND }),
  get("port: show some", "/v2.0/ports/$port?fields=name&fields=mac_address"),
  get("port: none such", "/v2.0/ports/nope"),
  change("rename", { name: "p1b", description: "" }, "port", BOUND),
  change("up", { admin_state_up: true }, "port", BOUND),
  change("mac while bound", { mac_address: "fa:16:3e:00:00:02" }),
  change("read-only network", { network_id: "$pother" }),
  change("read-only status", { status: "ACTIVE" }),
  change("read-only tenant", { tenant_id: "x" }),
  change("address added", { fixed_ips: [{ ip_address: "10.2.0.50" }, { ip_address: "10.2.0.51" }] }, "port", BOUND),
  change("address replaced", { fixed_ips: [{ subnet_id: "$psub", ip_address: "10.2.0.52" }] }, "port", BOUND),
  change("address kept by subnet", { fixed_ips: [{ subnet_id: "$psub" }] }, "port", BOUND),
  change("address of another port", { fixed_ips: [{ ip_address: "10.2.0.2" }] }),
  change("address outside", { fixed_ips: [{ ip_address: "10.9.0.2" }] }),
  change("addresses none", { fixed_ips: [] }, "port", BOUND),
  change("pairs none", { allowed_address_pairs: [] }, "port", BOUND),
  change("pairs null", { allowed_address_pairs: null }, "port", BOUND),
  change("pairs", { allowed_address_pairs: [{ ip_address: "10.2.0.98" }] }, "port", BOUND),
  change("port security off with pairs", { port_security_enabled: false }),
  change("pairs without port security", { allowed_address_pairs: [{ ip_address: "10.2.0.97" }] }, "insecure"),
  change(
    "port security and pairs",
    { port_security_enabled: true, allowed_address_pairs: [{ ip_address: "10.2.0.97" }] },
    "port",
    BOUND,
  ),
  change("dhcp option away", { extra_dhcp_opts: [{ opt_name: "150", opt_value: null }] }, "port", BOUND),
  change(
    "dhcp option changed",
    { extra_dhcp_opts: [{ opt_name: "bootfile-name", opt_value: "other" }] },
    "port",
    BOUND,
  ),
  change("dhcp options empty", { extra_dhcp_opts: [] }, "port", BOUND),
  change("dns name", { dns_name: "other" }, "port", BOUND),
  change("device", { device_id: "vm2", device_owner: "compute:az2" }, "port", BOUND),
  change("host moved", { "binding:host_id": "h2" }, "port", BOUND),
  change("profile", { "binding:profile": { a: 1 } }, "port", BOUND),
  change("profile none", { "binding:profile": null }, "port", BOUND),
  change("unbound", { "binding:host_id": "" }, "port"),
  change("mac while unbound", { mac_address: "fa:16:3e:00:00:02" }, "port"),
  change("mac in use", { mac_address: "fa:16:3e:00:00:02" }, "naked"),
  change("new mac", { mac_address: null }, "naked"),
  change("mac of dhcp", { mac_address: "fa:16:3e:00:00:09" }, "dhcp"),
  change("owner of a router", { device_owner: "network:router_interface" }, "insecure"),
  change("host null", { "binding:host_id": null }, "naked"),
  change(
    "addresses of the dynamic IPv6 subnet",
    { fixed_ips: [{ subnet_id: "$psub6", ip_address: "fd02::77" }] },
    "naked",
  ),
  change(
    "pairs with a port's mac",
    { allowed_address_pairs: [{ ip_address: "0.0.0.0/0", mac_address: "fa:16:3e:00:00:02" }] },
    "naked",
  ),
  change("unknown attribute", { bogus: 1 }),
  put("port: update, none such", "/v2.0/ports/nope", { port: { name: "x" } }),
  put("port: tag", "/v2.0/ports/$port/tags/t", undefined),
];

const lists: readonly Call[] = [
  get("ports: by network and name", "/v2.0/ports?network_id=$pnet&name=p1b&fields=name"),
  get("ports: by device", "/v2.0/ports?device_id=vm2&fields=name"),
  get("ports: by owner", "/v2.0/ports?device_owner=compute:az2&fields=name"),
  get(
    "ports: by two owners",
    "/v2.0/ports?device_owner=compute:az2&device_owner=network:dhcp&network_id=$pnet&fields=device_owner",
  ),
  get("ports: by mac", "/v2.0/ports?mac_address=FA:16:3E:00:00:02&fields=name"),
  get("ports: by mac with hyphens", "/v2.0/ports?mac_address=fa-16-3e-00-00-02&fields=name"),
  put("port: give it an address again", "/v2.0/ports/$port", { port: { fixed_ips: [{ ip_address: "10.2.0.77" }] } }),
  get("ports: by address", "/v2.0/ports?fixed_ips=ip_address%3D10.2.0.77&fields=name"),
  get(
    "ports: by one of two addresses",
    "/v2.0/ports?fixed_ips=ip_address%3D10.2.0.77&fixed_ips=ip_address%3D10.9.9.9&fields=name",
  ),
  get(
    "ports: by subnet and address",
    "/v2.0/ports?fixed_ips=subnet_id%3D$psub&fixed_ips=ip_address%3D10.2.0.77&fields=name",
  ),
  get("ports: by subnet of none", `/v2.0/ports?fixed_ips=subnet_id%3D${NONE}&fields=name`),
  get("ports: by part of an address", "/v2.0/ports?fixed_ips=ip_address_substr%3D.0.77&network_id=$pnet&fields=name"),
  get("ports: by bad fixed_ips", "/v2.0/ports?fixed_ips=10.2.0.77"),
  get("ports: by status", "/v2.0/ports?status=DOWN&name=p1b&fields=status"),
  get("ports: by host", "/v2.0/ports?binding:host_id=nowhere&fields=name"),
  get("ports: by tags", "/v2.0/ports?tags=t&fields=name"),
  get("ports: by project", "/v2.0/ports?project_id=p1&fields=name"),
  get("ports: unknown filter", "/v2.0/ports?binding:vif_type=ovs&bogus=1"),
  get("ports: by no device", "/v2.0/ports?device_id=&name=p1b&fields=name"),
  get("ports: page", "/v2.0/ports?network_id=$pnet&name=q1&name=q2&limit=1&sort_key=name&sort_dir=asc&fields=name", {
    ignore: ["ports_links"],
  }),
];

const exhaustion: readonly Call[] = [
  ...["a", "b", "c", "d", "e"].map((n) =>
    post(`port: fill ${n}`, "/v2.0/ports", { port: { network_id: "$pother", name: n } }, { ignore: CHANCE }),
  ),
  post("port: one too many", "/v2.0/ports", { port: { network_id: "$pother" } }),
  post("port: one too many of the subnet", "/v2.0/ports", {
    port: { network_id: "$pother", fixed_ips: [{ subnet_id: "$posub" }] },
  }),
  get("availability when full", "/v2.0/network-ip-availabilities/$pother"),
  get("availability when full, of IPv4", "/v2.0/network-ip-availabilities?network_id=$pother&ip_version=4"),
  get("availability when full, of IPv6", "/v2.0/network-ip-availabilities?network_id=$pother&ip_version=6"),
];

const slaac: readonly Call[] = [
  post("slaac: network", "/v2.0/networks", { network: { name: "anet" } }, { save: { anet: "network.id" } }),
  post(
    "slaac: port before",
    "/v2.0/ports",
    { port: { network_id: "$anet", mac_address: "fa:16:3e:aa:bb:cc" } },
    { save: { aport: "port.id" } },
  ),
  post(
    "slaac: subnet",
    "/v2.0/subnets",
    {
      subnet: {
        network_id: "$anet",
        ip_version: 6,
        cidr: "fd0a::/64",
        ipv6_ra_mode: "slaac",
        ipv6_address_mode: "slaac",
      },
    },
    { save: { asub: "subnet.id" } },
  ),
  get("slaac: the port has an address now", "/v2.0/ports/$aport"),
  post("slaac: port after", "/v2.0/ports", { port: { network_id: "$anet", mac_address: "fa:16:3e:aa:bb:cd" } }),
  post("slaac: port of none", "/v2.0/ports", {
    port: { network_id: "$anet", mac_address: "fa:16:3e:aa:bb:d0", fixed_ips: [] },
  }),
  post("slaac: address asked for", "/v2.0/ports", {
    port: { network_id: "$anet", fixed_ips: [{ ip_address: "fd0a::9" }] },
  }),
  post("slaac: subnet asked for", "/v2.0/ports", {
    port: { network_id: "$anet", mac_address: "fa:16:3e:aa:bb:ce", fixed_ips: [{ subnet_id: "$asub" }] },
  }),
  put("slaac: addresses none", "/v2.0/ports/$aport", { port: { fixed_ips: [] } }),
  remove("slaac: delete the subnet", "/v2.0/subnets/$asub"),
  get("slaac: the address is gone", "/v2.0/ports/$aport"),
];

const serviceTypes: readonly Call[] = [
  post("service types: network", "/v2.0/networks", { network: { name: "tnet" } }, { save: { tnet: "network.id" } }),
  post("service types: subnet", "/v2.0/subnets", {
    subnet: { network_id: "$tnet", ip_version: 4, cidr: "10.4.0.0/24", service_types: ["compute:nova"] },
  }),
  post("service types: other owner", "/v2.0/ports", { port: { network_id: "$tnet", device_owner: "compute:other" } }),
  post("service types: other owner asks", "/v2.0/ports", {
    port: { network_id: "$tnet", device_owner: "compute:other", fixed_ips: [{ ip_address: "10.4.0.9" }] },
  }),
  post("service types: no owner", "/v2.0/ports", { port: { network_id: "$tnet" } }),
  post(
    "service types: that owner",
    "/v2.0/ports",
    { port: { network_id: "$tnet", device_owner: "compute:nova" } },
    { ignore: CHANCE },
  ),
];

const deletions: readonly Call[] = [
  remove("port: subnet in use", "/v2.0/subnets/$psub"),
  remove("port: network in use", "/v2.0/networks/$tnet"),
  remove("port: delete with body", "/v2.0/ports/$port", { text: "{}" }),
  remove("port: delete", "/v2.0/ports/$port"),
  remove("port: delete again", "/v2.0/ports/$port"),
];

export const portCalls: readonly Call[] = [
  ...setUp,
  ...creations,
  ...updates,
  ...lists,
  ...exhaustion,
  ...slaac,
  ...serviceTypes,
  ...deletions,
];
