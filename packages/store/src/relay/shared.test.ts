import assert from "node:assert/strict";
import { test } from "node:test";
import { commitId, lineage, ORIGIN, position } from "../contract.ts";
import { record, rowOf, topicNumber } from "../testing/scripted-watch.ts";
import { framesOf, SharedCommit, SharedPage, weightOfRows } from "./shared.ts";

const topic = topicNumber(1);

test("what goes to many is encoded once per watch number", () => {
  const head = { lineage: lineage("l"), position: position("1") };
  const commit = { topic, ...head, prev: ORIGIN, commit: commitId("c"), alsoTouches: [], puts: [], deletes: [] };
  for (const shared of [new SharedCommit(commit), new SharedPage(topic, [], true)]) {
    assert.equal(shared.bytesFor(1), shared.bytesFor(1));
    assert.notEqual(shared.bytesFor(1), shared.bytesFor(2));
    assert.match(shared.bytesFor(2).toString(), /"watch":2/);
  }
});

test("pages are cut into frames of bounded size, in order, nothing lost", () => {
  const rows = [10, 300_000, 10, 100_000, 100_000, 100_000, 10].map((size, i) => rowOf(record(i), 1, "x".repeat(size)));
  const frames = [...framesOf(rows)];
  assert.deepEqual(frames.flat(), rows);
  for (const frame of frames) assert.ok(frame.length === 1 || weightOfRows(frame.slice(0, -1)) < 256 * 1024);
  assert.deepEqual([...framesOf([])], []);
});
