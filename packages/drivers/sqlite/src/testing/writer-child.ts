/** Writes without end, six records in two topics a commit, and prints the number of each that was acknowledged. argv: FILE. */
import { writeSync } from "node:fs";
import { networkTopic } from "@dragonflow/model";
import { newCommitId } from "@dragonflow/store";
import { port, put } from "@dragonflow/store/conformance";
import { openSqliteStore } from "../index.ts";

const store = await openSqliteStore({ file: process.argv[2] ?? "" });
const topics = [networkTopic("a"), networkTopic("b")];
for (let number = 1; ; number++) {
  const changes = topics.flatMap((topic) =>
    [0, 1, 2].map((i) => put(topic, port(`${number}-${i}`), `${number} ${"x".repeat(200)}`)),
  );
  await store.commit(newCommitId(), changes, []);
  writeSync(1, `${number}\n`);
}
