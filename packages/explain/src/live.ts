import { printMatch } from "@dragonflow/openflow";
import type { Leg } from "./follow.ts";
import type { Headers } from "./frame.ts";
import type { Lookup } from "./owners.ts";
import { describeStep, portText, type Vocabulary } from "./words.ts";

/** How many packets a flow of a switch has met. */
export interface FlowCount {
  readonly table: number;
  readonly priority: number;
  readonly match: string;
  readonly packets: number;
}
/** What really went a packet's way on one host, while it was watched. */
export interface LiveLeg {
  readonly chassis: string;
  /** In order. `packets`: whoever sent them; null: the switch does not have the flow. */
  readonly steps: readonly { readonly table: string; readonly text: string; readonly packets: number | null }[];
}

/** Cookies of the flows that a packet meets on a host, hexadecimal. */
export const cookiesOf = (leg: Leg): readonly string[] => [
  ...new Set(lookupsOf(leg).flatMap(({ flow }) => (flow === undefined ? [] : [flow.cookie.toString(16)]))),
];

/** The difference of two readings, flow by flow along the way. */
export function liveLeg(
  words: Vocabulary,
  leg: Leg,
  before: readonly FlowCount[],
  after: readonly FlowCount[],
): LiveLeg {
  const [first, last] = [before, after].map(
    (counts) => new Map(counts.map((count) => [keyOf(count), count.packets] as const)),
  );
  return {
    chassis: leg.host.chassis,
    steps: lookupsOf(leg).flatMap((step) => {
      const { table, text, isQuiet } = describeStep(words, leg.host, step);
      if (isQuiet || step.flow === undefined) return [];
      const { table: number, priority, match } = step.flow;
      const key = keyOf({ table: number, priority, match: printMatch(match) });
      const now = last?.get(key);
      // One that came meanwhile began at 0.
      return [{ table, text, packets: now === undefined ? null : now - (first?.get(key) ?? 0) }];
    }),
  };
}

const keyOf = ({ table, priority, match }: Omit<FlowCount, "packets">): string => `${table} ${priority} ${match}`;
const lookupsOf = ({ trace }: Leg): readonly Lookup[] => trace.steps.filter((step) => step.type === "lookup");

/** A packet that was sent to see where it goes. */
export interface Sent {
  readonly copies: number;
  readonly headers: Headers | undefined;
  /** Of ICMP and ICMPv6. */
  readonly echoId: number | null;
  /** Of each end, whether the zone of its port has the connection of this packet; null: it has no zone, or its host was not asked. */
  readonly connections: readonly { readonly portId: string; readonly isTracked: boolean | null }[];
  /** What the destination's interface was given meanwhile, whoever sent it; null: not known. */
  readonly delivered: { readonly packets: number; readonly dropped: number } | null;
}

/**
 * The last flow on the way that met most of the copies, as far as counters tell; undefined: none did. Fewer packets may be others' that share a flow with
 * it; and a copy or two may be lost on the way.
 */
export function lastSeen(
  legs: readonly LiveLeg[],
  copies: number,
): { readonly chassis: string; readonly table: string } | undefined {
  for (const { chassis, steps } of legs.toReversed()) {
    const step = steps.findLast(({ packets }) => packets !== null && 2 * packets > copies);
    if (step !== undefined) return { chassis, table: step.table };
  }
  return undefined;
}

/** Whether each of the flows has met each of the copies, or more. */
export const isThrough = (legs: readonly LiveLeg[], copies: number): boolean =>
  legs.every(({ steps }) => steps.every(({ packets }) => packets !== null && packets >= copies));

/** @param copies how many were sent here; undefined: none. */
export function liveLines(legs: readonly LiveLeg[], copies?: number): readonly string[] {
  return legs.flatMap(({ chassis, steps }) => {
    const width = Math.max(0, ...steps.map(({ table }) => table.length));
    const rows = steps.map(({ table, text, packets }) => {
      const count = packets === null ? "no such flow" : `+${packets}`;
      const others =
        copies !== undefined && packets !== null && packets > copies ? " (others' packets among them)" : "";
      return `  ${table.padEnd(width)}  ${count.padStart(6)}  ${text}${others}`;
    });
    return [`${chassis}: packets that met these flows meanwhile, whoever sent them`, ...rows];
  });
}

/** What became of a packet that was sent, in words; what is certain, and what other traffic may have had a part in. */
export function sentLines(words: Vocabulary, legs: readonly LiveLeg[], sent: Sent): readonly string[] {
  const { copies, headers, echoId, connections, delivered } = sent;
  const by =
    headers?.header?.type === "ports"
      ? ` from source port ${headers.header.source}`
      : echoId === null
        ? ""
        : ` with ICMP id ${echoId}`;
  const seen = lastSeen(legs, copies);
  const isMixed = legs.some(({ steps }) => steps.some(({ packets }) => (packets ?? 0) > copies));
  const place =
    seen === undefined ? "no flow on its way met it" : `last met on ${seen.chassis}, in table ${seen.table}`;
  return [
    `sent ${copies} copies of it${by} as its source; ${place}${isMixed ? ", if it was not others' packets that were counted" : ""}`,
    ...connections.map(({ portId, isTracked: is }) => {
      const whose = portText(words, portId);
      if (is === null) return `  the zone of ${whose} is not there, or was not asked`;
      return `  the zone of ${whose} ${is ? "has" : "does not have"} the connection of this very packet`;
    }),
    delivered === null
      ? "  what the destination's interface was given is not known"
      : `  the destination's interface was given ${delivered.packets} packets meanwhile${delivered.dropped === 0 ? "" : `, and did not take ${delivered.dropped}`}${delivered.packets > copies ? ", others' among them" : ""}`,
  ];
}
