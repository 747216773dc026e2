/** A small cloud to ask about: two hosts, two networks, a router, a group of clients and one of servers. */
import { putRow, type RowChange } from "@dragonflow/engine";
import { chassisTopic, endpointTopic } from "@dragonflow/model";
import { endpoints, hosts, interfaces, localPorts, ports, tunnels } from "@dragonflow/pipeline";
import {
  groupId,
  host,
  identity,
  network,
  networkId,
  peer,
  port,
  portId,
  type PortSpec,
  routerId,
  router,
  ruleId,
  securityGroup,
  subnetId,
  tunnelIp,
} from "@dragonflow/pipeline/testing";
import type { Circumstances, Question } from "../explain.ts";
import type { Place } from "../next-hop.ts";
import { parseService } from "../question.ts";
import type { ReadTopics } from "../world.ts";

export const CLIENTS = 1;
export const SERVERS = 2;

/** On whichever host: also as that host sees it. */
export function portOn(chassis: string, spec: PortSpec): readonly RowChange[] {
  return port({ ...spec }).flatMap((change) => {
    const { row } = change;
    if (change.table === interfaces || row === undefined) return [];
    if (change.table === ports) return [{ ...change, row: { ...row, chassis } }];
    if (change.table === localPorts) return [{ ...change, partition: chassisTopic(chassis), row: { ...row, chassis } }];
    return [change];
  });
}

/**
 *   host1: 11 (clients) 12 (servers) in network 1      router 5 between both networks
 *   host2: 21 (servers) in network 1, 22 (servers) in network 2
 */
export function scene(): readonly RowChange[] {
  const local = new Set<unknown>([hosts, interfaces, tunnels]);
  return [
    ...host(),
    ...peer("host2", 900),
    putRow(endpoints, endpointTopic("host1"), {
      id: "host1",
      ip: tunnelIp("host1"),
      encapsulations: ["geneve", "vxlan"],
    }),
    ...network({ n: 1 }),
    ...network({ n: 2 }),
    ...router(5, [1, 2]),
    ...securityGroup({
      n: CLIENTS,
      rules: [
        { n: 1, direction: "egress" },
        { n: 2, direction: "egress", ipVersion: 6 },
      ],
    }),
    ...securityGroup({
      n: SERVERS,
      rules: [{ n: 3, direction: "ingress", protocol: 6, portMin: 80, portMax: 80, remoteGroupId: groupId(CLIENTS) }],
    }),
    ...identity(1, [CLIENTS]),
    ...identity(2, [SERVERS]),
    ...portOn("host1", { n: 11, network: 1, groups: [CLIENTS], identity: 1 }),
    ...portOn("host1", { n: 12, network: 1, groups: [SERVERS], identity: 2 }),
    ...portOn("host2", { n: 21, network: 1, groups: [SERVERS], identity: 2 }),
    ...portOn("host2", { n: 22, network: 2, groups: [SERVERS], identity: 2 }),
  ].filter(({ table }) => !local.has(table));
}

export const names: ReadonlyMap<string, string> = new Map([
  [networkId(1), "red"],
  [networkId(2), "green"],
  [subnetId(1, 4), "red4"],
  [subnetId(2, 4), "green4"],
  [routerId(5), "r5"],
  ...[11, 12, 21, 22].map((n): [string, string] => [portId(n), `vm${n}`]),
  [groupId(CLIENTS), "clients"],
  [groupId(SERVERS), "servers"],
  [ruleId(1), "clients: egress IPv4"],
  [ruleId(2), "clients: egress IPv6"],
  [ruleId(3), "servers: ingress IPv4 tcp 80 from group clients"],
]);

/** All hosts, as they are if all is well; nothing is connected. */
export const QUIET: Circumstances = { facts: async () => undefined, isPlugged: () => true, known: new Map() };

export const rowsOf =
  (rows: readonly RowChange[]): ReadTopics =>
  async (topics) =>
    new Map(topics.map((topic) => [topic, rows.filter(({ partition }) => partition === topic)]));

/** A port as the API knows it. */
function place(rows: readonly RowChange[], n: number): Place {
  for (const { table, row } of rows) {
    if (table !== localPorts || row?.id !== portId(n)) continue;
    const { networkId: net, mac, addresses, chassis, adminUp } = row as Place;
    return { id: row.id, networkId: net, mac, addresses, chassis, adminUp, isRouter: false };
  }
  throw new RangeError(`no port ${n}`);
}

export interface Asked extends Partial<Omit<Question, "service">> {
  readonly from: number;
  /** A port's number, or an address. */
  readonly to: number | string;
  readonly service: string;
}
export function ask({ from, to, service, ...rest }: Asked, rows: readonly RowChange[]): Question {
  const destination = typeof to === "number" ? { place: place(rows, to), ip: undefined } : { place: undefined, ip: to };
  return { source: place(rows, from), destination, service: parseService(service), ...rest };
}
