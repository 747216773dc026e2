/** Reads along between controllers and their server: what each says and hears, counted by somebody else than either. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import type { Cloud } from "./cloud.ts";
import { connectThrough, relayPort } from "./relay-address.ts";

/** One frame of the relay's protocol. */
export interface TappedFrame {
  readonly from: "controller" | "relay";
  /** As the protocol calls it; of an answer also what it answers: `answer to commit`. */
  readonly type: string;
  readonly text: string;
}
/** How both know that the other is alive. */
const SIGNS_OF_LIFE = new Set(["ping", "pong", "lease", "answer to lease"]);

export class RelayTap implements AsyncDisposable {
  readonly #server: Server;
  readonly #relayPort: number;
  readonly #open = new Set<TLSSocket>();
  readonly #frames = new Map<string, TappedFrame[]>();

  /** Puts itself between, with the server's own certificate; all controllers start anew, and serve metrics. */
  static async between(cloud: Cloud): Promise<RelayTap> {
    const tls = join(cloud.lab.directory, "tls");
    const configuration = readFileSync(join(cloud.lab.directory, "dragonflow.toml"), "utf8");
    const fileOf = (setting: string): string =>
      new RegExp(`^${setting} = "(.*)"$`, "m").exec(configuration)?.[1] ?? tls;
    const server = createServer({
      cert: readFileSync(fileOf("tls_cert_file")),
      key: readFileSync(fileOf("tls_key_file")),
    });
    const tap = new RelayTap(server, relayPort(cloud));
    await connectThrough(cloud, server, ["metrics_port = 0"]);
    return tap;
  }
  private constructor(server: Server, relayPort: number) {
    this.#server = server;
    this.#relayPort = relayPort;
    server.on("secureConnection", (client) => this.#connected(client));
  }

  /** What a chassis has said and heard since `forget`, but for signs of life; oldest first. */
  frames(chassis: string): readonly TappedFrame[] {
    return (this.#frames.get(chassis) ?? []).filter(({ type }) => !SIGNS_OF_LIFE.has(type));
  }
  forget(): void {
    this.#frames.clear();
  }

  #connected(client: TLSSocket): void {
    // Who is asked here is the server of the same lab; whether controllers look at its certificate is not the question.
    const relay = connect({ port: this.#relayPort, host: "127.0.0.1", rejectUnauthorized: false });
    let chassis = "";
    /** Requests that are not answered yet. */
    const asked = new Map<unknown, string>();
    const tell = (from: TappedFrame["from"], text: string): void => {
      const { type: told, request } = JSON.parse(text) as { readonly type: string; readonly request?: number };
      const isAnswer = from === "relay" && request !== undefined;
      if (from === "controller" && request !== undefined) asked.set(request, told);
      const type = isAnswer ? `${told} to ${asked.get(request) ?? "nothing"}` : told;
      const frames = this.#frames.get(chassis) ?? [];
      this.#frames.set(chassis, frames);
      frames.push({ from, type, text });
    };
    const said = new FrameReader(
      (header) => (chassis = chassisIn(header)),
      (text) => tell("controller", text),
    );
    const heard = new FrameReader(
      () => undefined,
      (text) => tell("relay", text),
    );
    for (const [from, to, reader] of [
      [client, relay, said],
      [relay, client, heard],
    ] as const) {
      this.#open.add(from);
      from.on("data", (chunk: Buffer) => {
        reader.read(chunk);
        to.write(chunk);
      });
      from.on("close", () => {
        this.#open.delete(from);
        to.destroy();
      });
      // Either end may go at any time: "close" follows.
      from.on("error", () => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}

/** Whose the token is that a connection shows. */
function chassisIn(header: string): string {
  const subject = /^authorization: Bearer v1\.([\w-]+)\./im.exec(header)?.[1] ?? "";
  return Buffer.from(subject, "base64url")
    .toString()
    .replace(/^chassis:/, "");
}

const HEADER_END = "\r\n\r\n";
const TEXT = 1;
const MASK_BYTES = 4;

/** One direction of a WebSocket (RFC 6455 section 5.2): the header of HTTP, then frames, none of them in parts or compressed. */
class FrameReader {
  readonly #onHeader: (header: string) => void;
  readonly #onText: (text: string) => void;
  #rest = Buffer.alloc(0);
  #inHeader = true;

  constructor(onHeader: (header: string) => void, onText: (text: string) => void) {
    this.#onHeader = onHeader;
    this.#onText = onText;
  }

  read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    if (this.#inHeader) {
      const end = this.#rest.indexOf(HEADER_END);
      if (end < 0) return;
      this.#inHeader = false;
      this.#onHeader(this.#rest.toString("latin1", 0, end));
      this.#rest = this.#rest.subarray(end + HEADER_END.length);
    }
    while (this.#frame());
  }

  #frame(): boolean {
    const [first, second] = this.#rest;
    if (first === undefined || second === undefined) return false;
    let at = 2;
    let length = second & 0x7f;
    if (length === 126) {
      if (this.#rest.length < at + 2) return false;
      length = this.#rest.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      if (this.#rest.length < at + 8) return false;
      length = Number(this.#rest.readBigUInt64BE(at));
      at += 8;
    }
    const mask = (second & 0x80) === 0 ? undefined : this.#rest.subarray(at, (at += MASK_BYTES));
    if (this.#rest.length < at + length) return false;
    const payload = this.#rest.subarray(at, at + length).map((byte, i) => byte ^ (mask?.[i % MASK_BYTES] ?? 0));
    this.#rest = this.#rest.subarray(at + length);
    if ((first & 0x0f) === TEXT) this.#onText(Buffer.from(payload).toString("utf8"));
    return true;
  }
}
