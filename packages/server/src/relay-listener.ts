import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { type Relay, type StoreDriver, serveRelay, verifyToken } from "@dragonflow/store";
import type { Logger } from "pino";
import { limitConnections } from "./connection-limit.ts";
import { listen, urlOf } from "./listen.ts";
import { type ServerSettings, StartError } from "./settings.ts";

/** Of connections that have not shown yet who they are. */
export interface Greeting {
  /** Who has not shown it by then may not keep a connection: as long for TLS, and then as long for the request and its token. */
  readonly deadlineMilliseconds: number;
  /**
   * At a time: as many as a core can greet well within that time. Further ones are cut before TLS, which costs next to nothing, and come again after
   * a while that their clients choose at random. Without it, of a whole fleet that comes at once each has its share of the processor, many are not
   * done in time, and begin anew.
   */
  readonly newcomers: number;
}
export const GREETING: Greeting = { deadlineMilliseconds: 10_000, newcomers: 2000 };

export interface RelayListener {
  readonly url: string;
  readonly relay: Relay;
  close(): Promise<void>;
}

/** The relay on a TLS port of its own, for whoever bears a token that was signed with `secret`. */
export async function openRelayListener(
  settings: NonNullable<ServerSettings["relay"]>,
  driver: StoreDriver,
  secret: Uint8Array,
  log: Logger,
  greeting: Greeting = GREETING,
): Promise<RelayListener> {
  const [cert, key] = await Promise.all([readFile(settings.certFile), readFile(settings.keyFile)]);
  const listener = createListener(settings, cert, key, greeting.deadlineMilliseconds);
  const most = (sessions: number): number => Math.min(settings.connections, sessions + greeting.newcomers);
  limitConnections(listener, most(0), "relay", log);
  const relay = serveRelay({
    driver,
    listener,
    connections: settings.connections,
    onSessions: (open) => {
      listener.maxConnections = most(open);
    },
    authorize: (token) => verifyToken(secret, token),
    onError: (error) => log.warn({ err: error }, "relay client"),
  });
  const address = await listen(listener, settings);
  return {
    relay,
    url: urlOf("wss", address),
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve));
      await relay.close();
      listener.closeAllConnections();
      await closed;
    },
  };
}

/** @throws {StartError} for what is no certificate, no key, or not a pair. */
function createListener(
  { certFile, keyFile }: { certFile: string; keyFile: string },
  cert: Buffer,
  key: Buffer,
  deadline: number,
): Server {
  try {
    return createServer(
      {
        cert,
        key,
        minVersion: "TLSv1.2",
        handshakeTimeout: deadline,
        headersTimeout: deadline,
        requestTimeout: deadline,
        connectionsCheckingInterval: deadline / 10,
      },
      (_request, response) => {
        // Who asks for something else has shown nothing: the connection is not kept for the next question.
        response.writeHead(426, { upgrade: "websocket", connection: "close" }).end();
      },
    );
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new StartError(`${certFile} and ${keyFile} are no certificate and its key in PEM: ${words}`, {
      cause: error,
    });
  }
}
