/** On a small file system of its own (argv: DIRECTORY): fills it up, shows what goes on, makes room, and goes on writing. Exit code 0: as it should. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { networkTopic } from "@dragonflow/model";
import { StoreFull } from "@dragonflow/store";
import { contents, observe, port, positionIn, put, write } from "@dragonflow/store/conformance";
import { openSqliteStore } from "../index.ts";

const directory = process.argv[2] ?? "";
writeFileSync(join(directory, "filler"), Buffer.alloc(2 * 1024 * 1024));
const store = await openSqliteStore({ file: join(directory, "nb.db") });
const topic = networkTopic("full");
const observer = await observe(store, topic);
let acknowledged = 0;
const fill = async (): Promise<void> => {
  for (;;) {
    await write(store, [put(topic, port(acknowledged), "x".repeat(50_000))]);
    acknowledged++;
  }
};
await assert.rejects(fill(), StoreFull);
assert.ok(acknowledged > 3);
await assert.rejects(write(store, [put(topic, port("more"), "x".repeat(500_000))]), StoreFull);
assert.equal((await contents(store, topic)).size, acknowledged, "reads go on");
assert.equal((await store.head(topic)).position, observer.seen(topic).head?.position, "nothing half-way");

rmSync(join(directory, "filler"));
const done = await write(store, [put(topic, port("room"), "x".repeat(50_000))]);
await observer.untilAt(topic, positionIn(done, topic));
assert.equal(observer.seen(topic).rows.size, acknowledged + 1);
await observer.close();
await store.close();
const again = await openSqliteStore({ file: join(directory, "nb.db"), onNewLineage: (reason) => assert.fail(reason) });
assert.equal((await contents(again, topic)).size, acknowledged + 1);
await again.close();
