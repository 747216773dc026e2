/**
 * The tracer against a real Open vSwitch: the same flows, the same packets, the same answers, down to each flow that was met and each header that was
 * changed. Flows come by the switch driver of the controller, as on a host.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { APPS, dispatch, pipeline, SwitchDriver } from "@dragonflow/controller";
import type { State } from "@dragonflow/engine";
import { connect, type Flow, type OpenFlowSocket, printMatch } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import fc from "fast-check";
import { assertAgreement, lookupsOf, type PortNames } from "../testing/agreement.ts";
import { compile } from "../testing/compile.ts";
import {
  carried,
  ControlSocket,
  connectionArguments,
  FOREIGN_COOKIE,
  type OfprotoTrace,
  readTrace,
  UNDERLAY_PORT,
} from "../testing/ofproto-trace.ts";
import { packetChoices, packetOf, type Sent } from "../testing/random-packets.ts";
import { FIRST_PORT, MAX_PORTS, rowsOf, securedTopologies, TUNNEL_PORTS } from "../testing/random-topology.ts";
import { connections } from "../testing/random-security.ts";
import { arpRequest } from "../testing/frames.ts";
import { host, ipv4, mac, network, port, SELF, tunnelIp } from "../testing/topology.ts";
import { Bound } from "./bound.ts";
import type { Connection } from "./conntrack.ts";
import { printOutcome } from "./print.ts";
import { Tracer } from "./tracer.ts";

let ovs: TestSwitch;
let control: ControlSocket;
let driver: SwitchDriver;
let openflow: OpenFlowSocket;
const refused: string[] = [];

before(async () => {
  ovs = await startSwitch();
  await addPorts();
  control = await ControlSocket.open(join(ovs.dir, "vswitchd.ctl"));
  for (const peer of Object.keys(TUNNEL_PORTS)) {
    await control.call("tnl/neigh/set", "br-phy", tunnelIp(peer), "02:00:00:00:00:02");
  }
  driver = new SwitchDriver(`unix:${ovs.bridgeSocket}`, pipeline);
  driver.on("refused", (key, _desired, error) => refused.push(`${key}: ${error.message}`));
  driver.release();
  openflow = await connect(ovs.bridge);
});
after(async () => {
  openflow.close();
  driver.close();
  control[Symbol.dispose]();
  await ovs.stop();
});

/** Interfaces for local ports, tunnels, and an underlay whose neighbours are known. */
async function addPorts(): Promise<void> {
  const local = Array.from({ length: MAX_PORTS }, (_, i) => FIRST_PORT + i);
  const add = (name: string, ofport: number, ...settings: readonly string[]): readonly string[] =>
    `-- add-port br-int ${name} -- set interface ${name} ofport_request=${ofport}`.split(" ").concat(settings);
  const tunnels = Object.entries(TUNNEL_PORTS).flatMap(([peer, ports]) =>
    Object.entries(ports).flatMap(([type, ofport]) =>
      add(`t${ofport}`, ofport, `type=${type}`, `options:remote_ip=${tunnelIp(peer)}`, "options:key=flow"),
    ),
  );
  await ovs.vsctl(...local.flatMap((n) => add(`p${n}`, n, "type=internal")), ...tunnels);
  const underlay = ["add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "fail_mode=secure"];
  await ovs.vsctl(
    ...underlay,
    "--",
    "add-port",
    "br-phy",
    UNDERLAY_PORT,
    "--",
    "set",
    "interface",
    UNDERLAY_PORT,
    "type=internal",
  );
  await ovs.exec("ip", "addr", "add", `${tunnelIp(SELF)}/16`, "dev", "br-phy");
  await ovs.exec("ip", "link", "set", "br-phy", "up");
  await ovs.exec("ovs-ofctl", "add-flow", `unix:${ovs.dir}/br-phy.mgmt`, `cookie=${FOREIGN_COOKIE},actions=output:1`);
}

/** A tracer over what the switch has after it was told to hold what the state makes; read back, so that buckets stand in its order. */
async function install(state: State): Promise<Tracer> {
  const outputs = new Map(compile(APPS, state).outputs());
  const desired = dispatch({ set: outputs, removed: new Map() }).switch;
  const wanted = new Set(desired.map(([key]) => key));
  const gone = [...driver.desired().keys()].filter((key) => !wanted.has(key));
  const change = driver.update([...gone.map((key) => [key, undefined] as const), ...desired]);
  for (let applied = 0; applied < change || !driver.synced; ) [applied] = await once(driver, "applied");
  assert.deepEqual(refused, []);
  const flows = await openflow.request({ type: "flow_desc_request", match: {} });
  const groups = await openflow.request({ type: "group_desc_request" });
  const bound = new Bound(pipeline, outputs.values());
  const keys = (all: Iterable<Flow>): readonly string[] =>
    [...all].map((flow) => `${flow.table} ${flow.priority} ${printMatch(flow.match)}`).sort();
  assert.deepEqual(keys(flows.entries), keys(bound.flows));
  return new Tracer({
    tableName: (table) => bound.tableName(table),
    flows: flows.entries,
    groups: new Map(
      groups.entries.map(({ group, groupType: type, buckets }) => [
        group,
        { type, buckets: buckets.map(({ actions }) => actions) },
      ]),
    ),
  });
}

async function real({ inPort, frame, fields }: Sent, connection: Connection): Promise<OfprotoTrace> {
  const remote = tunnelNames.get(inPort)?.split(" ")[1];
  const tunnel =
    remote === undefined
      ? ""
      : `,tun_id=${fields.tun_id},tun_src=${remote},tun_dst=${tunnelIp(SELF)},tun_metadata0=${fields.tun_metadata0}`;
  const { flow, options } = connectionArguments(frame, connection);
  const hex = Buffer.from(frame).toString("hex");
  const packet = `in_port=${inPort}${tunnel}${flow}`;
  return readTrace(await control.call("ofproto/trace", "--names", ...options, "br-int", packet, hex), frame);
}

const tunnelNames = new Map<number, string>(
  Object.entries(TUNNEL_PORTS).flatMap(([peer, { geneve, vxlan }]) => [
    [geneve, `genev_sys_6081 ${tunnelIp(peer)}`],
    [vxlan, `vxlan_sys_4789 ${tunnelIp(peer)}`],
  ]),
);
const portNames: PortNames = (ofport) => {
  const tunnel = tunnelNames.get(ofport);
  return tunnel === undefined ? { name: `p${ofport}`, isTunnel: false } : { name: tunnel, isTunnel: true };
};

const TOPOLOGIES = process.env["DRAGONFLOW_FULL"] === "1" ? 500 : 20;
let packets = 0;
const met = new Map<string, number>();

async function compare(tracer: Tracer, sent: Sent, connection: Connection): Promise<void> {
  const fields = { ...sent.fields, ...connectionArguments(sent.frame, connection).fields };
  const ours = tracer.trace({ ...sent, fields, conntrack: carried(connection) });
  assertAgreement(sent.frame, ours, await real(sent, connection), portNames);
  packets++;
  for (const outcome of ours.outcomes) {
    const kind = outcome.type === "drop" ? printOutcome(outcome) : outcome.type;
    met.set(kind, (met.get(kind) ?? 0) + 1);
  }
}

test("our traces are those of ofproto/trace, for any packets in any topology", async (t) => {
  const packetsOfOne = fc.array(fc.tuple(packetChoices, connections), { minLength: 50, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(securedTopologies, packetsOfOne, async (topology, sent) => {
      const tracer = await install(rowsOf(topology));
      for (const [choice, connection] of sent) await compare(tracer, packetOf(topology, choice), connection);
    }),
    { numRuns: TOPOLOGIES, endOnFailure: true },
  );
  t.diagnostic(`${packets} packets: ${[...met].map(([what, times]) => `${what} ${times}`).join("; ")}`);
  assert.ok(packets >= 1000);
});

test("a flood to 1,200 ports of one network, by several groups, ends in no limit", async () => {
  const state = [
    ...host(),
    ...network({ n: 1 }),
    ...Array.from({ length: 1200 }, (_, i) => port({ n: 3000 + i, network: 1 })).flat(),
    ...port({ n: FIRST_PORT, network: 1 }),
  ];
  const sent = {
    inPort: FIRST_PORT,
    frame: arpRequest({ mac: mac(FIRST_PORT), ip: ipv4(1, FIRST_PORT) }, ipv4(1, 99)),
    fields: {},
  };
  const tracer = await install(state);
  const ours = tracer.trace(sent);
  const theirs = await real(sent, { state: "new" });
  // The ports have no interfaces in the switch: what counts is that each has had its turn.
  assert.deepEqual(lookupsOf(ours), theirs.lookups);
  assert.equal(ours.outcomes.filter(({ type }) => type === "output").length, 1200);
});
