/**
 * What becomes of a packet? Asked three times: of the model (`fateOf`, which knows no flow); of our tracer, followed over all hosts that the packet comes
 * to, with the flows that each compiles by itself; and of `ofproto/trace` of a real Open vSwitch with the flows of each of these hosts, of every packet
 * that comes there. They have to agree on which ports get it, as what, who answers it in their place, and what the controller says.
 *
 * DRAGONFLOW_SEED=… repeats a run, which prints its seed. What is found is shrunk, and printed in the words of the model.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Fate, fateOf } from "@dragonflow/evaluator";
import { sentChoices, sentOf } from "@dragonflow/evaluator/testing";
import { ConnectionError } from "@dragonflow/openflow";
import { DaemonGone, TracedSwitch } from "@dragonflow/pipeline/switch/testing";
import fc from "fast-check";
import { ExactlyMany, HOSTS, type Scene, sceneChoices, sceneOf } from "./support/oracle/scene.ts";
import { type Arrival, compareAt } from "./support/oracle/switch.ts";
import { describeWay, differenceOf, legsOf } from "./support/oracle/ways.ts";

const FULL = process.env["DRAGONFLOW_FULL"] === "1";
const TOPOLOGIES = FULL ? 500 : 20;
const PACKETS_OF_EACH = 200;
const SEED = Number(process.env["DRAGONFLOW_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

let real: TracedSwitch;
before(async () => {
  real = await TracedSwitch.start();
});
after(() => real.stop());

/** What happened how often: so that nobody takes a run for a test in which nothing did. */
class Tally {
  readonly #counts = new Map<string, number>();
  add(what: string, times = 1): void {
    this.#counts.set(what, this.of(what) + times);
  }
  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }
  fate({ answer, receivers, egress }: Fate, ttl: number | undefined): void {
    this.add("packets");
    if (egress?.allowed === true) this.add("sent on");
    if (answer?.frame !== undefined) this.add(`answered: ${answer.by}`);
    else if (!receivers.some(({ verdict }) => verdict.allowed)) this.add("dropped");
    for (const { verdict, frame } of receivers) {
      if (!verdict.allowed) this.add("kept from a port by its rules");
      else this.add("delivered");
      if (frame.content.type !== "ip" || ttl === undefined || !verdict.allowed) continue;
      if (frame.content.ttl < ttl) this.add("delivered through a router");
      if (frame.content.ttl < ttl - 1) this.add("delivered through several routers");
    }
  }
  toString(): string {
    return [...this.#counts].map(([what, count]) => `${what} ${count}`).join(", ");
  }
}

test("the model, our tracer over all hosts and ofproto/trace on each agree on what becomes of every packet", async (t) => {
  t.diagnostic(`DRAGONFLOW_SEED=${SEED}`);
  const tally = new Tally();
  let broken: Error | undefined;
  const property = fc.asyncProperty(
    fc.noBias(sceneChoices),
    fc.noBias(new ExactlyMany(sentChoices, PACKETS_OF_EACH)),
    async (choice, packets) => {
      const scene = await sceneOf(choice);
      const sent = packets.map((packet) => sentOf(scene.topology, packet));
      const arrivals: Arrival[] = [];
      for (const one of sent) {
        const fate = fateOf(scene.topology, one, scene.isPlugged);
        const legs = await legsOf(scene, one);
        const difference = differenceOf(fate, legs, one);
        if (difference !== undefined) assert.fail(`${difference}\n${describeWay(scene, one, fate, legs)}`);
        tally.fate(fate, one.frame.content.type === "ip" ? one.frame.content.ttl : undefined);
        if (legs.length > 1) tally.add("seen by several hosts");
        arrivals.push(...legs.map((leg) => ({ sent: one, leg })));
      }
      try {
        await compareWithSwitches(scene, arrivals, tally);
        tally.add("topologies");
      } catch (error) {
        if (!(error instanceof DaemonGone || error instanceof ConnectionError)) throw error;
        // No disagreement, and nothing that fewer packets would make clearer: the run ends here.
        broken = error;
        throw new fc.PreconditionFailure(true);
      }
    },
  );
  try {
    await fc.assert(property, { numRuns: TOPOLOGIES, seed: SEED });
  } catch (error) {
    throw broken === undefined ? error : new AggregateError([broken, error], broken.message);
  } finally {
    t.diagnostic(tally.toString());
  }
  if (broken !== undefined) throw broken;
  assert.ok(tally.of("delivered through a router") > TOPOLOGIES && tally.of("seen by several hosts") > TOPOLOGIES);
  assert.ok(tally.of("told to ofproto/trace in full") > tally.of("asked of ofproto/trace") / 2);
});

async function compareWithSwitches(scene: Scene, arrivals: readonly Arrival[], tally: Tally): Promise<void> {
  for (const chassis of HOSTS) {
    const here = arrivals.filter(({ leg }) => leg.host.chassis === chassis);
    const host = scene.hosts.get(chassis);
    if (here.length === 0 || host === undefined) continue;
    const { asked, whole } = await compareAt(real, host, here, ({ sent, leg }) =>
      describeWay(scene, sent, fateOf(scene.topology, sent, scene.isPlugged), [leg]),
    );
    tally.add("asked of ofproto/trace", asked);
    tally.add("told to ofproto/trace in full", whole);
  }
}
