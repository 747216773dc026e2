import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chassisTopic, networkTopic, recordId, statusTopic, type Topic } from "@dragonflow/model";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { mac, network, networkId, peer, port, portId, router, SELF } from "@dragonflow/pipeline/testing";
import type { StoreDriver, Subscription } from "@dragonflow/store";
import { Controller } from "./controller.ts";
import { startController } from "./index.ts";
import type { ControllerSettings } from "./settings.ts";
import { dhcpIn, discover } from "./testing/dhcp.ts";
import { KeptLog } from "./testing/log.ts";
import { TestNb } from "./testing/nb.ts";
import { Proxy } from "./testing/proxy.ts";
import { Stations } from "./testing/station.ts";
import { until, within } from "./testing/until.ts";
import { FlowWatch } from "./testing/vswitchd.ts";

let ovs: TestSwitch;
let stations: Stations;
let proxy: Proxy;
let other: OpenFlowSocket;
let nb: TestNb;
let store: StoreDriver;
let log: KeptLog;
let controller: Controller;
before(async () => {
  ovs = await startSwitch();
  stations = await Stations.open(ovs);
  proxy = await Proxy.open(join(ovs.dir, "proxy.sock"), ovs.bridgeSocket);
  other = await connect(ovs.bridge);
});
beforeEach(async () => {
  nb = await TestNb.open(SELF);
  await nb.put(STATE);
  await start();
  await until("it is in step", () => shown().inSync);
});
afterEach(async () => {
  await controller.close();
  await nb[Symbol.asyncDispose]();
  await ovs.vsctl("--if-exists", "del-port", "br-int", "tap11", "--", "--if-exists", "del-port", "br-int", "tap12");
  await ovs.vsctl("--if-exists", "del-port", "br-vm", "vm11", "--", "--if-exists", "del-port", "br-vm", "vm12");
});
after(async () => {
  other.close();
  await stations.close();
  await proxy.close();
  await ovs.stop();
});

const STATE = [
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1 }),
  ...port({ n: 21, network: 2, chassis: "host2" }),
  ...router(5, [1, 2]),
];
const STATUS = statusTopic(SELF);

function settings(): ControllerSettings {
  return {
    chassis: SELF,
    hostname: "the host",
    ovsdb: `unix:${ovs.ovsdbSocket}`,
    bridge: "br-int",
    openflow: proxy.address,
    tunnelIp: "172.31.0.1",
    encapsulations: ["geneve"],
    socket: join(nb.dir, "controller.sock"),
    release: "test",
  };
}
async function start(wrap: (driver: StoreDriver) => StoreDriver = (driver) => driver): Promise<void> {
  log = new KeptLog();
  store = wrap(await nb.connect());
  controller = new Controller(settings(), store, log);
}
interface Shown {
  readonly inSync: boolean;
  readonly lostPorts: readonly string[];
  readonly switch: { readonly flowMods: number; readonly groupMods: number; readonly meterMods: number };
  readonly pending: readonly unknown[];
  readonly refused: readonly object[];
}
const shown = (): Shown => controller.status() as Shown;
/** What the host says of a port. */
async function said(n: number): Promise<Record<string, unknown> | undefined> {
  return (await nb.records(STATUS)).get(recordId("port-status", portId(n)));
}
const isUp = (n: number): Promise<void> => until(`port ${n} is up`, async () => (await said(n))?.["up"] === true);
async function flowCount(): Promise<number> {
  const { stats } = await other.request({ type: "aggregate_stats_request", match: {} });
  return stats.flows ?? 0;
}

test("a port that is plugged in is claimed, and up once its flows are acknowledged; then it works", async () => {
  // The other port's network is known here, so that all flows of this one come together.
  await stations.plug(12, portId(12));
  await isUp(12);
  await until("it is in step", () => shown().inSync);
  const before = await flowCount();
  proxy.deafen();
  await stations.plug(11, portId(11));
  await until("the switch has its flows", async () => (await flowCount()) > before);
  await until("it is claimed", async () => (await said(11)) !== undefined);
  assert.deepEqual(await said(11), { schema: 1, id: portId(11), chassis: SELF, up: false, error: null });
  proxy.hear();
  await isUp(11);
  stations.received(11).length = 0;
  await until("an offer comes", () => {
    // The thread that answers may not be there yet: clients ask again.
    stations.send(11, discover(mac(11)));
    return stations.received(11).some((frame) => dhcpIn(frame) !== undefined);
  });
  // Its tunnel to whom it shares a router with is there too.
  await until("there is a tunnel", async () => (await ovs.vsctl("list-ports", "br-int")).includes("df-"));

  await stations.unplug(11);
  await until("it is not claimed", async () => (await said(11)) === undefined);
  await until("its flows are gone", async () => shown().inSync && (await flowCount()) === before);
});

test("started again with a store that has lost the ports of the host, it changes nothing until they are back", async () => {
  for (const n of [11, 12]) await stations.plug(n, portId(n));
  for (const n of [11, 12]) await isUp(n);
  await until("it is in step", () => shown().inSync);
  await controller.close();
  const watch = await FlowWatch.open(ovs.bridge);
  await nb.remove(STATE);
  await start();
  await until("it says what is lost", () => shown().lostPorts.length > 0);
  assert.deepEqual(shown().lostPorts.toSorted(), [portId(11), portId(12)].toSorted());
  assert.match(JSON.stringify(log.with(/does not know most/)), new RegExp(portId(11)));
  assert.equal((await said(11))?.["up"], true);
  await nb.put(STATE);
  await until("it is in step again", () => shown().inSync);
  assert.deepEqual(shown().lostPorts, []);
  assert.deepEqual(shown().switch.flowMods, 0);
  assert.deepEqual(await watch.take(), []);
  await watch.close();

  // Who removes the fewer of them means it.
  await controller.close();
  await nb.remove(port({ n: 12, network: 1 }));
  await start();
  await until("one port is down", async () => (await said(12))?.["up"] === false);
  assert.equal((await said(11))?.["up"], true);
});

test("an interface of a port that is not bound here is claimed all the same, and not up", async () => {
  await nb.remove(port({ n: 12, network: 1 }));
  await stations.plug(12, portId(12));
  await until("it is claimed", async () => (await said(12))?.["up"] === false);
  await nb.put(port({ n: 12, network: 1 }));
  await isUp(12);
  await nb.remove(port({ n: 12, network: 1 }));
  await until("it is down", async () => (await said(12))?.["up"] === false);
});

test("a port whose flow is refused says so, in words, until it is right", async () => {
  await stations.plug(11, portId(11));
  await isUp(11);
  const table = async (...change: readonly string[]): Promise<void> => {
    const uuid = (await ovs.vsctl("--bare", "--columns=_uuid", "find", "flow_table", "name=dhcp")).trim();
    await ovs.vsctl(...change.map((word) => (word === "TABLE" ? uuid : word)));
  };
  await table("set", "flow_table", "TABLE", "flow_limit=2", "overflow_policy=refuse");
  await stations.plug(12, portId(12));
  await until("it says so", async () => typeof (await said(12))?.["error"] === "string");
  assert.equal((await said(12))?.["error"], "dhcp: the switch refused a flow of table dhcp: OFPFMFC_TABLE_FULL");
  assert.equal((await said(12))?.["up"], false);
  assert.equal((await said(11))?.["up"], true);
  assert.deepEqual(
    log.with(/refused/).map((fields) => JSON.parse(JSON.stringify(fields)).owner),
    [{ app: "dhcp", kind: "port", id: portId(12) }],
  );
  assert.equal([...controller.flows()].filter(({ refused }) => refused === "OFPFMFC_TABLE_FULL").length, 1);
  await table("clear", "flow_table", "TABLE", "flow_limit");
  await nb.put(network({ n: 1, mtuBytes: 1400 }));
  await nb.put(port({ n: 12, network: 1, mac: "fa:16:3e:00:12:12" }));
  proxy.cut();
  await isUp(12);
  assert.equal((await said(12))?.["error"], null);
});

test("a restart with nothing changed: no flow-mod, and nothing is said but that it has started", async () => {
  await stations.plug(11, portId(11));
  await stations.plug(12, portId(12));
  await isUp(11);
  await isUp(12);
  await until("it is in step", () => shown().inSync);
  const before = await nb.records(STATUS);
  await controller.close();
  const watch = await FlowWatch.open(ovs.bridge);
  await start();
  await until("it is in step", () => shown().inSync);
  const { flowMods, groupMods, meterMods } = shown().switch;
  assert.deepEqual({ flowMods, groupMods, meterMods }, { flowMods: 0, groupMods: 0, meterMods: 0 });
  assert.deepEqual(await watch.take(), []);
  await watch.close();
  const startedAt = (records: typeof before) => records.get(`chassis-status/${SELF}`)?.["startedAt"];
  await until("it says that it has started", async () => startedAt(await nb.records(STATUS)) !== startedAt(before));
  const ports = (records: typeof before) => [...records].filter(([id]) => id.startsWith("port-status/"));
  assert.deepEqual(ports(await nb.records(STATUS)), ports(before));
});

/** A store whose watches are told nothing of a topic before they may be. */
function withholding(
  driver: StoreDriver,
  topic: Topic,
): { readonly driver: StoreDriver; readonly release: () => void } {
  const held: (() => void)[] = [];
  let isHeld = true;
  const watch = (): ReturnType<StoreDriver["watch"]> => {
    const real = driver.watch();
    const add = (subscriptions: readonly Subscription[]): void => {
      const [late, now] = [true, false].map((isLate) =>
        subscriptions.filter((one) => (isHeld && one.topic === topic) === isLate),
      );
      if (now !== undefined && now.length > 0) real.add(now);
      if (late !== undefined && late.length > 0) held.push(() => real.add(late));
    };
    return {
      add,
      drop: (topics) => real.drop(topics),
      close: () => real.close(),
      [Symbol.asyncIterator]: () => real[Symbol.asyncIterator](),
    };
  };
  const proxied = new Proxied(driver, watch);
  return {
    driver: proxied,
    release: () => {
      isHeld = false;
      for (const add of held.splice(0)) add();
    },
  };
}
class Proxied implements StoreDriver {
  readonly #driver: StoreDriver;
  readonly watch: StoreDriver["watch"];
  constructor(driver: StoreDriver, watch: StoreDriver["watch"]) {
    this.#driver = driver;
    this.watch = watch;
  }
  get capabilities() {
    return this.#driver.capabilities;
  }
  get: StoreDriver["get"] = (...args) => this.#driver.get(...args);
  snapshot: StoreDriver["snapshot"] = (...args) => this.#driver.snapshot(...args);
  commit: StoreDriver["commit"] = (...args) => this.#driver.commit(...args);
  head: StoreDriver["head"] = (...args) => this.#driver.head(...args);
  lease: StoreDriver["lease"] = (...args) => this.#driver.lease(...args);
  close: StoreDriver["close"] = () => this.#driver.close();
}

for (const late of [chassisTopic(SELF), networkTopic(networkId(1)), networkTopic(networkId(2))]) {
  test(`until ${late} has arrived nothing is touched: no flow, no tunnel, no claim`, async () => {
    await stations.plug(11, portId(11));
    await isUp(11);
    await until("there is a tunnel", async () => (await ovs.vsctl("list-ports", "br-int")).includes("df-"));
    await until("it is in step", () => shown().inSync);
    const ports = await ovs.vsctl("list-ports", "br-int");
    await controller.close();
    const watch = await FlowWatch.open(ovs.bridge);
    let release = (): void => undefined;
    await start((driver) => {
      const made = withholding(driver, late);
      release = made.release;
      return made.driver;
    });
    await until("it waits", async () => {
      const { connected } = controller.status() as { connected: Record<string, boolean> };
      const chassis = (await nb.records(STATUS)).get(`chassis-status/${SELF}`);
      const isPending = shown().pending.length > 0 || late === chassisTopic(SELF);
      return connected["switch"] === true && connected["database"] === true && isPending && chassis !== undefined;
    });
    assert.deepEqual(await watch.take(), []);
    assert.equal((await said(11))?.["up"], true);
    assert.equal(await ovs.vsctl("list-ports", "br-int"), ports);
    release();
    await until("it is in step", () => shown().inSync);
    assert.equal(shown().switch.flowMods, 0);
    assert.deepEqual(await watch.take(), []);
    await watch.close();
    assert.equal((await said(11))?.["up"], true);
    assert.equal(await ovs.vsctl("list-ports", "br-int"), ports);
  });
}

test("while the store is away the host goes on by itself: interfaces come and go", async () => {
  await stations.plug(11, portId(11));
  await isUp(11);
  const withOne = await flowCount();
  await nb.wire.close();
  await stations.plug(12, portId(12));
  await until("the other one has flows", async () => (await flowCount()) > withOne);
  await stations.unplug(11);
  await until("the first has not", async () => shown().inSync && (await flowCount()) <= withOne);
  assert.equal((await said(11))?.["up"], true);
  await nb.wire.open();
  await isUp(12);
  await until("what is gone is told", async () => (await said(11)) === undefined);
});

test("closed, it leaves the switch, its tunnels, its claims and its lease as they are", async () => {
  await stations.plug(11, portId(11));
  await isUp(11);
  await until("it is in step", () => shown().inSync);
  const before = [await ovs.ofctl("--no-stats", "dump-flows", ovs.bridge), await ovs.vsctl("list-ports", "br-int")];
  const records = await nb.records(STATUS);
  await controller.close();
  const now = [await ovs.ofctl("--no-stats", "dump-flows", ovs.bridge), await ovs.vsctl("list-ports", "br-int")];
  assert.deepEqual(now, before);
  assert.deepEqual(await nb.records(STATUS), records);
});

test("by its own door: it can be asked, a second one is refused, and one that the store refuses fails", async () => {
  await controller.close();
  const address = { url: `ws+unix:${nb.wire.path}`, token: "somebody", ca: "" };
  const metrics = { host: "127.0.0.1", port: 0, connections: 4 };
  const first = await startController({ ...settings(), metrics }, address, log);
  const page = await (await fetch(first.metricsUrl ?? "")).text();
  assert.match(page, /^dragonflow_connected\{to="switch"\} [01]$/m);
  await assert.rejects(startController(settings(), address, log), /another controller runs on this host/);
  await first.close();

  const nonsense = { ...settings(), ovsdb: "nonsense" };
  await assert.rejects(startController(nonsense, address, log), { code: "bad-address" });

  nb.subject = "chassis:somebody-else";
  const refused = await startController(settings(), address, log);
  await assert.rejects(within("it fails", refused.failure), { name: "Forbidden" });
  await refused.close();

  // Given up before the store was there: its door is closed again.
  await nb.wire.close();
  const giveUp = new AbortController();
  const waiting = startController({ ...settings(), metrics }, address, log, giveUp.signal);
  await until("it is told", () => log.with(/not reached/).length > 0);
  giveUp.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await nb.wire.open();
  nb.subject = `chassis:${SELF}`;
  const last = await startController(settings(), address, log);
  await last.close();
});
