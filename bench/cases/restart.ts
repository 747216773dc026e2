import { execFile } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { restartDaemon, openLab } from "@dragonflow/lab";
import { connect } from "@dragonflow/openflow";
import { OvsdbClient } from "@dragonflow/ovsdb";
import { Cloud, type Json } from "../cloud.ts";
import { flowsIn } from "../flow-count.ts";
import { type Case, figure } from "../measure.ts";
import { plug } from "../plug.ts";

const PORTS = 1000;
const AT_ONCE = 100;
const RUNS = 5;

const isPort = (value: unknown): value is { readonly id: string; readonly status: string } =>
  typeof value === "object" && value !== null && "id" in value && "status" in value;
const portsIn = (answer: Json) => (Array.isArray(answer["ports"]) ? answer["ports"].filter(isPort) : []);

/**
 * The devices that stand in for VMs have no addresses, and say nothing: vswitchd makes them anew, and a thousand kernels that solicit routers in one
 * instant are nothing that a restart of vswitchd does to VMs.
 */
async function silence(namespace: string): Promise<void> {
  await run("ip", ["netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"]);
}
const run = promisify(execFile);

/** Ports in four networks that a router joins, with interfaces of their own on the host; waits until all are ACTIVE. */
async function localPorts(cloud: Cloud, report: (line: string) => void): Promise<void> {
  const router = await cloud.create("router", { name: "restart" });
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  for (let n = 0; n < 4; n++) {
    const network = await cloud.create("network", { name: `restart${n}` });
    for (const [ip_version, cidr] of [
      [4, `10.25${n}.0.0/16`],
      [6, `fd00:25${n}::/64`],
    ] as const) {
      const more = ip_version === 6 ? { ipv6_ra_mode: "slaac", ipv6_address_mode: "slaac" } : {};
      const subnet = await cloud.create("subnet", { network_id: network.id, ip_version, cidr, ...more });
      await cloud.call("PUT", `/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    }
    for (let made = 0; made < PORTS / 4; made += AT_ONCE) {
      const count = Math.min(AT_ONCE, PORTS / 4 - made);
      const port = { network_id: network.id, "binding:host_id": "host1" };
      const ids = portsIn(await cloud.call("POST", "/ports", { ports: Array<Json>(count).fill(port) }));
      await plug(
        ovs,
        ids.map(({ id }, i) => [`r${n}x${made + i}`, id]),
      );
    }
  }
  for (let active = 0; active < PORTS; ) {
    await wait(500);
    active = portsIn(await cloud.call("GET", "/ports?fields=id&fields=status&status=ACTIVE&limit=10000")).length;
    report(`${active} ports are ACTIVE`);
  }
}

/** From the moment that the bridge can be reached again until it has as many flows as before. */
async function returned(bridge: string, before: number, since: number): Promise<{ up: number; flows: number }> {
  const left = performance.now();
  for (;;) {
    try {
      const socket = await connect(bridge);
      const up = performance.now();
      while ((await flowsIn(socket)) < before) await wait(5);
      socket.close();
      return { up: up - since, flows: performance.now() - up };
    } catch (error) {
      if (performance.now() - left > 60_000) throw error;
      await wait(5);
    }
  }
}

export const restart: Case = {
  name: "restart",
  section: "Control plane",
  about: "ovs-vswitchd killed and started again on a host with 1,000 local ports in four routed networks",
  async run(report) {
    await using cloud = await Cloud.start(1);
    await silence(cloud.namespace(0));
    await localPorts(cloud, report);
    const lab = await openLab(cloud.lab);
    const bridge = cloud.bridge(0);
    const socket = await connect(bridge);
    const before = await flowsIn(socket);
    socket.close();
    const runs = [];
    for (let n = 0; n < RUNS; n++) {
      const started = performance.now();
      const restarting = restartDaemon(lab, "host1", "ovs-vswitchd");
      // Until it is killed it still answers.
      while (await isThere(bridge)) await wait(2);
      runs.push(await returned(bridge, before, started));
      await restarting;
      report(`run ${n + 1}: ${runs.at(-1)?.flows.toFixed(0)} ms after the return, ${before} flows`);
      await wait(2000);
    }
    return [
      figure("flows", "count", [before]),
      figure(
        "ovs-vswitchd's own return, from the kill",
        "ms",
        runs.map(({ up }) => up),
      ),
      figure(
        "all flows back, from its return",
        "ms",
        runs.map(({ flows }) => flows),
        { bound: 1000 },
      ),
    ];
  },
};
async function isThere(bridge: string): Promise<boolean> {
  try {
    (await connect(bridge)).close();
    return true;
  } catch {
    return false;
  }
}
