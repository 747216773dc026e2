import type { NetworkObject, SubnetObject } from "@dragonflow/model";
import type { Attributes, Input } from "../core/attribute.ts";
import type { Resource } from "../core/resource.ts";
import type { Reader } from "../core/state.ts";
import { networkNotFound } from "../errors.ts";
import { poolRanges } from "../ipam/allocations.ts";
import { type IpVersion, parsePrefix } from "../ipam/addresses.ts";

interface Usage {
  readonly subnet: SubnetObject;
  readonly total: bigint;
  readonly used: number;
}

/** Addresses in pools; of a subnet without any, all of them. */
function totalOf(subnet: SubnetObject): bigint {
  const pools = poolRanges(subnet).reduce((sum, range) => sum + range.last - range.first + 1n, 0n);
  const prefix = parsePrefix(subnet.cidr);
  return pools > 0n || prefix === undefined ? pools : prefix.last - prefix.first + 1n;
}

/** Of all subnets, or those of one version. */
function usageOf(reader: Reader, network: NetworkObject, version: IpVersion | undefined): readonly Usage[] {
  const subnets = reader.subnets.by("network_id", network.id);
  return subnets
    .filter((subnet) => version === undefined || subnet.ip_version === version)
    .map((subnet) => ({
      subnet,
      total: totalOf(subnet),
      used: reader.ports
        .by("subnet_id", subnet.id)
        .reduce((sum, port) => sum + port.fixed_ips.filter((f) => f.subnet_id === subnet.id).length, 0),
    }));
}

function describe({ subnet, total, used }: Usage): Input {
  return {
    subnet_id: subnet.id,
    ip_version: subnet.ip_version,
    cidr: subnet.cidr,
    subnet_name: subnet.name,
    used_ips: used,
    // JSON has no integers of 64 bits and more: an IPv6 subnet's count is as near as a double comes.
    total_ips: Number(total),
  };
}

const sum = (numbers: readonly bigint[]) => Number(numbers.reduce((total, n) => total + n, 0n));

function attributesOf(version: IpVersion | undefined) {
  return {
    network_id: { filter: true, sort: true, value: (n) => n.id },
    network_name: { filter: true, value: (n) => n.name },
    tenant_id: { filter: true, value: (n) => n.project_id },
    project_id: { filter: true },
    subnet_ip_availability: { value: (n, reader) => usageOf(reader, n, version).map(describe) },
    used_ips: { value: (n, reader) => sum(usageOf(reader, n, version).map((usage) => BigInt(usage.used))) },
    total_ips: { value: (n, reader) => sum(usageOf(reader, n, version).map((usage) => usage.total)) },
  } as const satisfies Attributes<NetworkObject>;
}

/** How full networks are: the networks again, seen as numbers. `version` leaves out the subnets of the other one. */
export function networkIpAvailability(
  version: IpVersion | undefined,
): Resource<NetworkObject, ReturnType<typeof attributesOf>> {
  return {
    name: "network_ip_availability",
    collection: "network_ip_availabilities",
    attributes: attributesOf(version),
    filters: {
      ip_version: {
        matches: (network, _, reader) => version === undefined || usageOf(reader, network, version).length > 0,
      },
    },
    table: (state) => state.networks,
    tableIn: (tx) => tx.networks,
    notFound: networkNotFound,
    bulk: false,
  };
}
