import { bad, type Call, get, post, put, remove } from "./call.ts";

const NONE = "a1b2c3d4-0000-4000-8000-000000000000";
const add = (name: string, body: unknown, router = "r1"): Call =>
  put(`router: add ${name}`, `/v2.0/routers/$${router}/add_router_interface`, body);
const drop = (name: string, body: unknown, router = "r1"): Call =>
  put(`router: remove ${name}`, `/v2.0/routers/$${router}/remove_router_interface`, body);
const change = (name: string, body: unknown): Call => put(`router: ${name}`, "/v2.0/routers/$r1", { router: body });

function network(name: string): Call {
  return post(`router: network ${name}`, "/v2.0/networks", { network: { name } }, { save: { [name]: "network.id" } });
}
function subnet(name: string, body: Readonly<Record<string, unknown>>): Call {
  const version = String(body["cidr"]).includes(":") ? 6 : 4;
  return post(
    `router: subnet ${name}`,
    "/v2.0/subnets",
    { subnet: { name, ip_version: version, ...body } },
    { save: { [name]: "subnet.id" } },
  );
}

const setUp: readonly Call[] = [
  network("rn1"),
  network("rn2"),
  subnet("rs1", { network_id: "$rn1", cidr: "10.5.1.0/24" }),
  subnet("rs2", { network_id: "$rn2", cidr: "10.5.2.0/24" }),
  subnet("rs3", { network_id: "$rn2", cidr: "10.5.1.128/25" }),
  subnet("rs4", { network_id: "$rn2", cidr: "10.5.4.0/24", gateway_ip: null }),
  subnet("rs5", { network_id: "$rn1", cidr: "10.5.5.0/24" }),
  subnet("rs6", { network_id: "$rn1", cidr: "fd05:1::/64" }),
  subnet("rs7", { network_id: "$rn1", cidr: "fd05:2::/64", ipv6_ra_mode: "slaac", ipv6_address_mode: "slaac" }),
  subnet("rs8", { network_id: "$rn2", cidr: "fd05:3::/64", ipv6_address_mode: "slaac" }),
];

const basics: readonly Call[] = [
  post("router: defaults", "/v2.0/routers", { router: {} }),
  post("router: named", "/v2.0/routers", { router: { name: "r1" } }, { save: { r1: "router.id" } }),
  post(
    "router: everything",
    "/v2.0/routers",
    { router: { name: "r2", description: "d", admin_state_up: false, external_gateway_info: null, tenant_id: "p1" } },
    { save: { r2: "router.id" } },
  ),
  post("router: gateway empty", "/v2.0/routers", { router: { external_gateway_info: {} } }),
  post("router: gateway on an internal network", "/v2.0/routers", {
    router: { name: "g1", external_gateway_info: { network_id: "$rn1" } },
  }),
  post("router: gateway on no network", "/v2.0/routers", { router: { external_gateway_info: { network_id: NONE } } }),
  get("router: nothing of it is left", "/v2.0/routers?name=g1"),
  ...bad("/v2.0/routers", "router", {}, "external_gateway_info", [
    "x",
    7,
    { network_id: "x" },
    { bogus: 1 },
    { network_id: "$rn1", bogus: 1 },
    { network_id: "$rn1", external_fixed_ips: "x" },
  ]),
  ...bad("/v2.0/routers", "router", {}, "name", [7]),
  ...bad("/v2.0/routers", "router", {}, "admin_state_up", ["maybe"]),
  ...bad("/v2.0/routers", "router", {}, "availability_zone_hints", [["nowhere"], "x"]),
  post("router: routes in POST", "/v2.0/routers", { router: { routes: [] } }),
  post("router: unknown attribute", "/v2.0/routers", { router: { bogus: 1 } }),
  post("routers: bulk", "/v2.0/routers", { routers: [{ name: "rb1" }, { name: "rb2" }] }),
  get("router: show", "/v2.0/routers/$r1"),
  get("router: none such", "/v2.0/routers/nope"),
  get("routers: by name", "/v2.0/routers?name=r1&fields=name"),
  get("routers: by project", "/v2.0/routers?tenant_id=p1&fields=name"),
  get("routers: by admin state", "/v2.0/routers?admin_state_up=false&fields=name"),
  get("routers: by status", "/v2.0/routers?status=ACTIVE"),
  get("routers: unknown filter", "/v2.0/routers?bogus=1"),
  get("routers: sorted", "/v2.0/routers?sort_key=name&sort_dir=desc&limit=1&name=r1&name=r2&fields=name", {
    ignore: ["routers_links"],
  }),
  change("rename", { name: "r1b", description: "dd" }),
  change("down", { admin_state_up: false }),
  change("up", { admin_state_up: true }),
  change("gateway none", { external_gateway_info: null }),
  change("gateway on an internal network", { external_gateway_info: { network_id: "$rn1" } }),
  change("unknown attribute", { bogus: 1 }),
  change("read-only status", { status: "DOWN" }),
  put("router: update, none such", "/v2.0/routers/nope", { router: { name: "x" } }),
  put("router: tag", "/v2.0/routers/$r1/tags/t", undefined),
];

const interfaces: readonly Call[] = [
  add("nothing", {}),
  add("no body", undefined),
  add("unknown key", { bogus: 1 }),
  add("both", { subnet_id: "$rs1", port_id: NONE }),
  add("bad subnet id", { subnet_id: "x" }),
  add("bad port id", { port_id: "x" }),
  add("null", { subnet_id: null }),
  add("unknown subnet", { subnet_id: NONE }),
  add("unknown port", { port_id: NONE }),
  put("router: add to none", "/v2.0/routers/nope/add_router_interface", { subnet_id: "$rs1" }),
  add("without gateway", { subnet_id: "$rs4" }),
  add("subnet", { subnet_id: "$rs1" }),
  get("router: its interface", "/v2.0/ports?device_id=$r1", {
    ignore: ["binding:vif_details", "status", "binding:vif_type"],
  }),
  add("subnet again", { subnet_id: "$rs1" }),
  add("overlapping subnet", { subnet_id: "$rs3" }),
  add("subnet that outsiders advertise", { subnet_id: "$rs8" }),
  add("ipv6 subnet", { subnet_id: "$rs6" }),
  add("second ipv6 subnet of the network", { subnet_id: "$rs7" }),
  get("router: ipv6 prefixes are on one interface", "/v2.0/ports?device_id=$r1&fields=fixed_ips"),
  put("router: other router, same gateway", "/v2.0/routers/$r2/add_router_interface", { subnet_id: "$rs1" }),
  post(
    "router: a port",
    "/v2.0/ports",
    { port: { network_id: "$rn2", mac_address: "fa:16:3e:05:00:01", fixed_ips: [{ ip_address: "10.5.2.9" }] } },
    { save: { rp: "port.id" } },
  ),
  post(
    "router: a port with a device",
    "/v2.0/ports",
    {
      port: {
        network_id: "$rn2",
        device_id: "vm",
        mac_address: "fa:16:3e:05:00:02",
        fixed_ips: [{ ip_address: "10.5.2.10" }],
      },
    },
    { save: { rpd: "port.id" } },
  ),
  post(
    "router: a port without addresses",
    "/v2.0/ports",
    { port: { network_id: "$rn2", mac_address: "fa:16:3e:05:00:03", fixed_ips: [] } },
    { save: { rpn: "port.id" } },
  ),
  post(
    "router: a port with two",
    "/v2.0/ports",
    {
      port: {
        network_id: "$rn2",
        mac_address: "fa:16:3e:05:00:04",
        fixed_ips: [{ ip_address: "10.5.2.11" }, { ip_address: "10.5.4.11" }],
      },
    },
    { save: { rp2: "port.id" } },
  ),
  post(
    "router: an ipv6 port",
    "/v2.0/ports",
    { port: { network_id: "$rn1", mac_address: "fa:16:3e:05:00:05", fixed_ips: [{ ip_address: "fd05:1::9" }] } },
    { save: { rp6: "port.id" } },
  ),
  add("port with a device", { port_id: "$rpd" }),
  add("port without addresses", { port_id: "$rpn" }),
  add("port with two ipv4 addresses", { port_id: "$rp2" }),
  add("second ipv6 port of the network", { port_id: "$rp6" }),
  add("port", { port_id: "$rp" }),
  add("port again", { port_id: "$rp" }),
  remove("router: delete the interface's port", "/v2.0/ports/$rp"),
  put("router: move the interface's port", "/v2.0/ports/$rp", { port: { fixed_ips: [{ ip_address: "10.5.2.12" }] } }),
  put("router: give the interface to another device", "/v2.0/ports/$rp", { port: { device_id: "x" } }),
  put("router: give it back", "/v2.0/ports/$rp", { port: { device_id: "$r1" } }, { ignore: ["status"] }),
  put("router: change the interface's mac", "/v2.0/ports/$rp", { port: { mac_address: "fa:16:3e:00:00:44" } }),
  put("router: rename the interface's port", "/v2.0/ports/$rp", { port: { name: "uplink" } }, { ignore: ["status"] }),
  remove("router: delete it in use", "/v2.0/routers/$r1"),
  remove("router: delete its subnet", "/v2.0/subnets/$rs2"),
  remove("router: delete its network", "/v2.0/networks/$rn2"),
  put("router: gateway of its subnet", "/v2.0/subnets/$rs1", { subnet: { gateway_ip: "10.5.1.254" } }),
];

const routes: readonly Call[] = [
  change("routes", { routes: [{ destination: "10.50.0.0/16", nexthop: "10.5.1.7" }] }),
  change("routes of ipv6", {
    routes: [
      { destination: "10.50.0.0/16", nexthop: "10.5.1.7" },
      { destination: "fd50::/64", nexthop: "fd05:1::7" },
    ],
  }),
  change("route to nowhere", { routes: [{ destination: "10.50.0.0/16", nexthop: "10.6.1.7" }] }),
  change("route to itself", { routes: [{ destination: "10.50.0.0/16", nexthop: "10.5.1.1" }] }),
  change("route of host bits", { routes: [{ destination: "10.50.0.1/16", nexthop: "10.5.1.7" }] }),
  change("route twice", {
    routes: [
      { destination: "10.50.0.0/16", nexthop: "10.5.1.7" },
      { destination: "10.50.0.0/16", nexthop: "10.5.1.7" },
    ],
  }),
  change("routes of text", { routes: "x" }),
  change("routes of numbers", { routes: [7] }),
  change("routes without nexthop", { routes: [{ destination: "10.50.0.0/16" }] }),
  change("too many routes", {
    routes: Array.from({ length: 61 }, (_, i) => ({ destination: `10.6${i % 10}.${i}.0/24`, nexthop: "10.5.1.7" })),
  }),
  put("router: add routes", "/v2.0/routers/$r1/add_extraroutes", {
    router: {
      routes: [
        { destination: "10.51.0.0/16", nexthop: "10.5.1.8" },
        { destination: "10.50.0.0/16", nexthop: "10.5.1.7" },
      ],
    },
  }),
  put("router: add route to nowhere", "/v2.0/routers/$r1/add_extraroutes", {
    router: { routes: [{ destination: "10.53.0.0/16", nexthop: "10.6.1.8" }] },
  }),
  put("router: remove routes", "/v2.0/routers/$r1/remove_extraroutes", {
    router: {
      routes: [
        { destination: "10.51.0.0/16", nexthop: "10.5.1.8" },
        { destination: "10.52.0.0/16", nexthop: "10.5.1.8" },
      ],
    },
  }),
  put("router: add routes to none", "/v2.0/routers/nope/add_extraroutes", { router: { routes: [] } }),
  drop("subnet that routes need", { subnet_id: "$rs1" }),
  drop("port that routes need", { subnet_id: "$rs6" }),
  change("routes none", { routes: null }),
];

const removals: readonly Call[] = [
  drop("nothing", {}),
  drop("no body", undefined),
  drop("bad id", { subnet_id: "x" }),
  drop("unknown subnet", { subnet_id: NONE }),
  drop("unknown port", { port_id: NONE }),
  drop("subnet of no interface", { subnet_id: "$rs5" }),
  drop("subnet of no interface on another network", { subnet_id: "$rs4" }),
  drop("port of another device", { port_id: "$rpd" }),
  drop("port and another subnet", { port_id: "$rp", subnet_id: "$rs1" }),
  drop("one ipv6 prefix", { subnet_id: "$rs7" }),
  drop("the other ipv6 prefix", { subnet_id: "$rs6" }),
  drop("port and its subnet", { port_id: "$rp", subnet_id: "$rs2" }),
  get("router: the port is gone", "/v2.0/ports/$rp"),
  drop("subnet", { subnet_id: "$rs1" }),
  drop("subnet again", { subnet_id: "$rs1" }),
  put("router: remove from none", "/v2.0/routers/nope/remove_router_interface", { subnet_id: "$rs1" }),
  get("router: GET of an action", "/v2.0/routers/$r1/add_router_interface"),
  post("router: POST of an action", "/v2.0/routers/$r1/add_router_interface", {}),
  put("router: unknown action", "/v2.0/routers/$r1/bogus", {}),
  remove("router: delete", "/v2.0/routers/$r1"),
  remove("router: delete again", "/v2.0/routers/$r1"),
];

export const routerCalls: readonly Call[] = [...setUp, ...basics, ...interfaces, ...routes, ...removals];
