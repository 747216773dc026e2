import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

const HEADER_BYTES = 8;
/** OpenFlow 1.5.1: the type of a multipart reply, and in its body that of a flow monitor's. */
const MULTIPART_REPLY = 19;
const FLOW_MONITOR = 16;

/** Stands between a controller and a switch, and keeps the flow monitor's updates from the controller: it does not hear what others do. */
export class DeafToMonitor {
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async open(path: string, target: string): Promise<DeafToMonitor> {
    const made = new DeafToMonitor(path, target);
    made.#server.listen(path);
    await once(made.#server, "listening");
    return made;
  }
  private constructor(path: string, target: string) {
    this.address = `unix:${path}`;
    this.#server = createServer((client) => this.#join(client, connect(target)));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, target: Socket): void {
    for (const [socket, peer] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      // Either end may go; the other goes with it.
      socket.on("error", () => undefined).on("close", () => peer.destroy());
    }
    client.pipe(target);
    let rest = Buffer.alloc(0);
    let first = true;
    target.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= HEADER_BYTES && rest.length >= rest.readUInt16BE(2)) {
        const message = rest.subarray(0, rest.readUInt16BE(2));
        rest = rest.subarray(message.length);
        const isUpdate = message[1] === MULTIPART_REPLY && message.readUInt16BE(HEADER_BYTES) === FLOW_MONITOR;
        // The answer to the request itself comes first.
        if (!isUpdate || first) client.write(message);
        if (isUpdate) first = false;
      }
    });
  }
}
