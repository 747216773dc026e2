import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, LOCAL, putRow, type State } from "@dragonflow/engine";
import { endpointTopic } from "@dragonflow/model";
import { endpoints, routedNetworks } from "@dragonflow/pipeline";
import {
  alone,
  ethernetFrame,
  host,
  mac,
  network,
  networkId,
  peer,
  port,
  printDesired,
  TestBed,
  tunnelIp,
  verifyGolden,
  vni,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

/** Network 1 (Geneve) has ports here and on host2, network 2 (VXLAN) here and on host3, network 3 elsewhere only. */
const topology: State = [
  ...host(),
  ...peer("host2", 902),
  ...peer("host3", { vxlan: 913 }),
  ...network({ n: 1 }),
  ...network({ n: 2, networkType: "vxlan" }),
  ...network({ n: 3 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1, chassis: "host2" }),
  ...port({ n: 21, network: 2 }),
  ...port({ n: 22, network: 2, chassis: "host3" }),
  ...port({ n: 31, network: 3, chassis: "host2" }),
  ...port({ n: 32, network: 3, chassis: "host3" }),
];
const bedOf = (state: State): TestBed => new TestBed([app], state);
const tunnelsOf = (bed: TestBed): readonly string[] =>
  bed
    .desired()
    .flatMap((d) => (d.type === "tunnel" ? [`${d.encapsulation} ${d.chassis} ${d.localIp} ${d.remoteIp}`] : []));
const send = (bed: TestBed, net: number, tunnelPort: number, fromTunnel = 0): readonly string[] =>
  bed.send(ethernetFrame(mac(11), mac(12), 0x88b5), {
    table: "tunnel_send",
    registers: { network: net, tunnelPort, fromTunnel },
  });

test("flows and tunnels of two networks", () => {
  const bed = bedOf(topology);
  verifyGolden(new URL("../golden/two-networks.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("a tunnel for each host that shares a network with this one, in the network's encapsulation", () => {
  assert.deepEqual(tunnelsOf(bedOf(topology)).toSorted(), [
    `geneve host2 ${tunnelIp("host1")} ${tunnelIp("host2")}`,
    `vxlan host3 ${tunnelIp("host1")} ${tunnelIp("host3")}`,
  ]);
});

test("a packet goes out with the VNI of its network", () => {
  const bed = bedOf(topology);
  assert.deepEqual(send(bed, 1, 902), [`tunnel 902 vni ${vni(1)}`]);
  assert.deepEqual(send(bed, 2, 913), [`tunnel 913 vni ${vni(2)}`]);
  assert.deepEqual(send(bed, 3, 902), ["drop in tunnel_send: miss"]);
});

test("over Geneve it carries the identity of its sender, over VXLAN none", () => {
  const option = (net: number, tunnelPort: number): unknown =>
    bedOf(topology).ends(ethernetFrame(mac(11), mac(12), 0x88b5), {
      table: "tunnel_send",
      registers: { network: net, tunnelPort, sourceIdentity: 0x7fffffff },
    })[0]?.fields.tun_metadata0;
  assert.equal(option(1, 902), 0x7fffffffn);
  assert.equal(option(2, 913), undefined);
});

test("never from host to host to host", () => {
  assert.deepEqual(send(bedOf(topology), 1, 902, 1), ["drop in tunnel_send: miss"]);
});

test("a network that a router leads into needs its tunnels as well", () => {
  // Rows that l3 derives: here put in by hand.
  const routed = [...topology, putRow(routedNetworks, LOCAL, { id: "any", networkId: networkId(3), receives: null })];
  const bed = bedOf(routed);
  assert.deepEqual(tunnelsOf(bed).length, 3);
  assert.deepEqual(send(bed, 3, 902), [`tunnel 902 vni ${vni(3)}`]);
});

test("who sends by a router does so in the encapsulation of the network that it is for", () => {
  // A router between networks 1 (Geneve) and 2 (VXLAN): host2 sends into network 2 although it has no port there.
  const between = [1, 2].map((n) =>
    putRow(routedNetworks, LOCAL, {
      id: `interface ${n}`,
      networkId: networkId(n),
      receives: n === 1 ? "geneve" : "vxlan",
    }),
  );
  assert.deepEqual(
    tunnelsOf(bedOf([...topology, ...between]))
      .map((line) => line.slice(0, 12))
      .toSorted(),
    ["geneve host2", "geneve host3", "vxlan host2 ", "vxlan host3 "],
  );
});

test("no tunnel to a host without an address, nor in an encapsulation that it does not take", () => {
  const unknown = [...topology, ...port({ n: 13, network: 1, chassis: "host9" })];
  assert.equal(tunnelsOf(bedOf(unknown)).length, 2);
  const limited = topology.map((change) =>
    change.id === "host3" && change.partition === endpointTopic("host3")
      ? putRow(endpoints, change.partition, { id: "host3", ip: tunnelIp("host3"), encapsulations: ["geneve"] })
      : change,
  );
  assert.deepEqual(tunnelsOf(bedOf(limited)).length, 1);
});

test("a network that is down, or that is no tunnelled one, uses no tunnel", () => {
  for (const change of [{ adminUp: false }, { networkType: "flat" as const, segmentationId: null }]) {
    const [record] = network({ n: 1, ...change });
    assert.ok(record);
    const bed = bedOf([...topology.filter(({ id }) => id !== networkId(1)), record]);
    assert.deepEqual(send(bed, 1, 902), ["drop in tunnel_send: miss"]);
    assert.equal(tunnelsOf(bed).length, 1);
  }
});

test("the way to a state does not matter", () => {
  const moved = [
    ...topology.filter(({ id }) => !id.startsWith("c000000c")),
    ...port({ n: 12, network: 1, chassis: "host3" }),
  ];
  checkApp(app.compile, [topology, moved, topology.slice(0, 6), []], alone);
});

test("a port that comes to a host which has others of the network costs nothing", () => {
  assert.deepEqual(costOf(app.compile, topology, port({ n: 13, network: 1, chassis: "host2" }), alone), {
    unitsRun: 0,
    outputsChanged: 0,
  });
  assert.deepEqual(costOf(app.compile, topology, port({ n: 13, network: 1, chassis: "host3" }), alone), {
    unitsRun: 1,
    outputsChanged: 1,
  });
});
