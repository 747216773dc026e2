/** Labs as a whole: made, opened, listed, removed. */
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno, LabError } from "./errors.ts";
import { makeFabric, planHost, wireHosts } from "./hosts.ts";
import { type Lock, lockDirectory } from "./lock.ts";
import {
  checkSocketPaths,
  type Lab,
  isDefaultDirectory,
  labHandle,
  labsDirectory,
  makeDirectory,
  MARK,
  MAX_HOSTS,
} from "./names.ts";
import { killInhabitants, namespacesOf, removeIfEmpty, removeNamespaces } from "./namespaces.ts";
import { startOpenVswitch } from "./open-vswitch.ts";
import { ancestry, isRunning, killProcesses, type ProcessRef } from "./process-ref.ts";
import { requireRoot, requireSoftware } from "./requirements.ts";
import { type LabState, openSession, type Phase, readState, type Session, withSession, writeState } from "./state.ts";
import { together } from "./tool.ts";
import { resolveUnderlay } from "./underlay.ts";

export type LabSpec = {
  readonly name: string;
  /** How many; they are called host1, host2 ... */
  readonly hosts: number;
  /** Stops the making; what was made by then is removed. */
  readonly signal?: AbortSignal;
};

/**
 * Makes a lab: a fabric, and hosts with an Open vSwitch each, ready to carry tunnels. Whatever fails, nothing of it
 * stays.
 * @throws {LabError} `not-root`, `missing-software`, `bad-value`, `exists`, or what making it met
 */
export async function createLab(spec: LabSpec): Promise<Lab> {
  requireRoot();
  requireSoftware();
  if (!Number.isInteger(spec.hosts) || spec.hosts < 0 || spec.hosts > MAX_HOSTS) {
    throw new LabError("bad-value", `${spec.hosts} hosts: 0 to ${MAX_HOSTS}`);
  }
  const lab = await claimDirectory(spec.name);
  const lock = await lockDirectory(lab.directory);
  try {
    const state: LabState = {
      version: 1,
      createdAt: new Date().toISOString(),
      phase: "making",
      api: null,
      hosts: [],
      vms: [],
      processes: [],
    };
    const session = openSession(lab, state, lock);
    try {
      await makeHosts(session, spec);
      state.phase = "ready";
      await session.save();
    } catch (error) {
      await removeAll(lab);
      throw error;
    }
  } finally {
    await lock.release();
  }
  return lab;
}

/** The directory is the name: making it is what two commands cannot both do. */
async function claimDirectory(name: string): Promise<Lab> {
  const taken = (path: string) =>
    new LabError("exists", `lab "${name}" exists (${path}); remove it: dragonflow lab down --lab ${name}`);
  const planned = await labHandle(name);
  checkSocketPaths(planned);
  const left = await namespacesOf(planned);
  if (left.length > 0) throw taken(`network namespace ${left.join(", ")}`);
  try {
    await makeDirectory(planned.directory, 0o700);
  } catch (error) {
    throw isErrno(error, "EEXIST") ? taken(planned.directory) : error;
  }
  return labHandle(name);
}

async function makeHosts(session: Session, { hosts: count, signal }: LabSpec): Promise<void> {
  const hosts = Array.from({ length: count }, () => planHost(session));
  await session.save();
  signal?.throwIfAborted();
  await makeFabric(session);
  if (count === 0) return;
  await wireHosts(session, hosts);
  signal?.throwIfAborted();
  await together(hosts.map((host) => startOpenVswitch(session, host)));
  signal?.throwIfAborted();
  await resolveUnderlay(session);
}

/** A lab that is ready; one that is being made is waited for. @throws {LabError} `unknown`, `broken`, `busy` */
export async function openLab(name: string): Promise<Lab> {
  const lab = await labHandle(name);
  await withSession(lab, async () => undefined);
  return lab;
}

export type LabSummary = { readonly name: string; readonly directory: string; readonly phase: Phase | "damaged" };

/** All labs under {@link labsDirectory}, also those that are half made: `removeLab` removes them too. */
export async function listLabs(): Promise<LabSummary[]> {
  let names: string[];
  try {
    names = await readdir(labsDirectory());
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
  return together(
    names.sort().map(async (name) => {
      const directory = join(labsDirectory(), name);
      try {
        return { name, directory, phase: (await readState({ name, directory }))?.phase ?? "making" };
      } catch (error) {
        if (!(error instanceof LabError)) throw error;
        return { name, directory, phase: "damaged" as const };
      }
    }),
  );
}

export type Removal = {
  /** False when there was nothing of that name. */
  readonly existed: boolean;
  readonly namespaces: readonly string[];
  /** Pids, without those that had ended already. */
  readonly processes: readonly number[];
};

/**
 * Removes a lab with everything that belongs to it, be it ready, half made or half removed, whoever made it and
 * however that ended. Idempotent. A command that is at work on the lab is waited for.
 * @throws {LabError} `not-root`, `busy`
 */
export async function removeLab(name: string): Promise<Removal> {
  requireRoot();
  const lab = await labHandle(name);
  let lock: Lock | null = null;
  try {
    lock = await lockDirectory(lab.directory);
  } catch (error) {
    // Somebody may have removed the directory alone: what it named can be found without it.
    if (!(error instanceof LabError && error.code === "unknown")) throw error;
  }
  try {
    const removed = await removeAll(lab);
    return { ...removed, existed: lock !== null || removed.namespaces.length > 0 || removed.processes.length > 0 };
  } finally {
    await lock?.release();
  }
}

/**
 * Needs no record: names, and the mark on processes, follow from the lab's directory, which goes last. Under the
 * lab's lock.
 */
async function removeAll(lab: Lab): Promise<Omit<Removal, "existed">> {
  const state = await readIfIntact(lab);
  if (state !== null) {
    state.phase = "removing";
    await writeState(lab, state);
  }
  const recorded = state === null ? [] : recordedProcesses(state);
  await killProcesses(recorded);
  const namespaces = await namespacesOf(lab);
  const found = await killInhabitants(namespaces, `${MARK}=${lab.directory}`);
  await removeNamespaces(namespaces);
  await rm(lab.directory, { recursive: true, force: true });
  if (isDefaultDirectory()) {
    await removeIfEmpty(dirname(lab.directory));
    await removeIfEmpty(dirname(dirname(lab.directory)));
  }
  return { namespaces, processes: [...recorded, ...found].map(({ pid }) => pid) };
}

async function readIfIntact(lab: Lab): Promise<LabState | null> {
  try {
    return await readState(lab);
  } catch (error) {
    // Damaged records must not keep a lab from being removed.
    if (error instanceof LabError) return null;
    throw error;
  }
}

/** Without those that a command of the lab itself runs under: it would end itself half way. */
function recordedProcesses(state: LabState): ProcessRef[] {
  const own = ancestry(process.pid);
  const daemons = state.hosts.flatMap((host) => Object.values(host.daemons));
  const refs = [...daemons, ...state.processes.map((entry) => entry.ref)];
  return refs.filter((ref) => isRunning(ref)).filter(({ pid }) => !own.has(pid));
}
