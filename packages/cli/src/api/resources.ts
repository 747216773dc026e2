import { shapes } from "@dragonflow/model";

const { flag, integer, list, nullable, object, text } = shapes;

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
  }),
);
export const routers = resource("router", object({ id: text, name: text }));
export const agents = resource("agent", object({ id: text, host: text, alive: flag }));

type Of<R> = R extends Resource<infer T> ? T : never;
export type Network = Of<typeof networks>;
export type Subnet = Of<typeof subnets>;
export type Port = Of<typeof ports>;
export type Router = Of<typeof routers>;
export type Agent = Of<typeof agents>;
