/** What one change brought to the hosts of a fleet, and the figures of many. */
import { type Figure, figure } from "../measure.ts";
import type { Arrival } from "./protocol.ts";
import type { Sent } from "./wire.ts";

export interface Delivered {
  readonly name: string;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly arrivals: readonly Arrival[];
  /** At the wire, by host: of those that are watched there. */
  readonly sent: ReadonlyMap<number, Sent>;
}

/** @param hosts that are involved */
export function figuresOf(
  name: string,
  delivered: readonly Delivered[],
  hosts: ReadonlySet<number>,
): readonly Figure[] {
  const involved = delivered.map(({ arrivals }) => arrivals.filter(({ n }) => hosts.has(n)));
  const uninvolved = delivered.map(({ arrivals }) => arrivals.filter(({ n }) => !hosts.has(n)));
  const messagesOf = (arrivals: readonly Arrival[]): number =>
    arrivals.reduce((sum, { messages }) => sum + messages, 0);
  const lags = delivered.flatMap(({ sentAt, arrivals }) =>
    arrivals.flatMap(({ compiledAt, unitsRun }) =>
      unitsRun > 0 && compiledAt !== undefined ? [compiledAt - sentAt] : [],
    ),
  );
  const commitLags = delivered.flatMap(({ arrivals }) =>
    arrivals.flatMap(({ lagMs, unitsRun }) => (unitsRun > 0 && lagMs !== undefined ? [lagMs] : [])),
  );
  const atTheWire = (isInvolved: boolean): readonly Sent[] =>
    delivered.flatMap(({ sent }) => Array.from(sent).flatMap(([n, one]) => (hosts.has(n) === isInvolved ? [one] : [])));
  const all: readonly Figure[] = [
    figure(
      `${name}: messages to an involved host, at the wire`,
      "count",
      atTheWire(true).map(({ messages }) => messages),
      { note: "answers to its own writes included" },
    ),
    figure(
      `${name}: bytes to an involved host, at the wire`,
      "bytes",
      atTheWire(true).map(({ bytes }) => bytes),
      { note: "before TLS" },
    ),
    figure(
      `${name}: messages to an uninvolved host, at the wire`,
      "count",
      atTheWire(false).map(({ messages }) => messages),
      { bound: 0 },
    ),
    figure(
      `${name}: bytes to an uninvolved host, at the wire`,
      "bytes",
      atTheWire(false).map(({ bytes }) => bytes),
      { bound: 0, note: "keepalive aside" },
    ),
    figure(
      `${name}: commits to an involved host`,
      "count",
      involved.flatMap((arrivals) => arrivals.map(({ messages }) => messages)),
    ),
    figure(`${name}: commits to all uninvolved hosts`, "count", uninvolved.map(messagesOf), { bound: 0 }),
    figure(
      `${name}: units run by an involved host`,
      "count",
      involved.flatMap((arrivals) => arrivals.map(({ unitsRun }) => unitsRun)),
    ),
    figure(`${name}: request to compiled by a host`, "ms", lags),
    figure(`${name}: request to compiled by a host, p99`, "ms", lags.length === 0 ? [] : [percentile99(lags)]),
    figure(`${name}: commit to compiled by a host`, "ms", commitLags),
    figure(
      `${name}: commit to compiled by a host, p99`,
      "ms",
      commitLags.length === 0 ? [] : [percentile99(commitLags)],
    ),
    figure(
      `${name}: request to the API's answer`,
      "ms",
      delivered.map(({ sentAt, answeredAt }) => answeredAt - sentAt),
    ),
  ];
  return all.filter(({ runs }) => runs > 0);
}
function percentile99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(0.99 * sorted.length))] ?? Number.NaN;
}
