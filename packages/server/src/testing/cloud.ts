import { join } from "node:path";
import { loadSecret } from "../secret.ts";
import { startServer } from "../server.ts";
import type { RunningServer, ServerSettings } from "../settings.ts";
import { ApiClient } from "./api-client.ts";
import type { RelayAccess } from "./fake-chassis.ts";
import { scratchDirectory, testTls } from "./scratch.ts";

export const LOOPBACK = { host: "127.0.0.1", port: 0, connections: 100 } as const;

/** Settings of a server with a store and a relay of its own, in a directory of its own. */
export async function mainSettings(directory: string = scratchDirectory()): Promise<ServerSettings> {
  const { certFile, keyFile } = await testTls();
  return {
    name: "main",
    api: LOOPBACK,
    store: { url: `sqlite:${join(directory, "nb.db")}` },
    relay: { ...LOOPBACK, certFile, keyFile },
    secretFile: join(directory, "secret"),
    logLevel: "error",
  };
}

export interface Cloud {
  readonly api: ApiClient;
  readonly access: RelayAccess;
  readonly server: RunningServer;
}

/** A running server in this process: the caller closes it. */
export async function startCloud(settings?: ServerSettings): Promise<Cloud> {
  const chosen = settings ?? (await mainSettings());
  const server = await startServer(chosen);
  const access = {
    url: server.relayUrl ?? "",
    secret: await loadSecret(chosen.secretFile),
    caFile: (await testTls()).caFile,
  };
  return { api: new ApiClient(server.apiUrl), access, server };
}
