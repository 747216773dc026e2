import { once } from "node:events";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import type { TestSwitch } from "@dragonflow/openflow/testing";

/** Where packets come from: a port of the datapath, because behind conntrack vswitchd looks for it, through patch ports as well. */
const LOCAL_PORT = 0xfffffffe;
const WHOLE = 0xffff;

/**
 * What is plugged into br-int as if it were VMs: patch ports to a bridge whose every packet comes to the test. What the test sends there comes in at
 * br-int's port.
 */
export class Stations {
  readonly #ovs: TestSwitch;
  readonly #socket: OpenFlowSocket;
  readonly #received = new Map<number, Uint8Array[]>();

  static async open(ovs: TestSwitch): Promise<Stations> {
    await ovs.vsctl("add-br", "br-vm", "--", "set", "bridge", "br-vm", "datapath_type=netdev", "fail_mode=secure");
    await ovs.vsctl("set", "bridge", "br-vm", "protocols=OpenFlow15");
    const socket = await connect(`unix:${ovs.dir}/br-vm.mgmt`);
    await socket.apply([
      { type: "set_packet_in_format", format: "packet_in2" },
      { type: "set_config", fragments: "normal", missSendLengthBytes: WHOLE },
      {
        type: "flow_mod",
        command: "add",
        table: 0,
        priority: 1,
        cookie: 0n,
        match: {},
        instructions: { apply: [{ type: "controller" }] },
      },
    ]);
    return new Stations(ovs, socket);
  }
  private constructor(ovs: TestSwitch, socket: OpenFlowSocket) {
    this.#ovs = ovs;
    this.#socket = socket;
    socket.on("message", (message) => {
      const port = message.type === "packet_in2" ? message.metadata?.in_port : undefined;
      if (message.type === "packet_in2" && typeof port === "number") this.received(port).push(message.frame.slice());
    });
  }

  /** Plugs a station in. `n` is its OpenFlow number on both bridges. */
  async plug(n: number, portId: string): Promise<void> {
    const [here, there] = [`tap${n}`, `vm${n}`];
    const add = (bridge: string, name: string, other: string): readonly string[] =>
      `add-port ${bridge} ${name} -- set interface ${name} type=patch options:peer=${other} ofport_request=${n}`.split(
        " ",
      );
    const identity = `external_ids:iface-id=${portId}`;
    await this.#ovs.vsctl(...add("br-vm", there, here), "--", ...add("br-int", here, there), identity);
  }
  async unplug(n: number): Promise<void> {
    await this.#ovs.vsctl("del-port", "br-int", `tap${n}`, "--", "del-port", "br-vm", `vm${n}`);
  }

  send(n: number, ...frames: readonly Uint8Array[]): void {
    this.#socket.send(
      frames.map((frame) => ({
        type: "packet_out" as const,
        match: { in_port: LOCAL_PORT },
        actions: [{ type: "output" as const, port: n }],
        frame,
      })),
    );
  }
  /** The frames that a station got, in order. */
  received(n: number): Uint8Array[] {
    const frames = this.#received.get(n) ?? [];
    this.#received.set(n, frames);
    return frames;
  }

  async close(): Promise<void> {
    if (!this.#socket.isOpen) return;
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }
}
