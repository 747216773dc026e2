/** What tests do to a real switch, and see of it from outside. */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type FlowUpdate, type OpenFlowSocket } from "@dragonflow/openflow";
import type { TestSwitch } from "@dragonflow/openflow/testing";
import { until } from "./until.ts";

function isRunning(pid: number): boolean {
  // A process that has ended and was not waited for is still listed.
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Ends vswitchd at once, as a crash would; the database stays. */
export const killVswitchd = (ovs: TestSwitch): Promise<void> => kill(ovs, "vswitchd");
/** Starts it again: with the ports that the database knows, and without flows, groups and meters. */
export async function startVswitchd(ovs: TestSwitch): Promise<void> {
  await ovs.exec("ovs-vswitchd", `unix:${ovs.ovsdbSocket}`, ...daemon(ovs, "vswitchd"), "--disable-system");
}
export const killOvsdb = (ovs: TestSwitch): Promise<void> => kill(ovs, "ovsdb");
export async function startOvsdb(ovs: TestSwitch): Promise<void> {
  const remote = `--remote=punix:${ovs.ovsdbSocket}`;
  await ovs.exec("ovsdb-server", join(ovs.dir, "conf.db"), remote, ...daemon(ovs, "ovsdb"));
}

async function kill(ovs: TestSwitch, name: string): Promise<void> {
  const pid = Number.parseInt(readFileSync(join(ovs.dir, `${name}.pid`), "utf8"), 10);
  process.kill(pid, "SIGKILL");
  await until(`${name} has ended`, () => !isRunning(pid));
}
function daemon(ovs: TestSwitch, name: string): readonly string[] {
  const file = (end: string): string => join(ovs.dir, `${name}.${end}`);
  const files = [`--pidfile=${file("pid")}`, `--unixctl=${file("ctl")}`, `--log-file=${file("log")}`];
  return [...files, "--detach", "-vconsole:off"];
}

/** Every change to the flows of a bridge, as Open vSwitch's own flow monitor tells it to another connection. */
export class FlowWatch {
  readonly events: FlowUpdate[] = [];
  readonly #socket: OpenFlowSocket;

  static async open(bridge: string): Promise<FlowWatch> {
    const socket = await connect(bridge);
    const watch = new FlowWatch(socket);
    const flags = ["add", "removed", "modify"] as const;
    await socket.request({
      type: "flow_monitor_request",
      entries: [{ monitor: 1, flags, command: "add", match: {} }],
    });
    return watch;
  }
  private constructor(socket: OpenFlowSocket) {
    this.#socket = socket;
    socket.on("message", (message) => {
      if (message.type === "flow_monitor_reply") this.events.push(...message.entries);
    });
  }

  /** What has happened since the last time. */
  async take(): Promise<readonly FlowUpdate[]> {
    // Updates come before the answer to a barrier of the same connection.
    await this.#socket.barrier();
    return this.events.splice(0);
  }
  async close(): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }
}
