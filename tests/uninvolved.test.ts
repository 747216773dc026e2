/**
 * A host that a change does not concern does not hear of it: no message on its wire, no unit run, no flow touched. Counted by somebody who reads along
 * between controllers and relay, by the controller's metrics, and by Open vSwitch's flow monitor.
 *
 *   host1: blue1      blue --- router        host3: lonely     grey --- alone
 *   host2: blue2
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  type Network,
  networks,
  ports,
  type Router,
  routers,
  type SecurityGroup,
  securityGroupRules,
  type Subnet,
  subnets,
} from "@dragonflow/cli";
import { type LabHost, listProcesses, removeVm } from "@dragonflow/lab";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { RelayTap } from "./support/relay-tap.ts";
import { FlowMonitor, flowsOf } from "./support/switches.ts";

let cloud: Cloud;
let tap: RelayTap;
let monitor: FlowMonitor;
let host3: LabHost;
let metricsUrl: string;
let blue: Network;
let subnet: Subnet;
let router: Router;
let group: SecurityGroup;
let lonely: Vm;
const atEnd = new AsyncDisposableStack();

before(async () => {
  cloud = await startCloud({ hosts: 3 });
  tap = atEnd.use(await RelayTap.between(cloud));
  host3 = await cloud.host("host3");
  blue = await cloud.network("blue");
  subnet = await cloud.subnet(blue, "10.10.0.0/24");
  router = await cloud.router("router", [subnet]);
  const grey = await cloud.network("grey");
  await cloud.router("alone", [await cloud.subnet(grey, "10.20.0.0/24")]);
  group = await cloud.openGroup();
  const [ours, theirs] = [{ security_groups: [group.id] }, { security_groups: [(await cloud.group("other")).id] }];
  [, , lonely] = (await cloud.vms([
    { name: "blue1", host: "host1", network: blue, port: ours },
    { name: "blue2", host: "host2", network: blue, port: ours },
    { name: "lonely", host: "host3", network: grey, port: theirs },
  ])) as [Vm, Vm, Vm];
  monitor = atEnd.use(await FlowMonitor.open(host3));
  metricsUrl = await metricsOf("controller-host3");
  await hears();
});
after(async () => atEnd.disposeAsync());

/** As the controller tells in its log. */
async function metricsOf(controller: string): Promise<string> {
  const log = (await listProcesses(cloud.lab)).find(({ name }) => name === controller)?.logFile ?? "";
  return cloud.until(
    "it serves metrics",
    () => /http:\/\/[^"\s]+\/metrics/.exec(readFileSync(log, "utf8").split("\n").toReversed().join("\n"))?.[0],
  );
}
async function unitsRun(): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  return Number(/^dragonflow_units_run_total (\d+)$/m.exec(text)?.[1]);
}

let changes = 0;
/** A change that does concern the host: once it is there, so is all that the store sent before. */
async function hears(): Promise<void> {
  const address = `10.20.0.${100 + ++changes}`;
  await cloud.api.update(ports, lonely.port.id, { allowed_address_pairs: [{ ip_address: address }] });
  await cloud.until("the host has it", async () => (await flowsOf(host3)).some((flow) => flow.includes(address)));
}

/** Nothing of it reaches the third host, and something the first. */
async function doesNotConcern(change: () => Promise<unknown>): Promise<void> {
  await monitor.forget();
  const units = await unitsRun();
  tap.forget();
  await change();
  const flows = await monitor.events();
  const unitsAfter = await unitsRun();
  await hears();
  const heard = tap.frames("host3");
  // What concerns it came, and nothing before or beside it.
  const isOurs = ({ text }: { readonly text: string }) => text.includes(`10.20.0.${100 + changes}`);
  assert.deepEqual(
    heard.filter((frame) => !isOurs(frame)).map(({ from, type, text }) => `${from}: ${type}: ${text}`),
    [],
  );
  assert.ok(heard.some(isOurs));
  assert.deepEqual({ flows, units: unitsAfter - units }, { flows: [], units: 0 });
  assert.ok(tap.frames("host1").length > 0);
}

test("ports of another network on other hosts come, change and go", async () => {
  await doesNotConcern(async () => {
    const guest = await cloud.vm({ name: "guest", host: "host2", network: blue });
    await cloud.api.update(ports, guest.port.id, { allowed_address_pairs: [{ ip_address: "10.10.0.200" }] });
    await removeVm(cloud.lab, guest.name);
    await cloud.api.remove(ports, guest.port.id);
  });
});

test("rules of a group that none of its ports is in or speaks of come and go", async () => {
  await doesNotConcern(async () => {
    const [rule] = await cloud.addRules(group, [
      { ethertype: "IPv4", protocol: "tcp", port_range_min: 22, port_range_max: 22 },
    ]);
    await cloud.api.remove(securityGroupRules, rule?.id ?? "");
  });
});

test("another router gets a subnet, and routes, and loses them", async () => {
  const more = await cloud.subnet(blue, "10.11.0.0/24");
  await doesNotConcern(async () => {
    await cloud.api.act(routers, router.id, "add_router_interface", { subnet_id: more.id });
    await cloud.api.update(routers, router.id, { routes: [{ destination: "10.99.0.0/24", nexthop: "10.10.0.99" }] });
    await cloud.api.update(routers, router.id, { routes: [] });
    await cloud.api.act(routers, router.id, "remove_router_interface", { subnet_id: more.id });
  });
});

test("another network, and its subnet, are changed", async () => {
  await doesNotConcern(async () => {
    await cloud.api.update(networks, blue.id, { mtu: 1300, name: "navy" });
    await cloud.api.update(subnets, subnet.id, { dns_nameservers: ["10.10.0.53"] });
  });
});
