import { DROPS } from "@dragonflow/app-security-group";
import { printMatch } from "@dragonflow/openflow";
import { interfaces, type Owner, routerInterfaces, routerPorts, type TraceStep } from "@dragonflow/pipeline";
import type { Ending, Entry, Leg } from "./follow.ts";
import type { Host } from "./host.ts";
import { isDrop, type Lookup, nextTable, ownerAt } from "./owners.ts";
import type { World } from "./world.ts";

/** Names of objects by id; of a rule what it says, with its group. Where there is none, the id. */
export type Names = ReadonlyMap<string, string>;

/** What is needed to say it in the words of the model. */
export interface Vocabulary {
  readonly world: World;
  readonly names: Names;
  /** Of responders, by number. */
  readonly responders: ReadonlyMap<number, string>;
}

/** One table, and what happened there. */
export interface StepText {
  readonly table: string;
  readonly text: string;
  /** It was passed, and nothing in it was about the packet. */
  readonly isQuiet: boolean;
}

export const nameOf = ({ names }: Pick<Vocabulary, "names">, id: string): string => {
  const name = names.get(id);
  return name === undefined || name === "" ? id : name;
};
export const portText = (words: Vocabulary, id: string): string => `port ${nameOf(words, id)}`;
const networkText = (words: Vocabulary, id: string): string => `network ${nameOf(words, id)}`;
const hostText = (chassis: string): string => chassis;

/** A router, by the id of one of its interfaces. */
function routerOf(words: Vocabulary, interfaceId: string): string {
  const found = words.world.find(routerInterfaces, interfaceId) ?? words.world.find(routerPorts, interfaceId);
  return found === undefined ? `the router of interface ${interfaceId}` : `router ${nameOf(words, found.routerId)}`;
}
function interfaceNetwork(words: Vocabulary, interfaceId: string): string {
  const found = words.world.find(routerInterfaces, interfaceId) ?? words.world.find(routerPorts, interfaceId);
  return found === undefined ? "a network" : networkText(words, found.networkId);
}

/** What a packet met in one table, as people say it. */
export function describeStep(words: Vocabulary, host: Host, step: TraceStep): StepText {
  if (step.type === "bucket") return { table: "", text: `copy ${step.bucket + 1}`, isQuiet: false };
  if (step.type === "tracked") {
    const portId = host.portIds.find((id) => host.bound.zoneNumber(id) === step.zone);
    const whose = portId === undefined ? `zone ${step.zone}` : `the zone of ${portText(words, portId)}`;
    return {
      table: "",
      text: `in ${whose} it is ${stateText(step.state)}${step.mark === 0 ? "" : ", which was ended"}`,
      isQuiet: false,
    };
  }
  const owner = ownerAt(host, step);
  const text = lookupText(words, host, step, owner);
  const isQuiet = owner === undefined && nextTable(host, step) !== undefined;
  return { table: step.tableName, text, isQuiet };
}

const STATES = [
  [0x10, "part of no connection"],
  [0x04, "an error about a connection"],
  [0x08, "an answer of a connection"],
  [0x02, "part of an established connection"],
] as const;
const stateText = (state: number): string =>
  STATES.find(([bit]) => (state & bit) !== 0)?.[1] ?? "the first of a new connection";

function lookupText(words: Vocabulary, host: Host, step: Lookup, owner: Owner | undefined): string {
  const { tableName: table } = step;
  if (owner === undefined && nextTable(host, step) !== undefined) return "nothing here is about it";
  const reason = DROPS.find((drop) => drop.table === table && drop.priority === step.flow?.priority)?.reason;
  if (reason !== undefined && nextTable(host, step) === undefined) return `dropped: ${reason}`;
  if (/^(?:e|in)gress_/.test(table)) return rulesText(words, host, step, owner);
  if (owner === undefined) return `dropped: ${MISSES[table] ?? "no flow is for it"}`;
  return flowText(words, host, step, owner);
}

/** Why a packet ends that no flow of a table is for. */
const MISSES: Readonly<Record<string, string>> = {
  classify: "it comes from no port of this host that is up, nor from a host of the cloud",
  tunnel_network: "this host has no port of its network",
  port_security: "the port may not send from this address",
  port_security_nd: "the port may not say this of its neighbours",
  routing: "the router has no route to it",
  neighbour: "nobody in this network who is up has the address",
  l2: "nobody in this network who is up has the MAC address",
  tunnel_send: "what came by a tunnel goes into none",
  delivery: "the port is not on this host, or not up",
};

function rulesText(words: Vocabulary, host: Host, step: Lookup, owner: Owner | undefined): string {
  const next = nextTable(host, step);
  const stays = next !== undefined && /^(?:e|in)gress_/.test(next);
  const part = step.tableName.replace(/^(?:e|in)gress_/, "");
  switch (part) {
    case "port":
      if (owner === undefined) return "dropped: the port is not of this host";
      return stays
        ? `${portText(words, owner.id)} has port security: its rules decide`
        : `${portText(words, owner.id)} has no port security: no rule is asked`;
    case "conntrack":
      return stays
        ? "which connection is it of?"
        : "passes without a rule, as ARP, neighbour discovery and DHCP requests do";
    case "state":
      return stays ? "its direction is for the rules" : "passes: it belongs to a connection that was allowed";
    case "remote":
      return owner === undefined
        ? "the other end is nobody whom a group has"
        : `the other end is ${objectText(words, owner)}`;
    case "rules":
      return owner === undefined ? "dropped: no rule allows it" : `allowed: ${objectText(words, owner)}`;
    default:
      return "the connection may go on";
  }
}

function flowText(words: Vocabulary, host: Host, step: Lookup, owner: Owner): string {
  const { tableName: table } = step;
  const dropped = isDrop(step);
  switch (table) {
    case "classify":
      return owner.kind === "chassis"
        ? `from ${hostText(owner.id)}`
        : `from ${portText(words, owner.id)}, at ${interfaceName(host, owner.id)}`;
    case "tunnel_network":
      return `in ${networkText(words, owner.id)}`;
    case "port_security":
    case "port_security_nd":
      if (dropped) return `dropped: ${MISSES[table]}`;
      return owner.kind === "port"
        ? `${portText(words, owner.id)} may send from this address`
        : "may be sent by everybody";
    case "router_port":
      return `to ${routerOf(words, owner.id)}`;
    case "routing":
      return routingText(words, host, step, owner);
    case "neighbour":
      return `the address is that of ${objectText(words, owner)}`;
    case "l2":
      return owner.kind === "network"
        ? `to everybody in ${networkText(words, owner.id)}`
        : `the MAC address is that of ${objectText(words, owner)}`;
    case "tunnel_send":
      return `into the tunnel, as a packet of ${networkText(words, owner.id)}`;
    case "delivery":
      return `out at ${interfaceName(host, owner.id)}`;
    default:
      return `${dropped ? "dropped" : "answered here"}, for ${objectText(words, owner)}`;
  }
}

function routingText(words: Vocabulary, host: Host, step: Lookup, owner: Owner): string {
  const prefix = prefixOf(step);
  if (owner.kind === "host") return `dropped: a router passes nothing on to or from ${prefix || "such an address"}`;
  if (owner.kind === "router")
    return isDrop(step)
      ? `dropped: nobody has the next hop of the extra route to ${prefix} of router ${nameOf(words, owner.id)}`
      : `by the extra route to ${prefix} of router ${nameOf(words, owner.id)}`;
  const router = routerOf(words, owner.id);
  if (nextTable(host, step) !== undefined)
    return `${router}: ${prefix} is ${interfaceNetwork(words, owner.id)}, which it is connected to`;
  if (isDrop(step)) return `dropped: it is for ${router} itself, which listens to nothing but echo requests`;
  return `${router} answers`;
}

/** The destination that a route is for. */
function prefixOf({ flow }: Lookup): string {
  const match = printMatch(flow?.match ?? {});
  return /(?:nw_dst|ipv6_dst)=([^,]+)/.exec(match)?.[1] ?? "";
}

const interfaceName = (host: Host, portId: string): string => {
  const name = host.isKnown ? host.interfaces.find(({ id }) => id === portId)?.name : undefined;
  return name === undefined ? `its ${interfaces.name}` : `${interfaces.name} ${name}`;
};

/** An object of the model: `port vm1`, `rule web: ingress IPv4 tcp 80`. */
export function objectText(words: Vocabulary, { kind, id }: Pick<Owner, "kind" | "id">): string {
  switch (kind) {
    case "security-group-rule": {
      const name = words.names.get(id);
      const [, group, rule] = /^([^:]*): (.*)$/s.exec(name ?? "") ?? [];
      return rule === undefined ? `rule ${id}` : `rule "${rule}" of group ${group}`;
    }
    case "security-group-rules":
      return `several rules ${id}`;
    case "router-port":
    case "router-interface":
      return routerOf(words, id);
    case "host":
      return "this host";
    default:
      return `${kind} ${nameOf(words, id)}`;
  }
}

/** How a packet came. */
export function entryText(words: Vocabulary, entry: Entry): string {
  if (entry.type === "port") return `sent by ${portText(words, entry.portId)}`;
  return `from ${hostText(entry.chassis)} by ${tunnelText(entry)}`;
}
function tunnelText({ encapsulation, vni, identity }: Extract<Entry, { type: "tunnel" }>): string {
  const carried = identity === 0 ? "" : `, identity ${identity}`;
  return `${encapsulation === "geneve" ? "Geneve" : "VXLAN"}, VNI ${vni}${carried}`;
}

/** What became of it on one host. */
export function endingText(words: Vocabulary, leg: Leg, ending: Ending): string {
  switch (ending.type) {
    case "delivered":
      return `delivered to ${portText(words, ending.portId)}`;
    case "answered":
      return "answered by the host itself";
    case "punted": {
      const name = ending.responder === undefined ? undefined : words.responders.get(ending.responder);
      return `to the controller${name === undefined ? "" : `, whose ${name} answers`}`;
    }
    case "sent":
      return `to ${hostText(ending.chassis)} by ${tunnelText(ending.entry)}`;
    case "lost":
      return `lost: ${hostText(ending.chassis)} has no tunnel to ${hostText(leg.host.chassis)}`;
    case "out":
      return `out at port ${ending.ofport} of the switch, which is none of the cloud`;
    case "dropped":
      return dropText(words, leg, ending);
  }
}

const DROP_REASONS: Readonly<Record<string, string>> = {
  "in port": "it would go back to where it came from",
  ttl: "its hop limit is used up",
  "no group": "there is nobody to send it to",
  "resubmit limit": "it goes round in circles",
  "recirculation limit": "it goes round in circles",
};

function dropText(words: Vocabulary, leg: Leg, { table, reason }: Extract<Ending, { type: "dropped" }>): string {
  const met = lookupAt(leg, table);
  const why =
    DROP_REASONS[reason] ??
    (met === undefined ? reason : describeStep(words, leg.host, met).text.replace(/^dropped: /, ""));
  return `dropped on ${hostText(leg.host.chassis)} in table ${table}: ${why}`;
}

/** The flow that a packet met in a table, the last time. */
export const lookupAt = ({ trace }: Leg, table: string): Lookup | undefined =>
  trace.steps.findLast((step): step is Lookup => step.type === "lookup" && step.tableName === table);
