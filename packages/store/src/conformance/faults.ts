import assert from "node:assert/strict";
import { test } from "node:test";
import type { Topic } from "@dragonflow/model";
import { commitWithRetry } from "../commit-retry.ts";
import { ORIGIN, type StoreDriver } from "../contract.ts";
import {
  type Bench,
  contents,
  type Faults,
  mustSucceed,
  Observer,
  observe,
  port,
  positionIn,
  put,
  remove,
  text,
  within,
  write,
} from "./harness.ts";

/** How long a store may be of no use while a fault lasts, or after it. */
const PATIENCE_SECONDS = 60;
const FAULT_MILLISECONDS = 180_000;

/** Writes one commit after the other until it is told to end; each names its number, and moves a record from one topic to the other. */
class PersistentWriter {
  readonly #driver: StoreDriver;
  readonly #topics: readonly [Topic, Topic];
  readonly #name: string;
  readonly #paceMilliseconds: number;
  #ending = false;
  #progress: (() => void)[] = [];
  acknowledged = 0;
  readonly done: Promise<void>;

  constructor(driver: StoreDriver, topics: readonly [Topic, Topic], name: string, paceMilliseconds: number) {
    this.#driver = driver;
    this.#topics = topics;
    this.#name = name;
    this.#paceMilliseconds = paceMilliseconds;
    this.done = this.#run();
    this.done.catch(() => undefined);
  }

  /** So many more were acknowledged. */
  async another(count: number): Promise<void> {
    const wanted = this.acknowledged + count;
    while (this.acknowledged < wanted) {
      const next = Promise.withResolvers<void>();
      this.#progress.push(next.resolve);
      await Promise.race([next.promise, this.done]);
    }
  }
  async end(): Promise<void> {
    this.#ending = true;
    await this.done;
  }
  /** What the last acknowledged commit left. */
  check(first: ReadonlyMap<string, string>, second: ReadonlyMap<string, string>): void {
    const [here, gone] = this.acknowledged % 2 === 0 ? [second, first] : [first, second];
    assert.equal(here.get(port(this.#name)), String(this.acknowledged), `${this.#name}: the last acknowledged write`);
    assert.equal(gone.has(port(this.#name)), false, `${this.#name}: deleted where it was`);
  }

  async #run(): Promise<void> {
    const id = port(this.#name);
    for (let number = 1; !this.#ending; number++) {
      const [to, from] = number % 2 === 0 ? this.#topics.toReversed() : this.#topics;
      const changes = [put(to!, id, String(number)), remove(from!, id)];
      const options = { deadlineSeconds: PATIENCE_SECONDS };
      mustSucceed(await commitWithRetry(this.#driver, changes, [], options));
      this.acknowledged = number;
      for (const look of this.#progress.splice(0)) look();
      await new Promise((resolve) => setTimeout(resolve, this.#paceMilliseconds));
    }
  }
}

const SURVIVED = [
  ["killLeader", "the leader is killed"],
  ["pauseLeader", "the leader stands still"],
  ["isolateLeader", "the leader is cut off from its peers"],
  ["hold", "the client's connections fall silent"],
] as const;

export function faultTests(bench: Bench): void {
  const driver = () => bench.harness().driver;

  /** A test of what a harness can do; for one that cannot, the test says so. */
  function faultTest<K extends keyof Faults>(
    kind: K,
    name: string,
    body: (fault: NonNullable<Faults[K]>) => Promise<void>,
  ): void {
    test(name, { timeout: bench.full ? FAULT_MILLISECONDS * 10 : FAULT_MILLISECONDS }, async (t) => {
      const fault = bench.harness().faults?.[kind];
      if (fault === undefined) t.diagnostic(`this store, as it is set up here, has no "${kind}"`);
      else await body(fault);
    });
  }

  faultTest(
    "compact",
    "history that is forgotten: who comes from before it gets a snapshot, who follows goes on",
    async (compact) => {
      const [a] = bench.topics(1);
      await write(driver(), [put(a!, port(1), "x"), put(a!, port(2), "x")]);
      const before = await driver().head(a!);
      const following = await observe(driver(), a!);
      await write(driver(), [put(a!, port(1), "y"), remove(a!, port(2))]);
      const last = await write(driver(), [put(a!, port(3), "z")]);
      const now = await driver().head(a!);
      await compact();
      const old = new Observer(driver().watch());
      old.seen(a!).head = before;
      old.watch.add([{ topic: a!, from: before }]);
      await old.untilCurrent(a!);
      assert.equal(old.count("snapshot"), 1);
      const recent = new Observer(driver().watch());
      recent.seen(a!).head = now;
      recent.watch.add([{ topic: a!, from: now }]);
      await recent.untilCurrent(a!);
      if (driver().capabilities.resume !== "never") assert.equal(recent.count("snapshot"), 0);
      const after = await write(driver(), [put(a!, port(4), "more")]);
      for (const observer of [following, old]) {
        await observer.untilAt(a!, positionIn(after, a!));
        assert.deepEqual(observer.texts(a!), await contents(driver(), a!));
      }
      await recent.untilAt(a!, positionIn(after, a!));
      assert.ok(positionIn(last, a!) !== positionIn(after, a!));
      for (const observer of [following, old, recent]) await observer.close();
    },
  );

  faultTest("empty", "a store that lost everything has another lineage, and begins at the origin", async (empty) => {
    const [a] = bench.topics(1);
    const done = await write(driver(), [put(a!, port(1), "lost")]);
    const held = { lineage: done.lineage, position: positionIn(done, a!) };
    await empty();
    const observer = new Observer(driver().watch());
    observer.watch.add([{ topic: a!, from: held }]);
    await observer.untilCurrent(a!);
    assert.equal(observer.count("snapshot"), 1);
    assert.notEqual(observer.seen(a!).head!.lineage, done.lineage);
    assert.equal(observer.seen(a!).head!.position, ORIGIN);
    assert.deepEqual(observer.texts(a!), new Map());
    const next = await write(driver(), [put(a!, port(1), "new")]);
    await observer.untilAt(a!, positionIn(next, a!));
    assert.notEqual(positionIn(next, a!), held.position);
    await observer.close();
  });

  for (const [kind, name] of SURVIVED)
    faultTest(kind, `${name}, under writes: nothing acknowledged is lost, no watcher misses an event`, (fault) =>
      survive(bench, fault),
    );

  faultTest(
    "isolateLeader",
    "who is cut off with the old leader hears no stale word: reads and watches move on",
    async (isolate) => {
      const [a] = bench.topics(1);
      const other = await bench.harness().another();
      await write(driver(), [put(a!, port(1), "before")]);
      const observer = await observe(driver(), a!);
      const end = await isolate();
      try {
        const changes = [put(a!, port(1), "after")];
        const done = mustSucceed(await commitWithRetry(other, changes, [], { deadlineSeconds: PATIENCE_SECONDS }));
        await observer.untilAt(a!, positionIn(done, a!));
        assert.equal(observer.texts(a!).get(port(1)), "after");
        assert.equal(text((await driver().get(a!, port(1)))!.value), "after");
      } finally {
        await end();
      }
      await observer.close();
    },
  );
}

async function survive(bench: Bench, begin: () => Promise<() => Promise<void>>): Promise<void> {
  const { driver } = bench.harness();
  const [a, b] = bench.topics(2);
  const topics = [a!, b!] as const;
  const clients = [driver, await bench.harness().another()];
  const observers = await Promise.all(clients.map((client) => observe(client, ...topics)));
  const { lineage } = await driver.head(a!);
  const pace = bench.full ? 8 : 20;
  const writers = clients.flatMap((client, c) =>
    Array.from({ length: bench.full ? 2 : 1 }, (_, w) => new PersistentWriter(client, topics, `writer${c}-${w}`, pace)),
  );
  const all = (count: number): Promise<unknown> =>
    within("writes", Promise.all(writers.map((writer) => writer.another(count))), PATIENCE_SECONDS * 1000);
  for (let round = 0; round < (bench.full ? 20 : 1); round++) {
    await all(10);
    const end = await begin();
    try {
      // While it lasts, the client that is not concerned gets through; the other one at the latest when it has ended.
      await within("writes meanwhile", writers.at(-1)!.another(10), PATIENCE_SECONDS * 1000);
    } finally {
      await end();
    }
    await all(10);
  }
  for (const writer of writers) await writer.end();
  const [first, second] = await Promise.all(topics.map((topic) => contents(driver, topic)));
  for (const writer of writers) writer.check(first!, second!);
  assert.equal((await driver.head(a!)).lineage, lineage, "it is the same store");
  const total = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  for (const observer of observers) {
    for (const topic of topics) {
      await observer.untilAt(topic, (await driver.head(topic)).position);
      assert.deepEqual(observer.texts(topic), await contents(driver, topic));
    }
    if (driver.capabilities.resume === "never") continue;
    assert.equal(observer.count("snapshot"), topics.length, "it went on where it was");
    const seen = new Set(
      observer.events.flatMap((event) => (event.type === "commits" ? event.batch.map((commit) => commit.commit) : [])),
    );
    assert.ok(seen.size <= total, "no commit was done twice");
  }
  for (const observer of observers) await observer.close();
}
