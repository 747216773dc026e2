import assert from "node:assert/strict";
import { test } from "node:test";
import { chassisTopic, decodeFields, type NbRecord, networkTopic, recordId } from "@dragonflow/model";
import fc from "fast-check";
import { projectionChanges } from "./projection-changes.ts";

const made = (topic: NbRecord["topic"], id: string, more: object = {}): NbRecord => ({
  topic,
  id: recordId("port", id),
  kind: "port",
  fields: { id, ...more },
});
const [N, C] = [networkTopic("n"), chassisTopic("c")];

test("what is new or differs is put, what is gone is deleted, what is the same is left alone", () => {
  const before = [made(N, "same", { list: [1] }), made(N, "changes", { a: 1 }), made(N, "goes")];
  const after = [made(N, "comes"), made(N, "changes", { a: 2 }), made(N, "same", { list: [1] })];
  const changes = projectionChanges(before, after);
  assert.deepEqual(
    changes.map((change) => [change.op, change.id]),
    [
      ["put", "port/comes"],
      ["put", "port/changes"],
      ["delete", "port/goes"],
    ],
  );
});

test("a record that moves is a put there and a delete here", () => {
  const changes = projectionChanges([made(N, "x")], [made(C, "x")]);
  assert.deepEqual(
    changes.map(({ op, topic }) => [op, topic]),
    [
      ["put", C],
      ["delete", N],
    ],
  );
});

test("fields that a newer release wrote survive", () => {
  const stored = { id: "x", a: 1, futureField: { deep: true } };
  const [change] = projectionChanges([made(N, "x", { a: 1 })], [made(N, "x", { a: 2 })], () => stored);
  assert.ok(change?.op === "put");
  const { schema, ...fields } = decodeFields(change.value);
  assert.equal(schema, 1);
  assert.deepEqual(fields, { id: "x", a: 2, futureField: { deep: true } });
});

test("a projection that names a record twice is a mistake", () => {
  assert.throws(() => projectionChanges([], [made(N, "x"), made(N, "x")]), /twice/);
});

test("applied to what was, the changes give what shall be", () => {
  const records = fc.uniqueArray(
    fc.record({ network: fc.boolean(), id: fc.integer({ min: 0, max: 5 }), a: fc.integer({ min: 0, max: 2 }) }),
    { selector: ({ network, id }) => `${network} ${id}` },
  );
  const project = (list: readonly { network: boolean; id: number; a: number }[]) =>
    list.map(({ network, id, a }) => made(network ? N : C, String(id), { a }));
  const asMap = (list: readonly NbRecord[]) => new Map(list.map((each) => [`${each.topic} ${each.id}`, each.fields]));
  fc.assert(
    fc.property(records, records, (before, after) => {
      const state = asMap(project(before));
      for (const change of projectionChanges(project(before), project(after))) {
        const key = `${change.topic} ${change.id}`;
        if (change.op === "delete") assert.ok(state.delete(key));
        else {
          const { schema: _, ...fields } = decodeFields(change.value);
          assert.notDeepEqual(state.get(key), fields, "a change that changes nothing");
          state.set(key, fields as { id: string });
        }
      }
      assert.deepEqual(state, asMap(project(after)));
    }),
  );
});
