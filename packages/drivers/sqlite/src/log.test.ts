import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { networkTopic } from "@dragonflow/model";
import { type Head, newCommitId, type StoreDriver } from "@dragonflow/store";
import { ManualClock, Observer, port, positionIn, put, remove, write } from "@dragonflow/store/conformance";
import { openSqliteStore } from "./index.ts";
import { temporaryDirectory } from "./testing/harnesses.ts";

const [TOPIC, OTHER] = [networkTopic("a"), networkTopic("b")];

/** How a watch goes on from a position. */
async function resumed(store: StoreDriver, from: Head): Promise<"snapshot" | "commits" | "nothing"> {
  const observer = new Observer(store.watch());
  observer.seen(TOPIC).head = from;
  observer.watch.add([{ topic: TOPIC, from }]);
  await observer.untilCurrent(TOPIC);
  await observer.close();
  if (observer.count("snapshot") > 0) return "snapshot";
  return observer.count("commits") > 0 ? "commits" : "nothing";
}

test("the log is pruned by age and count, never younger than ten minutes; older resumes get a snapshot", async () => {
  const directory = temporaryDirectory();
  const clock = new ManualClock();
  const file = join(directory.path, "nb.db");
  const open = () => openSqliteStore({ file, clock, log: { commits: 20, seconds: 3600 } });
  let store = await open();
  const origin = await store.head(TOPIC);
  const id = newCommitId();
  await store.commit(id, [put(TOPIC, port("x"), "0")], []);
  const early = await store.head(TOPIC);
  for (let i = 0; i < 100; i++) await write(store, [put(TOPIC, port("x"), String(i))]);
  assert.equal(await resumed(store, origin), "commits", "a hundred commits, but young");
  assert.equal((await store.commit(id, [], [])).ok, true);

  clock.advance(599_000);
  const late = await store.head(TOPIC);
  await write(store, [put(TOPIC, port("x"), "y")]);
  assert.equal(await resumed(store, early), "commits", "just younger than ten minutes");
  clock.advance(2_000);
  // Each commit forgets some.
  for (let i = 0; i < 10; i++) await write(store, [put(OTHER, port(i), "y")]);
  assert.equal(await resumed(store, early), "snapshot");
  assert.equal(await resumed(store, late), "commits");
  assert.equal(await resumed(store, await store.head(TOPIC)), "nothing");
  const forgotten = await store.commit(id, [put(OTHER, port("z"), "z")], []);
  assert.ok(forgotten.ok && !forgotten.replayed);

  await store.close();
  store = await open();
  assert.equal(await resumed(store, early), "snapshot", "also after a restart");
  assert.equal(await resumed(store, late), "commits");
  assert.equal(await resumed(store, await store.head(TOPIC)), "nothing");
  await store.close();
  directory.remove();
});

test("a position that the store never reached, or that is none, gets a snapshot", async () => {
  const store = await openSqliteStore({ file: ":memory:" });
  await write(store, [put(TOPIC, port("x"), "0")]);
  const head = await store.head(TOPIC);
  const beyond = (await write(store, [put(OTHER, port("x"), "0")])).positions.get(OTHER)!;
  assert.equal(await resumed(store, { ...head, position: beyond }), "snapshot");
  assert.equal(await resumed(store, { ...head, position: "junk" as Head["position"] }), "snapshot");
  assert.equal(await resumed(store, { ...head, lineage: "another" as Head["lineage"] }), "snapshot");
  await store.close();
});

test("who missed very much gets a snapshot rather than one huge difference", async () => {
  const store = await openSqliteStore({ file: ":memory:" });
  await write(store, [put(TOPIC, port("x"), "0")]);
  const head = await store.head(TOPIC);
  await write(
    store,
    Array.from({ length: 900 }, (_, i) => put(TOPIC, port(i), "x")),
  );
  assert.equal(await resumed(store, head), "commits");
  await write(
    store,
    Array.from({ length: 900 }, (_, i) => put(TOPIC, port(900 + i), "x")),
  );
  assert.equal(await resumed(store, head), "snapshot");
  await store.close();
});

test("the difference is net, with the manifest of all that it stands for", async () => {
  const store = await openSqliteStore({ file: ":memory:" });
  await write(store, [put(TOPIC, port("gone"), "0"), put(TOPIC, port("kept"), "0")]);
  const from = await store.head(TOPIC);
  const both = await write(store, [put(TOPIC, port("kept"), "1"), put(OTHER, port("x"), "0")]);
  await write(store, [remove(TOPIC, port("gone")), put(TOPIC, port("brief"), "x")]);
  const last = await write(store, [remove(TOPIC, port("brief")), put(TOPIC, port("kept"), "2")]);
  const watch = store.watch();
  watch.add([{ topic: TOPIC, from }]);
  for await (const event of watch) {
    assert.ok(event.type === "commits");
    const [commit] = event.batch;
    assert.equal(event.batch.length, 1);
    assert.equal(commit!.prev, from.position);
    assert.equal(commit!.position, positionIn(last, TOPIC));
    assert.deepEqual(commit!.alsoTouches, [{ topic: OTHER, position: positionIn(both, OTHER) }]);
    assert.deepEqual(
      commit!.puts.map((row) => row.id),
      [port("kept")],
    );
    assert.deepEqual(commit!.deletes.map((gone) => gone.id).toSorted(), [port("brief"), port("gone")]);
    break;
  }
  await store.close();
});
