import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

/** A wire to a port of 127.0.0.1 that can be cut, and held. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Breaks all connections, and refuses new ones until `mend`. */
  cut(): void;
  mend(): void;
  /** Connections stay, and nothing passes until `release`: neither side is told. */
  hold(): void;
  release(): void;
}

/** @param target where to, asked for each connection. */
export async function openProxy(target: number | (() => number), listenPort = 0): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isCut = false;
  let isHeld = false;
  const listener = createServer((client) => {
    if (isCut) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(typeof target === "number" ? target : target(), "127.0.0.1");
    const pair = [client, server] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    const pass = (from: Socket, to: Socket): void => {
      from.setNoDelay(true);
      from.on("error", end).on("close", end);
      from.on("data", (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on("drain", () => {
        if (!isHeld) from.resume();
      });
      if (isHeld) from.pause();
    };
    pass(client, server);
    pass(server, client);
  });
  listener.listen(listenPort, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    cut() {
      isCut = true;
      for (const [client, server] of pairs) {
        client.destroy();
        server.destroy();
      }
    },
    mend() {
      isCut = false;
    },
    hold() {
      isHeld = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    release() {
      isHeld = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
  };
}
