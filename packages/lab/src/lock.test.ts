import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lockDirectory } from "./lock.ts";
import { until } from "./testing/scratch.ts";

const scratch = mkdtempSync(join(tmpdir(), "df-lock-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

test("commands on one directory take turns", async () => {
  const order: string[] = [];
  await Promise.all(
    ["a", "b", "c"].map(async (who) => {
      const lock = await lockDirectory(scratch);
      order.push(`${who} in`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${who} out`);
      await lock.release();
    }),
  );
  for (let i = 0; i < order.length; i += 2) assert.equal(order[i]!.replace("in", "out"), order[i + 1]);
});

test("a lock that is held too long is an error that says so", async () => {
  const lock = await lockDirectory(scratch);
  await assert.rejects(lockDirectory(scratch, 0), { code: "busy" });
  await lock.release();
  await (await lockDirectory(scratch, 0)).release();
});

test("a tool that was given the lock holds it when its maker is gone", async () => {
  const lock = await lockDirectory(scratch);
  const holder = spawn("cat", { stdio: ["pipe", "ignore", "ignore", lock.fd] });
  await lock.release();
  await assert.rejects(lockDirectory(scratch, 0), { code: "busy" });
  holder.stdin!.end();
  await once(holder, "close");
  await (await lockDirectory(scratch, 0)).release();
});

test("a lock on a directory that was removed, and made again, is not taken for the new one's", async () => {
  const directory = join(scratch, "lab");
  mkdirSync(directory);
  const first = await lockDirectory(directory);
  const second = lockDirectory(directory);
  const waiting = new RegExp(`-> FLOCK .*:${statSync(directory).ino} `);
  await until("the second waits", () => waiting.test(readFileSync("/proc/locks", "utf8")));
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
  const third = await lockDirectory(directory);
  await first.release();
  await third.release();
  const held = await second;
  await assert.rejects(lockDirectory(directory, 0), { code: "busy" });
  await held.release();
  await assert.rejects(lockDirectory(join(scratch, "none")), { code: "unknown" });
});
