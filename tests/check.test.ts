/**
 * `dragonflow check`: a cloud that is right, and faults that somebody put in behind everybody's back. Each is found, and named with its owner, by an operator who reaches the
 * store and nothing else.
 *
 *   host1: near      host2: far         one network; `far` lets SSH in
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { decodeFields, encodeFields, recordId, securityGroupTopic } from "@dragonflow/model";
import { startRecorded, stopRecorded } from "@dragonflow/lab";
import { connectRelay, mintToken, newCommitId, type StoreDriver } from "@dragonflow/store";
import { readFileSync } from "node:fs";
import { type Cloud, startCloud, type Vm } from "./support/cloud.ts";
import { Operator, runDragonflow } from "./support/operator.ts";
import { StoreLink } from "./support/store-link.ts";
import { FlowMonitor, flowsOf, ofctl } from "./support/switches.ts";
import type { SecurityGroup } from "@dragonflow/cli";

let cloud: Cloud;
let operator: Operator;
let link: StoreLink;
let far: Vm;
let group: SecurityGroup;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  operator = await Operator.of(cloud);
  link = await StoreLink.between(cloud);
  const network = await cloud.network("net");
  await cloud.subnet(network, "10.10.0.0/24");
  group = await cloud.group("ssh", [{ ethertype: "IPv4", protocol: "tcp", port_range_min: 22, port_range_max: 22 }]);
  const port = { security_groups: [group.id] };
  const vms = await cloud.vms([
    { name: "near", host: "host1", network, port },
    { name: "far", host: "host2", network, port },
  ]);
  far = vms[1] ?? assert.fail();
});

after(async () => link[Symbol.asyncDispose]());

interface Difference {
  readonly where: string;
  readonly host: string | null;
  readonly problem: string;
  readonly what: string;
  readonly owner: { readonly kind: string; readonly id: string } | null;
  readonly detail: string;
}
interface Report {
  readonly clean: boolean;
  readonly reachability: { readonly pairs: number; readonly packets: number; readonly allowed: number };
  readonly differences: readonly Difference[];
}

/** Its exit status, and what it says. */
async function check(...args: string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  const { status, out } = await operator.dragonflow("check", ...args);
  return { status, output: out };
}
async function audit(): Promise<Report> {
  return reportOf(await check("--json"));
}
/** On the machine of the lab, where the controllers have their sockets. */
async function auditBySockets(): Promise<Report> {
  const { status, out } = await runDragonflow(process.env, "check", "--lab", cloud.lab.name, "--json");
  return reportOf({ status, output: out });
}
function reportOf({ status, output }: Awaited<ReturnType<typeof check>>): Report {
  const report = JSON.parse(output) as Report;
  assert.equal(status, report.clean ? 0 : 1, output);
  return report;
}
const inShort = ({ differences }: Report): string[] =>
  differences.map(({ where, host, problem, owner }) => `${where} ${host} ${problem} ${owner?.kind} ${owner?.id}`);
async function cleanAgain(): Promise<void> {
  await cloud.until("nothing is found any more", async () => (await audit()).clean);
}

/** As a server sees the store. */
async function withStore(work: (store: StoreDriver) => Promise<void>): Promise<void> {
  const at = (name: string): string => join(cloud.lab.directory, name);
  const port = /^relay_port = (\d+)$/m.exec(readFileSync(at("dragonflow.toml"), "utf8"))?.[1];
  const ca = /^ca_file = "(.*)"$/m.exec(readFileSync(at("dragonflow.toml"), "utf8"))?.[1] ?? "";
  const secret = Buffer.from(readFileSync(at("secret"), "utf8").trim(), "hex");
  const token = mintToken(secret, "server");
  const store = await connectRelay(`wss://127.0.0.1:${port}`, { token, ca: readFileSync(ca) });
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

test("a cloud that is right: status 0, and looking changes nothing", async () => {
  await cleanAgain();
  const hosts = [await cloud.host("host1"), await cloud.host("host2")];
  const before = await Promise.all(hosts.map(flowsOf));
  await using monitor = await FlowMonitor.open(hosts[0] ?? assert.fail());
  const { status, output } = await check();
  assert.equal(status, 0, output);
  assert.match(output, /^store .* records of .* topics, digest [0-9a-f]{16}$/m);
  assert.match(output, /^all is as it shall be$/m);
  assert.deepEqual(await monitor.events(), []);
  assert.deepEqual(await Promise.all(hosts.map(flowsOf)), before);
  const { reachability } = await audit();
  // SSH in each direction; an echo, ports beside it and one that no rule names are not allowed.
  assert.deepEqual([reachability.pairs, reachability.allowed], [2, 2]);
});

test("a flow that somebody deletes by hand, again and again", async () => {
  const host = await cloud.host("host2");
  // The app's number stands in the first 8 bits, the port's id in the rest.
  const cookie = `cookie=0x${far.port.id.replaceAll("-", "").slice(0, 14)}/0xffffffffffffff`;
  let isOver = false;
  const vandal = (async () => {
    while (!isOver) await ofctl(host, "del-flows", `${cookie},table=delivery`);
  })();
  try {
    await cloud.until("it is named", async () =>
      inShort(await audit()).includes(`switch host2 missing port ${far.port.id}`),
    );
  } finally {
    isOver = true;
    await vandal;
  }
  await cleanAgain();
});

test("a record that somebody changes behind the server's back", async () => {
  const key = { topic: securityGroupTopic(group.id), id: recordId("security-group", group.id) };
  await withStore(async (store) => {
    const row = await store.get(key.topic, key.id);
    assert.ok(row);
    const before = decodeFields(row.value);
    const put = async (fields: object) => {
      const value = encodeFields({ id: group.id, ...fields }, before);
      assert.ok((await store.commit(newCommitId(), [{ op: "put", ...key, value }], [])).ok);
    };
    await put({ rules: [] });
    const report = await audit();
    assert.deepEqual(inShort(report), [`store null different security-group ${group.id}`]);
    assert.match(report.differences[0]?.detail ?? "", /^rules is \[\], and security-group .* says \[\{"id":/);
    await put({ rules: before["rules"] });
  });
  await cleanAgain();
});

test("a controller that has not heard of a change", async () => {
  link.cut();
  const [rule] = await cloud.addRules(group, [
    { ethertype: "IPv4", protocol: "udp", port_range_min: 53, port_range_max: 53 },
  ]);
  assert.ok(rule);
  // The store does not lead to them, their sockets do.
  const report = await auditBySockets();
  // Both hosts have a port of the group.
  const missing = ["host1", "host2"].map((host) => `host ${host} missing security-group-rule ${rule.id}`);
  for (const difference of missing) assert.ok(inShort(report).includes(difference), inShort(report).join("\n"));
  assert.deepEqual([...new Set(report.differences.map(({ where }) => where))], ["host"]);
  link.heal();
  await cleanAgain();
});

test("a controller that does not answer", async () => {
  await stopRecorded(cloud.lab, "controller-host1");
  assert.deepEqual(inShort(await audit()), ["host host1 silent undefined undefined"]);
  const { status, output } = await check();
  assert.equal(status, 1);
  assert.match(output, /^1 difference$/m);
  assert.match(output, /^ {2}host1 {2}silent {2}controller$/m);
  await startRecorded(cloud.lab, "controller-host1");
  await cleanAgain();
});
