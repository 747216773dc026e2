import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, type State } from "@dragonflow/engine";
import { arpReply as replyTo, decodePacket, encodePacket, parseMac } from "@dragonflow/packet";
import {
  alone,
  arpReply,
  arpRequest,
  type End,
  host,
  ipv4,
  mac,
  network,
  networkId,
  peer,
  ping,
  port,
  portKey,
  printDesired,
  router,
  routerMac,
  subnet,
  TestBed,
  uuid,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

/** VMs 11 and 12 here, 13 elsewhere, in network 1; 21 elsewhere in network 2; router 5 joins them. */
const topology: State = [
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1 }),
  ...port({ n: 13, network: 1, chassis: "host2" }),
  ...port({ n: 21, network: 2, chassis: "host2" }),
  ...router(5, [1, 2]),
];
const vm = (n: number): End => ({ mac: mac(n), ip: ipv4(1, n) });
const entry = { table: "arp", inPort: 11, registers: { sourcePort: portKey(11), network: 1 } };
const bedOf = (...more: readonly State[]): TestBed => new TestBed([app], [...topology, ...more.flat()]);
const ON = ["to rest_of_services"];

/** Asserts that a request is answered as RFC 826 says: for this MAC, back out of the port it came in by. */
function assertAnswered(bed: TestBed, request: Uint8Array, holder: string): void {
  const [outcome, ...others] = bed.trace(request, entry).outcomes;
  assert.deepEqual(others, []);
  assert.ok(outcome?.type === "output" && outcome.port === 11);
  const expected = replyTo(decodePacket(request), parseMac(holder));
  assert.ok(expected);
  assert.deepEqual(outcome.packet.frame(), encodePacket(expected));
}

test("flows of a network with a router", () => {
  const bed = bedOf();
  verifyGolden(new URL("../golden/one-network.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("a request for an address of the network is answered: a VM here, a VM elsewhere, the gateway", () => {
  const bed = bedOf();
  assertAnswered(bed, arpRequest(vm(11), ipv4(1, 12)), mac(12));
  assertAnswered(bed, arpRequest(vm(11), ipv4(1, 13)), mac(13));
  assertAnswered(bed, arpRequest(vm(11), ipv4(1, 1)), routerMac(5 * 256 + 1));
  assertAnswered(bed, arpRequest(vm(11), ipv4(1, 12), { to: mac(12) }), mac(12));
});

test("a probe for somebody's address is answered, so that the duplicate is seen", () => {
  assertAnswered(bedOf(), arpRequest({ mac: mac(11), ip: "0.0.0.0" }, ipv4(1, 12)), mac(12));
  assertAnswered(bedOf(), arpRequest(vm(11), ipv4(1, 1)), routerMac(5 * 256 + 1));
});

test("the holder's own probe and announcement go on, and so does what nobody here can answer", () => {
  const pairs = [{ ip: ipv4(1, 200), mac: mac(12) }];
  const bed = bedOf(port({ n: 14, network: 1, pairs }));
  const goOn: Readonly<Record<string, Uint8Array>> = {
    "own probe": arpRequest({ mac: mac(11), ip: "0.0.0.0" }, ipv4(1, 11)),
    "own announcement": arpRequest(vm(11), ipv4(1, 11)),
    "unknown address": arpRequest(vm(11), ipv4(1, 99)),
    "allowed address pair": arpRequest(vm(11), ipv4(1, 200)),
    "address of another network": arpRequest(vm(11), ipv4(2, 21)),
    reply: arpReply(vm(11), vm(12)),
    "not ARP": ping(vm(11), vm(12)),
  };
  for (const [what, frame] of Object.entries(goOn)) {
    const [verdict] = bed.send(frame, entry);
    assert.ok(verdict === "to chain" || verdict === ON[0], `${what}: ${verdict}`);
  }
});

test("every address of a port and of a second subnet is answered for", () => {
  const second = uuid("b5", 1);
  const addresses = [
    { subnetId: second, ip: "10.1.1.14" },
    { subnetId: second, ip: "10.1.1.15" },
  ];
  const bed = bedOf(subnet({ network: 1, id: second, cidr: "10.1.1.0/24" }), port({ n: 14, network: 1, addresses }));
  assertAnswered(bed, arpRequest(vm(11), "10.1.1.14"), mac(14));
  assertAnswered(bed, arpRequest(vm(11), "10.1.1.15"), mac(14));
});

test("nobody answers for what is down, nor in a network that has no port here", () => {
  const bed = bedOf(port({ n: 14, network: 1, adminUp: false }));
  assert.deepEqual(bed.send(arpRequest(vm(11), ipv4(1, 14)), entry), ON);
  const [record] = network({ n: 1, adminUp: false });
  assert.ok(record);
  const down = new TestBed([app], [...topology.filter(({ id }) => id !== networkId(1)), record]);
  assert.deepEqual(down.send(arpRequest(vm(11), ipv4(1, 12)), entry), ON);
  assert.ok(!printDesired(bed.bound, bed.desired()).includes(ipv4(2, 21)));
});

test("the way to a state does not matter", () => {
  const changed = [...topology, ...port({ n: 14, network: 1, adminUp: false }), ...port({ n: 22, network: 2 })];
  checkApp(app.compile, [topology, changed, topology.slice(0, 9), []], alone);
});

test("one remote port changed: one unit, whatever the number of ports", () => {
  for (const count of [100, 10_000]) {
    const many = Array.from({ length: count }, (_, i) => port({ n: 1000 + i, network: 1, chassis: "host2" })).flat();
    const change = port({ n: 1007, network: 1, chassis: "host2", adminUp: false });
    assert.deepEqual(costOf(app.compile, [...topology, ...many], change, alone), { unitsRun: 1, outputsChanged: 1 });
  }
});
