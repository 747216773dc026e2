import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, type State } from "@dragonflow/engine";
import { decodePacket, describePacket, parseMac } from "@dragonflow/packet";
import {
  alone,
  type End,
  host,
  ipv4,
  ipv6,
  mac,
  network,
  peer,
  ping,
  port,
  portKey,
  router,
  routerInterface,
  routerMac,
  subnetId,
  TestBed,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

/** VMs 11 and 12 in network 1, 21 and 22 in network 2, 31 in network 3; 12 and 22 on another host. Router 5 joins networks 1 and 2. */
const topology: State = [
  ...host(),
  ...peer("host2", 900),
  ...[1, 2, 3].flatMap((n) => network({ n })),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1, chassis: "host2" }),
  ...port({ n: 21, network: 2 }),
  ...port({ n: 22, network: 2, chassis: "host2" }),
  ...port({ n: 31, network: 3 }),
];
const ROUTER = 5;
const OTHER_ROUTER = 6;
type Route = readonly [destination: string, nexthop: string];

const routed = (...routes: readonly Route[]): State => [
  ...topology,
  ...router(
    ROUTER,
    [1, 2],
    routes.map(([destination, nexthop]) => ({ destination, nexthop })),
  ),
];
/** What VM 11 sends to an address far away, by router 5. */
const sent = (bed: TestBed, ip: string, ttl = 64) => {
  const from: End = { mac: mac(11), ip: ip.includes(":") ? ipv6(1, 11) : ipv4(1, 11) };
  const frame = ping(from, { mac: routerMac(ROUTER * 256 + 1), ip }, { ttl });
  const entry = { table: "router_port", inPort: 11, registers: { sourcePort: portKey(11), network: 1 } };
  return { frame, entry, endings: bed.ends(frame, entry) };
};
/** The port that a packet goes to, in one word; "drop" where it goes nowhere. */
function nexthopOf(state: State, ip: string): string {
  const [ending, ...others] = sent(new TestBed([app], state), ip).endings;
  assert.deepEqual(others, []);
  const { destinationPort, tunnelPort } = ending?.registers ?? {};
  if (destinationPort !== undefined) return `here ${destinationPort - portKey(0)}`;
  return tunnelPort === undefined ? String(ending?.verdict) : `tunnel ${tunnelPort}`;
}
const DROPPED = "drop in routing: flow";

test("a VM here or elsewhere as next hop, and its MAC", () => {
  const state = routed(["192.168.0.0/16", ipv4(2, 21)], ["10.99.0.0/16", ipv4(2, 22)], ["2001:db8::/32", ipv6(1, 12)]);
  assert.equal(nexthopOf(state, "192.168.1.1"), "here 21");
  assert.equal(nexthopOf(state, "10.99.1.1"), "tunnel 900");
  assert.equal(nexthopOf(state, "2001:db8::1"), "tunnel 900");
  const [ending] = sent(new TestBed([app], state), "10.99.1.1").endings;
  assert.deepEqual(
    [ending?.fields.eth_src, ending?.fields.eth_dst, ending?.fields.ip_ttl, ending?.registers.network],
    [parseMac(routerMac(ROUTER * 256 + 2)), parseMac(mac(22)), 63, 2],
  );
});

test("the longest prefix counts, single addresses and default routes included; what is connected goes first", () => {
  const state = routed(
    ["0.0.0.0/0", ipv4(1, 11)],
    ["192.168.0.0/16", ipv4(2, 21)],
    ["192.168.7.0/24", ipv4(2, 22)],
    ["192.168.7.7/32", ipv4(2, 21)],
    ["10.0.2.0/24", ipv4(1, 11)],
    ["::/0", ipv6(1, 11)],
    ["2001:db8::7/128", ipv6(2, 21)],
  );
  assert.equal(nexthopOf(state, "198.51.100.1"), "here 11");
  assert.equal(nexthopOf(state, "192.168.1.1"), "here 21");
  assert.equal(nexthopOf(state, "192.168.7.1"), "tunnel 900");
  assert.equal(nexthopOf(state, "192.168.7.7"), "here 21");
  assert.equal(nexthopOf(state, ipv4(2, 22)), "tunnel 900");
  assert.equal(nexthopOf(state, "2001:db8::8"), "here 11");
  assert.equal(nexthopOf(state, "2001:db8::7"), "here 21");
});

test("a next hop that nobody has hides the routes behind it", () => {
  const state = routed(["0.0.0.0/0", ipv4(2, 21)], ["192.168.0.0/16", ipv4(2, 99)], ["10.99.0.0/16", "203.0.113.9"]);
  assert.equal(nexthopOf(state, "198.51.100.1"), "here 21");
  assert.equal(nexthopOf(state, "192.168.1.1"), DROPPED);
  assert.equal(nexthopOf(state, "10.99.1.1"), DROPPED);
  // A port that is down is nobody.
  assert.equal(
    nexthopOf(
      [...state.filter(({ id }) => !id.startsWith("c0000015")), ...port({ n: 21, network: 2, adminUp: false })],
      "198.51.100.1",
    ),
    DROPPED,
  );
});

test("several next hops for one prefix: one that leads somewhere", () => {
  const state = routed(
    ["192.168.0.0/16", ipv4(2, 10)],
    ["192.168.0.0/16", ipv4(2, 21)],
    ["192.168.0.0/16", ipv4(2, 22)],
  );
  assert.equal(nexthopOf(state, "192.168.1.1"), "here 21");
});

test("a prefix written with host bits is the prefix", () => {
  const state = routed(["192.168.1.1/16", ipv4(2, 10)], ["192.168.0.0/16", ipv4(2, 21)]);
  assert.equal(nexthopOf(state, "192.168.9.9"), "here 21");
});

/** Router 6 is in network 2 as well, and in network 3 behind it. */
const behind = (back: readonly Route[] = []): State => [
  ...router(
    OTHER_ROUTER,
    [3],
    back.map(([destination, nexthop]) => ({ destination, nexthop })),
  ),
  ...routerInterface({
    router: OTHER_ROUTER,
    network: 2,
    addresses: [
      { subnetId: subnetId(2, 4), ip: ipv4(2, 254) },
      { subnetId: subnetId(2, 6), ip: ipv6(2, 254) },
    ],
  }),
];
const through: readonly Route[] = [
  [`${ipv4(3, 0)}/24`, ipv4(2, 254)],
  [`${ipv6(3, 0)}/64`, ipv6(2, 254)],
];

test("another router as next hop: through both on this host, a hop each", () => {
  const state = [...routed(...through), ...behind()];
  assert.equal(nexthopOf(state, ipv4(3, 31)), "here 31");
  assert.equal(nexthopOf(state, ipv6(3, 31)), "here 31");
  const [ending] = sent(new TestBed([app], state), ipv4(3, 31)).endings;
  assert.deepEqual(
    [ending?.fields.eth_src, ending?.fields.ip_ttl, ending?.registers.network],
    [parseMac(routerMac(OTHER_ROUTER * 256 + 3)), 62, 3],
  );
  // A router that is down, or an interface: nobody.
  const down = [
    ...routed(...through),
    ...behind().map((change) => ({ ...change, row: change.row && { ...change.row, adminUp: false } })),
  ];
  assert.equal(nexthopOf(down, ipv4(3, 31)), DROPPED);
});

test("the second router's errors find back to the sender", () => {
  const bed = new TestBed([app], [...routed(...through), ...behind()]);
  for (const [ip, hops] of [
    [ipv4(3, 31), 2],
    [ipv6(3, 31), 2],
  ] as const) {
    const { frame, entry } = sent(bed, ip, hops);
    const [reply] = bed.answers(frame, entry);
    assert.ok(reply);
    const text = describePacket(reply.bytes);
    assert.ok(
      text.startsWith(ip.includes(":") ? `${ipv6(2, 254)} > ${ipv6(1, 11)}` : `${ipv4(2, 254)} > ${ipv4(1, 11)}`),
      text,
    );
    const { ethernet } = decodePacket(reply.bytes);
    assert.deepEqual([ethernet.dst, ethernet.src], [parseMac(mac(11)), parseMac(routerMac(ROUTER * 256 + 1))]);
    assert.equal(reply.outPort, 11);
  }
});

test("a chain of routers: through four of them, and no further", () => {
  /** Router r joins networks r and r + 1, and sends what it does not know to router r + 1. */
  const chain = (length: number): State => [
    ...host(),
    ...Array.from({ length: length + 1 }, (_, i) => network({ n: i + 1 })).flat(),
    ...port({ n: 11, network: 1 }),
    ...port({ n: 99, network: length + 1 }).slice(0, 1),
    ...Array.from({ length }, (_, i) => i + 1).flatMap((r) => [
      ...router(r, [r], r < length ? [{ destination: "0.0.0.0/0", nexthop: ipv4(r + 1, 1) }] : []),
      ...routerInterface({
        router: r,
        network: r + 1,
        addresses: [{ subnetId: subnetId(r + 1, 4), ip: ipv4(r + 1, 254) }],
      }),
    ]),
  ];
  const ttlAfter = (length: number): unknown => {
    const to = { mac: routerMac(257), ip: ipv4(length + 1, 99) };
    const frame = ping({ mac: mac(11), ip: ipv4(1, 11) }, to);
    const entry = { table: "router_port", inPort: 11, registers: { sourcePort: portKey(11), network: 1 } };
    const [ending] = new TestBed([app], chain(length)).ends(frame, entry);
    return ending?.verdict === "to ingress_conntrack" ? ending.fields.ip_ttl : ending?.verdict;
  };
  assert.deepEqual([1, 2, 3, 4, 5].map(ttlAfter), [63, 62, 61, 60, "drop in routing: miss"]);
});

test("routers that send to each other: the packet ends, and its sender is told", () => {
  const circle: readonly Route[] = [["203.0.113.0/24", ipv4(2, 1)]];
  const bed = new TestBed([app], [...routed(["203.0.113.0/24", ipv4(2, 254)]), ...behind(circle)]);
  const { frame, entry, endings } = sent(bed, "203.0.113.9");
  assert.deepEqual(
    endings.map(({ verdict }) => verdict.replace(/\d+$/, "")),
    ["punt icmp-error "],
  );
  assert.equal(bed.answers(frame, entry).length, 1);
});

test("the way to a state does not matter", () => {
  const states: readonly State[] = [
    [...routed(...through), ...behind()],
    routed(...through),
    [...routed(["0.0.0.0/0", ipv4(2, 21)]), ...behind([["0.0.0.0/0", ipv4(2, 1)]])],
    routed(["0.0.0.0/0", ipv4(2, 99)]),
  ];
  checkApp(app.compile, states, alone);
});
