/**
 * What is on a host and none of ours stays as it is, whatever we do there: bridges, ports, tunnels, settings; and on our
 * own bridge flows, groups and meters that somebody else put there.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ports } from "@dragonflow/cli";
import { type LabHost, removeVm, restartDaemon, startRecorded, stopRecorded } from "@dragonflow/lab";
import { type Cloud, run, startCloud } from "./support/cloud.ts";
import { FlowMonitor, flowsOf, ofctl, vsctl } from "./support/switches.ts";

const COOKIE = "0x5afe";

const FOREIGN = [
  "add-br br-else",
  "set Bridge br-else datapath_type=netdev external_ids:owner=else",
  "add-port br-else else0",
  "set Interface else0 type=internal",
  "add-port br-else to-int",
  "set Interface to-int type=patch options:peer=to-else",
  "add-port br-int to-else",
  "set Interface to-else type=patch options:peer=to-int",
  "add-port br-int else1",
  "set Interface else1 type=internal",
  "add-port br-int else2",
  "set Interface else2 type=geneve options:remote_ip=192.0.2.99 options:key=flow external_ids:owner=else",
  // Named as ours are, but without our mark.
  "add-port br-int df-0123456789",
  "set Interface df-0123456789 type=vxlan options:remote_ip=192.0.2.98 options:key=7",
  "set Open_vSwitch . external_ids:owner=else other_config:vlan-limit=1",
  "set Bridge br-int external_ids:note=mine other_config:mac-aging-time=77",
  "set Port else1 qos=@q",
  "--id=@q create QoS type=linux-noop",
];

let cloud: Cloud;
let host: LabHost;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  host = await cloud.host("host1");
  await vsctl(host, ...FOREIGN.flatMap((command) => ["--", ...command.split(" ")]));
  await ofctl(host, "add-group", "group_id=7,type=all,bucket=drop");
  await ofctl(host, "add-meter", "meter=7,pktps,band=type=drop,rate=100");
  // In tables of ours, above and below our flows, and in one that we do not use.
  const flows = [
    "table=0,priority=40000,in_port=to-else,actions=group:7",
    "table=0,priority=1,in_port=else1,actions=drop",
  ];
  for (const flow of [
    ...flows,
    "table=9,priority=7,in_port=else1,actions=drop",
    "table=200,priority=5,ip,actions=meter:7,NORMAL",
  ])
    await ofctl(host, "add-flow", `cookie=${COOKIE},${flow}`);
  await run(["ovs-ofctl", "add-flow", host.openflow.replace("br-int", "br-else"), "priority=3,arp,actions=NORMAL"]);
});

/** Rows of the database that a person would miss, and the flows of others. */
async function foreign() {
  const columns = {
    Open_vSwitch: "external_ids,other_config",
    Bridge: "name,external_ids,other_config,fail_mode,datapath_type,protocols",
    QoS: "_uuid,type",
  };
  const rows = await Promise.all(
    Object.entries(columns).map(([table, names]) => vsctl(host, "--format=json", `--columns=${names}`, "list", table)),
  );
  // Which port has which conntrack zone is ours.
  const withoutZones = rows.map((row) => row.replaceAll(/\["dragonflow-zone-\d+","[^"]*"\],?/g, ""));
  const ours = new Set(["tapvm1", "tapvm2"]);
  const devices = JSON.parse(
    await vsctl(host, "--format=json", "--columns=name,type,options,external_ids,ofport", "list", "Interface"),
  ) as { data: unknown[][] };
  const isForeign = ([name, , , ids]: unknown[]) =>
    !ours.has(String(name)) && !JSON.stringify(ids).includes("dragonflow-chassis");
  return {
    rows: withoutZones,
    devices: devices.data
      .filter(isForeign)
      .map((row) => JSON.stringify(row))
      .sort(),
    flows: (await flowsOf(host)).filter((flow) => flow.includes(`cookie=${COOKIE}`)),
    groups: (await ofctl(host, "dump-groups")).match(/group_id=7,.*/g),
    meters: (await ofctl(host, "dump-meters")).match(/meter=7 [\s\S]*?rate=100/g),
    else: await run(["ovs-ofctl", "--no-stats", "dump-flows", host.openflow.replace("br-int", "br-else")]),
  };
}

test("networks, ports, tunnels and restarts of ours leave what belongs to others as it is", async () => {
  const before = await foreign();
  await using monitor = await FlowMonitor.open(host);
  const network = await cloud.network("red");
  const other = await cloud.network("green", { "provider:network_type": "vxlan" });
  const joined = [await cloud.subnet(network, "10.10.0.0/24"), await cloud.subnet(other, "10.20.0.0/24")];
  await cloud.router("router", joined);
  const vms = await cloud.vms([
    { name: "vm1", host: "host1", network },
    { name: "vm2", host: "host1", network: other },
    { name: "far1", host: "host2", network },
    { name: "far2", host: "host2", network: other },
  ]);
  const reached = async () => {
    const answers = vms.slice(1).map(({ ipv4 }) => cloud.exec({ name: "vm1" }, "ping", "-c", "1", "-W", "5", ipv4));
    return (await Promise.all(answers)).every(({ status }) => status === 0);
  };
  assert.equal(await reached(), true);
  assert.deepEqual(await foreign(), before);

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    await stopRecorded(cloud.lab, "controller-host1", { signal });
    await startRecorded(cloud.lab, "controller-host1");
    await inSync();
    assert.deepEqual(await foreign(), before);
  }
  const events = await monitor.events();
  assert.ok(events.length > 0);
  assert.deepEqual(
    events.filter((event) => event.includes(`cookie=${COOKIE}`)),
    [],
  );

  // ovs-vswitchd forgets flows, whoever they are from; rows stay.
  await restartDaemon(cloud.lab, "host1", "ovs-vswitchd");
  await cloud.until("packets pass", reached);
  const { rows, devices } = await foreign();
  assert.deepEqual({ rows, devices }, { rows: before.rows, devices: before.devices });

  for (const { name, port } of vms) {
    await removeVm(cloud.lab, name);
    await cloud.api.remove(ports, port.id);
  }
});

async function inSync(): Promise<void> {
  await cloud.until("the controller is in step", async () => {
    const status = (await cloud.ask("host1", "/status")) as { inSync: boolean };
    return status.inSync;
  });
}
