import type { Server } from "node:net";
import type { Logger } from "pino";

const LOG_MILLISECONDS = 1000;

/**
 * Connections at a time, whether or not anybody has said anything on them; what comes beyond is closed as soon as it is accepted. Told at once, then
 * at most once a second: a flood of connections is none of the log.
 * @param connections to begin with: `maxConnections` may change later
 * @param who listens, for the log
 */
export function limitConnections(server: Server, connections: number, who: string, log: Logger): void {
  let refused = 0;
  let quiet: NodeJS.Timeout | undefined;
  const tell = (): void => {
    quiet = undefined;
    if (refused === 0) return;
    const { maxConnections } = server;
    log.warn({ listener: who, maxConnections, refused }, "too many connections: what comes beyond is refused");
    refused = 0;
    quiet = setTimeout(tell, LOG_MILLISECONDS).unref();
  };
  server.maxConnections = connections;
  server.on("drop", () => {
    refused++;
    if (quiet === undefined) tell();
  });
}
