import { type Cloud, cloudOf, describeVerdict, evaluate, type IpPacket } from "@dragonflow/evaluator";
import { follow, frameOf, type Host, type Leg } from "@dragonflow/explain";
import type { LocalPortRecord } from "@dragonflow/model";
import { tracking } from "@dragonflow/pipeline";
import { type Probe, probesFor, probeText } from "./probes.ts";
import { type AnyRecord, isIpv6, Topology, type Way } from "./ways.ts";

/** An ordered pair of ports. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}
/** What the flows do otherwise than the model says. */
export interface ReachabilityDifference extends Pair {
  /** `dropped`: the model allows it. `delivered`: the model does not. */
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
  readonly cloud: Cloud;
  readonly topology: Topology;
  constructor(records: readonly AnyRecord[]) {
    this.cloud = cloudOf(records);
    this.topology = new Topology(records);
  }
  /** Ports that are bound, by id in order. */
  get ports(): readonly LocalPortRecord[] {
    return [...this.topology.ports.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
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
      if (expected.allowed) count.allowed++;
      const difference = compare(pair, asked, expected, legs);
      if (difference !== undefined) differences.push(difference);
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
  readonly way: Way;
  readonly packet: IpPacket;
  readonly probe: Probe;
}

/** Of the first address of each family that both have. */
function questions({ cloud, topology }: Model, pair: Pair): readonly Question[] {
  const [from, to] = [topology.ports.get(pair.from), topology.ports.get(pair.to)];
  if (from === undefined || to === undefined) return [];
  return ([4, 6] as const).flatMap((version) => {
    const [source, destination] = [from, to].map(
      ({ addresses }) => addresses.find(({ ip }) => isIpv6(ip) === (version === 6))?.ip,
    );
    if (source === undefined || destination === undefined) return [];
    const way = topology.way(from, source, to, destination);
    return probesFor(cloud, from, to, version).map((probe) => ({
      from,
      to,
      way,
      probe,
      packet: {
        type: "ip" as const,
        from: { port: from.id },
        to: { port: to.id },
        source,
        destination,
        protocol: probe.protocol,
        header: probe.header,
        fragment: "none" as const,
        connection: { state: "new" as const },
      },
    }));
  });
}

interface Expected {
  readonly allowed: boolean;
  readonly words: string;
}

async function answer({ cloud }: Model, { from, to, way, packet }: Question, hostOf: HostOf) {
  const { mac } = way;
  const frame = frameOf(packet, { src: from.mac, dst: mac });
  const host = await hostOf(from.chassis);
  const inPort = host.interfaces.find(({ id }) => id === from.id)?.ofport;
  const isThere = (await hostOf(to.chassis)).interfaces.some(({ id }) => id === to.id);
  const legs =
    inPort === undefined
      ? []
      : await follow(
          hostOf,
          { chassis: from.chassis, entry: { type: "port", portId: from.id, inPort }, frame },
          () => NEW,
        );
  return { expected: expect(cloud, packet, way, inPort !== undefined, isThere), legs };
}

function expect(cloud: Cloud, packet: IpPacket, way: Way, isHere: boolean, isThere: boolean): Expected {
  if (!isHere) return { allowed: false, words: "the sender's port is not plugged in" };
  if (!isThere) return { allowed: false, words: "the receiver's port is not plugged in" };
  if (!way.reaches) return { allowed: false, words: `no way leads there: ${way.why}` };
  const { allowed, egress, ingress } = evaluate(cloud, packet);
  const words = `sender: ${describeVerdict(egress)}; receiver: ${describeVerdict(ingress)}; by ${way.via}`;
  return { allowed, words };
}

function compare(
  pair: Pair,
  { to, packet, probe }: Question,
  { allowed, words }: Expected,
  legs: readonly Leg[],
): ReachabilityDifference | undefined {
  const copies = legs.flatMap(({ endings }) => endings).filter((e) => e.type === "delivered" && e.portId === to.id);
  if (copies.length === (allowed ? 1 : 0)) return undefined;
  return {
    ...pair,
    problem: allowed ? "dropped" : "delivered",
    packet: `${probeText(probe)} ${packet.source} -> ${packet.destination}`,
    model: words,
    flows: legs.flatMap(legLines),
  };
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
