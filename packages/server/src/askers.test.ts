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
import { type Change, connectRelay, Forbidden, mintToken, newCommitId, type StoreDriver } from "@dragonflow/store";
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
