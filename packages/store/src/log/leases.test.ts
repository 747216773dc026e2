import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../conformance/manual-clock.ts";
import { type Lease, LEASE_TOPIC, leaseRecordId, type StoreDriver } from "../contract.ts";
import { openLogStore } from "./index.ts";
import { type Request, type SimulatedClient, SimulatedDatabase } from "./testing/simulated-cells.ts";

const LEASE = { ttlSeconds: 10 };
const STEP_MILLISECONDS = 250;
const TURNS = 20;

/** Processes that share a database, and time that passes when the test says so. */
class Cluster {
  readonly database = new SimulatedDatabase();
  readonly clock = new ManualClock();
  readonly #opened: StoreDriver[] = [];

  async open(cells: SimulatedClient = this.database.connect()): Promise<StoreDriver> {
    const driver = await openLogStore(cells, { clock: this.clock, compareSeconds: 5 });
    this.#opened.push(driver);
    return driver;
  }
  /** Lets time pass until it is so. */
  async until(what: string, isSo: () => boolean, mostSeconds = 60): Promise<void> {
    for (let passed = 0; !isSo(); passed += STEP_MILLISECONDS) {
      assert.ok(passed < mostSeconds * 1000, `waited in vain: ${what}`);
      await this.pass(STEP_MILLISECONDS / 1000);
    }
  }
  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds * 1000; passed += STEP_MILLISECONDS) {
      this.clock.advance(STEP_MILLISECONDS);
      for (let i = 0; i < TURNS; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  async close(): Promise<void> {
    for (const driver of this.#opened) await driver.close();
  }
}

test("a holder that is cut off knows that it lost the lease before another is granted it", async () => {
  const cluster = new Cluster();
  const cells = cluster.database.connect();
  const [first, second] = [await cluster.open(cells), await cluster.open()];
  for (let round = 0; round < 5; round++) {
    const held = await first.lease("l", LEASE);
    await cluster.pass(round);
    cells.cut();
    let wasLost: boolean | undefined;
    const waiting = second.lease("l", LEASE).then((lease) => {
      wasLost = held.lost.aborted;
      return lease;
    });
    await cluster.until("the next holder", () => wasLost !== undefined);
    assert.equal(wasLost, true);
    cells.mend();
    await (await waiting)[Symbol.asyncDispose]();
  }
  await cluster.close();
});

test("a holder that lives keeps its lease for many times its time to live, and its fence", async () => {
  const cluster = new Cluster();
  const [first, second] = [await cluster.open(), await cluster.open()];
  const held = await first.lease("l", LEASE);
  let granted: Lease | undefined;
  const waiting = second.lease("l", LEASE).then((lease) => (granted = lease));
  await cluster.pass(LEASE.ttlSeconds * 5);
  assert.deepEqual([held.lost.aborted, granted], [false, undefined]);
  assert.equal((await second.get(LEASE_TOPIC, leaseRecordId("l")))?.version, held.fence);
  await held[Symbol.asyncDispose]();
  const next = await waiting;
  assert.notEqual(next.fence, held.fence);
  await next[Symbol.asyncDispose]();
  await cluster.close();
});

test("a beat that comes after the lease was ended finds that it is over", async () => {
  const cluster = new Cluster();
  let isHolding = false;
  // Its beats are sent, and arrive when the lease has long been another's.
  const late = ({ call, key }: Request) => (isHolding && call === "write" && key.startsWith("beat/") ? "late" : "none");
  const first = await cluster.open(cluster.database.connect(late, () => (isHolding ? 300 : 0)));
  const second = await cluster.open();
  const held = await first.lease("l", LEASE);
  isHolding = true;
  let next: Lease | undefined;
  const waiting = second.lease("l", LEASE).then((lease) => (next = lease));
  await cluster.until("the next holder", () => next !== undefined);
  assert.equal(held.lost.aborted, true);
  await cluster.pass(LEASE.ttlSeconds * 2);
  assert.equal(next?.lost.aborted, false);
  assert.equal((await second.get(LEASE_TOPIC, leaseRecordId("l")))?.version, next?.fence);
  isHolding = false;
  await (await waiting)[Symbol.asyncDispose]();
  await cluster.close();
});
