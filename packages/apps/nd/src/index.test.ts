import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, type State } from "@dragonflow/engine";
import {
  ALL_NODES,
  decodePacket,
  encodePacket,
  isNd,
  ndFault,
  neighbourAdvertisement as advertisementFor,
  parseIpv6,
  parseMac,
} from "@dragonflow/packet";
import { linkLocalText } from "@dragonflow/pipeline";
import {
  alone,
  type End,
  host,
  ipv6,
  mac,
  neighbourAdvertisement,
  neighbourSolicitation,
  network,
  peer,
  ping,
  port,
  portKey,
  printDesired,
  router,
  routerMac,
  routerSolicitation,
  TestBed,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

/** VMs 11 and 12 here, 13 elsewhere, in network 1, behind router 5; 21 in network 2, which has no IPv6. */
const topology: State = [
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2, v6: null }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1 }),
  ...port({ n: 13, network: 1, chassis: "host2" }),
  ...port({ n: 21, network: 2, addresses: [] }),
  ...router(5, [1]),
];
const GATEWAY_MAC = routerMac(5 * 256 + 1);
const vm = (n: number): End => ({ mac: mac(n), ip: ipv6(1, n) });
const nobodyYet: End = { mac: mac(11), ip: "::" };
const entry = { table: "nd", inPort: 11, registers: { sourcePort: portKey(11), network: 1 } };
const bedOf = (...more: readonly State[]): TestBed => new TestBed([app], [...topology, ...more.flat()]);
const ON = "to rest_of_services";
const OWN = "to chain";

function answerOf(bed: TestBed, request: Uint8Array): Uint8Array {
  const [outcome, ...others] = bed.trace(request, entry).outcomes;
  assert.deepEqual(others, []);
  assert.ok(outcome?.type === "output" && outcome.port === 11);
  return outcome.packet.frame();
}
/** Asserts that a solicitation is answered as RFC 4861 section 7.2.4 says: for this MAC, back out of the port it came in by. */
function assertAnswered(bed: TestBed, request: Uint8Array, holder: string, isRouter = false): void {
  const expected = advertisementFor(decodePacket(request), parseMac(holder), { router: isRouter });
  assert.ok(expected);
  assert.deepEqual(answerOf(bed, request), encodePacket(expected));
}

test("flows of a network with a router", () => {
  const bed = bedOf();
  verifyGolden(new URL("../golden/one-network.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("a solicitation for an address of the network is answered: a VM here, a VM elsewhere, the router", () => {
  const bed = bedOf();
  assertAnswered(bed, neighbourSolicitation(vm(11), ipv6(1, 12)), mac(12));
  assertAnswered(bed, neighbourSolicitation(vm(11), ipv6(1, 13)), mac(13));
  assertAnswered(bed, neighbourSolicitation(vm(11), ipv6(1, 1)), GATEWAY_MAC, true);
  assertAnswered(bed, neighbourSolicitation(vm(11), linkLocalText(mac(13))), mac(13));
  assertAnswered(bed, neighbourSolicitation(vm(11), linkLocalText(GATEWAY_MAC)), GATEWAY_MAC, true);
  assertAnswered(bed, neighbourSolicitation(vm(11), ipv6(1, 12), { to: mac(12) }), mac(12));
});

test("a solicitation without its option is answered without one", () => {
  const answer = decodePacket(answerOf(bedOf(), neighbourSolicitation(vm(11), ipv6(1, 12), { sourceMac: null })));
  assert.ok(answer.icmp6?.kind === "neighbour-advertisement");
  assert.deepEqual(answer.icmp6.options, []);
  assert.equal(answer.ethernet.src, parseMac(mac(12)));
});

test("who checks whether an address is free is told by its holder, and for a router by every host", () => {
  const bed = bedOf();
  for (const free of [ipv6(1, 11), ipv6(1, 12), ipv6(1, 99)])
    assert.deepEqual(bed.send(neighbourSolicitation(nobodyYet, free, { sourceMac: null }), entry), [OWN]);
  for (const taken of [ipv6(1, 1), linkLocalText(GATEWAY_MAC)]) {
    const answer = decodePacket(answerOf(bed, neighbourSolicitation(nobodyYet, taken, { sourceMac: null })));
    assert.ok(answer.ipv6 && answer.icmp6?.kind === "neighbour-advertisement" && isNd(answer.icmp6));
    assert.equal(ndFault(answer.ipv6, answer.icmp6), undefined);
    assert.deepEqual(answer.icmp6.flags, { router: true, solicited: false, override: true });
    assert.equal(answer.icmp6.target, parseIpv6(taken));
    assert.equal(answer.ipv6.dst, ALL_NODES);
    assert.deepEqual([answer.ethernet.src, answer.ethernet.dst], [parseMac(GATEWAY_MAC), 0x333300000001]);
  }
});

test("what nobody here can answer goes on", () => {
  const pairs = [{ ip: ipv6(1, 200), mac: mac(14) }];
  const bed = bedOf(port({ n: 14, network: 1, pairs }), port({ n: 15, network: 1, adminUp: false }));
  const goOn: Readonly<Record<string, Uint8Array>> = {
    "unknown address": neighbourSolicitation(vm(11), ipv6(1, 99)),
    "allowed address pair": neighbourSolicitation(vm(11), ipv6(1, 200)),
    "port that is down": neighbourSolicitation(vm(11), ipv6(1, 15)),
    "link-local address of a port without IPv6": neighbourSolicitation(vm(11), linkLocalText(mac(21))),
    advertisement: neighbourAdvertisement(vm(11)),
    "router solicitation": routerSolicitation(vm(11)),
    ping: ping(vm(11), vm(12)),
  };
  for (const [what, frame] of Object.entries(goOn)) assert.deepEqual(bed.send(frame, entry), [ON], what);
});

test("a network without a port here is not answered for", () => {
  const elsewhere = bedOf(network({ n: 3 }), port({ n: 31, network: 3, chassis: "host2" }));
  const asked = { ...entry, registers: { sourcePort: portKey(11), network: 3 } };
  assert.deepEqual(elsewhere.send(neighbourSolicitation(vm(11), ipv6(3, 31)), asked), [ON]);
});

test("the way to a state does not matter", () => {
  const changed = [...topology, ...port({ n: 14, network: 1, adminUp: false }), ...port({ n: 22, network: 2 })];
  checkApp(app.compile, [topology, changed, topology.slice(0, 9), []], alone);
});

test("one remote port changed: one unit, whatever the number of ports", () => {
  for (const count of [100, 10_000]) {
    const many = Array.from({ length: count }, (_, i) => port({ n: 1000 + i, network: 1, chassis: "host2" })).flat();
    const change = port({ n: 1007, network: 1, chassis: "host2", adminUp: false });
    assert.deepEqual(costOf(app.compile, [...topology, ...many], change, alone), { unitsRun: 1, outputsChanged: 2 });
  }
});
