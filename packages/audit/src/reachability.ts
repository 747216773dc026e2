import {
  type AnyRecord,
  describeVerdict,
  type Fate,
  fateOf,
  type IpContent,
  isIpv6,
  Topology,
} from "@dragonflow/evaluator";
import { follow, frameOf, type Host, type Leg } from "@dragonflow/explain";
import type { LocalPortRecord } from "@dragonflow/model";
import { tracking } from "@dragonflow/pipeline";
import { firstHop } from "./first-hop.ts";
import { type Probe, probesFor, probeText } from "./probes.ts";

/** An ordered pair of ports. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}
/** What the flows do otherwise than the model says. */
export interface ReachabilityDifference extends Pair {
  /** `dropped`: the model allows it. `delivered`: the model does not, or not so often. `to` is who gets it. */
  readonly problem: "dropped" | "delivered";
  /** `tcp/80 10.0.0.3 -> 10.0.0.5`. */
  readonly packet: string;
  /** What the model says of it, in words. */
  readonly model: string;
  /** Where it came to an end, or whose flows took it there: `host1 ingress_rules: security-group-rule ... (security-group)`. */
  readonly flows: readonly string[];
}
export interface ReachabilityAudit {
  readonly pairs: number;
  readonly packets: number;
  /** How many of them the model allows. */
  readonly allowed: number;
  readonly differences: readonly ReachabilityDifference[];
}

export type HostOf = (chassis: string) => Promise<Host>;

/** The first packet of a connection, in every zone. */
const NEW = tracking({ state: "new" });
/** Between two of these the event loop turns. */
const PAIRS_AT_ONCE = 20;

/** What the model says, of ports in pairs, from the records of a store. @throws {ShapeError} for one that is not of its kind. */
export class Model {
  readonly topology: Topology;
  constructor(records: readonly AnyRecord[]) {
    this.topology = new Topology(records);
  }
  /** Ports that are bound, by id in order. */
  get ports(): readonly LocalPortRecord[] {
    return [...this.topology.cloud.ports.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/**
 * What the model allows against what the flows do, for each pair: the reference evaluator and the topology on the one side, which know no flow; on the
 * other the flows that every host compiles, followed from host to host.
 * A port without an interface sends nothing, and gets nothing.
 * @param tell how many pairs are done, now and then.
 * @throws {TraceError} a flow cannot be followed.
 */
export async function auditReachability(
  model: Model,
  pairs: Iterable<Pair>,
  hostOf: HostOf,
  tell: (done: number) => void = () => undefined,
): Promise<ReachabilityAudit> {
  const differences: ReachabilityDifference[] = [];
  const count = { pairs: 0, packets: 0, allowed: 0 };
  for (const pair of pairs) {
    for (const asked of questions(model, pair)) {
      const { expected, legs } = await answer(model, asked, hostOf);
      count.packets++;
      if (isAllowed(expected, asked.to.id)) count.allowed++;
      differences.push(...compare(pair, asked, expected, legs));
    }
    count.pairs++;
    if (count.pairs % PAIRS_AT_ONCE !== 0) continue;
    tell(count.pairs);
    await new Promise(setImmediate);
  }
  return { ...count, differences };
}

interface Question {
  readonly from: LocalPortRecord;
  readonly to: LocalPortRecord;
  /** Of the first hop. */
  readonly mac: string;
  readonly packet: IpContent;
  readonly probe: Probe;
}

const TTL = 64;

/** Of the first address of each family that both have. */
function questions({ topology }: Model, pair: Pair): readonly Question[] {
  const { cloud } = topology;
  const [from, to] = [cloud.ports.get(pair.from), cloud.ports.get(pair.to)];
  if (from === undefined || to === undefined) return [];
  return ([4, 6] as const).flatMap((version) => {
    const [source, destination] = [from, to].map(
      ({ addresses }) => addresses.find(({ ip }) => isIpv6(ip) === (version === 6))?.ip,
    );
    if (source === undefined || destination === undefined) return [];
    const mac = firstHop(topology, from, source, to);
    return probesFor(cloud, from, to, version).map(({ protocol, header }) => {
      const packet = { type: "ip", source, destination, ttl: TTL, protocol, header, fragment: "none" } as const;
      return { from, to, mac, packet, probe: { protocol, header } };
    });
  });
}

async function answer({ topology }: Model, { from, to, mac, packet }: Question, hostOf: HostOf) {
  const host = await hostOf(from.chassis);
  const inPort = host.interfaces.find(({ id }) => id === from.id)?.ofport;
  const isThere = (await hostOf(to.chassis)).interfaces.some(({ id }) => id === to.id);
  const isPlugged = (id: string): boolean => (id === from.id ? inPort !== undefined : id !== to.id || isThere);
  const frame = { source: from.mac, destination: mac, tagged: false, content: packet };
  const expected = fateOf(topology, { from: from.id, frame, connection: { state: "new" } }, isPlugged);
  if (inPort === undefined) return { expected, legs: [] };
  const entry = { type: "port", portId: from.id, inPort } as const;
  const bytes = frameOf(packet, { src: from.mac, dst: mac });
  const legs = await follow(hostOf, { chassis: from.chassis, entry, frame: bytes }, () => NEW);
  return { expected, legs };
}

const isAllowed = ({ receivers }: Fate, portId: string): boolean =>
  receivers.some(({ port, verdict }) => port === portId && verdict.allowed);

/** It comes to the port that it is for once, if the model allows it; and to no other port where the model does not. */
function compare(
  pair: Pair,
  { to, packet, probe }: Question,
  expected: Fate,
  legs: readonly Leg[],
): readonly ReachabilityDifference[] {
  const copies = Map.groupBy(
    legs.flatMap(({ endings }) => endings.flatMap((ending) => (ending.type === "delivered" ? [ending.portId] : []))),
    (portId) => portId,
  );
  return [...new Set([to.id, ...copies.keys()])].flatMap((portId) => {
    const allowed = isAllowed(expected, portId);
    if ((copies.get(portId)?.length ?? 0) === (allowed ? 1 : 0)) return [];
    return [
      {
        from: pair.from,
        to: portId,
        problem: allowed && !copies.has(portId) ? ("dropped" as const) : ("delivered" as const),
        packet: `${probeText(probe)} ${packet.source} -> ${packet.destination}`,
        model: wordsOf(expected, portId),
        flows: legs.flatMap(legLines),
      },
    ];
  });
}

function wordsOf({ egress, receivers, ends }: Fate, portId: string): string {
  const receiver = receivers.find(({ port }) => port === portId);
  return [
    ...(egress === undefined ? [] : [`sender: ${describeVerdict(egress)}`]),
    ...(receiver === undefined ? [] : [`receiver: ${describeVerdict(receiver.verdict)}`]),
    ...ends,
  ].join("; ");
}

/** Whose flows it met, and how it ended. */
function legLines({ host: { chassis }, trace, endings }: Leg): readonly string[] {
  const met = trace.steps.flatMap((step) =>
    step.type === "lookup" && step.owner !== undefined ? [`${chassis} ${step.tableName}: ${step.owner}`] : [],
  );
  return [...met, ...endings.flatMap((ending) => endingLines(chassis, ending))];
}

function endingLines(chassis: string, ending: Leg["endings"][number]): readonly string[] {
  switch (ending.type) {
    case "dropped":
      return [`${chassis} ${ending.table}: dropped (${ending.reason})`];
    case "lost":
      return [`${chassis} sends it to ${ending.chassis}, which has no such tunnel to ${chassis}`];
    case "out":
      return [`${chassis} puts it out at port ${ending.ofport} of the switch, where nobody of ours is`];
    case "punted":
      return [`${chassis} gives it to its controller`];
    case "delivered":
    case "answered":
    case "sent":
      return [];
  }
}
