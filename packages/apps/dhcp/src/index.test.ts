import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, type State } from "@dragonflow/engine";
import {
  alone,
  dhcpRequest,
  host,
  ipv4,
  ipv6,
  mac,
  network,
  port,
  portKey,
  printDesired,
  router,
  subnet,
  subnetId,
  TestBed,
  udp,
  uuid,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

const second = uuid("b5", 1);
/** VMs 11 and 12 in network 1; its second subnet has no DHCP. */
const topology: State = [
  ...host(),
  ...network({ n: 1, dnsDomain: "cloud.example." }),
  ...subnet({ network: 1, id: second, cidr: "10.1.1.0/24", dhcpEnabled: false }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1 }),
  ...router(5, [1]),
];
const discover = dhcpRequest({ options: { messageType: "discover" } }, mac(11));
const bedOf = (...more: readonly State[]): TestBed => new TestBed([app], [...topology, ...more.flat()]);
const sent = (bed: TestBed, n: number, frame = discover): readonly string[] =>
  bed.send(frame, { table: "dhcp", inPort: n, registers: { sourcePort: portKey(n), network: 1 } });
const ON = ["to rest_of_services"];

test("flows and leases of a network", () => {
  const bed = bedOf();
  verifyGolden(new URL("../golden/one-network.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("a client's messages are answered on its host, for the port that they come from", () => {
  const bed = bedOf();
  assert.deepEqual(sent(bed, 11), [`punt dhcp ${portKey(11)}`]);
  assert.deepEqual(sent(bed, 12), [`punt dhcp ${portKey(12)}`]);
  const server = { mac: mac(1), ip: ipv4(1, 1) };
  const renewal = dhcpRequest({ options: { messageType: "request" } }, mac(11), { ip: ipv4(1, 11), server });
  assert.deepEqual(sent(bed, 11, renewal), [`punt dhcp ${portKey(11)}`]);
});

test("everything else goes on", () => {
  const bed = bedOf();
  const [from, to] = [
    { mac: mac(11), ip: ipv4(1, 11) },
    { mac: mac(12), ip: ipv4(1, 12) },
  ];
  assert.deepEqual(sent(bed, 11, udp(from, to, { sourcePort: 67, destinationPort: 68 })), ON);
  assert.deepEqual(sent(bed, 11, udp(from, to, { sourcePort: 4000, destinationPort: 67 })), ON);
  assert.deepEqual(
    sent(
      bed,
      11,
      udp({ ...from, ip: ipv6(1, 11) }, { ...to, ip: ipv6(1, 12) }, { sourcePort: 546, destinationPort: 547 }),
    ),
    ON,
  );
});

test("no lease without DHCP, without an IPv4 address, for a port that is down or elsewhere", () => {
  const only = (ip: string, subnetIdOf: string) => ({ addresses: [{ subnetId: subnetIdOf, ip }] });
  const bed = bedOf(
    port({ n: 13, network: 1, ...only("10.1.1.13", second) }),
    port({ n: 14, network: 1, ...only(ipv6(1, 14), subnetId(1, 6)) }),
    port({ n: 15, network: 1, adminUp: false }),
    port({ n: 16, network: 1, chassis: "host2" }),
  );
  for (const n of [13, 14, 15, 16]) assert.deepEqual(sent(bed, n), ON, String(n));
});

test("a port with several addresses gets the first of a subnet with DHCP", () => {
  const addresses = [
    { subnetId: second, ip: "10.1.1.13" },
    { subnetId: subnetId(1, 6), ip: ipv6(1, 13) },
    { subnetId: subnetId(1, 4), ip: ipv4(1, 77) },
    { subnetId: subnetId(1, 4), ip: ipv4(1, 13) },
  ];
  const lease = bedOf(port({ n: 13, network: 1, addresses })).response("dhcp", portKey(13));
  assert.ok("ip" in lease && lease.ip === ipv4(1, 77));
});

test("the way to a state does not matter", () => {
  const states: readonly State[] = [
    topology,
    [...topology, ...port({ n: 13, network: 1, dhcpOptions: [{ ipVersion: 4, name: "bad", value: "" }] })],
    [...host(), ...network({ n: 1 }), ...port({ n: 11, network: 1, adminUp: false })],
    [...host(), ...port({ n: 11, network: 1 })],
  ];
  checkApp(app.compile, states, alone);
});

test("of 200 ports, one changed: one unit ran", () => {
  const many = [...topology, ...Array.from({ length: 200 }, (_, i) => port({ n: 20 + i, network: 1 })).flat()];
  assert.deepEqual(costOf(app.compile, many, port({ n: 77, network: 1, hostname: "other" }), alone), {
    unitsRun: 1,
    outputsChanged: 1,
  });
  assert.deepEqual(costOf(app.compile, many, port({ n: 900, network: 1, chassis: "host2" }), alone), {
    unitsRun: 0,
    outputsChanged: 0,
  });
});
