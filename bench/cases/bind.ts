import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { addVm, execInVm, type Lab, openLab, removeVm } from "@dragonflow/lab";
import { openVSwitch, OvsdbClient } from "@dragonflow/ovsdb";
import { Cloud } from "../cloud.ts";
import { FakeChassis } from "../fake-chassis.ts";
import { FlowEvents } from "../flow-events.ts";
import { type Case, type Figure, figure, numberFrom, numbersFrom } from "../measure.ts";
import { besidePeer } from "../peer.ts";
import { plugging } from "../plug.ts";
import { createTenants, networkOf, OTHER_CHASSIS, portIn, type Tenant } from "../tenants.ts";

const RUNS = numberFrom("BENCH_RUNS", 20);
const SIZES = numbersFrom("BENCH_SIZES", "0,1000,5000,10000");
const MAC = { anchor: "fa:16:3e:bb:00:01", second: "fa:16:3e:bb:00:03", fresh: "fa:16:3e:bb:00:02" };
const LAST = { anchor: 10, fresh: 20 };

interface Bind {
  /** Milliseconds. */
  readonly flows: number;
  readonly ping: number;
  readonly events: number;
}

/** One bind: the API's POST and the interface's transaction sent together over open connections. */
async function bindOnce(cloud: Cloud, lab: Lab, ovs: OvsdbClient, tenant: Tenant): Promise<Bind> {
  const id = crypto.randomUUID();
  const network = networkOf(tenant, 0);
  const anchor = `${network.prefix}${LAST.anchor}`;
  const vm = await addVm(lab, {
    name: "fresh",
    host: "host1",
    portId: id,
    mac: MAC.fresh,
    dhcp: false,
    addresses: [`${network.prefix}${LAST.fresh}/24`],
    plug: false,
  });
  await knows(lab, "fresh", anchor, MAC.anchor);
  const events = new FlowEvents(cloud.bridge(0));
  const ping = spawn(
    "ip",
    ["netns", "exec", vm.namespace, "stdbuf", "-oL", "ping", "-n", "-i", "0.004", "-c", "8000", anchor],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const first = new Promise<number>((done) =>
    createInterface(ping.stdout).on("line", (line) => line.includes("bytes from") && done(performance.now())),
  );
  await wait(300);
  // The interface carries the port's id, so the client chooses it: both can then be sent at once.
  const started = performance.now();
  const fields = portIn(tenant, network, LAST.fresh, "host1", { mac_address: MAC.fresh });
  const [port] = await Promise.all([cloud.create("port", fields, id), ovs.transact(openVSwitch, plugging(vm.tap, id))]);
  const reply = await first;
  await events.quiet();
  ping.kill();
  await once(ping, "close");
  const after = events.times.filter((time) => time >= started);
  const last = after.filter((time) => time <= reply + 200).at(-1) ?? Number.NaN;
  await events.close();
  await removeVm(lab, "fresh");
  await cloud.call("DELETE", `/ports/${port.id}`);
  await wait(200);
  return { flows: last - started, ping: reply - started, events: after.length };
}

/** A neighbour that needs no ARP. */
async function knows(lab: Lab, vm: string, ip: string, mac: string): Promise<void> {
  const command = ["ip", "neigh", "replace", ip, "lladdr", mac, "dev", "eth0", "nud", "permanent"] as const;
  await execInVm(lab, vm, [...command], { stdio: "capture" });
}

async function bindAt(size: number, report: (line: string) => void): Promise<readonly Bind[]> {
  await using cloud = await Cloud.start(1, `${size} other ports`);
  await using _chassis = await FakeChassis.start(cloud.lab, OTHER_CHASSIS);
  const tenant = await createTenants(cloud, size, report);
  const lab = await openLab(cloud.lab);
  const [network, other] = [networkOf(tenant, 0), networkOf(tenant, 1)];
  for (const [name, on, mac] of [
    ["anchor", network, MAC.anchor],
    ["second", other, MAC.second],
  ] as const) {
    const port = await cloud.create("port", portIn(tenant, on, LAST.anchor, "host1", { mac_address: mac }));
    const addresses = [`${on.prefix}${LAST.anchor}/24`];
    await addVm(lab, { name, host: "host1", portId: port.id, mac, dhcp: false, addresses });
  }
  await knows(lab, "anchor", `${network.prefix}${LAST.fresh}`, MAC.fresh);
  await cloud.active("host1", 2);
  await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
  const runs: Bind[] = [];
  for (let i = 0; i < RUNS; i++) {
    const run = await bindOnce(cloud, lab, ovs, tenant);
    runs.push(run);
    report(
      `${size} other ports, run ${i + 1}: flows ${run.flows.toFixed(1)} ms, ping ${run.ping.toFixed(1)} ms, ${run.events} events`,
    );
  }
  return runs;
}

export const bind: Case = {
  name: "bind",
  section: "Control plane",
  about:
    "one port bound on a host that has another VM of its network, behind a router with up to 500 ports of the tenant in ten networks: POST and plug sent together, to the last flow event and to the first ping reply",
  sizes: "BENCH_SIZES: other ports in the cloud (0,1000,5000,10000); BENCH_RUNS (20)",
  async run(report) {
    const figures: Figure[] = [];
    const medians = new Map<number, number>();
    for (const size of SIZES) {
      const { ours, peer } = await besidePeer("bind.py", [size, RUNS], `${size} other ports`, report, () =>
        bindAt(size, report),
      );
      const runs = ours.flat();
      const flows = figure(
        `${size} other ports: flows acknowledged`,
        "ms",
        runs.map((r) => r.flows),
        {
          bound: size === 0 ? 12 : undefined,
          peerBound: size === 5000 ? 0.1 : undefined,
          peer: peer.values("rows", "*", "flow_last_before_up"),
        },
      );
      medians.set(size, flows.median);
      figures.push(
        flows,
        figure(
          `${size} other ports: first ping`,
          "ms",
          runs.map((r) => r.ping),
          { bound: size === 0 ? 20 : undefined, peer: peer.values("rows", "*", "ping") },
        ),
        figure(
          `${size} other ports: flow events`,
          "count",
          runs.map((r) => r.events),
          { peer: peer.values("flow_events_per_bind", "p50") },
        ),
      );
    }
    const [small, large] = [medians.get(0), medians.get(10_000)];
    if (small !== undefined && large !== undefined)
      figures.push(figure("flows acknowledged, 10,000 to none", "ratio", [large / small], { bound: 1.3 }));
    return figures;
  },
};
