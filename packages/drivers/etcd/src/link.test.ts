import assert from "node:assert/strict";
import { test } from "node:test";
import { freshTopics, observe, within } from "@dragonflow/store/conformance";
import { openEtcdStore } from "./index.ts";
import { Cluster, missingEtcd } from "./testing/cluster.ts";

const missing = await missingEtcd();

/** A closed client finds out by itself that nobody needs its connection, when it would ask whether that is still good. */
const KEEPALIVE_MILLISECONDS = 10_000;

async function watchStreams(endpoint: string | undefined): Promise<string | undefined> {
  const metrics = await (await fetch(`http://${endpoint}/metrics`)).text();
  return /^etcd_debugging_mvcc_watch_stream_total (\d+)$/m.exec(metrics)?.[1];
}

test("a store that was closed leaves no watches at its server", { skip: missing ?? false }, async () => {
  const cluster = await Cluster.start();
  try {
    const driver = await openEtcdStore({ url: cluster.url() });
    await observe(driver, ...freshTopics(1));
    const [endpoint] = cluster.endpoints;
    assert.equal(await watchStreams(endpoint), "1");
    await driver.close();
    const ended = async (): Promise<void> => {
      while ((await watchStreams(endpoint)) !== "0");
    };
    await within("the end of the watches", ended(), KEEPALIVE_MILLISECONDS / 2);
  } finally {
    await cluster.remove();
  }
});
