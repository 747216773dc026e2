import { shapes } from "@dragonflow/model";

const { flag, integer, list, nullable, object, oneOf, text } = shapes;

/** One kind of thing in the Neutron API, with the attributes that this program reads; others are kept as they come. */
export interface Resource<T> {
  /** Key of one in a body; the path has hyphens. */
  readonly name: string;
  readonly collection: string;
  readonly shape: shapes.Shape<T>;
}
function resource<T>(name: string, shape: shapes.Shape<T>): Resource<T> {
  return { name, collection: `${name}s`, shape };
}

export const networks = resource("network", object({ id: text, name: text, mtu: integer() }));
export const subnets = resource(
  "subnet",
  object({
    id: text,
    name: text,
    network_id: text,
    cidr: text,
    ip_version: integer(4, 6),
    gateway_ip: nullable(text),
    enable_dhcp: flag,
    ipv6_address_mode: nullable(text),
    ipv6_ra_mode: nullable(text),
  }),
);
export const ports = resource(
  "port",
  object({
    id: text,
    name: text,
    network_id: text,
    mac_address: text,
    status: text,
    revision_number: integer(),
    fixed_ips: list(object({ subnet_id: text, ip_address: text })),
    "binding:host_id": text,
    security_groups: list(text),
  }),
);
const securityGroupRule = object({
  id: text,
  security_group_id: text,
  direction: oneOf("ingress", "egress"),
  ethertype: oneOf("IPv4", "IPv6"),
  protocol: nullable(text),
  port_range_min: nullable(integer(0, 65535)),
  port_range_max: nullable(integer(0, 65535)),
  remote_ip_prefix: nullable(text),
  remote_group_id: nullable(text),
  remote_address_group_id: nullable(text),
});
export const securityGroupRules = resource("security_group_rule", securityGroupRule);
export const securityGroups = resource(
  "security_group",
  object({ id: text, name: text, project_id: text, stateful: flag, security_group_rules: list(securityGroupRule) }),
);
export const addressGroups = resource("address_group", object({ id: text, name: text, addresses: list(text) }));
export const routers = resource("router", object({ id: text, name: text }));
export const agents = resource("agent", object({ id: text, host: text, alive: flag }));
/** Limits of a project, by whose id they go; -1: none. */
export const quotas = resource("quota", object({ security_group: integer(-1) }));

type Of<R> = R extends Resource<infer T> ? T : never;
export type Network = Of<typeof networks>;
export type Subnet = Of<typeof subnets>;
export type Port = Of<typeof ports>;
export type SecurityGroup = Of<typeof securityGroups>;
export type SecurityGroupRule = Of<typeof securityGroupRules>;
export type AddressGroup = Of<typeof addressGroups>;
export type Router = Of<typeof routers>;
export type Agent = Of<typeof agents>;
