/** What a host answers for its VMs, with all apps in place: the answer comes, and the question goes no further. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APPS } from "@dragonflow/controller";
import type { State } from "@dragonflow/engine";
import { linkLocalText } from "@dragonflow/pipeline";
import {
  arpRequest,
  dhcpRequest,
  host,
  ipv4,
  ipv6,
  mac,
  neighbourSolicitation,
  network,
  peer,
  ping,
  port,
  portKey,
  router,
  routerInterfaceKey,
  routerMac,
  routerSolicitation,
  subnet,
  TestBed,
  udp,
} from "./testing/index.ts";

/** VMs 11 and 12 in network 1 on this host, 13 on another; router 5. In network 2, without DHCP and without advertisements, VMs 21 and 22. */
const state: State = [
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2, v4: null, v6: null }),
  ...subnet({ network: 2, cidr: `${ipv4(2, 0)}/24`, dhcpEnabled: false }),
  ...subnet({ network: 2, cidr: `${ipv6(2, 0)}/64`, ipv6RaMode: null, ipv6AddressMode: null }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1 }),
  ...port({ n: 13, network: 1, chassis: "host2" }),
  ...port({ n: 21, network: 2 }),
  ...port({ n: 22, network: 2 }),
  ...router(5, [1]),
];
const bed = new TestBed(APPS, state, "whole");
const gateway = { mac: routerMac(5 * 256 + 1), ip: ipv4(1, 1) };
const vm = { mac: mac(11), ip: ipv4(1, 11) };
const vm6 = { mac: mac(11), ip: ipv6(1, 11) };
const discover = { options: { messageType: "discover" as const } };
const everybody = ["drop in delivery: in port", "output 12", "tunnel 900 vni 1001"];

const sent = (n: number, frame: Uint8Array): readonly string[] => bed.send(frame, { inPort: n }).toSorted();

test("questions are answered on the host, and nobody else hears them", () => {
  assert.deepEqual(sent(11, dhcpRequest(discover, mac(11))), [`punt dhcp ${portKey(11)}`]);
  assert.deepEqual(sent(11, routerSolicitation({ ...vm6, ip: linkLocalText(mac(11)) })), [`punt ra ${portKey(11)}`]);
  assert.deepEqual(sent(11, arpRequest(vm, gateway.ip)), ["output 11"]);
  assert.deepEqual(sent(11, arpRequest(vm, ipv4(1, 13))), ["output 11"]);
  assert.deepEqual(sent(11, neighbourSolicitation(vm6, ipv6(1, 1))), ["output 11"]);
  assert.deepEqual(sent(11, neighbourSolicitation(vm6, linkLocalText(mac(13)))), ["output 11"]);
  assert.deepEqual(sent(11, ping(vm, gateway)), ["output 11"]);
  const interfaceKey = routerInterfaceKey(5 * 256 + 1);
  assert.deepEqual(sent(11, udp(vm, gateway)), [`punt icmp-error ${interfaceKey}`]);
  assert.deepEqual(sent(11, ping(vm, { ...gateway, ip: ipv4(1, 12) }, { ttl: 1 })), [
    `punt icmp-error ${interfaceKey}`,
  ]);
});

test("what only others can answer is for all of the network", () => {
  assert.deepEqual(sent(11, arpRequest(vm, ipv4(1, 99))), everybody);
  assert.deepEqual(sent(11, arpRequest({ ...vm, ip: "0.0.0.0" }, vm.ip)), everybody);
  assert.deepEqual(sent(11, neighbourSolicitation(vm6, ipv6(1, 99))), everybody);
  assert.deepEqual(sent(11, neighbourSolicitation({ ...vm6, ip: "::" }, vm6.ip, { sourceMac: null })), everybody);
});

test("a network without DHCP and without advertisements has them from its own VMs, or not at all", () => {
  const others = ["drop in delivery: in port", "output 22"];
  assert.deepEqual(sent(21, dhcpRequest(discover, mac(21))), others);
  assert.deepEqual(sent(21, routerSolicitation({ mac: mac(21), ip: linkLocalText(mac(21)) })), others);
});

test("what came from another host is answered there: here it is only delivered", () => {
  const entry = { inPort: 900, fields: { tun_id: 1001n } };
  const from = { mac: mac(13), ip: ipv4(1, 13) };
  assert.deepEqual(bed.send(arpRequest(from, gateway.ip), entry), ["output 11", "output 12"]);
  assert.deepEqual(bed.send(ping(from, vm), entry), ["output 11"]);
  assert.deepEqual(bed.send(ping(from, gateway), entry), ["drop in l2: miss"]);
  assert.deepEqual(bed.send(dhcpRequest(discover, mac(13)), entry), ["output 11", "output 12"]);
});
