import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { counter, gauge, histogram, Metrics, openMetricsListener, PROCESS_METRICS } from "./index.ts";

const DECLARED = {
  dragonflow_things_total: counter("Things."),
  dragonflow_kinds_total: counter("Things by kind.", "kind"),
  dragonflow_level: gauge("A level."),
  dragonflow_time_seconds: histogram([0.1, 1], "A time.", "how"),
} as const;
const LOOPBACK = { host: "127.0.0.1", port: 0, connections: 4 } as const;

test("what is counted, set and observed is what is shown, with its help; totals of others are not added up", async () => {
  const metrics = new Metrics(DECLARED);
  metrics.prepare("dragonflow_time_seconds", { how: "slow" });
  metrics.observe("dragonflow_time_seconds", 0.5, { how: "fast" });
  metrics.count("dragonflow_things_total", 2);
  let level = 0;
  metrics.collect(() => {
    metrics.set("dragonflow_level", ++level);
    metrics.total("dragonflow_kinds_total", 7, { kind: "a" });
  });
  await metrics.text();
  const lines = (await metrics.text()).split("\n");
  for (const line of [
    "# HELP dragonflow_things_total Things.",
    "# TYPE dragonflow_things_total counter",
    "dragonflow_things_total 2",
    'dragonflow_kinds_total{kind="a"} 7',
    "dragonflow_level 2",
    'dragonflow_time_seconds_bucket{le="0.1",how="fast"} 0',
    'dragonflow_time_seconds_bucket{le="1",how="fast"} 1',
    'dragonflow_time_seconds_count{how="slow"} 0',
  ])
    assert.ok(lines.includes(line), line);
  for (const name of Object.keys(PROCESS_METRICS))
    assert.ok(
      lines.some((line) => line.startsWith(`${name} `)),
      name,
    );
});

test("the listener: its page and nothing else, and so many connections at a time", async () => {
  const metrics = new Metrics(DECLARED);
  const listener = await openMetricsListener(metrics, LOOPBACK);
  try {
    const answer = await fetch(listener.url);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(await answer.text(), /^dragonflow_things_total 0$/m);
    assert.equal((await fetch(new URL("/other", listener.url))).status, 404);
    assert.equal((await fetch(listener.url, { method: "POST", body: "x" })).status, 405);

    const port = Number(new URL(listener.url).port);
    const sockets = Array.from({ length: 20 }, () =>
      connect(port, "127.0.0.1")
        .on("error", () => undefined)
        .resume(),
    );
    // Those that the client above keeps count among the first.
    await Promise.all(sockets.slice(LOOPBACK.connections).map((socket) => once(socket, "close")));
    assert.match(await metrics.text(), /^dragonflow_scrapes_refused_total 1[6-9]$/m);
    for (const socket of sockets) socket.destroy();
    await assert.rejects(
      openMetricsListener(metrics, { ...LOOPBACK, port }),
      /cannot listen for metrics on 127\.0\.0\.1/,
    );
  } finally {
    await listener.close();
  }
});
