/**
 * L2: known unicast to the port that has the address, here or on another host; broadcast and multicast to all of the network.
 *
 *   switching --> [l2] -- (network, MAC) of a local port: destinationPort --> ingress_conntrack
 *                  |----- (network, MAC) of a port elsewhere: tunnelPort --> forwarding
 *                  |----- (network, MAC) of several ports (a virtual router's): group with a copy for each
 *                  |----- multicast bit: group with a copy for each local port, and one for each host that has the network
 *                  `- miss: drop, counted (nothing is learned; every address is known)
 *
 * A sender never gets its own frame: Open vSwitch does not output a packet to the port that it came in by. What came from a tunnel goes to local
 * ports only, so that there are no loops.
 */
import { each, type Read } from "@dragonflow/engine";
import { chassisTopic, type NetworkRecord, networkTopic, type PortRecord } from "@dragonflow/model";
import {
  type Bucket,
  chassisOfNetwork,
  type Desired,
  defineNetworkApp,
  defineFlowTable,
  floodGroup,
  flow,
  group,
  hosts,
  LOCAL,
  localPortsByNetwork,
  networks,
  type Owner,
  ports,
  portsByMac,
  priority,
  resubmit,
  set,
  type Step,
  stages,
  towards,
  tunnelId,
  tunnels,
} from "@dragonflow/pipeline";

const app = "l2";
const MULTICAST = { value: 0x010000000000, mask: 0x010000000000 };
/** More buckets in one group and Open vSwitch runs out of resubmits, or cannot list the group. */
const MAX_BUCKETS = 1000;

const l2 = defineFlowTable({
  name: "l2",
  purpose: "(network, MAC) -> port, tunnel or flood",
  stage: stages.switching,
  match: ["network", "eth_dst", "fromTunnel"],
  writes: ["destinationPort", "tunnelPort", "flooded"],
  next: [stages.forwarding, stages.ingressConntrack],
  miss: "drop",
});

/** The addresses of one port of a network that this host has a port of. One unit a port: another port changes nothing here. */
function unicast(port: PortRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !port.adminUp) return [];
  if (!read.hasAny(localPortsByNetwork, chassisTopic(host.chassis), port.networkId)) return [];
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["key", "networkType", "adminUp"]);
  if (!network?.adminUp) return [];
  const steps = towards(port, network.networkType, host.chassis, read);
  if (steps === undefined) return [];
  const owner = { app, kind: "port", id: port.id };
  const own = flow(owner, l2, priority.normal, { network: network.key, eth_dst: port.mac }, steps);
  const macs = new Set(port.pairs.map((pair) => pair.mac).filter((mac) => mac !== port.mac));
  return [
    own,
    ...[...macs].flatMap((mac) => furtherMac(mac, { port, network, owner, steps, chassis: host.chassis }, read)),
  ];
}

interface Holder {
  readonly port: PortRecord;
  readonly network: Pick<NetworkRecord, "key" | "networkType">;
  readonly owner: Owner;
  readonly steps: readonly Step[];
  readonly chassis: string;
}

/**
 * A MAC address that a port may use besides its own. Of one that several may use (a virtual router's) each gets a copy: only the active one takes
 * it. The first of them declares that for all.
 */
function furtherMac(mac: string, { port, network, owner, steps, chassis }: Holder, read: Read): readonly Desired[] {
  const holders = read.by(portsByMac, networkTopic(port.networkId), mac).filter((holder) => holder.adminUp);
  if (holders.some((holder) => holder.mac === mac) || holders[0]?.id !== port.id) return [];
  const match = { network: network.key, eth_dst: mac };
  if (holders.length === 1) return [flow(owner, l2, priority.normal, match, steps)];
  const buckets = new Map<string, Bucket>();
  for (const holder of holders) {
    const way = towards(holder, network.networkType, chassis, read);
    // One copy to another host: it has a group of its own for those that are there.
    const id = holder.chassis === chassis ? holder.id : holder.chassis;
    if (way !== undefined) buckets.set(id, { id, steps: way });
  }
  const copies = floodGroup(owner, `shared/${port.networkId}/${mac}`, [...buckets.values()]);
  return [copies, flow(owner, l2, priority.normal, match, [group(copies.name)])];
}

const floodName = (networkId: string, scope: "all" | "local", part = 0): string =>
  `flood/${networkId}/${scope}/${part}`;

/** Floods: one unit a network, over the set of hosts and the local ports. */
function flood(network: NetworkRecord, read: Read): readonly Desired[] {
  const host = read.row(hosts, LOCAL, "self");
  if (host === undefined || !network.adminUp) return [];
  const local = read.by(localPortsByNetwork, chassisTopic(host.chassis), network.id);
  if (local.length === 0) return [];
  const owner = { app, kind: "network", id: network.id };
  const here: readonly Bucket[] = local
    .filter((port) => port.adminUp)
    .map((port) => ({ id: port.id, steps: [set("destinationPort", port.key), resubmit(stages.ingressConntrack)] }));
  const there: readonly Bucket[] = read
    .set(chassisOfNetwork, networkTopic(network.id), network.id)
    .flatMap((chassis) => {
      const tunnel =
        chassis === host.chassis ? undefined : read.row(tunnels, LOCAL, tunnelId(chassis, network.networkType));
      return tunnel ? [{ id: chassis, steps: [set("tunnelPort", tunnel.ofport), resubmit(stages.forwarding)] }] : [];
    });
  return [...floodTo("all", [...here, ...there], { fromTunnel: 0 }), ...floodTo("local", here, { fromTunnel: 1 })];

  function floodTo(
    scope: "all" | "local",
    buckets: readonly Bucket[],
    from: { readonly fromTunnel: number },
  ): readonly Desired[] {
    const groups = chunks(buckets, MAX_BUCKETS).map((part, i) =>
      floodGroup(owner, floodName(network.id, scope, i), part),
    );
    const steps = [set("flooded", 1), ...groups.map((g) => group(g.name))];
    return [...groups, flow(owner, l2, priority.rest, { network: network.key, ...from, eth_dst: MULTICAST }, steps)];
  }
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let at = 0; at < Math.max(items.length, 1); at += size) parts.push(items.slice(at, at + size));
  return parts;
}

export default defineNetworkApp({ name: app, tables: [l2], units: [each(ports, unicast), each(networks, flood)] });
