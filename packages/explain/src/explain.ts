import { type Connection, ownerText, type Owner } from "@dragonflow/pipeline";
import { type Known, connectionAt, conntrackOf, relatives } from "./connections.ts";
import { ExplainError } from "./errors.ts";
import { type Ending, type Entry, follow, type Hosts, type Leg } from "./follow.ts";
import { frameOf, type Headers, headersOf, readFrame } from "./frame.ts";
import { compileHost, type Host, type HostFacts, type Program } from "./host.ts";
import { nextHop, type Obstacle, type Place } from "./next-hop.ts";
import { ownerAt } from "./owners.ts";
import type { Service } from "./question.ts";
import { checkRules, type RuleCheck } from "./rules.ts";
import { lookupAt } from "./words.ts";
import type { World } from "./world.ts";

/** What is asked. */
export interface Question {
  readonly source: Place;
  /** A port; or an address that no port has. */
  readonly destination: { readonly place: Place | undefined; readonly ip: string | undefined };
  readonly service: Service;
  /** Undefined: of a connection that begins now. */
  readonly sourcePort?: number | undefined;
  /** Undefined: that of anybody's. */
  readonly echoId?: number | undefined;
  /** Undefined: the source's own, of the family. */
  readonly sourceIp?: string | undefined;
  /** In place of all that: these bytes. */
  readonly frame?: Uint8Array | undefined;
}

/** What is known besides the model. */
export interface Circumstances {
  /** What a host that a packet comes to has; undefined: it could not be asked, and it is assumed that all is well there. */
  readonly facts: (chassis: string) => Promise<HostFacts | undefined>;
  /** Asked after that, of hosts that could not be asked. */
  readonly isPlugged: (portId: string) => boolean;
  readonly known: Known;
}

/** Why a packet does not leave its VM. */
export type Blocked =
  | Obstacle
  | { readonly type: "unbound" }
  | { readonly type: "unplugged"; readonly chassis: string };

export interface Explanation {
  readonly question: Question;
  /** Undefined: what was sent is not IP. */
  readonly headers: Headers | undefined;
  readonly frame: Uint8Array | undefined;
  /** Undefined: it is under way. */
  readonly blocked: Blocked | undefined;
  readonly legs: readonly Leg[];
  readonly passes: boolean;
  /** Where it ended: the first delivery that was meant, else the last thing that happened. */
  readonly end: { readonly leg: Leg; readonly ending: Ending; readonly owner: Owner | undefined } | undefined;
  readonly rules: readonly RuleCheck[];
  /** What the two zones take it for, by port. */
  readonly connections: ReadonlyMap<string, Connection>;
  /** How many connections of the same service there are between the two, by port. */
  readonly alike: ReadonlyMap<string, number>;
}

/** Follows a packet through the flows that every host on its way compiles from the model. @throws {ExplainError} {@link TraceError} */
export async function explain(
  program: Program,
  world: World,
  question: Question,
  circumstances: Circumstances,
): Promise<Explanation> {
  const { source, destination } = question;
  const hosts = hostsOf(program, world, circumstances);
  const built = await build(world, question);
  const { headers } = built;
  const ends = [source.id, ...(destination.place === undefined ? [] : [destination.place.id])];
  const connections = new Map(ends.map((id) => [id, connectionAt(circumstances.known, id, headers)]));
  const alike = new Map(
    ends.map((id) => [id, headers === undefined ? 0 : relatives(circumstances.known, id, headers).length]),
  );
  const { frame } = built;
  const nowhere = { question, headers, legs: [], passes: false, end: undefined, rules: [], connections, alike };
  if (frame === undefined) return { ...nowhere, frame, blocked: built.obstacle };
  const start = await entryOf(hosts, source);
  if (start.type !== "port") return { ...nowhere, frame, blocked: start };
  const tracked = conntrackOf(circumstances.known, headers);
  const legs = await follow(hosts, { chassis: source.chassis, entry: start, frame }, tracked);
  const isMeant = (ending: Ending): boolean => meant(question, ending);
  const passes = legs.some(({ endings }) => endings.some(isMeant));
  const isVm = destination.place !== undefined && !destination.place.isRouter && destination.place.chassis !== "";
  const rules =
    headers === undefined
      ? []
      : await checkRules(
          world,
          program.pipeline,
          {
            headers,
            source,
            destination: isVm ? destination.place : undefined,
            connection: (id) => connections.get(id) ?? { state: "new" },
          },
          legs,
        );
  return {
    question,
    headers,
    frame,
    blocked: undefined,
    legs,
    passes,
    end: endOf(legs, isMeant),
    rules,
    connections,
    alike,
  };
}

/** Each host is compiled once, when the packet comes there. */
function hostsOf(program: Program, world: World, { facts, isPlugged }: Circumstances): Hosts {
  const hosts = new Map<string, Promise<Host>>();
  return (chassis) => {
    const known = hosts.get(chassis);
    if (known !== undefined) return known;
    const host = facts(chassis).then((own) => compileHost(program, world, chassis, own, isPlugged));
    hosts.set(chassis, host);
    return host;
  };
}

type Built =
  | { readonly frame: Uint8Array; readonly headers: Headers | undefined }
  | { readonly frame: undefined; readonly headers: Headers | undefined; readonly obstacle: Obstacle };

async function build(
  world: World,
  { source, destination, service, sourcePort, echoId, sourceIp, frame }: Question,
): Promise<Built> {
  if (frame !== undefined) return { frame, headers: readFrame(frame) };
  const { from, to } = addressesOf(source, destination, service, sourceIp);
  if (from === undefined) {
    const obstacle = { type: "no-address", family: to.includes(":") ? 6 : 4 } as const;
    return { frame: undefined, headers: undefined, obstacle };
  }
  const headers = headersOf(from, to, service, sourcePort);
  const hop = await nextHop(world, source, from, to, destination.place);
  if ("type" in hop) return { frame: undefined, headers, obstacle: hop };
  return { frame: frameOf(headers, { src: source.mac, dst: hop.mac }, echoId), headers };
}

/** Of the family that is asked for, else of one that both have, IPv4 first. */
function addressesOf(
  source: Place,
  { place, ip }: Question["destination"],
  { family }: Service,
  sourceIp: string | undefined,
) {
  const isFamily = (one: string, wanted: 4 | 6): boolean => one.includes(":") === (wanted === 6);
  const targets = ip === undefined ? (place?.addresses.map((address) => address.ip) ?? []) : [ip];
  const own = sourceIp === undefined ? source.addresses.map((address) => address.ip) : [sourceIp];
  const families = family === undefined ? ([4, 6] as const) : [family];
  for (const wanted of families) {
    const to = targets.find((one) => isFamily(one, wanted));
    const from = own.find((one) => isFamily(one, wanted));
    if (to !== undefined && from !== undefined) return { from, to };
  }
  const to = targets.find((one) => families.some((wanted) => isFamily(one, wanted)));
  if (to === undefined)
    throw new ExplainError(
      "bad-question",
      `the destination has no address${family === undefined ? "" : ` of IPv${family}`}`,
    );
  if (sourceIp !== undefined) throw new ExplainError("bad-question", `${sourceIp} and ${to} are of two families`);
  return { from: undefined, to };
}

async function entryOf(hosts: Hosts, source: Place): Promise<Extract<Entry, { type: "port" }> | Blocked> {
  if (source.chassis === "") return { type: "unbound" };
  const host = await hosts(source.chassis);
  const attached = host.interfaces.find(({ id }) => id === source.id);
  if (attached === undefined) return { type: "unplugged", chassis: source.chassis };
  return { type: "port", portId: source.id, inPort: attached.ofport };
}

/** It came to the port that was asked for, or a router of its host answers; for an address that is no port's, to whoever answers for it. */
function meant({ destination: { place }, source }: Question, ending: Ending): boolean {
  switch (ending.type) {
    case "delivered":
      return place === undefined ? ending.portId !== source.id : ending.portId === place.id;
    case "answered":
      return place === undefined || place.isRouter;
    case "punted":
    case "sent":
    case "lost":
    case "out":
    case "dropped":
      return false;
  }
}

function endOf(legs: readonly Leg[], isMeant: (ending: Ending) => boolean): Explanation["end"] {
  const all = legs.flatMap((leg) => leg.endings.map((ending) => ({ leg, ending })));
  const found =
    all.find(({ ending }) => isMeant(ending)) ?? all.findLast(({ ending }) => ending.type !== "sent") ?? all.at(-1);
  if (found === undefined) return undefined;
  const { leg, ending } = found;
  const met = ending.type === "dropped" ? lookupAt(leg, ending.table) : undefined;
  return { leg, ending, owner: met && ownerAt(leg.host, met) };
}

/** In the words of flows: `port 1234 (l2)`. */
export const endOwner = ({ end }: Explanation): string | null =>
  end?.owner === undefined ? null : ownerText(end.owner);
