import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import type { InterfaceFact } from "@dragonflow/pipeline";
import {
  groupId,
  host,
  identity,
  ipv4,
  mac,
  network,
  port,
  portId,
  ruleId,
  securityGroup,
  udp,
} from "@dragonflow/pipeline/testing";
import { pipeline } from "../apps.ts";
import { SwitchDriver } from "../switch/driver.ts";
import { applied } from "../testing/applied.ts";
import { compiled } from "../testing/compiled.ts";
import { Stations } from "../testing/station.ts";
import { until } from "../testing/until.ts";
import { readStatistics, type Statistics } from "./statistics.ts";

/** 11 sends; 12 and 13 have groups: one that tracks connections, and one that does not. Their rules have several ports: conjunctions. */
const STATE = [
  ...host(),
  ...network({ n: 1 }),
  ...port({ n: 11, network: 1 }),
  ...securityGroup({
    n: 1,
    rules: [
      { n: 1, direction: "ingress", protocol: 17, portMin: 5000, portMax: 5010, remoteGroupId: groupId(3) },
      { n: 2, direction: "ingress", protocol: 17, portMin: 6000, portMax: 6000 },
    ],
  }),
  ...securityGroup({
    n: 2,
    stateful: false,
    rules: [{ n: 3, direction: "ingress", protocol: 17, portMin: 5000, portMax: 5010 }],
  }),
  ...securityGroup({ n: 3, rules: [{ n: 4, direction: "egress" }] }),
  ...identity(1, [1]),
  ...identity(2, [2]),
  ...identity(3, [3]),
  ...identity(4, [3]),
  ...port({ n: 11, network: 1, groups: [3], identity: 3 }),
  ...port({ n: 12, network: 1, groups: [1], identity: 1 }),
  ...port({ n: 13, network: 1, groups: [2], identity: 2 }),
];

let ovs: TestSwitch;
let stations: Stations;
let driver: SwitchDriver;
before(async () => {
  ovs = await startSwitch();
  stations = await Stations.open(ovs);
  for (const n of [11, 12, 13]) await stations.plug(n, portId(n));
  driver = new SwitchDriver(ovs.bridge, pipeline);
  driver.release();
  await applied(driver, driver.update(compiled(STATE).switch));
  assert.equal(driver.refused.size, 0);
});
after(async () => {
  driver.close();
  await stations.close();
  await ovs.stop();
});

const interfaces = new Map<string, InterfaceFact>(
  [11, 12, 13].map((n) => [portId(n), { id: portId(n), ofport: n, name: `tap${n}` }]),
);
const read = (): Promise<Statistics> => readStatistics(driver, pipeline, interfaces);
const end = (n: number) => ({ mac: mac(n), ip: ipv4(1, n) });
function send(to: number, sourcePort: number, destinationPort: number): void {
  stations.send(11, udp(end(11), end(to), { sourcePort, destinationPort }));
}
/** Waits for what the switch has counted so far: it adds up a few times a second. */
async function counted(is: (statistics: Statistics) => boolean): Promise<Statistics> {
  let last = await read();
  await until("it is counted", async () => is((last = await read())));
  return last;
}
const ruleOf = ({ rules }: Statistics, n: number) => rules.find(({ id }) => id === ruleId(n));
const dropped = ({ drops }: Statistics, table: string): number =>
  drops.filter((drop) => drop.table === table).reduce((sum, { packets }) => sum + packets, 0);

test("each rule has its connections, each port its packets, and each drop its reason", async () => {
  const start = await read();
  assert.deepEqual(
    start.rules.map(({ id, connections, packets }) => [id, connections, packets]),
    [1, 2, 3, 4].map((n) => [ruleId(n), n === 3 ? null : 0, 0]),
  );
  // Two connections by the first rule, one of four packets, of which one is an answer; one that no rule allows; two packets without connections.
  send(12, 4000, 5003);
  send(12, 4001, 5003);
  await until("both have arrived", () => stations.received(12).length === 2);
  stations.send(12, udp(end(12), end(11), { sourcePort: 5003, destinationPort: 4001 }));
  await until("one is answered", () => stations.received(11).length === 1);
  for (let i = 0; i < 2; i++) send(12, 4001, 5003);
  send(12, 4000, 7000);
  for (const destinationPort of [5001, 5002]) send(13, 4000, destinationPort);
  await until("all have arrived", () => stations.received(12).length === 4 && stations.received(13).length === 2);
  const now = await counted((one) => ruleOf(one, 1)?.packets === 4 && ruleOf(one, 4)?.packets === 7);
  assert.deepEqual(ruleOf(now, 1), { id: ruleId(1), connections: 2, packets: 4 });
  assert.deepEqual(ruleOf(now, 2), { id: ruleId(2), connections: 0, packets: 0 });
  assert.deepEqual(ruleOf(now, 3), { id: ruleId(3), connections: null, packets: 2 });
  // By what it sends, which each of the receivers then takes or not.
  assert.deepEqual(ruleOf(now, 4), { id: ruleId(4), connections: 5, packets: 7 });
  const connections = now.ports.map((port) => [port.id, port.connections]);
  assert.deepEqual(connections, [
    [portId(11), 5],
    [portId(12), 2],
    [portId(13), null],
  ]);
  assert.equal(dropped(now, "ingress_rules"), 1);
  assert.match(now.drops.find(({ table }) => table === "ingress_rules")?.reason ?? "", /no rule .* allows it/);
});

test("packets and bytes of ports are counted as the VM sees them", async () => {
  const before = await read();
  const of = ({ ports }: Statistics, n: number) => ports.find(({ id }) => id === portId(n)) ?? assert.fail();
  const length = udp(end(11), end(12)).length;
  send(12, 4100, 6000);
  const now = await counted((one) => of(one, 12).received.packets > of(before, 12).received.packets);
  assert.equal(of(now, 11).sent.packets - of(before, 11).sent.packets, 1);
  assert.equal(of(now, 11).sent.bytes - of(before, 11).sent.bytes, length);
  assert.equal(of(now, 12).received.bytes - of(before, 12).received.bytes, length);
  assert.equal(of(now, 12).sent.packets, of(before, 12).sent.packets);
});

test("drops of other tables say where", async () => {
  stations.send(11, udp({ ...end(11), ip: "192.0.2.1" }, end(12)));
  const now = await counted((one) => dropped(one, "port_security") === 1);
  assert.match(now.drops.find(({ table }) => table === "port_security")?.reason ?? "", /no further: /);
});

test("while the switch is away there is nothing to read", async () => {
  const away = new SwitchDriver("unix:/nowhere", pipeline);
  await assert.rejects(readStatistics(away, pipeline, interfaces), { code: "not-open" });
  away.close();
});
