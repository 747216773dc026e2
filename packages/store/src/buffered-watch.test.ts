import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferedWatch } from "./buffered-watch.ts";
import { commitId, type Event, lineage, position, type Subscription, type TopicCommit } from "./contract.ts";
import { record, rowOf, settled, topicNumber } from "./testing/scripted-watch.ts";

const [A, B] = [topicNumber(1), topicNumber(2)];
const LINEAGE = lineage("l");

function setUp(limitBytes?: number) {
  const calls: (readonly Subscription[] | readonly ["leave", ...string[]])[] = [];
  const watch = new BufferedWatch(
    () => ({
      join: (subscriptions) => void calls.push(subscriptions),
      leave: (topics) => void calls.push(["leave", ...topics]),
      end: () => void calls.push(["leave", "all"]),
    }),
    limitBytes,
  );
  const iterator = watch[Symbol.asyncIterator]();
  const next = async (): Promise<Event> => {
    const { value, done } = await iterator.next();
    if (done === true) assert.fail("the watch ended");
    return value;
  };
  return { watch, calls, iterator, next };
}
const commit = (topic: typeof A, at: number, size = 10): TopicCommit => ({
  topic,
  lineage: LINEAGE,
  prev: position(String(at - 1)),
  position: position(String(at)),
  commit: commitId(`c${at}`),
  alsoTouches: [],
  puts: [rowOf(record("x"), at, "x".repeat(size))],
  deletes: [],
});
const deliver = (watch: BufferedWatch, ...batch: readonly TopicCommit[]) => watch.deliver({ type: "commits", batch });
/** Of a watch that holds less than this, and before any reader comes to it. */
const overflow = (watch: BufferedWatch): void => {
  deliver(watch, commit(A, 1));
  deliver(watch, commit(A, 2));
};
const positionsOf = (event: Event) =>
  event.type === "commits" ? event.batch.map((each) => Number(each.position)) : event.type;

test("what comes within one turn is one event", async () => {
  const { watch, next } = setUp();
  watch.add([{ topic: A }]);
  const first = next();
  deliver(watch, commit(A, 1));
  deliver(watch, commit(A, 2));
  assert.deepEqual(positionsOf(await first), [1, 2]);
  deliver(watch, commit(A, 3));
  watch.deliver({ type: "current", topics: [A] });
  deliver(watch, commit(A, 4));
  assert.deepEqual(
    [positionsOf(await next()), positionsOf(await next()), positionsOf(await next())],
    [[3], "current", [4]],
  );
});

test("of a dropped topic nothing comes any more, though it waited already", async () => {
  const { watch, next } = setUp();
  watch.add([{ topic: A }, { topic: B }]);
  deliver(watch, commit(A, 1), commit(B, 1));
  deliver(watch, commit(A, 2));
  watch.deliver({ type: "current", topics: [A] });
  watch.deliver({ type: "current", topics: [A, B] });
  watch.drop([A, A]);
  const event = await next();
  assert.ok(event.type === "commits" && event.batch.length === 1 && event.batch[0]?.topic === B);
  assert.deepEqual(await next(), { type: "current", topics: [B] });
});

test("overflow: stale, and only when the reader comes back every topic goes on from where the reader was", async () => {
  const { watch, calls, next } = setUp(5000);
  watch.add([{ topic: A }, { topic: B, from: { lineage: LINEAGE, position: position("7") } }]);
  deliver(watch, commit(A, 1));
  assert.deepEqual(positionsOf(await next()), [1]);
  deliver(watch, commit(A, 2, 3000));
  deliver(watch, commit(B, 8, 3000));
  deliver(watch, commit(A, 3));
  assert.deepEqual(calls.at(-1), ["leave", A, B]);
  assert.deepEqual(await next(), { type: "stale", reason: "overflow", topics: [A, B] });
  await settled();
  assert.equal(calls.length, 2, "not before it asks for more");
  const more = next();
  assert.deepEqual(calls.at(-1), [
    { topic: A, from: { lineage: LINEAGE, position: "1" } },
    { topic: B, from: { lineage: LINEAGE, position: "7" } },
  ]);
  deliver(watch, commit(A, 2));
  assert.deepEqual(positionsOf(await more), [2]);
});

test("a snapshot counts once its rows were read", async () => {
  for (const read of [false, true]) {
    const { watch, calls, next } = setUp(5000);
    watch.add([{ topic: A }]);
    const rows = (async function* () {
      yield [rowOf(record("x"), 4, "x")];
    })();
    watch.deliver({ type: "snapshot", snapshot: { topic: A, lineage: LINEAGE, position: position("4"), rows } });
    const event = await next();
    assert.ok(event.type === "snapshot");
    if (read) for await (const page of event.snapshot.rows) assert.equal(page.length, 1);
    deliver(watch, commit(A, 5));
    deliver(watch, commit(A, 6, 6000));
    assert.equal((await next()).type, "stale");
    void next();
    assert.deepEqual(calls.at(-1), [read ? { topic: A, from: { lineage: LINEAGE, position: "4" } } : { topic: A }]);
  }
});

test("a topic that is added again starts again; one that is added while overflowing joins with the others", async () => {
  const { watch, calls, next } = setUp(100);
  watch.add([{ topic: A }]);
  watch.add([{ topic: A }]);
  assert.deepEqual(calls, [[{ topic: A }], ["leave", A], [{ topic: A }]]);
  overflow(watch);
  watch.add([{ topic: B }]);
  assert.equal((await next()).type, "stale");
  void next();
  assert.deepEqual(calls.at(-1), [{ topic: A }, { topic: B }]);
});

test("all that was missed may come in one piece that is heavier than what is held", async () => {
  const { watch, calls, next } = setUp(100);
  watch.add([{ topic: A, from: { lineage: LINEAGE, position: position("0") } }]);
  overflow(watch);
  assert.equal((await next()).type, "stale");
  const more = next();
  deliver(watch, commit(A, 1, 1000), commit(A, 2, 1000));
  assert.deepEqual(positionsOf(await more), [1, 2]);
  deliver(watch, commit(A, 3, 1000));
  assert.deepEqual(positionsOf(await next()), [3]);
  assert.equal(calls.length, 3, "joined, left, and joined again once");
});

test("all topics of an overflow are dropped: one that is added then is joined, whether the reader waits or not", async () => {
  for (const isWaiting of [false, true]) {
    for (const again of [A, B]) {
      const { watch, calls, next } = setUp(100);
      watch.add([{ topic: A }]);
      const waiting = isWaiting ? next() : undefined;
      overflow(watch);
      watch.drop([A]);
      watch.add([{ topic: again }]);
      const event = waiting ?? next();
      assert.deepEqual(calls.at(-1), [{ topic: again }]);
      deliver(watch, commit(again, 1));
      assert.deepEqual(positionsOf(await event), [1]);
    }
  }
});

test("a topic that was added while overflowing is joined when the others are dropped", async () => {
  const { watch, calls, next } = setUp(100);
  watch.add([{ topic: A }]);
  const waiting = next();
  overflow(watch);
  watch.add([{ topic: B }]);
  watch.drop([A]);
  assert.deepEqual(calls.at(-1), [{ topic: B }]);
  deliver(watch, commit(B, 1));
  assert.deepEqual(positionsOf(await waiting), [1]);
});

test("close ends the reader, and what comes after is nothing", async () => {
  const { watch, calls, iterator } = setUp();
  watch.add([{ topic: A }]);
  const waiting = iterator.next();
  await watch.close();
  await watch.close();
  assert.equal((await waiting).done, true);
  deliver(watch, commit(A, 1));
  watch.add([{ topic: B }]);
  assert.equal((await iterator.next()).done, true);
  assert.deepEqual(calls, [[{ topic: A }], ["leave", "all"]]);
});

test("a failure comes after what was there before it", async () => {
  const { watch, iterator, next } = setUp();
  watch.add([{ topic: A }]);
  deliver(watch, commit(A, 1));
  watch.fail(new Error("refused"));
  assert.deepEqual(positionsOf(await next()), [1]);
  await assert.rejects(iterator.next(), /refused/);
});
