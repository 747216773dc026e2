/**
 * A host: a namespace with its own ovsdb-server and ovs-vswitchd, and two bridges.
 *
 *   fabric namespace            host namespace
 *   [fabric]---uplink-hostN-----eth0---[br-phy]---tunnel endpoint address     [br-int]---tap of each VM
 *
 * On the userspace datapath a tunnel's endpoint address must sit on a netdev bridge that holds the uplink: br-phy.
 */
import { rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { LabError } from "./errors.ts";
import { FABRIC, hostName, hostPaths, type Lab, MAX_HOSTS, namespaceName, underlayOf } from "./names.ts";
import { addNamespaces, killInhabitants, runBatch, silenceKernel, unplugNamespace } from "./namespaces.ts";
import { isUp, killDaemons, startOpenVswitch } from "./open-vswitch.ts";
import { killProcessesOf, startWanted } from "./processes.ts";
import { type Daemon, DAEMONS, hostOf, type HostState, readReadyState, type Session, withSession } from "./state.ts";
import { together } from "./tool.ts";
import { resolveUnderlay } from "./underlay.ts";

/** What a controller of this host needs to know. */
export type LabHost = {
  readonly name: string;
  readonly chassis: string;
  readonly namespace: string;
  /** Its files, sockets and logs: OVS_RUNDIR for whoever talks to its Open vSwitch with its own tools. */
  readonly directory: string;
  /** `unix:PATH` of the host's ovsdb-server. */
  readonly ovsdb: string;
  /** `unix:PATH` of br-int's OpenFlow service. */
  readonly openflow: string;
  readonly encapIpv4: string;
  readonly encapIpv6: string;
  readonly running: boolean;
};

function describeHost(lab: Lab, host: HostState): LabHost {
  const paths = hostPaths(lab, host.name);
  const { ipv4, ipv6 } = underlayOf(host.index);
  return {
    name: host.name,
    chassis: host.chassis,
    namespace: host.namespace,
    directory: paths.directory,
    ovsdb: `unix:${paths.database}`,
    openflow: `unix:${paths.openflow}`,
    encapIpv4: ipv4,
    encapIpv6: ipv6,
    running: isUp(host),
  };
}

export async function listHosts(lab: Lab): Promise<LabHost[]> {
  return (await readReadyState(lab)).hosts.map((host) => describeHost(lab, host));
}

/** A host that exists in the record only. The smallest index that is free: an endpoint address is never shared. */
export function planHost(session: Session): HostState {
  const taken = new Set(session.state.hosts.map((host) => host.index));
  const index = Array.from({ length: MAX_HOSTS }, (_, i) => i + 1).find((candidate) => !taken.has(candidate));
  if (index === undefined) throw new LabError("bad-value", `a lab has at most ${MAX_HOSTS} hosts`);
  const name = hostName(index);
  const host: HostState = {
    name,
    index,
    chassis: name,
    namespace: namespaceName(session.lab, name),
    daemons: { "ovsdb-server": null, "ovs-vswitchd": null },
    stalePorts: [],
  };
  session.state.hosts.push(host);
  return host;
}

/** Makes the fabric: an Ethernet switch that every host's uplink is plugged into. */
export async function makeFabric(session: Session): Promise<void> {
  const fabric = namespaceName(session.lab, FABRIC);
  await addNamespaces(session.tool, [fabric]);
  await silenceKernel(session.tool, [fabric]);
  await runBatch(session.tool, fabric, ["link add fabric type bridge", "link set fabric up"]);
}

/** Makes the namespaces of hosts that are in the record already, and joins them to the fabric. */
export async function wireHosts(session: Session, hosts: readonly HostState[]): Promise<void> {
  const namespaces = hosts.map((host) => host.namespace);
  await addNamespaces(session.tool, namespaces);
  await silenceKernel(session.tool, namespaces);
  const wires = hosts.flatMap(({ name, namespace }) => [
    `link add uplink-${name} type veth peer name eth0 netns ${namespace}`,
    `link set uplink-${name} master fabric up`,
  ]);
  await runBatch(session.tool, namespaceName(session.lab, FABRIC), wires);
  await together(
    hosts.map(({ namespace }) => runBatch(session.tool, namespace, ["link set lo up", "link set eth0 up"])),
  );
}

/**
 * Kills, with SIGKILL, all that runs on a host (Open vSwitch first) or is recorded for it. Its namespace, wires and
 * VMs stay.
 */
export async function killHost(lab: Lab, name: string): Promise<void> {
  await withSession(lab, async (session) => {
    const host = hostOf(session.state, name);
    await killAllOf(session, host);
  });
}

async function killAllOf(session: Session, host: HostState): Promise<void> {
  await killDaemons(session, host, DAEMONS);
  await killProcessesOf(session, (entry) => entry.host === host.name);
  await killInhabitants([host.namespace], null);
}

/**
 * Starts what was killed, as after a reboot: the database and its ports are kept, flows are gone, recorded processes
 * start again.
 */
export async function startHost(lab: Lab, name: string): Promise<void> {
  await withSession(lab, async (session) => {
    const host = hostOf(session.state, name);
    await startOpenVswitch(session, host);
    await resolveUnderlay(session);
    await startWanted(session, (entry) => entry.host === name);
  });
}

/**
 * Ends one daemon of a host and starts it again, while everything else runs on. `signal`: SIGKILL unless told. `downMs`: how long it stays down.
 */
export async function restartDaemon(
  lab: Lab,
  name: string,
  daemon: Daemon,
  options: { readonly downMs?: number; readonly signal?: "SIGTERM" | "SIGKILL" } = {},
): Promise<void> {
  await withSession(lab, async (session) => {
    const host = hostOf(session.state, name);
    await killDaemons(session, host, [daemon], options.signal);
    await pause(options.downMs ?? 0);
    await startOpenVswitch(session, host);
    await resolveUnderlay(session);
  });
}

/** Joins one more host to a running lab. */
export async function addHost(lab: Lab): Promise<LabHost> {
  return withSession(lab, async (session) => {
    const host = planHost(session);
    await session.save();
    try {
      await wireHosts(session, [host]);
      await startOpenVswitch(session, host);
      await resolveUnderlay(session);
    } catch (error) {
      await destroyHost(session, host);
      throw error;
    }
    return describeHost(lab, host);
  });
}

/** Takes a host out for good. @throws {LabError} `bad-value` while VMs are on it */
export async function removeHost(lab: Lab, name: string): Promise<void> {
  await withSession(lab, async (session) => {
    const host = hostOf(session.state, name);
    const vms = session.state.vms.filter((vm) => vm.host === name).map((vm) => vm.name);
    if (vms.length > 0) throw new LabError("bad-value", `${name} has VMs: move or remove ${vms.join(", ")} first`);
    await destroyHost(session, host);
  });
}

async function destroyHost(session: Session, host: HostState): Promise<void> {
  await killAllOf(session, host);
  await unplugNamespace(host.namespace, session.tool);
  await rm(hostPaths(session.lab, host.name).directory, { recursive: true, force: true });
  session.state.processes = session.state.processes.filter((entry) => entry.host !== host.name);
  session.state.hosts = session.state.hosts.filter((other) => other !== host);
  await session.save();
}
