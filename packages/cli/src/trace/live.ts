import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import {
  type Explanation,
  isThrough,
  isTracked,
  type Known,
  type Leg,
  liveLeg,
  type LiveLeg,
  type Place,
  type Question,
  resetOf,
  type Sent,
  type Vocabulary,
} from "@dragonflow/explain";
import { warn } from "../output.ts";
import type { Counts, TracedHosts } from "./hosts.ts";

/** One may be lost where a neighbour of the underlay is not resolved yet. */
const COPIES = 5;
/** vswitchd brings what its datapath counted to its flows twice a second; what is not there by then did not get there. */
const COUNTED_MS = 3000;
const BETWEEN_MS = 100;
/** RFC 6335 section 6: ports that nobody is assigned. */
const DYNAMIC = { first: 49_152, last: 65_535 } as const;

type Hosts = Pick<TracedHosts, "connections" | "counts" | "inject" | "isReached">;

/** What really went a packet's way. */
export interface Live {
  readonly legs: readonly LiveLeg[];
  /** Undefined: nothing was sent. */
  readonly sent: Sent | undefined;
}

/** The ports of the two ends, as far as they are ports of VMs. */
export const endsOf = ({ source, destination: { place } }: Question): readonly Place[] => [
  source,
  ...(place === undefined || place.isRouter ? [] : [place]),
];

/** The same question, of a packet that no other is like: a source port, and an id of ICMP, that none of these connections has. */
export function marked(question: Question, known: Known): Question {
  if (question.frame !== undefined) return question;
  const all = [...known.values()].flat();
  const ports = new Set(all.flatMap(({ first, second }) => [first, second]));
  const ids = new Set(all.map(({ id }) => id));
  const free = (first: number, last: number, taken: ReadonlySet<number | undefined>): number => {
    const from = randomInt(first, last + 1);
    const count = last - first + 1;
    for (let i = 0; i < count; i++) {
      const candidate = first + ((from - first + i) % count);
      if (!taken.has(candidate)) return candidate;
    }
    return from;
  };
  return {
    ...question,
    sourcePort: question.sourcePort ?? free(DYNAMIC.first, DYNAMIC.last, ports),
    echoId: free(1, 0xffff, ids),
  };
}

/**
 * Sends the packet through the switch of its source's host, as its VM would, and looks where it was counted and tracked. What a SYN has begun is ended
 * by a reset, as its sender would.
 */
export async function send(words: Vocabulary, hosts: Hosts, explanation: Explanation): Promise<Live> {
  const { question, frame, headers, legs } = explanation;
  const { source } = question;
  const isPossible = frame !== undefined && legs.length > 0 && (await hosts.isReached(source.chassis));
  if (!isPossible) return { legs: [], sent: undefined };
  const destination = endsOf(question)[1];
  const before = await hosts.counts(legs, destination);
  await hosts.inject(source, frame, COPIES);
  const reset = resetOf(frame);
  const ends = endsOf(question);
  let after: Counts;
  let known: Known;
  try {
    after = await countedAfter(words, hosts, legs, before, destination);
    known = await hosts.connections(ends);
  } finally {
    // Also where somebody does not tell what was counted.
    if (reset !== undefined) await hosts.inject(source, reset, 1);
  }
  const echoId = headers?.header?.type === "icmp" ? (question.echoId ?? null) : null;
  const delivered =
    before.port === undefined || after.port === undefined
      ? null
      : {
          packets: after.port.packets - before.port.packets,
          dropped: after.port.dropped - before.port.dropped,
        };
  const connections = ends.map(({ id }) => {
    const all = known.get(id);
    const is = all === undefined || headers === undefined ? null : isTracked(all, headers, question.echoId ?? 0);
    return { portId: id, isTracked: is };
  });
  return { legs: difference(words, before, after), sent: { copies: COPIES, headers, echoId, connections, delivered } };
}

/** What is counted once all copies have come through, or should have. */
async function countedAfter(
  words: Vocabulary,
  hosts: Hosts,
  legs: readonly Leg[],
  before: Counts,
  destination: Place | undefined,
): Promise<Counts> {
  let after = await hosts.counts(legs, destination);
  const deadline = performance.now() + COUNTED_MS;
  while (performance.now() < deadline && !isThrough(difference(words, before, after), COPIES)) {
    await pause(BETWEEN_MS);
    after = await hosts.counts(legs, destination);
  }
  return after;
}

/** What really goes this way, for so many seconds. Nothing is sent, and no flow added: the flows that are there count. */
export async function wait(words: Vocabulary, hosts: Hosts, { legs }: Explanation, seconds: number): Promise<Live> {
  const before = await hosts.counts(legs, undefined);
  warn(`watching for ${seconds} s: send it now`);
  await pause(seconds * 1000);
  return { legs: difference(words, before, await hosts.counts(legs, undefined)), sent: undefined };
}

function difference(words: Vocabulary, before: Counts, after: Counts): readonly LiveLeg[] {
  return [...after.flows].flatMap(([leg, last]) => {
    const first = before.flows.get(leg);
    return first === undefined ? [] : [liveLeg(words, leg, first, last)];
  });
}
