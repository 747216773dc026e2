/** The same asked of a real Open vSwitch, host by host. */
import assert from "node:assert/strict";
import type { Sent } from "@dragonflow/evaluator";
import type { Host, Leg } from "@dragonflow/explain";
import { type Connection, type Outcome, printOutcome } from "@dragonflow/pipeline";
import type { TracedSwitch } from "@dragonflow/pipeline/switch/testing";
import { connectionAt } from "./ways.ts";

/** A frame that came to a host. */
export interface Arrival {
  readonly sent: Sent;
  readonly leg: Leg;
}
export interface Compared {
  /** Arrivals that were asked, each once. */
  readonly asked: number;
  /** Of them those in which `ofproto/trace` could be told all that the zones know: what it says is what the model says. */
  readonly whole: number;
}

/**
 * Asks the switch about all that came to one host, with the flows of this host: it must meet the flows that our tracer meets, and do the same. It can be
 * told of one connection only, and behind the first zone of nothing but its state: the tracer is told no more here.
 * @param explain what to say where they differ.
 * @throws {assert.AssertionError}
 */
export async function compareAt(
  real: TracedSwitch,
  host: Host,
  arrivals: readonly Arrival[],
  explain: (arrival: Arrival) => string,
): Promise<Compared> {
  const tracer = await real.install(new Map(host.desired.map((one) => [one.key, one])));
  const count = { asked: 0, whole: 0 };
  // All at once: the switch takes them as it comes to them.
  await Promise.all(
    [...questionsOf(arrivals)].map(async ([, { arrival, connection }]) => {
      const { entry, frame, fields, trace } = arrival.leg;
      const told = await real
        .compare(tracer, { inPort: entry.inPort, frame, fields }, connection)
        .catch((error: unknown) => {
          if (error instanceof assert.AssertionError)
            assert.fail(`on ${host.chassis}: ${error.message}\n${explain(arrival)}`);
          throw error;
        });
      count.asked++;
      if (actsOf(told.outcomes) === actsOf(trace.outcomes)) count.whole++;
    }),
  );
  return count;
}

/** Each once. */
function questionsOf(arrivals: readonly Arrival[]) {
  return new Map(
    arrivals.map((arrival) => {
      const { entry, frame } = arrival.leg;
      const connection = firstKnown(arrival);
      return [
        JSON.stringify([entry, Buffer.from(frame).toString("hex"), connection]),
        { arrival, connection },
      ] as const;
    }),
  );
}

/** What the first zone on its way through the host knows; undefined: there is none. */
function firstKnown({ sent, leg: { host, trace } }: Arrival): Connection | undefined {
  const first = trace.steps.find((step) => step.type === "tracked");
  if (first?.type !== "tracked") return undefined;
  return connectionAt(sent, first.zone === host.bound.zoneNumber(sent.from) ? "source" : "destination");
}

const actsOf = (outcomes: readonly Outcome[]): string =>
  outcomes
    .flatMap((outcome) =>
      outcome.type === "drop"
        ? []
        : [`${printOutcome(outcome)} ${Buffer.from(outcome.packet.frame()).toString("hex")}`],
    )
    .sort()
    .join();
