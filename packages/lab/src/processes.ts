/**
 * Processes that belong to a lab: recorded with their identity before anything relies on them, and ended with what
 * they belong to.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { LabError } from "./errors.ts";
import { checkProcessName, type Lab, logPath, markOf } from "./names.ts";
import { isRunning, killProcesses, type ProcessRef, refOf, signalProcess, waitUntilGone } from "./process-ref.ts";
import { hostOf, type ProcessState, readReadyState, type Session, withSession } from "./state.ts";
import { type Argv, inNamespace, toolEnvironment } from "./tool.ts";

export type ProcessSpec = {
  /** Unique in the lab. */
  readonly name: string;
  readonly argv: Argv;
  /** Added to the environment of whoever starts it. */
  readonly env?: Readonly<Record<string, string>>;
  /** The starter's own unless told. */
  readonly cwd?: string;
  /** Both outputs are appended to it; `logs/NAME.log` in the lab's directory unless told. */
  readonly logFile?: string;
  /** Name of a network namespace to run in. */
  readonly netns?: string;
  /** It dies with this host (`killHost`), and starts again with it (`startHost`). */
  readonly host?: string;
};

export type RecordedProcess = { readonly name: string; readonly pid: number; readonly logFile: string };

/**
 * Starts a process that outlives this one.
 * @throws {LabError} `exists` while one of that name runs, `unknown` for its host
 */
export async function spawnRecorded(lab: Lab, spec: ProcessSpec): Promise<RecordedProcess> {
  checkProcessName(spec.name);
  return withSession(lab, async (session) => {
    if (spec.host !== undefined) hostOf(session.state, spec.host);
    return startProcess(session, newProcess(session, spec, null));
  });
}

/** The record comes first. One of the same name that has ended makes way. */
export function newProcess(session: Session, spec: ProcessSpec, vm: string | null): ProcessState {
  const { processes } = session.state;
  const before = processes.findIndex((entry) => entry.name === spec.name);
  const running = processes[before]?.ref ?? null;
  if (isRunning(running)) throw new LabError("exists", `"${spec.name}" runs already, pid ${running.pid}`);
  const entry: ProcessState = {
    name: spec.name,
    argv: spec.argv,
    env: spec.env ?? {},
    cwd: spec.cwd ?? process.cwd(),
    logFile: spec.logFile ?? logPath(session.lab, spec.name),
    netns: spec.netns ?? null,
    host: spec.host ?? null,
    vm,
    wanted: true,
    ref: null,
  };
  if (before === -1) processes.push(entry);
  else processes[before] = entry;
  return entry;
}

export async function startProcess(session: Session, entry: ProcessState): Promise<RecordedProcess> {
  entry.wanted = true;
  entry.ref = null;
  await session.save();
  await mkdir(dirname(entry.logFile), { recursive: true });
  const log = await open(entry.logFile, "a", 0o600);
  try {
    const [file, ...args] = entry.netns === null ? entry.argv : inNamespace(entry.netns, entry.argv);
    const child = spawn(file, args, {
      cwd: entry.cwd,
      env: toolEnvironment({ ...entry.env, ...markOf(session.lab) }),
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    await once(child, "spawn");
    child.unref();
    entry.ref = refOf(child.pid ?? 0);
  } catch (error) {
    throw new LabError(
      "tool-failed",
      `"${entry.name}" did not start: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    await log.close();
  }
  if (entry.ref === null) throw new LabError("tool-failed", `"${entry.name}" ended at once: see ${entry.logFile}`);
  await session.save();
  return { name: entry.name, pid: entry.ref.pid, logFile: entry.logFile };
}

/**
 * Ends a recorded process: `signal`, and SIGKILL where that did not end it within `graceMs`. Its record stays, so that
 * {@link startRecorded} can start it again as it was. @returns whether it was running. @throws {LabError} `unknown`
 */
export async function stopRecorded(
  lab: Lab,
  name: string,
  options: { readonly signal?: NodeJS.Signals; readonly graceMs?: number } = {},
): Promise<boolean> {
  return withSession(lab, async (session) => {
    const entry = processOf(session, name);
    const { ref } = entry;
    entry.wanted = false;
    await session.save();
    const running = ref !== null && signalProcess(ref, options.signal ?? "SIGTERM");
    if (running && !(await waitUntilGone([ref], options.graceMs ?? 5_000))) await killProcesses([ref]);
    entry.ref = null;
    await session.save();
    return running;
  });
}

/** Starts a recorded process that was stopped or has died, with the arguments, environment and log that it had. */
export async function startRecorded(lab: Lab, name: string): Promise<RecordedProcess> {
  return withSession(lab, async (session) => {
    const entry = processOf(session, name);
    if (isRunning(entry.ref)) throw new LabError("exists", `"${name}" runs already, pid ${entry.ref.pid}`);
    return startProcess(session, entry);
  });
}

/** Recorded processes; `pid` is null for those that do not run (any more). */
export async function listProcesses(
  lab: Lab,
): Promise<{ name: string; host: string | null; pid: number | null; logFile: string }[]> {
  const { processes } = await readReadyState(lab);
  return processes.map(({ name, host, ref, logFile }) => ({
    name,
    host,
    pid: isRunning(ref) ? ref.pid : null,
    logFile,
  }));
}

function processOf(session: Session, name: string): ProcessState {
  const entry = session.state.processes.find((candidate) => candidate.name === name);
  if (!entry) throw new LabError("unknown", `lab "${session.lab.name}" has no process "${name}"`);
  return entry;
}

/** SIGKILL; what was wanted stays wanted. */
export async function killProcessesOf(session: Session, belongs: (entry: ProcessState) => boolean): Promise<void> {
  const entries = session.state.processes.filter(belongs);
  await killProcesses(entries.map((entry) => entry.ref).filter((ref): ref is ProcessRef => ref !== null));
  for (const entry of entries) entry.ref = null;
  await session.save();
}

export async function startWanted(session: Session, belongs: (entry: ProcessState) => boolean): Promise<void> {
  for (const entry of session.state.processes) {
    if (belongs(entry) && entry.wanted && !isRunning(entry.ref)) await startProcess(session, entry);
  }
}
