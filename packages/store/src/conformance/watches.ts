import assert from "node:assert/strict";
import { test } from "node:test";
import type { Topic } from "@dragonflow/model";
import {
  type Event,
  newCommitId,
  ORIGIN,
  type Position,
  type StoreDriver,
  type TopicCommit,
  type Watch,
} from "../contract.ts";
import { Replica } from "../replica/replica.ts";
import { type Bench, contents, Observer, observe, port, positionIn, put, remove, within, write } from "./harness.ts";

/** One writer among others: puts and deletes over a few records of several topics. */
async function scribble(driver: StoreDriver, topics: readonly Topic[], name: string, commits: number): Promise<void> {
  for (let i = 0; i < commits; i++) {
    const changes = topics
      .filter((_, t) => (i + t) % 3 !== 0)
      .map((topic, t) =>
        (i + t) % 4 === 0 ? remove(topic, port(i % 7)) : put(topic, port(i % 7), `${name} ${i} ${t}`),
      );
    if (changes.length > 0) await write(driver, changes);
  }
}

/** Many commits, each of a record of its own. */
async function flood(driver: StoreDriver, topic: Topic, bytes: number): Promise<void> {
  const chunk = "x".repeat(64 * 1024);
  for (let i = 0; i * chunk.length < bytes; i++) await write(driver, [put(topic, port(i), `${i} ${chunk}`)]);
}

export function watchTests(bench: Bench): void {
  const driver = () => bench.harness().driver;

  test("a new watch gets a snapshot, then what is committed, in order and chained", async () => {
    const [a] = bench.topics(1);
    await write(driver(), [put(a!, port(1), "before")]);
    const observer = await observe(driver(), a!);
    assert.deepEqual(observer.texts(a!), new Map([["port/1", "before"]]));
    for (let i = 0; i < 20; i++) await write(driver(), [put(a!, port(1), String(i)), put(a!, port(`n${i}`), "x")]);
    const done = await write(driver(), [remove(a!, port(1))]);
    await observer.untilAt(a!, positionIn(done, a!));
    assert.deepEqual(observer.texts(a!), await contents(driver(), a!));
    assert.equal(observer.count("snapshot"), 1);
    await observer.close();
  });

  test("a topic that was never written is current, empty, and its chain begins at the origin", async () => {
    const [a] = bench.topics(1);
    const observer = await observe(driver(), a!);
    assert.equal(observer.seen(a!).head!.position, ORIGIN);
    const done = await write(driver(), [put(a!, port(1), "first")]);
    await observer.untilAt(a!, positionIn(done, a!));
    const commits = observer.events.flatMap((event) => (event.type === "commits" ? event.batch : []));
    assert.equal(commits[0]!.prev, ORIGIN);
    await observer.close();
  });

  test("the manifest names the other topics of the commit, subscribed or not, and where it brought them", async () => {
    const [a, b, c] = bench.topics(3);
    const observer = await observe(driver(), a!, b!);
    const id = newCommitId();
    const before = Date.now();
    const done = await driver().commit(id, [put(a!, port(1), "x"), put(b!, port(1), "x"), remove(c!, port(1))], []);
    assert.ok(done.ok);
    for (const topic of [a!, b!]) await observer.untilAt(topic, done.positions.get(topic)!);
    const commits = observer.events.flatMap((event) => (event.type === "commits" ? event.batch : []));
    assert.equal(commits.length, 2);
    for (const { topic, commit, committedAtMs = before, alsoTouches } of commits) {
      assert.equal(commit, id);
      assert.ok(committedAtMs >= before && committedAtMs <= Date.now(), "when it was, if the store says it");
      const others: Map<Topic, Position> = new Map(done.positions);
      others.delete(topic);
      assert.deepEqual(new Map(alsoTouches.map((other) => [other.topic, other.position])), others);
    }
    if (driver().capabilities.delivery === "commit")
      assert.ok(
        observer.events.some((event) => event.type === "commits" && event.batch.length === 2),
        "in one event",
      );
    await observer.close();
  });

  test("an event carries the versions that a read returns", async () => {
    const [a] = bench.topics(1);
    const observer = await observe(driver(), a!);
    const done = await write(driver(), [put(a!, port(1), "x"), put(a!, port(2), "y")]);
    await observer.untilAt(a!, positionIn(done, a!));
    for (const [id, { version }] of observer.seen(a!).rows)
      assert.equal((await driver().get(a!, id))!.version, version);
    await observer.close();
  });

  test("many topics are added at once, and become current together", async () => {
    const topics = bench.topics(50);
    await write(
      driver(),
      topics.map((topic) => put(topic, port(1), topic)),
    );
    const observer = await observe(driver(), ...topics);
    assert.equal(observer.count("current"), 1);
    for (const topic of topics) assert.deepEqual(observer.texts(topic), new Map([["port/1", topic]]));
    await observer.close();
  });

  test("after drop nothing comes; after another add it starts again", async () => {
    const [a, b] = bench.topics(2);
    const observer = await observe(driver(), a!, b!);
    observer.watch.drop([a!]);
    const told = observer.events.length;
    const done = await write(driver(), [put(a!, port(1), "x"), put(b!, port(1), "x")]);
    await observer.untilAt(b!, positionIn(done, b!));
    assert.ok(
      observer.events.slice(told).every((event) => event.type !== "commits" || event.batch.every((c) => c.topic === b)),
    );
    observer.watch.add([{ topic: a! }]);
    await observer.untilAt(a!, positionIn(done, a!));
    assert.deepEqual(observer.texts(a!), new Map([["port/1", "x"]]));
    await observer.close();
  });

  test("snapshot and then commits: nothing lost, nothing twice, under concurrent writers", async () => {
    const topics = bench.topics(3);
    const other = await bench.harness().another();
    let writing = true;
    const writers = Promise.all([
      scribble(driver(), topics, "first", 150),
      scribble(other, topics, "second", 150),
      scribble(driver(), topics.toReversed(), "third", 150),
    ]).finally(() => {
      writing = false;
    });
    // Watches that begin at every moment of it; each checks its own chain.
    const observers: Observer[] = [];
    while (writing && observers.length < 20) {
      const observer: Observer = await observe(driver(), ...topics);
      observers.push(observer);
    }
    await writers;
    for (const topic of topics) {
      const { position } = await driver().head(topic);
      const expected = await contents(driver(), topic);
      for (const observer of observers) {
        await observer.untilAt(topic, position);
        assert.deepEqual(observer.texts(topic), expected);
      }
    }
    for (const observer of observers) await observer.close();
  });

  test("a snapshot is of one moment, however slowly it is read", async () => {
    const [a] = bench.topics(1);
    const count = driver().capabilities.limits.listPage * 2 + 10;
    for (let i = 0; i < count; i += 500)
      await write(
        driver(),
        Array.from({ length: Math.min(500, count - i) }, (_, k) =>
          put(a!, port(`k${String(i + k).padStart(6, "0")}`), "old"),
        ),
      );
    const snapshot = await driver().snapshot(a!);
    const last = port(`k${String(count - 1).padStart(6, "0")}`);
    const rows: string[] = [];
    for await (const page of snapshot.rows) {
      if (rows.length === 0) {
        await write(driver(), [put(a!, port("k000001"), "new"), remove(a!, last), put(a!, port("z"), "new")]);
        await write(driver(), [put(a!, port("k000000"), "new"), remove(a!, port("k001000"))]);
        await write(driver(), [put(a!, last, "new again")]);
      }
      for (const row of page) rows.push(`${row.id} ${Buffer.from(row.value).toString()}`);
    }
    assert.equal(rows.length, count);
    assert.ok(rows.every((row) => row.endsWith(" old")));
    assert.equal(new Set(rows).size, count);
  });

  test("a watch goes on from a position with the difference, where the store knows it", async () => {
    const [a, b] = bench.topics(2);
    await write(driver(), [put(a!, port(1), "x"), put(a!, port(2), "x"), put(b!, port(1), "x")]);
    const from = await driver().head(a!);
    const fromB = await driver().head(b!);
    await write(driver(), [put(a!, port(3), "1"), remove(a!, port(1))]);
    const done = await write(driver(), [put(a!, port(3), "2")]);
    const watch = driver().watch();
    watch.add([
      { topic: a!, from },
      { topic: b!, from: fromB },
    ]);
    const events: Event[] = [];
    for await (const event of watch) {
      events.push(event);
      if (event.type === "current") break;
    }
    const commits = events.flatMap((event) => (event.type === "commits" ? event.batch : []));
    if (driver().capabilities.resume === "never") {
      assert.ok(events.some((event) => event.type === "snapshot"));
      return;
    }
    assert.ok(!events.some((event) => event.type === "snapshot"), "no snapshot");
    assert.ok(
      commits.every((commit) => commit.topic === a),
      "only the difference",
    );
    assert.equal(commits[0]!.prev, from.position);
    assert.equal(commits.at(-1)!.position, positionIn(done, a!));
    const touched = commits.flatMap((commit) => [
      ...commit.puts.map((row) => row.id),
      ...commit.deletes.map((gone) => gone.id),
    ]);
    assert.deepEqual(new Set(touched), new Set([port(1), port(3)]));
    assert.equal(Buffer.from(commits.at(-1)!.puts.at(-1)!.value).toString(), "2");
  });

  test("a reader that is too slow is told, and then gets all that it missed", async () => {
    let isTold = false;
    // Where little of it has come before the reader begins, and then all in one piece, nobody was slow.
    for (let round = 0; !isTold && round < 10; round++) {
      const [a] = bench.topics(1);
      const watch = driver().watch();
      watch.add([{ topic: a! }]);
      await flood(driver(), a!, bench.harness().watchBufferBytes * 2);
      // Nobody has read yet.
      const { position } = await driver().head(a!);
      const observer = new Observer(watch);
      await observer.untilAt(a!, position);
      await observer.untilCurrent(a!);
      isTold = observer.events.some((event) => event.type === "stale" && event.reason === "overflow");
      assert.deepEqual(observer.texts(a!), await contents(driver(), a!));
      await observer.close();
    }
    assert.ok(isTold);
  });

  test("a reader that goes on from far behind gets there, though it missed more than is held for it", async () => {
    const [a] = bench.topics(1);
    await write(driver(), [put(a!, port(0), "x")]);
    const from = await driver().head(a!);
    await flood(driver(), a!, bench.harness().watchBufferBytes * 2);
    const { position } = await driver().head(a!);
    const observer = new Observer(driver().watch());
    observer.seen(a!).head = from;
    observer.watch.add([{ topic: a!, from }]);
    await observer.untilAt(a!, position);
    await observer.untilCurrent(a!);
    assert.deepEqual(observer.texts(a!), await contents(driver(), a!));
    await observer.close();
  });

  test("events that were lost, repeated or swapped on the way are noticed and made good", async () => {
    const topics = bench.topics(3);
    const replica = new Replica({ watch: unreliable(driver().watch()), onBatch: () => undefined, holdMilliseconds: 5 });
    replica.add(topics);
    await scribble(driver(), topics, "writer", 300);
    for (let settled = false; !settled; ) {
      // The last event may have been lost too: only the next one shows it.
      const done = await write(
        driver(),
        topics.map((topic) => put(topic, port("last"), "{}")),
      );
      const arrived = topics.map((topic) => replica.waitFor(topic, positionIn(done, topic)));
      settled = await within(
        "the replica",
        Promise.race([Promise.all(arrived).then(() => true), nextTurns(50).then(() => false)]),
      );
      for (const each of arrived) each.catch(() => undefined);
    }
    assert.ok(replica.counters.gaps > 0, "some were noticed");
    for (const topic of topics) {
      const stored = [...(await contents(driver(), topic)).keys()].filter((id) => id === port("last"));
      assert.deepEqual(
        [...replica.rows(topic)].map((row) => `${row.kind}/${row.id}`),
        stored,
      );
    }
    await replica.close();
    await replica.done;
  });
}

async function nextTurns(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Every so many commits one is lost, one comes twice, and two change places; always the same ones. */
function unreliable(watch: Watch): Watch {
  let count = 0;
  let late: TopicCommit | undefined;
  function disturb(commit: TopicCommit): readonly TopicCommit[] {
    count++;
    if (late !== undefined) {
      const both = [commit, late];
      late = undefined;
      return both;
    }
    if (count % 11 === 0) return [];
    if (count % 13 === 0) return [commit, commit];
    if (count % 17 === 0) {
      late = commit;
      return [];
    }
    return [commit];
  }
  return {
    add: (subscriptions) => watch.add(subscriptions),
    drop: (topics) => watch.drop(topics),
    close: () => watch.close(),
    async *[Symbol.asyncIterator]() {
      for await (const event of watch)
        yield event.type === "commits" ? { ...event, batch: event.batch.flatMap(disturb) } : event;
    },
  };
}
