import { type Connection, tracking } from "@dragonflow/pipeline";
import type { ConntrackOf } from "./follow.ts";
import type { Headers } from "./frame.ts";
import { PROTOCOL } from "./question.ts";

/** A connection that a host tracks in the zone of a port: its first packet, as far as tracking looks at it. */
export interface KnownConnection {
  /** IANA number. */
  readonly protocol: number;
  /** Addresses in canonical text. */
  readonly source: string;
  readonly destination: string;
  /** Ports; of ICMP and ICMPv6 the type and the code. */
  readonly first: number;
  readonly second: number;
  /** Of ICMP and ICMPv6; else 0. */
  readonly id?: number;
  /** Not 0: the rules ended it. */
  readonly mark: number;
}
/** By port: what its zone holds. A port that is not in it was not asked about. */
export type Known = ReadonlyMap<string, readonly KnownConnection[]>;

const ANSWERS: ReadonlyMap<number, number> = new Map([
  [0, 8],
  [129, 128],
]);

/** What the zone of a port takes a packet for. Of no connection that is there: new. */
export function connectionAt(known: Known, portId: string, headers: Headers | undefined): Connection {
  const all = known.get(portId) ?? [];
  if (headers === undefined) return { state: "new" };
  const own = all.find((one) => isOf(one, headers));
  if (own !== undefined) return { state: "established", mark: own.mark };
  const answered = all.find((one) => isOf(one, reversed(headers)));
  if (answered !== undefined) return { state: "reply", mark: answered.mark };
  return { state: "new" };
}

/** Whether the very connection of a packet is tracked, whichever host answers first. @param echoId of ICMP and ICMPv6. */
export function isTracked(all: readonly KnownConnection[], headers: Headers, echoId: number): boolean {
  return all.some((one) => isOf(one, headers) && (headers.header?.type !== "icmp" || one.id === echoId));
}

/** Connections of the two ends, and of the same service, but of other source ports. */
export function relatives(known: Known, portId: string, headers: Headers): readonly KnownConnection[] {
  return (known.get(portId) ?? []).filter(
    (one) =>
      one.protocol === headers.protocol &&
      one.source === headers.source &&
      one.destination === headers.destination &&
      headers.header?.type === "ports" &&
      one.second === headers.header.destination &&
      one.first !== headers.header.source,
  );
}

function isOf(one: KnownConnection, { source, destination, protocol, header }: Headers): boolean {
  if (one.protocol !== protocol || one.source !== source || one.destination !== destination) return false;
  switch (header?.type) {
    case undefined:
      return true;
    case "ports":
      // Open vSwitch's userspace datapath knows no ports of SCTP.
      if (protocol === PROTOCOL.sctp && one.first === 0 && one.second === 0) return true;
      return one.first === header.source && one.second === header.destination;
    case "icmp":
      return one.first === header.icmpType && one.second === header.icmpCode;
  }
}

function reversed({ source, destination, protocol, header }: Headers): Headers {
  const ends = { source: destination, destination: source, protocol };
  switch (header?.type) {
    case undefined:
      return { ...ends, header: null };
    case "ports":
      return { ...ends, header: { type: "ports", source: header.destination, destination: header.source } };
    case "icmp": {
      const icmpType = ANSWERS.get(header.icmpType);
      return { ...ends, header: icmpType === undefined ? null : { ...header, icmpType } };
    }
  }
}

/** Connection tracking of all hosts: each zone belongs to a port, and says what is known there. */
export function conntrackOf(known: Known, headers: Headers | undefined): ConntrackOf {
  return (host) => {
    const portOf = new Map(host.portIds.map((id) => [host.bound.zoneNumber(id), id]));
    return tracking((zone) => connectionAt(known, portOf.get(zone) ?? "", headers));
  };
}
