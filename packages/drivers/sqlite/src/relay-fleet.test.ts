import assert from "node:assert/strict";
import { test } from "node:test";
import { networkTopic, type Topic } from "@dragonflow/model";
import type { Snapshot, StoreDriver, Subject } from "@dragonflow/store";
import { type Observer, observe, port, put, write } from "@dragonflow/store/conformance";
import { relayedStore } from "./testing/harnesses.ts";

const HOSTS = 40;
const COMMON = networkTopic("common");
const own = (n: number): Topic => networkTopic(`of-${n}`);

interface Reads {
  snapshots: number;
  commits: number;
}
/** The same store; what the relay reads of it is counted. */
function counted(store: StoreDriver, reads: Reads): StoreDriver {
  return {
    get capabilities() {
      return store.capabilities;
    },
    get: (topic, id) => store.get(topic, id),
    snapshot(topic): Promise<Snapshot> {
      reads.snapshots++;
      return store.snapshot(topic);
    },
    commit: (id, changes, expect, signal) => store.commit(id, changes, expect, signal),
    head: (topic) => store.head(topic),
    lease: (name, request) => store.lease(name, request),
    close: () => store.close(),
    watch() {
      const watch = store.watch();
      return {
        add: (subscriptions) => watch.add(subscriptions),
        drop: (topics) => watch.drop(topics),
        close: () => watch.close(),
        async *[Symbol.asyncIterator]() {
          for await (const event of watch) {
            if (event.type === "snapshot") reads.snapshots++;
            if (event.type === "commits") reads.commits += event.batch.length;
            yield event;
          }
        },
      };
    },
  };
}

test("a server that was away: every host goes on from where it was, and no snapshot is read for anybody", async () => {
  const reads: Reads = { snapshots: 0, commits: 0 };
  let whileAway = async (_store: StoreDriver): Promise<void> => undefined;
  await using relayed = await relayedStore({
    async around(store) {
      await whileAway(store);
      return counted(store, reads);
    },
  });
  await write(relayed.store, [
    put(COMMON, port(0), "x"),
    ...Array.from({ length: HOSTS }, (_, n) => put(own(n), port(n), "x")),
  ]);
  const hosts: Observer[] = [];
  for (let n = 0; n < HOSTS; n++) {
    const subject: Subject = `chassis:host${n}`;
    const client = await relayed.connect(subject, { direct: true });
    const observer = await observe(client, COMMON, own(n));
    await observer.untilCurrent(COMMON, own(n));
    hosts.push(observer);
  }
  // The second who asks for what all need has it read and kept for those who come after.
  assert.ok(reads.snapshots <= HOSTS + 2, `${reads.snapshots} snapshots read for ${HOSTS} hosts`);
  async function restarted(): Promise<void> {
    reads.snapshots = 0;
    for (const observer of hosts) observer.events.length = 0;
    await relayed.restart();
    for (const [n, observer] of hosts.entries()) {
      const isCurrent = (): boolean => observer.seen(COMMON).current && observer.seen(own(n)).current;
      await observer.until("cut off, and current again", () => observer.count("stale") > 0 && isCurrent());
      assert.equal(observer.count("snapshot"), 0);
    }
    assert.equal(reads.snapshots, 0);
  }
  await restarted();
  assert.equal(reads.commits, 0, "nobody missed anything");

  // What was written before the first of them is back is in the log.
  whileAway = async (store) => {
    await write(store, [put(COMMON, port(0), "z"), put(own(7), port(7), "z")]);
  };
  await restarted();
  for (const [n, observer] of hosts.entries()) {
    assert.equal(observer.texts(own(n)).get(port(n)), n === 7 ? "z" : "x");
    assert.equal(observer.texts(COMMON).get(port(0)), "z");
  }
  assert.equal(reads.commits, HOSTS + 1, "one difference of the common topic each, and the one of host 7");
  for (const observer of hosts) await observer.close();
});
