import type { Match } from "@dragonflow/openflow";
import { decodeMatch, encodeMatch } from "@dragonflow/openflow";
import { Reader, Writer } from "@dragonflow/wire";
import { cookieOf } from "./cookie.ts";
import { type MatchSpec, toMatch } from "./match.ts";
import type { Step } from "./steps.ts";
import type { Table } from "./table.ts";

/** Who caused it: an app, and the object of the model (its kind, and its UUID or name). */
export interface Owner {
  readonly app: string;
  readonly kind: string;
  readonly id: string;
}

/**
 * A flow that shall be in the switch. `key` is its identity there: the table's name, a space, then priority and match as they go over the wire, one
 * character a byte (ISO 8859-1). That is all there is of the match: there may be a hundred thousand; {@link matchOf} reads it.
 */
export interface DesiredFlow {
  readonly type: "flow";
  readonly key: string;
  readonly table: Table;
  readonly priority: number;
  readonly steps: readonly Step[];
  readonly cookie: bigint;
  readonly owner: Owner;
}
/** A bucket. `id` keeps it apart from the others of its group: a symbol, such as a port's id. */
export interface Bucket {
  readonly id: string;
  readonly steps: readonly Step[];
}
/** A group of type `all`: each bucket gets its own copy. */
export interface DesiredGroup {
  readonly type: "group";
  readonly key: string;
  readonly name: string;
  readonly buckets: readonly Bucket[];
  readonly owner: Owner;
}
/** A limit, in packets a second. */
export interface DesiredMeter {
  readonly type: "meter";
  readonly key: string;
  readonly name: string;
  readonly packetsPerSecond: number;
  readonly burstPackets: number;
}
/** A tunnel port on the integration bridge to another host. */
export interface DesiredTunnel {
  readonly type: "tunnel";
  readonly key: string;
  readonly chassis: string;
  readonly encapsulation: "geneve" | "vxlan";
  readonly remoteIp: string;
  readonly localIp: string;
}
/** What a responder needs to answer packets that flows send to the controller with this key (see {@link punt}). */
export interface DesiredResponse {
  readonly type: "response";
  readonly key: string;
  readonly responder: string;
  readonly subject: number;
  readonly row: object;
}
/** Whose addresses are at which interface (OpenFlow number). `ips` in canonical text. */
export interface Holder {
  readonly ofport: number;
  readonly mac: string;
  readonly ips: readonly string[];
}
/**
 * This host has the port's interface; `holder` is undefined for one that shall not be up. It is up once everything that its apps declared with it is
 * acknowledged by the switch; then the network is told who holds its addresses now: others may still know somebody who had them before.
 */
export interface DesiredPortStatus {
  readonly type: "port-status";
  readonly key: string;
  readonly portId: string;
  readonly holder: Holder | undefined;
}
export type Desired = DesiredFlow | DesiredGroup | DesiredMeter | DesiredTunnel | DesiredResponse | DesiredPortStatus;

const arena = new Writer(512);

/**
 * A flow of an app. Checked against what its table declared.
 * @throws {RangeError} naming the table and the field, register or target that was not declared.
 */
export function flow(
  owner: Owner,
  table: Table,
  priority: number,
  match: MatchSpec,
  steps: readonly Step[],
): DesiredFlow {
  for (const name in match)
    if (!table.match.has(name)) throw new RangeError(`table ${table.name} does not match ${name}`);
  verifySteps(table, steps);
  const canonical = toMatch(match);
  arena.reset();
  arena.latin1(table.name).u8(SPACE).u16(priority);
  encodeMatch(arena, canonical);
  const key = arena.text();
  // An array that was put together of others has room to grow: a copy is as long as it is.
  return { type: "flow", key, table, priority, steps: steps.slice(), cookie: cookieOf(owner), owner };
}

/** A flow's match as it goes over the wire, one character a byte. */
export function packedMatch({ key, table }: Pick<DesiredFlow, "key" | "table">): string {
  return key.slice(table.name.length + 1 + PRIORITY_BYTES);
}
const PRIORITY_BYTES = 2;
const SPACE = 0x20;

/** A flow's match, in the form in which a switch gives it back. */
export function matchOf(flow: Pick<DesiredFlow, "key" | "table">): Match {
  return decodeMatch(new Reader(Buffer.from(packedMatch(flow), "latin1")));
}

function verifySteps(table: Table, steps: readonly Step[]): void {
  for (const step of steps) {
    switch (step.type) {
      case "set":
        if (!table.writes.has(step.register))
          throw new RangeError(`table ${table.name} does not write ${step.register}`);
        break;
      case "zone":
        if (!table.writes.has("ctZone")) throw new RangeError(`table ${table.name} does not write ctZone`);
        break;
      case "goto":
      case "resubmit":
      case "track":
        // Back into the own table only by resubmit: a goto cannot, and loops end by the hop limit.
        if (!table.next.has(step.target) && !(step.type === "resubmit" && step.target === table))
          throw new RangeError(`table ${table.name} does not go to ${step.target.name}`);
        break;
      case "do":
      case "group":
      case "meter":
        break;
    }
  }
}

export function floodGroup(owner: Owner, name: string, buckets: readonly Bucket[]): DesiredGroup {
  return { type: "group", key: `group ${name}`, name, buckets, owner };
}
export function meter(name: string, packetsPerSecond: number, burstPackets = packetsPerSecond): DesiredMeter {
  return { type: "meter", key: `meter ${name}`, name, packetsPerSecond, burstPackets };
}
export function tunnel(fields: Omit<DesiredTunnel, "type" | "key">): DesiredTunnel {
  return { type: "tunnel", key: `tunnel ${fields.encapsulation} ${fields.chassis}`, ...fields };
}
export function response(responder: string, subject: number, row: object): DesiredResponse {
  return { type: "response", key: `response ${responder} ${subject}`, responder, subject, row };
}
export function portStatus(portId: string, holder: Holder | undefined): DesiredPortStatus {
  return { type: "port-status", key: `port-status ${portId}`, portId, holder };
}
