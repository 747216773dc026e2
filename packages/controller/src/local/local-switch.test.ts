import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { OvsdbClient, openVSwitch } from "@dragonflow/ovsdb";
import { type DesiredTunnel, tunnel } from "@dragonflow/pipeline";
import { KeptLog } from "../testing/log.ts";
import { toyPipeline } from "../testing/toy.ts";
import { until } from "../testing/until.ts";
import { killOvsdb, killVswitchd, startOvsdb, startVswitchd } from "../testing/vswitchd.ts";
import { LocalSwitch } from "./local-switch.ts";

let ovs: TestSwitch;
let log: KeptLog;
let local: LocalSwitch;
/** The engine's side: rows by table and id, as the changes left them. */
let rows: Map<string, object>;
let calls: number;
/** Rows that came, changed or went. */
let changed: number;
/** The zones that are written down, as they were told last. */
let zones: ReadonlyMap<number, string>;
before(async () => {
  ovs = await startSwitch();
});
beforeEach(async () => {
  await ovs.vsctl("--if-exists", "del-br", "br-int");
  await addBridge("br-int");
  local = open();
  await until("the bridge is known", () => calls > 0);
});
afterEach(() => local.close());
after(() => ovs.stop());

async function addBridge(name: string): Promise<void> {
  await ovs.vsctl("--may-exist", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev");
}
function open(bridge = "br-int"): LocalSwitch {
  log = new KeptLog();
  rows = new Map();
  calls = 0;
  changed = 0;
  return new LocalSwitch({ bridge, ovsdb: `unix:${ovs.ovsdbSocket}` }, toyPipeline, log, {
    onZones: (ledger) => (zones = ledger),
    onFacts: (changes) => {
      calls++;
      changed += changes.length;
      for (const { table, id, row } of changes) {
        if (row === undefined) assert.ok(rows.delete(`${table.name} ${id}`));
        else rows.set(`${table.name} ${id}`, row);
      }
    },
    onFailure: (error) => assert.fail(error),
  });
}
async function plug(name: string, portId: string, bridge = "br-int"): Promise<void> {
  const settings = ["type=internal", `external_ids:iface-id=${portId}`];
  await ovs.vsctl("add-port", bridge, name, "--", "set", "interface", name, ...settings);
}
async function column(table: string, record: string, name: string): Promise<string> {
  return (await ovs.vsctl("get", table, record, name)).trim();
}
const onInterface = (name: string, columnName: string) => column("interface", name, columnName);
const tunnelRow = (chassis: string): object | undefined => rows.get(`tunnel geneve/${chassis}`);
const portsOf = async (): Promise<readonly string[]> =>
  (await ovs.vsctl("list-ports", "br-int")).split("\n").filter(Boolean);

test("interfaces come, change their port, and go", async () => {
  await plug("tap1", "port-a");
  await until("port-a is there", () => rows.has("interface port-a"));
  const ofport = Number(await onInterface("tap1", "ofport"));
  assert.deepEqual(rows.get("interface port-a"), { id: "port-a", ofport, name: "tap1" });
  await ovs.vsctl("set", "interface", "tap1", "external_ids:iface-id=port-b");
  await until("it is port-b", () => rows.has("interface port-b") && !rows.has("interface port-a"));
  await ovs.vsctl("remove", "interface", "tap1", "external_ids", "iface-id");
  await until("it is nobody", () => rows.size === 0);
  await ovs.vsctl("set", "interface", "tap1", "external_ids:iface-id=port-a");
  await until("it is port-a again", () => rows.has("interface port-a"));
  await ovs.vsctl("set", "interface", "tap1", "ofport_request=77");
  await until("it has another number", () => JSON.stringify(rows.get("interface port-a")).includes("77"));
  await ovs.vsctl("del-port", "tap1");
  await until("it is gone", () => rows.size === 0);
});

test("an interface on another bridge is none of ours", async () => {
  await addBridge("br-other");
  await plug("tap2", "port-a", "br-other");
  await plug("tap1", "port-b");
  await until("port-b is there", () => rows.has("interface port-b"));
  assert.equal(rows.size, 1);
  await ovs.vsctl("del-br", "br-other");
});

test("an interface that vswitchd cannot make is not there, and told once", async () => {
  await ovs.vsctl(
    "--no-wait",
    "add-port",
    "br-int",
    "nodevice",
    "--",
    "set",
    "interface",
    "nodevice",
    "external_ids:iface-id=port-a",
  );
  const told = () => log.with(/not right/);
  await until("it is told", () => told().length > 0);
  await plug("tap1", "port-b");
  await until("port-b is there", () => rows.has("interface port-b"));
  assert.equal(rows.size, 1);
  assert.equal(told().length, 1);
  assert.match(JSON.stringify(told()), /port port-a.*No such device/);
  assert.deepEqual([...local.facts.problems.keys()], ["nodevice"]);
});

test("of two interfaces with the id of one port the first by name counts, and that is told once", async () => {
  await plug("tap5", "port-a");
  await plug("tap4", "port-a");
  await plug("tap6", "port-b");
  await until("port-b is there", () => rows.has("interface port-b"));
  const name = () => JSON.parse(JSON.stringify(rows.get("interface port-a") ?? {})).name;
  assert.equal(name(), "tap4");
  assert.equal(log.with(/not right/).length, 1);
  await ovs.vsctl("del-port", "tap4");
  await until("the other one counts", () => name() === "tap5");
  assert.equal(local.facts.problems.size, 0);
});

test("a bridge that is missing is made, with the names of its tables; it is not written again", async () => {
  await local.close();
  await ovs.vsctl("del-br", "br-int");
  local = open();
  await until("it is there", () => calls > 0);
  assert.equal(await column("bridge", "br-int", "fail_mode"), "secure");
  await until("its tables have names", async () => (await ovs.vsctl("list", "flow_table")).includes("last"));
  assert.match(await column("bridge", "br-int", "flow_tables"), /^\{0=.*, 1=.*\}$/);
  assert.deepEqual(log.with(/could not/), []);
  await local.close();

  await using observer = await OvsdbClient.connect(`unix:${ovs.ovsdbSocket}`);
  let batches = 0;
  const tables = observer.replica(openVSwitch, { Flow_Table: ["name"], Bridge: ["flow_tables"] }, () => batches++);
  await tables.ready();
  local = open();
  await plug("tap1", "port-a");
  // Two: what is there, and the bridge's new port does not count.
  await until("port-a is there", () => rows.has("interface port-a"));
  assert.equal(batches, 1);
  // Taken away while we look on: it comes back.
  await ovs.vsctl("--no-wait", "del-br", "br-int");
  await until("the bridge is back", async () => (await ovs.vsctl("list-br")).includes("br-int"));
  await until("and nothing is on it", () => rows.size === 0);
});

test("a bridge that would carry everything while it has no flows drops from now on; the rest of it stays", async () => {
  await local.close();
  await ovs.vsctl("clear", "bridge", "br-int", "fail_mode", "--", "set", "bridge", "br-int", "other_config:x=1");
  assert.match(await ovs.ofctl("dump-flows", ovs.bridge), /priority=0 actions=NORMAL/);
  local = open();
  await until("it is secure", async () => (await column("bridge", "br-int", "fail_mode")) === "secure");
  await until("it drops", async () => !(await ovs.ofctl("dump-flows", ovs.bridge)).includes("NORMAL"));
  assert.match(await column("bridge", "br-int", "other_config"), /x="1"/);
});

test("names of tables that an earlier release left are replaced, settings of others stay", async () => {
  const named = (label: string, ...fields: string[]) => ["--", `--id=@${label}`, "create", "Flow_Table", ...fields];
  const mark = "external_ids:dragonflow-table=x";
  await until("its tables have names", async () => (await column("bridge", "br-int", "flow_tables")) !== "{}");
  await local.close();
  await ovs.vsctl(
    "--",
    "clear",
    "bridge",
    "br-int",
    "flow_tables",
    ...named("a", "name=before", mark),
    ...named("b", "name=theirs", "flow_limit=1000"),
    ...named("c", "name=more", mark),
    "--",
    "set",
    "bridge",
    "br-int",
    "flow_tables:0=@a",
    "flow_tables:1=@b",
    "flow_tables:2=@c",
  );
  local = open();
  await until("the first is named", async () => (await ovs.vsctl("list", "flow_table")).includes("first"));
  const left = await ovs.vsctl("--columns=name", "list", "flow_table");
  assert.deepEqual(new Set(left.match(/first|last|theirs|more|before/g)), new Set(["first", "theirs"]));
});

const to = (chassis: string, remoteIp: string): readonly [string, DesiredTunnel] => {
  const wanted = tunnel({ chassis, encapsulation: "geneve", remoteIp, localIp: "172.31.0.1" });
  return [wanted.key, wanted];
};
async function tunnelName(chassis: string): Promise<string> {
  const text = await ovs.vsctl(
    "--bare",
    "--columns=name",
    "find",
    "interface",
    `external_ids:dragonflow-chassis=${chassis}`,
  );
  return text.trim();
}

test("tunnel ports are made, changed in place, and removed; those of others are not touched", async () => {
  const foreign = ["type=geneve", "options:remote_ip=172.31.0.99", "options:key=flow"];
  await ovs.vsctl("add-port", "br-int", "gnv9", "--", "set", "interface", "gnv9", ...foreign);
  local.want([to("host2", "172.31.0.2"), to("host3", "172.31.0.3")]);
  await until("both are there", () => tunnelRow("host2") !== undefined && tunnelRow("host3") !== undefined);
  const [name, before] = [await tunnelName("host2"), tunnelRow("host2")];
  assert.match(await onInterface(name, "options"), /key=flow, local_ip="172.31.0.1", remote_ip="172.31.0.2"/);
  const uuid = await onInterface(name, "_uuid");

  await ovs.vsctl("set", "interface", name, "options:tos=inherit");
  local.want([to("host2", "172.31.0.22")]);
  await until("it has moved", async () => (await onInterface(name, "options:remote_ip")).includes("172.31.0.22"));
  assert.equal(await onInterface(name, "_uuid"), uuid);
  assert.equal(await onInterface(name, "options:tos"), "inherit");
  assert.deepEqual(tunnelRow("host2"), before);

  // Somebody else changes what is ours: it is put right.
  await ovs.vsctl("--no-wait", "set", "interface", name, "options:remote_ip=10.9.9.9");
  await until("it is back", async () => (await onInterface(name, "options:remote_ip")).includes("172.31.0.22"));
  await ovs.vsctl("--no-wait", "del-port", name);
  await until("it is made again", async () => (await tunnelName("host2")) !== "");

  local.want([[to("host2", "")[0], undefined]]);
  await until("it is gone", () => tunnelRow("host2") === undefined);
  assert.deepEqual(new Set(await portsOf()), new Set(["gnv9", await tunnelName("host3")]));
  // A second life that wants nothing of it removes the rest of ours.
  await local.close();
  local = open();
  local.want([]);
  await until("only theirs is left", async () => (await portsOf()).join() === "gnv9");
});

test("a port that somebody else named so is left to them, told, and in nobody's way", async () => {
  local.want([to("host2", "172.31.0.2")]);
  await until("it is there", () => tunnelRow("host2") !== undefined);
  const name = await tunnelName("host2");
  local.want([[to("host2", "")[0], undefined]]);
  await until("it is gone", () => tunnelRow("host2") === undefined);
  await ovs.vsctl("add-port", "br-int", name, "--", "set", "interface", name, "type=internal");
  local.want([to("host2", "172.31.0.2"), to("host3", "172.31.0.3")]);
  await until("the other one is there", () => tunnelRow("host3") !== undefined);
  assert.equal(await onInterface(name, "type"), "internal");
  assert.equal(log.with(/somebody else/).length, 1);
  await ovs.vsctl("del-port", name);
  await until("ours is there", () => tunnelRow("host2") !== undefined);
});

test("a tunnel that vswitchd cannot make is told, with the chassis", async () => {
  local.want([to("host2", "172.31.0.2"), to("host3", "172.31.0.2")]);
  await until("it is told", () => log.with(/not right/).length > 0);
  assert.match(JSON.stringify(log.with(/not right/)), /the tunnel to host[23]: .*File exists/);
  local.want([to("host3", "172.31.0.3")]);
  await until("both are there", () => tunnelRow("host2") !== undefined && tunnelRow("host3") !== undefined);
  await until("nothing is wrong", () => local.facts.problems.size === 0);
});

test("while the database is away everything stays; then only the difference comes", async () => {
  await plug("tap1", "port-a");
  local.want([to("host2", "172.31.0.2")]);
  await until("both are there", () => rows.size === 2);
  await killOvsdb(ovs);
  await until("it is noticed", () => !local.connected);
  local.want([to("host3", "172.31.0.3")]);
  assert.equal(rows.size, 2);
  const before = [...rows.values()];
  await startOvsdb(ovs);
  await until("the new one is there", () => tunnelRow("host3") !== undefined);
  assert.equal(rows.size, 3);
  // The very same rows: nothing was put again.
  for (const row of before) assert.ok([...rows.values()].includes(row));
});

test("zones are written down one by one, beside what others have there; who comes next finds them", async () => {
  const bridgeIds = async (): Promise<string> => column("bridge", "br-int", "external_ids");
  await ovs.vsctl("set", "bridge", "br-int", "external_ids:ct-zone-other=7", "external_ids:dragonflow-zone-0x1=no");
  const others = '"ct-zone-other"="7", dragonflow-zone-0x1=no'.replaceAll('"', "");
  local.keepZones(
    new Map([
      [32768, "port-a"],
      [32769, "port-b"],
    ]),
  );
  await until("both are told", () => zones.size === 2);
  assert.equal(
    (await bridgeIds()).replaceAll('"', ""),
    `{${others}, dragonflow-zone-32768=port-a, dragonflow-zone-32769=port-b}`,
  );
  // One is given to somebody else, one is given back.
  local.keepZones(new Map([[32769, "port-c"]]));
  await until("it is told", () => zones.size === 1 && zones.get(32769) === "port-c");
  assert.equal((await bridgeIds()).replaceAll('"', ""), `{${others}, dragonflow-zone-32769=port-c}`);
  // Somebody takes it out: it is written again.
  await ovs.vsctl("remove", "bridge", "br-int", "external_ids", "dragonflow-zone-32769");
  await until("it is back", async () => (await bridgeIds()).includes("dragonflow-zone-32769"));
  await local.close();
  zones = new Map();
  local = open();
  await until("the bridge is known", () => calls > 0);
  assert.deepEqual(zones, new Map([[32769, "port-c"]]));
  // Until somebody says what shall be there nothing is taken out.
  await plug("tap1", "port-a");
  await until("port-a is there", () => rows.has("interface port-a"));
  assert.deepEqual(zones, new Map([[32769, "port-c"]]));
});

test("vswitchd restarts, and the numbers stay what the database says", async () => {
  await plug("tap1", "port-a");
  local.want([to("host2", "172.31.0.2")]);
  await until("both are there", () => rows.size === 2);
  const before = changed;
  await killVswitchd(ovs);
  await startVswitchd(ovs);
  await ovs.vsctl("--timeout=10", "set", "interface", "tap1", "external_ids:seen=1");
  assert.equal(changed, before);
});

test("a transaction that the database refuses is told, and tried again", async () => {
  await local.close();
  await ovs.vsctl("del-br", "br-int");
  await addBridge("br-other");
  // A port of this name is on another bridge: a bridge needs one of its own.
  await ovs.vsctl("add-port", "br-other", "br-int", "--", "set", "interface", "br-int", "type=internal");
  local = open();
  await until("it is told", () => log.with(/could not be set up/).length > 0);
  await ovs.vsctl("del-br", "br-other");
  await until("it is there", () => calls > 0);
});
