/** Where the controllers of a lab find their server, which somebody may stand in front of. */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { listHosts, startRecorded, stopRecorded } from "@dragonflow/lab";
import type { Cloud } from "./cloud.ts";

const SERVER = /^server = "wss:\/\/127\.0\.0\.1:(\d+)"$/m;
const fileOf = (cloud: Cloud): string => join(cloud.lab.directory, "dragonflow.toml");

/** The port where controllers look for the relay: the server's own, until {@link connectThrough}. */
export function relayPort(cloud: Cloud): number {
  return Number(SERVER.exec(readFileSync(fileOf(cloud), "utf8"))?.[1]);
}

/** Has `server` listen, and all controllers start anew and connect there. @param settings further lines for controllers: `metrics_port = 0` */
export async function connectThrough(cloud: Cloud, server: Server, settings: readonly string[] = []): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const lines = [`server = "wss://127.0.0.1:${address.port}"`, ...settings].join("\n");
  writeFileSync(fileOf(cloud), readFileSync(fileOf(cloud), "utf8").replace(SERVER, lines));
  for (const { name } of await listHosts(cloud.lab)) {
    await stopRecorded(cloud.lab, `controller-${name}`);
    await startRecorded(cloud.lab, `controller-${name}`);
  }
}
