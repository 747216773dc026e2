import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions as TlsOptions } from "node:tls";
import type { Address } from "./address.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, OvsdbError } from "./errors.ts";
import type { Json } from "./json.ts";
import type { JsonStreamLimits } from "./json-stream.ts";

export interface LinkOptions {
  readonly address: Address;
  /**
   * For ssl: addresses. `ca`, `cert` and `key` as PEM; certificates that ovs-pki made name no host, see
   * `checkServerIdentity`.
   */
  readonly tls: TlsOptions;
  /** How long the server may take to accept the connection and to answer a first echo. */
  readonly connectTimeoutMs: number;
  readonly probeIntervalMs: number;
  readonly limits: Partial<JsonStreamLimits>;
  /** The server has answered: what is at the other end speaks JSON-RPC, and is not stopped. */
  readonly up: () => void;
  /** It never was up, or is no more. Comes once, unless {@link Link.close} was first. */
  readonly down: (reason: OvsdbError) => void;
  readonly notification: (method: string, params: readonly Json[]) => void;
}

/** One socket, from the attempt to connect to its end, with the session on it. */
export class Link {
  readonly connection: Connection;
  readonly #options: LinkOptions;
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  #timer: NodeJS.Timeout;
  #state: "connecting" | "up" | "down" = "connecting";

  constructor(options: LinkOptions) {
    this.#options = options;
    this.connection = new Connection({
      write: (text) => this.#socket.write(text),
      notification: options.notification,
      probeIntervalMs: options.probeIntervalMs,
      nowMs: performance.now(),
      limits: options.limits,
    });
    const { connectTimeoutMs } = options;
    this.#timer = setTimeout(() => {
      this.#fail(new ConnectionError("connect-timeout", `no answer within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    this.#socket = dial(options.address, options.tls);
    this.#closed = new Promise((resolve) => this.#socket.once("close", () => resolve()));
    this.#socket.once(options.address.kind === "ssl" ? "secureConnect" : "connect", () => this.#greet());
    this.#socket.on("data", (chunk: Buffer) => this.#attempt(() => this.connection.receive(chunk, performance.now())));
    this.#socket.on("error", (cause) => {
      this.#fail(new ConnectionError(this.#state === "up" ? "lost" : "connect-failed", cause.message, { cause }));
    });
    this.#socket.on("close", () => this.#fail(new ConnectionError("lost", "the server closed the connection")));
  }

  /** Ends the link, without calling `down`; resolves when the socket is gone. */
  async close(reason: OvsdbError): Promise<void> {
    this.#end(reason);
    await this.#closed;
  }

  #greet(): void {
    this.connection.request("echo", [], (reply) => {
      if (!reply.ok) return this.#fail(reply.error);
      clearTimeout(this.#timer);
      this.#state = "up";
      this.#tick();
      this.#options.up();
    });
  }

  #tick(): void {
    this.#attempt(() => {
      const waitMs = this.connection.tick(performance.now()) - performance.now();
      if (Number.isFinite(waitMs)) this.#timer = setTimeout(() => this.#tick(), Math.max(waitMs, 1));
    });
  }

  #attempt(body: () => void): void {
    try {
      body();
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      this.#fail(error);
    }
  }

  #fail(reason: OvsdbError): void {
    if (this.#end(reason)) this.#options.down(reason);
  }

  #end(reason: OvsdbError): boolean {
    if (this.#state === "down") return false;
    this.#state = "down";
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.connection.end(reason);
    return true;
  }
}

function dial(address: Address, tls: TlsOptions): Socket {
  switch (address.kind) {
    case "unix":
      return connectSocket({ path: address.path });
    case "tcp":
      return connectSocket({ host: address.host, port: address.port, noDelay: true });
    case "ssl":
      return connectTls({ ...tls, host: address.host, port: address.port }).setNoDelay(true);
  }
}
