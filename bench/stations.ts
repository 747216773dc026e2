import { once } from "node:events";
import { decodePacket, type Layers } from "@dragonflow/packet";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import type { Cloud } from "./cloud.ts";

const BRIDGE = "br-vm";
/** OFPP_LOCAL: behind conntrack, vswitchd looks for the port that a packet came from. */
const LOCAL_PORT = 0xfffffffe;
const WHOLE = 0xffff;
const AT_ONCE = 100;

type Arrival = (layers: Layers, at: number) => void;

/**
 * As many VMs as one likes, without one: patch ports of br-int to a bridge whose every packet comes here, and to which packets are given as if a VM
 * had sent them. Numbered from 1.
 */
export class Stations implements AsyncDisposable {
  readonly #cloud: Cloud;
  readonly #socket: OpenFlowSocket;
  readonly #arrivals = new Map<number, Arrival>();

  /** On the first host. @param portIds one station for each */
  static async open(cloud: Cloud, portIds: readonly string[]): Promise<Stations> {
    const bridge = `add-br ${BRIDGE} -- set bridge ${BRIDGE} datapath_type=netdev fail_mode=secure protocols=OpenFlow15`;
    await cloud.vsctl(0, ...bridge.split(" "));
    const socket = await connect(`unix:${cloud.directory(0)}/${BRIDGE}.mgmt`);
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
    for (let first = 0; first < portIds.length; first += AT_ONCE) {
      const commands = portIds.slice(first, first + AT_ONCE).flatMap((id, i) => patches(first + i + 1, id));
      await cloud.vsctl(0, ...commands.slice(1));
    }
    return new Stations(cloud, socket);
  }
  private constructor(cloud: Cloud, socket: OpenFlowSocket) {
    this.#cloud = cloud;
    this.#socket = socket;
    socket.on("message", (message) => {
      if (message.type !== "packet_in2") return;
      const at = performance.now();
      const port = message.metadata?.in_port;
      const arrival = typeof port === "number" ? this.#arrivals.get(port) : undefined;
      arrival?.(decodePacket(message.frame), at);
    });
  }

  /** What a station does with the packets that it gets. */
  listen(n: number, arrival: Arrival): void {
    this.#arrivals.set(n, arrival);
  }
  send(frames: readonly { readonly from: number; readonly frame: Uint8Array }[]): void {
    this.#socket.send(
      frames.map(({ from, frame }) => ({
        type: "packet_out" as const,
        match: { in_port: LOCAL_PORT },
        actions: [{ type: "output" as const, port: from }],
        frame,
      })),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
    await this.#cloud.vsctl(0, "--if-exists", "del-br", BRIDGE);
  }
}

function patches(n: number, portId: string): readonly string[] {
  const patch = (bridge: string, name: string, other: string): string =>
    `-- add-port ${bridge} ${name} -- set interface ${name} type=patch options:peer=${other}`;
  const ends = `${patch(BRIDGE, `vm${n}`, `st${n}`)} ofport_request=${n} ${patch("br-int", `st${n}`, `vm${n}`)}`;
  return `${ends} external_ids:iface-id=${portId}`.split(" ");
}
