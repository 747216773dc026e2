/**
 * Labs in a directory of this process's own. Whatever ends the process, or the runner that has started it, a kill -9 too, they are removed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** How often is looked whether the runner is there. */
const LOOK_MS = 500;
const REMOVER = join(import.meta.dirname, "scratch-labs-remover.ts");

/**
 * Points DRAGONFLOW_LAB_DIR to a new directory, and starts the process that removes what is in there once this one
 * has ended, or once its tests have.
 */
export function useScratchLabs(): void {
  endWithRunner();
  const directory = mkdtempSync(join(tmpdir(), "df-"));
  process.env["DRAGONFLOW_LAB_DIR"] = directory;
  // The pipe ends with this process, however that ends. A group of its own: Ctrl-C must not reach the remover.
  const remover = spawn(process.execPath, [REMOVER, directory], {
    stdio: ["pipe", "inherit", "inherit"],
    detached: true,
  });
  remover.unref();
  const ended = once(remover, "exit");
  after(async () => {
    remover.ref();
    remover.stdin.end();
    const [status] = await ended;
    if (status !== 0) throw new Error(`the labs in ${directory} could not be removed`);
  });
}

/** A runner that is killed leaves its tests behind: they would run on, to their end, with nobody to tell. */
function endWithRunner(): void {
  // What a runner sets; without one, whoever has started this process may well end first.
  if (process.env["NODE_TEST_CONTEXT"] === undefined) return;
  const runner = process.ppid;
  setInterval(() => {
    if (process.ppid !== runner) process.kill(process.pid, "SIGKILL");
  }, LOOK_MS).unref();
}
