import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { addVm, execInVm, type Lab, openLab, removeVm } from "@dragonflow/lab";
import { namedUuid, openVSwitch, operations, OvsdbClient } from "@dragonflow/ovsdb";
import { Cloud, type Json, otherTenants } from "../cloud.ts";
import { FlowEvents } from "../flow-events.ts";
import { type Case, type Figure, figure } from "../measure.ts";

const RUNS = 20;
const SIZES = (process.env["BENCH_SIZES"] ?? "0,10000").split(",").map(Number);
const ops = operations(openVSwitch);
const MAC = { anchor: "fa:16:3e:bb:00:01", fresh: "fa:16:3e:bb:00:02" };
const IP = { anchor: "10.250.0.10", fresh: "10.250.0.20" };

/** One bind: the API's POST and the interface's transaction sent together over open connections. */
async function bindOnce(
  cloud: Cloud,
  lab: Lab,
  ovs: OvsdbClient,
  networkId: string,
  subnetId: string,
): Promise<{ readonly flows: number; readonly ping: number; readonly events: number }> {
  const id = crypto.randomUUID();
  const vm = await addVm(lab, {
    name: "fresh",
    host: "host1",
    portId: id,
    mac: MAC.fresh,
    dhcp: false,
    addresses: [`${IP.fresh}/24`],
    plug: false,
  });
  await execInVm(
    lab,
    "fresh",
    ["ip", "neigh", "replace", IP.anchor, "lladdr", MAC.anchor, "dev", "eth0", "nud", "permanent"],
    { stdio: "capture" },
  );
  const events = new FlowEvents(cloud.bridge(0));
  const ping = spawn(
    "ip",
    ["netns", "exec", vm.namespace, "stdbuf", "-oL", "ping", "-n", "-i", "0.004", "-c", "8000", IP.anchor],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const first = new Promise<number>((done) =>
    createInterface(ping.stdout).on("line", (line) => line.includes("bytes from") && done(performance.now())),
  );
  await wait(300);
  // The interface carries the port's id, so the client chooses it: both can then be sent at once.
  const started = performance.now();
  const fields: Json = {
    network_id: networkId,
    mac_address: MAC.fresh,
    fixed_ips: [{ subnet_id: subnetId, ip_address: IP.fresh }],
    "binding:host_id": "host1",
  };
  const [port] = await Promise.all([cloud.create("port", fields, id), ovs.transact(openVSwitch, plug(vm.tap, id))]);
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

function plug(tap: string, portId: string) {
  const [i, p] = [namedUuid("i1"), namedUuid("p1")];
  return [
    ops.insert("Interface", { name: tap, external_ids: { "iface-id": portId } }, { as: i }),
    ops.insert("Port", { name: tap, interfaces: [i] }, { as: p }),
    ops.mutate("Bridge", [["name", "==", "br-int"]], [["ports", "insert", [p]]]),
  ] as const;
}

export const bind: Case = {
  name: "bind",
  about:
    "one port bound on a host that has another VM of its network: POST and plug together, to the last flow event and to the first ping reply",
  async run(report) {
    const figures: Figure[] = [];
    const medians = new Map<number, number>();
    for (const size of SIZES) {
      await using cloud = await Cloud.start(1);
      await otherTenants(cloud, size, report);
      const network = await cloud.create("network", { name: "measured" });
      const subnet = await cloud.create("subnet", {
        network_id: network.id,
        ip_version: 4,
        cidr: "10.250.0.0/24",
        enable_dhcp: false,
      });
      const anchor = await cloud.create("port", {
        network_id: network.id,
        mac_address: MAC.anchor,
        fixed_ips: [{ subnet_id: subnet.id, ip_address: IP.anchor }],
        "binding:host_id": "host1",
      });
      const lab = await openLab(cloud.lab);
      await addVm(lab, {
        name: "anchor",
        host: "host1",
        portId: anchor.id,
        mac: MAC.anchor,
        dhcp: false,
        addresses: [`${IP.anchor}/24`],
      });
      await execInVm(
        lab,
        "anchor",
        ["ip", "neigh", "replace", IP.fresh, "lladdr", MAC.fresh, "dev", "eth0", "nud", "permanent"],
        { stdio: "capture" },
      );
      await using ovs = await OvsdbClient.connect(cloud.ovsdb(0));
      const runs = [];
      for (let i = 0; i < RUNS; i++) {
        runs.push(await bindOnce(cloud, lab, ovs, network.id, subnet.id));
        report(
          `${size} other ports, run ${i + 1}: flows ${runs.at(-1)?.flows.toFixed(1)} ms, ping ${runs.at(-1)?.ping.toFixed(1)} ms`,
        );
      }
      const flows = figure(
        `${size} other ports: flows acknowledged`,
        "ms",
        runs.map((r) => r.flows),
        size === 0 ? { bound: 12 } : {},
      );
      medians.set(size, flows.median);
      figures.push(
        flows,
        figure(
          `${size} other ports: first ping`,
          "ms",
          runs.map((r) => r.ping),
          size === 0 ? { bound: 20 } : {},
        ),
        figure(
          `${size} other ports: flow events`,
          "count",
          runs.map((r) => r.events),
        ),
      );
    }
    const [small, large] = [medians.get(0), medians.get(10_000)];
    if (small !== undefined && large !== undefined)
      figures.push(figure("flows acknowledged, 10,000 to none", "ratio", [large / small], { bound: 1.3 }));
    return figures;
  },
};
