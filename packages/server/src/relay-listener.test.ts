import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { networkTopic } from "@dragonflow/model";
import { connectRelay, mintToken, RELAY_PATH, RELAY_PROTOCOL, type StoreDriver } from "@dragonflow/store";
import { pino } from "pino";
import { GREETING, type Greeting, openRelayListener } from "./relay-listener.ts";
import { eventually, testTls } from "./testing/scratch.ts";

const SECRET = Buffer.from("a secret of this test");
const TOPIC = networkTopic("any");

async function listening(greeting: Greeting) {
  const { certFile, keyFile, caFile } = await testTls();
  const ca = readFileSync(caFile);
  const driver = await openSqliteStore({ file: ":memory:" });
  const settings = { host: "127.0.0.1", port: 0, connections: 20_000, certFile, keyFile };
  const listener = await openRelayListener(settings, driver, SECRET, pino({ level: "silent" }), greeting);
  const { url } = listener;
  const port = Number(new URL(url).port);
  const clients: StoreDriver[] = [];
  return {
    plain: () =>
      connect(port, "127.0.0.1")
        .on("error", () => undefined)
        .resume(),
    async tls(): Promise<TLSSocket> {
      const socket = connectTls({ port, host: "127.0.0.1", ca });
      await once(socket.on("error", () => undefined).resume(), "secureConnect");
      return socket;
    },
    async client(name: string, onError: (error: unknown) => void = () => undefined): Promise<StoreDriver> {
      const client = await connectRelay(url, { token: mintToken(SECRET, `chassis:${name}`), ca, onError });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      await listener.close();
      await driver.close();
    },
  };
}
const upgrade = (token: string): string =>
  [
    `GET ${RELAY_PATH} HTTP/1.1`,
    "host: localhost",
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${Buffer.alloc(16).toString("base64")}`,
    `sec-websocket-protocol: ${RELAY_PROTOCOL}`,
    `authorization: Bearer ${token}`,
    "\r\n",
  ].join("\r\n");

test("two thousand have not shown yet who they are: the next is refused at once, comes again, and is let in when there is room", async () => {
  await using relay = await listening({ ...GREETING, deadlineMilliseconds: 60_000 });
  const known = await Promise.all(["host1", "host2", "host3"].map((name) => relay.client(name)));
  const newcomers: Socket[] = [];
  while (newcomers.length < 2000) {
    for (let n = 0; n < 100; n++) newcomers.push(relay.plain());
    await eventually("all are connected", () => newcomers.every((socket) => !socket.connecting));
  }
  const next = relay.plain();
  await once(next, "close");
  // Accepted in their order: whoever came before it was let in, beside three who do not count.
  assert.equal(newcomers.filter((socket) => socket.closed).length, 0);
  for (const client of known) await client.head(TOPIC);

  const refusals: unknown[] = [];
  const late = relay.client("host4", (error) => refusals.push(error));
  await eventually("a client is refused as well", () => refusals.length > 0);
  for (const socket of newcomers) socket.destroy();
  await (await late).head(TOPIC);
});

test("who dawdles loses his place at the deadline, wherever he stopped; who is refused, at once", async () => {
  await using relay = await listening({ newcomers: 6, deadlineMilliseconds: 1000 });
  const known = await relay.client("host1");
  const silent = relay.plain();
  const greeted = await relay.tls();
  const halfway = await relay.tls();
  halfway.write(upgrade("x").slice(0, 60));
  const curious = await relay.tls();
  curious.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const stranger = await relay.tls();
  // It would leave its side open for ever.
  stranger.allowHalfOpen = true;
  stranger.write(upgrade("nobody's token"));
  const dawdlers = { silent, greeted, halfway, curious };
  for (const [name, socket] of Object.entries(dawdlers)) await eventually(`${name} is cut off`, () => socket.closed);
  await eventually("the stranger is told", () => stranger.readableEnded);
  await eventually("all six places are free again", async () => {
    const six = Array.from({ length: 6 }, () => relay.plain());
    const last = relay.plain();
    await Promise.all([
      ...six.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])),
      once(last, "close"),
    ]);
    const areIn = six.every((socket) => !socket.closed);
    for (const socket of six) socket.destroy();
    return areIn;
  });
  await known.head(TOPIC);
});
