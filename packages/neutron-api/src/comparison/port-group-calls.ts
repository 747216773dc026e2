import { bad, type Call, get, post, put, remove } from "./call.ts";

const NONE = "a1b2c3d4-0000-4000-8000-000000000000";
const on = { network_id: "$gnet", fixed_ips: [] };
type Values = Readonly<Record<string, unknown>>;

const make = (name: string, body: Values, save?: string): Call =>
  post(
    `port groups: ${name}`,
    "/v2.0/ports",
    { port: { ...on, ...body } },
    { ...(save !== undefined && { save: { [save]: "port.id" } }) },
  );
const change = (name: string, body: Values, port = "gport"): Call =>
  put(`port groups: ${name}`, `/v2.0/ports/$${port}`, { port: body });

export const portGroupCalls: readonly Call[] = [
  post("port groups: a network", "/v2.0/networks", { network: { name: "gnet" } }, { save: { gnet: "network.id" } }),
  post(
    "port groups: a network without port security",
    "/v2.0/networks",
    {
      network: { name: "gopen", port_security_enabled: false },
    },
    { save: { gopen: "network.id" } },
  ),
  make("default", {}, "gport"),
  make("default of another project", { tenant_id: "sgp7" }),
  get("port groups: theirs was made", "/v2.0/security-groups?project_id=sgp7&fields=name"),
  make("one", { security_groups: ["$sg"] }, "gone"),
  make("two", { security_groups: ["$sg", "$psg"] }, "gtwo"),
  make("of another project's group", { security_groups: ["$theirs"] }),
  make("none", { security_groups: [] }, "gnone"),
  make("null", { security_groups: null }),
  make("unknown", { security_groups: [NONE] }),
  make("known and unknown", { security_groups: ["$sg", NONE] }),
  make("stateless", { security_groups: ["$stateless"] }, "gstateless"),
  make("stateful and stateless", { security_groups: ["$sg", "$stateless"] }),
  make("trusted", { device_owner: "network:dhcp" }, "gdhcp"),
  make("trusted with a group", { device_owner: "network:dhcp", security_groups: ["$sg"] }),
  make("trusted with none", { device_owner: "network:dhcp", security_groups: [] }),
  make("no port security", { port_security_enabled: false }, "gopenport"),
  make("no port security, a group", { port_security_enabled: false, security_groups: ["$sg"] }),
  make("no port security, none", { port_security_enabled: false, security_groups: [] }),
  make("network without port security", { network_id: "$gopen" }),
  make("network without port security, a group", { network_id: "$gopen", security_groups: ["$sg"] }),
  make("network without port security, the port with", { network_id: "$gopen", port_security_enabled: true }),
  ...bad("/v2.0/ports", "port", on, "security_groups", ["x", ["x"], [NONE, NONE], [5], {}, [null]]),
  post("ports groups: bulk", "/v2.0/ports", {
    ports: [{ ...on, security_groups: ["$sg"] }, { ...on, security_groups: [] }, on],
  }),
  get("port groups: by group", "/v2.0/ports?security_groups=$psg&fields=id&fields=security_groups"),
  get("port groups: by groups", "/v2.0/ports?security_groups=$psg&security_groups=$stateless&fields=id"),
  get("port groups: by unknown group", `/v2.0/ports?security_groups=${NONE}`),
  change("another", { security_groups: ["$psg"] }),
  change("the same again", { security_groups: ["$psg"] }),
  change("two of them", { security_groups: ["$sg", "$psg"] }),
  change("mixed", { security_groups: ["$sg", "$stateless"] }),
  change("unknown one", { security_groups: [NONE] }),
  change("other things", { name: "g" }),
  change("port security off", { port_security_enabled: false }),
  change("port security off, a group", { port_security_enabled: false, security_groups: ["$sg"] }),
  change("port security off, none", { port_security_enabled: false, security_groups: [] }),
  change("a group without port security", { security_groups: ["$sg"] }),
  change("port security on", { port_security_enabled: true }),
  change("port security off, without groups", { port_security_enabled: false }),
  change("port security on, a group", { port_security_enabled: true, security_groups: ["$sg"] }),
  change("take all away", { security_groups: null }),
  change("of the open port", { security_groups: ["$sg"] }, "gopenport"),
  change("of dhcp", { security_groups: ["$sg"] }, "gdhcp"),
  change("none of dhcp", { security_groups: [] }, "gdhcp"),
  change("becomes trusted", { device_owner: "network:dhcp" }, "gone"),
  remove("port groups: group in use", "/v2.0/security-groups/$psg"),
  put("port groups: stateless in use", "/v2.0/security-groups/$psg", { security_group: { stateful: false } }),
  put("port groups: stateful in use as it is", "/v2.0/security-groups/$psg", { security_group: { stateful: true } }),
  remove("port groups: two go", "/v2.0/ports/$gtwo"),
  remove("port groups: group no longer in use", "/v2.0/security-groups/$psg"),
  get("port groups: at the end", "/v2.0/ports/$gport"),

  put("group quota: set", "/v2.0/quotas/sgq", { quota: { security_group: 2, security_group_rule: 7 } }),
  put("group quota: bad", "/v2.0/quotas/sgq", { quota: { security_group: "x" } }),
  post(
    "group quota: first",
    "/v2.0/security-groups",
    { security_group: { tenant_id: "sgq", name: "q" } },
    {
      save: { qsg: "security_group.id" },
    },
  ),
  post("group quota: second", "/v2.0/security-groups", { security_group: { tenant_id: "sgq", name: "q2" } }),
  post("group quota: first rule", "/v2.0/security-group-rules", {
    security_group_rule: { tenant_id: "sgq", security_group_id: "$qsg", direction: "ingress" },
  }),
  post("group quota: second rule", "/v2.0/security-group-rules", {
    security_group_rule: { tenant_id: "sgq", security_group_id: "$qsg", direction: "ingress", protocol: "tcp" },
  }),
  get("group quota: details", "/v2.0/quotas/sgq/details"),
  put("group quota: few rules", "/v2.0/quotas/sgq2", { quota: { security_group_rule: 3 } }),
  post("group quota: no room for the default's rules", "/v2.0/security-groups", {
    security_group: { tenant_id: "sgq2", name: "q" },
  }),
  post("group quota: no room, a network", "/v2.0/networks", { network: { tenant_id: "sgq2", name: "q" } }),
  get("group quota: no room, a list", "/v2.0/security-groups?project_id=sgq2"),
];
