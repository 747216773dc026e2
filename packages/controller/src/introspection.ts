import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { Owner } from "@dragonflow/pipeline";

/** One flow that shall be in the switch, as `dragonflow flows` shows it. */
export interface FlowView {
  readonly table: string;
  readonly priority: number;
  readonly match: string;
  readonly actions: string;
  readonly owner: Owner;
  /** What the switch said when it refused the flow; null where it is in. */
  readonly refused: string | null;
}

export interface ControllerView {
  readonly flows: () => readonly FlowView[];
  readonly status: () => object;
}

/**
 * The controller's own window, for the operator of its host: HTTP on a unix socket that only its user may open. Read-only.
 *
 *     GET /flows   {flows: [{table, priority, match, actions, owner: {app, kind, id}, refused}]}
 *     GET /status  counters, connections, conflicts, faults
 */
export async function serveIntrospection(socketPath: string, view: ControllerView): Promise<Server> {
  const server = createServer((request, response) => {
    const body =
      request.method !== "GET"
        ? undefined
        : request.url === "/flows"
          ? { flows: view.flows() }
          : request.url === "/status"
            ? view.status()
            : undefined;
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? { error: "GET /flows or GET /status" }));
  });
  // A controller that was killed left its socket behind; two controllers of one host are kept apart by their lease in the store.
  rmSync(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, () => {
      server.off("error", reject);
      resolve();
    });
  });
  chmodSync(socketPath, 0o600);
  return server;
}
