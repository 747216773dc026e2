import { lookup } from "node:dns/promises";
import { createApi, type Engine } from "@dragonflow/neutron-api";
import type { Metrics } from "@dragonflow/metrics";
import type { Logger } from "pino";
import { limitConnections } from "./connection-limit.ts";
import type { Health } from "./health.ts";
import { listenError, urlOf } from "./listen.ts";
import { measureApi } from "./metrics/api.ts";
import type { SERVER_METRICS } from "./metrics/declared.ts";
import { type ListenSettings, StartError } from "./settings.ts";

/** What a client may take to finish a request that it began before the server was told to close. */
const GRACE_MILLISECONDS = 10_000;

export interface ApiListener {
  readonly url: string;
  /** Refuses what comes, and answers what was asked. */
  close(): Promise<void>;
}

interface ApiSurroundings {
  readonly health: () => Promise<Health>;
  readonly metrics: Metrics<typeof SERVER_METRICS>;
  readonly log: Logger;
}

/** The Neutron API on a port of its own, with `GET /healthz` beside it, which needs no authentication. */
export async function openApi(
  engine: Engine,
  { host, port, connections }: ListenSettings,
  { health, metrics, log }: ApiSurroundings,
): Promise<ApiListener> {
  const app = createApi(engine, { onError: (error, request) => log.error({ err: error, request }, "request failed") });
  measureApi(app, metrics);
  let isClosing = false;
  app.addHook("onSend", async (_request, reply) => {
    // Else the connection of an answered request would wait for the client's next one.
    if (isClosing) reply.header("connection", "close");
  });
  app.get("/healthz", async (_request, reply) => {
    const found = await health();
    reply.code(found.store === "ok" ? 200 : 503).type("application/json");
    return JSON.stringify(found);
  });
  limitConnections(app.server, connections, "api", log);
  try {
    // One listener, which has the limit: by the name fastify would open a second one for the other family.
    await app.listen({ host: host === "localhost" ? (await lookup(host)).address : host, port });
  } catch (error) {
    await app.close();
    throw listenError(error, { host, port });
  }
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new StartError(`${host} is not an address`);
  return {
    url: urlOf("http", address),
    async close() {
      isClosing = true;
      const patience = setTimeout(() => app.server.closeAllConnections(), GRACE_MILLISECONDS);
      await app.close();
      clearTimeout(patience);
    },
  };
}
