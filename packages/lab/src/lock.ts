/**
 * One command at a time on one lab: flock(2) on the lab's own directory. The kernel drops the lock when its last
 * holder ends, however it ends, so a killed command leaves no stale lock; and the directory needs no lock file beside
 * it that somebody would have to remove.
 */
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { isErrno, LabError } from "./errors.ts";
import { processEnd, toolEnvironment } from "./tool.ts";

export type Lock = {
  /**
   * Tools that get this descriptor hold the lock too: a lab is not touched by the next command while one of them
   * still runs.
   */
  readonly fd: number;
  release(): Promise<void>;
};

const BUSY_STATUS = 75;

/** @throws {LabError} `busy` after `waitSeconds`, `unknown` when there is no such directory. */
export async function lockDirectory(directory: string, waitSeconds = 60): Promise<Lock> {
  for (;;) {
    const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY).catch((error: unknown) => {
      throw isErrno(error, "ENOENT") ? new LabError("unknown", `there is no ${directory}`, { cause: error }) : error;
    });
    try {
      await flock(handle.fd, directory, waitSeconds);
      // While this command waited, the one before it may have removed the directory, and a third made a new one.
      const [held, current] = await Promise.all([handle.stat(), stat(directory).catch(() => null)]);
      if (current?.ino === held.ino && current.dev === held.dev)
        return { fd: handle.fd, release: () => handle.close() };
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
  }
}

/**
 * flock(1) locks the open file description that it shares with us, and ends: the lock stays as long as ours is open.
 */
async function flock(fd: number, directory: string, waitSeconds: number): Promise<void> {
  const argv = ["--exclusive", "--wait", String(waitSeconds), "--conflict-exit-code", String(BUSY_STATUS), "3"];
  const child = spawn("flock", argv, {
    env: toolEnvironment(),
    stdio: ["ignore", "ignore", "pipe", fd],
    detached: true,
  });
  const [{ status }, complaint] = await Promise.all([processEnd(child), child.stderr ? text(child.stderr) : ""]);
  if (status === 0) return;
  if (status === BUSY_STATUS)
    throw new LabError("busy", `another command has been at work on ${directory} for ${waitSeconds} s`);
  throw new LabError("tool-failed", `flock ${directory}: exit ${status}: ${complaint.trim()}`);
}
