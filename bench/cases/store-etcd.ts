import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { etcdCommand, openEtcdStore } from "@dragonflow/driver-etcd";
import { networkTopic, recordId } from "@dragonflow/model";
import { type Change, newCommitId, type StoreDriver } from "@dragonflow/store";
import { freePort } from "../../scripts/stores/servers.ts";
import { type Case, type Figure, figure, numberFrom, numbersFrom } from "../measure.ts";

const WATCHERS = numbersFrom("BENCH_SIZES", "1,100,1000");
const RECORDS = numberFrom("BENCH_RECORDS", 100_000);
const COMMITS = numberFrom("BENCH_RUNS", 200);
const TOGETHER = 60;
const WATCHED = networkTopic("watched");
const LISTED = networkTopic("listed");
/** About what a port's record is. */
const value = Buffer.from(JSON.stringify({ id: "x".repeat(36), mac: "fa:16:3e:00:00:01", rest: "x".repeat(220) }));
const put = (topic: Change["topic"], id: number): Change => ({
  op: "put",
  topic,
  id: recordId("port", String(id)),
  value,
});

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

async function commits(driver: StoreDriver): Promise<readonly Figure[]> {
  const alone: number[] = [];
  for (let n = 0; n < COMMITS; n++) alone.push(await timed(() => driver.commit(newCommitId(), [put(WATCHED, n)], [])));
  const together: number[] = [];
  for (let n = 0; n < 20; n++) {
    const all = Array.from({ length: TOGETHER }, (_, i) => driver.commit(newCommitId(), [put(WATCHED, i)], []));
    together.push((TOGETHER * 1000) / (await timed(() => Promise.all(all))));
  }
  return [
    figure("commit of one record", "ms", alone),
    figure(`such commits a second, ${TOGETHER} at a time`, "count", together),
  ];
}

/** From the commit until the last of so many watches of one client has it. */
async function arrivals(writer: StoreDriver, reader: StoreDriver, count: number): Promise<Figure> {
  let missing = 0;
  let arrived = Promise.withResolvers<void>();
  const watches = await Promise.all(
    Array.from({ length: count }, async () => {
      const watch = reader.watch();
      const current = Promise.withResolvers<void>();
      const read = async (): Promise<void> => {
        for await (const event of watch) {
          if (event.type === "current") current.resolve();
          if (event.type === "commits" && --missing === 0) arrived.resolve();
        }
      };
      read().catch((error: unknown) => arrived.reject(error));
      watch.add([{ topic: WATCHED }]);
      await current.promise;
      return watch;
    }),
  );
  const times: number[] = [];
  for (let n = 0; n < COMMITS; n++) {
    missing = count;
    arrived = Promise.withResolvers();
    const commit = async (): Promise<void> => {
      await writer.commit(newCommitId(), [put(WATCHED, n)], []);
      await arrived.promise;
    };
    times.push(await timed(commit));
  }
  for (const watch of watches) await watch.close();
  return figure(`commit until the last of ${count.toLocaleString("en")} watches has it`, "ms", times);
}

async function listing(driver: StoreDriver): Promise<Figure> {
  for (let first = 0; first < RECORDS; first += 1000)
    await driver.commit(
      newCommitId(),
      Array.from({ length: Math.min(1000, RECORDS - first) }, (_, i) => put(LISTED, first + i)),
      [],
    );
  const list = async (): Promise<void> => {
    let rows = 0;
    for await (const page of (await driver.snapshot(LISTED)).rows) rows += page.length;
    if (rows !== RECORDS) throw new Error(`${rows} of ${RECORDS} records`);
  };
  const times: number[] = [];
  for (let n = 0; n < 5; n++) times.push(await timed(list));
  return figure(`${RECORDS.toLocaleString("en")} records listed`, "ms", times);
}

/** etcd's own: `etcdctl check perf` puts keys for a minute, and tells how many a second it came to. */
async function ownBenchmark(port: number): Promise<readonly Figure[]> {
  const environment = { ...process.env, ETCDCTL_API: "3" };
  const args = ["--endpoints", `127.0.0.1:${port}`, "check", "perf", "--load", "l"];
  const { stdout } = await promisify(execFile)("etcdctl", args, { env: environment }).catch((error: unknown) => {
    // It ends with 1 where the machine is too slow for that load, having said what it came to.
    if (error instanceof Error && "stdout" in error) return { stdout: String(error.stdout) };
    throw error;
  });
  const [, rate] = /hroughput.*?(\d+) writes\/s/.exec(stdout) ?? [];
  return rate === undefined ? [] : [figure("etcdctl check perf, load l: keys put a second", "count", [Number(rate)])];
}

export const storeEtcd: Case = {
  name: "store-etcd",
  section: "Parts",
  about:
    "a store in etcd, one member on this machine: commits, watches of one client, a cold list; beside etcd's own benchmark",
  sizes: "BENCH_SIZES=1,100,1000 watches, BENCH_RECORDS=100000, BENCH_RUNS=200 commits",
  async run(report) {
    const directory = mkdtempSync(join(tmpdir(), "dragonflow-bench-"));
    const [client, peer] = [await freePort(), await freePort()];
    const data = join(directory, "etcd");
    mkdirSync(data, { mode: 0o700 });
    const [command, ...args] = etcdCommand({ name: "etcd", data, client, peer });
    const etcd: ChildProcess = spawn(command, args, { stdio: "ignore" });
    try {
      const url = `etcd://127.0.0.1:${client}/bench`;
      const writer = await openEtcdStore({ url });
      const reader = await openEtcdStore({ url });
      report("commits");
      const figures = [...(await commits(writer))];
      for (const count of WATCHERS) {
        report(`${count} watches`);
        figures.push(await arrivals(writer, reader, count));
      }
      report(`${RECORDS} records`);
      figures.push(await listing(writer));
      await writer.close();
      await reader.close();
      report("etcd's own benchmark");
      return [...figures, ...(await ownBenchmark(client))];
    } finally {
      const gone = once(etcd, "exit");
      etcd.kill("SIGKILL");
      await gone;
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
