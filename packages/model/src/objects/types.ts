/**
 * User-level objects: Neutron's resources with Neutron's attribute names, plus the numbers that Dragonflow allocated for them. This is what the
 * servers keep (topic `api/<collection>`), and what projections take. Times are RFC 3339, addresses canonical text.
 */
export interface StandardAttributes {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision_number: number;
  readonly tags: readonly string[];
}
export type ObjectStatus = "ACTIVE" | "DOWN" | "BUILD" | "ERROR";

export interface NetworkObject extends StandardAttributes {
  readonly key: number;
  readonly admin_state_up: boolean;
  readonly status: ObjectStatus;
  readonly shared: boolean;
  readonly mtu: number;
  readonly port_security_enabled: boolean;
  readonly dns_domain: string;
  readonly network_type: "geneve" | "vxlan" | "vlan" | "flat" | "local";
  readonly physical_network: string | null;
  readonly segmentation_id: number | null;
  readonly availability_zone_hints: readonly string[];
}

export interface Route {
  readonly destination: string;
  readonly nexthop: string;
}
export type Ipv6Mode = "slaac" | "dhcpv6-stateful" | "dhcpv6-stateless";

export interface SubnetObject extends StandardAttributes {
  readonly network_id: string;
  readonly ip_version: 4 | 6;
  readonly cidr: string;
  readonly gateway_ip: string | null;
  readonly allocation_pools: readonly { readonly start: string; readonly end: string }[];
  readonly enable_dhcp: boolean;
  readonly dns_nameservers: readonly string[];
  readonly host_routes: readonly Route[];
  readonly ipv6_ra_mode: Ipv6Mode | null;
  readonly ipv6_address_mode: Ipv6Mode | null;
  readonly service_types: readonly string[];
}

export interface PortObject extends StandardAttributes {
  readonly key: number;
  readonly network_id: string;
  readonly mac_address: string;
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[];
  readonly admin_state_up: boolean;
  readonly status: ObjectStatus;
  readonly device_id: string;
  readonly device_owner: string;
  readonly port_security_enabled: boolean;
  readonly allowed_address_pairs: readonly { readonly ip_address: string; readonly mac_address: string }[];
  readonly extra_dhcp_opts: readonly {
    readonly opt_name: string;
    readonly opt_value: string;
    readonly ip_version: 4 | 6;
  }[];
  readonly dns_name: string;
  /** What the user asked for: "" = wherever its interface turns up. */
  readonly requested_host_id: string;
  /** Where it is bound: the requested host, or the one whose claim was granted; "" = nowhere. */
  readonly host_id: string;
  /** Ids of its groups, in order. */
  readonly security_groups: readonly string[];
  /** The number of this set of groups (see {@link IdentityObject}); 0 where it is empty. */
  readonly identity_key: number;
  readonly vnic_type: string;
  readonly binding_profile: Readonly<Record<string, unknown>>;
}

export interface RouterObject extends StandardAttributes {
  readonly key: number;
  readonly admin_state_up: boolean;
  readonly status: ObjectStatus;
  readonly routes: readonly Route[];
  readonly availability_zone_hints: readonly string[];
}

/** A rule of a security group; what is null matches everything. Of ICMP the port range is the type and the code. */
export interface SecurityGroupRule {
  readonly id: string;
  readonly project_id: string;
  /** null: of a rule that came with its group. */
  readonly description: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision_number: number;
  readonly direction: "ingress" | "egress";
  readonly ethertype: "IPv4" | "IPv6";
  /** As the user wrote it: a name or a number in decimal (see {@link PROTOCOLS}). */
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
  /** The same prefix in canonical text. */
  readonly normalized_cidr: string | null;
  readonly remote_group_id: string | null;
  readonly remote_address_group_id: string | null;
}
/** A group keeps its rules: one commit changes both. */
export interface SecurityGroupObject extends StandardAttributes {
  readonly stateful: boolean;
  readonly rules: readonly SecurityGroupRule[];
}
export interface AddressGroupObject extends StandardAttributes {
  /** Addresses and prefixes, in canonical text. */
  readonly addresses: readonly string[];
}
/** A set of groups that some port has or had, as one number. It stays for as long as all its groups are there. */
export interface IdentityObject {
  /** Made of the groups' ids, so that every server makes the same. */
  readonly id: string;
  readonly key: number;
  /** In order. */
  readonly groups: readonly string[];
}

/** Device owners that mean "this port is an interface of the router in device_id". */
export const ROUTER_INTERFACE_OWNERS: readonly string[] = [
  "network:router_interface",
  "network:router_interface_distributed",
];
