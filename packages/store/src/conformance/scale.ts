import assert from "node:assert/strict";
import { test } from "node:test";
import { newCommitId } from "../contract.ts";
import { type Bench, contents, observe, port, positionIn, put, write } from "./harness.ts";

export function scaleTests(bench: Bench): void {
  const driver = () => bench.harness().driver;

  test(`${bench.full ? "100,000" : "10,000"} records in one topic: written, listed, watched`, async () => {
    const [a] = bench.topics(1);
    const total = bench.full ? 100_000 : 10_000;
    const group = Math.min(1000, driver().capabilities.limits.opsPerCommit);
    const body = JSON.stringify({
      mac: "fa:16:3e:00:00:01",
      addresses: ["192.0.2.1", "2001:db8::1"],
      chassis: "host1",
    });
    for (let start = 0; start < total; start += group) {
      const length = Math.min(group, total - start);
      await write(
        driver(),
        Array.from({ length }, (_, i) => put(a!, port(start + i), `${start + i} ${body}`)),
      );
    }
    const listed = await contents(driver(), a!);
    assert.equal(listed.size, total);
    assert.equal(listed.get(port(total - 1)), `${total - 1} ${body}`);
    const observer = await observe(driver(), a!);
    const done = await write(driver(), [put(a!, port(0), "changed")]);
    await observer.untilAt(a!, positionIn(done, a!));
    assert.equal(observer.seen(a!).rows.size, total);
    assert.equal(observer.texts(a!).get(port(0)), "changed");
    await observer.close();
  });

  test("counters under contention: every success counts once", async () => {
    const [a] = bench.topics(1);
    const clients = [driver(), await bench.harness().another(), await bench.harness().another()];
    await write(driver(), [put(a!, port("counter"), "0")]);
    const rounds = bench.full ? 200 : 40;
    async function count(client = driver()): Promise<number> {
      let successes = 0;
      for (let i = 0; i < rounds; i++) {
        const row = (await client.get(a!, port("counter")))!;
        const next = String(Number(Buffer.from(row.value).toString()) + 1);
        const result = await client.commit(
          newCommitId(),
          [put(a!, port("counter"), next)],
          [{ kind: "version", topic: a!, id: port("counter"), version: row.version }],
        );
        if (result.ok) successes++;
      }
      return successes;
    }
    const successes = await Promise.all(Array.from({ length: 12 }, (_, i) => count(clients[i % clients.length])));
    const total = successes.reduce((sum, each) => sum + each, 0);
    assert.ok(total >= rounds, "in every round someone wins");
    assert.equal((await contents(driver(), a!)).get(port("counter")), String(total));
  });

  test("guards: of many who want the same, exactly one gets each", async () => {
    const [a, b] = bench.topics(2);
    const clients = [driver(), await bench.harness().another()];
    const guards = bench.full ? 1000 : 200;
    const writers = 20;
    async function grab(writer: number): Promise<readonly number[]> {
      const client = clients[writer % clients.length]!;
      const won: number[] = [];
      for (let i = 0; i < guards; i++) {
        const guard = (i * 7 + writer * 31) % guards;
        const result = await client.commit(
          newCommitId(),
          [put(a!, port(guard), String(writer)), put(b!, port(`${writer}-${guard}`), "x")],
          [{ kind: "absent", topic: a!, id: port(guard) }],
        );
        if (result.ok) won.push(guard);
      }
      return won;
    }
    const won = await Promise.all(Array.from({ length: writers }, (_, writer) => grab(writer)));
    assert.equal(won.flat().length, guards);
    assert.equal(new Set(won.flat()).size, guards);
    const owners = await contents(driver(), a!);
    for (const [writer, own] of won.entries())
      for (const guard of own) assert.equal(owners.get(port(guard)), String(writer));
    assert.equal((await contents(driver(), b!)).size, guards);
  });
}
