/** Memory and CPU of the processes that a case starts, as the kernel counts them. */
import { readFileSync } from "node:fs";

export interface ProcessUse {
  /** Which of the case's runs: "5000 other ports". */
  readonly when: string;
  readonly process: string;
  readonly peakMb: number;
  /** Since the process began; undefined where nobody asked. */
  readonly cpuSeconds?: number;
}

/** USER_HZ, which is 100 on every Linux that people run. */
const TICKS_PER_SECOND = 100;
const uses: ProcessUse[] = [];

export function record(use: ProcessUse): void {
  uses.push(use);
}
/** What was recorded since it was asked for last: a case's, after the case. */
export function takeRecorded(): readonly ProcessUse[] {
  return uses.splice(0);
}

/** Peak of its resident set, in MB (2^20 bytes). */
export function peakMb(pid: number): number {
  return kilobytes(pid, "VmHWM") / 1024;
}
export function residentMb(pid: number): number {
  return kilobytes(pid, "VmRSS") / 1024;
}
function kilobytes(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? Number.NaN);
}

export function cpuSeconds(pid: number): number {
  // After the name, which is in parentheses and may hold anything: utime and stime are fields 14 and 15 (proc(5)).
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
