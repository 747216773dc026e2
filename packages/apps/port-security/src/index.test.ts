import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf } from "@dragonflow/engine";
import { decodePacket, encodePacket } from "@dragonflow/packet";
import {
  arpReply,
  arpRequest,
  dhcpRequest,
  type End,
  ethernetFrame,
  host,
  ipv4,
  ipv6,
  mac,
  neighbourAdvertisement,
  neighbourSolicitation,
  network,
  alone,
  ping,
  port,
  portKey,
  printDesired,
  routerAdvertisement,
  routerSolicitation,
  tagged,
  TestBed,
  udp,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import { linkLocalText } from "@dragonflow/pipeline";
import app from "./index.ts";

const OWN = mac(11);
const OTHER = mac(12);
const VIRTUAL = "00:00:5e:00:01:07";
const pairs = [
  { ip: "10.0.1.200", mac: VIRTUAL },
  { ip: "172.20.0.0/16", mac: OWN },
  { ip: "2001:db8:20::/48", mac: OWN },
];
const topology = [...host(), ...network({ n: 1 })];
const state = [...topology, ...port({ n: 11, network: 1, pairs }), ...port({ n: 13, network: 1, portSecurity: false })];
const bed = new TestBed([app], state);

const from = (ip: string, from48 = OWN): End => ({ mac: from48, ip });
const peer: End = { mac: OTHER, ip: ipv4(1, 12) };
const peer6: End = { mac: OTHER, ip: ipv6(1, 12) };
const own4 = from(ipv4(1, 11));
const own6 = from(ipv6(1, 11));
const linkLocal = from(linkLocalText(OWN));

const sent = (n: number, frame: Uint8Array): readonly string[] =>
  bed.send(frame, { table: "port_security", registers: { sourcePort: portKey(n), network: 1 } });
const PASS = ["to egress_conntrack"];
const DROP = ["drop in port_security: flow"];
const DROP_ND = ["drop in port_security_nd: flow"];
const MISS = ["drop in port_security: miss"];

test("flows of a port with further addresses, a shared MAC and a prefix", () => {
  const one = new TestBed([app], [...topology, ...port({ n: 11, network: 1, pairs })]);
  verifyGolden(new URL("../golden/one-port.flows", import.meta.url), printDesired(one.bound, one.desired()));
});

test("what is the port's own passes", () => {
  const passes: Readonly<Record<string, Uint8Array>> = {
    IPv4: ping(own4, peer),
    IPv6: ping(own6, peer6),
    "IPv6 from the link-local address": ping(linkLocal, peer6),
    "IPv4 multicast": udp(own4, { mac: "01:00:5e:00:00:16", ip: "224.0.0.22" }),
    "ARP request": arpRequest(own4, peer.ip),
    "ARP reply": arpReply(own4, peer),
    "ARP announcement": arpRequest(own4, own4.ip),
    "ARP probe": arpRequest(from("0.0.0.0"), own4.ip),
    "neighbour solicitation": neighbourSolicitation(own6, peer6.ip),
    "neighbour solicitation without the option": neighbourSolicitation(own6, peer6.ip, { sourceMac: null }),
    "duplicate address detection": neighbourSolicitation(from("::"), own6.ip, { sourceMac: null }),
    "neighbour advertisement": neighbourAdvertisement(own6),
    "neighbour advertisement without the option": neighbourAdvertisement(own6, { targetMac: null }),
    "link-local neighbour advertisement": neighbourAdvertisement(linkLocal),
    "router solicitation": routerSolicitation(linkLocal),
    "router solicitation before there is an address": routerSolicitation(from("::")),
    "DHCP discovery": dhcpRequest({ options: { messageType: "discover" } }, OWN),
    "DHCP renewal": dhcpRequest({ options: { messageType: "request" } }, OWN, { ip: own4.ip, server: peer }),
    "another protocol": ethernetFrame(OWN, OTHER, 0x88b5),
  };
  for (const [what, frame] of Object.entries(passes)) assert.deepEqual(sent(11, frame), PASS, what);
});

test("allowed address pairs pass: an address with its MAC, prefixes", () => {
  const virtual = from("10.0.1.200", VIRTUAL);
  const passes: Readonly<Record<string, Uint8Array>> = {
    "shared address": ping(virtual, peer),
    "its ARP": arpReply(virtual, peer),
    "an address of the prefix": ping(from("172.20.255.255"), peer),
    "its ARP request": arpRequest(from("172.20.0.1"), peer.ip),
    "an address of the IPv6 prefix": ping(from("2001:db8:20:ffff::1"), peer6),
    "its neighbour advertisement": neighbourAdvertisement(from("2001:db8:20::7")),
    "link-local of the shared MAC": ping(from(linkLocalText(VIRTUAL), VIRTUAL), peer6),
  };
  for (const [what, frame] of Object.entries(passes)) assert.deepEqual(sent(11, frame), PASS, what);
  const drops: Readonly<Record<string, Uint8Array>> = {
    "shared address by another MAC": ping(from("10.0.1.200"), peer),
    "own address by the shared MAC": ping(from(own4.ip, VIRTUAL), peer),
    "shared address announced at another MAC": arpReply(virtual, peer, { senderMac: OWN }),
    "behind the prefix": ping(from("172.21.0.1"), peer),
    "before the IPv6 prefix": ping(from("2001:db8:1f:ffff::1"), peer6),
  };
  for (const [what, frame] of Object.entries(drops)) assert.deepEqual(sent(11, frame), DROP, what);
});

test("a spoofed packet of each kind is dropped", () => {
  const drops: readonly (readonly [string, Uint8Array, readonly string[]])[] = [
    ["MAC", ping({ mac: OTHER, ip: own4.ip }, peer), DROP],
    ["MAC of another protocol", ethernetFrame(OTHER, OWN, 0x88b5), MISS],
    ["IPv4", ping(from(peer.ip), peer), DROP],
    ["IPv4 unspecified", ping(from("0.0.0.0"), peer), DROP],
    ["IPv6", ping(from(peer6.ip), peer6), DROP],
    ["IPv6 link-local", ping(from(linkLocalText(OTHER)), peer6), DROP],
    ["IPv6 unspecified", ping(from("::"), peer6), DROP],
    ["ARP sender address", arpReply(from(peer.ip), peer), DROP],
    ["ARP sender MAC", arpReply(own4, peer, { senderMac: OTHER }), DROP],
    ["ARP request's sender MAC", arpRequest(own4, peer.ip, { senderMac: OTHER }), DROP],
    ["ARP announcement of another's", arpRequest(from(peer.ip), peer.ip), DROP],
    ["ARP reply for no address", arpReply(from("0.0.0.0"), peer), DROP],
    ["ND target", neighbourAdvertisement(own6, { target: peer6.ip }), DROP_ND],
    ["ND target's MAC", neighbourAdvertisement(own6, { targetMac: OTHER }), DROP_ND],
    ["ND source MAC", neighbourSolicitation(own6, peer6.ip, { sourceMac: OTHER }), DROP_ND],
    ["DAD with a MAC", neighbourSolicitation(from("::"), own6.ip, { sourceMac: OTHER }), DROP_ND],
    ["DHCP server", udp(own4, peer, { sourcePort: 67, destinationPort: 68 }), DROP],
    ["DHCP server on another port", udp(own4, peer, { sourcePort: 1067, destinationPort: 68 }), DROP],
    ["DHCPv6 server on another port", udp(own6, peer6, { sourcePort: 1547, destinationPort: 546 }), DROP],
    ["DHCPv6 server", udp(own6, peer6, { sourcePort: 547, destinationPort: 546 }), DROP],
    ["router advertisement", routerAdvertisement(linkLocal), DROP],
    ["VLAN tag", tagged(ping(own4, peer), 7), DROP],
    ["priority tag", tagged(ping(own4, peer), 0xe000), DROP],
  ];
  for (const [what, frame, verdict] of drops) assert.deepEqual(sent(11, frame), verdict, what);
});

test("a neighbour message with a code that has no meaning is no way around", () => {
  const solicitation = neighbourSolicitation(own6, peer6.ip, { sourceMac: OTHER });
  solicitation[55] = 1;
  assert.deepEqual(sent(11, solicitation), DROP_ND);
});

test("a switch sees no type in a fragment: addresses are guarded, and the rest is up to receivers (RFC 6980)", () => {
  const inFragments = (frame: Uint8Array): Uint8Array => {
    const { ethernet, ipv6: header, icmp6 } = decodePacket(frame);
    assert.ok(header && icmp6);
    const extensions = [{ kind: "fragment" as const, offsetBytes: 0, more: true, id: 1 }];
    return encodePacket({ ethernet, ipv6: { ...header, extensions }, icmp6 });
  };
  assert.deepEqual(sent(11, inFragments(ping(own6, peer6))), PASS);
  assert.deepEqual(sent(11, inFragments(ping(from(peer6.ip), peer6))), DROP);
  assert.deepEqual(sent(11, inFragments(routerAdvertisement(linkLocal))), PASS);
  assert.deepEqual(sent(11, inFragments(neighbourSolicitation(from("::"), own6.ip, { sourceMac: null }))), DROP);
});

test("without port security everything passes but a VLAN tag", () => {
  const anybody = from(peer.ip, OTHER);
  for (const frame of [ping(anybody, own4), arpReply(anybody, own4), routerAdvertisement(linkLocal)])
    assert.deepEqual(sent(13, frame), PASS);
  assert.deepEqual(sent(13, tagged(ping(anybody, own4), 7)), DROP);
});

test("a port that is not here passes nothing", () => {
  assert.deepEqual(sent(14, ping(own4, peer)), DROP);
  assert.deepEqual(sent(14, ethernetFrame(OWN, OTHER, 0x88b5)), MISS);
});

test("the way to a state does not matter", () => {
  const states = [
    state,
    [...topology, ...port({ n: 11, network: 1 }), ...port({ n: 13, network: 1 })],
    [...topology, ...port({ n: 11, network: 1, pairs: [{ ip: "0.0.0.0/0", mac: OTHER }] })],
    topology,
  ];
  checkApp(app.compile, states, alone);
});

test("of 200 ports, one changed: one unit ran", () => {
  const many = [...topology, ...Array.from({ length: 200 }, (_, i) => port({ n: 20 + i, network: 1 })).flat()];
  const change = port({ n: 77, network: 1, portSecurity: false });
  const before = costOf(app.compile, many, port({ n: 77, network: 1, hostname: "other" }), alone);
  assert.deepEqual(before, { unitsRun: 1, outputsChanged: 0 });
  const { unitsRun, outputsChanged } = costOf(app.compile, many, change, alone);
  assert.equal(unitsRun, 1);
  // 16 flows of a port with two addresses and a link-local one go, the bypass comes.
  assert.equal(outputsChanged, 17);
});
