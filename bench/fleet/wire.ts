/** What the server really sends to one host, seen between the two by somebody who has the server's key. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import type { RelayAccess } from "../lab-access.ts";

/** PEM: the server's own. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}
export interface Sent {
  /** WebSocket frames other than answers to keepalive. */
  readonly messages: number;
  /** Of these, with their framing, before TLS. */
  readonly bytes: number;
}

const END_OF_HEADERS = Buffer.from("\r\n\r\n");
const KEEPALIVE = '{"type":"pong"';

/** Counts the frames of one connection, from the answer to its upgrade on (RFC 6455 section 5.2: what a server sends is not masked). */
class Frames {
  messages = 0;
  bytes = 0;
  #unread: Buffer = Buffer.alloc(0);
  #isUpgraded = false;

  take(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    if (!this.#isUpgraded) {
      const end = this.#unread.indexOf(END_OF_HEADERS);
      if (end < 0) return;
      this.#isUpgraded = true;
      this.#unread = this.#unread.subarray(end + END_OF_HEADERS.length);
    }
    for (let size = this.#whole(); size !== undefined; size = this.#whole()) this.#unread = this.#unread.subarray(size);
  }

  /** Counts the first frame where all of it is there. @returns its size */
  #whole(): number | undefined {
    const short = (this.#unread[1] ?? 0) & 0x7f;
    const header = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (this.#unread.length < header) return undefined;
    const length =
      short === 127 ? Number(this.#unread.readBigUInt64BE(2)) : short === 126 ? this.#unread.readUInt16BE(2) : short;
    const size = header + length;
    if (this.#unread.length < size) return undefined;
    const opening = this.#unread.toString("latin1", header, Math.min(size, header + KEEPALIVE.length));
    if (opening === KEEPALIVE) return size;
    this.messages++;
    this.bytes += size;
    return size;
  }
}

/** A place to connect to instead of the server; for one host, whose connections it counts. */
export class Wire implements AsyncDisposable {
  readonly #listener: Server;
  readonly #connections: Frames[] = [];
  readonly #open = new Set<TLSSocket>();

  static async open({ url, ca }: RelayAccess, { cert, key }: Certificate): Promise<Wire> {
    const { hostname: host, port } = new URL(url);
    const wire = new Wire(createServer({ cert, key }), () => connect({ host, port: Number(port), ca }));
    wire.#listener.listen(0, "127.0.0.1");
    await once(wire.#listener, "listening");
    return wire;
  }
  private constructor(listener: Server, connectServer: () => TLSSocket) {
    this.#listener = listener;
    listener.on("secureConnection", (client) => this.#join(client, connectServer()));
  }

  get url(): string {
    const address = this.#listener.address();
    return `wss://127.0.0.1:${isAddress(address) ? address.port : 0}`;
  }
  get sent(): Sent {
    const sum = (of: (frames: Frames) => number): number => this.#connections.reduce((all, one) => all + of(one), 0);
    return { messages: sum(({ messages }) => messages), bytes: sum(({ bytes }) => bytes) };
  }

  #join(client: TLSSocket, server: TLSSocket): void {
    const frames = new Frames();
    this.#connections.push(frames);
    const end = (): void => {
      for (const socket of [client, server]) {
        this.#open.delete(socket);
        socket.destroy();
      }
    };
    // Whichever side goes, for whatever reason, the other one has to see it.
    for (const socket of [client, server]) this.#open.add(socket.on("error", end).on("close", end));
    server.on("data", (chunk: Buffer) => frames.take(chunk));
    client.pipe(server);
    server.pipe(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    const closed = once(this.#listener, "close");
    this.#listener.close();
    await closed;
  }
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

/** For each of these hosts one. */
export async function openWires(
  access: RelayAccess,
  certificate: Certificate,
  hosts: readonly number[],
  stack: AsyncDisposableStack,
): Promise<ReadonlyMap<number, Wire>> {
  const wires = new Map<number, Wire>();
  for (const n of hosts) wires.set(n, stack.use(await Wire.open(access, certificate)));
  return wires;
}
export const urlsOf = (wires: ReadonlyMap<number, Wire>): ReadonlyMap<number, string> =>
  new Map(Array.from(wires, ([n, wire]) => [n, wire.url]));
export const sentOn = (wires: ReadonlyMap<number, Wire>): ReadonlyMap<number, Sent> =>
  new Map(Array.from(wires, ([n, { sent }]) => [n, sent]));
