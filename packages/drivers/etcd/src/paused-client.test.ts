import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { type Expect, LEASE_TOPIC, leaseRecordId, newCommitId } from "@dragonflow/store";
import { freshTopics, port, put, within, write } from "@dragonflow/store/conformance";
import { openEtcdStore } from "./index.ts";
import { Cluster, missingEtcd } from "./testing/cluster.ts";

const missing = await missingEtcd();
const CHILD = join(import.meta.dirname, "testing/paused-child.ts");
const PAUSE_MILLISECONDS = process.env["DRAGONFLOW_FULL"] === "1" ? 60_000 : 0;

test("a client that stood still has lost its lease, and misses nothing of what it follows", {
  skip: missing ?? false,
}, async () => {
  const cluster = await Cluster.start();
  const [a] = freshTopics(1);
  const driver = await openEtcdStore({ url: cluster.url() });
  const child = spawn(process.execPath, [CHILD, cluster.url(), a!], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  let look: () => void = () => undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    look();
  });
  const said = async (words: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    look = () => {
      if (lines.includes(words)) resolve();
    };
    look();
    await within(words, promise);
  };
  try {
    await said("ready");
    const fence = (await driver.get(LEASE_TOPIC, leaseRecordId("paused")))!.version;
    child.kill("SIGSTOP");
    for (let i = 0; i < 50; i++) await write(driver, [put(a!, port(1), `${i}`)]);
    // Granted once the other's time is up, and not before.
    const lease = await within("the lease", driver.lease("paused", { ttlSeconds: 60 }));
    const late: Expect = { kind: "version", topic: LEASE_TOPIC, id: leaseRecordId("paused"), version: fence };
    assert.equal((await driver.commit(newCommitId(), [], [late])).ok, false, "what it would write is refused");
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
    child.kill("SIGCONT");
    await said("lost");
    await said("49");
    await write(driver, [put(a!, port(1), "end")]);
    await said("end");
    assert.equal(lease.lost.aborted, false);
    await lease[Symbol.asyncDispose]();
  } finally {
    child.kill("SIGKILL");
    await driver.close();
    await cluster.remove();
  }
});
