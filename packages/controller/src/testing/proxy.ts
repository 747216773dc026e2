import { once } from "node:events";
import { createServer, connect, type Server, type Socket } from "node:net";

/** Stands between a controller and a switch, byte by byte, and can be told to misbehave. */
export class Proxy {
  readonly path: string;
  /** Bytes that the client sent. */
  sent = 0;
  connections = 0;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Set<Socket>();
  readonly #targets = new Set<Socket>();
  /** Cuts all connections once the client has sent so many bytes more. */
  #cutAfter = Number.POSITIVE_INFINITY;
  #server: Server | undefined;

  /** Listens at the Unix socket `path` for the one at `target`. */
  static async open(path: string, target: string): Promise<Proxy> {
    const proxy = new Proxy(path, target);
    await proxy.open();
    return proxy;
  }
  private constructor(path: string, target: string) {
    this.path = path;
    this.#target = target;
  }
  get address(): string {
    return `unix:${this.path}`;
  }
  async open(): Promise<void> {
    this.#server = createServer((client) => this.#join(client)).listen(this.path);
    await once(this.#server, "listening");
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
  /** The switch gets these bytes, and not those behind them; what it says to that is lost. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }
  /** The switch hears the client, and the client hears nothing any more, until `hear`. */
  deafen(): void {
    for (const target of this.#targets) target.pause();
  }
  hear(): void {
    for (const target of this.#targets) target.resume();
  }
  /** The client hears the switch, and the switch hears nothing any more, until `speak`. */
  mute(): void {
    for (const client of this.#clients) client.pause();
  }
  speak(): void {
    for (const client of this.#clients) client.resume();
  }
  /** Lets nobody in until it is opened again. */
  async close(): Promise<void> {
    const server = this.#server;
    this.cut();
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise((resolve) => server.close(resolve));
  }

  #join(client: Socket): void {
    const target = connect(this.#target);
    this.connections++;
    this.#clients.add(client);
    this.#targets.add(target);
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("close", () => {
        this.#sockets.delete(from);
        this.#clients.delete(from);
        this.#targets.delete(from);
        to.destroy();
      });
      // A cut connection ends with an error on either side; "close" follows and does what there is to do.
      from.on("error", () => undefined);
    }
    client.on("data", (chunk: Buffer) => {
      this.sent += chunk.length;
      const passed = chunk.subarray(0, this.#cutAfter);
      this.#cutAfter -= chunk.length;
      if (this.#cutAfter > 0) {
        target.write(passed);
        return;
      }
      this.#cutAfter = Number.POSITIVE_INFINITY;
      target.end(passed);
      client.destroy();
    });
    target.on("data", (chunk: Buffer) => client.write(chunk));
  }
}
