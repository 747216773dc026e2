import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { type Relay, type StoreDriver, serveRelay, verifyToken } from "@dragonflow/store";
import type { Logger } from "pino";
import { limitConnections } from "./connection-limit.ts";
import { listen, urlOf } from "./listen.ts";
import { type ServerSettings, StartError } from "./settings.ts";

/** Who has not shown who he is by then may not keep a connection: as long for TLS, and then as long for the request and its token. */
const HANDSHAKE_MILLISECONDS = 10_000;
/**
 * Connections that have not shown it yet, at a time: as many as a core can greet well within that time. Further ones are cut before TLS, which costs
 * next to nothing, and come again after a while that their clients choose at random. Without it, of a whole fleet that comes at once each has its
 * share of the processor, many are not done in time, and begin anew.
 */
const NEWCOMERS = 2000;

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
): Promise<RelayListener> {
  const [cert, key] = await Promise.all([readFile(settings.certFile), readFile(settings.keyFile)]);
  const listener = createListener(settings, cert, key);
  const most = (sessions: number): number => Math.min(settings.connections, sessions + NEWCOMERS);
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
): Server {
  try {
    return createServer(
      {
        cert,
        key,
        minVersion: "TLSv1.2",
        handshakeTimeout: HANDSHAKE_MILLISECONDS,
        headersTimeout: HANDSHAKE_MILLISECONDS,
        requestTimeout: HANDSHAKE_MILLISECONDS,
        connectionsCheckingInterval: 1000,
      },
      (_request, response) => {
        response.writeHead(426, { upgrade: "websocket" }).end();
      },
    );
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new StartError(`${certFile} and ${keyFile} are no certificate and its key in PEM: ${words}`, {
      cause: error,
    });
  }
}
