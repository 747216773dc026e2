import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

interface Wire {
  readonly from: string;
  readonly to: string;
  readonly sockets: readonly Socket[];
}

/**
 * The wires between the members of a cluster: each reaches the others through here. Who calls is told by a header of its requests, so that one member
 * can be cut off in both directions.
 */
export class Peers {
  readonly #wires = new Set<Wire>();
  readonly #listeners: Server[] = [];
  #isolated: { readonly name: string; readonly id: string | undefined } | undefined;

  /** @returns the port where its peers find the member that listens on `port`. */
  async open(name: string, port: number): Promise<number> {
    const listener = createServer((caller) => {
      caller.on("error", () => caller.destroy());
      caller.once("data", (first) => this.#join(name, port, caller, Buffer.from(first)));
    }).listen(0, "127.0.0.1");
    this.#listeners.push(listener);
    await once(listener, "listening");
    const address = listener.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }

  /** @param id of the member in etcd, in hexadecimal */
  isolate(name: string, id: string | undefined): void {
    this.#isolated = { name, id };
    for (const wire of this.#wires) if (this.#isCut(wire)) for (const socket of wire.sockets) socket.destroy();
  }
  mend(): void {
    this.#isolated = undefined;
  }
  close(): void {
    for (const listener of this.#listeners) listener.close();
    for (const { sockets } of this.#wires) for (const socket of sockets) socket.destroy();
  }

  #isCut({ from, to }: Wire): boolean {
    return this.#isolated !== undefined && (to === this.#isolated.name || from === this.#isolated.id);
  }

  #join(to: string, port: number, caller: Socket, first: Buffer): void {
    const [, from = ""] = /\r\nX-Server-From: ([0-9a-f]+)\r\n/i.exec(first.toString("latin1")) ?? [];
    const called = connect(port, "127.0.0.1");
    const wire = { from, to, sockets: [caller, called] };
    const end = (): void => {
      this.#wires.delete(wire);
      for (const socket of wire.sockets) socket.destroy();
    };
    for (const socket of wire.sockets) socket.setNoDelay(true).on("error", end).on("close", end);
    if (this.#isCut(wire)) {
      end();
      return;
    }
    this.#wires.add(wire);
    called.write(first);
    caller.pipe(called);
    called.pipe(caller);
  }
}
