import { type NbRecord, record } from "../kind.ts";
import { networkKind, subnetKind } from "../records/network.ts";
import { localPortKind, portKind } from "../records/port.ts";
import { addressGroupKind, groupIdentityKind, portIdentityKind, securityGroupKind } from "../records/security-group.ts";
import { routerInterfaceKind, routerKind, routerPortKind } from "../records/router.ts";
import { networkOf } from "./prefix.ts";
import { protocolNumber } from "./protocols.ts";
import {
  type AddressGroupObject,
  type IdentityObject,
  type NetworkObject,
  type PortObject,
  ROUTER_INTERFACE_OWNERS,
  type RouterObject,
  type SecurityGroupObject,
  type SubnetObject,
} from "./types.ts";

/**
 * Projections: which records a user-level object stands for, and in which topics. Pure; the whole set each time. Who writes an object compares
 * the projection of what was with the projection of what shall be, and commits the difference: there is no other way into the NB database.
 */
export function projectNetwork(network: NetworkObject): readonly NbRecord[] {
  return [
    record(networkKind, {
      id: network.id,
      key: network.key,
      networkType: network.network_type,
      physicalNetwork: network.physical_network,
      segmentationId: network.segmentation_id,
      mtuBytes: network.mtu,
      adminUp: network.admin_state_up,
      dnsDomain: network.dns_domain,
    }),
  ];
}

export function projectSubnet(subnet: SubnetObject): readonly NbRecord[] {
  return [
    record(subnetKind, {
      id: subnet.id,
      networkId: subnet.network_id,
      ipVersion: subnet.ip_version,
      cidr: subnet.cidr,
      gatewayIp: subnet.gateway_ip,
      dhcpEnabled: subnet.enable_dhcp,
      dnsNameservers: subnet.dns_nameservers,
      hostRoutes: subnet.host_routes,
      ipv6RaMode: subnet.ipv6_ra_mode,
      ipv6AddressMode: subnet.ipv6_address_mode,
    }),
  ];
}

export function projectRouter(router: RouterObject): readonly NbRecord[] {
  return [
    record(routerKind, { id: router.id, key: router.key, adminUp: router.admin_state_up, routes: router.routes }),
  ];
}

/** A router's interface becomes a pair (its router's view, its network's view); a bound port another (its host's view, the other hosts' view). */
export function projectPort(port: PortObject): readonly NbRecord[] {
  const addresses = port.fixed_ips.map((f) => ({ subnetId: f.subnet_id, ip: f.ip_address }));
  const shared = {
    id: port.id,
    networkId: port.network_id,
    mac: port.mac_address,
    addresses,
    adminUp: port.admin_state_up,
  };
  if (ROUTER_INTERFACE_OWNERS.includes(port.device_owner)) {
    const fields = { ...shared, key: port.key, routerId: port.device_id };
    return [record(routerInterfaceKind, fields), record(routerPortKind, fields)];
  }
  if (port.host_id === "") return [];
  const pairs = port.allowed_address_pairs.map((p) => ({ ip: withoutWholePrefix(p.ip_address), mac: p.mac_address }));
  return [
    // A prefix is for anti-spoofing on the port's own host: others see of it that the port may use another MAC address.
    record(portKind, {
      ...shared,
      key: port.key,
      chassis: port.host_id,
      pairs: pairs.filter((p) => !p.ip.includes("/") || p.mac !== port.mac_address),
    }),
    record(localPortKind, {
      ...shared,
      key: port.key,
      chassis: port.host_id,
      pairs,
      portSecurity: port.port_security_enabled,
      securityGroups: port.security_groups,
      identity: port.identity_key,
      hostname: port.dns_name,
      dhcpOptions: port.extra_dhcp_opts.map((o) => ({ ipVersion: o.ip_version, name: o.opt_name, value: o.opt_value })),
    }),
    ...portIdentity(port),
  ];
}

/** Who reads it looks addresses up, whatever they are for: a pair's MAC address makes no difference here. */
function portIdentity(port: PortObject): readonly NbRecord[] {
  if (port.identity_key === 0) return [];
  const ips = [...port.fixed_ips, ...port.allowed_address_pairs].map((a) =>
    withoutWholePrefix(networkOf(a.ip_address)),
  );
  const fields = { id: port.id, networkId: port.network_id, identity: port.identity_key };
  return [record(portIdentityKind, { ...fields, addresses: [...new Set(ips)] })];
}

export function projectSecurityGroup(group: SecurityGroupObject): readonly NbRecord[] {
  const rules = group.rules.map((rule) => ({
    id: rule.id,
    direction: rule.direction,
    ipVersion: rule.ethertype === "IPv4" ? (4 as const) : (6 as const),
    protocol: protocolNumber(rule.protocol),
    portMin: rule.port_range_min,
    portMax: rule.port_range_max,
    remotePrefix: rule.normalized_cidr?.endsWith("/0") === true ? null : rule.normalized_cidr,
    remoteGroupId: rule.remote_group_id,
    remoteAddressGroupId: rule.remote_address_group_id,
  }));
  return [record(securityGroupKind, { id: group.id, stateful: group.stateful, rules })];
}

export function projectAddressGroup(group: AddressGroupObject): readonly NbRecord[] {
  return [record(addressGroupKind, { id: group.id, addresses: group.addresses.map(withoutWholePrefix) })];
}

/** Each of the groups is told that it is in the set. Nothing is told when a port gets the set or loses it. */
export function projectIdentity({ key, groups }: IdentityObject): readonly NbRecord[] {
  return groups.map((groupId) => record(groupIdentityKind, { id: String(key), groupId, identity: key }));
}

/** A prefix of one address is the address. */
function withoutWholePrefix(ip: string): string {
  return ip.replace(ip.includes(":") ? /\/128$/ : /\/32$/, "");
}
