/** Who is believed: packets of known tunnel endpoints only, by real tunnel ports on a real underlay. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { decodePacket, encodePacket, parseIpv4, parseMac } from "@dragonflow/packet";
import { tunnel } from "@dragonflow/pipeline";
import { host, ipv4, mac, network, peer, port, portId, SELF, tunnelIp, udp, vni } from "@dragonflow/pipeline/testing";
import { Writer } from "@dragonflow/wire";
import { pipeline } from "../apps.ts";
import { SwitchDriver } from "../switch/driver.ts";
import { applied } from "../testing/applied.ts";
import { compiled } from "../testing/compiled.ts";
import { KeptLog } from "../testing/log.ts";
import { Stations } from "../testing/station.ts";
import { until } from "../testing/until.ts";
import type { SwitchFacts } from "./facts.ts";
import { LocalSwitch } from "./local-switch.ts";

let ovs: TestSwitch;
let stations: Stations;
let underlay: OpenFlowSocket;
let local: LocalSwitch;
let driver: SwitchDriver;
let facts: SwitchFacts | undefined;

/** Network 1 is Geneve, with a port on host2; network 2 is VXLAN, with a port on host3. Both have an open port here. */
const STATIONS = { geneve: 11, vxlan: 21 } as const;
before(async () => {
  ovs = await startSwitch();
  stations = await Stations.open(ovs);
  for (const n of Object.values(STATIONS)) await stations.plug(n, portId(n));
  await openUnderlay();
  local = new LocalSwitch({ bridge: "br-int", ovsdb: `unix:${ovs.ovsdbSocket}` }, pipeline, new KeptLog(), {
    onZones: () => undefined,
    onFacts: (_, now) => (facts = now),
    onFailure: (error) => assert.fail(error),
  });
  local.want(
    (["geneve", "vxlan"] as const).map((encapsulation) => {
      const chassis = encapsulation === "geneve" ? "host2" : "host3";
      const made = tunnel({ chassis, encapsulation, remoteIp: tunnelIp(chassis), localIp: tunnelIp(SELF) });
      return [made.key, made] as const;
    }),
  );
  await until("the tunnels are there", () => facts?.tunnels.size === 2);
  driver = new SwitchDriver(ovs.bridge, pipeline);
  driver.release();
  const change = driver.update(compiled(state()).switch);
  await applied(driver, change);
  assert.equal(driver.refused.size, 0);
});
after(async () => {
  driver.close();
  underlay.close();
  await local.close();
  await stations.close();
  await ovs.stop();
});

function state() {
  const ofport = (chassis: string): number =>
    [...(facts?.tunnels.values() ?? [])].find((fact) => fact.chassis === chassis)?.ofport ?? 0;
  return [
    ...host(),
    ...peer("host2", ofport("host2")),
    ...peer("host3", { vxlan: ofport("host3") }),
    ...network({ n: 1 }),
    ...network({ n: 2, networkType: "vxlan" }),
    ...port({ n: 11, network: 1, portSecurity: false }),
    ...port({ n: 12, network: 1, chassis: "host2" }),
    ...port({ n: 21, network: 2, portSecurity: false }),
    ...port({ n: 22, network: 2, chassis: "host3" }),
  ];
}

/** A bridge that holds the tunnel endpoint's address; what a test puts out there comes in from the underlay. */
async function openUnderlay(): Promise<void> {
  await ovs.vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "fail_mode=secure");
  await ovs.vsctl("set", "bridge", "br-phy", "protocols=OpenFlow15", `other_config:hwaddr="${MAC}"`);
  await ovs.exec("ip", "addr", "add", `${tunnelIp(SELF)}/16`, "dev", "br-phy");
  await ovs.exec("ip", "link", "set", "br-phy", "up");
  underlay = await connect(`unix:${ovs.dir}/br-phy.mgmt`);
}
const MAC = "02:df:00:00:00:01";
const PORTS = { geneve: 6081, vxlan: 4789 } as const;
const LOCAL_PORT = 0xfffffffe;

interface Outer {
  readonly encapsulation: "geneve" | "vxlan";
  readonly from: string;
  readonly to?: string;
  readonly net?: number;
  /** Told apart by what it carries. */
  readonly body?: number;
}
/** A frame for the station of that network's kind, in a tunnel packet. RFC 8926 section 3.4, RFC 7348 section 5. */
function tunnelled({ encapsulation, from, to = tunnelIp(SELF), net, body = 0 }: Outer): Uint8Array {
  const [station, own] = encapsulation === "geneve" ? [11, 1] : [21, 2];
  const inner = udp(
    { mac: mac(station + 1), ip: ipv4(own, station + 1) },
    { mac: mac(station), ip: ipv4(own, station) },
    {},
    Uint8Array.of(body),
  );
  const w = new Writer();
  if (encapsulation === "geneve") w.u16(0).u16(0x6558);
  else w.u32(0x08000000);
  w.u32(vni(net ?? own) * 256).bytes(inner);
  return encodePacket({
    ethernet: { src: parseMac("02:df:00:00:00:02"), dst: parseMac(MAC) },
    ipv4: { src: parseIpv4(from), dst: parseIpv4(to), ttl: 64 },
    udp: { sourcePort: 40000, destinationPort: PORTS[encapsulation] },
    payload: w.slice(),
  });
}
async function arrive(outer: Outer): Promise<void> {
  const message = { type: "packet_out", match: { in_port: 0xfffffffd }, frame: tunnelled(outer) } as const;
  assert.deepEqual(await underlay.apply([{ ...message, actions: [{ type: "output", port: LOCAL_PORT }] }]), []);
}

const KNOWN = { geneve: tunnelIp("host2"), vxlan: tunnelIp("host3") } as const;
/** What the station of a kind got of what was sent, by what it carries; packets come in the order in which they were sent. */
async function receivedBefore(encapsulation: "geneve" | "vxlan", last: number): Promise<readonly number[]> {
  await arrive({ encapsulation, from: KNOWN[encapsulation], body: last });
  const bodies = (): readonly number[] =>
    stations.received(STATIONS[encapsulation]).flatMap((frame) => decodePacket(frame).payload?.[0] ?? []);
  await until("the last one is there", () => bodies().includes(last));
  const all = bodies();
  stations.received(STATIONS[encapsulation]).length = 0;
  return all;
}

for (const encapsulation of ["geneve", "vxlan"] as const) {
  const from = KNOWN[encapsulation];
  const stranger = encapsulation === "geneve" ? KNOWN.vxlan : KNOWN.geneve;

  test(`${encapsulation}: a packet of a known endpoint arrives`, async () => {
    await arrive({ encapsulation, from, body: 1 });
    assert.deepEqual(await receivedBefore(encapsulation, 2), [1, 2]);
  });

  test(`${encapsulation}: a packet with a forged outer source does not`, async () => {
    await arrive({ encapsulation, from: "172.31.0.99", body: 1 });
    await arrive({ encapsulation, from: "8.8.8.8", body: 2 });
    // A host that we know, but by another encapsulation.
    await arrive({ encapsulation, from: stranger, body: 3 });
    // Ourselves.
    await arrive({ encapsulation, from: tunnelIp(SELF), body: 4 });
    assert.deepEqual(await receivedBefore(encapsulation, 5), [5]);
  });

  test(`${encapsulation}: nor does one of a known endpoint for another address, or for a network that is none`, async () => {
    await arrive({ encapsulation, from, to: "172.31.0.77", body: 1 });
    await arrive({ encapsulation, from, net: 9, body: 2 });
    // The other kind's network.
    await arrive({ encapsulation, from, net: encapsulation === "geneve" ? 2 : 1, body: 3 });
    assert.deepEqual(await receivedBefore(encapsulation, 4), [4]);
  });

  test(`${encapsulation}: what comes by a tunnel port of somebody else is nobody's`, async () => {
    // One that takes packets of every endpoint, beside ours.
    const settings = [`type=${encapsulation}`, "options:remote_ip=flow", "options:key=flow"];
    await ovs.vsctl("add-port", "br-int", "theirs", "--", "set", "interface", "theirs", ...settings);
    await arrive({ encapsulation, from: "172.31.0.99", body: 1 });
    assert.deepEqual(await receivedBefore(encapsulation, 2), [2]);
    assert.match(await ovs.ofctl("dump-ports", ovs.bridge, "theirs"), /rx pkts=1,/);
    await ovs.vsctl("del-port", "br-int", "theirs");
  });
}
