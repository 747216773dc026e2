/**
 * Tunnels: one port for each host that shares a network with this one, or a router, and the way into it.
 *
 *   forwarding --tunnelPort--> [tunnel_send] -- network: VNI, sender's identity --> output
 *                                 `- from a tunnel: drop (a packet never goes from host to host to host)
 *
 * The identity travels in a Geneve option; VXLAN has no room for one.
 */
import { each, type Read } from "@dragonflow/engine";
import { type Encapsulation, ENCAPSULATIONS, endpointTopic, type NetworkRecord, networkTopic } from "@dragonflow/model";
import {
  act,
  chassisOfNetwork,
  type Desired,
  defineNetworkApp,
  defineFlowTable,
  endpoints,
  flow,
  hosts,
  identityOption,
  LOCAL,
  networkInUse,
  networks,
  outputTo,
  priority,
  ROUTED_TYPES,
  routedNetworksByNetwork,
  routedTypes,
  type Step,
  stages,
  subfield,
  tunnel,
} from "@dragonflow/pipeline";

const app = "tunnel";

const tunnelSend = defineFlowTable({
  name: "tunnel_send",
  purpose: "network -> VNI, then out at tunnelPort",
  stage: stages.forwarding,
  match: ["network", "fromTunnel"],
  miss: "drop",
});

const identity: Step = act({ type: "copy_field", src: subfield("sourceIdentity"), dst: identityOption });

function isTunnelled(
  network: NetworkRecord,
): network is NetworkRecord & { networkType: "geneve" | "vxlan"; segmentationId: number } {
  return (network.networkType === "geneve" || network.networkType === "vxlan") && network.segmentationId !== null;
}

/**
 * Packets travel in the network that they are for, so hosts send in another encapsulation than that of their own network where a router leads from
 * one to the other: such packets are taken by the tunnel of that type only.
 */
function encapsulationsOf(
  network: NetworkRecord & { networkType: Encapsulation },
  read: Read,
): readonly Encapsulation[] {
  if (!read.hasAny(routedNetworksByNetwork, LOCAL, network.id)) return [network.networkType];
  const received = read.set(routedTypes, LOCAL, ROUTED_TYPES);
  return ENCAPSULATIONS.filter((type) => type === network.networkType || received.includes(type));
}

/** One unit a network, over the set of hosts that have a port of it: a port that comes or goes there changes nothing here. */
function network(record: NetworkRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !record.adminUp || !isTunnelled(record)) return [];
  if (!networkInUse(read, host.chassis, record.id)) return [];
  const encapsulations = encapsulationsOf(record, read);
  const peers = read
    .set(chassisOfNetwork, networkTopic(record.id), record.id)
    .filter((chassis) => chassis !== host.chassis);
  const owner = { app, kind: "network", id: record.id };
  const vni = act({ type: "set_field", field: "tun_id", value: BigInt(record.segmentationId) });
  const header = record.networkType === "geneve" ? [vni, identity] : [vni];
  return [
    flow(owner, tunnelSend, priority.normal, { network: record.key, fromTunnel: 0 }, [
      ...header,
      outputTo("tunnelPort"),
    ]),
    ...peers.flatMap((chassis) => {
      const endpoint = read.row(endpoints, endpointTopic(chassis), chassis);
      if (endpoint === undefined) return [];
      return encapsulations
        .filter((encapsulation) => endpoint.encapsulations.includes(encapsulation))
        .map((encapsulation) => tunnel({ chassis, encapsulation, remoteIp: endpoint.ip, localIp: host.tunnelIp }));
    }),
  ];
}

export default defineNetworkApp({ name: app, tables: [tunnelSend], units: [each(networks, network)] });
