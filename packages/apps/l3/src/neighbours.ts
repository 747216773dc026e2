import type { Read } from "@dragonflow/engine";
import { networkTopic, type PortRecord } from "@dragonflow/model";
import {
  type Desired,
  flow,
  hosts,
  LOCAL,
  networks,
  portsByAddress,
  portsByPairAddress,
  priority,
  routedNetworksByNetwork,
  setMac,
  towards,
} from "@dragonflow/pipeline";
import { app } from "./interface-flows.ts";
import { destination } from "./steps.ts";
import { neighbour } from "./tables.ts";

/** One port of a network that a router in use leads into: who has which address. One unit a port; a change elsewhere runs nothing here. */
export function portNeighbour(port: PortRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !port.adminUp || !read.hasAny(routedNetworksByNetwork, LOCAL, port.networkId)) return [];
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["key", "networkType"]);
  const way = network && towards(port, network.networkType, host.chassis, read);
  if (network === undefined || way === undefined) return [];
  const owner = { app, kind: "port", id: port.id };
  const own = port.addresses.map(({ ip }) =>
    flow(owner, neighbour, priority.normal, { network: network.key, ...destination(ip) }, [
      setMac("eth_dst", port.mac),
      ...way,
    ]),
  );
  // An address that several may use is its current holder's alone, and no router can know that from the model.
  const pairs = port.pairs.filter(({ ip }) => {
    const topic = networkTopic(port.networkId);
    return read.by(portsByPairAddress, topic, ip).length === 1 && read.by(portsByAddress, topic, ip).length === 0;
  });
  const further = pairs.map(({ ip, mac }) =>
    flow(owner, neighbour, priority.normal, { network: network.key, ...destination(ip) }, [
      setMac("eth_dst", mac),
      ...way,
    ]),
  );
  return [...own, ...further];
}
