/**
 * The tracer against a real Open vSwitch: the same flows, the same packets, the same answers, down to each flow that was met and each header that was
 * changed.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { APPS } from "@dragonflow/controller";
import type { State } from "@dragonflow/engine";
import fc from "fast-check";
import { lookupsOf } from "../testing/agreement.ts";
import { compile } from "../testing/compile.ts";
import { packetChoices, packetOf } from "../testing/random-packets.ts";
import { connections } from "../testing/random-security.ts";
import { FIRST_PORT, rowsOf, securedTopologies } from "../testing/random-topology.ts";
import { arpRequest } from "../testing/frames.ts";
import { host, ipv4, mac, network, port } from "../testing/topology.ts";
import { TracedSwitch } from "../testing/traced-switch.ts";
import { printOutcome } from "./print.ts";
import type { Tracer } from "./tracer.ts";

let real: TracedSwitch;
before(async () => {
  real = await TracedSwitch.start();
});
after(() => real.stop());

const install = (state: State): Promise<Tracer> => real.install(new Map(compile(APPS, state).outputs()));

const TOPOLOGIES = process.env["DRAGONFLOW_FULL"] === "1" ? 500 : 20;

test("our traces are those of ofproto/trace, for any packets in any topology", async (t) => {
  let packets = 0;
  const met = new Map<string, number>();
  const packetsOfOne = fc.array(fc.tuple(packetChoices, connections), { minLength: 50, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(securedTopologies, packetsOfOne, async (topology, sent) => {
      const tracer = await install(rowsOf(topology));
      for (const [choice, connection] of sent) {
        const { outcomes } = await real.compare(tracer, packetOf(topology, choice), connection);
        packets++;
        for (const outcome of outcomes) {
          const kind = outcome.type === "drop" ? printOutcome(outcome) : outcome.type;
          met.set(kind, (met.get(kind) ?? 0) + 1);
        }
      }
    }),
    { numRuns: TOPOLOGIES, endOnFailure: true },
  );
  t.diagnostic(`${packets} packets: ${[...met].map(([what, times]) => `${what} ${times}`).join("; ")}`);
  assert.ok(packets >= 1000);
});

test("a flood to 1,200 ports of one network, by several groups, ends in no limit", async () => {
  const state = [
    ...host(),
    ...network({ n: 1 }),
    ...Array.from({ length: 1200 }, (_, i) => port({ n: 3000 + i, network: 1 })).flat(),
    ...port({ n: FIRST_PORT, network: 1 }),
  ];
  const frame = arpRequest({ mac: mac(FIRST_PORT), ip: ipv4(1, FIRST_PORT) }, ipv4(1, 99));
  const sent = { inPort: FIRST_PORT, frame, fields: {} };
  const ours = (await install(state)).trace(sent);
  const theirs = await real.trace(sent, { state: "new" });
  // The ports have no interfaces in the switch: what counts is that each has had its turn.
  assert.deepEqual(lookupsOf(ours), theirs.lookups);
  assert.equal(ours.outcomes.filter(({ type }) => type === "output").length, 1200);
});
