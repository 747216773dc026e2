import type { PortObject, SubnetObject } from "@dragonflow/model";
import type { Collection } from "../core/collection.ts";
import { formatIp, type Ip, parseIp } from "./addresses.ts";
import { FreeRanges, type Range } from "./ranges.ts";

/** The addresses of a subnet that {@link Allocations} may hand out, as numbers. */
export function poolRanges(subnet: Pick<SubnetObject, "allocation_pools">): readonly Range[] {
  return subnet.allocation_pools.flatMap(({ start, end }) => {
    const [first, last] = [parseIp(start), parseIp(end)];
    return first === undefined || last === undefined ? [] : [{ first: first.value, last: last.value }];
  });
}

/**
 * Which addresses are free, per subnet. Follows the ports and subnets of this process, and remembers what its own unfinished requests have chosen:
 * they would lose against each other at the store otherwise.
 */
export class Allocations {
  readonly #free = new Map<string, { readonly pools: SubnetObject["allocation_pools"]; readonly ranges: FreeRanges }>();
  readonly #reserved = new Map<string, Set<bigint>>();
  readonly #ports: Collection<PortObject>;
  readonly #waiting = new Set<() => void>();
  readonly random: () => number;

  constructor(ports: Collection<PortObject>, subnets: Collection<SubnetObject>, random: () => number = Math.random) {
    this.#ports = ports;
    this.random = random;
    subnets.onChange((before, after) => {
      if (before !== undefined && before.allocation_pools !== after?.allocation_pools) this.#free.delete(before.id);
    });
    ports.onChange((before, after) => {
      if (before?.fixed_ips === after?.fixed_ips) return;
      for (const fixed of before?.fixed_ips ?? [])
        this.#free.get(fixed.subnet_id)?.ranges.give(parseIp(fixed.ip_address)?.value ?? -1n);
      for (const fixed of after?.fixed_ips ?? [])
        this.#free.get(fixed.subnet_id)?.ranges.take(parseIp(fixed.ip_address)?.value ?? -1n);
    });
  }

  /** Chooses a free address and keeps it from other requests of this process until {@link release}. */
  reserve(subnet: SubnetObject, lowest: boolean): string | undefined {
    const reserved = this.#reserved.get(subnet.id);
    const address = this.#rangesOf(subnet).choose(
      lowest ? () => 0 : this.random,
      (candidate) => reserved?.has(candidate) === true,
    );
    if (address === undefined) return undefined;
    this.#reserve(subnet.id, address);
    return formatIp({ version: subnet.ip_version, value: address });
  }

  /** Keeps one address from others. @returns false if an unfinished request has it already. */
  reserveAddress(subnetId: string, ip: Ip): boolean {
    if (this.#reserved.get(subnetId)?.has(ip.value) === true) return false;
    this.#reserve(subnetId, ip.value);
    return true;
  }

  release(subnetId: string, ipAddress: string): void {
    const reserved = this.#reserved.get(subnetId);
    const ip = parseIp(ipAddress);
    if (reserved === undefined || ip === undefined) return;
    reserved.delete(ip.value);
    if (reserved.size === 0) this.#reserved.delete(subnetId);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** How many of the subnet's addresses are only promised: while there are any, "no address left" is not certain. */
  reservedCount(subnetId: string): number {
    return this.#reserved.get(subnetId)?.size ?? 0;
  }
  /** Resolves when any reservation ends. */
  released(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #reserve(subnetId: string, address: bigint): void {
    const reserved = this.#reserved.get(subnetId);
    if (reserved === undefined) this.#reserved.set(subnetId, new Set([address]));
    else reserved.add(address);
  }

  #rangesOf(subnet: SubnetObject): FreeRanges {
    const known = this.#free.get(subnet.id);
    if (known !== undefined && known.pools === subnet.allocation_pools) return known.ranges;
    const ranges = new FreeRanges(poolRanges(subnet));
    for (const port of this.#ports.by("subnet_id", subnet.id)) {
      for (const fixed of port.fixed_ips)
        if (fixed.subnet_id === subnet.id) ranges.take(parseIp(fixed.ip_address)?.value ?? -1n);
    }
    this.#free.set(subnet.id, { pools: subnet.allocation_pools, ranges });
    return ranges;
  }
}
