import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { networkTopic } from "@dragonflow/model";
import { connectRelay, mintToken, OutcomeUnknown, StoreFull, StoreLocked, Unavailable } from "@dragonflow/store";
import { contents, port, put, within, write } from "@dragonflow/store/conformance";
import { openSqliteStore } from "./index.ts";
import { startChild } from "./testing/children.ts";
import { SECRET, temporaryDirectory } from "./testing/harnesses.ts";

const TOPICS = [networkTopic("a"), networkTopic("b")] as const;

/** Runs a writer until so many commits are acknowledged, then kills it. Returns the last that was. */
async function writeAndKill(file: string, commits: number): Promise<number> {
  await using child = startChild("writer-child.ts", [file]);
  let last = 0;
  while (last < commits) last = Number(await within("an acknowledgement", child.line()));
  await child.kill();
  // What it printed before it died counts as well.
  for (;;) {
    const more = await child.line().catch(() => undefined);
    if (more === undefined) return last;
    last = Number(more);
  }
}

/** The numbers of the commits that the store has, each of them whole. */
async function commitsIn(store: Awaited<ReturnType<typeof openSqliteStore>>): Promise<number> {
  const [a, b] = [await contents(store, TOPICS[0]), await contents(store, TOPICS[1])];
  assert.deepEqual([...a.keys()].toSorted(), [...b.keys()].toSorted(), "both topics of a commit, or none");
  const count = a.size / 3;
  for (let number = 1; number <= count; number++)
    for (const i of [0, 1, 2]) assert.ok(a.has(port(`${number}-${i}`)), `commit ${number} of ${count} is whole`);
  return count;
}

test("killed at once: every acknowledged commit is there, whole, and the lineage goes on", async () => {
  const directory = temporaryDirectory();
  for (let round = 0; round < 3; round++) {
    const file = join(directory.path, `nb-${round}.db`);
    const expected = await writeAndKill(file, 50 + round * 37);
    const store = await openSqliteStore({ file, onNewLineage: (reason) => assert.fail(reason) });
    const found = await commitsIn(store);
    // One may have been synced and not acknowledged.
    assert.ok(found === expected || found === expected + 1, `${found} of ${expected}`);
    await write(store, [put(TOPICS[0], port("after"), "x")]);
    await store.close();
  }
  directory.remove();
});

test("a torn or garbled tail of the log is cut off: a prefix of the commits, each whole; what was lost changes the lineage", async () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  const acknowledged = await writeAndKill(file, 60);
  const parts = ["", "-wal", "-guard"].map((suffix) => `${file}${suffix}`);
  const saved = parts.map((part) => readFileSync(part));
  const wal = saved[1]!;
  const tears: ((bytes: Buffer) => Buffer)[] = [
    (bytes) => bytes,
    (bytes) => bytes.subarray(0, bytes.length - 1),
    (bytes) => bytes.subarray(0, bytes.length - 5000),
    (bytes) => bytes.subarray(0, bytes.length >> 1),
    (bytes) => bytes.subarray(0, 20),
    (bytes) => Buffer.concat([bytes, Buffer.alloc(10_000, 0xa5)]),
    (bytes) => garbled(bytes, bytes.length - 100),
    (bytes) => garbled(bytes, bytes.length - 9000),
    (bytes) => garbled(bytes, bytes.length >> 1),
  ];
  for (const [i, tear] of tears.entries()) {
    // In place: the same files, as after a crash.
    for (const [k, part] of parts.entries()) writeFileSync(part, saved[k]!);
    writeFileSync(`${file}-wal`, tear(wal));
    const renewals: string[] = [];
    const store = await openSqliteStore({ file, onNewLineage: (reason) => renewals.push(reason) });
    const found = await commitsIn(store);
    assert.equal(
      renewals.length,
      found < acknowledged ? 1 : 0,
      `tear ${i}: ${found} of ${acknowledged}, ${renewals.join()}`,
    );
    await write(store, [put(TOPICS[0], port("after"), "x")]);
    await store.close();
  }
  directory.remove();
});

function garbled(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

test("one server has the file: a second one is refused, and told who has it; after a kill it is free", async () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  const child = startChild("writer-child.ts", [file]);
  await within("the first commit", child.line());
  await assert.rejects(openSqliteStore({ file }), (error: unknown) => {
    assert.ok(error instanceof StoreLocked);
    assert.match(error.message, new RegExp(`process ${child.pid}\\b`));
    return true;
  });
  await child.kill();
  const store = await openSqliteStore({ file });
  await assert.rejects(openSqliteStore({ file }), StoreLocked, "nor in the same process");
  await write(store, [put(TOPICS[0], port("mine"), "x")]);
  await store.close();
  directory.remove();
});

test("a full disk refuses writes by name and goes on serving; with room again it writes", async () => {
  const directory = temporaryDirectory();
  const mount = `mount -t tmpfs -o size=4m none '${directory.path}' && exec "$@"`;
  await using child = startChild(
    "full-disk-child.ts",
    [directory.path],
    ["unshare", "--mount", "sh", "-c", mount, "sh"],
  );
  assert.equal(await within("the child", child.ended), 0);
  directory.remove();
});

test("a size limit is a full disk; commits that still fit are done, also beside one that does not", async () => {
  const directory = temporaryDirectory();
  const store = await openSqliteStore({ file: join(directory.path, "nb.db"), maxBytes: 512 * 1024 });
  const [topic] = TOPICS;
  await write(store, [put(topic, port("small"), "x")]);
  const [big, small] = await Promise.allSettled([
    write(store, [put(topic, port("big"), "x".repeat(900_000))]),
    write(store, [put(topic, port("small"), "y")]),
  ]);
  assert.ok(big.status === "rejected" && big.reason instanceof StoreFull);
  assert.equal(small.status, "fulfilled");
  assert.deepEqual(await contents(store, topic), new Map([["port/small", "y"]]));
  await store.close();
  directory.remove();
});

test("a sync that fails: the outcome is unknown, no more is written, reads go on; after a restart all is there that was acknowledged", async () => {
  const directory = temporaryDirectory();
  const [file, socket] = [join(directory.path, "nb.db"), join(directory.path, "socket")];
  const inject = [
    "strace",
    "-f",
    "-o",
    "/dev/null",
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    "inject=fsync,fdatasync:error=EIO:when=30+",
  ];
  const [topic] = TOPICS;
  let acknowledged = 0;
  {
    await using child = startChild("relay-child.ts", [file, socket], inject);
    assert.equal(await within("the server", child.line()), "ready");
    const client = await connectRelay(`ws+unix:${socket}`, { token: mintToken(SECRET, "server") });
    const write100 = async (): Promise<void> => {
      for (; acknowledged < 100; acknowledged++) await write(client, [put(topic, port(acknowledged), "x")]);
    };
    await assert.rejects(write100(), OutcomeUnknown);
    assert.ok(acknowledged > 5);
    await assert.rejects(write(client, [put(topic, port("more"), "x")]), Unavailable);
    assert.equal((await contents(client, topic)).size, acknowledged);
    await client.close();
    await within("the end of the server", child.stop());
  }
  const store = await openSqliteStore({ file });
  const rows = await contents(store, topic);
  for (let i = 0; i < acknowledged; i++) assert.ok(rows.has(port(i)));
  assert.ok(rows.size <= acknowledged + 1);
  await store.close();
  directory.remove();
});

test("synced before acknowledged, as the kernel sees it; commits that come together share a sync", async () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  const socket = join(directory.path, "socket");
  const trace = join(directory.path, "trace");
  const strace = ["strace", "-f", "-y", "-s", "80", "-o", trace];
  const calls = "trace=pwrite64,write,writev,fsync,fdatasync,sendmsg";
  await using child = startChild("relay-child.ts", [file, socket], [...strace, "-e", calls]);
  assert.equal(await within("the server", child.line()), "ready");
  const client = await connectRelay(`ws+unix:${socket}`, { token: mintToken(SECRET, "server") });
  const [topic] = TOPICS;
  const alone = 10;
  for (let i = 0; i < alone; i++) await write(client, [put(topic, port(i), "x")]);
  const together = 60;
  await Promise.all(Array.from({ length: together }, (_, i) => write(client, [put(topic, port(`t${i}`), "x")])));
  await client.close();
  await within("the end of the server", child.stop());

  let written = false;
  let synced = 0;
  let answers = 0;
  for (const line of readFileSync(trace, "utf8").split("\n")) {
    if (/\b(pwrite64|write)\(\d+<[^>]*nb\.db-wal>/.test(line)) written = true;
    else if (/\b(fsync|fdatasync)\(\d+<[^>]*nb\.db-wal>/.test(line)) {
      if (written && answers >= 0) synced++;
      written = false;
    } else if (/\b(write|writev|sendmsg)\(.*\\"type\\":\\"answer\\"/.test(line)) {
      assert.equal(written, false, `answered before it was synced: ${line}`);
      answers += line.split('\\"answer\\"').length - 1;
    }
  }
  assert.ok(answers > alone, "the answers are in the trace");
  assert.ok(synced >= alone, `${synced} syncs`);
  assert.ok(synced < alone + together / 2, `${synced} syncs for ${alone} commits alone and ${together} together`);
  directory.remove();
});
