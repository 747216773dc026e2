import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Change, type Expect, newCommitId, type StoreDriver, TooLarge, Unavailable } from "@dragonflow/store";
import { contents, freshTopics, Observer, observe, port, positionIn, put, write } from "@dragonflow/store/conformance";
import { openEtcdStore } from "./index.ts";
import { Cluster, missingEtcd } from "./testing/cluster.ts";

const missing = await missingEtcd();

describe("the limits of etcd", { skip: missing ?? false }, () => {
  let cluster: Cluster;
  let driver: StoreDriver;
  before(async () => {
    cluster = await Cluster.start();
    driver = await openEtcdStore({ url: cluster.url() });
  });
  after(async () => {
    await driver.close();
    await cluster.remove();
  });

  test("a commit of many more operations than a transaction takes is one commit, at one revision", async () => {
    const topics = freshTopics(100);
    const { opsPerCommit } = driver.capabilities.limits;
    const observer = await observe(driver, ...topics);
    const changes = Array.from({ length: opsPerCommit }, (_, i): Change => put(topics[i % 100]!, port(i), `${i}`));
    const done = await write(driver, changes);
    assert.equal(new Set(done.positions.values()).size, 1);
    for (const topic of topics) await observer.untilAt(topic, positionIn(done, topic));
    const commits = observer.events.flatMap((event) => (event.type === "commits" ? event.batch : []));
    assert.equal(commits.length, 100);
    for (const { alsoTouches } of commits) assert.equal(alsoTouches.length, 99, "the manifest is complete");
    for (const topic of topics) assert.equal(observer.texts(topic).size, opsPerCommit / 100);
    await observer.close();
  });

  for (const topicCount of [3, 200])
    test(`many expectations, over ${topicCount} topics: held, failed by name, and not fooled by who comes between`, async () => {
      const topics = freshTopics(topicCount);
      const records = Array.from({ length: 400 }, (_, i) => ({ topic: topics[i % topicCount]!, id: port(i) }));
      await write(
        driver,
        records.map(({ topic, id }) => put(topic, id, "x")),
      );
      const present = records.map(({ topic, id }): Expect => ({ kind: "present", topic, id }));
      await write(driver, [put(topics[0]!, port("y"), "y")], present);
      const absent: Expect = { kind: "absent", topic: topics[1]!, id: port(1) };
      const failed = await driver.commit(newCommitId(), [put(topics[0]!, port("z"), "z")], [...present, absent]);
      assert.deepEqual(failed, { ok: false, failed: [absent] });
      // Of all that want the same at once one gets it, however many others there are.
      const wanted: Expect = { kind: "absent", topic: topics[2]!, id: port("one") };
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          driver.commit(newCommitId(), [put(topics[2]!, port("one"), `${i}`)], [...present, wanted]),
        ),
      );
      assert.equal(results.filter((result) => result.ok).length, 1);
    });

  test("what is too large for one request is refused by name before it is sent", async () => {
    const [a] = freshTopics(1);
    const small = await openEtcdStore({ url: `${cluster.url("small")}?max-request-bytes=65536` });
    const long = "n".repeat(200);
    const changes = Array.from({ length: 400 }, (_, i) => put(a!, port(`${long}${i}`), "x"));
    await assert.rejects(small.commit(newCommitId(), changes, []), (error: unknown) => {
      assert.ok(error instanceof TooLarge);
      assert.deepEqual([error.limit, error.allowed], ["bytesPerCommit", 65_536]);
      return true;
    });
    assert.equal((await contents(small, a!)).size, 0);
    await small.close();
  });

  test("a server that takes less than its URL says is refused", async () => {
    await assert.rejects(
      openEtcdStore({ url: `${cluster.url()}?max-txn-ops=129` }),
      (error: unknown) => error instanceof Unavailable && error.message.includes("--max-txn-ops"),
    );
  });

  test("a snapshot that is compacted while it is read is followed by another one", async () => {
    const [a] = freshTopics(1);
    const count = 500;
    await write(
      driver,
      Array.from({ length: count }, (_, i) => put(a!, port(i), "old")),
    );
    const watch = driver.watch();
    watch.add([{ topic: a! }]);
    const events = watch[Symbol.asyncIterator]();
    const first = await events.next();
    assert.ok(first.done !== true && first.value.type === "snapshot");
    await write(driver, [put(a!, port(0), "new")]);
    await cluster.compact();
    await assert.rejects(async () => {
      for await (const _ of first.value.type === "snapshot" ? first.value.snapshot.rows : []);
    }, Unavailable);
    const observer = new Observer(watch);
    const { lineage, position } = first.value.snapshot;
    observer.seen(a!).head = { lineage, position };
    await observer.until("another snapshot", () => observer.seen(a!).rows.size === count);
    await observer.untilCurrent(a!);
    assert.equal(observer.texts(a!).get(port(0)), "new");
    await observer.close();
  });
});
