import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

/** Every flow event of the bridge as `ovs-ofctl monitor` tells it, with its time. */
export class FlowEvents {
  readonly times: number[] = [];
  readonly #process: ChildProcess;
  constructor(bridge: string) {
    this.#process = spawn("ovs-ofctl", ["-O", "OpenFlow15", "monitor", bridge, "watch:!initial"], {
      stdio: ["ignore", "pipe", "pipe"],
      // It keeps a control socket, which must not meet that of another Open vSwitch.
      env: { ...process.env, OVS_RUNDIR: dirname(bridge.replace("unix:", "")) },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream)
        createInterface(stream).on("line", (line) => line.includes("event=") && this.times.push(performance.now()));
    }
  }
  /** Waits until nothing has come for a while. */
  async quiet(): Promise<void> {
    for (let seen = -1; seen !== this.times.length; ) {
      seen = this.times.length;
      await wait(400);
    }
  }
  async close(): Promise<void> {
    if (this.#process.exitCode !== null)
      throw new Error(`ovs-ofctl monitor ended by itself with ${this.#process.exitCode}`);
    this.#process.kill();
    await once(this.#process, "close");
  }
}
