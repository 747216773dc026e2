/** A test run that is killed leaves nothing behind: no namespace, no process, no file, no mount. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { text } from "node:stream/consumers";
import { until } from "./support/until.ts";

const FILE = join(import.meta.dirname, "support", "lab-that-stays.ts");
/** What is removed is removed one after the other, each with its deadline. */
const REMOVED_MS = 60_000;

/** For the temporary files of the run, and with that in the environment of all its processes. */
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "k-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A file of /proc, which goes with its process. */
function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
}
const processes = (): readonly string[] =>
  readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(directory));
const namespaces = (names: readonly string[]): readonly string[] =>
  names.filter((name) => existsSync(join("/run/netns", name)) || existsSync(join("/etc/netns", name)));
const mounts = (): readonly string[] =>
  readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(directory));
const files = (): readonly string[] => readdirSync(directory).filter((name) => name !== "ready");

/** @param kill what is done to the run, by the pid of its runner, once all of the lab is there */
async function leavesNothing(kill: (runner: number) => void): Promise<void> {
  const { NODE_TEST_CONTEXT: _ours, ...environment } = process.env;
  const runner = spawn(process.execPath, ["--test", FILE], {
    env: { ...environment, TMPDIR: directory },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(runner, "exit");
  const said = Promise.all([text(runner.stdout), text(runner.stderr)]);
  try {
    const ready = join(directory, "ready");
    await until("the lab is there", () => existsSync(ready) || runner.exitCode !== null, { deadlineMs: REMOVED_MS });
    if (!existsSync(ready)) assert.fail((await said).join("\n"));
    const names: readonly string[] = JSON.parse(readFileSync(ready, "utf8"));
    assert.deepEqual(namespaces(names), names);
    assert.equal(mounts().length, 1);
    assert.equal(files().length, 1);
    kill(runner.pid ?? 0);
    await ended;
    const left = () => [...processes(), ...namespaces(names), ...mounts(), ...files()];
    await until("nothing is left", () => left().length === 0, {
      deadlineMs: REMOVED_MS,
      explain: () => left().join("\n"),
    });
  } finally {
    runner.kill("SIGKILL");
  }
}

for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const)
  test(`the runner gets ${signal}`, async () => leavesNothing((runner) => process.kill(runner, signal)));

test("the file that it runs gets SIGKILL", async () => {
  await leavesNothing((runner) => {
    const [child] = readFileSync(`/proc/${runner}/task/${runner}/children`, "utf8").trim().split(" ");
    process.kill(Number(child), "SIGKILL");
  });
});
