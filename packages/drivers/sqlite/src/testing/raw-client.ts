import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";
import { mintToken, RELAY_PATH, RELAY_PROTOCOL } from "@dragonflow/store";
import { SECRET } from "./harnesses.ts";

/** A WebSocket client that keeps no rules but those of RFC 6455. */
export interface RawClient {
  send(message: string | Buffer): void;
  /** The code in the server's close frame; undefined where it just hung up. */
  readonly closed: Promise<number | undefined>;
}

const OPCODE = { text: 1, binary: 2, close: 8 } as const;

/** One masked frame (RFC 6455 section 5.2), with a mask of zeros. */
function frame(opcode: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 0x80 | opcode;
  header[1] = 0x80 | 126;
  header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

/** The close code among the server's (unmasked, short) frames. */
function closeCodeIn(bytes: Buffer): number | undefined {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const opcode = (bytes[at] ?? 0) & 0x0f;
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length === 126) {
      length = bytes.readUInt16BE(start);
      start += 2;
    }
    if (opcode === OPCODE.close) return bytes.readUInt16BE(start);
    at = start + length;
  }
  return undefined;
}

export async function rawClient(url: string): Promise<RawClient> {
  const upgrade = request({
    socketPath: url.slice("ws+unix:".length),
    path: RELAY_PATH,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-protocol": RELAY_PROTOCOL,
      "sec-websocket-key": Buffer.alloc(16, 7).toString("base64"),
      authorization: `Bearer ${mintToken(SECRET, "server")}`,
    },
  });
  upgrade.end();
  const [, socket, head]: [unknown, Socket, Buffer] = (await once(upgrade, "upgrade")) as [unknown, Socket, Buffer];
  let received = head;
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (closeCodeIn(received) !== undefined) socket.end();
  });
  socket.on("error", () => socket.destroy());
  return {
    send: (message) =>
      void socket.write(frame(Buffer.isBuffer(message) ? OPCODE.binary : OPCODE.text, Buffer.from(message))),
    closed: once(socket, "close").then(() => closeCodeIn(received)),
  };
}
