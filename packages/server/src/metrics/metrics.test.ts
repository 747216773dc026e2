import assert from "node:assert/strict";
import { test } from "node:test";
import { PROCESS_METRICS } from "@dragonflow/metrics";
import { Samples } from "@dragonflow/metrics/testing";
import { chassisTopic, recordId } from "@dragonflow/model";
import { LOOPBACK, mainSettings, startCloud } from "../testing/cloud.ts";
import { FakeChassis } from "../testing/fake-chassis.ts";
import { eventually } from "../testing/scratch.ts";
import { startServer } from "../server.ts";
import { StartError } from "../settings.ts";
import { SERVER_METRICS } from "./declared.ts";

test("a running server exports what is declared, and each of it moves with what it counts", async () => {
  const cloud = await startCloud({ ...(await mainSettings()), metrics: LOOPBACK });
  const { api, access, server } = cloud;
  const url = server.metricsUrl ?? "";
  let connected: FakeChassis | undefined;
  try {
    const scrape = (): Promise<Samples> => Samples.from(url);
    const before = await eventually("this server folds", async () => {
      const samples = await scrape();
      return samples.of("dragonflow_folding_leading") === 1 && samples;
    });
    const chassis = await FakeChassis.start("host1", access);
    const { id } = await api.port({ network_id: await api.network() });
    connected = chassis;
    await chassis.claim(id, true);
    await chassis.store.get(chassisTopic("host1"), recordId("local-port", id));
    await (await chassis.store.snapshot(chassisTopic("host1"))).rows[Symbol.asyncIterator]().next();
    await eventually("the port is up", async () => (await api.show(id)).status === "ACTIVE");
    assert.equal((await api.call("GET", "/v2.0/ports/nothing")).status, 404);
    assert.equal((await api.call("GET", "/v2.0/nothing")).status, 404);
    assert.equal((await api.call("GET", "/healthz")).status, 200);
    const after = await scrape();
    const grown = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
      after.of(name, labels) - before.of(name, labels);

    for (const [name, { type }] of Object.entries({ ...SERVER_METRICS, ...PROCESS_METRICS })) {
      const shown = type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name];
      for (const each of shown) assert.ok(after.names.has(each), each);
    }
    const requests = "dragonflow_api_request_duration_seconds_count";
    assert.equal(grown(requests, { resource: "ports", method: "POST", status: "201" }), 1);
    assert.equal(grown(requests, { resource: "networks", method: "POST" }), 1);
    assert.equal(grown(requests, { resource: "ports", status: "404" }), 1, "what is asked for is no label");
    assert.equal(grown(requests, { resource: "unknown", status: "404" }), 1);
    assert.equal(grown(requests, { resource: "healthz" }), 1);
    assert.ok(grown("dragonflow_store_commit_duration_seconds_count", { outcome: "ok" }) >= 4);
    for (const operation of ["get", "head", "snapshot"])
      assert.ok(grown("dragonflow_store_read_duration_seconds_count", { operation }) > 0, operation);
    assert.ok(grown("dragonflow_store_event_lag_seconds_count") > 0);
    assert.equal(grown("dragonflow_relay_connections"), 1);
    for (const direction of ["sent", "received"]) {
      assert.ok(grown("dragonflow_relay_messages_total", { direction }) > 0);
      assert.ok(grown("dragonflow_relay_bytes_total", { direction }) > grown("dragonflow_relay_messages_total"));
    }
    assert.ok(grown("dragonflow_folded_total", { what: "port" }) > 0);
    assert.ok(grown("dragonflow_folded_total", { what: "chassis" }) > 0);
    assert.equal(grown("dragonflow_objects", { resource: "networks" }), 1);
    assert.equal(grown("dragonflow_ports", { status: "ACTIVE" }), 1);
    assert.equal(after.of("dragonflow_ports", { status: "DOWN" }), 0);
    assert.ok(grown("process_cpu_seconds_total") > 0 && after.of("process_resident_memory_bytes") > 0);
    for (const key of after.keys) assert.doesNotMatch(key, new RegExp(`${id}|host1`), "nobody is named in a label");
  } finally {
    await connected?.die();
    await server.close();
  }
  await assert.rejects(fetch(url), "it is gone with the server");
});

test("a port that is taken is an error of one line, and nothing stays open; without a port nobody listens", async () => {
  const cloud = await startCloud({ ...(await mainSettings()), metrics: LOOPBACK });
  try {
    const port = Number(new URL(cloud.server.metricsUrl ?? "").port);
    const taken = { ...(await mainSettings()), metrics: { ...LOOPBACK, port } };
    await assert.rejects(startServer(taken), (error: unknown) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /^cannot listen for metrics on 127\.0\.0\.1 port \d+: .*EADDRINUSE/);
      return true;
    });
    const { metrics, ...without } = taken;
    assert.ok(metrics);
    const quiet = await startServer(without);
    assert.equal(quiet.metricsUrl, undefined);
    await quiet.close();
  } finally {
    await cloud.server.close();
  }
});
