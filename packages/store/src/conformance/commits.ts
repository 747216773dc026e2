import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMIT_ID_LENGTH } from "../commit-check.ts";
import { commitId, type Expect, LEASE_TOPIC, leaseRecordId, newCommitId, ORIGIN, type Version } from "../contract.ts";
import { InvalidRequest, TooLarge } from "../errors.ts";
import { type Bench, contents, mustSucceed, port, positionIn, put, remove, text, write } from "./harness.ts";

export function commitTests(bench: Bench): void {
  const driver = () => bench.harness().driver;

  test("a commit puts and deletes records in several topics, and says where it brought each", async () => {
    const [a, b] = bench.topics(2);
    const first = await write(driver(), [put(a!, port(1), "one"), put(a!, port(2), "two"), put(b!, port(1), "other")]);
    assert.deepEqual([...first.positions.keys()].toSorted(), [a!, b!].toSorted());
    assert.equal(first.replayed, false);
    await write(driver(), [remove(a!, port(1)), put(b!, port(1), "changed")]);
    assert.equal(await driver().get(a!, port(1)), undefined);
    assert.equal(text((await driver().get(a!, port(2)))!.value), "two");
    assert.equal(text((await driver().get(b!, port(1)))!.value), "changed");
    assert.deepEqual(await contents(driver(), a!), new Map([["port/2", "two"]]));
  });

  test("a topic without a commit is at the origin, empty", async () => {
    const [a] = bench.topics(1);
    assert.equal((await driver().head(a!)).position, ORIGIN);
    assert.equal((await driver().snapshot(a!)).position, ORIGIN);
    assert.deepEqual(await contents(driver(), a!), new Map());
    assert.equal(await driver().get(a!, port(1)), undefined);
  });

  test("head, snapshot and commit agree on the position", async () => {
    const [a] = bench.topics(1);
    const done = await write(driver(), [put(a!, port(1), "x")]);
    assert.deepEqual(await driver().head(a!), { lineage: done.lineage, position: positionIn(done, a!) });
    assert.equal((await driver().snapshot(a!)).position, positionIn(done, a!));
  });

  test("expectations: each kind holds and fails, and all that failed are told", async () => {
    const [a, b] = bench.topics(2);
    const done = await write(driver(), [put(a!, port(1), "x")]);
    const { version } = (await driver().get(a!, port(1)))!;
    const hold: Expect[] = [
      { kind: "present", topic: a!, id: port(1) },
      { kind: "absent", topic: a!, id: port(2) },
      { kind: "absent", topic: b!, id: port(1) },
      { kind: "version", topic: a!, id: port(1), version },
      { kind: "topic-unchanged", topic: a!, since: positionIn(done, a!) },
      { kind: "topic-unchanged", topic: b!, since: ORIGIN },
    ];
    await write(driver(), [put(a!, port(3), "y")], hold);
    const moved: Expect[] = [
      { kind: "absent", topic: a!, id: port(1) },
      { kind: "present", topic: a!, id: port(2) },
      { kind: "version", topic: a!, id: port(3), version },
      { kind: "version", topic: a!, id: port(2), version },
      { kind: "topic-unchanged", topic: a!, since: positionIn(done, a!) },
      { kind: "topic-unchanged", topic: a!, since: ORIGIN },
    ];
    const failed = await driver().commit(
      newCommitId(),
      [put(a!, port(4), "z"), put(b!, port(4), "z")],
      [...moved, { kind: "present", topic: a!, id: port(1) }],
    );
    assert.deepEqual(failed, { ok: false, failed: moved });
    assert.equal(await driver().get(a!, port(4)), undefined, "nothing was written");
    assert.equal((await driver().head(b!)).position, ORIGIN, "nothing moved");
  });

  test("a commit of expectations alone checks, and changes nothing", async () => {
    const [a] = bench.topics(1);
    const held = mustSucceed(await driver().commit(newCommitId(), [], [{ kind: "absent", topic: a!, id: port(1) }]));
    assert.equal(held.positions.size, 0);
    const present: Expect = { kind: "present", topic: a!, id: port(1) };
    assert.deepEqual(await driver().commit(newCommitId(), [], [present]), { ok: false, failed: [present] });
  });

  test("a topic that is written anew is no longer unchanged, whatever was written", async () => {
    const [a] = bench.topics(1);
    const first = await write(driver(), [put(a!, port(1), "x")]);
    // Nothing is there to delete, and the same again: commits like any other.
    for (const change of [remove(a!, port(9)), put(a!, port(1), "x")]) {
      const before = (await driver().head(a!)).position;
      const done = await write(driver(), [change], [{ kind: "topic-unchanged", topic: a!, since: before }]);
      assert.notEqual(positionIn(done, a!), before);
    }
    const since: Expect = { kind: "topic-unchanged", topic: a!, since: positionIn(first, a!) };
    assert.equal((await driver().commit(newCommitId(), [], [since])).ok, false);
  });

  test("the same commit id again is a replay: done once, answered the same", async () => {
    const [a] = bench.topics(1);
    const id = newCommitId();
    const absent: Expect = { kind: "absent", topic: a!, id: port(1) };
    const first = mustSucceed(await driver().commit(id, [put(a!, port(1), "x")], [absent]));
    await write(driver(), [put(a!, port(1), "later")]);
    const again = mustSucceed(await driver().commit(id, [put(a!, port(1), "x")], [absent]));
    assert.deepEqual(again, { ...first, replayed: true });
    assert.equal(text((await driver().get(a!, port(1)))!.value), "later");
  });

  test("two of the same id at the same time are done once", async () => {
    const [a] = bench.topics(1);
    const id = newCommitId();
    const both = await Promise.all([1, 2].map(() => driver().commit(id, [put(a!, port(1), "x")], [])));
    assert.equal(both.filter((result) => mustSucceed(result).replayed).length, 1);
    assert.deepEqual(mustSucceed(both[0]!).positions, mustSucceed(both[1]!).positions);
  });

  test("a commit that failed its expectations may be tried again with the same id", async () => {
    const [a] = bench.topics(1);
    const id = newCommitId();
    const present: Expect = { kind: "present", topic: a!, id: port(1) };
    assert.equal((await driver().commit(id, [put(a!, port(2), "x")], [present])).ok, false);
    await write(driver(), [put(a!, port(1), "x")]);
    assert.equal(mustSucceed(await driver().commit(id, [put(a!, port(2), "x")], [present])).replayed, false);
  });

  test("a version is never reused, also not after a delete", async () => {
    const [a] = bench.topics(1);
    const versions = new Set<Version>();
    for (let round = 0; round < 20; round++) {
      await write(driver(), [put(a!, port(1), "the same")]);
      versions.add((await driver().get(a!, port(1)))!.version);
      if (round % 2 === 1) await write(driver(), [remove(a!, port(1))]);
    }
    assert.equal(versions.size, 20);
    const last: Expect = { kind: "version", topic: a!, id: port(1), version: [...versions].at(-1)! };
    assert.equal((await driver().commit(newCommitId(), [], [last])).ok, false, "it was deleted");
  });

  test("commits that were asked for together each stand alone", async () => {
    const [a] = bench.topics(1);
    const absent: Expect = { kind: "absent", topic: a!, id: port("contested") };
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        driver().commit(newCommitId(), [put(a!, port("contested"), String(i)), put(a!, port(i), "x")], [absent]),
      ),
    );
    const won = results.flatMap((result, i) => (result.ok ? [i] : []));
    assert.equal(won.length, 1);
    assert.deepEqual(
      await contents(driver(), a!),
      new Map([
        ["port/contested", String(won[0])],
        [`port/${won[0]}`, "x"],
      ]),
    );
  });

  test("limits are refused by name, and what is at the limit is taken", async () => {
    const [a] = bench.topics(1);
    const { limits } = driver().capabilities;
    const filled = (length: number): Uint8Array => Buffer.alloc(length, 0x9f);
    const refused = async (limit: string, changes: Parameters<typeof write>[1]): Promise<void> => {
      await assert.rejects(driver().commit(newCommitId(), changes, []), (error: unknown) => {
        assert.ok(error instanceof TooLarge);
        assert.equal(error.limit, limit);
        return true;
      });
    };
    await refused("bytesPerRecord", [{ op: "put", topic: a!, id: port(1), value: filled(limits.bytesPerRecord + 1) }]);
    await refused(
      "opsPerCommit",
      Array.from({ length: limits.opsPerCommit + 1 }, (_, i) => remove(a!, port(i))),
    );
    const sizes = Array.from(
      { length: Math.floor(limits.bytesPerCommit / limits.bytesPerRecord) },
      () => limits.bytesPerRecord,
    );
    const full = (more: number) =>
      [...sizes, (limits.bytesPerCommit % limits.bytesPerRecord) + more].map((size, i) => ({
        op: "put" as const,
        topic: a!,
        id: port(i),
        value: filled(size),
      }));
    await refused("bytesPerCommit", full(1));
    assert.equal((await driver().head(a!)).position, ORIGIN, "nothing was written");
    await write(driver(), full(0));
    await write(driver(), [{ op: "put", topic: a!, id: port("big"), value: filled(limits.bytesPerRecord) }]);
    assert.deepEqual(Buffer.from((await driver().get(a!, port("big")))!.value), filled(limits.bytesPerRecord));
  });

  test("values come out as they went in, whatever bytes they are", async () => {
    const [a] = bench.topics(1);
    const values = [
      [],
      [0],
      [0x7b],
      [0x7b, 0xff],
      [0xef, 0xbb, 0xbf, 0x7b, 0x7d],
      [...Buffer.from('{"é":"\\u0000\\n💡"}')],
    ];
    const all = [...values, Array.from({ length: 256 }, (_, i) => i)].map((each) => Uint8Array.from(each));
    await write(
      driver(),
      all.map((value, i) => ({ op: "put", topic: a!, id: port(i), value })),
    );
    for (const [i, value] of all.entries())
      assert.deepEqual(Uint8Array.from((await driver().get(a!, port(i)))!.value), value);
    for await (const page of (await driver().snapshot(a!)).rows)
      for (const row of page) assert.deepEqual(Uint8Array.from(row.value), all[Number(row.id.slice("port/".length))]);
  });

  test("what no store takes is refused", async () => {
    const [a] = bench.topics(1);
    const commit = (id: string, changes: Parameters<typeof write>[1]) => driver().commit(commitId(id), changes, []);
    await assert.rejects(commit("", [put(a!, port(1), "x")]), InvalidRequest);
    await assert.rejects(commit("x".repeat(COMMIT_ID_LENGTH + 1), [put(a!, port(1), "x")]), InvalidRequest);
    await assert.rejects(commit(newCommitId(), [put(a!, port(1), "x"), remove(a!, port(1))]), InvalidRequest);
    await assert.rejects(commit(newCommitId(), [put(LEASE_TOPIC, leaseRecordId("x"), "{}")]), InvalidRequest);
  });

  test("a commit whose caller has given up before is not done", async () => {
    const [a] = bench.topics(1);
    const reason = new Error("given up");
    await assert.rejects(
      driver().commit(newCommitId(), [put(a!, port(1), "x")], [], AbortSignal.abort(reason)),
      reason,
    );
    assert.equal((await driver().head(a!)).position, ORIGIN);
  });
}
