import { type PortObject, ROUTER_INTERFACE_OWNERS, type SubnetObject } from "@dragonflow/model";
import { allocationPools, nameservers, routes, serviceTypes } from "../core/address-types.ts";
import { type Attributes, UNSPECIFIED } from "../core/attribute.ts";
import { subnetRefs } from "../core/kinds.ts";
import {
  given,
  identityAttributes,
  newObject,
  type Resource,
  standardAttributes,
  standardFilters,
} from "../core/resource.ts";
import type { Transaction } from "../core/transaction.ts";
import { boolean, cidr, integerOf, ipOrNull, nonNegative, oneOf, uuid, uuidOrNull } from "../core/types.ts";
import {
  badRequest,
  gatewayIpInUse,
  gatewayNotAllocatable,
  invalidInput,
  networkNotFound,
  subnetInUse,
  subnetNotFound,
  subnetPoolNotFound,
} from "../errors.ts";
import { eui64, formatIp, formatNetwork, overlaps, parsePrefix } from "../ipam/addresses.ts";
import { isAutoAddress } from "../ipam/port-addresses.ts";
import {
  checkGatewayOutsidePools,
  checkPools,
  checkSubnet,
  defaultGateway,
  defaultPools,
  isReserved,
  type SubnetRules,
} from "../ipam/subnet-rules.ts";
import { isAutoDeleted } from "./networks.ts";

const mode = oneOf("dhcpv6-stateful", "dhcpv6-stateless", "slaac");

const attributes = {
  ...identityAttributes,
  ip_version: { type: integerOf(4, 6), post: true, filter: true, sort: true },
  network_id: { type: uuid, post: true, filter: true, sort: true },
  subnetpool_id: { type: uuidOrNull, post: true, default: UNSPECIFIED, filter: true, sort: true, value: () => null },
  prefixlen: { type: nonNegative, post: true, default: UNSPECIFIED, hidden: true },
  cidr: { type: cidr, post: true, default: UNSPECIFIED, filter: true, sort: true },
  gateway_ip: { type: ipOrNull, post: true, put: true, default: UNSPECIFIED, filter: true, sort: true },
  allocation_pools: { type: allocationPools, post: true, put: true, default: UNSPECIFIED },
  dns_nameservers: { type: nameservers, post: true, put: true, default: UNSPECIFIED },
  host_routes: { type: routes, post: true, put: true, default: UNSPECIFIED },
  enable_dhcp: { type: boolean, post: true, put: true, default: true, filter: true, sort: true },
  ipv6_ra_mode: { type: mode, post: true, default: UNSPECIFIED, filter: true, sort: true },
  ipv6_address_mode: { type: mode, post: true, default: UNSPECIFIED, filter: true, sort: true },
  // A subnet is shared with its network; only lists can ask.
  shared: {
    type: boolean,
    filter: true,
    hidden: true,
    value: (s, reader) => reader.networks.get(s.network_id)?.shared,
  },
  service_types: { type: serviceTypes, post: true, put: true, default: UNSPECIFIED },
  ...standardAttributes,
} as const satisfies Attributes<SubnetObject>;

export const subnets: Resource<SubnetObject, typeof attributes> = {
  name: "subnet",
  collection: "subnets",
  attributes,
  filters: standardFilters,
  table: (state) => state.subnets,
  tableIn: (tx) => tx.subnets,
  notFound: subnetNotFound,
  bulk: true,
  quota: "subnet",

  create(tx, values) {
    if (values.cidr !== undefined && values.prefixlen !== undefined)
      throw badRequest("subnets", "cidr and prefixlen must not be supplied together");
    if (typeof values.subnetpool_id === "string") throw subnetPoolNotFound(values.subnetpool_id);
    if (values.cidr === undefined)
      throw badRequest("subnets", "a subnetpool must be specified in the absence of a cidr");
    const ip_version = values.ip_version === 4 ? 4 : 6;
    const prefix = parsePrefix(values.cidr);
    if (prefix === undefined) throw invalidInput(`${values.cidr} is not in a CIDR format`);
    const rules: SubnetRules = { ...values, ip_version, cidr: formatNetwork(prefix) };
    checkSubnet(tx.config, rules, undefined);

    const network = tx.networks.get(values.network_id);
    if (network === undefined) throw networkNotFound(values.network_id);
    const gateway_ip = values.gateway_ip === undefined ? defaultGateway(prefix) : values.gateway_ip;
    if (gateway_ip !== null && isReserved(prefix, gateway_ip)) throw gatewayNotAllocatable(gateway_ip, rules.cidr);
    const pools =
      values.allocation_pools === undefined
        ? defaultPools(prefix, gateway_ip)
        : checkPools(values.allocation_pools, prefix);
    if (values.allocation_pools !== undefined && gateway_ip !== null) checkGatewayOutsidePools(gateway_ip, pools);
    checkOverlap(tx, network.id, rules.cidr);

    const subnet = tx.subnets.put({
      ...newObject(tx, values),
      revision_number: 0,
      network_id: network.id,
      ip_version,
      cidr: rules.cidr,
      gateway_ip,
      allocation_pools: pools,
      enable_dhcp: values.enable_dhcp,
      dns_nameservers: values.dns_nameservers ?? [],
      host_routes: values.host_routes ?? [],
      ipv6_ra_mode: values.ipv6_ra_mode ?? null,
      ipv6_address_mode: values.ipv6_address_mode ?? null,
      service_types: values.service_types ?? [],
    });
    // Subnets of one network come one after the other: each is a new revision of the network.
    tx.networks.put(tx.touch(network));
    if (isAutoAddress(subnet)) giveAutoAddresses(tx, subnet);
    return subnet;
  },

  update(tx, subnet, values) {
    checkSubnet(tx.config, { ...values, ip_version: subnet.ip_version, cidr: subnet.cidr, id: subnet.id }, subnet);
    if (values.gateway_ip !== undefined && values.gateway_ip !== null && values.gateway_ip !== subnet.gateway_ip)
      checkGatewayUnused(tx, subnet);
    const prefix = parsePrefix(subnet.cidr);
    if (prefix === undefined) throw new RangeError(`stored subnet ${subnet.id} has no cidr`);
    const pools = values.allocation_pools === undefined ? undefined : checkPools(values.allocation_pools, prefix);
    const gateway = values.gateway_ip === undefined ? subnet.gateway_ip : values.gateway_ip;
    if (gateway !== null && (gateway !== subnet.gateway_ip || pools !== undefined))
      checkGatewayOutsidePools(gateway, pools ?? subnet.allocation_pools);
    const { name, description, gateway_ip, enable_dhcp, dns_nameservers, host_routes, service_types } = values;
    const change = { name, description, gateway_ip, enable_dhcp, dns_nameservers, host_routes, service_types };
    return tx.subnets.put(tx.revise(subnet, given({ ...change, allocation_pools: pools })));
  },

  remove(tx, subnet) {
    const ports = tx.ports.by("subnet_id", subnet.id);
    const keepsIt = (port: PortObject) =>
      isAutoAddress(subnet) ? ROUTER_INTERFACE_OWNERS.includes(port.device_owner) : !isAutoDeleted(port);
    if (ports.some(keepsIt)) throw subnetInUse(subnet.id);
    tx.expectUnchanged(subnetRefs(subnet.id));
    for (const port of ports)
      tx.ports.put(tx.revise(port, { fixed_ips: port.fixed_ips.filter((f) => f.subnet_id !== subnet.id) }));
    tx.subnets.delete(subnet.id);
    const network = tx.networks.get(subnet.network_id);
    if (network !== undefined) tx.networks.put(tx.touch(network));
  },
};

function checkOverlap(tx: Transaction, networkId: string, wanted: string): void {
  const prefix = parsePrefix(wanted);
  for (const other of tx.subnets.by("network_id", networkId)) {
    const taken = parsePrefix(other.cidr);
    if (prefix !== undefined && taken !== undefined && overlaps(prefix, taken))
      throw invalidInput(
        `Requested subnet with cidr: ${wanted} for network: ${networkId} overlaps with another subnet`,
      );
  }
}

/** A router that answers at the present gateway address would be cut off. */
function checkGatewayUnused(tx: Transaction, subnet: SubnetObject): void {
  const gateway = subnet.gateway_ip;
  if (gateway === null) return;
  const user = tx.ports
    .by("subnet_id", subnet.id)
    .find(
      (port) =>
        ROUTER_INTERFACE_OWNERS.includes(port.device_owner) && port.fixed_ips.some((f) => f.ip_address === gateway),
    );
  if (user !== undefined) throw gatewayIpInUse(gateway, user.id);
  tx.expectUnchanged(subnetRefs(subnet.id));
}

/** Ports that are there already have an address of their own making in the new subnet. */
function giveAutoAddresses(tx: Transaction, subnet: SubnetObject): void {
  const prefix = parsePrefix(subnet.cidr);
  if (prefix === undefined) return;
  for (const port of tx.ports.by("network_id", subnet.network_id)) {
    if (ROUTER_INTERFACE_OWNERS.includes(port.device_owner)) continue;
    const fixed = { subnet_id: subnet.id, ip_address: formatIp(eui64(prefix, port.mac_address)) };
    tx.ports.put(tx.revise(port, { fixed_ips: [...port.fixed_ips, fixed] }));
  }
}
