import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../conformance/manual-clock.ts";
import { type Lease, type LeaseRequest, type StoreDriver, type Version, version } from "../contract.ts";
import { Unavailable } from "../errors.ts";
import { type LeaseLink, ServerLeases } from "./server-leases.ts";

const TTL_SECONDS = 15;

class FakeLink implements LeaseLink {
  heardAt = 0;
  readonly losses: string[] = [];
  lost(name: string): void {
    this.losses.push(name);
  }
}

/** A store that grants whatever is asked for, at once. */
function granting() {
  const open = new Set<string>();
  const lease = async (name: string, _request: LeaseRequest): Promise<Lease> => {
    open.add(name);
    const lost = new AbortController();
    return {
      name,
      fence: version(`fence of ${name}`),
      lost: lost.signal,
      async [Symbol.asyncDispose]() {
        open.delete(name);
      },
    };
  };
  const driver = { lease } as unknown as StoreDriver;
  return { driver, open };
}

const never = new AbortController().signal;
const acquire = (leases: ServerLeases, name: string, link: LeaseLink): Promise<Version> =>
  leases.acquire({ name, ttlSeconds: TTL_SECONDS, holder: `holder of ${name}` }, link, never);

/** How many members of sets and maps are looked at while something runs: work that no clock has to measure. */
function looked(action: () => void): number {
  let members = 0;
  const restore = [new Map().values(), new Set().values()].map((iterator) => {
    const prototype = Object.getPrototypeOf(iterator) as { next: () => IteratorResult<unknown> };
    const { next } = prototype;
    prototype.next = function counted(this: unknown) {
      const result = next.call(this);
      if (result.done !== true) members++;
      return result;
    };
    return () => {
      prototype.next = next;
    };
  });
  try {
    action();
  } finally {
    for (const each of restore) each();
  }
  return members;
}

test("all clients gone at once: each connection's end looks at its own leases, however many there are", async () => {
  const leases = new ServerLeases(granting().driver, new ManualClock());
  const links = Array.from({ length: 1000 }, () => new FakeLink());
  for (const [n, link] of links.entries()) await acquire(leases, `chassis/${n}`, link);
  const members = looked(() => {
    for (const link of links) leases.detach(link);
  });
  assert.equal(members, links.length);
});

test("a lease goes with its holder from one connection to the next; the end of the former is nothing to it", async () => {
  const clock = new ManualClock();
  const { driver, open } = granting();
  const leases = new ServerLeases(driver, clock);
  const [first, second] = [new FakeLink(), new FakeLink()];
  const fence = await acquire(leases, "a", first);
  // The new connection is there before the server has noticed the end of the old one.
  assert.equal(await acquire(leases, "a", second), fence);
  leases.detach(first);
  clock.advance(TTL_SECONDS * 1000 - 1);
  second.heardAt = clock.now();
  clock.advance(TTL_SECONDS * 1000 - 1);
  assert.ok(open.has("a"));
  await leases.release("a", fence, first);
  assert.ok(open.has("a"), "released by whom it no longer hangs on");
  clock.advance(1);
  assert.ok(!open.has("a"));
  assert.deepEqual([first.losses, second.losses], [[], ["a"]]);
  assert.equal(
    looked(() => leases.detach(second)),
    0,
    "nothing is kept of a lease that ended",
  );
});

/** A process that is stopped for a while: its timers come late. */
class SleepingClock extends ManualClock {
  #slept = 0;
  override now(): number {
    return super.now() + this.#slept;
  }
  sleep(milliseconds: number): void {
    this.#slept += milliseconds;
  }
}

test("time in which the server itself was stopped is nobody's silence", async () => {
  const clock = new SleepingClock();
  const { driver, open } = granting();
  const leases = new ServerLeases(driver, clock);
  const link = new FakeLink();
  await acquire(leases, "a", link);
  clock.advance(10_000);
  clock.sleep(60_000);
  clock.advance(5000);
  leases.detach(link);
  assert.ok(open.has("a"), "its holder may be at the door");
  clock.advance(TTL_SECONDS * 1000 - 1);
  assert.ok(open.has("a"));
  clock.advance(1);
  assert.ok(!open.has("a"), "he was not");
});

test("nobody came for it in its time: it ends, counted from when the client was heard last", async () => {
  const clock = new ManualClock();
  const { driver, open } = granting();
  const leases = new ServerLeases(driver, clock);
  const link = new FakeLink();
  await acquire(leases, "a", link);
  clock.advance(5000);
  link.heardAt = clock.now();
  leases.detach(link);
  clock.advance(TTL_SECONDS * 1000 - 1);
  assert.ok(open.has("a"));
  clock.advance(1);
  assert.ok(!open.has("a"));
  assert.deepEqual(link.losses, [], "whoever has gone is told nothing");
  const failing = { lease: () => Promise.reject(new Unavailable("away")) } as unknown as StoreDriver;
  await assert.rejects(acquire(new ServerLeases(failing, clock), "a", link), Unavailable);
});
