/**
 * A writer is hit by every fault at every one of its requests, one at a time: nothing that was acknowledged is lost, nothing is done twice, and whoever
 * comes after finds a store that goes on.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { networkTopic } from "@dragonflow/model";
import { commitWithRetry } from "../commit-retry.ts";
import { contents, port, put, remove, text, within } from "../conformance/harness.ts";
import { type Change, type CommitId, type Expect, newCommitId, type StoreDriver } from "../contract.ts";
import { type LogStoreOptions, openLogStore } from "./index.ts";
import { Chronicle, PATIENT, quickClock, readAgain } from "./testing/chronicle.ts";
import { type Fault, SimulatedDatabase } from "./testing/simulated-cells.ts";

const A = networkTopic("a");
const B = networkTopic("b");
const COMMITS = 7;
const FAULTS: readonly Fault[] = [
  "refused",
  "lost",
  "unanswered",
  "repeated",
  "late",
  "just-before",
  "dies-before",
  "dies-after",
];
/** Runs mostly wait. */
const AT_ONCE = 16;
/** So that a short story goes through all that a long one does. */
const OPTIONS: LogStoreOptions = {
  clock: quickClock,
  checkpoint: { commits: 3, graceSeconds: 2 },
  tail: { commits: 4 },
  compareSeconds: 5,
  patienceSeconds: PATIENT.patienceSeconds,
};

interface Step {
  readonly id: CommitId;
  readonly changes: readonly Change[];
  readonly expect: readonly Expect[];
}
/** Each adds to A what must not be there yet, and moves the one record of B on: done twice, or out of order, it fails. */
function story(): readonly Step[] {
  return Array.from({ length: COMMITS }, (_, i) => ({
    id: newCommitId(),
    changes: [
      put(A, port(i), `a${i}`),
      put(B, port(i), `b${i}`),
      remove(B, port(i - 1)),
      put(A, port("last"), String(i)),
    ],
    expect: [
      { kind: "absent", topic: A, id: port(i) },
      i === 0 ? { kind: "absent", topic: B, id: port(0) } : { kind: "present", topic: B, id: port(i - 1) },
    ],
  }));
}

async function tell(driver: StoreDriver, steps: readonly Step[], done: (step: Step) => void): Promise<void> {
  for (const step of steps) {
    const { id, changes, expect } = step;
    const result = await commitWithRetry(driver, changes, expect, { ...PATIENT, id, clock: quickClock });
    assert.ok(result.ok, `step ${steps.indexOf(step)} was refused: ${JSON.stringify(result)}`);
    done(step);
  }
}

/** @returns how many requests the writer made. */
async function play(fault: Fault, at: number): Promise<number> {
  const database = new SimulatedDatabase();
  const witness = await openLogStore(database.connect(), OPTIONS);
  const chronicle = new Chronicle(witness, [A, B]);
  let requests = 0;
  const died = Promise.withResolvers<void>();
  const strike = (): Fault => (requests++ === at ? fault : "none");
  const writerCells = database.connect(strike, () => 0, died.resolve);
  const steps = story();
  const acknowledged = new Set<Step>();
  const whole = (async () => {
    const writer = await openLogStore(writerCells, OPTIONS);
    await tell(writer, steps, (step) => acknowledged.add(step));
    await writer.close();
  })();
  await within(`${fault} at ${at}`, Promise.race([whole, died.promise]));

  // Another goes on where the writer was, not knowing what became of its last commit.
  const heir = await openLogStore(database.connect(), OPTIONS);
  for (const step of acknowledged) {
    const again = await heir.commit(step.id, step.changes, step.expect);
    assert.ok(again.ok && again.replayed, `${fault} at ${at}: what was acknowledged is known`);
  }
  const left = steps.filter((step) => !acknowledged.has(step));
  await within(
    `${fault} at ${at}: the heir`,
    tell(heir, left, () => undefined),
  );

  const expected = new Map(Array.from({ length: COMMITS }, (_, i) => [`port/${i}`, `a${i}`]));
  expected.set("port/last", String(COMMITS - 1));
  const fresh = await openLogStore(database.connect(), OPTIONS);
  for (const driver of [heir, fresh, witness]) {
    assert.deepEqual(await readAgain(() => contents(driver, A)), expected, `${fault} at ${at}`);
    assert.deepEqual(await readAgain(() => contents(driver, B)), new Map([[`port/${COMMITS - 1}`, `b${COMMITS - 1}`]]));
    assert.equal(text((await driver.get(A, port("last")))?.value ?? new Uint8Array()), String(COMMITS - 1));
  }
  for (const topic of [A, B]) {
    await within("the witness", chronicle.untilAt(topic, await fresh.head(topic)));
    assert.deepEqual(new Map(chronicle.rows(topic)), await readAgain(() => contents(fresh, topic)));
  }
  await chronicle.close();
  for (const driver of [heir, fresh, witness]) await driver.close();
  return requests;
}

test("every fault at every request of a writer", async (t) => {
  const requests = await play("none", -1);
  assert.ok(requests > 35, "the story is long enough to bring the log to its topics");
  const left = FAULTS.flatMap((fault) => Array.from({ length: requests }, (_, at) => ({ fault, at })));
  const runs = left.length;
  const player = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await play(next.fault, next.at);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, player));
  t.diagnostic(`${FAULTS.length} faults at ${requests} requests: ${runs} runs`);
});
