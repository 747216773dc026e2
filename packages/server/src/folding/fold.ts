import {
  type ChassisStatusRecord,
  type EndpointRecord,
  type PortObject,
  ROUTER_INTERFACE_OWNERS,
} from "@dragonflow/model";

/**
 * What the servers make of what chassis report. Pure functions of the present state, one port or one chassis at a
 * time: whatever order reports came in, and whichever server folds them, the same state gives the same objects, and
 * what they give is their own fixed point.
 */

/** A chassis has the port's interface. `isAlive`: it holds its lease. `isUp`: the port's flows are in its switch. */
export interface Claim {
  readonly chassis: string;
  readonly isAlive: boolean;
  readonly isUp: boolean;
}

export interface FoldedPort {
  /** "" = bound nowhere. */
  readonly host_id: string;
  readonly status: "ACTIVE" | "DOWN";
  /** The chassis that are to be told that `host_id` has the port. */
  readonly refused: readonly string[];
}

/** Ports whose binding and status come from chassis. A router's interfaces are on all of them. */
export function isFolded(port: Pick<PortObject, "device_owner">): boolean {
  return !ROUTER_INTERFACE_OWNERS.includes(port.device_owner);
}

/**
 * Where a port is bound, and whether it works there.
 *
 * - A host that was asked for has the port, whoever claims it.
 * - Else the chassis that has it keeps it for as long as it lives and claims it: nothing flaps.
 * - Else a living chassis that claims it gets it; of several the first by name, since positions of different topics
 *   have no order.
 * - Else the chassis that has it keeps it for as long as it claims it, though it is away: it may have lost no more than
 *   its controller or its way to the store, and packets go on.
 * - Everybody else who claims it is refused, also a chassis that is away: it reads so before it does anything when it
 *   comes back.
 *
 * @param claims one per chassis at most, in any order.
 */
export function foldPort(
  port: Pick<PortObject, "requested_host_id" | "host_id">,
  claims: readonly Claim[],
): FoldedPort {
  const host_id = port.requested_host_id === "" ? grantee(port.host_id, claims) : port.requested_host_id;
  const isActive = claims.some((claim) => claim.chassis === host_id && claim.isAlive && claim.isUp);
  const others = host_id === "" ? [] : claims.filter((claim) => claim.chassis !== host_id);
  return { host_id, status: isActive ? "ACTIVE" : "DOWN", refused: others.map((claim) => claim.chassis).sort() };
}

function grantee(holder: string, claims: readonly Claim[]): string {
  const alive = claims.filter((claim) => claim.isAlive).map((claim) => claim.chassis);
  if (alive.includes(holder)) return holder;
  const absent = claims.some((claim) => claim.chassis === holder) ? holder : "";
  return alive.sort()[0] ?? absent;
}

/** What is known of one chassis. */
export interface ChassisState {
  readonly name: string;
  readonly isAlive: boolean;
  /** Clients see an agent of it. */
  readonly hasAgent: boolean;
  readonly status: ChassisStatusRecord | undefined;
}

/**
 * Where others send their tunnel packets for it; `keep`: where they do so far; `forget`: the chassis is no more.
 *
 * A chassis that lost its lease may have lost no more than its controller: its tunnels stay, until somebody who knows
 * better deletes its agent, which can be done only while it is away. One that died before it got an agent is
 * forgotten as well.
 */
export function foldChassis({ name, isAlive, hasAgent, status }: ChassisState): EndpointRecord | "keep" | "forget" {
  if (!isAlive && !hasAgent) return "forget";
  if (status === undefined) return "keep";
  return { id: name, ip: status.tunnelIp, encapsulations: status.encapsulations };
}
