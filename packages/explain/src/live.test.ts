import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePacket } from "@dragonflow/packet";
import { frameOf, headersOf, resetOf } from "./frame.ts";
import { isThrough, lastSeen, type LiveLeg, liveLines, type Sent, sentLines } from "./live.ts";
import { parseService } from "./question.ts";
import { names, rowsOf, scene } from "./testing/scene.ts";
import { World } from "./world.ts";

const MAC = { src: "02:00:00:00:00:01", dst: "02:00:00:00:00:02" };
const leg = (chassis: string, ...packets: readonly (number | null)[]): LiveLeg => ({
  chassis,
  steps: packets.map((count, i) => ({ table: `table${i}`, text: "", packets: count })),
});

test("where it was last seen, and whether every flow has met every copy", () => {
  const cases: readonly (readonly [LiveLeg[], string | undefined, boolean])[] = [
    [[leg("host1", 5, 5), leg("host2", 5, 6)], "host2 table1", true],
    [[leg("host1", 5, 5), leg("host2", 5, 3)], "host2 table1", false],
    // Others' packets share flows with it.
    [[leg("host1", 5, 0), leg("host2", 1, 2)], "host1 table0", false],
    [[leg("host1", 5, 5), leg("host2", 0, 0)], "host1 table1", false],
    [[leg("host1", 5, null)], "host1 table0", false],
    [[leg("host1", 0)], undefined, false],
  ];
  for (const [legs, place, through] of cases) {
    const seen = lastSeen(legs, 5);
    assert.equal(seen && `${seen.chassis} ${seen.table}`, place);
    assert.equal(isThrough(legs, 5), through);
  }
});

test("a SYN is ended as its sender would end it, and nothing else is", () => {
  for (const [from, to] of [
    ["10.0.0.1", "10.0.0.2"],
    ["fd00::1", "fd00::2"],
  ] as const) {
    const syn = frameOf(headersOf(from, to, parseService("tcp/22"), 50_000), MAC);
    const { ethernet, tcp, ipv4, ipv6 } = decodePacket(resetOf(syn) ?? assert.fail());
    const before = decodePacket(syn);
    assert.deepEqual([ethernet?.src, ipv4?.src, ipv6?.src], [before.ethernet.src, before.ipv4?.src, before.ipv6?.src]);
    assert.deepEqual([tcp?.sourcePort, tcp?.destinationPort, tcp?.sequence], [50_000, 22, 1]);
    assert.deepEqual([tcp?.flags.rst, tcp?.flags.syn], [true, false]);
    for (const service of ["udp/53", "icmp"])
      assert.equal(resetOf(frameOf(headersOf(from, to, parseService(service)), MAC)), undefined);
  }
});

test("the sequence number behind the last one is 0", () => {
  const syn = frameOf(headersOf("10.0.0.1", "10.0.0.2", parseService("tcp/22"), 50_000), MAC);
  // Behind 14 bytes of Ethernet, 20 of IP and the ports.
  syn.set([0xff, 0xff, 0xff, 0xff], 38);
  assert.equal(decodePacket(resetOf(syn) ?? assert.fail()).tcp?.sequence, 0);
});

test("an echo request is told from others by its id", () => {
  const { icmp4 } = decodePacket(frameOf(headersOf("10.0.0.1", "10.0.0.2", parseService("icmp")), MAC, 0xabcd));
  assert.match(JSON.stringify(icmp4), /"id":43981|"identifier":43981/);
});

test("what others may have had a part in is said", () => {
  const words = { world: new World(rowsOf(scene())), names, responders: new Map() };
  const sent: Sent = {
    copies: 5,
    headers: headersOf("10.0.0.1", "10.0.0.2", parseService("udp/53"), 50_000),
    echoId: null,
    connections: [
      { portId: "p1", isTracked: true },
      { portId: "p2", isTracked: null },
    ],
    delivered: { packets: 7, dropped: 1 },
  };
  const quiet = [leg("host1", 5)];
  const busy = [leg("host1", 9)];
  assert.match(
    sentLines(words, quiet, sent)[0] ?? "",
    /source port 50000 as its source; last met on host1, in table table0$/,
  );
  assert.match(sentLines(words, busy, sent)[0] ?? "", /if it was not others' packets that were counted$/);
  assert.match(liveLines(busy, 5).join(), /\+9.*others' packets among them/);
  assert.doesNotMatch(liveLines(quiet, 5).join(), /others'/g);
  const [, first, second, third] = sentLines(words, quiet, sent);
  assert.match(first ?? "", /p1 has the connection of this very packet/);
  assert.match(second ?? "", /p2 is not there, or was not asked/);
  assert.match(third ?? "", /given 7 packets meanwhile, and did not take 1, others' among them/);
});
