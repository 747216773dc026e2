import { type PortObject, ROUTER_INTERFACE_OWNERS, type SubnetObject } from "@dragonflow/model";
import type { FixedIpRequest } from "../core/address-types.ts";
import type { Transaction } from "../core/transaction.ts";
import {
  allocationOnAutoAddressSubnet,
  invalidInput,
  invalidIpForNetwork,
  invalidIpForSubnet,
  ipAddressAlreadyAllocated,
  ipAddressGenerationFailure,
  noMatchingServiceSubnet,
  subnetNotFound,
} from "../errors.ts";
import { eui64, formatIp, isEui64, isHostAddress, parseIp, parsePrefix } from "./addresses.ts";

export type FixedIp = PortObject["fixed_ips"][number];

/** What the addresses of a port depend on. */
export interface Owner {
  readonly network_id: string;
  readonly device_owner: string;
  readonly mac_address: string;
}

/** Do hosts make their own addresses in this subnet (RFC 4862)? */
export function isAutoAddress(subnet: Pick<SubnetObject, "ipv6_ra_mode" | "ipv6_address_mode">): boolean {
  return [subnet.ipv6_ra_mode, subnet.ipv6_address_mode].some((m) => m === "slaac" || m === "dhcpv6-stateless");
}

const isRouter = (owner: Owner) => ROUTER_INTERFACE_OWNERS.includes(owner.device_owner);
/** DHCP ports take the lowest address of a pool, so that it stays where it was when the port is made again. */
const takesLowest = (owner: Owner) =>
  owner.device_owner === "network:dhcp" || owner.device_owner === "network:distributed";

/** Subnets that ports of this owner may have addresses in. Those for its own kind of port come first. */
function eligibleSubnets(tx: Transaction, owner: Owner): readonly SubnetObject[] {
  const all = tx.subnets.by("network_id", owner.network_id);
  const fits = (s: SubnetObject) => s.service_types.length === 0 || s.service_types.includes(owner.device_owner);
  const eligible = all.filter(fits);
  if (eligible.length === 0 && all.length > 0) throw noMatchingServiceSubnet(owner.network_id, owner.device_owner);
  const own = eligible.filter((s) => s.service_types.length > 0);
  return [...own, ...eligible.filter((s) => s.service_types.length === 0)];
}

/** The addresses of a new port. `requested` undefined: one per IP version, and those that hosts make themselves. */
export function allocate(
  tx: Transaction,
  owner: Owner,
  requested: readonly FixedIpRequest[] | undefined,
): readonly FixedIp[] {
  const subnets = eligibleSubnets(tx, owner);
  const chosen: FixedIp[] = [];
  if (requested === undefined) {
    for (const version of [4, 6] as const) {
      const dynamic = subnets.filter((s) => s.ip_version === version && !isAutoAddress(s));
      if (dynamic.length > 0) chosen.push(anyAddress(tx, owner, dynamic));
    }
  } else chosen.push(...resolve(tx, owner, requested, subnets));
  return [...chosen, ...autoAddresses(tx, owner, subnets, chosen)];
}

/** The addresses after a PUT, which names all that the port shall have. Those of its own making stay as they are. */
export function reallocate(
  tx: Transaction,
  owner: Owner,
  current: readonly FixedIp[],
  requested: readonly FixedIpRequest[],
): readonly FixedIp[] {
  const unclaimed = [...current];
  const kept: FixedIp[] = [];
  const added: FixedIpRequest[] = [];
  const claim = (matches: (fixed: FixedIp) => boolean): FixedIp | undefined => {
    const at = unclaimed.findIndex(matches);
    return at < 0 ? undefined : unclaimed.splice(at, 1)[0];
  };
  for (const request of requested.filter((r) => r.ip_address !== undefined)) {
    const found = claim((f) => f.ip_address === request.ip_address);
    if (found === undefined) added.push(request);
    else kept.push(found);
  }
  for (const request of requested.filter((r) => r.ip_address === undefined)) {
    const found = claim((f) => f.subnet_id === request.subnet_id && !isEui64(parseIp(f.ip_address) ?? NO_IP));
    if (found === undefined) added.push(request);
    else kept.push(found);
  }
  for (const fixed of unclaimed) {
    const subnet = tx.subnets.get(fixed.subnet_id);
    if (subnet !== undefined && isAutoAddress(subnet) && !isRouter(owner)) kept.push(fixed);
  }
  const subnets = eligibleSubnets(tx, owner);
  const fresh = resolve(tx, owner, added, subnets);
  return [...kept, ...fresh, ...autoAddresses(tx, owner, subnets, [...kept, ...fresh])];
}
const NO_IP = { version: 4, value: 0n } as const;

/** Explicit addresses first, so that none of them is given away to a request that would take any. */
function resolve(
  tx: Transaction,
  owner: Owner,
  requested: readonly FixedIpRequest[],
  subnets: readonly SubnetObject[],
): readonly FixedIp[] {
  const resolved = requested.map((request) => ({ request, subnet: subnetFor(tx, owner, request, subnets) }));
  const explicit = resolved.flatMap(({ request, subnet }) =>
    request.ip_address === undefined ? [] : [claimAddress(tx, owner, subnet, request.ip_address)],
  );
  const any = resolved.flatMap(({ request, subnet }) => {
    if (request.ip_address !== undefined || (isAutoAddress(subnet) && !isRouter(owner))) return [];
    return [anyAddress(tx, owner, [subnet])];
  });
  return [...explicit, ...any];
}

function subnetFor(
  tx: Transaction,
  owner: Owner,
  request: FixedIpRequest,
  subnets: readonly SubnetObject[],
): SubnetObject {
  if (subnets.length === 0) throw invalidInput("IP allocation requires subnets for network");
  const { subnet_id: subnetId, ip_address: address } = request;
  const isValidIn = (subnet: SubnetObject, text: string) => {
    const [prefix, ip] = [parsePrefix(subnet.cidr), parseIp(text)];
    return (
      prefix !== undefined &&
      ip !== undefined &&
      isHostAddress(prefix, ip, isRouter(owner) || owner.device_owner === "")
    );
  };
  if (subnetId !== undefined) {
    const subnet = subnets.find((s) => s.id === subnetId);
    if (subnet === undefined) {
      if (tx.subnets.get(subnetId) === undefined) throw subnetNotFound(subnetId);
      throw invalidInput(
        `Failed to create port on network ${owner.network_id}, because fixed_ips included invalid subnet ${subnetId}`,
      );
    }
    if (address !== undefined && !isValidIn(subnet, address)) throw invalidIpForSubnet(address);
    return subnet;
  }
  if (address === undefined) throw invalidInput("IP allocation requires subnet_id or ip_address");
  const subnet = subnets.find((s) => isValidIn(s, address));
  if (subnet === undefined) throw invalidIpForNetwork(address);
  return subnet;
}

/** One address that was asked for. @throws {NeutronError} when it is in use, or hosts make their own in this subnet. */
export function claimAddress(tx: Transaction, owner: Owner, subnet: SubnetObject, address: string): FixedIp {
  if (isAutoAddress(subnet) && !isRouter(owner)) throw allocationOnAutoAddressSubnet(address, subnet.id);
  return claim(tx, subnet, address);
}

function claim(tx: Transaction, subnet: SubnetObject, address: string): FixedIp {
  const ip = parseIp(address);
  const isUsed = tx.ports
    .by("ip_address", address)
    .some((p) => p.fixed_ips.some((f) => f.subnet_id === subnet.id && f.ip_address === address));
  if (ip === undefined || isUsed || !tx.reserveAddress(subnet.id, ip, address))
    throw ipAddressAlreadyAllocated(address, subnet.id);
  return { subnet_id: subnet.id, ip_address: address };
}

function anyAddress(tx: Transaction, owner: Owner, subnets: readonly SubnetObject[]): FixedIp {
  for (const subnet of subnets) {
    const address = tx.reserveAny(subnet, takesLowest(owner));
    if (address !== undefined) return { subnet_id: subnet.id, ip_address: address };
  }
  tx.settle(subnets);
  throw ipAddressGenerationFailure(owner.network_id);
}

/** One address in each subnet where hosts make their own; routers have those that they were told to have. */
function autoAddresses(
  tx: Transaction,
  owner: Owner,
  subnets: readonly SubnetObject[],
  has: readonly FixedIp[],
): readonly FixedIp[] {
  if (isRouter(owner)) return [];
  return subnets
    .filter((subnet) => isAutoAddress(subnet) && !has.some((f) => f.subnet_id === subnet.id))
    .flatMap((subnet) => {
      const prefix = parsePrefix(subnet.cidr);
      return prefix === undefined ? [] : [claim(tx, subnet, formatIp(eui64(prefix, owner.mac_address)))];
    });
}
