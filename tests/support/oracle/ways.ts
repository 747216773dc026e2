/** A frame followed over all hosts that it comes to, and what that says in the words of the model. */
import { APPS } from "@dragonflow/controller";
import { type Connection as Known, type Fate, type Frame, frameText, type Sent } from "@dragonflow/evaluator";
import { bytesOf, frameIn } from "@dragonflow/evaluator/testing";
import { follow, type Host, type Leg } from "@dragonflow/explain";
import { type Connection, decodeUserdata, type Outcome, printTrace, tracking } from "@dragonflow/pipeline";
import { DecodeError } from "@dragonflow/wire";
import type { Scene } from "./scene.ts";

/** A frame on its way; undefined: the port that sends it has no interface. */
export async function legsOf({ topology, hosts, ofportOf, isPlugged }: Scene, sent: Sent): Promise<readonly Leg[]> {
  const port = topology.cloud.ports.get(sent.from);
  if (port === undefined || !isPlugged(port.id)) return [];
  const entry = { type: "port", portId: port.id, inPort: ofportOf(port.id) } as const;
  const hostOf = async (chassis: string): Promise<Host> => {
    const host = hosts.get(chassis);
    if (host === undefined) throw new RangeError(`no host ${chassis}`);
    return host;
  };
  return await follow(hostOf, { chassis: port.chassis, entry, frame: bytesOf(sent.frame) }, zonesKnow(sent));
}

/** What every zone takes it for. Nobody but conntrack sees more of a piece of a datagram than its IP header. */
export function connectionAt({ connection, frame: { content } }: Sent, end: "source" | "destination"): Connection {
  const { state, revokedAt = [] }: Known = connection;
  const known = { state, mark: revokedAt.includes(end) ? 1 : 0 };
  if (content.type !== "ip" || content.fragment === "none") return known;
  const { protocol, header } = content;
  if (header === null) return { ...known, original: { protocol, source: 0, destination: 0 } };
  const [source, destination] =
    header.type === "icmp" ? [header.icmpType, header.icmpCode] : [header.source, header.destination];
  return { ...known, original: { protocol, source, destination } };
}

const zonesKnow = (sent: Sent) => (host: Host) => {
  const own = host.bound.zoneNumber(sent.from);
  return tracking((zone) => connectionAt(sent, zone === own ? "source" : "destination"));
};

/** What became of it: each port that got it, as what, and each answer to the sender; a line each, in order. */
export function outcomeOf(legs: readonly Leg[]): readonly string[] {
  return legs
    .flatMap((leg) => leg.endings.flatMap((ending, i) => endingText(leg, ending, leg.trace.outcomes[i])))
    .sort();
}

function endingText(leg: Leg, ending: Leg["endings"][number], outcome: Outcome | undefined): readonly string[] {
  if (outcome === undefined) throw new RangeError("an ending without an outcome");
  switch (ending.type) {
    case "dropped":
      return [];
    case "sent":
      return isWanted(leg.host, ending.chassis, ending.entry.encapsulation)
        ? []
        : [`into a tunnel to ${ending.chassis} that ${leg.host.chassis} does not ask for`];
    case "lost":
    case "out":
      return [`${ending.type} at ${leg.host.chassis}`];
    case "delivered":
      return [`${ending.portId} gets ${frameText(frameIn(outcome.packet.frame()))}`];
    case "answered":
      return [`answer ${frameText(frameIn(outcome.packet.frame()))}`];
    case "punted":
      return answersOf(leg, outcome);
  }
}

/** Tunnel ports are there because somebody asked for them. */
const isWanted = (host: Host, chassis: string, encapsulation: string): boolean =>
  host.desired.some((one) => one.type === "tunnel" && one.chassis === chassis && one.encapsulation === encapsulation);

/** What the controller says to a packet that flows bring it. */
function answersOf({ host, entry: { inPort } }: Leg, outcome: Outcome): readonly string[] {
  const to = outcome.type === "punt" && outcome.userdata ? decodeUserdata(outcome.userdata) : undefined;
  // Of a hop limit that is used up Open vSwitch tells by itself.
  if (to === undefined) return [];
  const responder = APPS.flatMap((app) => app.responders).find(({ number }) => number === to.responder);
  const found = host.desired.find(
    (one) => one.type === "response" && one.responder === responder?.name && one.subject === to.subject,
  );
  if (responder === undefined || found?.type !== "response")
    return [`nobody is responder ${to.responder} ${to.subject}`];
  try {
    const replies = responder.respond(found.row, { bytes: outcome.packet.frame(), inPort });
    return replies.map(({ bytes, outPort }) =>
      outPort === inPort ? `answer ${frameText(frameIn(bytes))}` : `an answer out at ${outPort}`,
    );
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** The same, as the model says it has to be. */
export function expectedOf({ answer, receivers }: Fate): readonly string[] {
  return [
    ...(answer?.frame === undefined ? [] : [`answer ${frameText(answer.frame)}`]),
    ...receivers.filter(({ verdict }) => verdict.allowed).map(({ port, frame }) => getsText(port, frame)),
  ].sort();
}
export const getsText = (port: string, frame: Frame): string => `${port} gets ${frameText(frame)}`;

/** Where they differ, in words; undefined: they do not. */
export function differenceOf(fate: Fate, legs: readonly Leg[], sent: Sent): string | undefined {
  const expected = expectedOf(fate);
  const { content } = sent.frame;
  const isLater = content.type === "ip" && content.fragment === "later";
  // A switch that cannot tell what a later piece is part of lets it pass: it is worth nothing without the first.
  const perhaps = new Set(
    isLater
      ? fate.receivers.filter(({ verdict }) => !verdict.allowed).map(({ port, frame }) => getsText(port, frame))
      : [],
  );
  const found = outcomeOf(legs).filter((line) => !perhaps.has(line));
  if (isLater && fate.egress?.allowed === false) return undefined;
  if (found.join("\n") === expected.join("\n")) return undefined;
  return ["the model says:", ...indented(expected), "the flows do:", ...indented(found)].join("\n");
}
const indented = (lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? ["  nothing"] : lines.map((line) => `  ${line}`);

/** All that is known of it, for people. */
export function describeWay({ topology, isPlugged }: Scene, sent: Sent, fate: Fate, legs: readonly Leg[]): string {
  const concerned = [sent.from, ...fate.receivers.map(({ port }) => port)];
  const ports = [...new Set(concerned)].map((id) => topology.cloud.ports.get(id)).filter((port) => port !== undefined);
  const groups = new Set(ports.flatMap(({ securityGroups }) => securityGroups));
  const networks = new Set(ports.map(({ networkId }) => networkId));
  const line = (what: string, record: unknown): string => `${what} ${JSON.stringify(record)}`;
  return [
    ...ports.map((port) => line(`port${isPlugged(port.id) ? "" : " (unplugged)"}`, port)),
    ...[...networks].map((id) => line("network", topology.networks.get(id))),
    ...[...topology.subnets.values()]
      .filter(({ networkId }) => networks.has(networkId))
      .map((one) => line("subnet", one)),
    ...topology.interfaces.map((one) => line("router interface", one)),
    ...[...topology.routers.values()].map((one) => line("router", one)),
    ...[...groups].map((id) => line("group", topology.cloud.securityGroups.get(id))),
    ...[...topology.cloud.addressGroups.values()].map((group) => line("address group", group)),
    `${sent.from} sends ${frameText(sent.frame)}`,
    line("its connection", sent.connection),
    line("the model", fate),
    ...legs.map(({ host, trace }) => `on ${host.chassis}:\n${printTrace(trace)}`),
  ].join("\n");
}
