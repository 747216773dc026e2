import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Metrics, PROCESS_METRICS } from "@dragonflow/metrics";
import { Samples } from "@dragonflow/metrics/testing";
import { createApi, Engine } from "@dragonflow/neutron-api";
import { commitId } from "@dragonflow/store";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { mac, network, peer, port, portId, SELF } from "@dragonflow/pipeline/testing";
import { Controller } from "../controller.ts";
import { dhcpIn, discover } from "../testing/dhcp.ts";
import { KeptLog } from "../testing/log.ts";
import { TestNb } from "../testing/nb.ts";
import { Proxy } from "../testing/proxy.ts";
import { Stations } from "../testing/station.ts";
import { until } from "../testing/until.ts";
import { ChangeTimes } from "./change-times.ts";
import { CONTROLLER_METRICS } from "./declared.ts";

let ovs: TestSwitch;
let stations: Stations;
let proxy: Proxy;
let nb: TestNb;
before(async () => {
  ovs = await startSwitch();
  stations = await Stations.open(ovs);
  proxy = await Proxy.open(join(ovs.dir, "proxy.sock"), ovs.bridgeSocket);
  nb = await TestNb.open(SELF);
});
after(async () => {
  await nb[Symbol.asyncDispose]();
  await stations.close();
  await proxy.close();
  await ovs.stop();
});

interface Shown {
  readonly inSync: boolean;
  readonly changes: {
    readonly pending: number;
    readonly slow: readonly { readonly id: string; readonly seconds: number }[];
  };
}

const settings = () =>
  ({
    chassis: SELF,
    hostname: "the host",
    ovsdb: `unix:${ovs.ovsdbSocket}`,
    bridge: "br-int",
    openflow: proxy.address,
    tunnelIp: "172.31.0.1",
    encapsulations: ["geneve"],
    socket: join(nb.dir, "controller.sock"),
    release: "test",
  }) as const;

test("a running controller exports what is declared, and each of it moves with what it counts", async () => {
  await nb.put([...peer("host2", 900), ...network({ n: 1 }), ...port({ n: 11, network: 1 })]);
  const metrics = new Metrics(CONTROLLER_METRICS);
  const controller = new Controller(settings(), await nb.connect(), new KeptLog(), metrics);
  const scrape = async (): Promise<Samples> => new Samples(await metrics.text());
  const untilSynced = (): Promise<void> =>
    until("it is in step", async () => (await scrape()).of("dragonflow_in_sync") === 1);
  const shown = (): Shown => controller.status() as Shown;
  try {
    await untilSynced();
    await stations.plug(11, portId(11));
    await until("an offer comes", () => {
      stations.send(11, discover(mac(11)));
      return stations.received(11).some((frame) => dhcpIn(frame) !== undefined);
    });
    await until("the packets are counted", async () => (await scrape()).of("dragonflow_packet_in_total") > 0);
    await untilSynced();
    const before = await scrape();
    for (const [name, { type }] of Object.entries({ ...CONTROLLER_METRICS, ...PROCESS_METRICS })) {
      const shownNames = type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name];
      for (const each of shownNames) assert.ok(before.names.has(each), each);
    }
    assert.equal(before.of("dragonflow_change_duration_seconds_count"), 0, "what a snapshot brought is no change");
    for (const to of ["switch", "database", "packet_in", "lease"])
      assert.equal(before.of("dragonflow_connected", { to }), 1, to);
    for (const app of ["classification", "l2", "dhcp", "pipeline"])
      assert.ok(before.of("dragonflow_flows", { app }) > 0, app);

    // One change, while the switch does not say that it has taken it.
    proxy.deafen();
    await nb.put(port({ n: 21, network: 1, chassis: "host2" }));
    await until("it has arrived", async () => shown().changes.pending > 0);
    assert.equal((await scrape()).of("dragonflow_change_duration_seconds_count"), 0, "not before the barrier");
    proxy.hear();
    await until("it is in the switch", () => shown().changes.pending === 0);
    await untilSynced();
    const after = await scrape();
    const grown = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
      after.of(name, labels) - before.of(name, labels);
    assert.equal(grown("dragonflow_change_duration_seconds_count"), 1);
    assert.equal(grown("dragonflow_event_lag_seconds_count"), 1);
    for (const name of [
      "dragonflow_batch_duration_seconds_count",
      "dragonflow_units_run_total",
      "dragonflow_records_received_total",
      "dragonflow_flows",
      "dragonflow_switch_plans_total",
    ])
      assert.ok(grown(name) > 0, name);
    assert.ok(grown("dragonflow_replica_events_total", { event: "commits" }) > 0);
    assert.ok(grown("dragonflow_switch_messages_total", { type: "flow" }) > 0);
    const plans = grown("dragonflow_switch_plans_total");
    assert.equal(grown("dragonflow_switch_plan_duration_seconds_count"), plans, "each has its time");

    await ovs.ofctl("del-flows", "br-int");
    await until("what somebody did is seen", async () => {
      const samples = await scrape();
      const repaired = samples.of("dragonflow_switch_drift_repaired_total");
      return samples.of("dragonflow_switch_disturbances_total") > 0 && repaired > 0;
    });
    await untilSynced();
    await until("it audits itself", async () => {
      const samples = await scrape();
      return samples.of("dragonflow_audit_steps_total") > 1 && samples.of("dragonflow_switch_audited_flows_total") > 0;
    });
    const last = await scrape();
    assert.equal(last.of("dragonflow_audit_differences_total"), 0);
    for (const key of last.keys) assert.doesNotMatch(key, new RegExp(`${portId(21)}|host2`), "nobody is named");
  } finally {
    await controller.close();
  }
});

test("a slow change is found by the id that the API gave to whoever made it", async (t) => {
  const engine = new Engine(nb.store);
  const api = createApi(engine);
  const ask = async (method: "POST" | "PUT", url: string, body: object) => {
    const { statusCode, headers, body: text } = await api.inject({ method, url, payload: JSON.stringify(body) });
    assert.ok(statusCode < 300, text);
    return { id: String(headers["x-dragonflow-change-id"]), shown: JSON.parse(text) };
  };
  const controller = new Controller(settings(), await nb.connect(), new KeptLog());
  const shown = (): Shown => controller.status() as Shown;
  try {
    const network_id = (await ask("POST", "/v2.0/networks", { network: {} })).shown.network.id;
    const fields = { network_id, "binding:host_id": SELF, port_security_enabled: true };
    const { id } = (await ask("POST", "/v2.0/ports", { port: fields })).shown.port;
    await stations.plug(13, id);
    await until("its flows are there", async () => /dl_src=/.test(await ovs.ofctl("dump-flows", ovs.bridge)));
    await until("it is in step", () => shown().inSync && shown().changes.pending === 0);
    const known = shown().changes.slow.length;

    proxy.deafen();
    const pairs = [{ ip_address: "192.0.2.77" }];
    const change = await ask("PUT", `/v2.0/ports/${id}`, { port: { allowed_address_pairs: pairs } });
    await until("it has arrived", () => shown().changes.pending > 0);
    const before = Date.now();
    t.mock.method(Date, "now", () => before + 5000);
    proxy.hear();
    await until("it is in the switch", () => shown().changes.pending === 0);
    t.mock.restoreAll();
    const slow = shown().changes.slow;
    assert.ok(slow.length > known);
    assert.ok(
      slow.some((each) => each.id === change.id && each.seconds >= 5),
      JSON.stringify(slow),
    );
  } finally {
    proxy.hear();
    await controller.close();
    await api.close();
    await engine.close();
  }
});

test("a change is measured from its commit to the barrier behind it; the slow ones are kept by their ids", async () => {
  const metrics = new Metrics(CONTROLLER_METRICS);
  let now = 1_000_000;
  const times = new ChangeTimes(metrics, () => now);
  const arrive = (id: string, agoMs: number): void =>
    times.arrived([{ commit: commitId(id), committedAtMs: now - agoMs }]);
  const count = async (): Promise<number> =>
    new Samples(await metrics.text()).of("dragonflow_change_duration_seconds_count");

  arrive("without flows", 5000);
  times.compiled(undefined);
  arrive("quick", 10);
  times.compiled(7);
  arrive("slow", 20);
  times.arrived([{ commit: commitId("of a store that tells no time") }]);
  times.compiled(8);
  arrive("later", -50);
  times.compiled(9);
  assert.equal(times.pending, 3);
  times.applied(6);
  assert.equal(await count(), 0);
  times.applied(7);
  assert.deepEqual([times.pending, await count(), times.slow.length], [2, 1, 0]);
  now += 2000;
  times.applied(9);
  assert.deepEqual([times.pending, await count()], [0, 3]);
  assert.deepEqual(
    times.slow.map(({ id, seconds }) => [id, seconds]),
    [
      ["later", 1.95],
      ["slow", 2.02],
    ],
  );
  const samples = new Samples(await metrics.text());
  assert.equal(samples.of("dragonflow_event_lag_seconds_count"), 4);
  assert.equal(samples.of("dragonflow_event_lag_seconds_bucket", { le: "0.001" }), 1, "never before it was");
  for (let n = 0; n < 100; n++) {
    arrive(`${n}`, 3000);
    times.compiled(100);
  }
  times.applied(100);
  assert.deepEqual([times.slow.length, times.slow[0]?.id], [20, "99"]);
});
