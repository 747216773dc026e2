/** What two processes do at the same time, request by request; each of these once hid behind luck. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { networkTopic } from "@dragonflow/model";
import { contents, Observer, port, put, text, within, write } from "../conformance/harness.ts";
import { ManualClock } from "../conformance/manual-clock.ts";
import { LEASE_TOPIC, leaseRecordId, type StoreDriver } from "../contract.ts";
import { type LogStoreOptions, openLogStore } from "./index.ts";
import { HEAD, LOG_PREFIX, pagePrefix, topicKey } from "./keys.ts";
import { type Request, type SimulatedClient, SimulatedDatabase } from "./testing/simulated-cells.ts";

const [A, B] = [networkTopic("a"), networkTopic("b")];
const settled = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Holds the first request for a key that begins so, until it is let go. */
function holdFirst(cells: SimulatedClient, call: Request["call"], key: string, when: "before" | "after") {
  const reached = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  cells.gate = (request, at) => {
    if (request.call !== call || !request.key.startsWith(key) || at !== when) return undefined;
    cells.gate = () => undefined;
    reached.resolve();
    return open.promise;
  };
  return { reached: within(`${call} ${key}`, reached.promise), letGo: open.resolve };
}

async function two(options: LogStoreOptions = {}) {
  const database = new SimulatedDatabase();
  const cells = [database.connect(), database.connect()] as const;
  const [first, second] = [await openLogStore(cells[0], options), await openLogStore(cells[1], options)];
  const close = async (): Promise<void> => {
    for (const driver of [first, second]) await driver.close();
  };
  return { database, cells, first, second, close };
}
async function fill(driver: StoreDriver, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await write(driver, [put(A, port(i), String(i))]);
}

test("a topic that was brought on meanwhile is not taken back", async () => {
  const { cells, database, first, second, close } = await two({ checkpoint: { commits: 4 }, tail: { commits: 1 } });
  const held = holdFirst(cells[0], "write", pagePrefix(A), "before");
  await fill(first, 0, 4);
  await held.reached;
  await fill(second, 4, 12);
  await settled();
  held.letGo();
  await settled();
  await fill(second, 12, 20);
  await settled();
  const fresh = await openLogStore(database.connect(), { tail: { commits: 1 } });
  assert.equal((await contents(fresh, A)).size, 20);
  await fresh.close();
  await close();
});

test("a read that was asked for later is not answered with what was read earlier", async () => {
  const { cells, first, second, close } = await two();
  const held = holdFirst(cells[0], "read", HEAD, "after");
  const early = first.get(A, port(1));
  await held.reached;
  await write(second, [put(A, port(1), "new")]);
  const late = first.get(A, port(1));
  await settled();
  held.letGo();
  await early;
  assert.equal(text((await within("the later read", late))?.value ?? new Uint8Array()), "new");
  await close();
});

test("a topic that is read while its commits leave the memory is read again", async () => {
  const { cells, first, second, close } = await two({ checkpoint: { commits: 4 }, tail: { commits: 1 } });
  await fill(second, 0, 4);
  await settled();
  await first.head(B);
  const held = holdFirst(cells[0], "read", topicKey(A), "after");
  // Nothing of it is in the memory of the first one, so it asks for the cell.
  const read = first.get(A, port(2));
  await held.reached;
  for (let i = 0; i < 8; i++) await write(second, [put(A, port(2), `later ${i}`)]);
  for (let i = 0; i < 8; i++) await write(second, [put(B, port(2), "x")]);
  await settled();
  await first.head(B);
  held.letGo();
  assert.equal(text((await within("the read", read))?.value ?? new Uint8Array()), "later 7");
  await close();
});

test("a beat that comes before the end of its lease is written saves it", async () => {
  const clock = new ManualClock();
  const { cells, first, second, close } = await two({ clock });
  const lease = await first.lease("l", { ttlSeconds: 10 });
  await settled();
  // The holder falls silent for just not long enough.
  const beat = holdFirst(cells[0], "write", "beat/l", "before");
  const end = holdFirst(cells[1], "write", "beat/l", "before");
  await second.head(LEASE_TOPIC);
  for (let i = 0; i < 60 && !lease.lost.aborted; i++) {
    clock.advance(250);
    await settled();
  }
  await Promise.all([beat.reached, end.reached]);
  beat.letGo();
  await settled();
  end.letGo();
  await settled();
  // It is too late for the holder; but who ends it must see that somebody lived, and wait again.
  assert.equal((await second.get(LEASE_TOPIC, leaseRecordId("l")))?.version, lease.fence);
  await close();
});

test("what nobody needs goes; who slept through it gets all of it anew", async () => {
  const clock = new ManualClock();
  const { cells, database, first, second, close } = await two({
    clock,
    checkpoint: { commits: 8 },
    tail: { commits: 8 },
  });
  const observer = new Observer(first.watch());
  observer.watch.add([{ topic: A }]);
  await observer.untilCurrent(A);
  cells[0].cut();
  for (let minute = 0; minute < 60; minute++) {
    await fill(second, minute * 10, minute * 10 + 10);
    clock.advance(60_000);
    await settled();
  }
  const log = database.keys(LOG_PREFIX, "", 10_000).length;
  assert.ok(log < 200, `${log} cells of the log after 600 commits, of which 100 are young`);
  const pages = database.keys(pagePrefix(A), "", 10_000).length;
  assert.ok(pages < 60, `${pages} pages of a topic that needs 2`);
  cells[0].mend();
  const { position } = await second.head(A);
  clock.advance(60_000);
  await observer.untilAt(A, position);
  assert.equal(observer.seen(A).rows.size, 600);
  assert.equal(observer.count("snapshot"), 2);
  await observer.close();
  await close();
});

test("a database that says that it may have lost writes, and one that was emptied, begin a new lineage", async () => {
  const reasons: string[] = [];
  const { database, first, second, close } = await two({ onNewLineage: (reason) => reasons.push(reason) });
  const before = await write(first, [put(A, port(1), "x")]);
  database.traits = { ...database.traits, history: "another" };
  const after = await second.head(A);
  assert.notEqual(after.lineage, before.lineage);
  assert.equal((await first.head(A)).lineage, after.lineage);
  database.cells.clear();
  const emptied = await first.head(A);
  assert.notEqual(emptied.lineage, after.lineage);
  assert.equal((await second.head(A)).lineage, emptied.lineage);
  assert.equal(await second.get(A, port(1)), undefined);
  assert.match(reasons.join(), /may have lost writes.*it is empty/);
  await close();
});
