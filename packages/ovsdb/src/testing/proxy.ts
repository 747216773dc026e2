/** Stands between a client and a real server, reads what both say, and can be told to misbehave. */
import { once } from "node:events";
import { createServer, type Server, connect, type Socket } from "node:net";
import { isObject, type Json, type JsonObject, member } from "../json.ts";
import { JsonStream } from "../json-stream.ts";

export class Proxy {
  /** Methods that the proxy answers itself, as a server that does not have them. */
  readonly unknown = new Set<string>();
  /** What the client sent, in order. */
  readonly requests: JsonObject[] = [];
  /** Sees each message of the server first; false keeps it from the client. */
  pass: (message: JsonObject) => boolean = () => true;
  readonly address: string;
  readonly #path: string;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Set<Socket>();
  #server: Server | undefined;

  private constructor(path: string, target: string) {
    this.#path = path;
    this.#target = target;
    this.address = `unix:${path}`;
  }

  /** Listens on the socket `path` for the server on the socket `target`. */
  static async open(path: string, target: string): Promise<Proxy> {
    const proxy = new Proxy(path, target);
    await proxy.open();
    return proxy;
  }

  async open(): Promise<void> {
    this.#server = createServer((client) => this.#join(client)).listen(this.#path);
    await once(this.#server, "listening");
  }

  /** Cuts every connection, and lets none in until it is opened again. */
  async close(): Promise<void> {
    const server = this.#server;
    this.cut();
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise((resolve) => server.close(resolve));
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Says something to every client in the server's name. */
  inject(message: Json | string): void {
    for (const client of this.#clients) client.write(typeof message === "string" ? message : JSON.stringify(message));
  }

  #join(client: Socket): void {
    const server = connect(this.#target);
    this.#clients.add(client);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("close", () => {
        this.#sockets.delete(from);
        this.#clients.delete(from);
        to.destroy();
      });
      // A cut connection ends with an error on either side; "close" follows and does what there is to do.
      from.on("error", () => undefined);
    }
    const requests = new JsonStream();
    client.on("data", (chunk: Buffer) =>
      requests.push(chunk, (message) => {
        if (isObject(message)) this.#request(message, client, server);
      }),
    );
    const replies = new JsonStream();
    server.on("data", (chunk: Buffer) =>
      replies.push(chunk, (message) => {
        if (isObject(message) && this.pass(message) && client.writable) client.write(JSON.stringify(message));
      }),
    );
  }

  #request(message: JsonObject, client: Socket, server: Socket): void {
    this.requests.push(message);
    const method = member(message, "method");
    if (typeof method === "string" && this.unknown.has(method)) {
      client.write(
        JSON.stringify({ result: null, error: { error: "unknown method" }, id: member(message, "id") ?? null }),
      );
    } else if (server.writable) {
      server.write(JSON.stringify(message));
    }
  }
}
