import { isIpv6, type Topology } from "@dragonflow/evaluator";
import type { LocalPortRecord } from "@dragonflow/model";

/**
 * The MAC address that a host sends to, for an address of another port: that port's own where both are of one network; else that of the router with the
 * gateway address of the sender's subnet, or of the first with an address of the family. Where there is none, the other port's is the best it can try.
 * @param own of the sender, of the same family.
 */
export function firstHop(topology: Topology, from: LocalPortRecord, own: string, to: LocalPortRecord): string {
  if (from.networkId === to.networkId) return to.mac;
  const subnet = topology.subnets.get(from.addresses.find(({ ip }) => ip === own)?.subnetId ?? "");
  const candidates = topology
    .routersOf(from.networkId)
    .filter(({ addresses }) => addresses.some(({ ip }) => isIpv6(ip) === isIpv6(own)));
  const gateway = candidates.find(({ addresses }) => addresses.some(({ ip }) => ip === subnet?.gatewayIp));
  return (gateway ?? candidates[0] ?? to).mac;
}
