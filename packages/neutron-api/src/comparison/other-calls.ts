import { type Call, get, post, put, remove } from "./call.ts";

const quota = (name: string, body: unknown): Call => put(`quota: ${name}`, "/v2.0/quotas/q1", { quota: body });

export const otherCalls: readonly Call[] = [
  get("versions", "/"),
  get("version without slash", "/v2.0"),
  get("extension", "/v2.0/extensions/router"),
  get("extension of tags", "/v2.0/extensions/standard-attr-timestamp"),
  get("extension of none", "/v2.0/extensions/nope"),
  get("unknown collection", "/v2.0/nope"),
  get("unknown member", "/v2.0/nope/x"),
  get("unknown path", "/nope"),
  post("POST to the version", "/v2.0/", {}),
  get("bad escape", "/v2.0/networks/%ff"),

  get("agents", "/v2.0/agents"),
  get("agents: unknown filter", "/v2.0/agents?bogus=1"),
  get("agent: none such", "/v2.0/agents/nope"),
  put("agent: update none", "/v2.0/agents/nope", { agent: { admin_state_up: false } }),
  put("agent: read-only", "/v2.0/agents/nope", { agent: { host: "x" } }),
  remove("agent: delete none", "/v2.0/agents/nope"),
  get("zones", "/v2.0/availability_zones"),
  get("zones by another name", "/v2.0/availability-zones"),
  get("zones: unknown filter", "/v2.0/availability_zones?bogus=1"),

  get("quota: who am I", "/v2.0/quotas/tenant"),
  get("quota: what project", "/v2.0/quotas/project"),
  quota("set", { network: 1, subnet: 1, port: 1, router: "1" }),
  quota("too small", { network: -2 }),
  quota("no number", { network: "x" }),
  quota("unknown", { bogus: 1 }),
  put("quota: no body", "/v2.0/quotas/q1", {}),
  quota("forced", { network: 1, force: true }),
  get("quota: unknown view", "/v2.0/quotas/q1/bogus"),
  post("quota: network", "/v2.0/networks", { network: { tenant_id: "q1" } }, { save: { qnet: "network.id" } }),
  post("quota: second network", "/v2.0/networks", { network: { tenant_id: "q1" } }),
  post("quota: networks at once", "/v2.0/networks", {
    networks: [{ tenant_id: "q1" }, { tenant_id: "other" }],
  }),
  post("quota: subnet", "/v2.0/subnets", {
    subnet: { tenant_id: "q1", network_id: "$qnet", ip_version: 4, cidr: "10.6.0.0/24" },
  }),
  post("quota: second subnet", "/v2.0/subnets", {
    subnet: { tenant_id: "q1", network_id: "$qnet", ip_version: 4, cidr: "10.6.1.0/24" },
  }),
  post("quota: port", "/v2.0/ports", { port: { tenant_id: "q1", network_id: "$qnet", fixed_ips: [] } }),
  post("quota: second port", "/v2.0/ports", { port: { tenant_id: "q1", network_id: "$qnet", fixed_ips: [] } }),
  post("quota: router", "/v2.0/routers", { router: { tenant_id: "q1" } }),
  post("quota: second router", "/v2.0/routers", { router: { tenant_id: "q1" } }),
  post("quota: of another project", "/v2.0/routers", { router: { tenant_id: "q2" } }),
  remove("quota: reset", "/v2.0/quotas/q1"),
  remove("quota: reset again", "/v2.0/quotas/q1"),
  post("quota: no limit now", "/v2.0/routers", { router: { tenant_id: "q1" } }),
];
