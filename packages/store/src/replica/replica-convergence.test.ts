import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../conformance/manual-clock.ts";
import { comparePositions, ORIGIN } from "../contract.ts";
import { record, ScriptedStore, settled, topicNumber } from "../testing/scripted-watch.ts";
import { Replica } from "./replica.ts";

const TOPICS = [topicNumber(0), topicNumber(1), topicNumber(2)];
const topicArbitrary = fc.integer({ min: 0, max: TOPICS.length - 1 });

const commitStep = fc.record({
  type: fc.constant("commit" as const),
  changes: fc.uniqueArray(
    fc.record({ topic: topicArbitrary, id: fc.integer({ min: 0, max: 3 }), gone: fc.boolean() }),
    {
      minLength: 1,
      maxLength: 5,
      selector: ({ topic, id }) => `${topic} ${id}`,
    },
  ),
});
const deliverStep = fc.record({ type: fc.constant("deliver" as const), topic: topicArbitrary });
const faultStep = fc.oneof(
  fc.record({ type: fc.constantFrom("lose" as const, "repeat" as const, "swap" as const), topic: topicArbitrary }),
  fc.record({ type: fc.constant("tick" as const), milliseconds: fc.integer({ min: 1, max: 150 }) }),
  fc.record({ type: fc.constantFrom("stale" as const, "current" as const, "answer" as const) }),
  fc.record({ type: fc.constant("restore" as const), keep: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ type: fc.constant("readd" as const), topic: topicArbitrary }),
);
const step = fc.oneof(
  { weight: 4, arbitrary: commitStep },
  { weight: 6, arbitrary: deliverStep },
  { weight: 3, arbitrary: faultStep },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function setUp() {
  const store = new ScriptedStore();
  const clock = new ManualClock();
  const mirror = new Map<string, unknown>();
  const replica = new Replica({
    watch: store.watch,
    clock,
    onBatch({ changes }) {
      for (const { topic, kind, id, row } of changes) {
        const key = `${topic} ${kind}/${id}`;
        if (row === undefined) mirror.delete(key);
        else mirror.set(key, row);
      }
    },
  });
  return { store, clock, mirror, replica };
}

let written = 0;
function take(step: Step, store: ScriptedStore, clock: ManualClock, replica: Replica): void {
  switch (step.type) {
    case "commit":
      written++;
      store.commit(
        step.changes.map(({ topic, id, gone }) => [TOPICS[topic]!, record(id), gone ? undefined : { written }]),
      );
      break;
    case "deliver":
      store.deliver(TOPICS[step.topic]!);
      break;
    case "lose":
      store.waiting(TOPICS[step.topic]!).shift();
      break;
    case "repeat":
      store.repeat(TOPICS[step.topic]!);
      break;
    case "swap": {
      const waiting = store.waiting(TOPICS[step.topic]!);
      const [first, second] = waiting;
      if (first !== undefined && second !== undefined) waiting.splice(0, 2, second, first);
      break;
    }
    case "tick":
      clock.advance(step.milliseconds);
      break;
    case "stale":
      store.stale();
      break;
    case "current":
      store.current();
      break;
    case "answer":
      store.answersAtOnce = !store.answersAtOnce;
      store.answer();
      break;
    case "restore":
      store.restore((_, id) => Number(id.slice("port/".length)) < step.keep);
      break;
    case "readd":
      replica.drop(TOPICS[step.topic]!);
      clock.advance(30_000);
      replica.add([TOPICS[step.topic]!]);
      break;
    default:
      step satisfies never;
  }
}

test("whatever is lost, repeated, swapped, torn, cut or restored: the replica ends as the store is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { store, clock, mirror, replica } = setUp();
      replica.add(TOPICS);
      for (const each of steps) {
        take(each, store, clock, replica);
        await settled();
      }
      // All is well again; one more commit shows what was lost last.
      store.answersAtOnce = true;
      store.answer();
      store.current();
      await settled();
      store.commit(TOPICS.map((topic) => [topic, record("last"), {}]));
      store.current();
      await settled();
      await settled();
      clock.advance(200);
      replica.confirmShrink();
      const expected = new Map<string, unknown>();
      for (const topic of TOPICS)
        for (const { id, value } of store.rows(topic).values())
          expected.set(`${topic} ${id}`, JSON.parse(Buffer.from(value).toString()));
      const held = TOPICS.flatMap((topic) =>
        [...replica.rows(topic)].map((row) => [`${topic} ${row.kind}/${row.id}`, row.row] as const),
      );
      assert.deepEqual(new Map(held), expected);
      assert.deepEqual(mirror, expected, "the changes add up to the rows");
      for (const topic of TOPICS) {
        assert.deepEqual(replica.head(topic), store.head(topic));
        assert.equal(replica.state(topic), "current");
      }
      await replica.close();
    }),
    { numRuns: 400 },
  );
});

test("topics that only arrive apart: every batch is a state of the store, and nothing is torn", async () => {
  const calm = fc.array(fc.oneof({ weight: 1, arbitrary: commitStep }, { weight: 2, arbitrary: deliverStep }), {
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(calm, async (steps) => {
      const { store, clock, replica } = setUp();
      replica.add(TOPICS);
      await settled();
      for (const each of steps) {
        take(each, store, clock, replica);
        await settled();
        for (const shares of store.commits) {
          const applied = shares.map(
            ({ topic, position }) => comparePositions(replica.head(topic)?.position ?? ORIGIN, position) >= 0,
          );
          assert.equal(new Set(applied).size, 1, "a commit is applied in all its topics, or in none");
        }
      }
      store.deliverAll();
      await settled();
      for (const topic of TOPICS) assert.deepEqual(replica.head(topic), store.head(topic));
      assert.equal(replica.counters.torn, 0);
      assert.equal(replica.counters.gaps, 0);
      assert.equal(clock.pending, 0);
      await replica.close();
    }),
    { numRuns: 300 },
  );
});
