/** What Open vSwitch itself says about its flows: the other side's count, not our own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { LabHost } from "@dragonflow/lab";
import { run } from "./cloud.ts";
import { until } from "./until.ts";

const OFCTL = ["ovs-ofctl", "-O", "OpenFlow15"] as const;

/** The flows of br-int as `ovs-ofctl` prints them, cookies included, without counters and times; sorted. */
export async function flowsOf(host: LabHost): Promise<string[]> {
  const printed = await run([...OFCTL, "--no-stats", "--no-names", "dump-flows", host.openflow]);
  return printed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("OFPST_FLOW"))
    .sort();
}

/** The groups of br-int, likewise. */
export async function groupsOf(host: LabHost): Promise<string[]> {
  const printed = await run([...OFCTL, "--no-names", "dump-groups", host.openflow]);
  return printed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("group_id="))
    .sort();
}

/** `ovs-ofctl ARGS` on br-int: `add-flow` becomes `ovs-ofctl -O OpenFlow15 add-flow SOCKET FLOW`. */
export async function ofctl(host: LabHost, command: string, ...args: string[]): Promise<string> {
  return run([...OFCTL, command, host.openflow, ...args]);
}

/** `ovs-vsctl ARGS` on this host. */
export async function vsctl(host: LabHost, ...args: string[]): Promise<string> {
  return (await run(["ovs-vsctl", `--db=${host.ovsdb}`, "--timeout=20", ...args])).trim();
}

/** Whatever anybody changes in the flow tables of one br-int, counted by Open vSwitch's flow monitor. */
export class FlowMonitor implements AsyncDisposable {
  readonly #child: ReturnType<typeof watch>;
  readonly #host: LabHost;
  readonly #ended: Promise<unknown>;
  readonly #events: string[] = [];
  #markers = 0;

  private constructor(child: ReturnType<typeof watch>, host: LabHost) {
    this.#child = child;
    this.#ended = once(child, "close");
    this.#host = host;
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (/ event=/.test(line)) this.#events.push(line.trim());
    });
  }

  static async open(host: LabHost): Promise<FlowMonitor> {
    const monitor = new FlowMonitor(watch(host), host);
    try {
      await monitor.#mark();
    } catch (error) {
      await monitor[Symbol.asyncDispose]();
      throw error;
    }
    monitor.#events.length = 0;
    return monitor;
  }

  /** Every change so far: ` event=ADDED table=3 cookie=0x...`. The monitor has seen what the switch did before the call. */
  async events(): Promise<readonly string[]> {
    await this.#mark();
    return [...this.#events];
  }

  async forget(): Promise<void> {
    await this.#mark();
    this.#events.length = 0;
  }

  /** A flow of the test's own, in a table that nobody uses: once it shows up, everything before it has. */
  async #mark(): Promise<void> {
    const cookie = `cookie=0xfeed${(++this.#markers).toString(16).padStart(8, "0")}`;
    const isMarker = (event: string): boolean => event.includes(cookie);
    await until(
      "the flow monitor shows a change",
      async () => {
        await ofctl(this.#host, "add-flow", `${cookie},table=250,priority=1,actions=drop`);
        await ofctl(this.#host, "del-flows", `${cookie}/-1,table=250`);
        return this.#events.some((event) => isMarker(event) && event.includes("event=DELETED"));
      },
      { deadlineMs: 20_000 },
    );
    const others = this.#events.filter((event) => !isMarker(event));
    this.#events.splice(0, this.#events.length, ...others);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }
}

/** What the monitor tells goes to its standard error. */
function watch(host: LabHost) {
  return spawn(
    "ovs-ofctl",
    ["-O", "OpenFlow15", "--no-names", "--unixctl=none", "monitor", host.openflow, "watch:!initial"],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
}
