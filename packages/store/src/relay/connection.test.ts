import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { networkTopic } from "@dragonflow/model";
import { WebSocketServer } from "ws";
import { type Clock, systemClock } from "../clock.ts";
import { Connection } from "./connection.ts";
import { encodeServerFrame, RELAY_PATH, RELAY_PROTOCOL, type ServerFrame } from "./frames.ts";

const WELCOME: ServerFrame = {
  type: "welcome",
  capabilities: {
    atomic: "all-topics",
    durable: "local-disk",
    watch: "data",
    resume: "recent",
    delivery: "topic",
    lease: true,
    rangeDelete: false,
    serverSideFilter: false,
    auth: [],
    limits: { opsPerCommit: 1, bytesPerCommit: 1, bytesPerRecord: 1, listPage: 1 },
  },
  frameBytes: 1000,
  silenceSeconds: 15,
};
const CURRENT: ServerFrame = { type: "current", watch: 1, topics: [networkTopic("a")] };

/** The pauses before each of so many further attempts, in milliseconds; none of them is waited for. */
async function pausesOf(path: string, count: number, random: () => number): Promise<readonly number[]> {
  const pauses: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const clock: Clock = {
    now: () => systemClock.now(),
    after(milliseconds, action, keepsAlive) {
      if (keepsAlive !== true) return systemClock.after(milliseconds, action);
      pauses.push(milliseconds);
      if (pauses.length < count) setImmediate(action);
      else resolve();
      return () => undefined;
    },
  };
  const nothing = (): void => undefined;
  const connection = new Connection(
    { address: `ws+unix:${path}:${RELAY_PATH}`, token: "t", ca: undefined, clock, random, onError: nothing },
    { up: nothing, down: nothing, refused: nothing, frame: nothing, proven: nothing },
  );
  await promise;
  await connection.close();
  return pauses;
}

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), `dragonflow-relay-${process.pid}-`));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
/** A server that says these, and then cuts the connection. @param frames of the nth connection */
async function saying(t: TestContext, frames: (n: number) => readonly ServerFrame[]): Promise<string> {
  const path = join(directory(t), "server");
  const listener = createServer();
  const sockets = new WebSocketServer({ server: listener, handleProtocols: () => RELAY_PROTOCOL });
  let connections = 0;
  sockets.on("connection", (socket) => {
    for (const frame of frames(connections++)) socket.send(encodeServerFrame(frame));
    socket.close();
  });
  listener.listen(path);
  await once(listener, "listening");
  t.after(() => listener.close());
  return path;
}

test("who is refused comes again after pauses that grow to five seconds, and no two clients after the same", async (t) => {
  const path = join(directory(t), "nobody-listens");
  const longest = [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000];
  assert.deepEqual(await pausesOf(path, 9, () => 1), longest);
  const shortest = longest.map((pause) => pause / 2);
  assert.deepEqual(await pausesOf(path, 9, () => 0), shortest);
  const [one, other] = [await pausesOf(path, 9, Math.random), await pausesOf(path, 9, Math.random)];
  for (const [n, pause] of one.entries()) {
    assert.notEqual(pause, other[n]);
    assert.ok(pause >= (shortest[n] ?? 0) && pause <= (longest[n] ?? 0));
  }
});

test("a server that says welcome and no more is one that refused; one that was of use, and went away, is looked for at once", async (t) => {
  const useless = await saying(t, () => [WELCOME]);
  assert.deepEqual(await pausesOf(useless, 4, () => 1), [50, 100, 200, 400]);
  const better = await saying(t, (n) => (n === 2 ? [WELCOME, CURRENT] : [WELCOME]));
  assert.deepEqual(await pausesOf(better, 5, () => 1), [50, 100, 50, 100, 200]);
});

test("a server that does not answer is given up; not by a client that was asleep itself, and has not read yet what it was sent", async (t) => {
  const path = join(directory(t), "server");
  const listener = createServer();
  const sockets = new WebSocketServer({ server: listener, handleProtocols: () => RELAY_PROTOCOL });
  sockets.on("connection", (socket) => socket.send(encodeServerFrame(WELCOME)));
  listener.listen(path);
  await once(listener, "listening");
  t.after(() => listener.close());

  let now = 0;
  let timer: { readonly due: number; readonly action: () => void } | undefined;
  const clock: Clock = {
    now: () => now,
    after(milliseconds, action, keepsAlive) {
      const own = { due: now + milliseconds, action };
      if (keepsAlive !== true) timer = own;
      return () => {
        if (timer === own) timer = undefined;
      };
    },
  };
  const [up, down] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const nothing = (): void => undefined;
  const connection = new Connection(
    { address: `ws+unix:${path}:${RELAY_PATH}`, token: "t", ca: undefined, clock, random: () => 0, onError: nothing },
    { up: () => up.resolve(), down: () => down.resolve(), refused: nothing, frame: nothing, proven: nothing },
  );
  const pass = (late = 0): void => {
    assert.ok(timer !== undefined, "it watches the server");
    now = timer.due + late;
    timer.action();
  };
  await up.promise;
  pass();
  pass(60_000);
  assert.ok(timer !== undefined && connection.isUp, "it looks again before it judges");
  pass();
  await down.promise;
  assert.match(connection.absence.cause instanceof Error ? connection.absence.cause.message : "", /silent/);
  await connection.close();
});
