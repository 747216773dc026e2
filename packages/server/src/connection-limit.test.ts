import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { loadSecret } from "./secret.ts";
import { ApiClient } from "./testing/api-client.ts";
import { LOOPBACK, mainSettings } from "./testing/cloud.ts";
import { FakeChassis } from "./testing/fake-chassis.ts";
import { type ServerProcess, startServerProcess } from "./testing/processes.ts";
import { eventually, testTls } from "./testing/scratch.ts";

const CONNECTIONS = 8;
const FLOOD = 50;

const portOf = (url: string | undefined): number => Number(new URL(url ?? "").port);
const isGone = ({ closed }: Socket): boolean => closed;

/** Connections that say nothing, beside those that there are. */
function flood(port: number): Socket[] {
  return Array.from({ length: FLOOD }, () => {
    // It may be cut off while it connects: that is one way to be refused.
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    return socket.resume();
  });
}

/** What the server has logged of a listener's refusals. */
function refusalsIn(server: ServerProcess, listener: string): readonly number[] {
  const lines = server.log().split("\n").slice(0, -1);
  const entries = lines.map((line): { listener?: string; refused?: number } => JSON.parse(line));
  return entries.flatMap(({ listener: who, refused }) => (who === listener && refused !== undefined ? [refused] : []));
}

async function allTold(server: ServerProcess, listener: string, sockets: readonly Socket[]): Promise<void> {
  const sum = (): number => refusalsIn(server, listener).reduce((a, b) => a + b, 0);
  await eventually("every refusal is counted in the log", () => sum() === sockets.filter(isGone).length);
  assert.ok(refusalsIn(server, listener).length < FLOOD / 5, "and not a line each");
}

test("a flood of connections that say nothing: refused beyond the limit, cut at the deadline, and who is connected goes on", async () => {
  const settings = await mainSettings();
  const limited = { ...LOOPBACK, connections: CONNECTIONS };
  assert.ok(settings.relay);
  const server = await startServerProcess({
    ...settings,
    api: limited,
    relay: { ...settings.relay, ...limited },
    logLevel: "warn",
  });
  const { caFile } = await testTls();
  const access = { url: server.relayUrl ?? "", secret: await loadSecret(settings.secretFile), caFile };
  const api = new ApiClient(server.apiUrl);
  const { id } = await api.port({ network_id: await api.network() });
  const chassis = await FakeChassis.start("host1", access);

  // One that comes as far as TLS, and then says nothing.
  const tls = connectTls({ port: portOf(access.url), host: "127.0.0.1", ca: readFileSync(caFile) });
  tls.on("error", () => undefined).resume();
  await new Promise((resolve) => tls.once("secureConnect", resolve));
  const silent = flood(portOf(access.url));
  const refused = FLOOD - CONNECTIONS;
  await eventually("those beyond the limit are gone", () => silent.filter(isGone).length >= refused);
  await chassis.claim(id, true);
  await eventually("a connected controller is heard", async () => (await api.show(id)).status === "ACTIVE");
  await allTold(server, "relay", silent);

  const idle = flood(portOf(server.apiUrl));
  await eventually("so are those of the API", () => idle.filter(isGone).length >= refused);
  assert.equal((await api.show(id)).status, "ACTIVE", "a connected client is answered");
  await allTold(server, "api", idle);
  for (const socket of idle) socket.destroy();

  await eventually("who did not show who he is has lost his place", () => [...silent, tls].every(isGone));
  await chassis.claim(id, false);
  const another = await FakeChassis.start("host2", access);
  await another.die();
  await chassis.die();
  assert.equal(await server.end("SIGTERM"), 0);
});
