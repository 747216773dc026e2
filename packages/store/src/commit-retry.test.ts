import assert from "node:assert/strict";
import { test } from "node:test";
import { networkTopic } from "@dragonflow/model";
import { backOff, commitWithRetry } from "./commit-retry.ts";
import { ManualClock } from "./conformance/manual-clock.ts";
import { type CommitId, type Committed, lineage } from "./contract.ts";
import { OutcomeUnknown, TooLarge, Unavailable } from "./errors.ts";
import { settled } from "./testing/scripted-watch.ts";

const done: Committed = {
  ok: true,
  lineage: lineage("l"),
  positions: new Map([[networkTopic("n"), "1" as never]]),
  replayed: false,
};

function failing(...failures: readonly Error[]) {
  const ids: CommitId[] = [];
  const left = [...failures];
  return {
    ids,
    async commit(id: CommitId): Promise<Committed> {
      ids.push(id);
      const failure = left.shift();
      if (failure !== undefined) throw failure;
      return done;
    },
  };
}
/** Lets time pass until the promise is settled. */
async function passing<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  promise.then(end, end);
  while (!over) {
    await settled();
    clock.advance(10);
  }
  return promise;
}

test("retries with the same id while the store is away or the outcome unknown", async () => {
  const clock = new ManualClock();
  const driver = failing(new Unavailable("a"), new OutcomeUnknown("b"), new Unavailable("c"));
  assert.equal(await passing(clock, commitWithRetry(driver, [], [], { clock })), done);
  assert.equal(driver.ids.length, 4);
  assert.equal(new Set(driver.ids).size, 1);
  assert.equal(clock.pending, 0);
});

test("what retrying cannot help is thrown at once", async () => {
  const driver = failing(new TooLarge("x", 1, 2));
  await assert.rejects(commitWithRetry(driver, [], []), TooLarge);
  assert.equal(driver.ids.length, 1);
});

test("after the deadline: unknown if any attempt may have happened, else unavailable", async () => {
  const clock = new ManualClock();
  const away = Array.from({ length: 1000 }, () => new Unavailable("away"));
  await assert.rejects(
    passing(clock, commitWithRetry(failing(...away), [], [], { clock, deadlineSeconds: 5 })),
    Unavailable,
  );
  const unsure = failing(new OutcomeUnknown("cut"), ...away);
  await assert.rejects(passing(clock, commitWithRetry(unsure, [], [], { clock, deadlineSeconds: 5 })), OutcomeUnknown);
  const start = clock.now();
  await assert.rejects(
    passing(clock, commitWithRetry(failing(...away), [], [], { clock, deadlineSeconds: 1e9 })),
    Unavailable,
  );
  assert.ok(clock.now() - start < 600_000, "a store forgets ids after ten minutes");
});

test("who gives up while waiting gets its own reason", async () => {
  const clock = new ManualClock();
  const giveUp = new AbortController();
  const reason = new Error("given up");
  const commit = commitWithRetry(failing(new Unavailable("away")), [], [], { clock, signal: giveUp.signal });
  await settled();
  giveUp.abort(reason);
  await assert.rejects(commit, reason);
  assert.equal(clock.pending, 0);
});

test("pauses grow, and are never the same for all", () => {
  assert.equal(
    backOff(0, 20, 2000, () => 1),
    20,
  );
  assert.equal(
    backOff(3, 20, 2000, () => 1),
    160,
  );
  assert.equal(
    backOff(3, 20, 2000, () => 0),
    80,
  );
  assert.equal(
    backOff(50, 20, 2000, () => 1),
    2000,
  );
});
