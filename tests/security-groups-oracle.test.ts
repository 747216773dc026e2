/**
 * May this packet pass? Asked three times: of the evaluator, which knows the model only; of our tracer, over the flows that a host compiles; and of
 * `ofproto/trace`, over the same flows in a real Open vSwitch. All have to agree, at both ends of the packet.
 *
 * What comes to a port is put in as it comes from another host, also where the sender is on the same one: `ofproto/trace` can be told of one connection
 * only. Where the sender is on the same host, our tracer follows it from end to end besides.
 *
 * DRAGONFLOW_SEED=… repeats the cases of a run, which prints its seed.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { APPS, pipeline } from "@dragonflow/controller";
import { LOCAL, putRow, type State } from "@dragonflow/engine";
import { evaluate, type IpPacket, type Packet, type Verdict } from "@dragonflow/evaluator";
import {
  type Case,
  caseOf,
  cloudChoices,
  describeCase,
  frameOf,
  HOSTS,
  packetChoices,
} from "@dragonflow/evaluator/testing";
import { type LocalPortRecord, type NetworkRecord, networkKind, routerPortKind } from "@dragonflow/model";
import {
  type Connection,
  type Desired,
  hosts,
  interfaces,
  objectBits,
  printTrace,
  readCookie,
  stages,
  type Trace,
  type Tracer,
  tracking,
  tunnelId,
  tunnels,
  RECORD_TABLES,
} from "@dragonflow/pipeline";
import { type Sent, TracedSwitch } from "@dragonflow/pipeline/switch/testing";
import { compile, tunnelIp } from "@dragonflow/pipeline/testing";
import fc from "fast-check";

const CLOUDS = process.env["DRAGONFLOW_FULL"] === "1" ? 1000 : 200;
const PACKETS_OF_EACH = 10;
const SEED = Number(process.env["DRAGONFLOW_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

let real: TracedSwitch;
before(async () => {
  real = await TracedSwitch.start();
});
after(() => real.stop());

const FIRST_OFPORT = 11;
/** OpenFlow ports of the tunnels to the other two hosts. */
const TUNNELS = [
  { geneve: 101, vxlan: 102 },
  { geneve: 103, vxlan: 104 },
] as const;
interface Host {
  readonly name: string;
  readonly outputs: ReadonlyMap<string, Desired>;
  readonly tracer: Tracer;
}

/** What a host knows of a cloud, and of itself. */
function stateOf({ records, cloud }: Case, name: string): State {
  const others = HOSTS.filter((host) => host !== name);
  return [
    ...records.flatMap(({ kind, topic, fields }) => {
      const table = RECORD_TABLES.find((one) => one.name === kind);
      return table === undefined ? [] : [putRow(table, topic, fields)];
    }),
    putRow(hosts, LOCAL, { id: "self", chassis: name, tunnelIp: tunnelIp(name) }),
    ...others.flatMap((chassis, i) =>
      (["geneve", "vxlan"] as const).map((encapsulation) =>
        putRow(tunnels, LOCAL, {
          id: tunnelId(chassis, encapsulation),
          chassis,
          encapsulation,
          ofport: TUNNELS[i]?.[encapsulation] ?? 0,
        }),
      ),
    ),
    ...[...cloud.ports.values()]
      .filter(({ chassis }) => chassis === name)
      .map(({ id }) => putRow(interfaces, LOCAL, { id, ofport: ofportOf(cloud, id), name: `p${id}` })),
  ];
}
const ofportOf = (cloud: Case["cloud"], id: string): number => FIRST_OFPORT + [...cloud.ports.keys()].indexOf(id);

function portOf({ cloud }: Case, place: Packet["from"]): LocalPortRecord | undefined {
  return typeof place === "string" ? undefined : cloud.ports.get(place.port);
}
function networkOf({ records }: Case, port: LocalPortRecord): NetworkRecord {
  const found = records.find(({ kind, fields }) => kind === networkKind.kind && fields.id === port.networkId);
  assert.ok(found !== undefined);
  return networkKind.parse(found.fields);
}

/** Connection tracking of the zone of one end. Nobody but it sees more of a fragment than its IP header. */
function connectionAt(packet: Packet, end: "source" | "destination"): Connection {
  if (packet.type !== "ip") return { state: "invalid" };
  const { state, revokedAt = [] } = packet.connection;
  const connection = { state, mark: revokedAt.includes(end) ? 1 : 0 };
  return packet.fragment === "none" ? connection : { ...connection, original: transportOf(packet) };
}
function transportOf({ protocol, header }: IpPacket): NonNullable<Connection["original"]> {
  switch (header?.type) {
    case undefined:
      return { protocol, source: 0, destination: 0 };
    case "ports":
      return { protocol, source: header.source, destination: header.destination };
    case "icmp":
      return { protocol, source: header.icmpType, destination: header.icmpCode };
  }
}

/**
 * A datagram passes if its first fragment does: a later one is worth nothing without it. Of SCTP the whole datagram is looked at where connections are
 * followed, as a kernel's datapath does.
 */
function comparable(one: Case, port: LocalPortRecord): Case {
  const { packet, cloud } = one;
  if (packet.type !== "ip" || packet.fragment === "none") return one;
  const fragment = isStateful(cloud, port) && packet.protocol === 132 ? ("none" as const) : ("first" as const);
  return { ...one, packet: { ...packet, fragment } };
}

const isStateful = (cloud: Case["cloud"], port: LocalPortRecord): boolean =>
  port.securityGroups.some((id) => cloud.securityGroups.get(id)?.stateful !== false);

/** As the port at this end sends it, or gets it. */
function sentTo(one: Case, end: "source" | "destination"): Sent {
  const { packet, cloud } = one;
  const frame = frameOf(one, end);
  const source = portOf(one, packet.from);
  const destination = portOf(one, packet.to);
  if (end === "source" && source !== undefined) return { inPort: ofportOf(cloud, source.id), frame, fields: {} };
  assert.ok(destination !== undefined);
  const { networkType, segmentationId } = networkOf(one, destination);
  assert.ok((networkType === "geneve" || networkType === "vxlan") && segmentationId !== null);
  // From the sender's host, or from any other.
  const others = HOSTS.filter((host) => host !== destination.chassis);
  const peer = TUNNELS[Math.max(0, others.indexOf(others.find((host) => host === source?.chassis) ?? "host1"))];
  const identity = networkType === "geneve" ? (source?.identity ?? 0) : 0;
  return {
    inPort: peer?.[networkType] ?? 0,
    frame,
    fields: { tun_id: BigInt(segmentationId), tun_metadata0: BigInt(identity) },
  };
}

const SERVICES = pipeline.numberOf(stages.services);
const SWITCHING = pipeline.numberOf(stages.switching);
const tableOf = (name: string): number => pipeline.tables.findIndex((table) => table.name === name);
const EGRESS = tableOf("egress_port");
const RULES = { source: tableOf("egress_rules"), destination: tableOf("ingress_rules") } as const;

/** Port security let it pass: neighbour discovery with an odd code does not. */
const isGuarded = ({ steps }: Trace): boolean => steps.some((step) => step.type === "lookup" && step.table === EGRESS);

const reaches = ({ steps }: Trace, table: number): boolean =>
  steps.some((step) => step.type === "lookup" && step.table >= table);

/** Did it leave the tables of egress, or come out at the port? */
function passed(trace: Trace, end: "source" | "destination", ofport: number): boolean {
  if (end === "destination")
    return trace.outcomes.some((outcome) => outcome.type === "output" && outcome.port === ofport);
  return reaches(trace, SERVICES);
}

/** The rules that allowed it, by the cookies of the flows that were met. */
function rulesMet({ steps }: Trace, end: "source" | "destination"): readonly bigint[] {
  return steps.flatMap((step) => {
    if (step.type !== "lookup" || step.table !== RULES[end] || step.flow === undefined) return [];
    return [readCookie(step.flow.cookie)?.object ?? -1n];
  });
}

function check(one: Case, end: "source" | "destination", verdict: Verdict, trace: Trace, how: string): void {
  const port = portOf(one, end === "source" ? one.packet.from : one.packet.to);
  const explain = (): string =>
    `${how}, ${end}: ${verdict.reason}\n${describeCase(one)}\n${printTrace(trace)}\nDRAGONFLOW_SEED=${SEED}`;
  const ofport = port === undefined ? 0 : ofportOf(one.cloud, port.id);
  if (passed(trace, end, ofport) !== verdict.allowed) assert.fail(`evaluator: ${verdict.allowed}. ${explain()}`);
  if (verdict.reason !== "rule") return;
  // Of a flood each copy meets its own.
  const met = rulesMet(trace, end);
  if (!met.includes(objectBits(verdict.rule))) assert.fail(`another rule counts: ${met.join()}. ${explain()}`);
}

/**
 * The packet is for an address of one port, and its frame for another port, which has no port security and takes what is not its own. Who sends it is
 * let, or not, by who has the address; the evaluator looks at who gets the frame.
 */
function isMisdirected(one: Case): boolean {
  const { packet, cloud } = one;
  if (packet.type !== "ip") return false;
  const receiver = portOf(one, packet.to);
  return (
    [...cloud.ports.values()].some(
      (port) => port.id !== receiver?.id && port.addresses.some(({ ip }) => ip === packet.destination),
    ) && receiver?.addresses.some(({ ip }) => ip === packet.destination) === false
  );
}

/** All that is asked at one host about a packet. @returns how many ends were compared. */
async function checkAt(host: Host, one: Case): Promise<number> {
  const { packet } = one;
  let ends = 0;
  for (const end of ["source", "destination"] as const) {
    const port = portOf(one, end === "source" ? packet.from : packet.to);
    // What Dragonflow itself says goes to the port, and through no table.
    if (port?.chassis !== host.name || (end === "destination" && packet.from === "services")) continue;
    const seen = comparable(one, port);
    const verdict = evaluate(seen.cloud, seen.packet)[end === "source" ? "egress" : "ingress"];
    const sent = sentTo(seen, end);
    const connection = connectionAt(seen.packet, end);
    const trace = host.tracer.trace({ ...sent, conntrack: tracking(connection) });
    if (end === "source" && (!isGuarded(trace) || isMisdirected(one))) continue;
    check(seen, end, verdict, trace, "tracer");
    // A packet brings along what ofproto/trace is told of its connection, and a port that asks no zone would see that.
    const tracked = isStateful(seen.cloud, port) ? connection : undefined;
    check(seen, end, verdict, await real.compare(host.tracer, sent, tracked), "ofproto/trace");
    ends++;
  }
  return ends;
}

/** From port to port on one host: each zone says what it knows. */
function checkThrough(host: Host, one: Case): number {
  const { packet } = one;
  const [source, destination] = [portOf(one, packet.from), portOf(one, packet.to)];
  if (source?.chassis !== host.name || destination?.chassis !== host.name) return 0;
  if (packet.type !== "ip" || packet.fragment !== "none" || isMisdirected(one) || !isReached(one, source, destination))
    return 0;
  const zones = zonesOf(host);
  const trace = host.tracer.trace({
    ...sentTo(one, "source"),
    conntrack: tracking((zone) => connectionAt(packet, zones.get(zone) === source.id ? "source" : "destination")),
  });
  if (!isGuarded(trace)) return 0;
  const { allowed, egress, ingress } = evaluate(one.cloud, packet);
  // What a service of this host answered went no further.
  if (egress.allowed && !reaches(trace, SWITCHING)) return 0;
  check(one, "destination", allowed ? ingress : { allowed: false, reason: "no-rule" }, trace, "from end to end");
  return 1;
}

/** That the packet is not for the router, nor for an address that the receiver has by a pair only: no way leads there. */
function isReached(one: Case, source: LocalPortRecord, destination: LocalPortRecord): boolean {
  const { packet, routed } = one;
  if (packet.type !== "ip") return false;
  if (source.networkId === destination.networkId) return true;
  const isOwn = destination.addresses.some(({ ip }) => ip === packet.destination);
  return routed && isOwn && one.records.some(({ kind }) => kind === routerPortKind.kind);
}

/** Ports by the numbers of their zones, as the flows of the switch have them. */
function zonesOf(host: Host): ReadonlyMap<number, string> {
  const zones = new Map<number, string>();
  for (const desired of host.outputs.values()) {
    if (desired.type !== "flow") continue;
    for (const step of desired.steps) if (step.type === "zone") zones.set(real.zoneOf(step.zone), step.zone);
  }
  return zones;
}

test("evaluator, tracer and ofproto/trace agree on every packet, at both of its ends", async (t) => {
  t.diagnostic(`DRAGONFLOW_SEED=${SEED}`);
  const count = { cases: 0, ends: 0, through: 0, allowed: 0 };
  const many = fc.array(packetChoices, { minLength: PACKETS_OF_EACH, maxLength: PACKETS_OF_EACH });
  await fc.assert(
    fc.asyncProperty(cloudChoices(), many, async (cloud, packets) => {
      const all = packets.map((packet) => caseOf({ cloud, packet }));
      const [first] = all;
      assert.ok(first !== undefined);
      for (const name of HOSTS) {
        const outputs = new Map(compile(APPS, stateOf(first, name), "interest", name).outputs());
        const host = { name, outputs, tracer: await real.install(outputs) };
        for (const one of all) {
          count.ends += await checkAt(host, one);
          count.through += checkThrough(host, one);
        }
      }
      count.cases += all.length;
      count.allowed += all.filter((one) => evaluate(one.cloud, one.packet).allowed).length;
    }),
    { numRuns: CLOUDS, seed: SEED, endOnFailure: true },
  );
  t.diagnostic(JSON.stringify(count));
  assert.ok(count.cases >= 2000 && count.allowed > count.cases / 4 && count.allowed < (3 * count.cases) / 4);
  assert.ok(count.ends > count.cases && count.through > count.cases / 20);
});
