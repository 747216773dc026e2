import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { findProcesses, isRunning, killProcesses, type ProcessRef, refOf, signalProcess } from "./process-ref.ts";
import { until } from "./testing/scratch.ts";

async function sleeper(env: NodeJS.ProcessEnv = process.env): Promise<ProcessRef> {
  const child = spawn("sleep", ["60"], { env, stdio: "ignore" });
  await once(child, "spawn");
  const ref = refOf(child.pid!);
  assert.ok(ref);
  return ref;
}

test("a process that got the pid of a recorded one is left alone", async () => {
  const ref = await sleeper();
  const recycled = { pid: ref.pid, start: ref.start.replace(/\d+$/, (ticks) => String(Number(ticks) - 1)) };
  const beforeReboot = { pid: ref.pid, start: ref.start.replace(/^[0-9a-f]{8}/, "00000000") };
  for (const other of [recycled, beforeReboot]) {
    assert.equal(isRunning(other), false);
    assert.equal(signalProcess(other, "SIGKILL"), false);
    await killProcesses([other]);
  }
  assert.equal(isRunning(ref), true);
  await killProcesses([ref]);
  assert.equal(isRunning(ref), false);
});

test("a process that has ended, but that its parent has not looked after, does not run", async () => {
  // The shell becomes a program that never waits for the child that it had.
  const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  const [pid] = await once(parent.stdout, "data");
  const child = refOf(Number(String(pid)));
  assert.ok(child);
  await killProcesses([child]);
  assert.equal(refOf(child.pid), null);
  await killProcesses([refOf(parent.pid!)!]);
});

test("processes are found by what they were born with, not by what they are called", async () => {
  const entry = `DF_TEST_MARK=${process.pid}`;
  const ours = await sleeper({ ...process.env, DF_TEST_MARK: String(process.pid) });
  const other = await sleeper({ ...process.env, DF_TEST_MARK: `${process.pid}0` });
  // The child has its own environment only once it has become the program.
  await until("the sleeper is found", () => findProcesses(new Set(), entry).length > 0);
  assert.deepEqual(findProcesses(new Set(), entry), [ours]);
  await killProcesses([ours, other]);
  assert.deepEqual(findProcesses(new Set(), entry), []);
});
