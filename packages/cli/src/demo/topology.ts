import type { ApiClient } from "../api/client.ts";
import { networks, ports, routers, securityGroups, securityGroupRules, subnets } from "../api/resources.ts";

/** The networks of the demo. Private addresses: RFC 1918, RFC 4193. */
const NETWORKS = [
  { name: "blue", ipv4: "10.10.0.0/24", ipv6: "fd00:10::/64", ipv6Gateway: "fd00:10::1" },
  { name: "green", ipv4: "10.20.0.0/24", ipv6: "fd00:20::/64", ipv6Gateway: "fd00:20::1" },
] as const;
export const DEMO_NETWORKS: readonly string[] = NETWORKS.map(({ name }) => name);
const ROUTER = "router";
/** What the demo shows: pings, from wherever. The rest stays closed, as it would be for anybody's VM. */
const GROUP = {
  name: "ping",
  description: "VMs of the demo: whoever reaches them may ping them",
  rules: [
    { ethertype: "IPv4", protocol: "icmp" },
    { ethertype: "IPv6", protocol: "ipv6-icmp" },
  ],
} as const;

/** A VM to be: vm1 and vm2 on the first host, vm3 and vm4 on the second ... */
export interface DemoVm {
  readonly name: string;
  readonly host: string;
  readonly portId: string;
}

/** Two networks with IPv4 and IPv6, a router between them, and on each host a port in each, all in one security group. */
export async function createDemo(api: ApiClient, hosts: readonly string[]): Promise<readonly DemoVm[]> {
  const made = await api.createAll(
    networks,
    NETWORKS.map(({ name }) => ({ name })),
  );
  const idOf = new Map(made.map(({ name, id }) => [name, id]));
  const parts = await api.createAll(
    subnets,
    NETWORKS.flatMap(({ name, ipv4, ipv6, ipv6Gateway }) => {
      const network_id = idOf.get(name);
      return [
        { name: `${name}-ipv4`, network_id, ip_version: 4, cidr: ipv4 },
        {
          name: `${name}-ipv6`,
          network_id,
          ip_version: 6,
          cidr: ipv6,
          gateway_ip: ipv6Gateway,
          ipv6_ra_mode: "slaac",
          ipv6_address_mode: "slaac",
        },
      ];
    }),
  );
  const router = await api.create(routers, { name: ROUTER });
  for (const { id } of parts) await api.act(routers, router.id, "add_router_interface", { subnet_id: id });

  const group = await createGroup(api);
  const wanted = hosts.flatMap((host) => DEMO_NETWORKS.map((network) => ({ host, network })));
  const all = await api.createAll(
    ports,
    wanted.map(({ network }, i) => ({ name: `vm${i + 1}`, network_id: idOf.get(network), security_groups: [group] })),
  );
  return all.map(({ id, name }, i) => ({ name, host: wanted[i]?.host ?? "", portId: id }));
}

async function createGroup(api: ApiClient): Promise<string> {
  const { name, description, rules } = GROUP;
  const { id } = await api.create(securityGroups, { name, description });
  await api.createAll(
    securityGroupRules,
    rules.map((rule) => ({ security_group_id: id, direction: "ingress", ...rule })),
  );
  return id;
}
