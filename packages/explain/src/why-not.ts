import { chassisTopic, networkTopic, routerTopic } from "@dragonflow/model";
import { formatMac } from "@dragonflow/packet";
import { localPorts, networks, routerPorts, routers, subnets } from "@dragonflow/pipeline";
import {
  addInterface,
  addRule,
  allowAddress,
  bind,
  type Change,
  createRouter,
  enableInterface,
  enableNetwork,
  enablePort,
  enableRouter,
  giveGroup,
  NAMES_OF_NEW,
  NEW_ROUTER,
  plugIn,
  setGateway,
  type Situation,
} from "./changes.ts";
import { type Blocked, explain, type Explanation } from "./explain.ts";
import type { Program } from "./host.ts";
import type { Place } from "./next-hop.ts";
import { ownerAt } from "./owners.ts";
import { lookupAt } from "./words.ts";

/** What would let a packet pass that does not. */
export interface WhyNot {
  /** In the order in which its way is blocked; each is needed. None: nothing that is known here would help. */
  readonly changes: readonly Omit<Change, "apply">[];
  /** With all of them it passes: that was tried. */
  readonly isVerified: boolean;
}

const MOST_CHANGES = 10;

/**
 * The smallest change that would let the packet pass. Whatever stops it is taken out of its way, in the model, and the packet sent again, until it
 * arrives: so nothing is named that did not stop it.
 */
export async function whyNot(program: Program, situation: Situation, explanation: Explanation): Promise<WhyNot> {
  const changes: Change[] = [];
  for (let now = situation, seen = explanation; changes.length <= MOST_CHANGES; ) {
    if (seen.passes) return { changes: changes.map(named), isVerified: changes.length > 0 };
    const change = await changeFor(now, seen, changes.length);
    if (change === undefined || changes.some(({ what }) => what === change.what)) break;
    changes.push(change);
    if (change.apply === undefined) break;
    now = change.apply(now);
    seen = await explain(program, now.world, now.question, now.circumstances);
  }
  return { changes: changes.map(named), isVerified: false };
}

/** What does not exist yet goes by a name. */
function named({ what, commands }: Change): WhyNot["changes"][number] {
  const say = (text: string): string => [...NAMES_OF_NEW].reduce((said, [id, name]) => said.replaceAll(id, name), text);
  return { what: say(what), commands: commands.map(say) };
}

/** What stops it now; undefined: nothing that could be changed. */
async function changeFor(situation: Situation, explanation: Explanation, n: number): Promise<Change | undefined> {
  const { source, destination } = situation.question;
  const ends = [source, ...(destination.place === undefined ? [] : [destination.place])];
  await situation.world.load(ends.map(({ networkId }) => networkTopic(networkId)));
  const { blocked } = explanation;
  if (blocked !== undefined) return unblock(situation, blocked, n);
  return (
    atSource(situation, explanation) ?? atRules(situation, explanation) ?? (await onTheWay(situation, explanation, n))
  );
}

async function unblock(situation: Situation, blocked: Blocked, n: number): Promise<Change | undefined> {
  const { world, question } = situation;
  const topic = networkTopic(question.source.networkId);
  switch (blocked.type) {
    case "no-address":
      return undefined;
    case "no-neighbour":
      return undefined;
    case "unbound":
      return bind(question.source);
    case "unplugged":
      return plugIn(question.source);
    case "no-gateway": {
      const subnet = world.row(subnets, topic, blocked.subnetId);
      return subnet && setGateway(subnet);
    }
    case "no-router": {
      const down = world
        .list(routerPorts, topic)
        .find(({ addresses }) => addresses.some(({ ip }) => ip === blocked.ip));
      if (down !== undefined) return enableInterface(down.id, down.networkId, down.routerId);
      const subnet = world.row(subnets, topic, blocked.subnetId);
      const router = await routerBeyond(situation);
      return subnet && (router === undefined ? createRouter() : addInterface(router, subnet, n));
    }
  }
}

/** A router that leads to the destination: one that is imagined, else one that its network has. */
async function routerBeyond({ world, question: { destination } }: Situation): Promise<string | undefined> {
  await world.load([routerTopic(NEW_ROUTER)]);
  if (world.row(routers, routerTopic(NEW_ROUTER), NEW_ROUTER) !== undefined) return NEW_ROUTER;
  if (destination.place === undefined) return undefined;
  return world.list(routerPorts, networkTopic(destination.place.networkId))[0]?.routerId;
}

/** What the source may not, whatever it sends. */
function atSource(
  { world, question: { source } }: Situation,
  { end, headers, frame }: Explanation,
): Change | undefined {
  if (end?.ending.type !== "dropped") return undefined;
  const { table } = end.ending;
  const network = world.row(networks, networkTopic(source.networkId), source.networkId);
  if (table === "classify" && end.leg.entry.type === "port")
    return network?.adminUp === false
      ? enableNetwork(source.networkId)
      : source.adminUp
        ? undefined
        : enablePort(source);
  if (table !== "port_security" || headers === undefined || frame === undefined) return undefined;
  const mac = formatMac(frame.subarray(6, 12).reduce((value, byte) => value * 256 + byte, 0));
  return allowAddress(world, source, headers.source, mac);
}

function atRules({ world, question }: Situation, { end, headers }: Explanation): Change | undefined {
  if (end?.ending.type !== "dropped" || headers === undefined) return undefined;
  const [, direction] = /^(egress|ingress)_(?!port$)/.exec(end.ending.table) ?? [];
  if (direction !== "egress" && direction !== "ingress") return undefined;
  const place = direction === "egress" ? question.source : question.destination.place;
  if (place === undefined) return undefined;
  const [group] = world.row(localPorts, chassisTopic(place.chassis), place.id)?.securityGroups ?? [];
  return group === undefined ? giveGroup(place) : addRule(world, group, direction, headers);
}

/** It left its sender, and does not get there. */
async function onTheWay(situation: Situation, explanation: Explanation, n: number): Promise<Change | undefined> {
  const { world, question } = situation;
  const { end, headers } = explanation;
  const { place } = question.destination;
  if (end?.ending.type === "dropped" && end.ending.table === "l2") {
    const router = routerDown(situation, end.leg.frame);
    if (router !== undefined) return router;
  }
  if (place === undefined || place.isRouter) return undefined;
  const network = world.row(networks, networkTopic(place.networkId), place.networkId);
  if (network?.adminUp === false) return enableNetwork(place.networkId);
  if (!place.adminUp) return enablePort(place);
  if (place.chassis === "") return bind(place);
  if (end?.ending.type === "dropped" && end.ending.table === "routing" && headers !== undefined)
    return wayBeyond(situation, explanation, place, headers.destination, n);
  return (await isPluggedIn(situation, place)) ? undefined : plugIn(place);
}

/** The frame is for a router, and the router is down. */
function routerDown({ world, question }: Situation, frame: Uint8Array): Change | undefined {
  const to = formatMac(frame.subarray(0, 6).reduce((value, byte) => value * 256 + byte, 0));
  const port = world.list(routerPorts, networkTopic(question.source.networkId)).find(({ mac }) => mac === to);
  if (port === undefined) return undefined;
  return world.row(routers, routerTopic(port.routerId), port.routerId)?.adminUp === false
    ? enableRouter(port.routerId)
    : undefined;
}

/** The router that the packet is in has no way to the network of its destination. */
function wayBeyond(
  { world }: Situation,
  { end }: Explanation,
  place: Place,
  to: string,
  n: number,
): Change | undefined {
  const met = end && lookupAt(end.leg, "router_port");
  const owner = end && met && ownerAt(end.leg.host, met);
  const routerId = owner && world.find(routerPorts, owner.id)?.routerId;
  if (routerId === undefined) return undefined;
  const down = world
    .list(routerPorts, networkTopic(place.networkId))
    .find((port) => port.routerId === routerId && !port.adminUp);
  if (down !== undefined) return enableInterface(down.id, down.networkId, routerId);
  const subnetId = place.addresses.find(({ ip }) => ip === to)?.subnetId;
  const subnet = world.row(subnets, networkTopic(place.networkId), subnetId ?? "");
  return subnet && addInterface(routerId, subnet, n);
}

async function isPluggedIn(
  { circumstances: { facts, isPlugged } }: Situation,
  { id, chassis }: Place,
): Promise<boolean> {
  const known = await facts(chassis);
  return known === undefined ? isPlugged(id) : known.interfaces.some((one) => one.id === id);
}
