import type { IncomingMessage, Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { type Clock, systemClock } from "../clock.ts";
import type { StoreDriver } from "../contract.ts";
import type { Subject } from "../tokens.ts";
import { wasAsleep } from "./asleep.ts";
import { encodeServerFrame, RELAY_PATH, RELAY_PROTOCOL } from "./frames.ts";
import { Hub } from "./hub.ts";
import { ServerLeases } from "./server-leases.ts";
import { type RelayTraffic, Session, type SessionLimits } from "./session.ts";

const DEFAULT_LIMITS: SessionLimits = {
  frameBytes: 16 * 1024 * 1024,
  subscriptionsPerConnection: 20_000,
  watchesPerConnection: 64,
  leasesPerConnection: 64,
  requestsInFlight: 256,
  clientBufferBytes: 8 * 1024 * 1024,
};

const LOOK_MILLISECONDS = 1000;

export interface RelayOptions {
  readonly driver: StoreDriver;
  /** An HTTP(S) server, listening or not yet: the relay takes its upgrades of `/store`. TLS is its affair. */
  readonly listener: Server | TlsServer;
  /** Who bears this token; undefined: nobody that we know. */
  readonly authorize: (token: string) => Subject | undefined | Promise<Subject | undefined>;
  readonly limits?: Partial<SessionLimits>;
  /** A client that is not heard for so long is taken for dead. Default 15. */
  readonly silenceSeconds?: number;
  /** Connections at a time. Default 20,000. */
  readonly connections?: number;
  /** Told whenever somebody has shown who he is, and when he leaves: how many there are. */
  readonly onSessions?: (open: number) => void;
  readonly clock?: Clock;
  /** What went wrong on a connection; the others go on. */
  readonly onError?: (error: unknown) => void;
}
export interface Relay {
  /** Connections that are open. */
  readonly sessions: number;
  readonly traffic: Readonly<RelayTraffic>;
  /** Ends all connections. The driver and the listener stay the caller's. */
  close(): Promise<void>;
}

/** Offers a store to other processes: the same contract over one WebSocket each, with rights by topic. */
export function serveRelay(options: RelayOptions): Relay {
  const { driver, listener, authorize, clock = systemClock, silenceSeconds = 15, connections = 20_000 } = options;
  const limits: SessionLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const report = options.onError ?? (() => undefined);
  const tell = options.onSessions ?? (() => undefined);
  const sessions = new Set<Session>();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.frameBytes,
    perMessageDeflate: false,
    handleProtocols: () => RELAY_PROTOCOL,
  });
  const leases = new ServerLeases(driver, clock);
  const traffic: RelayTraffic = { messagesSent: 0, bytesSent: 0, messagesReceived: 0, bytesReceived: 0 };
  let closed = false;
  const hub = new Hub(driver, clock, (error) => {
    if (!closed) for (const session of sessions) session.failed(error);
  });
  const welcome = Buffer.from(
    encodeServerFrame({
      type: "welcome",
      capabilities: {
        ...driver.capabilities,
        delivery: "topic",
        auth: [...new Set([...driver.capabilities.auth, "tls" as const, "acl-by-topic" as const])],
      },
      frameBytes: limits.frameBytes,
      silenceSeconds,
    }),
  );

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (request.url !== RELAY_PATH) return refuse(socket, 404, "Not Found");
    if (closed || sessions.size >= connections) return refuse(socket, 503, "Service Unavailable");
    const offered = request.headers["sec-websocket-protocol"]?.split(/\s*,\s*/) ?? [];
    if (!offered.includes(RELAY_PROTOCOL)) return refuse(socket, 426, "Upgrade Required");
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    const subject = token === undefined ? undefined : await authorize(token);
    if (subject === undefined) return refuse(socket, 401, "Unauthorized");
    sockets.handleUpgrade(request, socket, head, (client) => {
      const session = new Session(client, socket, subject, { driver, hub, leases, limits, clock, report, traffic });
      sessions.add(session);
      tell(sessions.size);
      client.on("close", () => {
        sessions.delete(session);
        tell(sessions.size);
      });
      session.sendShared(welcome);
    });
  }
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", report);
    upgrade(request, socket, head).catch((error: unknown) => {
      report(error);
      socket.destroy();
    });
  };
  listener.on("upgrade", onUpgrade);

  let cancel = (): void => undefined;
  function lookForTheDead(due: number): void {
    const deadline = clock.now() - silenceSeconds * 1000;
    if (!wasAsleep(due, clock)) for (const session of sessions) if (session.heardAt < deadline) session.terminate();
    const next = clock.now() + LOOK_MILLISECONDS;
    cancel = clock.after(LOOK_MILLISECONDS, () => lookForTheDead(next));
  }
  lookForTheDead(clock.now());

  return {
    get sessions() {
      return sessions.size;
    },
    traffic,
    async close() {
      closed = true;
      cancel();
      listener.off("upgrade", onUpgrade);
      for (const session of sessions) session.terminate();
      sockets.close();
      await hub.close();
    },
  };
}

function refuse(socket: Duplex, status: number, reason: string): void {
  // Not until the other side ends as well: it may never do that, and no deadline of HTTP is on this socket any more.
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
