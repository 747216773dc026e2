import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Connection, type Reply } from "./connection.ts";
import { ConnectionError, OvsdbError, RpcError } from "./errors.ts";
import type { Json } from "./json.ts";

const encoder = new TextEncoder();

/** A connection whose clock and peer are the test. */
class Session {
  readonly sent: Json[] = [];
  readonly notified: [string, readonly Json[]][] = [];
  readonly connection: Connection;
  constructor(probeIntervalMs = 0) {
    this.connection = new Connection({
      write: (text) => this.sent.push(JSON.parse(text)),
      notification: (method, params) => this.notified.push([method, params]),
      probeIntervalMs,
      nowMs: 0,
      limits: { maxBytes: 4096 },
    });
  }
  hears(...messages: Json[]): void {
    this.hearsAt(0, ...messages);
  }
  hearsAt(nowMs: number, ...messages: Json[]): void {
    this.connection.receive(encoder.encode(messages.map((message) => JSON.stringify(message)).join("")), nowMs);
  }
}

describe("requests and replies", () => {
  test("replies find their requests, in any order, and both kinds of error", () => {
    const session = new Session();
    const replies: [string, Reply][] = [];
    for (const name of ["a", "b", "c"])
      session.connection.request(name, [name], (reply) => replies.push([name, reply]));
    assert.deepEqual(session.sent, [
      { method: "a", params: ["a"], id: 1 },
      { method: "b", params: ["b"], id: 2 },
      { method: "c", params: ["c"], id: 3 },
    ]);
    session.hears(
      { id: 3, result: [1], error: null },
      { id: 1, error: "unknown method" },
      { id: 2, result: null, error: { error: "unknown database", details: "no x", syntax: "x" } },
    );
    assert.deepEqual(replies[0], ["c", { ok: true, result: [1] }]);
    const errors = replies.slice(1).map(([name, reply]) => [name, reply.ok === false && reply.error.message]);
    assert.deepEqual(errors, [
      ["a", "a: unknown method"],
      ["b", "b: unknown database: no x"],
    ]);
    assert.ok(replies.slice(1).every(([, reply]) => !reply.ok && reply.error instanceof RpcError));
  });

  test("replies and notifications are handed on in the order in which they came", () => {
    const session = new Session();
    const order: string[] = [];
    session.connection.request("monitor", [], () => order.push(`reply after ${session.notified.length}`));
    const update = { id: null, method: "update", params: ["m", {}] };
    session.hears(update, { id: 1, result: {}, error: null }, update);
    assert.deepEqual(order, ["reply after 1"]);
    assert.deepEqual(session.notified, [
      ["update", ["m", {}]],
      ["update", ["m", {}]],
    ]);
  });

  test("an echo of the server is answered, any other question declined", () => {
    const session = new Session();
    session.hears({ method: "echo", params: ["ä", [1]], id: "echo" }, { method: "steal", params: [], id: 7 });
    assert.deepEqual(session.sent, [
      { result: ["ä", [1]], error: null, id: "echo" },
      { result: null, error: "unknown method", id: 7 },
    ]);
  });

  test("a request that was cancelled is not heard of again, whether the server replies or not", () => {
    for (const replied of [true, false]) {
      const session = new Session();
      const id = session.connection.request("transact", ["db"], () => assert.fail("settled"));
      session.connection.cancel(id);
      assert.deepEqual(session.sent.slice(1), [
        { method: "cancel", params: [1], id: null },
        { method: "echo", params: [], id: 2 },
      ]);
      if (replied) session.hears({ id: 1, result: null, error: "canceled" });
      session.hears({ id: 2, result: [], error: null });
      session.connection.cancel(id);
      assert.equal(session.sent.length, 3);
      assert.throws(() => session.hears({ id: 1, result: [], error: null }), { code: "bad-message" });
    }
  });

  test("the end is told to what is pending, once, and to what is asked later", () => {
    const session = new Session();
    const reason = new ConnectionError("lost", "gone");
    const replies: Reply[] = [];
    session.connection.request("a", [], (reply) => replies.push(reply));
    session.connection.end(reason);
    session.connection.end(new ConnectionError("closed", "again"));
    session.connection.request("b", [], (reply) => replies.push(reply));
    assert.deepEqual(replies, [
      { ok: false, error: reason },
      { ok: false, error: reason },
    ]);
    session.hears({ id: 1, result: 1, error: null }, { method: "echo", params: [], id: 1 });
    assert.equal(session.sent.length, 1);
  });

  test("what comes in one piece with the reason to end is nobody's", () => {
    const session = new Session();
    session.connection.request("a", [], () => session.connection.end(new ConnectionError("closed", "enough")));
    session.hears({ id: 1, result: 1, error: null }, { method: "update", params: ["m"], id: null });
    assert.deepEqual(session.notified, []);
  });
});

describe("the inactivity probe, on the clock of tick()", () => {
  test("asks after silence, is content with any byte, gives up after as much again", () => {
    const session = new Session(1000);
    const { connection } = session;
    assert.equal(connection.tick(0), 1000);
    assert.equal(connection.tick(999), 1000);
    assert.deepEqual(session.sent, []);
    assert.equal(connection.tick(1000), 2000);
    assert.deepEqual(session.sent, [{ method: "echo", params: [], id: "probe" }]);
    session.hearsAt(1500, { id: "probe", result: [], error: null });
    assert.equal(connection.tick(1600), 2500);
    assert.equal(connection.tick(2600), 3600);
    connection.receive(encoder.encode("{"), 3000);
    assert.equal(connection.tick(3600), 4000);
    assert.equal(connection.tick(4000), 5000);
    assert.equal(session.sent.length, 3);
    assert.throws(() => connection.tick(5000), { code: "probe-timeout" });
  });
  test("can be off, and ends with the connection", () => {
    assert.equal(new Session(0).connection.tick(1e9), Number.POSITIVE_INFINITY);
    const session = new Session(1000);
    session.connection.end(new ConnectionError("closed", "x"));
    assert.equal(session.connection.tick(1e9), Number.POSITIVE_INFINITY);
  });
});

describe("what a server must not say", () => {
  const messages: Json[] = [
    [],
    {},
    { id: 1, result: [] },
    { id: "x", result: [] },
    { id: null, result: [] },
    { method: 5, params: [] },
    { method: "update", params: {} },
    { method: "update", params: "x", id: null },
  ];
  for (const message of messages) {
    test(JSON.stringify(message), () => assert.throws(() => new Session().hears(message), { code: "bad-message" }));
  }

  test("random bytes and random messages: a typed error or nothing", () => {
    const members = fc.record(
      {
        id: fc.jsonValue(),
        method: fc.jsonValue(),
        params: fc.jsonValue(),
        result: fc.jsonValue(),
        error: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const likely = fc.record({
      id: fc.constantFrom(1, 2, null, "probe"),
      result: fc.jsonValue(),
      error: fc.jsonValue(),
    });
    const input = fc.oneof(
      fc.uint8Array(),
      fc
        .array(fc.oneof(members, likely))
        .map((all) => encoder.encode(all.map((message) => JSON.stringify(message)).join(" "))),
    );
    fc.assert(
      fc.property(input, (bytes) => {
        const session = new Session();
        session.connection.request("a", [], () => undefined);
        session.connection.request("b", [], () => undefined);
        try {
          session.connection.receive(bytes, 0);
        } catch (error) {
          assert.ok(error instanceof OvsdbError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
