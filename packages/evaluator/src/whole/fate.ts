import type { LocalPortRecord } from "@dragonflow/model";
import { verdictAt } from "../evaluate.ts";
import type { Connection, Packet, Place } from "../packet.ts";
import { describeVerdict, type Verdict } from "../verdict.ts";
import { type Answer, answerTo } from "./answers.ts";
import { type Frame, isToMany } from "./frame.ts";
import { keptBack } from "./guard.ts";
import { ownerOf } from "./peers.ts";
import { route } from "./routing.ts";
import type { Topology } from "./topology.ts";

/** A frame that a port sends. */
export interface Sent {
  readonly from: string;
  readonly frame: Frame;
  /** What every zone that it comes through takes it for. */
  readonly connection: Connection;
}

/** A port that the frame comes to: it gets it if its rules allow it. */
export interface Receiver {
  readonly port: string;
  /** As it comes there. */
  readonly frame: Frame;
  readonly verdict: Verdict;
}

/** All that becomes of a frame. */
export interface Fate {
  /** What the rules of the sender say; undefined: it is kept back before. */
  readonly egress: Verdict | undefined;
  /** What the sender gets for it. */
  readonly answer: Answer | undefined;
  readonly receivers: readonly Receiver[];
  /** Where else it, or a copy of it, ends and why, in words. */
  readonly ends: readonly string[];
}

/**
 * What must become of a frame, by the model alone: which ports get it, as what; who answers it in their place; where it ends. No flow is looked at, and
 * no code of those who make them.
 * @param isPlugged ports without an interface send nothing, and get nothing.
 * @throws {RangeError} the cloud has no such port, or an address is none.  Pure.
 */
export function fateOf(topology: Topology, sent: Sent, isPlugged: (portId: string) => boolean = () => true): Fate {
  const port = topology.cloud.ports.get(sent.from);
  if (port === undefined) throw new RangeError(`no port ${sent.from} in this cloud`);
  const fate = (fields: Partial<Fate>): Fate => ({
    egress: undefined,
    answer: undefined,
    receivers: [],
    ends: [],
    ...fields,
  });
  const kept = isolated(topology, port, isPlugged) ?? keptBack(port, sent.frame);
  if (kept !== undefined) return fate({ ends: [kept] });
  const egress = verdictAt(topology.cloud, packetOf(topology, port, sent), "source");
  if (!egress.allowed) return fate({ egress, ends: [`the sender's rules: ${describeVerdict(egress)}`] });
  const answer = answerTo(topology, port, sent.frame);
  if (answer !== undefined) return fate({ egress, answer });
  return fate({ egress, ...passedOn(topology, port, sent, isPlugged) });
}

function isolated(
  topology: Topology,
  { id, networkId, adminUp }: LocalPortRecord,
  isPlugged: (portId: string) => boolean,
): string | undefined {
  if (!adminUp) return `port ${id} is administratively down`;
  if (!topology.isUp(networkId)) return `network ${networkId} is administratively down`;
  return isPlugged(id) ? undefined : `port ${id} is not plugged in`;
}

/** As the sender's rules see it: who the receiver is, only the address tells. */
function packetOf(topology: Topology, port: LocalPortRecord, { frame: { content }, connection }: Sent): Packet {
  const from: Place = { port: port.id };
  if (content.type !== "ip") return { type: content.type, from, to: "outside" };
  return { ...content, from, to: ownerOf(topology, port.networkId, content.destination), connection };
}

/** A copy on its way to a port. */
interface Copy {
  readonly to: LocalPortRecord;
  readonly frame: Frame;
}

function passedOn(
  topology: Topology,
  port: LocalPortRecord,
  sent: Sent,
  isPlugged: (id: string) => boolean,
): Partial<Fate> {
  const { networkId } = port;
  const { frame } = sent;
  const arrive = (copies: readonly Copy[], why: string): Partial<Fate> =>
    copies.length === 0 ? { ends: [why] } : arrivals(topology, port, sent, copies, isPlugged);
  if (isToMany(frame.destination)) {
    const others = topology.portsOf(networkId).filter(({ id, adminUp }) => adminUp && id !== port.id);
    return arrive(
      others.map((to) => ({ to, frame })),
      `network ${networkId} has no other port`,
    );
  }
  const entrance = topology
    .interfacesIn(networkId)
    .find(({ mac, routerId }) => mac === frame.destination && topology.routers.get(routerId)?.adminUp === true);
  if (entrance === undefined) {
    const receivers = topology.receiversOf(networkId, frame.destination);
    return arrive(
      receivers.map((to) => ({ to, frame })),
      `nobody has ${frame.destination} in network ${networkId}`,
    );
  }
  if (frame.content.type !== "ip") return { ends: [`router ${entrance.routerId} passes on nothing but IP`] };
  const routed = route(topology, entrance, frame, frame.content);
  switch (routed.type) {
    case "answered":
      return { answer: { by: "router", frame: routed.frame } };
    case "dropped":
      return { ends: [routed.why] };
    case "sent":
      return arrive(
        routed.copies.map((copy) => ({ to: copy.port, frame: copy.frame })),
        "",
      );
  }
}

function arrivals(
  topology: Topology,
  from: LocalPortRecord,
  sent: Sent,
  copies: readonly Copy[],
  isPlugged: (portId: string) => boolean,
): Partial<Fate> {
  const receivers: Receiver[] = [];
  const ends: string[] = [];
  for (const { to, frame } of copies) {
    const why = to.id === from.id ? "a port does not get what it sent" : unreached(topology, from, to, isPlugged);
    if (why !== undefined) ends.push(why);
    else receivers.push({ port: to.id, frame, verdict: ingress(topology, from, to, frame, sent.connection) });
  }
  return { receivers, ends };
}

const unreached = (
  topology: Topology,
  from: LocalPortRecord,
  to: LocalPortRecord,
  isPlugged: (portId: string) => boolean,
): string | undefined => isolated(topology, to, isPlugged) ?? topology.cut(to.networkId, from.chassis, to.chassis);

function ingress(
  topology: Topology,
  from: LocalPortRecord,
  to: LocalPortRecord,
  { content }: Frame,
  connection: Connection,
): Verdict {
  const place = { port: to.id };
  if (content.type !== "ip")
    return verdictAt(topology.cloud, { type: content.type, from: { port: from.id }, to: place }, "destination");
  // VXLAN has no room to say who sends (RFC 7348 section 5): only the address tells.
  const isNameless = from.chassis !== to.chassis && topology.networks.get(to.networkId)?.networkType === "vxlan";
  const sender = isNameless ? ownerOf(topology, to.networkId, content.source) : { port: from.id };
  return verdictAt(topology.cloud, { ...content, from: sender, to: place, connection }, "destination");
}
