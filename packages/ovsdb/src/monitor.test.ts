import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { scalar, set, map } from "./column.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, OvsdbError } from "./errors.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import type { Monitor } from "./monitor.ts";
import { type Batch, type MonitorHost, Replica } from "./replica.ts";
import type { Schema } from "./schema.ts";
import { integer, string, uuid, zeroUuid } from "./values.ts";

const tables = { T: { n: scalar(integer), s: set(integer), m: map(string, string) } };
const schema: Schema<typeof tables> = { name: "D", version: "1", tables };
const wireSchema = {
  name: "D",
  tables: {
    T: {
      columns: {
        n: { type: "integer" },
        s: { type: { key: "integer", min: 0, max: "unlimited" } },
        m: { type: { key: "string", value: "string", min: 0, max: "unlimited" } },
      },
    },
  },
};
const selection = { T: ["n", "s", "m"] } as const;
const a = uuid("550e8400-e29b-41d4-a716-44665544000a");
const b = uuid("550e8400-e29b-41d4-a716-44665544000b");
const txn1 = uuid("11111111-e29b-41d4-a716-446655440000");
const txn2 = uuid("22222222-e29b-41d4-a716-446655440000");

/** A replica on connections whose other end is the test. */
class Bench {
  readonly batches: Batch<typeof tables, typeof selection>[] = [];
  readonly errors: Error[] = [];
  readonly thrown: unknown[] = [];
  readonly sent: JsonObject[] = [];
  onBatch: () => void = () => undefined;
  readonly #monitors = new Set<Monitor>();
  readonly #host: MonitorHost = {
    newMonitorId: () => "m",
    add: (monitor) => this.#monitors.add(monitor),
    remove: (monitor) => this.#monitors.delete(monitor),
    callOut: (body) => {
      try {
        body();
      } catch (error) {
        this.thrown.push(error);
      }
    },
  };
  readonly replica: Replica<typeof tables, typeof selection>;
  #connection: Connection | undefined;

  constructor(onError?: (error: Error) => void) {
    this.replica = new Replica(this.#host, {
      schema,
      selection,
      onBatch: (batch) => {
        this.batches.push(batch);
        this.onBatch();
      },
      onError,
    });
  }

  connect(): void {
    this.#connection?.end(new ConnectionError("lost", "gone"));
    for (const monitor of this.#monitors) monitor.stop();
    this.#connection = new Connection({
      write: (text) => {
        const message: Json = JSON.parse(text);
        if (isObject(message)) this.sent.push(message);
      },
      notification: (method, params) => {
        for (const monitor of this.#monitors) monitor.notification(method, params);
      },
      probeIntervalMs: 0,
      nowMs: 0,
    });
    for (const monitor of this.#monitors) monitor.start(this.#connection);
  }

  /** Answers what was asked last. */
  answer(reply: { result: Json } | { error: Json }): void {
    this.say({ id: this.sent.at(-1)?.["id"] ?? null, ...reply });
  }

  say(message: Json): void {
    this.#connection?.receive(new TextEncoder().encode(JSON.stringify(message)), 0);
  }

  /** Connects, and answers up to the contents. */
  sync(contents: Json): void {
    this.connect();
    this.answer({ result: wireSchema });
    this.answer({ result: contents });
  }

  rows(): object {
    return Object.fromEntries(this.replica.rows("T"));
  }
}

const initial: Json = {
  T: { [a]: { initial: { n: 1, s: ["set", [1, 2]], m: ["map", [["k", "v"]]] } }, [b]: { initial: {} } },
};
const rowA = { n: 1, s: new Set([1, 2]), m: new Map([["k", "v"]]) };
const rowB = { n: 0, s: new Set(), m: new Map() };

describe("monitor_cond_since", () => {
  test("what is asked, and the first contents with defaults filled in", async () => {
    const bench = new Bench();
    bench.connect();
    const ready = bench.replica.ready();
    bench.answer({ result: wireSchema });
    assert.deepEqual(bench.sent.at(-1), {
      method: "monitor_cond_since",
      params: ["D", "m", { T: [{ columns: ["n", "s", "m"] }] }, zeroUuid],
      id: 2,
    });
    bench.answer({ result: [false, txn1, initial] });
    await ready;
    assert.deepEqual(bench.batches, [
      {
        kind: "snapshot",
        changes: [
          { table: "T", uuid: a, old: undefined, new: rowA },
          { table: "T", uuid: b, old: undefined, new: rowB },
        ],
      },
    ]);
    assert.deepEqual(bench.rows(), { [a]: rowA, [b]: rowB });
  });

  test("differences are applied; what did not change is the very same", () => {
    const bench = new Bench();
    bench.sync([false, txn1, initial]);
    const before = bench.replica.rows("T").get(a);
    const modify = {
      s: ["set", [2, 3]],
      m: [
        "map",
        [
          ["k", "v"],
          ["k2", "v2"],
        ],
      ],
    };
    bench.say({ method: "update3", params: ["m", txn2, { T: { [a]: { modify }, [b]: { delete: null } } }], id: null });
    const after = { n: 1, s: new Set([1, 3]), m: new Map([["k2", "v2"]]) };
    assert.deepEqual(bench.batches.at(-1), {
      kind: "update",
      changes: [
        { table: "T", uuid: a, old: rowA, new: after },
        { table: "T", uuid: b, old: rowB, new: undefined },
      ],
    });
    assert.deepEqual(bench.rows(), { [a]: after });
    assert.deepEqual(before, rowA);
    bench.say({ method: "update3", params: ["m", txn2, { T: { [a]: { modify: { n: 2 } } } }], id: null });
    const [change] = bench.batches.at(-1)!.changes;
    assert.equal(change?.old?.s, change?.new?.s);
    bench.say({ method: "update3", params: ["another", txn2, {}], id: null });
    assert.equal(bench.batches.length, 3);
  });

  test("a server that knows the last transaction tells what was after it", () => {
    const bench = new Bench();
    bench.sync([false, txn1, initial]);
    bench.say({ method: "update3", params: ["m", txn2, { T: { [b]: { modify: { n: 2 } } } }], id: null });
    bench.connect();
    assert.equal(bench.replica.synced, false);
    bench.answer({ result: wireSchema });
    assert.deepEqual(bench.sent.at(-1)?.["params"], ["D", "m", { T: [{ columns: ["n", "s", "m"] }] }, txn2]);
    bench.answer({ result: [true, txn2, { T: { [a]: { delete: null } } }] });
    assert.equal(bench.replica.synced, true);
    assert.deepEqual(bench.batches.slice(2), [
      { kind: "resume", changes: [{ table: "T", uuid: a, old: rowA, new: undefined }] },
    ]);
    assert.deepEqual(bench.rows(), { [b]: { ...rowB, n: 2 } });
  });

  test("a server that does not tells everything, and only the difference is delivered", () => {
    const bench = new Bench();
    bench.sync([false, txn1, initial]);
    const kept = bench.replica.rows("T").get(a);
    bench.sync([
      false,
      txn2,
      { T: { [a]: { initial: { m: ["map", [["k", "v"]]], n: 1, s: ["set", [2, 1]] } }, [b]: { initial: { n: 9 } } } },
    ]);
    assert.deepEqual(bench.batches.slice(1), [
      { kind: "rediff", changes: [{ table: "T", uuid: b, old: rowB, new: { ...rowB, n: 9 } }] },
    ]);
    assert.equal(bench.replica.rows("T").get(a), kept);
    const [change] = bench.batches[1]!.changes;
    assert.equal(change?.old?.s, change?.new?.s);
    bench.sync([false, txn2, {}]);
    assert.deepEqual(bench.rows(), {});
    assert.deepEqual(
      bench.batches.at(-1)?.changes.map((gone) => gone.new),
      [undefined, undefined],
    );
  });

  test("a connection that ends while it is asked for the rows", () => {
    const bench = new Bench();
    bench.connect();
    bench.sync([false, txn1, initial]);
    assert.equal(bench.batches.length, 1);
    assert.deepEqual(bench.thrown, []);
  });

  test("after close nothing comes any more, and the server is told", async () => {
    const bench = new Bench();
    bench.sync([false, txn1, initial]);
    bench.replica.close();
    assert.deepEqual(bench.sent.at(-1), { method: "monitor_cancel", params: ["m"], id: 3 });
    bench.say({ method: "update3", params: ["m", txn2, { T: { [a]: { delete: null } } }], id: null });
    bench.answer({ result: {} });
    assert.equal(bench.batches.length, 1);
    await assert.rejects(bench.replica.ready(), { code: "unavailable" });
  });

  test("what the user's code throws is the user's, and harms nothing", () => {
    const bench = new Bench();
    bench.onBatch = () => {
      throw new ConnectionError("lost", "not really");
    };
    bench.sync([false, txn1, initial]);
    bench.say({ method: "update3", params: ["m", txn2, { T: { [b]: { delete: null } } }], id: null });
    assert.equal(bench.thrown.length, 2);
    assert.deepEqual(bench.rows(), { [a]: rowA });
  });
});

describe("a server that refuses", () => {
  test("is an exception where nobody asked, and is asked again on the next connection", () => {
    const bench = new Bench();
    bench.connect();
    bench.answer({ error: { error: "unknown database" } });
    assert.equal((bench.thrown[0] as Error).message, "get_schema: unknown database");
    bench.sync([false, txn1, initial]);
    assert.equal(bench.replica.synced, true);
  });

  test("is told to whoever listens", async () => {
    const errors: Error[] = [];
    const bench = new Bench((error) => errors.push(error));
    bench.connect();
    bench.answer({ result: wireSchema });
    bench.answer({ error: { error: "syntax error", details: "x" } });
    assert.equal(errors.length, 1);
    await assert.rejects(bench.replica.ready(), { reason: "syntax error" });
    assert.deepEqual(bench.thrown, []);
  });
});

describe("updates that make no sense", () => {
  const known = { [a]: { modify: { n: 2 } } };
  const cases: [string, Json][] = [
    ["a change of a row that is not here", { T: { [txn1]: { modify: { n: 1 } } } }],
    ["the removal of a row that is not here", { T: { [txn1]: { delete: null } } }],
    ["a new row that is here", { T: { [a]: { insert: {} } } }],
    ["a table that was not asked for", { U: known }],
    ["no kind of change", { T: { [a]: {} } }],
    ["no UUID", { T: { row: { insert: {} } } }],
    ["a value of another type, after one that is well", { T: { ...known, [b]: { modify: { n: "1" } } } }],
    ["no object", [1]],
  ];
  for (const [what, updates] of cases) {
    test(`${what}: nothing is applied, and the next connection tells everything`, () => {
      const bench = new Bench();
      bench.sync([false, txn1, initial]);
      assert.throws(() => bench.say({ method: "update3", params: ["m", txn2, updates], id: null }), OvsdbError);
      assert.deepEqual(bench.rows(), { [a]: rowA, [b]: rowB });
      assert.equal(bench.batches.length, 1);
      bench.connect();
      bench.answer({ result: wireSchema });
      assert.equal((bench.sent.at(-1)!["params"] as Json[])[3], zeroUuid);
    });
  }

  test("a monitor that was cancelled, and an update before the contents", () => {
    const bench = new Bench();
    bench.connect();
    assert.throws(() => bench.say({ method: "update3", params: ["m", txn1, {}], id: null }), { code: "bad-update" });
    const other = new Bench();
    other.sync([false, txn1, initial]);
    assert.throws(() => other.say({ method: "monitor_canceled", params: ["m"], id: null }), { code: "lost" });
  });

  test("any JSON for contents or update: a typed error, or rows that are whole", () => {
    const junk = fc.jsonValue({ maxDepth: 1 });
    const cell = fc.oneof(junk, fc.constantFrom<Json>(1, ["set", [1]], ["map", [["k", "v"]]]));
    const row = fc.record({ n: cell, s: cell, m: cell }, { requiredKeys: [] });
    const update = fc.oneof(
      fc.dictionary(fc.constantFrom("initial", "insert", "modify", "delete", "new", "old"), fc.oneof(row, junk)),
      junk,
    );
    const rows = fc.dictionary(fc.constantFrom<string>(a, b, txn1, "x"), update);
    const updates = fc.oneof(
      fc.dictionary(fc.constantFrom("T", "U"), fc.oneof({ weight: 5, arbitrary: rows }, junk)),
      junk,
    );
    fc.assert(
      fc.property(updates, fc.constantFrom("update", "update2", "update3"), fc.boolean(), (json, method, first) => {
        const bench = new Bench();
        try {
          if (first) bench.sync([false, txn1, json as Json]);
          else {
            bench.sync([false, txn1, initial]);
            bench.say({
              method,
              params: method === "update3" ? ["m", txn2, json as Json] : ["m", json as Json],
              id: null,
            });
          }
        } catch (error) {
          assert.ok(error instanceof OvsdbError, String(error));
        }
        for (const row of bench.replica.rows("T").values()) {
          assert.ok(typeof row.n === "number" && row.s instanceof Set && row.m instanceof Map);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
