/** One host's ovsdb-server and ovs-vswitchd: started, configured, addressed, killed. */
import { access, readFile } from "node:fs/promises";
import { isErrno, LabError } from "./errors.ts";
import { hostPaths, makeDirectory, markOf, UNDERLAY_PREFIX, underlayOf } from "./names.ts";
import { runBatch, setKernel } from "./namespaces.ts";
import { isRunning, killProcesses, type ProcessRef, refOf, signalProcess, waitUntilGone } from "./process-ref.ts";
import { type Daemon, DAEMONS, type HostState, type Session } from "./state.ts";
import { inNamespace, runTool } from "./tool.ts";

/** How long a daemon may take to end by itself. */
const TERM_GRACE_MS = 5_000;
const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";

export const isUp = (host: HostState) => DAEMONS.every((daemon) => isRunning(host.daemons[daemon]));

/** ovs-vsctl on a host. Waits until ovs-vswitchd has done it, unless `wait` is false. */
export async function vsctl(session: Session, host: string, args: readonly string[], wait = true): Promise<string> {
  const { database } = hostPaths(session.lab, host);
  return session.tool(["ovs-vsctl", `--db=unix:${database}`, "--timeout=10", ...(wait ? [] : ["--no-wait"]), ...args]);
}

/**
 * Starts what does not run of a host's Open vSwitch; its bridges, its ports and its underlay address are then there.
 */
export async function startOpenVswitch(session: Session, host: HostState): Promise<void> {
  const { database } = hostPaths(session.lab, host.name);
  if (!isRunning(host.daemons["ovsdb-server"])) await startDatabase(session, host);
  await configure(session, host);
  if (!isRunning(host.daemons["ovs-vswitchd"])) {
    // No kernel datapath, even where the machine has one.
    await startDaemon(session, host, "ovs-vswitchd", [`unix:${database}`, "--disable-system"]);
  }
  await addressUnderlay(session, host);
}

async function startDatabase(session: Session, host: HostState): Promise<void> {
  const { directory, database, databaseFile } = hostPaths(session.lab, host.name);
  try {
    await access(databaseFile);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    await makeDirectory(directory);
    await session.tool(["ovsdb-tool", "create", databaseFile, SCHEMA]);
  }
  await startDaemon(session, host, "ovsdb-server", [databaseFile, `--remote=punix:${database}`]);
}

/**
 * Daemons detach once they serve. They are started outside the lock, which they would hold for life; until they are
 * recorded, the lab's mark and their namespace tell whose they are.
 */
async function startDaemon(session: Session, host: HostState, daemon: Daemon, args: readonly string[]): Promise<void> {
  const paths = hostPaths(session.lab, host.name);
  const pidFile = paths.pidFile(daemon);
  const files = [`--pidfile=${pidFile}`, `--unixctl=${paths.control(daemon)}`, `--log-file=${paths.log(daemon)}`];
  await runTool(inNamespace(host.namespace, [daemon, ...args, "--detach", ...files, "-vconsole:off"]), {
    env: { OVS_RUNDIR: paths.directory, ...markOf(session.lab) },
  });
  const ref = refOf(Number(await readFile(pidFile, "utf8")));
  if (!ref) throw new LabError("tool-failed", `${daemon} of ${host.name} ended at once: see ${paths.log(daemon)}`);
  host.daemons[daemon] = ref;
  await session.save();
}

/**
 * Everything that the database says about a host, before its switch reads it: one reconfiguration instead of several.
 */
async function configure(session: Session, host: HostState): Promise<void> {
  const { ipv4, ipv6, mac } = underlayOf(host.index);
  const identity = [
    `external_ids:system-id=${host.chassis}`,
    `external_ids:hostname=${host.name}`,
    `external_ids:dragonflow-encap-ip=${ipv4}`,
    `external_ids:dragonflow-encap-ip6="${ipv6}"`,
  ];
  // The endpoint's MAC must not be the uplink's own: the kernel would take the tunnelled packets for its own and
  // answer with errors.
  const brPhy = ["datapath_type=netdev", `other_config:hwaddr="${mac}"`];
  const brInt = ["datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13,OpenFlow14,OpenFlow15"];
  const commands = [
    ["init"],
    ["set", "Open_vSwitch", ".", ...identity],
    ["--may-exist", "add-br", "br-phy"],
    ["set", "Bridge", "br-phy", ...brPhy],
    ["--may-exist", "add-port", "br-phy", "eth0"],
    ["--may-exist", "add-br", "br-int"],
    ["set", "Bridge", "br-int", ...brInt],
    ...host.stalePorts.map((port) => ["--if-exists", "del-port", "br-int", port]),
  ];
  const script = commands.flatMap((command) => ["--", ...command]);
  await vsctl(session, host.name, script, false);
  host.stalePorts = [];
  await session.save();
}

/** br-phy is a device of ovs-vswitchd's: it comes and goes with it, and its addresses with it. */
async function addressUnderlay(session: Session, host: HostState): Promise<void> {
  const { ipv4, ipv6 } = underlayOf(host.index);
  const speak = ["net.ipv6.conf.br-phy.disable_ipv6=0", "net.ipv4.conf.br-phy.arp_ignore=0"];
  await setKernel(session.tool, host.namespace, speak);
  await runBatch(session.tool, host.namespace, [
    `addr replace ${ipv4}/${UNDERLAY_PREFIX.ipv4} dev br-phy`,
    `addr replace ${ipv6}/${UNDERLAY_PREFIX.ipv6} dev br-phy nodad`,
    "link set br-phy up",
  ]);
}

/** SIGKILL, or SIGTERM at first; the record shows them as down. */
export async function killDaemons(
  session: Session,
  host: HostState,
  daemons: readonly Daemon[],
  signal: "SIGTERM" | "SIGKILL" = "SIGKILL",
): Promise<void> {
  const refs = daemons.map((daemon) => host.daemons[daemon]).filter((ref): ref is ProcessRef => ref !== null);
  for (const ref of refs) signalProcess(ref, signal);
  if (signal === "SIGKILL" || !(await waitUntilGone(refs, TERM_GRACE_MS))) await killProcesses(refs);
  for (const daemon of daemons) host.daemons[daemon] = null;
  await session.save();
}
