/**
 * Classification: what a packet is before anything else looks at it.
 *
 *   [classify] -- a local port: sourcePort, network --> source_guard
 *       |-------- a tunnel: tunnelType --> [tunnel_network] -- VNI: network --> switching
 *       `- miss: drop (an interface that no port of ours owns, a tunnel of somebody else)
 *
 * Also the other end: [delivery] puts a packet out at the local port that was chosen.
 *
 * A packet that the controller made to have the rules decide once more about a connection (register recheck) enters at one of the two conntrack
 * stages; what the rules let through ends behind them: in [recheck] the sender's, in [delivery] the receiver's.
 */
import { each, type Read } from "@dragonflow/engine";
import type { LocalPortRecord, NetworkRecord } from "@dragonflow/model";
import { chassisTopic, networkTopic } from "@dragonflow/model";
import {
  type Desired,
  defineNetworkApp,
  defineFlowTable,
  flow,
  goto,
  type HostFact,
  hosts,
  type InterfaceFact,
  interfaces,
  LOCAL,
  localPorts,
  localPortsByNetwork,
  networks,
  output,
  portStatus,
  priority,
  set,
  stages,
  TUNNEL_TYPE,
  type TunnelFact,
  tunnels,
} from "@dragonflow/pipeline";

const app = "classification";

const tunnelNetwork = defineFlowTable({
  name: "tunnel_network",
  purpose: "VNI -> network",
  stage: stages.classify,
  match: ["tunnelType", "tun_id"],
  writes: ["network", "fromTunnel"],
  next: [stages.switching],
  internal: true,
  miss: "drop",
});

const classify = defineFlowTable({
  name: "classify",
  purpose: "in_port -> source port and network, or tunnel",
  stage: stages.classify,
  match: ["in_port"],
  writes: ["sourcePort", "network", "tunnelType"],
  next: [stages.sourceGuard, tunnelNetwork],
  miss: "drop",
});

const recheck = defineFlowTable({
  name: "recheck",
  purpose: "packets that only ask the rules end here",
  stage: stages.services,
  match: ["recheck"],
  miss: "next",
});

const delivery = defineFlowTable({
  name: "delivery",
  purpose: "destination port -> output",
  stage: stages.delivery,
  match: ["destinationPort", "recheck"],
  miss: "drop",
});

/** A port that is bound here and whose interface is there: in and out. A port that is administratively down gets neither. */
function localPort(port: LocalPortRecord, read: Read): readonly Desired[] {
  const attached = read.row(interfaces, LOCAL, port.id);
  if (attached === undefined) return [];
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["key", "adminUp"]);
  if (network === undefined || !port.adminUp || !network.adminUp) return [];
  const owner = { app, kind: "port", id: port.id };
  return [
    flow(owner, classify, priority.normal, { in_port: attached.ofport }, [
      set("sourcePort", port.key),
      set("network", network.key),
      goto(stages.sourceGuard),
    ]),
    flow(owner, delivery, priority.normal, { destinationPort: port.key }, [output(attached.ofport)]),
  ];
}

/** An interface is a claim to its port, from the moment it is there; the port is up once its flows are. */
function claim(attached: InterfaceFact, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined) return [];
  const port = read.pick(localPorts, chassisTopic(host.chassis), attached.id, [
    "adminUp",
    "networkId",
    "mac",
    "addresses",
  ]);
  const network = port && read.pick(networks, networkTopic(port.networkId), port.networkId, ["adminUp"]);
  if (port?.adminUp !== true || network?.adminUp !== true) return [portStatus(attached.id, undefined)];
  const { mac, addresses } = port;
  return [portStatus(attached.id, { ofport: attached.ofport, mac, ips: addresses.map(({ ip }) => ip) })];
}

function tunnelPort(tunnel: TunnelFact): readonly Desired[] {
  const owner = { app, kind: "chassis", id: tunnel.chassis };
  const steps = [set("tunnelType", TUNNEL_TYPE[tunnel.encapsulation]), goto(tunnelNetwork)];
  return [flow(owner, classify, priority.normal, { in_port: tunnel.ofport }, steps)];
}

/** Packets of a network are taken from tunnels only where the network has a port: what nobody here can receive is dropped at once. */
function network(record: NetworkRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || record.segmentationId === null || !record.adminUp) return [];
  if (record.networkType !== "geneve" && record.networkType !== "vxlan") return [];
  if (!read.hasAny(localPortsByNetwork, chassisTopic(host.chassis), record.id)) return [];
  const owner = { app, kind: "network", id: record.id };
  const match = { tunnelType: TUNNEL_TYPE[record.networkType], tun_id: BigInt(record.segmentationId) };
  return [
    flow(owner, tunnelNetwork, priority.normal, match, [
      set("network", record.key),
      set("fromTunnel", 1),
      goto(stages.switching),
    ]),
  ];
}

function ends({ chassis }: HostFact): readonly Desired[] {
  const owner = { app, kind: "chassis", id: chassis };
  return [
    flow(owner, recheck, priority.normal, { recheck: 1 }, []),
    flow(owner, delivery, priority.special, { recheck: 1 }, []),
  ];
}

export default defineNetworkApp({
  name: app,
  tables: [classify, tunnelNetwork, recheck, delivery],
  units: [
    each(localPorts, localPort),
    each(interfaces, claim),
    each(tunnels, tunnelPort),
    each(networks, network),
    each(hosts, ends),
  ],
});
