/**
 * A real Open vSwitch for tests: its own ovsdb-server and ovs-vswitchd (userspace datapath) in a temporary directory
 * and a network namespace of its own, so that several run side by side and beside the machine's. Needs root and
 * openvswitch-switch.
 */
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const OUTPUT_BYTES = 256 * 1024 * 1024;
const COMMAND_DEADLINE_MS = 20_000;

/** A running switch with the bridge br-int, fail mode secure, OpenFlow 1.3 to 1.5. */
export interface TestSwitch extends AsyncDisposable {
  /** Holds sockets, database and logs; gone after `stop`. */
  readonly dir: string;
  readonly namespace: string;
  /** Path of the Unix socket that speaks OpenFlow with br-int, as many connections as one likes. */
  readonly bridgeSocket: string;
  /** The same as ovs-ofctl wants it: `unix:...`. */
  readonly bridge: string;
  /** Path of the Unix socket of ovsdb-server. */
  readonly ovsdbSocket: string;
  /** `ovs-ofctl -O OpenFlow15` with these arguments: its standard output. */
  ofctl(...args: readonly string[]): Promise<string>;
  /** `ovs-vsctl` with these arguments; waits until vswitchd has followed. */
  vsctl(...args: readonly string[]): Promise<string>;
  /** `ovs-appctl` to vswitchd with these arguments. */
  appctl(...args: readonly string[]): Promise<string>;
  /** Any command, in the namespace of the switch. */
  exec(command: string, ...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

let started = 0;
/** What a signal or the end of the process must still take down. */
const alive = new Set<() => void>();

function takeDownAll(): void {
  for (const takeDown of alive) takeDown();
  alive.clear();
}

function onSignal(signal: NodeJS.Signals): void {
  takeDownAll();
  process.kill(process.pid, signal);
}

function watchProcess(): void {
  process.on("exit", takeDownAll);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, onSignal);
}

/** Runs a command that may fail because there is nothing left to do. */
function attempt(command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

function killByPidFile(path: string): void {
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(path, "utf8"), 10);
  } catch (error) {
    // The daemon did not come so far as to write it.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  attempt("kill", "-KILL", String(pid));
}

/** Starts a switch; `vswitchdOptions` are further options of ovs-vswitchd. About 0.4 s. */
export async function startSwitch(vswitchdOptions: readonly string[] = []): Promise<TestSwitch> {
  if (started === 0) watchProcess();
  const namespace = `ovs-test-${process.pid}-${++started}`;
  const dir = await mkdtemp(join(tmpdir(), "ovs-test-"));
  const takeDown = (): void => {
    // The switch first: it would otherwise complain about the database that goes away.
    killByPidFile(join(dir, "vswitchd.pid"));
    killByPidFile(join(dir, "ovsdb.pid"));
    attempt("ip", "netns", "del", namespace);
    rmSync(dir, { recursive: true, force: true });
  };
  alive.add(takeDown);
  const stop = (): Promise<void> => {
    if (alive.delete(takeDown)) takeDown();
    return Promise.resolve();
  };

  const exec = async (command: string, ...args: readonly string[]): Promise<string> => {
    const { stdout } = await run("ip", ["netns", "exec", namespace, command, ...args], {
      env: { ...process.env, OVS_RUNDIR: dir },
      maxBuffer: OUTPUT_BYTES,
      timeout: COMMAND_DEADLINE_MS,
    });
    return stdout;
  };
  const ovsdbSocket = join(dir, "db.sock");
  const bridgeSocket = join(dir, "br-int.mgmt");
  const vsctl = (...args: readonly string[]): Promise<string> => exec("ovs-vsctl", `--db=unix:${ovsdbSocket}`, ...args);

  try {
    await run("ip", ["netns", "add", namespace]);
    await exec("ip", "link", "set", "lo", "up");
    await run("ovsdb-tool", ["create", join(dir, "conf.db"), "/usr/share/openvswitch/vswitch.ovsschema"]);
    const daemon = (name: string): string[] => [
      `--pidfile=${join(dir, `${name}.pid`)}`,
      `--unixctl=${join(dir, `${name}.ctl`)}`,
      `--log-file=${join(dir, `${name}.log`)}`,
      "--detach",
      "-vconsole:off",
    ];
    await exec("ovsdb-server", join(dir, "conf.db"), `--remote=punix:${ovsdbSocket}`, ...daemon("ovsdb"));
    await vsctl("--no-wait", "init");
    await exec("ovs-vswitchd", `unix:${ovsdbSocket}`, ...daemon("vswitchd"), "--disable-system", ...vswitchdOptions);
    const settings = ["datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13,OpenFlow14,OpenFlow15"];
    await vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", ...settings);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    dir,
    namespace,
    bridgeSocket,
    bridge: `unix:${bridgeSocket}`,
    ovsdbSocket,
    ofctl: (...args) => exec("ovs-ofctl", "-O", "OpenFlow15", ...args),
    vsctl,
    appctl: (...args) => exec("ovs-appctl", "-t", join(dir, "vswitchd.ctl"), ...args),
    exec,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
