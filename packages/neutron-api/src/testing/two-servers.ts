import assert from "node:assert/strict";
import { createServer } from "node:http";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { connectRelay, serveRelay } from "@dragonflow/store";
import type { ApiConfig } from "../core/config.ts";
import { type Answer, TestServer } from "./server.ts";

/** Two servers on one store, the second through a relay: neither knows what the other is about to write. */
export async function withTwoServers(
  config: Partial<ApiConfig>,
  run: (a: TestServer, b: TestServer) => Promise<void>,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const driver = await openSqliteStore({ file: ":memory:" });
  opened.defer(() => driver.close());
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  opened.defer(async () => void listener.close());
  const relay = serveRelay({ driver, listener, authorize: () => "server" });
  opened.defer(() => relay.close());
  const address = listener.address();
  assert.ok(typeof address === "object" && address !== null);
  const remote = await connectRelay(`ws://127.0.0.1:${address.port}/store`, { token: "any" });
  opened.defer(() => remote.close());
  const servers = [new TestServer(driver, config), new TestServer(remote, config)] as const;
  opened.defer(async () => void (await Promise.all(servers.map((server) => server.close()))));
  await run(...servers);
}

/** `clients` at once, each asking again and again until `total` requests were made. */
export async function storm(
  total: number,
  clients: number,
  ask: (n: number) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < total) answers.push(await ask(next++));
    }),
  );
  return answers;
}
