/** Packets that must pass, and packets that must not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePacket, parseIpv4, parseMac } from "@dragonflow/packet";
import type { Connection } from "@dragonflow/pipeline";
import { linkLocalText } from "@dragonflow/pipeline";
import {
  arpRequest,
  dhcpRequest,
  type End,
  ethernetFrame,
  groupId,
  host,
  identity,
  ipv4,
  ipv6,
  mac,
  neighbourAdvertisement,
  neighbourSolicitation,
  network,
  networkKey,
  ping,
  port,
  portKey,
  type RuleSpec,
  router,
  routerAdvertisement,
  routerSolicitation,
  securityGroup,
  TestBed,
  udp,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

const WEB = 1;
const CLIENTS = 2;
const FREE = 3;
const rules: readonly RuleSpec[] = [
  { n: 1, direction: "ingress", protocol: 17, portMin: 5000, portMax: 5003, remoteGroupId: groupId(CLIENTS) },
  {
    n: 2,
    direction: "ingress",
    ipVersion: 6,
    protocol: 17,
    portMin: 5000,
    portMax: 5003,
    remoteGroupId: groupId(CLIENTS),
  },
  { n: 3, direction: "ingress", protocol: 1, portMin: 8, portMax: 0, remotePrefix: "192.0.2.0/24" },
  { n: 4, direction: "egress", protocol: 17, portMin: 53, portMax: 53, remoteGroupId: groupId(CLIENTS) },
];
const state = [
  ...host(),
  ...network({ n: 1 }),
  ...network({ n: 2, networkType: "vxlan" }),
  ...router(1, [1, 2]),
  ...securityGroup({ n: WEB, rules }),
  ...securityGroup({ n: CLIENTS, rules: [] }),
  ...securityGroup({
    n: FREE,
    stateful: false,
    rules: [
      { n: 30, direction: "ingress", protocol: 17, portMin: 0, portMax: 5000 },
      { n: 31, direction: "egress", protocol: 17 },
    ],
  }),
  ...identity(10, [WEB]),
  ...identity(20, [CLIENTS]),
  ...identity(21, [CLIENTS, FREE]),
  ...identity(30, [FREE]),
  ...port({ n: 11, network: 1, groups: [WEB], identity: 10 }),
  ...port({ n: 12, network: 2, groups: [WEB], identity: 10 }),
  ...port({ n: 13, network: 1, groups: [FREE], identity: 30 }),
  ...port({ n: 14, network: 1, groups: [] }),
  ...port({ n: 15, network: 1, portSecurity: false }),
  ...port({ n: 21, network: 1, chassis: "host2", groups: [CLIENTS], identity: 20 }),
  ...port({ n: 22, network: 2, chassis: "host2", groups: [CLIENTS], identity: 20 }),
  ...port({ n: 23, network: 2, chassis: "host2", groups: [FREE], identity: 30 }),
];
const bed = new TestBed([app], state);

const end = (n: number, net = 1, version: 4 | 6 = 4): End => ({
  mac: mac(n),
  ip: version === 4 ? ipv4(net, n) : ipv6(net, n),
});
const sent = (n: number, frame: Uint8Array, connection: Connection = { state: "new" }, net = 1): readonly string[] =>
  bed.send(frame, {
    table: "egress_port",
    registers: { sourcePort: portKey(n), network: networkKey(net) },
    connection,
  });
/** By Geneve, with an identity in the option. */
const got = (
  n: number,
  frame: Uint8Array,
  from: number,
  connection: Connection = { state: "new" },
): readonly string[] =>
  bed.send(frame, {
    table: "ingress_port",
    registers: { destinationPort: portKey(n), network: networkKey(1), tunnelType: 1, fromTunnel: 1 },
    fields: { tun_metadata0: BigInt(from) },
    connection,
  });
const PASSES_OUT = ["to services"];
const PASSES_IN = ["to delivery"];
const NO_RULE_OUT = ["drop in egress_rules: miss"];
const NO_RULE_IN = ["drop in ingress_rules: miss"];
/** The flow that marks, or the one that finds the mark. */
const ENDED = ["drop in ingress_rules: flow"];
const MARKED = ["drop in ingress_state: flow"];

const request = (to = 5002): Uint8Array => udp(end(21), end(11), { destinationPort: to });

test("what a rule allows passes, from any set of groups that has the remote group, and nobody else", () => {
  assert.deepEqual(got(11, request(), 20), PASSES_IN);
  assert.deepEqual(got(11, request(), 21), PASSES_IN);
  assert.deepEqual(got(11, udp(end(21, 1, 6), end(11, 1, 6), { destinationPort: 5000 }), 20), PASSES_IN);
  for (const other of [0, 10, 30, 999]) assert.deepEqual(got(11, request(), other), NO_RULE_IN);
  assert.deepEqual(got(11, request(5004), 20), NO_RULE_IN);
  assert.deepEqual(got(11, request(4999), 20), NO_RULE_IN);
});

test("type and code of ICMP, and a prefix", () => {
  const from = (ip: string): Uint8Array => ping({ mac: mac(99), ip }, end(11));
  assert.deepEqual(got(11, from("192.0.2.9"), 0), PASSES_IN);
  assert.deepEqual(got(11, from("192.0.3.9"), 0), NO_RULE_IN);
  assert.deepEqual(got(11, ping(end(21, 1, 6), end(11, 1, 6)), 20), NO_RULE_IN);
});

test("answers and errors follow a connection; what can be of none does not", () => {
  for (const state of ["reply", "related", "related-reply"] as const) {
    assert.deepEqual(got(11, request(9), 0, { state }), PASSES_IN);
    assert.deepEqual(sent(11, udp(end(11), end(21)), { state }), PASSES_OUT);
  }
  assert.deepEqual(got(11, request(), 20, { state: "invalid" }), ["drop in ingress_state: flow"]);
});

test("an established connection passes the rules again: a packet that none allows ends it, in both directions", () => {
  assert.deepEqual(got(11, request(), 20, { state: "established" }), PASSES_IN);
  // The sender is no member any more: its host says so in the option.
  assert.deepEqual(got(11, request(), 30, { state: "established" }), ENDED);
  assert.deepEqual(got(11, request(5004), 20, { state: "established" }), ENDED);
  const marks = bed.trace(request(5004), {
    table: "ingress_port",
    registers: { destinationPort: portKey(11), network: networkKey(1) },
    connection: { state: "established" },
  });
  const last = marks.steps.at(-1);
  assert.ok(last?.type === "lookup" && last.flow?.instructions.apply?.[0]?.type === "ct");
  for (const state of ["reply", "related"] as const) {
    assert.deepEqual(got(11, request(), 20, { state, mark: 1 }), MARKED);
    assert.deepEqual(sent(11, udp(end(11), end(21)), { state, mark: 1 }), ["drop in egress_state: flow"]);
  }
  // A rule that allows it again gives it back, with its next packet.
  assert.deepEqual(got(11, request(), 30, { state: "established", mark: 1 }), ENDED);
  assert.deepEqual(got(11, request(), 20, { state: "established", mark: 1 }), PASSES_IN);
  const healed = bed.trace(request(), {
    table: "ingress_port",
    registers: { destinationPort: portKey(11), network: networkKey(1), sourceIdentity: 20 },
    connection: { state: "established", mark: 1 },
  });
  const clears = healed.steps.find((step) => step.type === "lookup" && step.tableName === "ingress_accepted");
  assert.ok(clears?.type === "lookup" && clears.flow?.instructions.apply?.[0]?.type === "ct");
});

test("before a packet is sent its receiver is known by its address, also behind a router", () => {
  const query = (to: End): Uint8Array => udp(end(11), to, { destinationPort: 53 });
  assert.deepEqual(sent(11, query(end(21))), PASSES_OUT);
  assert.deepEqual(sent(11, query(end(22, 2))), PASSES_OUT);
  assert.deepEqual(sent(11, query(end(23, 2))), NO_RULE_OUT);
  assert.deepEqual(sent(11, query({ mac: mac(9), ip: "192.0.2.1" })), NO_RULE_OUT);
  assert.deepEqual(sent(11, query(end(23, 2)), { state: "established" }), ["drop in egress_rules: flow"]);
});

test("where VXLAN brought it the sender is known by its address, and never by what an option might say", () => {
  const by = (tunnelType: number, from: End): readonly string[] =>
    bed.send(udp(from, end(12, 2), { destinationPort: 5001 }), {
      table: "ingress_port",
      registers: { destinationPort: portKey(12), network: networkKey(2), tunnelType, fromTunnel: 1 },
      fields: { tun_metadata0: 30n },
    });
  assert.deepEqual(by(2, end(22, 2)), PASSES_IN);
  assert.deepEqual(by(2, end(21, 1)), PASSES_IN);
  assert.deepEqual(by(2, end(23, 2)), NO_RULE_IN);
  assert.deepEqual(by(1, end(22, 2)), NO_RULE_IN);
});

test("a sender on this host is known by its register", () => {
  const by = (sourceIdentity: number): readonly string[] =>
    bed.send(request(), {
      table: "ingress_port",
      registers: { destinationPort: portKey(11), network: networkKey(1), sourceIdentity },
    });
  assert.deepEqual(by(20), PASSES_IN);
  assert.deepEqual(by(30), NO_RULE_IN);
});

test("stateless: every packet by itself, whatever a connection may say; fragments have no ports", () => {
  for (const state of ["new", "established", "reply"] as const) {
    assert.deepEqual(got(13, udp(end(21), end(13), { destinationPort: 5000 }), 0, { state }), PASSES_IN);
    assert.deepEqual(got(13, udp(end(21), end(13), { destinationPort: 5001 }), 0, { state }), NO_RULE_IN);
  }
  const later = encodePacket({
    ethernet: { src: parseMac(mac(21)), dst: parseMac(mac(13)) },
    ipv4: { src: parseIpv4(ipv4(1, 21)), dst: parseIpv4(ipv4(1, 13)), protocol: 17, fragmentOffsetBytes: 64 },
    payload: new Uint8Array(8),
  });
  assert.deepEqual(got(13, later, 0), NO_RULE_IN);
  assert.deepEqual(sent(13, later), PASSES_OUT);
});

test("what a stateful sender's zone says does not count at a stateless receiver", () => {
  const answer = udp(end(11), end(13), { destinationPort: 6000 });
  const [left] = bed.ends(answer, {
    table: "egress_port",
    registers: { sourcePort: portKey(11), network: networkKey(1) },
    connection: { state: "reply" },
  });
  assert.equal(left?.fields.ct_state ?? 0, 0);
});

test("a later fragment of a protocol with ports passes where some port may, because the first one decides", () => {
  const later = encodePacket({
    ethernet: { src: parseMac(mac(21)), dst: parseMac(mac(11)) },
    ipv4: { src: parseIpv4(ipv4(1, 21)), dst: parseIpv4(ipv4(1, 11)), protocol: 17, fragmentOffsetBytes: 64 },
    payload: new Uint8Array(8),
  });
  assert.deepEqual(got(11, later, 20), PASSES_IN);
  assert.deepEqual(got(11, later, 20, { state: "established" }), PASSES_IN);
  assert.deepEqual(got(11, later, 30), NO_RULE_IN);
  // A first fragment is compared by what conntrack knows of its datagram.
  const original = { protocol: 17, source: 4000, destination: 5001 };
  const first = encodePacket({
    ethernet: { src: parseMac(mac(21)), dst: parseMac(mac(11)) },
    ipv4: { src: parseIpv4(ipv4(1, 21)), dst: parseIpv4(ipv4(1, 11)), moreFragments: true },
    udp: { sourcePort: 4000, destinationPort: 5001 },
    payload: new Uint8Array(8),
  });
  assert.deepEqual(got(11, first, 20, { state: "new", original }), PASSES_IN);
});

test("without a rule and without a group: what a port needs to have an address and neighbours, and nothing else", () => {
  const own6: End = { mac: mac(14), ip: linkLocalText(mac(14)) };
  const needed: Readonly<Record<string, Uint8Array>> = {
    ARP: arpRequest(end(14), ipv4(1, 1)),
    "neighbour solicitation": neighbourSolicitation(own6, ipv6(1, 1)),
    "neighbour advertisement": neighbourAdvertisement(own6),
    "router solicitation": routerSolicitation(own6),
    "DHCP request": dhcpRequest({ options: {} }, mac(14)),
    "DHCPv6 request": udp(
      own6,
      { mac: "33:33:00:01:00:02", ip: "ff02::1:2" },
      { sourcePort: 546, destinationPort: 547 },
    ),
  };
  for (const [name, frame] of Object.entries(needed)) assert.deepEqual(sent(14, frame), PASSES_OUT, name);
  assert.deepEqual(sent(14, ping(end(14), end(11))), ["drop in egress_conntrack: flow"]);
  assert.deepEqual(sent(14, ethernetFrame(mac(14), mac(11), 0x88cc)), ["drop in egress_conntrack: miss"]);
  assert.deepEqual(sent(11, ethernetFrame(mac(11), mac(14), 0x88cc)), ["drop in egress_conntrack: miss"]);

  const peer6: End = { mac: mac(21), ip: linkLocalText(mac(21)) };
  assert.deepEqual(got(14, arpRequest(end(21), ipv4(1, 14)), 20), PASSES_IN);
  assert.deepEqual(got(14, neighbourSolicitation(peer6, ipv6(1, 14)), 20), PASSES_IN);
  assert.deepEqual(got(14, neighbourAdvertisement(peer6), 20), PASSES_IN);
  for (const frame of [routerAdvertisement(peer6), routerSolicitation(peer6), ping(end(21), end(14))])
    assert.deepEqual(got(14, frame, 20), ["drop in ingress_conntrack: flow"]);
  assert.deepEqual(got(11, routerAdvertisement(peer6), 20), NO_RULE_IN);
  assert.deepEqual(got(11, dhcpRequest({ options: {} }, mac(21)), 20), NO_RULE_IN);
});

test("port security off: everything passes, by no zone", () => {
  for (const frame of [ping(end(15), end(11)), ethernetFrame(mac(15), mac(11), 0x88cc)]) {
    assert.deepEqual(sent(15, frame), PASSES_OUT);
    assert.deepEqual(got(15, frame, 0), PASSES_IN);
  }
  assert.equal(bed.bound.zoneNumber(`c000000f-0000-4000-8000-00000000000f`), 0);
});

test("a request that passes without a rule still says who sent it", () => {
  const [left] = bed.ends(dhcpRequest({ options: {} }, mac(11)), {
    table: "egress_port",
    registers: { sourcePort: portKey(11), network: networkKey(1) },
  });
  assert.equal(left?.registers.sourceIdentity, 10);
});
