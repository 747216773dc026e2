import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A wire between a client and a server that can be cut, held, and taken away. Unix sockets. */
export interface Proxy extends AsyncDisposable {
  /** Breaks all connections, and refuses new ones until `mend`. */
  cut(): void;
  mend(): void;
  /** Nothing passes to the client until `release`. */
  hold(): void;
  release(): void;
  /** Bytes that went to clients. */
  readonly delivered: number;
}

export async function openProxy(listenPath: string, serverPath: string): Promise<Proxy> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  let isCut = false;
  let isHeld = false;
  let delivered = 0;
  const listener = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const server = connect(serverPath);
    const pair = { client, server };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    client.pipe(server);
    server.on("data", (chunk) => {
      delivered += chunk.length;
      if (!client.write(chunk)) server.pause();
    });
    client.on("drain", () => {
      if (!isHeld) server.resume();
    });
    if (isHeld) server.pause();
  });
  listener.listen(listenPath);
  await once(listener, "listening");
  return {
    get delivered() {
      return delivered;
    },
    cut() {
      isCut = true;
      for (const { client } of pairs) client.destroy();
    },
    mend() {
      isCut = false;
    },
    hold() {
      isHeld = true;
      for (const { server } of pairs) server.pause();
    },
    release() {
      isHeld = false;
      for (const { server } of pairs) server.resume();
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
    },
  };
}
