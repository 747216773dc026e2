import assert from "node:assert/strict";
import { test } from "node:test";
import { type Lease, type LeaseRequest, type StoreDriver, Unavailable, version } from "@dragonflow/store";
import { KeptLog } from "../testing/log.ts";
import { until } from "../testing/until.ts";
import { ChassisLease } from "./chassis-lease.ts";

/** A store that gives and takes leases as a test says. */
class Leases implements Pick<StoreDriver, "lease"> {
  readonly requests: (LeaseRequest & { readonly name: string })[] = [];
  refuses = false;
  #lost = new AbortController();

  lease(name: string, request: LeaseRequest): Promise<Lease> {
    this.requests.push({ name, ...request });
    if (this.refuses) return Promise.reject(new Unavailable("no store"));
    this.#lost = new AbortController();
    const release = (): Promise<void> => Promise.resolve();
    return Promise.resolve({ name, lost: this.#lost.signal, fence: version("1"), [Symbol.asyncDispose]: release });
  }
  lose(): void {
    this.#lost.abort(new Error("lost"));
  }
}

test("a lost lease is asked for again, and its absence told once", async () => {
  const [leases, log] = [new Leases(), new KeptLog()];
  const lease = new ChassisLease(leases, "host1", log);
  await until("it is held", () => lease.isHeld);
  const { name, ttlSeconds, holder } = leases.requests[0] ?? {};
  assert.deepEqual([name, ttlSeconds, holder], ["chassis/host1", 15, "host1"]);
  leases.refuses = true;
  leases.lose();
  await until("it was asked for some times", () => leases.requests.length >= 4);
  assert.ok(!lease.isHeld);
  assert.equal(log.with(/was lost/).length, 1);
  assert.equal(log.with(/no lease/).length, 1);
  leases.refuses = false;
  await until("it is held again", () => lease.isHeld);
  lease.close();
  const asked = leases.requests.length;
  leases.lose();
  await new Promise(setImmediate);
  assert.equal(leases.requests.length, asked);
});

test("closed while it waits, it says nothing more", async () => {
  const [leases, log] = [new Leases(), new KeptLog()];
  leases.refuses = true;
  const lease = new ChassisLease(leases, "host1", log);
  await until("it was asked for", () => log.lines.length === 1);
  lease.close();
  await new Promise(setImmediate);
  assert.equal(log.lines.length, 1);
});
