/**
 * A VM: a namespace whose eth0 is one end of a veth pair; the other end is a tap in the host's namespace, plugged
 * into br-int with `external_ids:iface-id`, as a hypervisor does it.
 */
import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { isIP } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isErrno, LabError } from "./errors.ts";
import { checkVmName, type Lab, makeDirectory, namespaceName, tapName, vmPaths } from "./names.ts";
import { addNamespaces, addResolvConf, resolvConf, runBatch, setKernel, unplugNamespace } from "./namespaces.ts";
import { isUp, vsctl } from "./open-vswitch.ts";
import { isRunning } from "./process-ref.ts";
import { killProcessesOf, newProcess, startProcess } from "./processes.ts";
import { hostOf, type HostState, readReadyState, type Session, type VmState, vmOf, withSession } from "./state.ts";
import { inNamespace } from "./tool.ts";

export type VmSpec = {
  /** `vm1`, `vm2` ... unless told. */
  readonly name?: string;
  readonly host: string;
  /** Becomes `external_ids:iface-id`: the Neutron port that this interface is. */
  readonly portId: string;
  readonly mac: string;
  /** Of eth0, in bytes; 1442 unless told: what Geneve with an option leaves of 1500 on an IPv4 underlay. */
  readonly mtu?: number;
  /** A real DHCP client (udhcpc) that runs until the VM is removed; true unless told. */
  readonly dhcp?: boolean;
  /** Static addresses with prefix length, IPv4 and IPv6; besides DHCP too. */
  readonly addresses?: readonly string[];
  /** Next hops of the default routes, at most one per family. */
  readonly gateways?: readonly string[];
  /** False leaves the tap out of br-int, for whoever plugs it by a transaction of their own. */
  readonly plug?: boolean;
};

export type LabVm = {
  readonly name: string;
  readonly host: string;
  readonly namespace: string;
  readonly portId: string;
  readonly mac: string;
  readonly mtu: number;
  /** The device in the host's namespace. */
  readonly tap: string;
};

const DHCP_SCRIPT = fileURLToPath(new URL("./udhcpc-script.sh", import.meta.url));
const DEFAULT_MTU = 1442;
/**
 * As ovs-vswitchd wants a device, so that plugging it changes nothing about it: at each change of a link vswitchd forgets
 * its routes and reads them anew, and a flow that it looks through in that instant finds no way into its tunnel.
 */
const PLUGGABLE = "up promisc on";

const describeVm = ({ name, host, namespace, portId, mac, mtu, tap }: VmState): LabVm => ({
  name,
  host,
  namespace,
  portId,
  mac,
  mtu,
  tap,
});

export async function listVms(lab: Lab): Promise<LabVm[]> {
  return (await readReadyState(lab)).vms.map(describeVm);
}

function checkSpec(spec: VmSpec): void {
  const bad = (what: string): never => {
    throw new LabError("bad-value", what);
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/.test(spec.portId)) bad(`port id "${spec.portId}"`);
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(spec.mac))
    bad(`MAC address "${spec.mac}": six bytes as in 02:00:00:00:00:01`);
  const mtu = spec.mtu ?? DEFAULT_MTU;
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535) bad(`MTU ${mtu}: 68 to 65535`);
  for (const address of spec.addresses ?? []) {
    const [ip = "", length = ""] = address.split("/");
    const bits = { 4: 32, 6: 128 }[isIP(ip)];
    if (bits === undefined || !/^\d{1,3}$/.test(length) || Number(length) > bits)
      bad(`address "${address}": as in 10.0.0.5/24`);
  }
  for (const gateway of spec.gateways ?? [])
    if (isIP(gateway) === 0) bad(`gateway "${gateway}": an IPv4 or IPv6 address`);
}

/** Makes a VM, plugs it, and starts its DHCP client; see {@link waitForLease}. Nothing of it stays when that fails. */
export async function addVm(lab: Lab, spec: VmSpec): Promise<LabVm> {
  checkSpec(spec);
  return withSession(lab, async (session) => {
    const host = hostOf(session.state, spec.host);
    if (!isUp(host))
      throw new LabError("down", `${host.name} is down: dragonflow lab host start ${host.name} --lab ${lab.name}`);
    const vm = planVm(session, spec);
    await session.save();
    try {
      await makeVm(session, vm, host, spec);
      if (spec.plug !== false) await plug(session, vm);
      if (spec.dhcp !== false) await startDhcpClient(session, vm);
    } catch (error) {
      await destroyVm(session, vm);
      throw error;
    }
    return describeVm(vm);
  });
}

function planVm(session: Session, spec: VmSpec): VmState {
  const { vms } = session.state;
  const free = (name: string) => !vms.some((vm) => vm.name === name);
  const numbered = () => Array.from({ length: vms.length + 1 }, (_, i) => `vm${i + 1}`).find(free) ?? "";
  const name = spec.name ?? numbered();
  checkVmName(name);
  if (!free(name)) throw new LabError("exists", `there is a VM "${name}" already`);
  const { host, portId, mtu = DEFAULT_MTU } = spec;
  const namespace = namespaceName(session.lab, name);
  const vm: VmState = { name, host, namespace, portId, mac: spec.mac.toLowerCase(), mtu, tap: tapName(name) };
  vms.push(vm);
  return vm;
}

async function makeVm(session: Session, vm: VmState, host: HostState, spec: VmSpec): Promise<void> {
  const { namespace, tap, mac, mtu } = vm;
  const isIpv6 = (address: string) => address.includes(":");
  await makeDirectory(vmPaths(session.lab, vm.name).directory);
  await addResolvConf(namespace);
  await addNamespaces(session.tool, [namespace]);
  await setKernel(session.tool, namespace, ["net.ipv4.ip_forward=0"]);
  await runBatch(session.tool, host.namespace, [
    `link add ${tap} mtu ${mtu} type veth peer name eth0 address ${mac} mtu ${mtu} netns ${namespace}`,
    `link set ${tap} ${PLUGGABLE}`,
  ]);
  // The userspace datapath forwards a frame as the VM left it: a checksum left to hardware would never be filled in.
  await session.tool(inNamespace(namespace, ["ethtool", "-K", "eth0", "tx", "off"]));
  await runBatch(session.tool, namespace, [
    "link set lo up",
    "link set eth0 up",
    // Given addresses are usable at once; what the kernel makes itself (link-local) goes through duplicate address
    // detection.
    ...(spec.addresses ?? []).map(
      (address) => `addr add ${address} dev eth0${isIpv6(address) ? " nodad" : " broadcast +"}`,
    ),
    ...(spec.gateways ?? []).map(
      (gateway) => `route add ${isIpv6(gateway) ? "::/0" : "0.0.0.0/0"} via ${gateway} dev eth0`,
    ),
  ]);
}

async function plug(session: Session, vm: VmState): Promise<void> {
  const identity = { "iface-id": vm.portId, "attached-mac": vm.mac, "vm-id": randomUUID() };
  const settings = Object.entries(identity).map(([key, value]) => `external_ids:${key}="${value}"`);
  const add = ["--may-exist", "add-port", "br-int", vm.tap];
  await vsctl(session, vm.host, [...add, "--", "set", "Interface", vm.tap, ...settings]);
}

/** A host that is down forgets the port when it starts again. */
async function unplug(session: Session, vm: VmState): Promise<void> {
  const host = session.state.hosts.find((candidate) => candidate.name === vm.host);
  if (!host) return;
  if (isRunning(host.daemons["ovsdb-server"])) {
    await vsctl(
      session,
      host.name,
      ["--if-exists", "del-port", "br-int", vm.tap],
      isRunning(host.daemons["ovs-vswitchd"]),
    );
  } else {
    host.stalePorts = [...new Set([...host.stalePorts, vm.tap])];
    await session.save();
  }
}

async function startDhcpClient(session: Session, vm: VmState): Promise<void> {
  const { lease, routes } = vmPaths(session.lab, vm.name);
  const options = ["mtu", "staticroutes", "search"].flatMap((option) => ["-O", option]);
  const pace = ["-t", "3", "-T", "1", "-A", "1"];
  const entry = newProcess(
    session,
    {
      name: `dhcp-${vm.name}`,
      argv: ["udhcpc", "-f", "-i", "eth0", "-s", DHCP_SCRIPT, "-x", `hostname:${vm.name}`, ...pace, ...options],
      cwd: "/",
      env: { LAB_LEASE: lease, LAB_ROUTES: routes, LAB_RESOLV_CONF: resolvConf(vm.namespace) },
      netns: vm.namespace,
    },
    vm.name,
  );
  await startProcess(session, entry);
}

/**
 * Waits for the VM's DHCP client.
 * @returns the address that it was given, with prefix length, or null when there was none in time
 */
export async function waitForLease(lab: Lab, name: string, timeoutMs = 30_000): Promise<string | null> {
  vmOf(await readReadyState(lab), name);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return (await readFile(vmPaths(lab, name).lease, "utf8")).trim();
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
    if (performance.now() > deadline) return null;
    await pause(20);
  }
}

/**
 * Moves a VM to another host, as a live migration ends: unplugged here, plugged there, with the MAC, the addresses
 * and the processes that it had. The host that it leaves may be down.
 */
export async function moveVm(lab: Lab, name: string, to: string): Promise<void> {
  await withSession(lab, async (session) => {
    const vm = vmOf(session.state, name);
    const from = hostOf(session.state, vm.host);
    const target = hostOf(session.state, to);
    if (from === target) return;
    if (!isUp(target)) throw new LabError("down", `${to} is down: dragonflow lab host start ${to} --lab ${lab.name}`);
    await unplug(session, vm);
    await runBatch(session.tool, from.namespace, [`link set ${vm.tap} netns ${target.namespace}`]);
    vm.host = to;
    await session.save();
    await runBatch(session.tool, target.namespace, [`link set ${vm.tap} ${PLUGGABLE}`]);
    await plug(session, vm);
  });
}

/** Unplugs a VM and removes it with everything that runs in it. @throws {LabError} `unknown` */
export async function removeVm(lab: Lab, name: string): Promise<void> {
  await withSession(lab, async (session) => destroyVm(session, vmOf(session.state, name)));
}

async function destroyVm(session: Session, vm: VmState): Promise<void> {
  const { state, lab } = session;
  await unplug(session, vm);
  await killProcessesOf(session, (entry) => entry.vm === vm.name);
  await unplugNamespace(vm.namespace, session.tool);
  await rm(vmPaths(lab, vm.name).directory, { recursive: true, force: true });
  state.processes = state.processes.filter((entry) => entry.vm !== vm.name);
  state.vms = state.vms.filter((other) => other !== vm);
  await session.save();
}
