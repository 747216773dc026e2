import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  askerKind,
  ASKERS_TOPIC,
  encodeFields,
  type NbRecord,
  questionKind,
  questionsTopic,
  record,
  topic,
} from "@dragonflow/model";
import {
  type Change,
  connectRelay,
  Forbidden,
  mintToken,
  newCommitId,
  type StoreDriver,
  StoreFull,
} from "@dragonflow/store";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { pino } from "pino";
import { Askers } from "./askers.ts";
import { startCloud } from "./testing/cloud.ts";
import { eventually } from "./testing/scratch.ts";

const put = ({ topic, id, fields }: NbRecord): Change => ({ op: "put", topic, id, value: encodeFields(fields) });
const asking = (asker: string, ...chassis: readonly string[]): readonly Change[] => [
  put(record(askerKind, { id: asker, chassis })),
  ...chassis.map((one) => put(record(questionKind, { id: `${asker}.0`, chassis: one, path: "/status" }))),
];
async function idsIn(store: StoreDriver): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const each of [ASKERS_TOPIC, questionsTopic("host1"), questionsTopic("host2")]) {
    const { rows } = await store.snapshot(each);
    for await (const page of rows) ids.push(...page.map(({ id }) => id));
  }
  return ids.sort();
}

test("what an operator asks goes with its lease, and what others ask stays", async () => {
  const { access, server } = await startCloud();
  const operator = () =>
    connectRelay(access.url, { token: mintToken(access.secret, "operator"), ca: readFileSync(access.caFile) });
  const [first, second] = [await operator(), await operator()];
  const lease = await first.lease("asker/a", { ttlSeconds: 30 });
  await using _kept = await second.lease("asker/b", { ttlSeconds: 30 });
  await first.commit(newCommitId(), asking("a", "host1", "host2"), []);
  await second.commit(newCommitId(), asking("b", "host1"), []);
  const [a, b] = [
    ["asker/a", "question/a.0", "question/a.0"],
    ["asker/b", "question/b.0"],
  ];
  assert.deepEqual(await idsIn(second), [...a, ...b].sort());
  await lease[Symbol.asyncDispose]();
  await eventually("what the first asked is gone", async () => (await idsIn(second)).join() === b.join());
  // One that never held a lease.
  await first.commit(newCommitId(), asking("c", "host2"), []);
  await eventually("nobody asks it", async () => (await idsIn(second)).join() === b.join());
  const elsewhere = { ...asking("a")[0], topic: topic("api", "ports") } as Change;
  await assert.rejects(first.commit(newCommitId(), [elsewhere], []), Forbidden);
  await first.close();
  await second.close();
  await server.close();
});

test("while the store refuses, it is tried once a second, however often something is heard", async (t) => {
  await using opened = new AsyncDisposableStack();
  const store = opened.adopt(await openSqliteStore({ file: ":memory:" }), async (it) => it.close());
  let attempts = 0;
  const refusing: Pick<StoreDriver, "commit"> = {
    commit() {
      attempts++;
      return Promise.reject(new StoreFull("the disk is full"));
    },
  };
  const driver = new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name === "commit" ? refusing : target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tried = async (count: number): Promise<void> => {
    const deadline = performance.now() + 10_000;
    while (attempts < count && performance.now() < deadline) await new Promise(setImmediate);
    assert.equal(attempts, count);
  };
  opened.adopt(new Askers(driver, pino({ level: "silent" })), async (it) => it.close());
  for (const count of [1, 2, 3, 4]) {
    await store.commit(newCommitId(), [put(record(askerKind, { id: `a${count}`, chassis: [] }))], []);
    await tried(count);
  }
  for (const count of [5, 6]) {
    t.mock.timers.tick(1000);
    await tried(count);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.equal(attempts, count);
  }
});
