import { createServer, type ServerResponse } from "node:http";
import type { Scraped } from "./metrics.ts";

/** `port` 0: any that is free. `connections`: at a time; what comes beyond is refused. */
export interface MetricsListenSettings {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
}
export interface MetricsListener {
  /** `http://host:port/metrics`, the port being the one that was bound. */
  readonly url: string;
  close(): Promise<void>;
}

const REQUEST_MILLISECONDS = 10_000;
const PATH = "/metrics";

/**
 * `GET /metrics` for whoever reaches this address: there is no authentication, and nothing in it that names an object of a user.
 * @throws where it cannot listen: one line that names the address.
 */
export async function openMetricsListener(
  metrics: Scraped,
  { host, port, connections }: MetricsListenSettings,
): Promise<MetricsListener> {
  const server = createServer(
    { headersTimeout: REQUEST_MILLISECONDS, requestTimeout: REQUEST_MILLISECONDS },
    (request, response) => {
      request.resume();
      if (request.url?.split("?")[0] !== PATH) return end(response, 404, "there is only /metrics");
      if (request.method !== "GET" && request.method !== "HEAD") return end(response, 405, "only GET");
      metrics.text().then(
        (text) => end(response, 200, text, metrics.contentType),
        (error: unknown) => end(response, 500, error instanceof Error ? error.message : String(error)),
      );
    },
  );
  server.maxConnections = connections;
  server.on("drop", () => metrics.refused());
  const listening = Promise.withResolvers<void>();
  server.once("error", (error) =>
    listening.reject(
      new Error(`cannot listen for metrics on ${host} port ${port}: ${error.message}`, { cause: error }),
    ),
  );
  server.listen({ host, port }, listening.resolve);
  await listening.promise;
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}${PATH}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function end(response: ServerResponse, status: number, text: string, contentType = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": contentType }).end(status === 200 ? text : `${text}\n`);
}
