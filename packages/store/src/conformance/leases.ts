import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFields } from "@dragonflow/model";
import { type Expect, LEASE_TOPIC, type Lease, leaseRecordId, newCommitId } from "../contract.ts";
import { InvalidRequest, Unsupported } from "../errors.ts";
import { type Bench, type Observer, observe, port, put, within, write } from "./harness.ts";

let leaseCount = 0;
const freshName = (): string => `conformance/${process.pid}-${++leaseCount}`;

export function leaseTests(bench: Bench): void {
  const driver = () => bench.harness().driver;
  const has = (observer: Observer, name: string) => observer.seen(LEASE_TOPIC).rows.has(leaseRecordId(name));

  test("leases: declared, or refused by name", async () => {
    const asked = driver().lease(freshName(), { ttlSeconds: 5 });
    if (driver().capabilities.lease) await (await asked)[Symbol.asyncDispose]();
    else await assert.rejects(asked, Unsupported);
  });

  /** Without leases there is one thing to test, and the test above does. */
  const leaseTest = (name: string, body: () => Promise<void>): void => {
    test(name, async (t) => {
      if (driver().capabilities.lease) await body();
      else t.diagnostic("this store declares that it has no leases");
    });
  };

  leaseTest("a held lease is a record, from when it is granted until it is released", async () => {
    const name = freshName();
    const observer = await observe(driver(), LEASE_TOPIC);
    const lease = await driver().lease(name, { ttlSeconds: 7 });
    await observer.until("the record", () => has(observer, name));
    const row = (await driver().get(LEASE_TOPIC, leaseRecordId(name)))!;
    assert.equal(row.version, lease.fence);
    const { id, ttlSeconds } = decodeFields(row.value);
    assert.deepEqual({ id, ttlSeconds }, { id: name, ttlSeconds: 7 });
    await lease[Symbol.asyncDispose]();
    await observer.until("the record gone", () => !has(observer, name));
    assert.equal(lease.lost.aborted, false);
    await lease[Symbol.asyncDispose]();
    await observer.close();
  });

  leaseTest("one holder at a time, in order of asking, each with another fence", async () => {
    const name = freshName();
    const other = await bench.harness().another();
    const first = await driver().lease(name, { ttlSeconds: 30 });
    const order: number[] = [];
    const ask = async (client: typeof other, number: number): Promise<Lease> => {
      const lease = await client.lease(name, { ttlSeconds: 30 });
      order.push(number);
      return lease;
    };
    const second = ask(other, 2);
    // Asked after the first question arrived: the store answers one client's calls in order.
    await other.head(LEASE_TOPIC);
    const third = ask(other, 3);
    await other.head(LEASE_TOPIC);
    assert.deepEqual(order, []);
    await first[Symbol.asyncDispose]();
    const two = await within("the second holder", second);
    assert.deepEqual(order, [2]);
    await two[Symbol.asyncDispose]();
    const three = await within("the third holder", third);
    assert.equal(new Set([first.fence, two.fence, three.fence]).size, 3);
    await three[Symbol.asyncDispose]();
  });

  leaseTest("who gives up waiting is not granted", async () => {
    const name = freshName();
    const first = await driver().lease(name, { ttlSeconds: 30 });
    const giveUp = new AbortController();
    const reason = new Error("given up");
    const waiting = driver().lease(name, { ttlSeconds: 30, signal: giveUp.signal });
    await driver().head(LEASE_TOPIC);
    giveUp.abort(reason);
    await assert.rejects(waiting, reason);
    const next = driver().lease(name, { ttlSeconds: 30 });
    await first[Symbol.asyncDispose]();
    const lease = await within("the next holder", next);
    await lease[Symbol.asyncDispose]();
    await assert.rejects(driver().lease(name, { ttlSeconds: 30, signal: AbortSignal.abort(reason) }), reason);
  });

  leaseTest("the same holder takes its own lease over, with the same fence", async () => {
    const name = freshName();
    const before = await driver().lease(name, { ttlSeconds: 30, holder: "me" });
    const again = await within("taking over", driver().lease(name, { ttlSeconds: 30, holder: "me" }));
    assert.equal(again.fence, before.fence);
    await before[Symbol.asyncDispose]();
    if ((await driver().get(LEASE_TOPIC, leaseRecordId(name))) !== undefined) await again[Symbol.asyncDispose]();
    assert.equal(await driver().get(LEASE_TOPIC, leaseRecordId(name)), undefined);
  });

  leaseTest("a commit that expects the fence is refused once the lease has passed on", async () => {
    const name = freshName();
    const [a] = bench.topics(1);
    const first = await driver().lease(name, { ttlSeconds: 30 });
    const fenced: Expect = { kind: "version", topic: LEASE_TOPIC, id: leaseRecordId(name), version: first.fence };
    await write(driver(), [put(a!, port(1), "mine")], [fenced]);
    await first[Symbol.asyncDispose]();
    const second = await driver().lease(name, { ttlSeconds: 30 });
    assert.equal((await driver().commit(newCommitId(), [put(a!, port(1), "late")], [fenced])).ok, false);
    await second[Symbol.asyncDispose]();
  });

  leaseTest("a holder that vanishes loses it after its time to live, and the next in line gets it", async () => {
    const name = freshName();
    const lease = await driver().lease(name, { ttlSeconds: 1 });
    await bench.harness().vanish();
    assert.equal(lease.lost.aborted, true);
    const observer = await observe(driver(), LEASE_TOPIC);
    assert.ok(has(observer, name), "not before its time");
    const next = await within("the next holder", driver().lease(name, { ttlSeconds: 1 }));
    assert.notEqual(next.fence, lease.fence);
    await next[Symbol.asyncDispose]();
    await observer.until("the record gone", () => !has(observer, name));
    await observer.close();
  });

  leaseTest("a lease that nobody waits for disappears when it runs out", async () => {
    const name = freshName();
    await driver().lease(name, { ttlSeconds: 1 });
    await bench.harness().vanish();
    const observer = await observe(driver(), LEASE_TOPIC);
    await observer.until("the record gone", () => !has(observer, name));
    await observer.close();
  });

  leaseTest("a holder that comes back in time, by its name, keeps its fence", async () => {
    const name = freshName();
    const lease = await driver().lease(name, { ttlSeconds: 20, holder: "me" });
    await bench.harness().vanish();
    const again = await within("taking up", driver().lease(name, { ttlSeconds: 20, holder: "me" }));
    assert.equal(again.fence, lease.fence);
    await again[Symbol.asyncDispose]();
  });

  leaseTest("a name that is none is refused", async () => {
    for (const name of ["", "x".repeat(201), "a\0b"])
      await assert.rejects(driver().lease(name, { ttlSeconds: 5 }), InvalidRequest);
  });

  leaseTest("a time to live that is no such is refused", async () => {
    for (const ttlSeconds of [0, -1, 1.5, 3601, Number.NaN])
      await assert.rejects(driver().lease(freshName(), { ttlSeconds }), InvalidRequest);
  });
}
