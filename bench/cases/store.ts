import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { networkTopic, recordId } from "@dragonflow/model";
import {
  type Change,
  connectRelay,
  mintToken,
  newCommitId,
  serveRelay,
  type StoreDriver,
  verifyToken,
} from "@dragonflow/store";
import { type Case, type Figure, figure } from "../measure.ts";

const ROWS_PER_COMMIT = 6;
const COMMITS = 2000;
const TOGETHER = 60;
const TOPICS = [networkTopic("a"), networkTopic("b"), networkTopic("c")];
const WATCHED = networkTopic("watched");
const LISTED = networkTopic("listed");
const SECRET = "of the benchmark";

/** About what a port's record is. */
const value = Buffer.from(JSON.stringify({ id: "x".repeat(36), mac: "fa:16:3e:00:00:01", rest: "x".repeat(220) }));
const puts = (topic: Change["topic"], first: number, count: number): readonly Change[] =>
  Array.from({ length: count }, (_, i) => ({ op: "put", topic, id: recordId("port", String(first + i)), value }));
const sixRows = (n: number): readonly Change[] =>
  TOPICS.flatMap((topic) => puts(topic, n * ROWS_PER_COMMIT, ROWS_PER_COMMIT / TOPICS.length));

async function timed(runs: number, run: (n: number) => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let n = 0; n < runs; n++) {
    const started = performance.now();
    await run(n);
    times.push(performance.now() - started);
  }
  return times;
}

async function list(driver: StoreDriver): Promise<void> {
  for await (const page of (await driver.snapshot(LISTED)).rows)
    if (page.length === 0) throw new Error("an empty page");
}

/** From the commit to its arrival at a watcher of another client. */
async function arrivals(writer: StoreDriver, reader: StoreDriver): Promise<readonly number[]> {
  const watch = reader.watch();
  watch.add([{ topic: WATCHED }]);
  const events = watch[Symbol.asyncIterator]();
  const next = async (type: string): Promise<void> => {
    for (;;) {
      const { value: event, done } = await events.next();
      if (done === true || event.type === type) return;
    }
  };
  await next("current");
  const times = await timed(COMMITS, async (n) => {
    const arrived = next("commits");
    await writer.commit(newCommitId(), puts(WATCHED, n % 100, 1), []);
    await arrived;
  });
  await watch.close();
  return times;
}

async function measure(name: string, driver: StoreDriver, writer: StoreDriver): Promise<readonly Figure[]> {
  const alone = await timed(COMMITS, (n) => driver.commit(newCommitId(), sixRows(n), []));
  const together = await timed(20, (run) =>
    Promise.all(
      Array.from({ length: TOGETHER }, (_, i) => driver.commit(newCommitId(), sixRows(run * TOGETHER + i), [])),
    ),
  );
  return [
    figure(`${name}: commit of six rows, synced`, "ms", alone),
    figure(
      `${name}: such commits a second, ${TOGETHER} at a time`,
      "count",
      together.map((milliseconds) => (TOGETHER * 1000) / milliseconds),
    ),
    figure(`${name}: commit to its watcher`, "ms", await arrivals(writer, driver)),
    figure(`${name}: 10,000 records listed`, "ms", await timed(20, () => list(driver))),
  ];
}

export const store: Case = {
  name: "store",
  section: "Parts",
  about: "the embedded store, in process and through the relay (both of its sides in one process)",
  async run(report) {
    const directory = mkdtempSync(join(tmpdir(), "dragonflow-bench-"));
    const driver = await openSqliteStore({ file: join(directory, "nb.db") });
    const listener = createServer();
    const relay = serveRelay({ driver, listener, authorize: (token) => verifyToken(SECRET, token) });
    const socket = join(directory, "relay");
    listener.listen(socket);
    await once(listener, "listening");
    const client = await connectRelay(`ws+unix:${socket}`, { token: mintToken(SECRET, "server") });
    for (let first = 0; first < 10_000; first += 1000)
      await driver.commit(newCommitId(), puts(LISTED, first, 1000), []);
    report("in process");
    const direct = await measure("in process", driver, driver);
    report("through the relay");
    const relayed = await measure("relay", client, driver);
    await client.close();
    await relay.close();
    listener.close();
    await driver.close();
    rmSync(directory, { recursive: true });
    return [...direct, ...relayed];
  },
};
