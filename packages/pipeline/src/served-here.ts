import type { Read } from "@dragonflow/engine";
import { chassisTopic, networkTopic } from "@dragonflow/model";
import { hosts, LOCAL, localPortsByNetwork, networks } from "./rows.ts";

/** A network that has a port on this host, whose questions this host answers; undefined where it has none, or where it is down. */
export function servedHere(
  networkId: string,
  read: Read,
): { readonly key: number; readonly chassis: string } | undefined {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !read.hasAny(localPortsByNetwork, chassisTopic(host.chassis), networkId)) return undefined;
  const network = read.pick(networks, networkTopic(networkId), networkId, ["key", "adminUp"]);
  return network?.adminUp ? { key: network.key, chassis: host.chassis } : undefined;
}
