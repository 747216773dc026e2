/**
 * What things are called. Every name is derived from the lab's directory, so that a lab whose records are lost can
 * still be found and removed, and two labs of one name (under two DRAGONFLOW_LAB_DIR) never meet.
 */
import { createHash } from "node:crypto";
import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { isErrno, LabError } from "./errors.ts";

export type Lab = {
  readonly name: string;
  /** Absolute; holds lab.json, a directory per host and per VM, and logs. */
  readonly directory: string;
};

/** A UNIX socket's path has at most 107 bytes (unix(7)); OVS and our clients open sockets in the hosts' directories. */
const SOCKET_PATH_LIMIT = 107;
const LINK_NAME_LIMIT = 15;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

function checkName(what: string, name: string): void {
  if (NAME.test(name)) return;
  throw new LabError(
    "bad-value",
    `${what} "${name}": 1 to 32 letters, digits, - and _, beginning with a letter or digit`,
  );
}

const chosenDirectory = () => process.env["DRAGONFLOW_LAB_DIR"] ?? "";
export const isDefaultDirectory = () => chosenDirectory() === "";

/**
 * Where labs live: DRAGONFLOW_LAB_DIR, else /run/dragonflow/labs for root, else the user's runtime directory (to list
 * labs only).
 */
export function labsDirectory(): string {
  if (!isDefaultDirectory()) return resolve(chosenDirectory());
  const runtime = process.geteuid?.() === 0 ? "/run" : (process.env["XDG_RUNTIME_DIR"] ?? "/run");
  return join(runtime, "dragonflow", "labs");
}

export async function labHandle(name: string): Promise<Lab> {
  checkName("lab", name);
  return { name, directory: join(await resolveLinks(labsDirectory()), name) };
}

/** One directory has one name, and so one set of derived names, whether it exists yet or not. */
async function resolveLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    return join(await resolveLinks(dirname(path)), basename(path));
  }
}

/** Makes a directory and what is missing above it; a lab that is removed meanwhile may take an empty parent with it. */
export async function makeDirectory(directory: string, mode = 0o755): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(join(directory, ".."), { recursive: true });
      await mkdir(directory, { mode });
      return;
    } catch (error) {
      if (!isErrno(error, "ENOENT") || attempt === 10) throw error;
    }
  }
}

const labTag = (lab: Lab) => createHash("sha256").update(lab.directory).digest("hex").slice(0, 6);

/** `df-LAB-MEMBER-TAG`, where the tag stands for the lab's directory. */
export const namespaceName = (lab: Lab, member: string) => `df-${lab.name}-${member}-${labTag(lab)}`;

export const isNamespaceOf = (lab: Lab, namespace: string) =>
  namespace.startsWith(`df-${lab.name}-`) && namespace.endsWith(`-${labTag(lab)}`);

export const FABRIC = "fabric";
export const namespacePath = (namespace: string) => join("/run/netns", namespace);
/** Files that `ip netns exec` lays over /etc (ip-netns(8)). */
export const namespaceEtc = (namespace: string) => join("/etc/netns", namespace);

/**
 * In the environment of every process that a lab starts, and of its children: by it they are found when no record
 * names them.
 */
export const MARK = "DRAGONFLOW_LAB_MARK";
export const markOf = (lab: Lab) => ({ [MARK]: lab.directory });

const HOST_NAME = /^host[1-9][0-9]{0,3}$/;
/** Two bytes of the underlay's prefix tell hosts apart. */
export const MAX_HOSTS = 1000;

export const hostName = (index: number) => `host${index}`;

export function checkVmName(name: string): void {
  checkName("VM", name);
  if (name === FABRIC || HOST_NAME.test(name))
    throw new LabError("bad-value", `VM "${name}": the name is taken by the lab itself`);
}

/** Tap device names follow the VM, not the port: two VMs may claim one port, on one host even. */
export function tapName(vm: string): string {
  const plain = `tap${vm}`;
  if (plain.length <= LINK_NAME_LIMIT) return plain;
  return `tap${createHash("sha256")
    .update(vm)
    .digest("hex")
    .slice(0, LINK_NAME_LIMIT - 3)}`;
}

/** Of the host with this index, 1 and up: addresses without prefix length, and the MAC of its tunnel endpoint. */
export type Underlay = { readonly ipv4: string; readonly ipv6: string; readonly mac: string };
export const UNDERLAY_PREFIX = { ipv4: 16, ipv6: 64 } as const;

export function underlayOf(index: number): Underlay {
  const high = index >> 8;
  const low = index & 0xff;
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  return {
    ipv4: `172.31.${high}.${low}`,
    ipv6: `fd00:df::${index.toString(16)}`,
    mac: `02:df:00:00:${hex(high)}:${hex(low)}`,
  };
}

/** The files of one host. `database` and `openflow` are what a controller connects to. */
export function hostPaths(lab: Lab, host: string) {
  const directory = join(lab.directory, "hosts", host);
  const at = (file: string) => join(directory, file);
  return {
    directory,
    database: at("db.sock"),
    databaseFile: at("conf.db"),
    openflow: at("br-int.mgmt"),
    pidFile: (daemon: string) => at(`${daemon}.pid`),
    control: (daemon: string) => at(`${daemon}.ctl`),
    log: (daemon: string) => at(`${daemon}.log`),
  };
}

export function vmPaths(lab: Lab, vm: string) {
  const directory = join(lab.directory, "vms", vm);
  return { directory, lease: join(directory, "lease"), routes: join(directory, "routes") };
}

export const logPath = (lab: Lab, processName: string) => join(lab.directory, "logs", `${processName}.log`);

export function checkProcessName(name: string): void {
  checkName("process", name);
}

export function checkSocketPaths(lab: Lab): void {
  const longest = hostPaths(lab, hostName(MAX_HOSTS)).control("ovsdb-server");
  const excess = Buffer.byteLength(longest) - SOCKET_PATH_LIMIT;
  if (excess > 0)
    throw new LabError("bad-value", `${lab.directory} is ${excess} bytes too long for sockets: set DRAGONFLOW_LAB_DIR`);
}
