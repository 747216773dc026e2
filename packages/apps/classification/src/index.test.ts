import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, LOCAL, putRow, removeRow, type State } from "@dragonflow/engine";
import { interfaces } from "@dragonflow/pipeline";
import {
  alone,
  ethernetFrame,
  host,
  mac,
  network,
  networkId,
  peer,
  port,
  portId,
  portKey,
  printDesired,
  TestBed,
  verifyGolden,
  vni,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

/** VM 11 here in network 1 (Geneve), 21 here in network 2 (VXLAN), 31 elsewhere in network 3; a Geneve and a VXLAN tunnel to host2. */
const topology: State = [
  ...host(),
  ...peer("host2", { geneve: 900, vxlan: 901 }),
  ...network({ n: 1 }),
  ...network({ n: 2, networkType: "vxlan" }),
  ...network({ n: 3 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 21, network: 2 }),
  ...port({ n: 31, network: 3, chassis: "host2" }),
];
const frame = ethernetFrame(mac(11), mac(12), 0x88b5);
const bedOf = (state: State): TestBed => new TestBed([app], state);
const came = (bed: TestBed, inPort: number, tunId?: number) => {
  const [ending] = bed.ends(frame, { inPort, ...(tunId !== undefined && { fields: { tun_id: BigInt(tunId) } }) });
  return { verdict: ending?.verdict, registers: ending?.registers };
};
/** Whether the port can be reached, and whether it can send. */
const states = (bed: TestBed): readonly string[] =>
  bed
    .desired()
    .flatMap((desired) =>
      desired.type === "port-status" ? [`${desired.portId.slice(0, 8)} ${desired.holder !== undefined}`] : [],
    );

test("flows of local ports, tunnels and networks", () => {
  const bed = bedOf(topology);
  verifyGolden(new URL("../golden/two-networks.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("what comes in by a local port is in its network, and from it", () => {
  const bed = bedOf(topology);
  const registers = { sourcePort: portKey(11), network: 1 };
  assert.deepEqual(came(bed, 11), { verdict: "to source_guard", registers });
  assert.deepEqual(came(bed, 21).registers, { sourcePort: portKey(21), network: 2 });
});

test("a packet that only asks the rules ends behind them, wherever it would go", () => {
  const bed = bedOf(topology);
  const registers = { destinationPort: portKey(11), recheck: 1 };
  assert.deepEqual(bed.send(frame, { table: "recheck", registers }), ["drop in recheck: flow"]);
  assert.deepEqual(bed.send(frame, { table: "delivery", registers }), ["drop in delivery: flow"]);
  const other = { destinationPort: portKey(11) };
  assert.deepEqual(bed.send(frame, { table: "recheck", registers: other }), ["to rest_of_services"]);
  assert.deepEqual(bed.send(frame, { table: "delivery", registers: other }), ["output 11"]);
});

test("what comes out of a tunnel is in the network of its VNI, if that has a port here", () => {
  const bed = bedOf(topology);
  const geneve = { network: 1, fromTunnel: 1, tunnelType: 1 };
  assert.deepEqual(came(bed, 900, vni(1)), { verdict: "to switching", registers: geneve });
  assert.deepEqual(came(bed, 901, vni(2)).registers, { network: 2, fromTunnel: 1, tunnelType: 2 });
  assert.equal(came(bed, 900, vni(3)).verdict, "drop in tunnel_network: miss");
  assert.equal(came(bed, 900, 7).verdict, "drop in tunnel_network: miss");
});

test("a VNI counts in the encapsulation of its network only", () => {
  const bed = bedOf(topology);
  assert.equal(came(bed, 901, vni(1)).verdict, "drop in tunnel_network: miss");
  assert.equal(came(bed, 900, vni(2)).verdict, "drop in tunnel_network: miss");
});

test("an interface that is nobody's, a tunnel that is not ours: dropped at once", () => {
  const bed = bedOf([...topology, putRow(interfaces, LOCAL, { id: portId(99), ofport: 99, name: "tap99" })]);
  assert.equal(came(bed, 99).verdict, "drop in classify: miss");
  assert.equal(came(bed, 950).verdict, "drop in classify: miss");
});

test("delivery puts a packet out at its port", () => {
  const bed = bedOf(topology);
  const entry = { table: "delivery", inPort: 900, registers: { destinationPort: portKey(11) } };
  assert.deepEqual(bed.send(frame, entry), ["output 11"]);
  assert.deepEqual(bed.send(frame, { ...entry, inPort: 11 }), ["drop in delivery: in port"]);
  assert.deepEqual(bed.send(frame, { ...entry, registers: { destinationPort: portKey(31) } }), [
    "drop in delivery: miss",
  ]);
});

test("a port that is down, or whose network is, neither sends nor receives, and is not up", () => {
  const bed = bedOf([...topology, ...port({ n: 12, network: 1, adminUp: false })]);
  assert.equal(came(bed, 12).verdict, "drop in classify: miss");
  assert.deepEqual(bed.send(frame, { table: "delivery", registers: { destinationPort: portKey(12) } }), [
    "drop in delivery: miss",
  ]);
  assert.deepEqual(states(bed).toSorted(), ["c000000b true", "c000000c false", "c0000015 true"]);
  const [record] = network({ n: 1, adminUp: false });
  assert.ok(record);
  const networkDown = bedOf([...topology.filter(({ id }) => id !== networkId(1)), record]);
  assert.equal(came(networkDown, 11).verdict, "drop in classify: miss");
  assert.equal(came(networkDown, 900, vni(1)).verdict, "drop in tunnel_network: miss");
  assert.deepEqual(states(networkDown), ["c000000b false", "c0000015 true"]);
});

test("an interface is a claim to its port before anything is known of the port", () => {
  const bed = bedOf([...host(), putRow(interfaces, LOCAL, { id: portId(99), ofport: 99, name: "tap99" })]);
  assert.deepEqual(states(bed), ["c0000063 false"]);
  assert.deepEqual(
    bed.bound.flows.map((flow) => bed.bound.ownerOf(flow)).filter((owner) => owner?.startsWith("port ")),
    [],
  );
});

test("the way to a state does not matter", () => {
  const gone: State = topology.filter(({ id, partition }) => id !== portId(11) || partition !== LOCAL);
  checkApp(app.compile, [topology, gone, [...topology, ...port({ n: 12, network: 1, adminUp: false })], []], alone);
});

test("of 200 ports, one changed: its own units ran", () => {
  const many = [...topology, ...Array.from({ length: 200 }, (_, i) => port({ n: 100 + i, network: 1 })).flat()];
  const unplugged = removeRow(interfaces, LOCAL, portId(177));
  // The port loses both its flows; the claim goes with the interface, without a run.
  assert.deepEqual(costOf(app.compile, many, unplugged, alone), { unitsRun: 1, outputsChanged: 3 });
  const renamed = port({ n: 177, network: 1, hostname: "other" });
  assert.deepEqual(costOf(app.compile, many, renamed, alone), { unitsRun: 1, outputsChanged: 0 });
  const elsewhere = port({ n: 500, network: 1, chassis: "host2" });
  assert.deepEqual(costOf(app.compile, many, elsewhere, alone), { unitsRun: 0, outputsChanged: 0 });
});
