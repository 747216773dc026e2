import assert from "node:assert/strict";
import { test } from "node:test";
import { comparePositions } from "../contract.ts";
import { ManualClock } from "../conformance/manual-clock.ts";
import { Unavailable } from "../errors.ts";
import { record, ScriptedStore, settled, topicNumber } from "../testing/scripted-watch.ts";
import { Replica } from "./replica.ts";
import type { ReplicaBatch, ReplicaOptions, ReplicaReport } from "./replica-types.ts";

const [A, B] = [topicNumber(1), topicNumber(2)];

function setUp(options: Partial<ReplicaOptions> = {}) {
  const store = new ScriptedStore();
  const clock = new ManualClock();
  const batches: ReplicaBatch[] = [];
  const reports: ReplicaReport[] = [];
  const replica = new Replica({
    watch: store.watch,
    clock,
    onBatch: (batch) => batches.push(batch),
    onReport: (report) => reports.push(report),
    ...options,
  });
  return { store, clock, batches, reports, replica };
}
const ids = (replica: Replica, topic = A) => [...replica.rows(topic)].map((row) => row.id).toSorted();
const named = (batch: ReplicaBatch | undefined) =>
  batch?.changes.map((change) => `${change.topic} ${change.id} ${change.row === undefined ? "gone" : "there"}`);

test("topics are pending until loaded, load together, and then follow what is committed", async () => {
  const { store, batches, replica } = setUp();
  store.commit([
    [A, record("x"), { id: "x" }],
    [B, record("y"), { id: "y", more: [1] }],
  ]);
  replica.add([A, B]);
  assert.equal(replica.state(A), "pending");
  assert.equal(replica.get(A, record("x")), undefined);
  await settled();
  assert.deepEqual(named(batches[0]), ["network/t1 x there", "network/t2 y there"]);
  assert.deepEqual(batches[0]?.topics, [
    { topic: A, state: "current" },
    { topic: B, state: "current" },
  ]);
  assert.deepEqual(replica.get(B, record("y")), { id: "y", more: [1] });
  store.commit([
    [A, record("x"), undefined],
    [A, record("z"), { id: "z" }],
  ]);
  store.deliverAll();
  await settled();
  assert.deepEqual(named(batches[1]), ["network/t1 x gone", "network/t1 z there"]);
  assert.deepEqual(batches[1]?.topics, []);
  assert.equal(batches.length, 2);
  const commitsOf = (batch: ReplicaBatch | undefined) => batch?.commits.map(({ commit }) => commit);
  assert.deepEqual(commitsOf(batches[0]), [], "a snapshot says nothing of the commits in it");
  assert.deepEqual(commitsOf(batches[1]), ["c2"]);
});

test("a commit of two topics is one batch, however its parts arrive", async () => {
  const { store, batches, replica } = setUp();
  replica.add([A, B]);
  await settled();
  store.commit([
    [A, record("x"), { n: 1 }],
    [B, record("x"), { n: 1 }],
  ]);
  store.commit([[A, record("x"), { n: 2 }]]);
  store.deliver(A);
  store.deliver(A);
  await settled();
  assert.equal(batches.length, 1, "held, and what follows it too");
  store.deliver(B);
  await settled();
  assert.deepEqual(named(batches[1]), ["network/t2 x there", "network/t1 x there"].toSorted());
  const commits = batches[1]?.commits.map(({ commit }) => commit) ?? [];
  assert.deepEqual(commits.toSorted(), ["c1", "c2"], "each once");
  assert.deepEqual(replica.get(A, record("x")), { n: 2 });
  assert.equal(replica.counters.held, 2);
  assert.equal(replica.counters.torn, 0);
});

test("a commit waits for no topic that is not followed, nor for ever", async () => {
  const { store, clock, reports, replica } = setUp();
  replica.add([A, B]);
  await settled();
  store.commit([
    [A, record("x"), { n: 1 }],
    [topicNumber(9), record("x"), { n: 1 }],
  ]);
  store.deliver(A);
  await settled();
  assert.deepEqual(replica.get(A, record("x")), { n: 1 });
  store.commit([
    [A, record("x"), { n: 2 }],
    [B, record("x"), { n: 2 }],
  ]);
  store.deliver(A);
  await settled();
  clock.advance(99);
  assert.deepEqual(replica.get(A, record("x")), { n: 1 });
  clock.advance(1);
  assert.deepEqual(replica.get(A, record("x")), { n: 2 });
  assert.deepEqual(
    reports.map((report) => report.type),
    ["torn"],
  );
  assert.equal(replica.counters.torn, 1);
  store.deliver(B);
  await settled();
  assert.deepEqual(replica.get(B, record("x")), { n: 2 });
  assert.equal(clock.pending, 0);
});

test("a gap fetches that topic again and no other; a repeated event is nothing", async () => {
  const { store, batches, reports, replica } = setUp();
  replica.add([A, B]);
  await settled();
  store.commit([[A, record("x"), { n: 1 }]]);
  store.repeat(A);
  store.deliver(A);
  await settled();
  assert.equal(replica.counters.duplicates, 1);
  store.commit([[A, record("lost"), { n: 2 }]]);
  store.commit([[A, record("x"), { n: 3 }]]);
  store.waiting(A).shift();
  store.answersAtOnce = false;
  store.deliver(A);
  await settled();
  assert.equal(replica.state(A), "stale");
  assert.deepEqual(replica.get(A, record("x")), { n: 1 }, "what is known stays");
  store.answer();
  await settled();
  assert.deepEqual(
    store.joins.map((join) => join.topic),
    [A, B, A],
  );
  assert.deepEqual(ids(replica), ["lost", "x"]);
  assert.deepEqual(batches.at(-1)?.topics, [{ topic: A, state: "current" }]);
  assert.deepEqual(reports, [{ type: "gap", topic: A }]);
});

test("while the store is unreachable nothing is removed; then only the difference is applied", async () => {
  const { store, batches, replica } = setUp();
  store.commit([
    [A, record("x"), { n: 1 }],
    [A, record("y"), { n: 1 }],
    [B, record("x"), { n: 1 }],
  ]);
  replica.add([A, B]);
  await settled();
  store.stale();
  await settled();
  assert.deepEqual(batches.at(-1), {
    changes: [],
    topics: [
      { topic: A, state: "stale" },
      { topic: B, state: "stale" },
    ],
    commits: [],
  });
  store.commit([
    [A, record("y"), undefined],
    [B, record("y"), { n: 2 }],
  ]);
  store.deliverAll();
  await settled();
  assert.deepEqual(ids(replica), ["x", "y"], "together with `current`, not before");
  store.current();
  await settled();
  assert.deepEqual(named(batches.at(-1)), ["network/t1 y gone", "network/t2 y there"]);
  assert.equal(batches.length, 3);
});

test("the same row again, or in another lineage, is no change; its version moves on", async () => {
  const { store, batches, reports, replica } = setUp();
  store.commit([[A, record("x"), { n: 1 }]]);
  replica.add([A]);
  await settled();
  store.commit([[A, record("x"), { n: 1 }]]);
  store.deliverAll();
  await settled();
  assert.equal(replica.version(A, record("x")), "2", "though no batch told of it");
  store.restore(() => true);
  await settled();
  assert.equal(batches.flatMap((batch) => batch.changes).length, 1);
  assert.deepEqual(
    reports.map((report) => report.type),
    ["lineage"],
  );
  assert.equal(replica.state(A), "current");
});

test("a store that comes back mostly empty removes nothing until someone confirms", async () => {
  const { store, batches, reports, replica } = setUp();
  store.commit(["a", "b", "c", "d"].map((name) => [A, record(name), { name }]));
  store.commit([[B, record("x"), {}]]);
  replica.add([A, B]);
  await settled();
  store.restore((topic, id) => topic === B || id === record("a"));
  await settled();
  assert.deepEqual(ids(replica), ["a", "b", "c", "d"]);
  assert.equal(replica.state(A), "stale");
  assert.equal(replica.state(B), "current");
  assert.deepEqual(
    reports.find((report) => report.type === "shrink"),
    { type: "shrink", topic: A, held: 4, missing: 3, lineageChanged: true },
  );
  // What is written now counts, and takes a row out of doubt: put again, or really deleted.
  store.commit([
    [A, record("b"), { again: true }],
    [A, record("c"), undefined],
    [A, record("e"), {}],
  ]);
  store.deliverAll();
  await settled();
  assert.deepEqual(ids(replica), ["a", "b", "d", "e"]);
  // Another snapshot of the same lineage does not decide it.
  store.snapshot(A);
  store.current();
  await settled();
  assert.deepEqual(ids(replica), ["a", "b", "d", "e"]);
  assert.equal(replica.state(A), "stale");
  replica.confirmShrink();
  assert.deepEqual(ids(replica), ["a", "b", "e"]);
  assert.deepEqual(batches.at(-1)?.topics, [{ topic: A, state: "current" }]);
  assert.equal(replica.counters.shrinks, 1);
});

test("within a lineage a snapshot may remove whatever it lacks; a rule of one's own decides otherwise", async () => {
  const { store, replica } = setUp();
  store.commit([
    [A, record("a"), {}],
    [A, record("b"), {}],
  ]);
  replica.add([A]);
  await settled();
  store.commit([
    [A, record("a"), undefined],
    [A, record("b"), undefined],
  ]);
  store.snapshot(A);
  store.current();
  await settled();
  assert.deepEqual(ids(replica), []);

  const strict = setUp({ mayShrink: () => false });
  strict.store.commit([[A, record("a"), {}]]);
  strict.replica.add([A]);
  await settled();
  strict.store.restore(() => false);
  await settled();
  assert.deepEqual(ids(strict.replica), ["a"]);
});

test("records that cannot be decoded are counted, reported, absent, and stop nothing", async () => {
  const { store, batches, reports, replica } = setUp();
  store.commit([
    [A, record("bad"), "not JSON"],
    [A, record("list"), "[1]"],
    [A, record("good"), { n: 1 }],
  ]);
  replica.add([A]);
  await settled();
  assert.deepEqual(ids(replica), ["good"]);
  store.commit([
    [A, record("good"), "{"],
    [A, record("bad"), { n: 2 }],
  ]);
  store.deliverAll();
  await settled();
  assert.deepEqual(named(batches.at(-1)), ["network/t1 good gone", "network/t1 bad there"]);
  assert.equal(replica.counters.undecodable, 3);
  assert.ok(reports.every((report) => report.type === "undecodable"));
});

test("a dropped topic lingers: wanted again it is still there, else its rows go", async () => {
  const { store, clock, batches, replica } = setUp();
  store.commit([[A, record("x"), {}]]);
  replica.add([A]);
  await settled();
  replica.drop(A);
  replica.drop(A);
  clock.advance(29_999);
  replica.add([A]);
  clock.advance(60_000);
  assert.equal(store.joins.length, 1);
  replica.drop(A);
  store.commit([[A, record("y"), {}]]);
  store.deliverAll();
  await settled();
  assert.deepEqual(ids(replica), ["x", "y"], "followed while it lingers");
  clock.advance(30_000);
  assert.deepEqual(named(batches.at(-1)), ["network/t1 x gone", "network/t1 y gone"]);
  assert.deepEqual(batches.at(-1)?.topics, [{ topic: A, state: "pending" }]);
  assert.deepEqual(replica.topics(), []);
  replica.add([A]);
  await settled();
  assert.deepEqual(ids(replica), ["x", "y"]);
});

test("a barrier opens when its position is applied, and not before", async () => {
  const { store, replica } = setUp();
  replica.add([A]);
  await settled();
  store.commit([[A, record("x"), {}]]);
  const { position, lineage } = store.head(A);
  let open = false;
  const waiting = replica.waitFor(A, position, { lineage }).then(() => {
    open = true;
  });
  await settled();
  assert.equal(open, false);
  store.deliver(A);
  await waiting;
  assert.equal(comparePositions(replica.head(A)!.position, position), 0);
  await replica.waitFor(A, position);
  const reason = new Error("no patience");
  await assert.rejects(
    replica.waitFor(A, position, { lineage: "other" as typeof lineage, signal: AbortSignal.abort(reason) }),
    reason,
  );
  const cut = replica.waitFor(A, position, { lineage: "other" as typeof lineage });
  await replica.close();
  await assert.rejects(cut, Unavailable);
  await assert.rejects(replica.waitFor(A, position), Unavailable);
  await replica.done;
});

test("a callback may change the replica: what follows from that comes after", async () => {
  const order: string[] = [];
  const { store, replica } = setUp({
    mayShrink: () => false,
    onBatch(batch) {
      order.push(`begin ${batch.changes.length}`);
      if (replica.counters.shrinks > 0 && ids(replica).length > 0) replica.confirmShrink();
      if (order.length === 1) replica.add([B]);
      order.push("end");
    },
  });
  store.commit([[A, record("x"), {}]]);
  replica.add([A]);
  await settled();
  assert.equal(replica.state(B), "current");
  store.restore(() => false);
  await settled();
  // Loaded A, B; both stale while they load again; current again, A's row in doubt; and only then what was confirmed.
  assert.deepEqual(order, ["begin 1", "end", "begin 0", "end", "begin 0", "end", "begin 0", "end", "begin 1", "end"]);
});

test("a callback that throws ends the replica, and says so", async () => {
  const failure = new Error("in the callback");
  const { store, replica } = setUp({
    onBatch() {
      throw failure;
    },
  });
  store.commit([[A, record("x"), {}]]);
  replica.add([A]);
  await assert.rejects(replica.done, failure);
});
