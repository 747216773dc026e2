import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, EncodeError, Writer } from "@dragonflow/wire";
import { Connection, type ConnectionEvent, type ConnectionOptions } from "./connection.ts";
import { ConnectionError, OpenFlowError } from "./errors.ts";
import { type Message, type MessageNamed, encodeMessage } from "./messages/index.ts";

const drop: MessageNamed<"flow_mod"> = {
  type: "flow_mod",
  command: "add",
  table: 0,
  priority: 1,
  cookie: 0n,
  match: {},
  instructions: {},
};

/** Takes what one side has to say to the other; in pieces of `step` bytes. */
function carry(from: Connection, to: Connection, step = 1 << 20): ConnectionEvent[] {
  const bytes = from.takeOutput();
  const events: ConnectionEvent[] = [];
  for (let at = 0; at < bytes.length; at += step) events.push(...to.receive(bytes.subarray(at, at + step)));
  return events;
}
/** Two sides that have agreed. */
function pair(options: ConnectionOptions = {}): { controller: Connection; peer: Connection } {
  const controller = new Connection(options);
  const peer = new Connection();
  assert.deepEqual(carry(peer, controller), [{ type: "open" }]);
  assert.deepEqual(carry(controller, peer), [{ type: "open" }]);
  return { controller, peer };
}
function bytesOf(xid: number, ...messages: readonly Message[]): Uint8Array {
  const w = new Writer();
  for (const message of messages) encodeMessage(w, xid, message);
  return w.slice();
}
/** The xid of the last message that `from` has sent to `to`. */
function arrived(from: Connection, to: Connection): { xid: number; message: Message }[] {
  return carry(from, to).map((event) => {
    assert.equal(event.type, "message");
    return event.type === "message" ? { xid: event.xid, message: event.message } : assert.fail();
  });
}

test("both sides say hello and agree, byte by byte too", () => {
  const [a, b] = [new Connection(), new Connection()];
  assert.equal(a.state, "hello");
  assert.deepEqual(carry(a, b, 1), [{ type: "open" }]);
  assert.deepEqual(carry(b, a, 1), [{ type: "open" }]);
  assert.equal(a.state, "open");
  assert.equal(a.outputBytes, 0);
});

test("a peer without OpenFlow 1.5 is told so", () => {
  const a = new Connection();
  a.takeOutput();
  const [event] = a.receive(bytesOf(9, { type: "hello", versions: [1, 4] }));
  assert.equal(event?.type, "closed");
  assert.ok(event?.type === "closed" && event.error.code === "version");
  const b = new Connection();
  const [told] = b.receive(a.takeOutput());
  assert.ok(told?.type === "closed" && told.error.cause instanceof OpenFlowError);
  assert.equal(told.error.cause.code, "OFPHFC_INCOMPATIBLE");
  assert.equal(told.error.cause.xid, 9);
});

test("what comes first must be a hello", () => {
  const [event] = new Connection().receive(bytesOf(1, { type: "barrier_request" }));
  assert.ok(event?.type === "closed" && event.error.code === "protocol");
  const [garbage] = new Connection().receive(Uint8Array.of(6, 20, 0, 9, 0, 0, 0, 1, 1));
  assert.ok(garbage?.type === "closed" && garbage.error.cause instanceof DecodeError);
});

test("nothing is sent before the hello, nor after the end", () => {
  const connection = new Connection();
  const notOpen = { code: "not-open" };
  assert.throws(() => connection.send([drop]), notOpen);
  assert.throws(() => connection.request({ type: "barrier_request" }, 1), notOpen);
  connection.close(new ConnectionError("closed", "test"));
  assert.throws(() => connection.reply(1, { type: "barrier_reply" }), notOpen);
  assert.deepEqual(connection.receive(bytesOf(1, drop)), []);
});

test("an echo is answered by itself", () => {
  const { controller, peer } = pair();
  peer.request({ type: "echo_request", payload: Uint8Array.of(1, 2) }, "mine");
  assert.deepEqual(carry(peer, controller), []);
  const [event] = carry(controller, peer);
  assert.ok(event?.type === "reply" && event.tag === "mine" && event.message.type === "echo_reply");
  assert.deepEqual([...event.message.payload], [1, 2]);
});

test("answers find their requests in any order", () => {
  const { controller, peer } = pair();
  controller.request({ type: "features_request" }, "a");
  controller.request({ type: "port_desc_request" }, "b");
  const [features, ports] = arrived(controller, peer);
  peer.reply(ports?.xid ?? 0, { type: "port_desc_reply", entries: [] });
  peer.reply(features?.xid ?? 0, {
    type: "features_reply",
    datapathId: 1n,
    buffers: 0,
    tables: 254,
    auxiliaryId: 0,
    capabilities: [],
  });
  const tags = carry(peer, controller).map((event) => event.type === "reply" && [event.tag, event.message.type]);
  assert.deepEqual(tags, [
    ["b", "port_desc_reply"],
    ["a", "features_reply"],
  ]);
});

test("a reply of many parts is put together", () => {
  const { controller, peer } = pair();
  controller.request({ type: "table_stats_request" }, "tables");
  controller.request({ type: "get_config_request" }, "config");
  const [{ xid } = assert.fail(), config] = arrived(controller, peer);
  const entries = Array.from({ length: 10_000 }, (_, i) => ({ table: i % 254, active: i, lookups: 0n, matched: 0n }));
  peer.reply(xid, { type: "table_stats_reply", entries, more: true });
  // Between the parts there is room for other messages.
  peer.reply(0, { type: "packet_in2", frame: Uint8Array.of(1) });
  peer.reply(config?.xid ?? 0, { type: "get_config_reply", fragments: "normal", missSendLengthBytes: 0 });
  peer.reply(xid, { type: "table_stats_reply", entries: [] });
  const events = carry(peer, controller, 999);
  assert.deepEqual(
    events.map((event) => event.type),
    ["message", "reply", "reply"],
  );
  const last = events[2];
  assert.ok(last?.type === "reply" && last.tag === "tables");
  assert.deepEqual(last.message, { type: "table_stats_reply", entries });
});

test("a reply that is too large fails its request only", () => {
  const { controller, peer } = pair({ maxReplyBytes: 1000 });
  controller.request({ type: "table_stats_request" }, "tables");
  controller.request({ type: "barrier_request" }, "barrier");
  const [first, second] = arrived(controller, peer);
  const entries = Array.from({ length: 30 }, () => ({ table: 1, active: 1, lookups: 0n, matched: 0n }));
  for (const more of [true, true, undefined] as const) {
    peer.reply(first?.xid ?? 0, { type: "table_stats_reply", entries, ...(more && { more }) });
  }
  peer.reply(second?.xid ?? 0, { type: "barrier_reply" });
  const [failed, reply] = carry(peer, controller);
  assert.ok(failed?.type === "failed" && failed.tag === "tables");
  assert.ok(failed.error instanceof ConnectionError && failed.error.code === "too-large");
  assert.ok(reply?.type === "reply" && reply.tag === "barrier");
});

test("an error names the message that caused it, until a barrier behind it is answered", () => {
  const { controller, peer } = pair();
  const flows = Array.from({ length: 100 }, (_, priority) => ({ ...drop, priority }));
  controller.send(flows, "flows");
  controller.send([drop]);
  controller.request({ type: "barrier_request" }, "barrier");
  const received = arrived(controller, peer);
  const at = (index: number): number => received[index]?.xid ?? 0;
  const refuse = (xid: number): void =>
    peer.reply(xid, { type: "error", error: "OFPFMFC_TABLE_FULL", data: bytesOf(xid, drop) });
  refuse(at(42));
  refuse(at(100));
  const [named, unnamed] = carry(peer, controller);
  assert.ok(named?.type === "failed" && named.tag === "flows" && named.error instanceof OpenFlowError);
  assert.equal(named.error.request, flows[42]);
  assert.equal(named.error.tag, "flows");
  assert.equal(named.error.code, "OFPFMFC_TABLE_FULL");
  assert.equal(named.error.errorType, "OFPET_FLOW_MOD_FAILED");
  assert.equal(named.error.xid, at(42));
  assert.deepEqual(named.error.head, bytesOf(at(42), drop));
  // Sent without a tag, so not kept.
  assert.ok(unnamed?.type === "failed" && unnamed.tag === undefined && unnamed.error instanceof OpenFlowError);
  assert.equal(unnamed.error.request, undefined);
  // What is sent behind the barrier is kept beyond it.
  controller.send([drop], "later");
  const [later] = arrived(controller, peer);
  peer.reply(at(101), { type: "barrier_reply" });
  assert.equal(carry(peer, controller)[0]?.type, "reply");
  refuse(at(42));
  refuse(later?.xid ?? 0);
  const tags = carry(peer, controller).map((event) => event.type === "failed" && event.tag);
  assert.deepEqual(tags, [undefined, "later"]);
});

test("an error ends the request that it answers", () => {
  const { controller, peer } = pair();
  controller.request({ type: "flow_stats_request", match: {} }, "stats");
  const [{ xid } = assert.fail()] = arrived(controller, peer);
  peer.reply(xid, { type: "error", error: "OFPBRC_BAD_STAT", data: new Uint8Array() });
  peer.reply(xid, { type: "flow_stats_reply", entries: [] });
  const events = carry(peer, controller);
  assert.equal(events.length, 1);
  assert.ok(events[0]?.type === "failed" && events[0].tag === "stats");
});

test("a barrier's answer ends the requests before it that have none", () => {
  const { controller, peer } = pair();
  controller.request({ type: "features_request" }, "lost");
  controller.request({ type: "barrier_request" }, "barrier");
  controller.request({ type: "features_request" }, "later");
  const barrier = arrived(controller, peer)[1];
  peer.reply(barrier?.xid ?? 0, { type: "barrier_reply" });
  const [lost, reply, ...others] = carry(peer, controller);
  assert.ok(lost?.type === "failed" && lost.tag === "lost");
  assert.ok(lost.error instanceof ConnectionError && lost.error.code === "unanswered");
  assert.ok(reply?.type === "reply" && reply.tag === "barrier");
  assert.deepEqual(others, []);
  const [closed] = controller.close(new ConnectionError("closed", "test"));
  assert.deepEqual(closed?.type === "closed" && closed.unanswered, ["later"]);
});

test("a message that cannot be read is told, and the connection goes on", () => {
  const { controller, peer } = pair();
  controller.request({ type: "features_request" }, "features");
  const [{ xid } = assert.fail()] = arrived(controller, peer);
  const unreadable = [
    "060a00090000000001",
    `060600090000000${xid}01`,
    // The answer to a barrier that nobody asked for says nothing.
    "0615000800000063",
  ];
  const packet = bytesOf(0, { type: "packet_in2", frame: Uint8Array.of(7) });
  const events = controller.receive(Buffer.concat([Buffer.from(unreadable.join(""), "hex"), packet]));
  assert.deepEqual(
    events.map((event) => event.type),
    ["malformed", "failed", "message"],
  );
  assert.ok(events[1]?.type === "failed" && events[1].tag === "features" && events[1].error instanceof DecodeError);
  assert.equal(controller.state, "open");
});

test("a length that cannot be ends the connection", () => {
  const { controller } = pair();
  controller.request({ type: "features_request" }, "features");
  const [event] = controller.receive(Uint8Array.of(6, 10, 0, 3, 0, 0, 0, 0));
  assert.ok(event?.type === "closed" && event.error.code === "protocol");
  assert.deepEqual(event.unanswered, ["features"]);
  assert.equal(controller.state, "closed");
});

test("silence is asked about once, and then taken for the end", () => {
  const { controller, peer } = pair({ echoIntervalMs: 1000, echoTimeoutMs: 500 });
  assert.deepEqual(controller.tick(10_000), []);
  controller.tick(10_999);
  assert.equal(controller.outputBytes, 0);
  controller.tick(11_000);
  controller.tick(11_200);
  assert.deepEqual(carry(controller, peer), []);
  assert.deepEqual(carry(peer, controller), []);
  // The answer is a sign of life.
  assert.deepEqual(controller.tick(11_600), []);
  controller.tick(12_700);
  assert.equal(controller.outputBytes, 8);
  assert.deepEqual(controller.tick(13_200), []);
  const [event] = controller.tick(13_300);
  assert.ok(event?.type === "closed" && event.error.code === "timeout");
  assert.deepEqual(controller.tick(99_000), []);
  assert.throws(() => controller.send([drop]), {
    code: "not-open",
    message: /timeout: silent for/,
    cause: event.error,
  });
});

test("whoever was held up itself first reads what came meanwhile", () => {
  const { controller, peer } = pair({ echoIntervalMs: 1000, echoTimeoutMs: 500 });
  controller.tick(10_000);
  controller.tick(11_000);
  carry(controller, peer);
  assert.deepEqual(controller.tick(60_000), []);
  assert.deepEqual(carry(peer, controller), []);
  assert.deepEqual(controller.tick(60_001), []);
  assert.equal(controller.state, "open");
});

test("a peer that never says hello is given up", () => {
  const connection = new Connection({ echoIntervalMs: 1000, echoTimeoutMs: 500 });
  connection.takeOutput();
  assert.deepEqual(connection.tick(0), []);
  assert.deepEqual(connection.tick(1000), []);
  assert.equal(connection.outputBytes, 0);
  assert.deepEqual(connection.tick(1500), []);
  assert.equal(connection.tick(1600)[0]?.type, "closed");
});

test("a message without a wire form is not sent, nor are those with it", () => {
  const { controller, peer } = pair();
  assert.throws(() => controller.send([drop, { ...drop, priority: 70_000 }, drop], "tag"), EncodeError);
  assert.equal(controller.outputBytes, 0);
  controller.send([drop]);
  assert.equal(arrived(controller, peer).length, 1);
});

test("a switch can be built of the same connection", () => {
  const { controller, peer } = pair();
  controller.request({ type: "bundle_control", bundle: 1, control: "open_request", flags: ["atomic"] }, "open");
  const [{ xid, message } = assert.fail()] = arrived(controller, peer);
  assert.ok(message.type === "bundle_control" && message.control === "open_request");
  peer.reply(xid, { ...message, control: "open_reply" });
  const [event] = carry(peer, controller);
  assert.ok(event?.type === "reply" && event.tag === "open");
});
