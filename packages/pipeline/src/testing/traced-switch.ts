/**
 * A real Open vSwitch with the flows of all apps, to be asked with `ofproto/trace`: interfaces for local ports, tunnels to two peers, and an underlay
 * whose neighbours are known. Flows come by the switch driver of the controller, as on a host.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dispatch, pipeline, SwitchDriver } from "@dragonflow/controller";
import { type Flow, printMatch } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import type { Desired } from "../desired.ts";
import {
  Bound,
  carried,
  type Connection,
  connectionArguments,
  type PacketToTrace,
  type Trace,
  Tracer,
} from "../trace/index.ts";
import { assertAgreement, type PortNames } from "./agreement.ts";
import {
  ControlSocket,
  FOREIGN_COOKIE,
  type OfprotoTrace,
  onceUnless,
  readTrace,
  UNDERLAY_PORT,
} from "./ofproto-trace.ts";
import { FIRST_PORT, MAX_PORTS, TUNNEL_PORTS } from "./random-topology.ts";
import { SELF, tunnelIp } from "./topology.ts";

export { DaemonGone } from "./ofproto-trace.ts";

/** A packet that comes in, as both are told. */
export interface Sent {
  readonly inPort: number;
  readonly frame: Uint8Array;
  /** Of a packet from a tunnel: tun_id, tun_metadata0. */
  readonly fields: NonNullable<PacketToTrace["fields"]>;
}

/** So many questions a switch is asked at once. */
const AT_ONCE = 16;

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

export class TracedSwitch {
  readonly #ovs: TestSwitch;
  readonly #controls: readonly ControlSocket[];
  /** Control sockets that nobody waits at, and who waits for one. */
  readonly #idle: ControlSocket[];
  readonly #waiting: ((control: ControlSocket) => void)[] = [];
  readonly #driver: SwitchDriver;
  readonly #refused: string[] = [];
  /** Aborted, with a {@link DaemonGone}, once the switch is not there any more: then there is no use in going on. */
  readonly gone: AbortSignal;

  private constructor(ovs: TestSwitch, controls: readonly [ControlSocket, ...ControlSocket[]]) {
    this.#ovs = ovs;
    this.#controls = controls;
    this.#idle = [...controls];
    this.gone = controls[0].gone;
    this.#driver = new SwitchDriver(`unix:${ovs.bridgeSocket}`, pipeline);
    this.#driver.on("refused", (key, _desired, error) => this.#refused.push(`${key}: ${error.message}`));
    this.#driver.zonesWritten(new Map());
    this.#driver.release();
  }

  static async start(): Promise<TracedSwitch> {
    const ovs = await startSwitch();
    await addPorts(ovs);
    const path = join(ovs.dir, "vswitchd.ctl");
    const control = await ControlSocket.open(path);
    const others = await Promise.all(Array.from({ length: AT_ONCE - 1 }, () => ControlSocket.open(path)));
    for (const peer of Object.keys(TUNNEL_PORTS))
      await control.call("tnl/neigh/set", "br-phy", tunnelIp(peer), "02:00:00:00:00:02");
    return new TracedSwitch(ovs, [control, ...others]);
  }
  async stop(): Promise<void> {
    this.#driver.close();
    for (const control of this.#controls) control[Symbol.dispose]();
    await this.#ovs.stop();
  }

  /** The number of a port's conntrack zone, by the port's id; 0: it has none. */
  zoneOf(portId: string): number {
    return this.#driver.zoneOf(portId) ?? 0;
  }

  /**
   * A tracer over what the switch has after it was told to hold this; read back, so that buckets stand in its order. All by the driver, which finds back
   * to a switch that was silent for too long. @throws {DaemonGone}
   */
  async install(outputs: ReadonlyMap<string, Desired>): Promise<Tracer> {
    const driver = this.#driver;
    const desired = dispatch({ set: outputs, removed: new Map() }).switch;
    const wanted = new Set(desired.map(([key]) => key));
    const gone = [...driver.desired().keys()].filter((key) => !wanted.has(key));
    const change = driver.update([...gone.map((key) => [key, undefined] as const), ...desired]);
    for (let applied: unknown = 0; Number(applied) < change || !driver.synced; )
      [applied] = await onceUnless(this.gone, driver, "applied");
    assert.deepEqual(this.#refused, []);
    const flows = await driver.request({ type: "flow_desc_request", match: {} });
    const groups = await driver.request({ type: "group_desc_request" });
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

  /** What `ofproto/trace` makes of the packet, if connection tracking takes it for this in every zone. Absent: for new, of which nothing is known. */
  async trace({ inPort, frame, fields }: Sent, connection?: Connection): Promise<OfprotoTrace> {
    const remote = tunnelNames.get(inPort)?.split(" ")[1];
    const tunnel =
      remote === undefined
        ? ""
        : `,tun_id=${fields.tun_id},tun_src=${remote},tun_dst=${tunnelIp(SELF)},tun_metadata0=${fields.tun_metadata0}`;
    const { flow, options } = connection ? connectionArguments(frame, connection) : { flow: "", options: [] };
    const hex = Buffer.from(frame).toString("hex");
    const packet = `in_port=${inPort}${tunnel}${flow}`;
    return readTrace(await this.#ask("ofproto/trace", "--names", ...options, "br-int", packet, hex), frame);
  }

  /** vswitchd answers once to each socket before it looks after everything else again: many questions at once take little more time than one. */
  async #ask(method: string, ...params: readonly string[]): Promise<string> {
    const control = this.#idle.pop() ?? (await new Promise<ControlSocket>((done) => this.#waiting.push(done)));
    try {
      return await control.call(method, ...params);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(control);
      else next(control);
    }
  }

  /** @returns our trace. @throws {assert.AssertionError} where the switch sees it otherwise. */
  async compare(tracer: Tracer, sent: Sent, connection?: Connection): Promise<Trace> {
    const known = connection && connectionArguments(sent.frame, connection).fields;
    const conntrack = carried(connection ?? { state: "new" });
    const ours = tracer.trace({ ...sent, fields: { ...sent.fields, ...known }, conntrack });
    assertAgreement(sent.frame, ours, await this.trace(sent, connection), portNames);
    return ours;
  }
}

async function addPorts(ovs: TestSwitch): Promise<void> {
  const local = Array.from({ length: MAX_PORTS }, (_, i) => FIRST_PORT + i);
  const add = (name: string, ofport: number, ...settings: readonly string[]): readonly string[] =>
    `-- add-port br-int ${name} -- set interface ${name} ofport_request=${ofport}`.split(" ").concat(settings);
  const tunnels = Object.entries(TUNNEL_PORTS).flatMap(([peer, ports]) =>
    Object.entries(ports).flatMap(([type, ofport]) =>
      add(`t${ofport}`, ofport, `type=${type}`, `options:remote_ip=${tunnelIp(peer)}`, "options:key=flow"),
    ),
  );
  await ovs.vsctl(...local.flatMap((n) => add(`p${n}`, n, "type=internal")), ...tunnels);
  await ovs.vsctl(
    ..."add-br br-phy -- set bridge br-phy datapath_type=netdev fail_mode=secure".split(" "),
    ...`-- add-port br-phy ${UNDERLAY_PORT} -- set interface ${UNDERLAY_PORT} type=internal`.split(" "),
  );
  await ovs.exec("ip", "addr", "add", `${tunnelIp(SELF)}/16`, "dev", "br-phy");
  await ovs.exec("ip", "link", "set", "br-phy", "up");
  await ovs.exec("ovs-ofctl", "add-flow", `unix:${ovs.dir}/br-phy.mgmt`, `cookie=${FOREIGN_COOKIE},actions=output:1`);
}
