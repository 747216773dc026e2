import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Forbidden, StoreError } from "@dragonflow/store";
import { contents, freshTopics, port, put, write } from "@dragonflow/store/conformance";
import { openEtcdStore } from "./index.ts";
import { makeTls } from "./testing/certificates.ts";
import { Cluster, missingEtcd } from "./testing/cluster.ts";

const missing = await missingEtcd();
const patience = (): AbortSignal => AbortSignal.timeout(2000);

describe("etcd with passwords", { skip: missing ?? false }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
    for (const line of [
      "user add root:rootpassword",
      "user grant-role root root",
      "role add dragonflow",
      "role grant-permission --prefix dragonflow readwrite /cloud/",
      "user add dragonflow:secret",
      "user grant-role dragonflow dragonflow",
      "auth enable",
    ])
      await cluster.ctl(line.split(" "));
  });
  after(() => cluster.remove());
  const endpoint = (): string | undefined => cluster.endpoints[0];

  test("a user with rights to the prefix has a store there, by URL or by a file for its password", async () => {
    const [a] = freshTopics(1);
    const driver = await openEtcdStore({ url: `etcd://dragonflow:secret@${endpoint()}/cloud` });
    await write(driver, [put(a!, port(1), "x")]);
    const lease = await driver.lease("a", { ttlSeconds: 5 });
    await lease[Symbol.asyncDispose]();
    const file = join(cluster.directory, "password");
    writeFileSync(file, "secret\n");
    const other = await openEtcdStore({ url: `etcd://dragonflow@${endpoint()}/cloud?password-file=${file}` });
    assert.deepEqual(await contents(other, a!), new Map([["port/1", "x"]]));
    for (const each of [driver, other]) await each.close();
  });

  test("a wrong password, none, or another prefix is refused at once, and no password is told", async () => {
    for (const url of [
      `etcd://dragonflow:wrongsecret@${endpoint()}/cloud`,
      `etcd://${endpoint()}/cloud`,
      `etcd://dragonflow:secret@${endpoint()}/other`,
    ])
      await assert.rejects(openEtcdStore({ url }), (error: unknown) => {
        assert.ok(error instanceof StoreError);
        assert.doesNotMatch(String(error), /secret/);
        return url.endsWith("other") ? error instanceof Forbidden : true;
      });
  });
});

describe("etcd with TLS", { skip: missing ?? false }, () => {
  test("with the authority's certificate and one of its own a client is let in; without, not", async () => {
    const cluster = await Cluster.start({ tls: makeTls });
    try {
      const { caFile, certFile, keyFile } = makeTls(cluster.directory);
      const [member] = cluster.endpoints;
      const [a] = freshTopics(1);
      const query = `ca=${caFile}&cert=${certFile}&key=${keyFile}`;
      const driver = await openEtcdStore({ url: `etcds://${member}/x?${query}` });
      await write(driver, [put(a!, port(1), "x")]);
      assert.equal((await contents(driver, a!)).size, 1);
      await driver.close();
      for (const url of [`etcds://${member}/x?ca=${caFile}`, `etcds://${member}/x`, `etcd://${member}/x`])
        await assert.rejects(openEtcdStore({ url, signal: patience() }), StoreError, url);
    } finally {
      await cluster.remove();
    }
  });
});
