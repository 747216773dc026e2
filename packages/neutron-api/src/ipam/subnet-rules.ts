import type { Ipv6Mode, Route, SubnetObject } from "@dragonflow/model";
import type { Pool } from "../core/address-types.ts";
import type { ApiConfig } from "../core/config.ts";
import {
  dnsNameServersExhausted,
  gatewayConflictWithAllocationPools,
  hostRoutesExhausted,
  invalidAllocationPool,
  invalidInput,
  outOfBoundsAllocationPool,
  overlappingAllocationPools,
} from "../errors.ts";
import { contains, formatIp, type IpVersion, type Prefix, parseIp, parsePrefix } from "./addresses.ts";

/** What a subnet is checked by: what a POST or PUT says, `undefined` being left out. */
export interface SubnetRules {
  readonly id?: string;
  readonly ip_version: IpVersion;
  readonly cidr: string;
  readonly gateway_ip?: string | null | undefined;
  readonly enable_dhcp?: boolean | undefined;
  readonly dns_nameservers?: readonly string[] | undefined;
  readonly host_routes?: readonly Route[] | undefined;
  readonly ipv6_ra_mode?: Ipv6Mode | undefined;
  readonly ipv6_address_mode?: Ipv6Mode | undefined;
}

/** Everything about a subnet that is right or wrong whatever else the cloud holds. @param current as it is, for a PUT. */
export function checkSubnet(config: ApiConfig, subnet: SubnetRules, current: SubnetObject | undefined): void {
  checkVersion(subnet.ip_version, subnet.cidr, "cidr");
  const prefix = parsePrefix(subnet.cidr);
  if (prefix === undefined) throw invalidInput(`${subnet.cidr} is not in a CIDR format`);
  if (subnet.enable_dhcp === true && current?.enable_dhcp !== true) checkDhcp(prefix);
  if (prefix.length === 0) throw invalidInput("0 is not allowed as CIDR prefix length");
  if (subnet.gateway_ip !== undefined && subnet.gateway_ip !== null) checkGateway(prefix, subnet.gateway_ip);
  const name = subnet.id ?? "new subnet";
  const nameservers = subnet.dns_nameservers ?? [];
  if (nameservers.length > config.maxDnsNameservers) throw dnsNameServersExhausted(name, config.maxDnsNameservers);
  for (const host of nameservers) checkVersion(subnet.ip_version, host, "dns_nameserver");
  const routes = subnet.host_routes ?? [];
  if (routes.length > config.maxHostRoutes) throw hostRoutesExhausted(name, config.maxHostRoutes);
  for (const route of routes) {
    checkVersion(subnet.ip_version, route.nexthop, "nexthop");
    checkVersion(subnet.ip_version, route.destination, "destination");
  }
  if (subnet.ip_version === 4) {
    if (subnet.ipv6_ra_mode !== undefined) throw invalidInput("ipv6_ra_mode is not valid when ip_version is 4");
    if (subnet.ipv6_address_mode !== undefined)
      throw invalidInput("ipv6_address_mode is not valid when ip_version is 4");
  } else checkIpv6Modes(subnet, prefix, current);
}

function checkVersion(version: IpVersion, address: string, name: string): void {
  if (parsePrefix(address)?.version !== version)
    throw invalidInput(`${name} '${address}' does not match the ip_version '${version}'`);
}

function checkDhcp(prefix: Prefix): void {
  if (prefix.length > (prefix.version === 4 ? 30 : 126))
    throw invalidInput("Subnet has a prefix length that is incompatible with DHCP service enabled");
  const isMulticast = prefix.version === 4 ? prefix.first >> 28n === 0xen : prefix.first >> 120n === 0xffn;
  if (isMulticast) throw invalidInput("Multicast IP subnet is not supported if enable_dhcp is True");
  const isLoopback = prefix.version === 4 ? prefix.first >> 24n === 127n : prefix.first === 1n;
  if (isLoopback) throw invalidInput("Loopback IP subnet is not supported if enable_dhcp is True");
  if (prefix.version === 4 && prefix.first === 0n)
    throw invalidInput("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.");
}

function checkGateway(prefix: Prefix, gateway: string): void {
  checkVersion(prefix.version, gateway, "gateway_ip");
  if (isReserved(prefix, gateway)) throw invalidInput("Gateway is not valid on subnet");
}

/** Is it the address of an IPv4 network itself, or its broadcast address? */
export function isReserved(prefix: Prefix, address: string): boolean {
  const ip = parseIp(address);
  if (ip === undefined || prefix.version === 6 || !contains(prefix, ip)) return false;
  return ip.value === prefix.first || ip.value === prefix.last;
}

/** RFC 4862 section 5.5.3: an interface identifier of 64 bits needs a prefix of 64. */
function checkIpv6Modes(subnet: SubnetRules, prefix: Prefix, current: SubnetObject | undefined): void {
  if (current !== undefined) {
    const hasModes = current.ipv6_ra_mode !== null || current.ipv6_address_mode !== null;
    if (subnet.enable_dhcp === false && hasModes)
      throw invalidInput("Cannot disable enable_dhcp with ipv6 attributes set");
    return;
  }
  const { ipv6_ra_mode: ra, ipv6_address_mode: address } = subnet;
  if ((ra !== undefined || address !== undefined) && subnet.enable_dhcp !== true)
    throw invalidInput("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False");
  if (ra !== undefined && address !== undefined && ra !== address)
    throw invalidInput(
      `ipv6_ra_mode set to '${ra}' with ipv6_address_mode set to '${address}' is not valid. If both attributes are set, they must be the same value`,
    );
  const isAuto = [ra, address].some((m) => m === "slaac" || m === "dhcpv6-stateless");
  if (isAuto && prefix.length !== 64)
    throw invalidInput(
      `Invalid CIDR ${subnet.cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64`,
    );
}

const textOf = (version: IpVersion, value: bigint) => formatIp({ version, value });

/** The first address: of an IPv4 network the first that a host may have, of an IPv6 network its own. */
export function defaultGateway(prefix: Prefix): string {
  return textOf(prefix.version, prefix.version === 4 ? prefix.first + 1n : prefix.first);
}

/** All addresses that ports can be given. */
function usable(prefix: Prefix): { readonly first: bigint; readonly last: bigint } {
  if (prefix.first === prefix.last) return prefix;
  if (prefix.version === 6) return { first: prefix.first + 1n, last: prefix.last };
  return prefix.length > 30 ? prefix : { first: prefix.first + 1n, last: prefix.last - 1n };
}

export function defaultPools(prefix: Prefix, gatewayIp: string | null): readonly Pool[] {
  const { first, last } = usable(prefix);
  const gateway = gatewayIp === null ? undefined : parseIp(gatewayIp)?.value;
  const isSingle = prefix.first === prefix.last;
  const split = gateway !== undefined && !isSingle && gateway >= first && gateway <= last;
  const runs = split
    ? [
        { first, last: gateway - 1n },
        { first: gateway + 1n, last },
      ]
    : [{ first, last }];
  return runs
    .filter((run) => run.first <= run.last)
    .map((run) => ({ start: textOf(prefix.version, run.first), end: textOf(prefix.version, run.last) }));
}

const poolText = (pool: Pool) => `${pool.start}-${pool.end}`;

/** @returns the pools, checked against the network and each other. */
export function checkPools(pools: readonly Pool[], prefix: Prefix): readonly Pool[] {
  const cidr = `${textOf(prefix.version, prefix.first)}/${prefix.length}`;
  const bounds = usable(prefix);
  const ranges = pools.map((pool) => {
    const [start, end] = [parseIp(pool.start), parseIp(pool.end)];
    if (start === undefined || end === undefined || start.version !== end.version || start.value > end.value)
      throw invalidAllocationPool(`{'start': '${pool.start}', 'end': '${pool.end}'}`);
    return { pool, first: start.value, last: end.value, version: start.version };
  });
  for (const range of ranges) {
    if (range.version !== prefix.version) throw invalidAllocationPool(poolText(range.pool));
    if (range.first < bounds.first || range.last > bounds.last)
      throw outOfBoundsAllocationPool(poolText(range.pool), cidr);
  }
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1));
  for (const [i, range] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next === undefined || next.first > range.last) continue;
    const [a, b] = ranges.indexOf(range) < ranges.indexOf(next) ? [range, next] : [next, range];
    throw overlappingAllocationPools(poolText(a.pool), poolText(b.pool), cidr);
  }
  return pools;
}

export function checkGatewayOutsidePools(gatewayIp: string, pools: readonly Pool[]): void {
  const gateway = parseIp(gatewayIp);
  const hit = pools.find((pool) => {
    const [start, end] = [parseIp(pool.start), parseIp(pool.end)];
    return (
      gateway !== undefined &&
      start?.version === gateway.version &&
      end !== undefined &&
      start.value <= gateway.value &&
      gateway.value <= end.value
    );
  });
  if (hit !== undefined) throw gatewayConflictWithAllocationPools(gatewayIp, poolText(hit));
}
