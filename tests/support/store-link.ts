/** The wire between controllers and their server, with somebody who can cut it. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import type { Cloud } from "./cloud.ts";
import { connectThrough, relayPort } from "./relay-address.ts";

export class StoreLink implements AsyncDisposable {
  readonly #server: Server;
  readonly #relayPort: number;
  readonly #open = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server, relayPort: number) {
    this.#server = server;
    this.#relayPort = relayPort;
    server.on("connection", (client) => this.#connected(client));
  }

  /** Puts itself between, and has the controllers connect through it from now on. */
  static async between(cloud: Cloud): Promise<StoreLink> {
    const server = createServer();
    const link = new StoreLink(server, relayPort(cloud));
    await connectThrough(cloud, server);
    return link;
  }

  /** Those that are open, all the way. */
  get connections(): number {
    return [...this.#open].filter((socket) => !socket.connecting && socket.remotePort === this.#relayPort).length;
  }

  /** Connections end, and new ones are refused. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) socket.destroy();
  }
  heal(): void {
    this.#isCut = false;
  }

  #connected(client: Socket): void {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const relay = connect(this.#relayPort, "127.0.0.1");
    for (const socket of [client, relay]) {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
    }
    // Either end may go at any time: then the other goes as well.
    const end = () => {
      client.destroy();
      relay.destroy();
    };
    pipeline(client, relay).then(end, end);
    pipeline(relay, client).then(end, end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}
