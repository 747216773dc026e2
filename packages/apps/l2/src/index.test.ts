import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, type State } from "@dragonflow/engine";
import { networkTopic } from "@dragonflow/model";
import {
  alone,
  arpRequest,
  type End,
  ethernetFrame,
  host,
  ipv4,
  mac,
  network,
  networkId,
  neighbourSolicitation,
  ipv6,
  peer,
  ping,
  port,
  portKey,
  printDesired,
  TestBed,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

const VIRTUAL_MAC = "00:00:5e:00:01:07";
/** VMs 11 and 12 here, 13 and 14 on two other hosts, all in network 1; 21 here in network 2. */
const topology: State = [
  ...host(),
  ...peer("host2", 902),
  ...peer("host3", 903),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1 }),
  ...port({ n: 13, network: 1, chassis: "host2" }),
  ...port({ n: 14, network: 1, chassis: "host3" }),
  ...port({ n: 21, network: 2 }),
];
const vm = (n: number): End => ({ mac: mac(n), ip: ipv4(1, n) });

/** Where a frame goes: a line for each copy. */
function copies(bed: TestBed, frame: Uint8Array, from: { n?: number; fromTunnel?: number; network?: number } = {}) {
  const { n = 11, fromTunnel = 0, network: net = 1 } = from;
  const registers = { sourcePort: fromTunnel === 1 ? 0 : portKey(n), network: net, fromTunnel };
  return bed.ends(frame, { table: "l2", inPort: n, registers }).map(({ verdict, registers: at }) => {
    if (verdict === "to ingress_conntrack") return `here ${(at.destinationPort ?? 0) - portKey(0)}`;
    if (verdict === "to forwarding") return `tunnel ${at.tunnelPort}`;
    return verdict;
  });
}
const bedOf = (...more: readonly State[]): TestBed => new TestBed([app], [...topology, ...more.flat()]);
const NOBODY = ["drop in l2: miss"];

test("flows and groups of a network over three hosts", () => {
  const bed = bedOf();
  verifyGolden(new URL("../golden/three-hosts.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("known unicast goes to its port, here or on another host", () => {
  const bed = bedOf();
  assert.deepEqual(copies(bed, ping(vm(11), vm(12))), ["here 12"]);
  assert.deepEqual(copies(bed, ping(vm(11), vm(13))), ["tunnel 902"]);
  assert.deepEqual(copies(bed, ping(vm(11), vm(14))), ["tunnel 903"]);
  assert.deepEqual(copies(bed, ping(vm(13), vm(12)), { n: 902, fromTunnel: 1 }), ["here 12"]);
});

test("unknown unicast is dropped, and so is what belongs to another network", () => {
  const bed = bedOf();
  assert.deepEqual(copies(bed, ethernetFrame(mac(11), mac(99), 0x88b5)), NOBODY);
  assert.deepEqual(copies(bed, ethernetFrame(mac(11), mac(21), 0x88b5)), NOBODY);
  assert.deepEqual(copies(bed, ethernetFrame(mac(21), mac(11), 0x88b5), { n: 21, network: 2 }), NOBODY);
});

test("broadcast and multicast go to every port here and to every host that has the network", () => {
  const bed = bedOf();
  const everybody = ["here 11", "here 12", "tunnel 902", "tunnel 903"];
  assert.deepEqual(copies(bed, arpRequest(vm(11), "10.0.1.99")), everybody);
  assert.deepEqual(copies(bed, neighbourSolicitation({ mac: mac(11), ip: ipv6(1, 11) }, ipv6(1, 99))), everybody);
  assert.deepEqual(copies(bed, arpRequest(vm(21), "10.0.2.99"), { n: 21, network: 2 }), ["here 21"]);
});

test("what came from a tunnel goes to ports of this host only", () => {
  const bed = bedOf();
  assert.deepEqual(copies(bed, arpRequest(vm(13), "10.0.1.99"), { n: 902, fromTunnel: 1 }), ["here 11", "here 12"]);
});

test("a flood is marked, so that what follows can tell", () => {
  const [first] = bedOf().ends(arpRequest(vm(11), "10.0.1.99"), { table: "l2", registers: { network: 1 } });
  assert.equal(first?.registers.flooded, 1);
});

test("another host without a tunnel, a port that is down, a network that is down get nothing", () => {
  const more = [...port({ n: 15, network: 1, chassis: "host9" }), ...port({ n: 16, network: 1, adminUp: false })];
  const bed = bedOf(more);
  assert.deepEqual(copies(bed, ping(vm(11), vm(15))), NOBODY);
  assert.deepEqual(copies(bed, ping(vm(11), vm(16))), NOBODY);
  assert.deepEqual(copies(bed, arpRequest(vm(11), "10.0.1.99")), ["here 11", "here 12", "tunnel 902", "tunnel 903"]);
  const down = new TestBed(
    [app],
    [...topology.filter(({ id }) => id !== networkId(1)), ...network({ n: 1, adminUp: false }).slice(0, 1)],
  );
  assert.deepEqual(copies(down, ping(vm(11), vm(12))), NOBODY);
  assert.deepEqual(copies(down, arpRequest(vm(11), "10.0.1.99")), NOBODY);
});

test("a network without a port here has no flows", () => {
  const bed = new TestBed(
    [app],
    [...host(), ...peer("host2", 902), ...network({ n: 1 }), ...port({ n: 13, network: 1, chassis: "host2" })],
  );
  assert.deepEqual(bed.desired(), []);
});

test("a MAC of an allowed address pair leads to its port, one of several ports to each of them", () => {
  const pairs = [{ ip: ipv4(1, 200), mac: VIRTUAL_MAC }];
  const toVirtual = ethernetFrame(mac(11), VIRTUAL_MAC, 0x88b5);
  assert.deepEqual(copies(bedOf(port({ n: 16, network: 1, pairs })), toVirtual), ["here 16"]);
  const shared = bedOf(port({ n: 16, network: 1, pairs }), port({ n: 17, network: 1, chassis: "host2", pairs }));
  assert.deepEqual(copies(shared, toVirtual), ["here 16", "tunnel 902"]);
  const oneDown = bedOf(port({ n: 16, network: 1, pairs, adminUp: false }), port({ n: 17, network: 1, pairs }));
  assert.deepEqual(copies(oneDown, toVirtual), ["here 17"]);
  const prefix = bedOf(port({ n: 16, network: 1, pairs: [{ ip: "0.0.0.0/0", mac: VIRTUAL_MAC }] }));
  assert.deepEqual(copies(prefix, toVirtual), ["here 16"]);
  // The MAC of a port is its own, whoever else may use it.
  for (const n of [10, 16]) {
    const taken = bedOf(port({ n, network: 1, pairs: [{ ip: ipv4(1, 200), mac: mac(12) }] }));
    assert.deepEqual(copies(taken, ping(vm(11), vm(12))), ["here 12"]);
  }
});

test("a frame for a MAC address that several may use goes to another host once, and there to each of its ports", () => {
  const pairs = [{ ip: ipv4(1, 200), mac: VIRTUAL_MAC }];
  const toVirtual = ethernetFrame(mac(11), VIRTUAL_MAC, 0x88b5);
  const sharers = (chassis: readonly [string, string, string]): State =>
    chassis.flatMap((name, i) => port({ n: 16 + i, network: 1, chassis: name, pairs }));
  assert.deepEqual(copies(bedOf(sharers(["host2", "host2", "host2"])), toVirtual), ["tunnel 902"]);
  assert.deepEqual(copies(bedOf(sharers(["host2", "host1", "host2"])), toVirtual), ["tunnel 902", "here 17"]);
  assert.deepEqual(copies(bedOf(sharers(["host2", "host3", "host2"])), toVirtual), ["tunnel 902", "tunnel 903"]);
  const there = bedOf(sharers(["host1", "host1", "host1"]));
  assert.deepEqual(copies(there, toVirtual, { n: 902, fromTunnel: 1 }), ["here 16", "here 17", "here 18"]);
});

test("a Geneve network and a VXLAN network each use their own tunnels", () => {
  const state = [
    ...host(),
    ...peer("host2", { geneve: 902, vxlan: 912 }),
    ...network({ n: 1 }),
    ...network({ n: 2, networkType: "vxlan" }),
    ...[1, 2].flatMap((net) => [
      ...port({ n: 10 * net + 1, network: net }),
      ...port({ n: 10 * net + 3, network: net, chassis: "host2" }),
    ]),
  ];
  const bed = new TestBed([app], state);
  assert.deepEqual(copies(bed, ping(vm(11), vm(13))), ["tunnel 902"]);
  assert.deepEqual(copies(bed, ping(vm(21), vm(23)), { n: 21, network: 2 }), ["tunnel 912"]);
  assert.deepEqual(copies(bed, arpRequest(vm(21), "10.0.2.9"), { n: 21, network: 2 }), ["here 21", "tunnel 912"]);
});

test("a flood to more than 1,000 ports: every one gets its copy, by several groups", () => {
  const many = Array.from({ length: 2100 }, (_, i) => port({ n: 1000 + i, network: 1 })).flat();
  const bed = bedOf(many);
  const groups = bed.desired().filter((desired) => desired.type === "group" && desired.name.includes(networkId(1)));
  assert.equal(groups.length, 6);
  assert.ok(groups.every((group) => group.type === "group" && group.buckets.length <= 1000));
  const reached = copies(bed, arpRequest(vm(11), "10.0.1.99"));
  assert.equal(reached.length, 2104);
  assert.equal(new Set(reached).size, 2104);
});

test("a group that is full to the last bucket is the only one", () => {
  const many = Array.from({ length: 996 }, (_, i) => port({ n: 1000 + i, network: 1 })).flat();
  const groups = bedOf(many)
    .desired()
    .flatMap((desired) => (desired.type === "group" && desired.name.includes(`${networkId(1)}/all`) ? [desired] : []));
  assert.deepEqual(
    groups.map(({ buckets }) => buckets.length),
    [1000],
  );
});

test("the way to a state does not matter", () => {
  const pairs = [{ ip: ipv4(1, 200), mac: VIRTUAL_MAC }];
  const states: readonly State[] = [
    topology,
    [...topology, ...port({ n: 16, network: 1, pairs }), ...port({ n: 17, network: 1, pairs })],
    topology.filter(({ partition }) => partition !== networkTopic(networkId(1))),
    [...topology, ...port({ n: 15, network: 2, chassis: "host2" })],
    [],
  ];
  checkApp(app.compile, states, alone);
});

test("one remote port changed: one unit, however many there are; a host that joins: the flood", () => {
  const remote = (count: number): State => [
    ...topology,
    ...Array.from({ length: count }, (_, i) => port({ n: 1000 + i, network: 1, chassis: "host2" })).flat(),
  ];
  for (const count of [100, 10_000]) {
    const change = port({ n: 1007, network: 1, chassis: "host2", adminUp: false });
    assert.deepEqual(costOf(app.compile, remote(count), change, alone), { unitsRun: 1, outputsChanged: 1 });
    const newcomer = port({ n: 900, network: 2, chassis: "host2" });
    assert.deepEqual(costOf(app.compile, remote(count), newcomer, alone), { unitsRun: 2, outputsChanged: 2 });
  }
});
