import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, type State } from "@dragonflow/engine";
import { decodePacket, describePacket, parseMac } from "@dragonflow/packet";
import { linkLocalText } from "@dragonflow/pipeline";
import {
  type End,
  host,
  ipv4,
  ipv6,
  mac,
  network,
  alone,
  peer,
  ping,
  port,
  portKey,
  printDesired,
  router,
  routerInterface,
  routerInterfaceKey,
  routerMac,
  subnet,
  subnetId,
  TestBed,
  udp,
  uuid,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";
import { errorResponder } from "./responder.ts";

/** VM 11 in network 1 here; VMs 21 here and 22 elsewhere in network 2; a router between. */
const two: State = [
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 21, network: 2 }),
  ...port({ n: 22, network: 2, chassis: "host2" }),
];
const ROUTER = 5;
const gateway = (net: number, r = ROUTER): string => routerMac(r * 256 + net);

const vm = (net: number, n: number): End => ({ mac: mac(n), ip: ipv4(net, n) });
const vm6 = (net: number, n: number): End => ({ mac: mac(n), ip: ipv6(net, n) });
/** An address behind the gateway of network 1. */
const via = (ip: string): End => ({ mac: gateway(1), ip });

const entry = (n = 11, net = 1) => ({
  table: "router_port",
  inPort: n,
  registers: { sourcePort: portKey(n), network: net },
});
/** What becomes of a frame of VM 11. */
const sent = (bed: TestBed, frame: Uint8Array): readonly string[] => bed.send(frame, entry());
const bedOf = (...more: readonly State[]): TestBed => new TestBed([app], [...two, ...more.flat()]);

const ROUTED_HERE = ["to ingress_conntrack"];
const NOT_FOR_A_ROUTER = ["to rest_of_switching"];
const NO_ROUTE = ["drop in routing: miss"];
const NOBODY = ["drop in neighbour: miss"];
const DROPPED = ["drop in routing: flow"];

test("flows of a router between two networks, with an extra route", () => {
  const bed = bedOf(router(ROUTER, [1, 2], [{ destination: "192.168.0.0/16", nexthop: ipv4(2, 22) }]));
  verifyGolden(new URL("../golden/two-networks.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("from network to network, on this host and to another, for both families", () => {
  const bed = bedOf(router(ROUTER, [1, 2]));
  const inNetwork2 = { sourcePort: portKey(11), network: 2, routed: 1, router: ROUTER };
  for (const [from, far] of [
    [vm(1, 11), ipv4],
    [vm6(1, 11), ipv6],
  ] as const) {
    const [here] = bed.ends(ping(from, via(far(2, 21))), entry());
    assert.equal(here?.verdict, "to ingress_conntrack");
    assert.deepEqual(here.registers, { ...inNetwork2, destinationPort: portKey(21) });
    assert.deepEqual(
      [here.fields.eth_src, here.fields.eth_dst, here.fields.ip_ttl],
      [parseMac(gateway(2)), parseMac(mac(21)), 63],
    );
    const [away] = bed.ends(ping(from, via(far(2, 22))), entry());
    assert.equal(away?.verdict, "to forwarding");
    assert.deepEqual(away.registers, { ...inNetwork2, tunnelPort: 900 });
    assert.deepEqual([away.fields.eth_src, away.fields.eth_dst], [parseMac(gateway(2)), parseMac(mac(22))]);
  }
});

test("nowhere without a route, a holder of the address, or a router", () => {
  const bed = bedOf(router(ROUTER, [1, 2]));
  assert.deepEqual(sent(bed, ping(vm(1, 11), via("10.0.9.9"))), NO_ROUTE);
  assert.deepEqual(sent(bed, ping(vm6(1, 11), via("fd00:9::9"))), NO_ROUTE);
  assert.deepEqual(sent(bed, ping(vm(1, 11), via(ipv4(2, 99)))), NOBODY);
  assert.deepEqual(sent(bed, ping(vm(1, 11), vm(1, 12))), NOT_FOR_A_ROUTER);
  // From a tunnel nobody enters a router: its host has routed already.
  const fromTunnel = { ...entry(), registers: { network: 1, fromTunnel: 1 } };
  assert.deepEqual(bed.send(ping(vm(1, 11), via(ipv4(2, 21))), fromTunnel), NOT_FOR_A_ROUTER);
});

test("what no router passes on is dropped, a default route or not", () => {
  const routes = [
    { destination: "0.0.0.0/0", nexthop: ipv4(2, 21) },
    { destination: "::/0", nexthop: ipv6(2, 21) },
  ];
  const bed = bedOf(router(ROUTER, [1, 2], routes));
  assert.deepEqual(sent(bed, ping(vm(1, 11), via("192.0.2.1"))), ROUTED_HERE);
  for (const ip of ["169.254.169.254", "127.0.0.1", "224.0.0.5", "255.255.255.255", "0.0.0.0"])
    assert.deepEqual(sent(bed, ping(vm(1, 11), via(ip))), DROPPED, ip);
  for (const ip of ["fe80::1", "ff05::2", "::1", "::"])
    assert.deepEqual(sent(bed, ping(vm6(1, 11), via(ip))), DROPPED, ip);
  const fromLinkLocal = { mac: mac(11), ip: linkLocalText(mac(11)) };
  assert.deepEqual(sent(bed, ping(fromLinkLocal, via("2001:db8::1"))), DROPPED);
});

test("the gateway answers echo: each of its addresses, near and far, and the link-local one", () => {
  const bed = bedOf(router(ROUTER, [1, 2]));
  const own = [ipv4(1, 1), ipv4(2, 1), ipv6(1, 1), ipv6(2, 1), linkLocalText(gateway(1))];
  for (const ip of own) {
    const from = ip.includes(":") ? vm6(1, 11) : vm(1, 11);
    const [ending] = bed.trace(ping(from, via(ip), { ttl: 1 }), entry()).outcomes;
    assert.ok(ending?.type === "output" && ending.port === 11, ip);
    assert.equal(
      describePacket(ending.packet.frame()),
      `${ip} > ${from.ip} ${ip.includes(":") ? "ICMPv6" : "ICMP"} echo reply id 1 seq 1 ${ip.includes(":") ? "hlim" : "ttl"} 64`,
    );
    const { ethernet } = decodePacket(ending.packet.frame());
    assert.deepEqual([ethernet.src, ethernet.dst], [parseMac(gateway(1)), parseMac(mac(11))]);
  }
  // The link-local address of the other side is not on this link.
  assert.deepEqual(sent(bed, ping(vm6(1, 11), via(linkLocalText(gateway(2))))), DROPPED);
});

/** The one answer to a frame, in words. */
function answer(bed: TestBed, frame: Uint8Array, n = 11, net = 1): string {
  const [reply, ...others] = bed.answers(frame, entry(n, net));
  assert.deepEqual(others, []);
  assert.equal(reply?.outPort, n);
  const { ethernet } = decodePacket(reply.bytes);
  assert.equal(ethernet.dst, parseMac(mac(n)));
  return describePacket(reply.bytes).replace(/ \(.*/, "");
}

test("errors come from the address that was asked, or from that on the sender's side", () => {
  const bed = bedOf(router(ROUTER, [1, 2]));
  const from = vm(1, 11);
  const from6 = vm6(1, 11);
  assert.match(answer(bed, udp(from, via(ipv4(1, 1)))), /^10\.0\.1\.1 > 10\.0\.1\.11 ICMP .*unreachable/);
  assert.match(answer(bed, udp(from, via(ipv4(2, 1)))), /^10\.0\.2\.1 > 10\.0\.1\.11 ICMP .*unreachable/);
  assert.match(answer(bed, udp(from6, via(ipv6(2, 1)))), /^fd00:2::1 > fd00:1::b ICMPv6 .*unreachable/);
  assert.match(answer(bed, ping(from, via(ipv4(2, 21)), { ttl: 1 })), /^10\.0\.1\.1 > 10\.0\.1\.11 ICMP .*exceeded/);
  assert.match(answer(bed, ping(from6, via(ipv6(2, 21)), { ttl: 1 })), /^fd00:1::1 > fd00:1::b ICMPv6 .*exceeded/);
  assert.match(answer(bed, udp(from, via("203.0.113.1"), { ttl: 1 })), /^10\.0\.1\.1 > .*exceeded/);
});

test("no error for an error, nor for what came from many or went to many", () => {
  const bed = bedOf(router(ROUTER, [1, 2]));
  const [reply] = bed.answers(ping(vm(1, 11), via(ipv4(2, 21)), { ttl: 1 }), entry());
  assert.ok(reply);
  const response = errorResponder.respond(bed.response("icmp-error", routerInterfaceKey(ROUTER * 256 + 1)), {
    bytes: reply.bytes,
    inPort: 11,
  });
  assert.deepEqual(response, []);
});

/** Two IPv4 subnets on network 1, each with an interface of the router, and one for IPv6: as Neutron makes them. */
const second = uuid("b5", 1);
const three: State = [
  ...subnet({ network: 1, id: second, cidr: "10.1.1.0/24" }),
  ...port({ n: 12, network: 1, addresses: [{ subnetId: second, ip: "10.1.1.12" }] }),
  ...router(ROUTER, [2]),
  ...routerInterface({ router: ROUTER, network: 1, addresses: [{ subnetId: subnetId(1, 4), ip: ipv4(1, 1) }] }),
  ...routerInterface({ router: ROUTER, network: 1, n: 77, addresses: [{ subnetId: second, ip: "10.1.1.1" }] }),
  ...routerInterface({ router: ROUTER, network: 1, n: 78, addresses: [{ subnetId: subnetId(1, 6), ip: ipv6(1, 1) }] }),
];

test("several interfaces of one router in one network", () => {
  const bed = bedOf(three);
  for (const entrance of [gateway(1), routerMac(77), routerMac(78)]) {
    assert.deepEqual(sent(bed, ping(vm(1, 11), { mac: entrance, ip: ipv4(2, 21) })), ROUTED_HERE);
    assert.deepEqual(sent(bed, ping(vm6(1, 11), { mac: entrance, ip: ipv6(2, 21) })), ROUTED_HERE);
  }
  // From subnet to subnet of the network, and from the network behind.
  assert.deepEqual(sent(bed, ping(vm(1, 11), via("10.1.1.12"))), ROUTED_HERE);
  const [back] = bed.ends(ping(vm(2, 21), { mac: gateway(2), ip: "10.1.1.12" }), entry(21, 2));
  assert.equal(back?.fields.eth_src, parseMac(routerMac(77)));
  // Each sender hears from the address of its own subnet.
  const other = { mac: mac(12), ip: "10.1.1.12" };
  const far = { mac: routerMac(77), ip: ipv4(2, 21) };
  assert.match(answer(bed, ping(other, far, { ttl: 1 }), 12), /^10\.1\.1\.1 > 10\.1\.1\.12/);
  assert.match(answer(bed, ping(vm(1, 11), via(ipv4(2, 21)), { ttl: 1 })), /^10\.0\.1\.1 > 10\.0\.1\.11/);
  assert.match(answer(bed, ping(vm6(1, 11), via(ipv6(2, 21)), { ttl: 1 })), /^fd00:1::1 > fd00:1::b/);
});

test("a network without a gateway address is routed to all the same", () => {
  const addresses = [{ subnetId: subnetId(2, 4), ip: ipv4(2, 254) }];
  const bed = bedOf(router(ROUTER, [1]), routerInterface({ router: ROUTER, network: 2, addresses }));
  assert.deepEqual(sent(bed, ping(vm(1, 11), via(ipv4(2, 21)))), ROUTED_HERE);
  assert.deepEqual(sent(bed, ping(vm6(1, 11), via(ipv6(2, 21)))), NO_ROUTE);
});

test("a network of one family has errors of that family", () => {
  const only = (n: number, ip: string, version: 4 | 6): State =>
    routerInterface({ router: ROUTER, network: n, addresses: [{ subnetId: subnetId(n, version), ip }] });
  const v4 = bedOf(router(ROUTER, [2]), only(1, ipv4(1, 1), 4));
  assert.match(answer(v4, ping(vm(1, 11), via(ipv4(2, 21)), { ttl: 1 })), /^10\.0\.1\.1 > .*exceeded/);
  const v6 = bedOf(router(ROUTER, [2]), only(1, ipv6(1, 1), 6));
  assert.match(answer(v6, ping(vm6(1, 11), via(ipv6(2, 21)), { ttl: 1 })), /^fd00:1::1 > .*exceeded/);
});

test("what is down does not route: the router, an interface, a port", () => {
  const [routerRow, ...interfacesRows] = router(ROUTER, [1, 2]);
  assert.ok(routerRow?.row);
  const down = { ...routerRow, row: { ...routerRow.row, adminUp: false } };
  assert.deepEqual(sent(bedOf([down], interfacesRows), ping(vm(1, 11), via(ipv4(2, 21)))), NOT_FOR_A_ROUTER);
  const entrance = bedOf(router(ROUTER, [2]), routerInterface({ router: ROUTER, network: 1, adminUp: false }));
  assert.deepEqual(sent(entrance, ping(vm(1, 11), via(ipv4(2, 21)))), NOT_FOR_A_ROUTER);
  const half = bedOf(router(ROUTER, [1]), routerInterface({ router: ROUTER, network: 2, adminUp: false }));
  assert.deepEqual(sent(half, ping(vm(1, 11), via(ipv4(2, 21)))), NO_ROUTE);
  const withoutPort = bedOf(router(ROUTER, [1, 2]), port({ n: 23, network: 2, adminUp: false }));
  assert.deepEqual(sent(withoutPort, ping(vm(1, 11), via(ipv4(2, 23)))), NOBODY);
});

test("overlapping addresses on networks that no router joins stay apart", () => {
  const overlapping = { n: 3, v4: `${ipv4(2, 0)}/24`, v6: `${ipv6(2, 0)}/64` };
  const twin = port({
    n: 31,
    network: 3,
    addresses: [
      { subnetId: subnetId(3, 4), ip: ipv4(2, 21) },
      { subnetId: subnetId(3, 6), ip: ipv6(2, 21) },
    ],
  });
  const bed = bedOf(router(ROUTER, [1, 2]), network(overlapping), twin, router(6, [3]));
  assert.equal(bed.ends(ping(vm(1, 11), via(ipv4(2, 21))), entry())[0]?.registers.destinationPort, portKey(21));
  assert.deepEqual(sent(bed, ping(vm(1, 11), { mac: gateway(3, 6), ip: ipv4(2, 21) })), NOT_FOR_A_ROUTER);
});

test("a VXLAN network next to a Geneve one: the tunnel is that of the destination's network", () => {
  const bed = new TestBed(
    [app],
    [
      ...host(),
      ...peer("host2", { geneve: 900, vxlan: 901 }),
      ...network({ n: 1 }),
      ...network({ n: 2, networkType: "vxlan" }),
      ...port({ n: 11, network: 1 }),
      ...port({ n: 12, network: 1, chassis: "host2" }),
      ...port({ n: 22, network: 2, chassis: "host2" }),
      ...router(ROUTER, [1, 2]),
    ],
  );
  const tunnelTo = (ip: string) => bed.ends(ping(vm(1, 11), via(ip)), entry())[0]?.registers.tunnelPort;
  assert.equal(tunnelTo(ipv4(2, 22)), 901);
  assert.equal(tunnelTo(ipv4(1, 12)), 900);
});

test("the way to a state does not matter", () => {
  const states: readonly State[] = [
    [...two, ...router(ROUTER, [1, 2])],
    [...two, ...three],
    [...two, ...router(ROUTER, [1]), ...router(6, [2])],
    [...two, ...router(ROUTER, [1, 2], [{ destination: "192.168.0.0/16", nexthop: ipv4(2, 22) }])],
    two,
  ];
  checkApp(app.compile, states, alone);
});

test("one remote port changed: one unit, whatever the number of ports", () => {
  const remote = (count: number): State => [
    ...two,
    ...router(ROUTER, [1, 2]),
    ...Array.from({ length: count }, (_, i) => port({ n: 1000 + i, network: 2, chassis: "host2" })).flat(),
  ];
  const change = port({ n: 1007, network: 2, chassis: "host2", adminUp: false });
  for (const count of [100, 10_000])
    assert.deepEqual(costOf(app.compile, remote(count), change, alone), { unitsRun: 1, outputsChanged: 2 });
});
