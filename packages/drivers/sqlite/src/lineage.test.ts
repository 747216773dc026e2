import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { networkTopic } from "@dragonflow/model";
import { type Lineage, StoreCorrupt } from "@dragonflow/store";
import { contents, port, put, write } from "@dragonflow/store/conformance";
import { guardFile } from "./guard.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./index.ts";
import { temporaryDirectory } from "./testing/harnesses.ts";

const TOPIC = networkTopic("a");

/** Opens, writes one record, closes. */
async function session(
  file: string,
  options: Partial<SqliteStoreOptions> = {},
): Promise<{ readonly lineage: Lineage; readonly renewed: readonly string[] }> {
  const renewed: string[] = [];
  const store = await openSqliteStore({ file, onNewLineage: (reason) => renewed.push(reason), ...options });
  const { lineage } = await write(store, [put(TOPIC, port("x"), "x")]);
  await store.close();
  return { lineage, renewed };
}

test("the lineage goes on over an orderly restart, and begins anew whenever the file may have gone back in time", async () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  const first = await session(file);
  assert.deepEqual(await session(file), { lineage: first.lineage, renewed: [] });

  const cases: readonly (readonly [what: string, act: () => void, reason: RegExp])[] = [
    ["a backup put back in place", () => writeFileSync(file, readFileSync(`${file}.backup`)), /was at/],
    ["no guard", () => rmSync(guardFile(file)), /no guard/],
    ["a guard that is not one", () => writeFileSync(guardFile(file), "{}"), /no guard/],
    ["another file", () => renameSync(`${file}.backup`, file), /another file/],
    [
      "its guard of another time",
      () => writeFileSync(guardFile(file), readFileSync(`${file}.guard`)),
      /another lineage/,
    ],
    ["everything gone", () => rmSync(file), /empty/],
  ];
  let before = first.lineage;
  for (const [what, act, reason] of cases) {
    copyFileSync(file, `${file}.backup`);
    copyFileSync(guardFile(file), `${file}.guard`);
    const between = await session(file, what.includes("guard of") ? { newLineage: true } : {});
    before = between.lineage;
    act();
    const { lineage, renewed } = await session(file);
    assert.notEqual(lineage, before, what);
    assert.match(renewed.join(), reason, what);
    assert.deepEqual((await session(file)).renewed, [], `${what}: once`);
  }
  assert.match((await session(file, { newLineage: true })).renewed.join(), /asked/);
  directory.remove();
});

test("a backup is taken while commits go on, is whole, and is another lineage once it is put back", async () => {
  const directory = temporaryDirectory();
  const [file, copy] = [join(directory.path, "nb.db"), join(directory.path, "copy.db")];
  const store = await openSqliteStore({ file });
  const other = networkTopic("b");
  const commit = (n: number) => write(store, [put(TOPIC, port(n), "x"), put(other, port(n), "x")]);
  for (let n = 0; n < 500; n++) await commit(n);
  let copying = true;
  const backup = store.backup(copy).finally(() => {
    copying = false;
  });
  let n = 500;
  for (; copying; n++) await commit(n);
  await backup;
  const { lineage } = await commit(n);
  await store.close();
  copyFileSync(copy, file);
  const renewed: string[] = [];
  const restored = await openSqliteStore({ file, onNewLineage: (reason) => renewed.push(reason) });
  assert.equal(renewed.length, 1);
  assert.notEqual((await restored.head(TOPIC)).lineage, lineage);
  const rows = await contents(restored, TOPIC);
  assert.deepEqual(rows, await contents(restored, other));
  assert.ok(rows.size >= 500 && rows.size <= n);
  await restored.close();
  directory.remove();
});

test("after a crash of the machine the guard proves nothing: a new lineage", async () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  await session(file);
  const guard: unknown = JSON.parse(readFileSync(guardFile(file), "utf8"));
  const crashed = Object.assign({}, guard, { closed: false });
  writeFileSync(guardFile(file), JSON.stringify(crashed));
  assert.deepEqual((await session(file)).renewed, [], "killed only");
  writeFileSync(guardFile(file), JSON.stringify({ ...crashed, boot: "another" }));
  assert.match((await session(file)).renewed.join(), /machine/);
  directory.remove();
});

test("what is no store of ours is refused, and left as it is", async () => {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  writeFileSync(file, "not a database ".repeat(1000));
  await assert.rejects(openSqliteStore({ file }), StoreCorrupt);
  assert.match(readFileSync(file, "utf8"), /^not a database/);
  rmSync(file);
  const other = new DatabaseSync(file);
  other.exec("CREATE TABLE theirs (a)");
  other.close();
  await assert.rejects(openSqliteStore({ file }), StoreCorrupt);
  const still = new DatabaseSync(file);
  assert.equal(still.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"], 1);
  still.close();
  await assert.rejects(openSqliteStore({ file: join(directory.path, "nowhere", "nb.db") }), /ENOENT.*nowhere/);
  directory.remove();
});

test("its files are their owner's alone from the first moment, whatever the umask; so is a backup", async () => {
  const directory = temporaryDirectory();
  const umask = process.umask(0);
  try {
    for (const name of ["new.db", "empty.db"]) {
      const file = join(directory.path, name);
      if (name === "empty.db") writeFileSync(file, "");
      const store = await openSqliteStore({ file });
      await write(store, [put(TOPIC, port("p"), "x")]);
      await store.backup(`${file}.backup`);
      const files = readdirSync(directory.path).filter((other) => other.startsWith(name));
      assert.deepEqual(files.toSorted(), [name, `${name}-guard`, `${name}-wal`, `${name}.backup`]);
      for (const each of files) assert.equal(statSync(join(directory.path, each)).mode & 0o777, 0o600, each);
      await store.close();
    }
    assert.equal(process.umask(), 0);
  } finally {
    process.umask(umask);
    directory.remove();
  }
});

test("a store in memory keeps nothing", async () => {
  const store = await openSqliteStore({ file: ":memory:" });
  await write(store, [put(TOPIC, port("x"), "x")]);
  assert.equal((await contents(store, TOPIC)).size, 1);
  await store.close();
  const again = await openSqliteStore({ file: ":memory:" });
  assert.equal((await contents(again, TOPIC)).size, 0);
  await again.close();
});
