/** Network namespaces: made, silenced, and removed with all that runs in them. */
import { readdir, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno, LabError } from "./errors.ts";
import { isNamespaceOf, type Lab, makeDirectory, namespaceEtc, namespacePath } from "./names.ts";
import { findProcesses, killProcesses, type ProcessRef } from "./process-ref.ts";
import { inNamespace, type Run, runTool, together } from "./tool.ts";

const NETNS_DIRECTORY = dirname(namespacePath("-"));

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Namespaces of a lab that exist, whether its records name them or not. */
export async function namespacesOf(lab: Lab): Promise<string[]> {
  return (await entriesOf(NETNS_DIRECTORY)).filter((name) => isNamespaceOf(lab, name)).sort();
}

/** @throws {LabError} `exists` when one of these names is taken; none of them is made then */
export async function addNamespaces(run: Run, names: readonly string[]): Promise<void> {
  const present = new Set(await entriesOf(NETNS_DIRECTORY));
  const taken = names.filter((name) => present.has(name));
  if (taken.length > 0) throw new LabError("exists", `the network namespace ${taken.join(", ")} exists already`);
  await runBatch(
    run,
    null,
    names.map((name) => `netns add ${name}`),
  );
}

/** Many commands of ip(8) by one process, inside a namespace, or in this one's own when it is null. */
export async function runBatch(run: Run, namespace: string | null, commands: readonly string[]): Promise<void> {
  const inside = namespace === null ? [] : ["-n", namespace];
  await run(["ip", ...inside, "-batch", "-"], { input: `${commands.join("\n")}\n` });
}

/**
 * The kernel sees every frame that enters a port of the userspace datapath as well. It must not speak there: no IPv6
 * of its own, no ARP answers for the tunnel endpoint to a VM that asks, no routing (a namespace inherits ip_forward
 * from the machine).
 */
export async function silenceKernel(run: Run, namespaces: readonly string[]): Promise<void> {
  const settings = [
    "net.ipv6.conf.default.disable_ipv6=1",
    "net.ipv4.conf.default.arp_ignore=8",
    "net.ipv4.ip_forward=0",
  ];
  await together(namespaces.map((namespace) => setKernel(run, namespace, settings)));
}

/** sysctl(8) inside a namespace. @param settings `KEY=VALUE` */
export async function setKernel(run: Run, namespace: string, settings: readonly string[]): Promise<void> {
  await run(inNamespace(namespace, ["sysctl", "-q", "-w", ...settings]));
}

/**
 * What runs in there sees this resolv.conf in place of the machine's, and cannot replace the machine's (DHCP clients
 * try to).
 */
export async function addResolvConf(namespace: string): Promise<void> {
  const directory = namespaceEtc(namespace);
  await rm(directory, { recursive: true, force: true });
  await makeDirectory(directory);
  await writeFile(resolvConf(namespace), "");
}

export const resolvConf = (namespace: string) => join(namespaceEtc(namespace), "resolv.conf");

/** SIGKILL to all that runs in these namespaces or carries this environment entry, until a look finds nothing more. */
export async function killInhabitants(
  namespaces: readonly string[],
  environmentEntry: string | null,
): Promise<ProcessRef[]> {
  const inodes = new Set<number>();
  for (const namespace of namespaces) {
    const inode = await inodeOf(namespace);
    if (inode !== null) inodes.add(inode);
  }
  const killed: ProcessRef[] = [];
  for (;;) {
    // A process may have forked between the look and the kill.
    const found = findProcesses(inodes, environmentEntry);
    if (found.length === 0) return killed;
    await killProcesses(found);
    killed.push(...found);
  }
}

async function inodeOf(namespace: string): Promise<number | null> {
  try {
    return (await stat(namespacePath(namespace))).ino;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/**
 * Removes namespaces with their links, their processes and their files in /etc/netns; those that are gone already are
 * no error.
 */
export async function removeNamespaces(names: readonly string[], run: Run = runTool): Promise<string[]> {
  await killInhabitants(names, null);
  const present = new Set(await entriesOf(NETNS_DIRECTORY));
  const existing = names.filter((name) => present.has(name));
  if (existing.length > 0) {
    await runBatch(
      run,
      null,
      existing.map((name) => `netns del ${name}`),
    );
  }
  for (const name of names) await rm(namespaceEtc(name), { recursive: true, force: true });
  await removeIfEmpty(dirname(namespaceEtc("-")));
  return existing;
}

/**
 * One namespace, and the other end of its eth0 at once: the kernel takes a namespace apart some time after its
 * removal, and until then the other end would be in the way of whoever comes next under that name.
 */
export async function unplugNamespace(name: string, run: Run): Promise<void> {
  // One that was only half made has no eth0, or does not exist: ip's status then is 1 or 255.
  await run(["ip", "-n", name, "link", "del", "eth0"], { accept: [0, 1, 255] });
  await removeNamespaces([name], run);
}

/** Other labs may share a directory: the last one out removes it. */
export async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST", "EBUSY"].some((code) => isErrno(error, code))) throw error;
  }
}
