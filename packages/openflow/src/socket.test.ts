/** The socket against a peer made of the same library, and an upload to a real vswitchd. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Writer } from "@dragonflow/wire";
import { ConnectionError, OpenFlowError } from "./errors.ts";
import { type Message, type MessageNamed, encodeMessage } from "./messages/index.ts";
import { OpenFlowSocket, type SocketOptions, connect, parseAddress } from "./socket.ts";
import { startSwitch } from "./testing/switch.ts";

/** A listener in a directory of its own; `accept` gets each stream. */
async function listen(t: TestContext, accept: (stream: Socket) => void): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "openflow-test-"));
  const path = join(dir, "switch.sock");
  const streams = new Set<Socket>();
  const server: Server = createServer((stream) => {
    streams.add(stream);
    // A peer may go at any moment here.
    stream.on("error", () => stream.destroy());
    accept(stream);
  }).listen(path);
  await once(server, "listening");
  t.after(async () => {
    for (const stream of streams) stream.destroy();
    server.close();
    await rm(dir, { recursive: true });
  });
  return `unix:${path}`;
}
/** A socket to a peer, and the peer with its stream; both have said hello. */
async function pair(t: TestContext, options: SocketOptions = {}) {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const address = await listen(t, resolve);
  const accepted = promise.then((stream) => ({ stream, peer: new OpenFlowSocket(stream) }));
  const [socket, { stream, peer }] = await Promise.all([connect(address, options), accepted]);
  t.after(() => socket.close());
  await peer.opened;
  return { socket, peer, stream };
}
const drop: MessageNamed<"flow_mod"> = {
  type: "flow_mod",
  command: "add",
  table: 0,
  priority: 1,
  cookie: 0n,
  match: {},
  instructions: {},
};

test("addresses are written as Open vSwitch writes them", () => {
  assert.deepEqual(parseAddress("unix:/run/a b.mgmt"), { path: "/run/a b.mgmt" });
  assert.deepEqual(parseAddress("tcp:192.0.2.1"), { host: "192.0.2.1", port: 6653 });
  assert.deepEqual(parseAddress("tcp:[2001:db8::1]:66"), { host: "2001:db8::1", port: 66 });
  assert.throws(() => parseAddress("ssl:host"), RangeError);
});

test("a connection that cannot be made says why", async (t) => {
  await assert.rejects(connect("unix:/nonexistent/socket"), (error) => {
    assert.ok(error instanceof ConnectionError && error.code === "closed");
    assert.ok(error.cause instanceof Error && "code" in error.cause && error.cause.code === "ENOENT");
    return true;
  });
  await assert.rejects(connect(await listen(t, (stream) => void stream.end())), { code: "closed" });
  const old = (stream: Socket): void => {
    const w = new Writer();
    encodeMessage(w, 1, { type: "hello", versions: [1, 2, 3, 4] });
    stream.write(w.slice());
  };
  await assert.rejects(connect(await listen(t, old)), { code: "version" });
  const controller = new AbortController();
  const silent = connect(await listen(t, () => controller.abort()), { signal: controller.signal });
  await assert.rejects(silent, { code: "closed" });
});

test("all that is sent in one turn arrives in one write", async (t) => {
  const { socket, stream } = await pair(t);
  const chunk = once(stream, "data");
  socket.send([drop]);
  socket.send([drop, drop]);
  const barrier = socket.barrier();
  assert.equal((await chunk)[0].length, 3 * 56 + 8);
  socket.close();
  await assert.rejects(barrier, { code: "closed" });
});

test("requests are answered, refused, or end with the connection", async (t) => {
  const { socket, peer } = await pair(t);
  peer.on("message", (message, xid) => {
    if (message.type === "get_config_request") {
      peer.reply(xid, { type: "get_config_reply", fragments: "drop", missSendLengthBytes: 5 });
    } else if (message.type === "features_request") {
      peer.reply(xid, { type: "error", error: "OFPBRC_EPERM", data: new Uint8Array() });
    } else if (message.type === "desc_request") {
      peer.close();
    }
  });
  const config = await socket.request({ type: "get_config_request" });
  assert.deepEqual(config, { type: "get_config_reply", fragments: "drop", missSendLengthBytes: 5 });
  await assert.rejects(socket.request({ type: "features_request" }), (error) => {
    return (
      error instanceof OpenFlowError && error.code === "OFPBRC_EPERM" && error.request?.type === "features_request"
    );
  });
  const closed = once(socket, "close");
  await assert.rejects(socket.request({ type: "desc_request" }), { code: "closed" });
  await closed;
  assert.equal(socket.isOpen, false);
  await assert.rejects(socket.barrier(), { code: "not-open" });
});

test("a peer that does not read makes the socket congested, until it does", async (t) => {
  const { socket, stream } = await pair(t, { highWaterBytes: 100_000 });
  stream.pause();
  const flows: Message[] = Array.from({ length: 1000 }, () => drop);
  assert.equal(socket.congested, false);
  while (!socket.congested) {
    socket.send(flows);
    await new Promise(setImmediate);
  }
  const drained = once(socket, "drain", { signal: AbortSignal.timeout(10_000) });
  stream.resume();
  await drained;
  assert.equal(socket.congested, false);
});

test("100,000 flows are installed and read back", { timeout: 120_000 }, async (t) => {
  const ovs = await startSwitch();
  t.after(() => ovs.stop());
  const socket = await connect(ovs.bridge);
  t.after(() => socket.close());
  const count = 100_000;
  const flows = Array.from({ length: count }, (_, i) => ({
    ...drop,
    table: 10 + (i % 100),
    priority: 100,
    cookie: BigInt(i),
    match: { reg0: i, eth_type: 0x0800, ipv4_dst: (0x0a000000 + i) >>> 0 },
    instructions: { apply: [{ type: "output", port: 1 + (i % 1000) }] },
  })) satisfies Message[];
  const start = performance.now();
  assert.deepEqual(await socket.apply(flows), []);
  const installed = performance.now();
  const { entries } = await socket.request({ type: "flow_desc_request", match: {} });
  const read = performance.now();
  assert.equal(entries.length, count);
  const found = new Map(entries.map((entry) => [entry.cookie, entry]));
  for (const { table, match, instructions, cookie } of flows) {
    const entry = found.get(cookie);
    assert.deepEqual(
      { table: entry?.table, match: entry?.match, instructions: entry?.instructions },
      { table, match, instructions },
    );
  }
  t.diagnostic(`installed in ${Math.round(installed - start)} ms, read back in ${Math.round(read - installed)} ms`);
});
