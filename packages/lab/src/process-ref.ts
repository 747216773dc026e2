/**
 * Processes by identity. A pid alone names whatever process has it now; a pid with the moment the process started
 * names one process.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { isErrno, LabError } from "./errors.ts";

/** `start`: the boot's id and field 22 of /proc/PID/stat (clock ticks since that boot), see proc_pid_stat(5). */
export type ProcessRef = { readonly pid: number; readonly start: string };

const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/**
 * A /proc file that goes away when its process does.
 * @returns null when it is gone, or another user's that may not be read.
 */
function readProc<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    // ENOENT before the open, ESRCH after it.
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].some((code) => isErrno(error, code))) return null;
    throw error;
  }
}

function readStat(pid: number): { state: string; parent: number; startTicks: string } | null {
  const stat = readProc(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (stat === null) return null;
  // The second field is the program's name in parentheses and may hold anything: fields count from the last
  // parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", parent: Number(fields[1]), startTicks: fields[19] ?? "" };
}

/**
 * The identity of the process that has this pid now; null when there is none, or when it has ended and only waits to
 * be reaped.
 */
export function refOf(pid: number): ProcessRef | null {
  const stat = readStat(pid);
  if (stat === null || stat.state === "Z" || stat.state === "X") return null;
  return { pid, start: `${bootId}:${stat.startTicks}` };
}

export function isRunning(ref: ProcessRef | null): ref is ProcessRef {
  return ref !== null && refOf(ref.pid)?.start === ref.start;
}

/** Signals that process and no other that may have its pid by now. @returns whether there was anything to signal. */
export function signalProcess(ref: ProcessRef, signal: NodeJS.Signals): boolean {
  if (!isRunning(ref)) return false;
  try {
    return process.kill(ref.pid, signal);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
    throw error;
  }
}

/** @returns whether all of them were gone before the deadline. */
export async function waitUntilGone(refs: readonly ProcessRef[], timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (refs.some(isRunning)) {
    if (performance.now() > deadline) return false;
    await pause(5);
  }
  return true;
}

/** SIGKILL, and waits until they are gone. @throws {LabError} `timeout` */
export async function killProcesses(refs: readonly ProcessRef[]): Promise<void> {
  for (const ref of refs) signalProcess(ref, "SIGKILL");
  if (await waitUntilGone(refs, 10_000)) return;
  const stuck = refs.filter(isRunning).map(({ pid }) => pid);
  throw new LabError("timeout", `killed, but not gone after 10 s: pid ${stuck.join(", ")}`);
}

/** A process with its parent, its parent's parent ...: whoever ends all of these ends itself. */
export function ancestry(pid: number): Set<number> {
  const line = new Set<number>();
  for (let at: number | undefined = pid; at !== undefined && at > 0 && !line.has(at); at = readStat(at)?.parent)
    line.add(at);
  return line;
}

/**
 * Processes inside one of these network namespaces (by inode), or born with this entry (`NAME=value`) in their
 * environment if given. Neither this process nor its ancestors are among them, so that a command run inside a lab can
 * remove that lab.
 */
export function findProcesses(namespaceInodes: ReadonlySet<number>, environmentEntry: string | null): ProcessRef[] {
  const own = ancestry(process.pid);
  const found: ProcessRef[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || own.has(pid)) continue;
    const ref = refOf(pid);
    if (ref === null) continue;
    const inode = /^net:\[(\d+)\]$/.exec(readProc(() => readlinkSync(`/proc/${pid}/ns/net`)) ?? "")?.[1];
    const inside = inode !== undefined && namespaceInodes.has(Number(inode));
    if (inside || (environmentEntry !== null && bornWith(pid, environmentEntry))) found.push(ref);
  }
  return found;
}

function bornWith(pid: number, environmentEntry: string): boolean {
  const environment = readProc(() => readFileSync(`/proc/${pid}/environ`, "latin1")) ?? "";
  return environment.split("\0").includes(environmentEntry);
}
