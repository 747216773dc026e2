/**
 * lab.json: what a lab has, written before it is made. Whatever a killed command left is therefore in the record, or
 * (a process in the instant between its start and its record) carries the lab's mark.
 */
import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, LabError } from "./errors.ts";
import { type Lock, lockDirectory } from "./lock.ts";
import type { Lab } from "./names.ts";
import type { ProcessRef } from "./process-ref.ts";
import { type Argv, type Run, runTool } from "./tool.ts";

export const DAEMONS = ["ovsdb-server", "ovs-vswitchd"] as const;
export type Daemon = (typeof DAEMONS)[number];

export type HostState = {
  readonly name: string;
  /** 1 and up; the host's underlay addresses follow from it. */
  readonly index: number;
  readonly chassis: string;
  readonly namespace: string;
  readonly daemons: Record<Daemon, ProcessRef | null>;
  /** Ports whose VM left while the host's database was down: they are taken out before its switch starts again. */
  stalePorts: string[];
};

export type VmState = {
  readonly name: string;
  host: string;
  readonly namespace: string;
  readonly portId: string;
  readonly mac: string;
  readonly mtu: number;
  readonly tap: string;
};

export type ProcessState = {
  readonly name: string;
  readonly argv: Argv;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logFile: string;
  /** Name of the network namespace that it runs in; null for that of whoever starts it. */
  readonly netns: string | null;
  /** It dies with this host, and is started again with it. */
  readonly host: string | null;
  /** It ends when this VM is removed. */
  readonly vm: string | null;
  /** False once it was stopped on purpose: `startHost` leaves it alone. */
  wanted: boolean;
  ref: ProcessRef | null;
};

export type Phase = "making" | "ready" | "removing";

export type LabState = {
  readonly version: 1;
  readonly createdAt: string;
  phase: Phase;
  /** URL of the API of this lab's server; null until there is one. */
  api: string | null;
  hosts: HostState[];
  vms: VmState[];
  processes: ProcessState[];
};

const statePath = (lab: Lab) => join(lab.directory, "lab.json");

/** Nothing but this package writes the file, and always whole: version and outline are enough to know it. */
function isLabState(value: unknown): value is LabState {
  if (typeof value !== "object" || value === null) return false;
  const has = (key: string, test: (field: unknown) => boolean) =>
    test(Object.getOwnPropertyDescriptor(value, key)?.value);
  return (
    has("version", (version) => version === 1) &&
    has("phase", (phase) => typeof phase === "string") &&
    ["hosts", "vms", "processes"].every((key) => has(key, Array.isArray))
  );
}

/**
 * @returns null when the lab has no directory, or none of its records yet.
 * @throws {LabError} `broken` when they are damaged.
 */
export async function readState(lab: Lab): Promise<LabState | null> {
  const path = statePath(lab);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return null;
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (isLabState(value)) return value;
  throw new LabError("broken", `${path} is damaged; remove the lab: dragonflow lab down --lab ${lab.name}`);
}

/** @throws {LabError} `unknown`, `broken` */
export async function readReadyState(lab: Lab): Promise<LabState> {
  const state = await readState(lab);
  if (state?.phase === "ready") return state;
  if (state === null && !existsSync(lab.directory)) {
    throw new LabError("unknown", `there is no lab "${lab.name}"; make it: dragonflow lab up --lab ${lab.name}`);
  }
  throw new LabError("broken", `lab "${lab.name}" is half made or half removed: dragonflow lab down --lab ${lab.name}`);
}

/**
 * Whole and atomic: readers, and commands after a crash, see the state before or after. For the holder of the lock
 * only.
 */
export async function writeState(lab: Lab, state: LabState): Promise<void> {
  const path = statePath(lab);
  // The environments of processes may hold secrets.
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** One command's hold on one lab. `state` is its own to change; others see it after `save`. */
export type Session = {
  readonly lab: Lab;
  readonly state: LabState;
  /** {@link writeState}; parallel calls are written in turn. */
  save(): Promise<void>;
  /** {@link runTool} under the lab's lock. Not for daemons: they would hold the lock for life. */
  readonly tool: Run;
};

export function openSession(lab: Lab, state: LabState, lock: Lock): Session {
  let writing = Promise.resolve();
  return {
    lab,
    state,
    save: () => (writing = writing.then(() => writeState(lab, state))),
    tool: (argv, options) => runTool(argv, { ...options, lockFd: lock.fd }),
  };
}

/** Runs `work` alone on a lab that is ready. Not reentrant. @throws {LabError} `unknown`, `broken`, `busy` */
export async function withSession<T>(lab: Lab, work: (session: Session) => Promise<T>): Promise<T> {
  await readReadyState(lab).catch((error: unknown) => {
    // A lab that is being made right now is ready once its maker lets go of the lock.
    if (!(error instanceof LabError && error.code === "broken")) throw error;
  });
  const lock = await lockDirectory(lab.directory);
  try {
    return await work(openSession(lab, await readReadyState(lab), lock));
  } finally {
    await lock.release();
  }
}

export function hostOf(state: LabState, name: string): HostState {
  const host = state.hosts.find((candidate) => candidate.name === name);
  if (host) return host;
  const known = state.hosts.map((candidate) => candidate.name).join(", ");
  throw new LabError("unknown", `there is no host "${name}" (${known === "" ? "no hosts" : known})`);
}

export function vmOf(state: LabState, name: string): VmState {
  const vm = state.vms.find((candidate) => candidate.name === name);
  if (vm) return vm;
  const known = state.vms.map((candidate) => candidate.name).join(", ");
  throw new LabError("unknown", `there is no VM "${name}" (${known === "" ? "no VMs" : known})`);
}
