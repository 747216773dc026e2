import assert from "node:assert/strict";
import { test } from "node:test";
import { type Expect, newCommitId, type Version } from "../contract.ts";
import { Unavailable } from "../errors.ts";
import { type Bench, contents, Observer, observe, port, positionIn, put, remove, within, write } from "./harness.ts";

export function recoveryTests(bench: Bench): void {
  const driver = () => bench.harness().driver;

  test("after a restart everything is there, and watches go on where they were", async () => {
    const [a, b] = bench.topics(2);
    const id = newCommitId();
    await driver().commit(id, [put(a!, port(1), "x"), put(b!, port(1), "x")], []);
    const before = await driver().head(a!);
    const last = await write(driver(), [put(a!, port(2), "y"), remove(b!, port(1))]);
    await bench.harness().restart();
    assert.deepEqual(await driver().head(a!), { lineage: before.lineage, position: positionIn(last, a!) });
    assert.deepEqual(
      await contents(driver(), a!),
      new Map([
        ["port/1", "x"],
        ["port/2", "y"],
      ]),
    );
    const replay = await driver().commit(id, [put(a!, port(1), "x")], []);
    assert.ok(replay.ok && replay.replayed, "the commit is still recognised");
    const observer = new Observer(driver().watch());
    observer.seen(a!).head = before;
    observer.watch.add([{ topic: a!, from: before }]);
    await observer.untilAt(a!, positionIn(last, a!));
    assert.equal(observer.count("snapshot"), driver().capabilities.resume === "never" ? 1 : 0);
    await observer.close();
  });

  test("a store that was put back to a backup has another lineage, and everyone starts again", async () => {
    const [a, b] = bench.topics(2);
    const kept = await write(driver(), [put(a!, port(1), "kept"), put(b!, port(1), "kept")]);
    const restore = await bench.harness().backup();
    const lostVersions: Version[] = [];
    let lost = kept;
    for (let i = 0; i < 5; i++) {
      lost = await write(driver(), [put(a!, port(1), `lost ${i}`)]);
      lostVersions.push((await driver().get(a!, port(1)))!.version);
    }
    const held = { lineage: lost.lineage, position: positionIn(lost, a!) };
    const heldB = { lineage: lost.lineage, position: positionIn(kept, b!) };
    await restore();

    const observer = new Observer(driver().watch());
    observer.watch.add([
      { topic: a!, from: held },
      { topic: b!, from: heldB },
    ]);
    await observer.untilCurrent(a!, b!);
    assert.equal(observer.count("snapshot"), 2, "both, also where nothing was lost");
    assert.notEqual(observer.seen(a!).head!.lineage, kept.lineage);
    assert.equal(observer.seen(b!).head!.lineage, observer.seen(a!).head!.lineage);
    assert.deepEqual(observer.texts(a!), new Map([["port/1", "kept"]]));

    const unchanged: Expect = { kind: "topic-unchanged", topic: a!, since: held.position };
    for (let i = 0; i < 10; i++) {
      assert.equal((await driver().commit(newCommitId(), [], [unchanged])).ok, false, "a lost position names nothing");
      const done = await write(driver(), [put(a!, port(1), `new ${i}`)]);
      await observer.untilAt(a!, positionIn(done, a!));
      const { version } = (await driver().get(a!, port(1)))!;
      assert.ok(!lostVersions.includes(version), "a lost version names nothing");
    }
    await observer.close();
  });

  test("a connection that is cut: watches are told, go on with the difference, and repeat nothing", async (t) => {
    const { cut } = bench.harness();
    if (cut === undefined) {
      t.diagnostic("in process: there is no connection to cut");
      return;
    }
    const [a, b] = bench.topics(2);
    const other = await bench.harness().another();
    await write(other, [put(a!, port(1), "x"), put(b!, port(1), "x")]);
    const observer = await observe(driver(), a!, b!);
    for (let round = 0; round < 3; round++) {
      const told = observer.events.length;
      await cut();
      const done = await write(other, [put(a!, port(round), `round ${round}`)]);
      await observer.untilAt(a!, positionIn(done, a!));
      await observer.untilCurrent(a!, b!);
      const events = observer.events.slice(told);
      assert.equal(events.filter((event) => event.type === "stale" && event.reason === "disconnected").length, 1);
      if (driver().capabilities.resume !== "never") assert.ok(events.every((event) => event.type !== "snapshot"));
    }
    assert.deepEqual(observer.texts(a!), await contents(other, a!));
    await observer.close();
  });

  // The last one: it uses the store up.
  test("close ends watches and refuses what comes after", async () => {
    const [a] = bench.topics(1);
    const observer = await observe(driver(), a!);
    const closing = driver();
    await closing.close();
    await within("the end of the watch", observer.done);
    await assert.rejects(async () => closing.get(a!, port(1)), Unavailable);
    await assert.rejects(async () => closing.head(a!), Unavailable);
    await assert.rejects(async () => closing.commit(newCommitId(), [put(a!, port(1), "x")], []), Unavailable);
    await assert.rejects(async () => closing.watch(), Unavailable);
    await closing.close();
  });
}
