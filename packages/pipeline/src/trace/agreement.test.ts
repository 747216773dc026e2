/**
 * The tracer against a real Open vSwitch: the same flows, the same packets, the same answers, down to each flow that was met and each header that was
 * changed.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { APPS } from "@dragonflow/controller";
import type { State } from "@dragonflow/engine";
import { encodePacket, parseIpv4, parseMac } from "@dragonflow/packet";
import fc from "fast-check";
import { lookupsOf } from "../testing/agreement.ts";
import { compile } from "../testing/compile.ts";
import { packetChoices, packetOf } from "../testing/random-packets.ts";
import { connections } from "../testing/random-security.ts";
import { FIRST_PORT, rowsOf, securedTopologies } from "../testing/random-topology.ts";
import { arpRequest } from "../testing/frames.ts";
import { host, identity, ipv4, mac, network, port, securityGroup } from "../testing/topology.ts";
import { DaemonGone, TracedSwitch } from "../testing/traced-switch.ts";
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

test("a TCP header that says of itself that it is too short, or longer than the packet, has no ports", async () => {
  const frameOf = (headerWords: number, optionBytes: number): Uint8Array => {
    const frame = encodePacket({
      ethernet: { src: parseMac(mac(FIRST_PORT)), dst: parseMac(mac(12)) },
      ipv4: { src: parseIpv4(ipv4(1, FIRST_PORT)), dst: parseIpv4(ipv4(1, 12)), ttl: 64 },
      tcp: { sourcePort: 1000, destinationPort: 80, sequence: 1, acknowledgement: 0, flags: { syn: true } },
      payload: new Uint8Array(optionBytes),
    });
    return frame.with(14 + 20 + 12, headerWords << 4);
  };
  for (const stateful of [true, false]) {
    const rules = [{ n: 1, direction: "egress", protocol: 6, portMin: 80, portMax: 80 } as const];
    const tracer = await install([
      ...host(),
      ...network({ n: 1 }),
      ...securityGroup({ n: 1, stateful, rules }),
      ...identity(1, [1]),
      ...port({ n: FIRST_PORT, network: 1, groups: [1], identity: 1 }),
      ...port({ n: 12, network: 1 }),
    ]);
    const isSent = async (headerWords: number, optionBytes: number): Promise<boolean> => {
      const sent = { inPort: FIRST_PORT, frame: frameOf(headerWords, optionBytes), fields: {} };
      const { outcomes } = await real.compare(tracer, sent, stateful ? { state: "new" } : undefined);
      return outcomes.some(({ type }) => type === "output");
    };
    assert.deepEqual([await isSent(5, 0), await isSent(5, 4), await isSent(6, 4)], [true, true, true]);
    assert.deepEqual([await isSent(0, 4), await isSent(4, 4), await isSent(6, 0)], [false, false, false]);
  }
});

test("whoever asks a switch that is gone learns that at once", async () => {
  const other = await TracedSwitch.start();
  const sent = { inPort: FIRST_PORT, frame: arpRequest({ mac: mac(1), ip: ipv4(1, 1) }, ipv4(1, 2)), fields: {} };
  const asked = [...Array.from({ length: 40 }, () => other.trace(sent)), other.install(new Map())];
  const answers = Promise.allSettled(asked);
  await other.stop();
  for (const answer of await answers) assert.ok(answer.status === "fulfilled" || answer.reason instanceof DaemonGone);
  await assert.rejects(other.trace(sent), DaemonGone);
  await assert.rejects(other.install(new Map()), DaemonGone);
});
