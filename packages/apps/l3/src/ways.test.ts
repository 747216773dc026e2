/** Addresses that ports may use besides their own: allowed address pairs, behind a router. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, type State } from "@dragonflow/engine";
import { parseMac } from "@dragonflow/packet";
import {
  alone,
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
  routerMac,
  TestBed,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

const ROUTER = 5;
const VIRTUAL_MAC = "00:00:5e:00:01:07";
const VIRTUAL = ipv4(2, 200);
const topology: State = [
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...port({ n: 11, network: 1 }),
  ...router(ROUTER, [1, 2], [{ destination: "192.168.0.0/16", nexthop: VIRTUAL }]),
];
type Pairs = readonly { readonly ip: string; readonly mac: string }[];
const virtual = (n: number, pairs: Pairs, more: { chassis?: string; adminUp?: boolean } = {}): State =>
  port({ n, network: 2, pairs, ...more });

/** Where VM 11's packet goes: port and destination MAC of each copy. */
function copies(state: State, ip = VIRTUAL): readonly string[] {
  const from = { mac: mac(11), ip: ip.includes(":") ? ipv6(1, 11) : ipv4(1, 11) };
  const frame = ping(from, { mac: routerMac(ROUTER * 256 + 1), ip });
  const entry = { table: "router_port", inPort: 11, registers: { sourcePort: portKey(11), network: 1 } };
  return new TestBed([app], [...topology, ...state]).ends(frame, entry).map(({ verdict, registers, fields }) => {
    const { destinationPort, tunnelPort } = registers;
    if (destinationPort === undefined && tunnelPort === undefined) return verdict;
    const to = destinationPort === undefined ? `tunnel ${tunnelPort}` : `here ${destinationPort - portKey(0)}`;
    const known = [mac(21), mac(22), mac(23), VIRTUAL_MAC].find((text) => parseMac(text) === fields.eth_dst);
    return `${to} ${known}`;
  });
}
const own = (n: number): Pairs => [{ ip: VIRTUAL, mac: mac(n) }];
const shared: Pairs = [{ ip: VIRTUAL, mac: VIRTUAL_MAC }];

test("an address of one port: there, by the MAC of the pair", () => {
  assert.deepEqual(copies(virtual(21, own(21))), [`here 21 ${mac(21)}`]);
  assert.deepEqual(copies(virtual(21, shared)), [`here 21 ${VIRTUAL_MAC}`]);
  assert.deepEqual(copies(virtual(22, own(22), { chassis: "host2" })), [`tunnel 900 ${mac(22)}`]);
  assert.deepEqual(copies(virtual(21, [{ ip: ipv6(2, 200), mac: mac(21) }]), ipv6(2, 200)), [`here 21 ${mac(21)}`]);
});

test("an address that several ports may use: a copy to each, by its own MAC or the shared one", () => {
  const two = [...virtual(21, own(21)), ...virtual(22, own(22), { chassis: "host2" })];
  assert.deepEqual(copies(two), [`here 21 ${mac(21)}`, `tunnel 900 ${mac(22)}`]);
  const vrrp = [...virtual(21, shared), ...virtual(22, shared, { chassis: "host2" })];
  assert.deepEqual(copies(vrrp), [`here 21 ${VIRTUAL_MAC}`, `tunnel 900 ${VIRTUAL_MAC}`]);
});

test("a packet for an address that several may use goes to another host once for each MAC address", () => {
  const there = { chassis: "host2" };
  const vrrp = [...virtual(21, shared, there), ...virtual(22, shared, there)];
  assert.deepEqual(copies(vrrp), [`tunnel 900 ${VIRTUAL_MAC}`]);
  assert.deepEqual(copies([...vrrp, ...virtual(23, shared)]), [`tunnel 900 ${VIRTUAL_MAC}`, `here 23 ${VIRTUAL_MAC}`]);
  assert.deepEqual(copies(vrrp, "192.168.1.1"), [`tunnel 900 ${VIRTUAL_MAC}`]);
  const ownMacs = [...virtual(21, own(21), there), ...virtual(22, own(22), there)];
  assert.deepEqual(copies(ownMacs), [`tunnel 900 ${mac(21)}`, `tunnel 900 ${mac(22)}`]);
});

test("one port with two MACs for the address gets a copy by each", () => {
  assert.deepEqual(copies(virtual(21, [...own(21), ...shared])), [`here 21 ${mac(21)}`, `here 21 ${VIRTUAL_MAC}`]);
});

test("ports that are down, or on a host without a tunnel, get none", () => {
  const withDown = [...virtual(21, own(21), { adminUp: false }), ...virtual(22, own(22))];
  assert.deepEqual(copies(withDown), [`here 22 ${mac(22)}`]);
  const unreachable = [...virtual(21, own(21), { chassis: "host9" }), ...virtual(22, own(22))];
  assert.deepEqual(copies(unreachable), [`here 22 ${mac(22)}`]);
});

test("an address that is a port's own is its alone", () => {
  const taken = port({ n: 23, network: 2, addresses: [{ subnetId: "", ip: VIRTUAL }] });
  assert.deepEqual(copies([...virtual(21, own(21)), ...taken]), [`here 23 ${mac(23)}`]);
});

test("a prefix is nobody's address", () => {
  assert.deepEqual(copies(virtual(21, [{ ip: `${ipv4(2, 0)}/24`, mac: mac(21) }])), ["drop in neighbour: miss"]);
});

test("a shared address as the next hop of a route", () => {
  const two = [...virtual(21, own(21)), ...virtual(22, own(22), { chassis: "host2" })];
  assert.deepEqual(copies(two, "192.168.1.1"), [`here 21 ${mac(21)}`, `tunnel 900 ${mac(22)}`]);
  assert.deepEqual(copies(virtual(21, shared), "192.168.1.1"), [`here 21 ${VIRTUAL_MAC}`]);
});

test("the way to a state does not matter", () => {
  const states: readonly State[] = [
    virtual(21, own(21)),
    [...virtual(21, own(21)), ...virtual(22, own(22))],
    [...virtual(21, shared), ...virtual(22, [...shared, ...own(22)], { chassis: "host2" })],
    [...virtual(21, own(21), { adminUp: false }), ...virtual(22, own(22))],
    [],
  ];
  checkApp(
    app.compile,
    states.map((state) => [...topology, ...state]),
    alone,
  );
});
