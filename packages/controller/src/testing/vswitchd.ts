/** What tests do to a real switch, and see of it from outside. */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type FlowUpdate, type OpenFlowSocket } from "@dragonflow/openflow";
import type { TestSwitch } from "@dragonflow/openflow/testing";
import { until } from "./until.ts";

export function isRunning(pid: number): boolean {
  // A process that has ended and was not waited for is still listed.
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Ends vswitchd at once, as a crash would; the database stays. */
export async function killVswitchd(ovs: TestSwitch): Promise<void> {
  const pid = Number.parseInt(readFileSync(join(ovs.dir, "vswitchd.pid"), "utf8"), 10);
  process.kill(pid, "SIGKILL");
  await until("vswitchd has ended", () => !isRunning(pid));
}

/** Starts it again: with the ports that the database knows, and without flows, groups and meters. */
export async function startVswitchd(ovs: TestSwitch): Promise<void> {
  const file = (end: string): string => join(ovs.dir, `vswitchd.${end}`);
  const options = [`--pidfile=${file("pid")}`, `--unixctl=${file("ctl")}`, `--log-file=${file("log")}`];
  await ovs.exec(
    "ovs-vswitchd",
    `unix:${ovs.ovsdbSocket}`,
    ...options,
    "--detach",
    "-vconsole:off",
    "--disable-system",
  );
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
