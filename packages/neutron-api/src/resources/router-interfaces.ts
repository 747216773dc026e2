import type { PortObject, RouterObject, SubnetObject } from "@dragonflow/model";
import { type Input, Rejected } from "../core/attribute.ts";
import type { Transaction } from "../core/transaction.ts";
import { checkUuid } from "../core/types.ts";
import {
  badRequest,
  portInUse,
  portNotFound,
  routerInterfaceInUseByRoute,
  routerInterfaceNotFound,
  routerInterfaceNotFoundForSubnet,
  subnetMismatchForPort,
  subnetNotFound,
} from "../errors.ts";
import { contains, overlaps, parseIp, parsePrefix } from "../ipam/addresses.ts";
import { claimAddress } from "../ipam/port-addresses.ts";
import { createPort } from "./ports.ts";
import { interfacesOf } from "./routers.ts";

/** What a client says of an interface: by its port, by a subnet, or (to remove one) both. */
interface InterfaceRequest {
  readonly port_id: string | undefined;
  readonly subnet_id: string | undefined;
}

const refuse = (reason: string) => badRequest("router", reason);
const OWNER = "network:router_interface";

function parse(body: Input | undefined, mayHaveBoth: boolean): InterfaceRequest {
  const uuidOf = (name: string): string | undefined => {
    if (body === undefined || !Object.hasOwn(body, name)) return undefined;
    try {
      return checkUuid(body[name]);
    } catch (reason) {
      if (reason instanceof Rejected) throw refuse(reason.message);
      throw reason;
    }
  };
  const request = { port_id: uuidOf("port_id"), subnet_id: uuidOf("subnet_id") };
  if (request.port_id === undefined && request.subnet_id === undefined)
    throw refuse("Either subnet_id or port_id must be specified");
  if (!mayHaveBoth && request.port_id !== undefined && request.subnet_id !== undefined)
    throw refuse("Cannot specify both subnet-id and port-id");
  return request;
}

function answer(router: RouterObject, port: PortObject, subnets: readonly SubnetObject[]): Input {
  return {
    id: router.id,
    tenant_id: port.project_id,
    port_id: port.id,
    network_id: port.network_id,
    subnet_id: subnets.at(-1)?.id,
    subnet_ids: subnets.map((subnet) => subnet.id),
  };
}

const hasIpv6 = (port: PortObject) => port.fixed_ips.some((f) => parseIp(f.ip_address)?.version === 6);

function subnetsOf(tx: Transaction, port: PortObject): readonly SubnetObject[] {
  return port.fixed_ips.flatMap((f) => tx.subnets.get(f.subnet_id) ?? []);
}

function checkAddressMode(subnet: SubnetObject): void {
  if (subnet.ip_version === 6 && subnet.ipv6_ra_mode === null && subnet.ipv6_address_mode !== null)
    throw refuse(
      `IPv6 subnet ${subnet.id} configured to receive RAs from an external router cannot be added to Neutron Router.`,
    );
}

/** A router has one way to each address: no subnet twice, and none that overlaps another. */
function checkOverlap(tx: Transaction, interfaces: readonly PortObject[], added: readonly SubnetObject[]): void {
  const present = interfaces.flatMap((port) => subnetsOf(tx, port));
  const twice = present.find((subnet) => added.some((s) => s.id === subnet.id));
  if (twice !== undefined) throw refuse(`Router already has a port on subnet ${twice.id}`);
  for (const subnet of present) {
    for (const other of added) {
      const [a, b] = [parsePrefix(subnet.cidr), parsePrefix(other.cidr)];
      if (a !== undefined && b !== undefined && overlaps(a, b))
        throw refuse(
          `Cidr ${other.cidr} of subnet ${other.id} overlaps with cidr ${subnet.cidr} of subnet ${subnet.id}`,
        );
    }
  }
}

/** PUT /routers/ID/add_router_interface. Each is a new revision of the router: interfaces of one router come one after the other. */
export function addRouterInterface(tx: Transaction, router: RouterObject, body: Input | undefined): Input {
  const request = parse(body, false);
  const [port, subnets] =
    request.port_id === undefined
      ? addBySubnet(tx, router, request.subnet_id ?? "")
      : addByPort(tx, router, request.port_id);
  tx.routers.put(tx.touch(router));
  return answer(router, port, subnets);
}

function addByPort(tx: Transaction, router: RouterObject, portId: string): [PortObject, readonly SubnetObject[]] {
  const port = tx.ports.get(portId);
  if (port === undefined) throw portNotFound(portId);
  if (port.device_id !== "") throw portInUse(port.id, port.network_id, port.device_id);
  if (port.fixed_ips.length === 0) throw refuse("Router port must have at least one fixed IP");
  const subnets = subnetsOf(tx, port);
  for (const subnet of subnets) checkAddressMode(subnet);
  const interfaces = interfacesOf(tx, router);
  const other = interfaces.find((p) => p.network_id === port.network_id && hasIpv6(p));
  if (hasIpv6(port) && other !== undefined)
    throw refuse(
      `Cannot have multiple router ports with the same network id if both contain IPv6 subnets. Existing port ${other.id} has IPv6 subnet(s) and network id ${port.network_id}`,
    );
  checkOverlap(tx, interfaces, subnets);
  if (subnets.filter((subnet) => subnet.ip_version === 4).length > 1)
    throw refuse("Cannot have multiple IPv4 subnets on router port");
  const attached = tx.revise(port, { device_id: router.id, device_owner: OWNER, status: "ACTIVE" });
  return [tx.ports.put(attached), subnets];
}

function addBySubnet(tx: Transaction, router: RouterObject, subnetId: string): [PortObject, readonly SubnetObject[]] {
  const subnet = tx.subnets.get(subnetId);
  if (subnet === undefined) throw subnetNotFound(subnetId);
  const gateway = subnet.gateway_ip;
  if (gateway === null) throw refuse("Subnet for router interface must have a gateway IP");
  checkAddressMode(subnet);
  const interfaces = interfacesOf(tx, router);
  checkOverlap(tx, interfaces, [subnet]);
  // All IPv6 prefixes of one network are on one interface: the advertisements of a link name them together (RFC 4861 section 6.2.3).
  const shared = interfaces.find((port) => port.network_id === subnet.network_id && hasIpv6(port));
  if (subnet.ip_version === 6 && shared !== undefined) {
    const fixed = claimAddress(tx, shared, subnet, gateway);
    return [tx.ports.put(tx.revise(shared, { fixed_ips: [...shared.fixed_ips, fixed] })), [subnet]];
  }
  const port = createPort(
    tx,
    {
      network_id: subnet.network_id,
      project_id: router.project_id,
      name: "",
      description: "",
      admin_state_up: true,
      mac_address: undefined,
      fixed_ips: [{ subnet_id: subnet.id, ip_address: gateway }],
      device_id: router.id,
      device_owner: OWNER,
      "binding:vnic_type": "normal",
      "binding:host_id": undefined,
      "binding:profile": undefined,
      security_groups: undefined,
      port_security_enabled: undefined,
      allowed_address_pairs: undefined,
      extra_dhcp_opts: [],
      dns_name: "",
      tags: [],
    },
    "ACTIVE",
  );
  return [port, [subnet]];
}

/** PUT /routers/ID/remove_router_interface. */
export function removeRouterInterface(tx: Transaction, router: RouterObject, body: Input | undefined): Input {
  const request = parse(body, true);
  const [port, subnets] =
    request.port_id === undefined
      ? removeBySubnet(tx, router, request.subnet_id ?? "")
      : removeByPort(tx, router, request.port_id, request.subnet_id);
  tx.routers.put(tx.touch(router));
  return answer(router, port, subnets);
}

function checkRoutesLeft(router: RouterObject, subnet: SubnetObject): void {
  const prefix = parsePrefix(subnet.cidr);
  const needsIt = router.routes.some(({ nexthop }) => {
    const ip = parseIp(nexthop);
    return prefix !== undefined && ip !== undefined && contains(prefix, ip);
  });
  if (needsIt) throw routerInterfaceInUseByRoute(router.id, subnet.id);
}

function removeByPort(
  tx: Transaction,
  router: RouterObject,
  portId: string,
  subnetId: string | undefined,
): [PortObject, readonly SubnetObject[]] {
  const port = interfacesOf(tx, router).find((p) => p.id === portId);
  if (port === undefined) throw routerInterfaceNotFound(router.id, portId);
  if (subnetId !== undefined && !port.fixed_ips.some((f) => f.subnet_id === subnetId))
    throw subnetMismatchForPort(portId, subnetId);
  const subnets = subnetsOf(tx, port);
  for (const subnet of subnets) checkRoutesLeft(router, subnet);
  tx.ports.delete(port.id);
  return [port, subnets];
}

function removeBySubnet(
  tx: Transaction,
  router: RouterObject,
  subnetId: string,
): [PortObject, readonly SubnetObject[]] {
  const subnet = tx.subnets.get(subnetId);
  if (subnet === undefined) throw subnetNotFound(subnetId);
  const onNetwork = interfacesOf(tx, router).filter((p) => p.network_id === subnet.network_id);
  if (onNetwork.length > 0) checkRoutesLeft(router, subnet);
  const port = onNetwork.find((p) => p.fixed_ips.some((f) => f.subnet_id === subnetId));
  if (port === undefined) throw routerInterfaceNotFoundForSubnet(router.id, subnetId);
  const rest = port.fixed_ips.filter((f) => f.subnet_id !== subnetId);
  if (rest.length === 0) tx.ports.delete(port.id);
  else tx.ports.put(tx.revise(port, { fixed_ips: rest }));
  return [port, [subnet]];
}
