import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { StoreDriver } from "@dragonflow/store";
import { contents, freshTopics, observe, port, positionIn, put, write } from "@dragonflow/store/conformance";
import { openEtcdStore } from "./index.ts";
import { Cluster, missingEtcd } from "./testing/cluster.ts";
import { reachable } from "./testing/harness.ts";

const missing = await missingEtcd();

describe("etcd that went back in time", { skip: missing ?? false }, () => {
  let cluster: Cluster;
  let driver: StoreDriver;
  const reasons: string[] = [];
  const open = (): Promise<StoreDriver> =>
    openEtcdStore({ url: cluster.url(), onNewLineage: (reason) => reasons.push(reason) });
  before(async () => {
    cluster = await Cluster.start();
    driver = await open();
  });
  after(async () => {
    await driver.close();
    await cluster.remove();
  });

  /** Writes, loses what was written by `goBack`, and looks at what everybody is told. */
  async function lose(goBack: () => Promise<() => Promise<void>>): Promise<void> {
    const [a] = freshTopics(1);
    const kept = await write(driver, [put(a!, port(1), "kept")]);
    const observer = await observe(driver, a!);
    const back = await goBack();
    const lost = await write(driver, [put(a!, port(1), "lost")]);
    await observer.untilAt(a!, positionIn(lost, a!));
    await back();
    await reachable(driver);
    await observer.until("another lineage", () => observer.seen(a!).head?.lineage !== kept.lineage);
    assert.deepEqual(observer.texts(a!), new Map([["port/1", "kept"]]));
    const next = await write(driver, [put(a!, port(2), "next")]);
    assert.notEqual(positionIn(next, a!), positionIn(lost, a!));
    await observer.untilAt(a!, positionIn(next, a!));
    assert.deepEqual(observer.texts(a!), await contents(driver, a!));
    await observer.close();
  }

  test("a restore under the same cluster id is known by who was there: the revision went back", async () => {
    // The second time the restored cluster has the id of the first.
    await lose(async () => {
      const restore = await cluster.backup();
      return () => restore("the same");
    });
    reasons.length = 0;
    await lose(async () => {
      const restore = await cluster.backup();
      return () => restore("the same");
    });
    assert.match(reasons.join(), /at revision \d+, and was at \d+/);
  });

  test("a copy of the files that was put back, and written to, is known by what it says of a revision", async () => {
    reasons.length = 0;
    const [b] = freshTopics(1);
    let other: StoreDriver | undefined;
    await lose(async () => {
      await cluster.stopAll();
      const putBack = cluster.copy();
      await cluster.startAll();
      await reachable(driver);
      return async () => {
        await cluster.stopAll();
        putBack();
        await cluster.startAll();
        // Somebody who knows of nothing writes past what was lost, perhaps before the one who knows is back.
        other = await openEtcdStore({ url: cluster.url() });
        for (let i = 0; i < 20; i++) await write(other, [put(b!, port(i), "x")]);
      };
    });
    assert.equal(reasons.length, 1);
    await other?.close();
  });

  test("a new lineage can be asked for, once", async () => {
    const [a] = freshTopics(1);
    const { lineage } = await driver.head(a!);
    const asked = await openEtcdStore({ url: `${cluster.url()}?new-lineage` });
    const given = (await asked.head(a!)).lineage;
    assert.notEqual(given, lineage);
    await write(driver, [put(a!, port(1), "x")]);
    assert.equal((await driver.head(a!)).lineage, given);
    await asked.close();
  });
});
