import type { Read } from "@dragonflow/engine";
import { networkTopic, type PortRecord } from "@dragonflow/model";
import { type Desired, flow, hosts, LOCAL, networks, priority, routedNetworksByNetwork } from "@dragonflow/pipeline";
import { app } from "./interface-flows.ts";
import { destination } from "./steps.ts";
import { neighbour } from "./tables.ts";
import { deliver, holdersOf } from "./ways.ts";

/**
 * One port of a network that a router in use leads into: who has which address. One unit a port; a change elsewhere runs nothing here. Of an address
 * that several ports may use, the first declares the flow for all.
 */
export function portNeighbour(port: PortRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !port.adminUp || !read.hasAny(routedNetworksByNetwork, LOCAL, port.networkId)) return [];
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["key", "networkType"]);
  if (network === undefined) return [];
  const owner = { app, kind: "port", id: port.id };
  const further = new Set(port.pairs.map(({ ip }) => ip).filter((ip) => !ip.includes("/")));
  return [...new Set([...port.addresses.map(({ ip }) => ip), ...further])].flatMap((ip) => {
    const holders = holdersOf(port.networkId, ip, read);
    if (holders[0]?.port.id !== port.id) return [];
    const copies = { owner, name: `shared/${port.networkId}/${ip}` };
    const delivery = deliver(holders, network, host.chassis, copies, read);
    if (delivery === undefined) return [];
    const match = { network: network.key, ...destination(ip) };
    return [...delivery.besides, flow(owner, neighbour, priority.normal, match, delivery.steps)];
  });
}
