/** Tenants as the peer's benchmark has them, so that both control planes are asked the same. */
import { OvsdbClient } from "@dragonflow/ovsdb";
import type { Cloud, Json } from "./cloud.ts";
import { plug } from "./plug.ts";

const NETWORKS = 10;
const PER_NETWORK = 50;
const WIDE_NETWORKS_HERE = 5;
const WIDE_PORTS_HERE = 10;
/** Chassis that other ports are bound to: `chassis-0` on. */
export const OTHER_CHASSIS = 20;

export interface TenantNetwork {
  readonly id: string;
  readonly subnetId: string;
  /** Without its last byte: "10.0.0." */
  readonly prefix: string;
}
export interface Tenant {
  readonly routerId: string;
  readonly groupId: string;
  readonly networks: readonly TenantNetwork[];
}

/** All IPv4 and IPv6 out (which every new group has), ICMP and SSH in, and everything from the group itself. Of a project of its own: quotas. */
export async function createGroup(cloud: Cloud, name: string): Promise<string> {
  const { id } = await cloud.create("security-group", { name, project_id: name });
  const rules: readonly Json[] = [
    { direction: "ingress", ethertype: "IPv4", protocol: "icmp" },
    { direction: "ingress", ethertype: "IPv4", protocol: "tcp", port_range_min: 22, port_range_max: 22 },
    { direction: "ingress", ethertype: "IPv4", remote_group_id: id },
  ];
  for (const rule of rules)
    await cloud.create("security-group-rule", { security_group_id: id, project_id: name, ...rule });
  return id;
}

/** A port with this last byte of its address. */
export function portIn(tenant: Tenant, network: TenantNetwork, last: number, host: string, more: Json = {}): Json {
  return {
    network_id: network.id,
    fixed_ips: [{ subnet_id: network.subnetId, ip_address: `${network.prefix}${last}` }],
    security_groups: [tenant.groupId],
    "binding:host_id": host,
    ...more,
  };
}

/**
 * Tenants of one router, ten networks and one group each, with fifty ports in a network, until there are as many ports; at least the first, which may
 * be empty. Addresses below .100 are free. @returns the first
 */
export async function createTenants(cloud: Cloud, ports: number, report: (line: string) => void): Promise<Tenant> {
  let first: Tenant | undefined;
  let made = 0;
  for (let t = 0; first === undefined || made < ports; t++) {
    const tenant = await createTenant(cloud, t);
    first ??= tenant;
    for (const network of tenant.networks) {
      const count = Math.min(PER_NETWORK, ports - made);
      if (count === 0) break;
      const at = made;
      const port = (_: unknown, i: number): Json =>
        portIn(tenant, network, 100 + i, `chassis-${(at + i) % OTHER_CHASSIS}`);
      await cloud.createPorts(Array.from({ length: count }, port));
      made += count;
      if (made % 1000 === 0) report(`${made} ports of others`);
    }
  }
  return first;
}

async function createTenant(cloud: Cloud, t: number): Promise<Tenant> {
  const router = await cloud.create("router", { name: `router-${t}` });
  const groupId = await createGroup(cloud, `group-${t}`);
  const networks: TenantNetwork[] = [];
  for (let n = 0; n < NETWORKS; n++) {
    const network = await cloud.create("network", { name: `t${t}n${n}` });
    const prefix = `10.${t}.${n}.`;
    const subnet = await cloud.create("subnet", {
      network_id: network.id,
      ip_version: 4,
      cidr: `${prefix}0/24`,
      enable_dhcp: false,
    });
    await cloud.call("PUT", `/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    networks.push({ id: network.id, subnetId: subnet.id, prefix });
  }
  return { routerId: router.id, groupId, networks };
}

/** The network with this number. */
export function networkOf(tenant: Tenant, n: number): TenantNetwork {
  const network = tenant.networks[n % tenant.networks.length];
  if (network === undefined) throw new RangeError("a tenant without networks");
  return network;
}

/** One tenant that is all of the cloud: a router, networks of fifty, every port in one group. */
export interface WideTenant {
  readonly groupId: string;
  /** A port of another chassis that is in no group. */
  readonly joinerId: string;
}

/** With ten ports on the first host, two in each of five networks, plugged in; their number is that of `cloud.active`. */
export async function createWideTenant(
  cloud: Cloud,
  ports: number,
  report: (line: string) => void,
): Promise<WideTenant> {
  const groupId = await createGroup(cloud, "wide");
  const router = await cloud.create("router", { name: "wide" });
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  let joinerId: string | undefined;
  for (let n = 0; n * PER_NETWORK < ports; n++) {
    const network = await cloud.create("network", { name: `n${n}` });
    const cidr = `10.${100 + Math.floor(n / 200)}.${n % 200}.0/24`;
    const subnet = await cloud.create("subnet", { network_id: network.id, ip_version: 4, cidr, enable_dhcp: false });
    await cloud.call("PUT", `/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    const here = n < WIDE_NETWORKS_HERE ? WIDE_PORTS_HERE / WIDE_NETWORKS_HERE : 0;
    const port = (_: unknown, i: number): Json => ({
      network_id: network.id,
      security_groups: [groupId],
      "binding:host_id": i < here ? "host1" : `chassis-${(n + i) % OTHER_CHASSIS}`,
    });
    const made = await cloud.createPorts(Array.from({ length: PER_NETWORK }, port));
    await plug(
      ovs,
      made.slice(0, here).map(({ id }, i) => [`s${n}x${i}`, id]),
    );
    if (joinerId === undefined && here === 0) {
      const fields = { network_id: network.id, security_groups: [], "binding:host_id": "chassis-1" };
      joinerId = (await cloud.create("port", fields)).id;
    }
    if (n % 20 === 19) report(`${(n + 1) * PER_NETWORK} ports of the tenant`);
  }
  if (joinerId === undefined) throw new RangeError(`${ports} ports are too few for more than five networks`);
  await cloud.active("host1", WIDE_PORTS_HERE);
  return { groupId, joinerId };
}
