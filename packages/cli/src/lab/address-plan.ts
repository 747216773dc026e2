import type { Port, Subnet } from "../api/resources.ts";

/** How a VM comes by the addresses of its port. */
export interface AddressPlan {
  /** A DHCP client runs. */
  readonly dhcp: boolean;
  /** Given to eth0, with prefix length. */
  readonly addresses: readonly string[];
  /** Of the default routes that go with these: at most one per family. */
  readonly gateways: readonly string[];
}

/** What announces itself (DHCPv4; IPv6 by router advertisements) is left to the VM; the rest, and with `byHand` all, is given. */
export function planAddresses(fixedIps: Port["fixed_ips"], subnets: readonly Subnet[], byHand: boolean): AddressPlan {
  const subnetOf = new Map(subnets.map((subnet) => [subnet.id, subnet]));
  const all = fixedIps.flatMap(({ subnet_id, ip_address }) => {
    const subnet = subnetOf.get(subnet_id);
    return subnet === undefined ? [] : [{ ip_address, subnet }];
  });
  const given = all.filter(({ subnet }) => byHand || !announcesItself(subnet));
  const gatewayOf = (version: number) => given.find(({ subnet }) => subnet.ip_version === version)?.subnet.gateway_ip;
  return {
    dhcp: !byHand && all.some(({ subnet }) => subnet.ip_version === 4 && subnet.enable_dhcp),
    addresses: given.map(({ ip_address, subnet }) => `${ip_address}/${subnet.cidr.split("/")[1] ?? ""}`),
    gateways: [gatewayOf(4), gatewayOf(6)].filter((gateway) => typeof gateway === "string"),
  };
}

function announcesItself({ ip_version, enable_dhcp, ipv6_ra_mode, ipv6_address_mode }: Subnet): boolean {
  if (!enable_dhcp) return false;
  return ip_version === 4 || (ipv6_ra_mode !== null && ["slaac", "dhcpv6-stateless"].includes(ipv6_address_mode ?? ""));
}
