import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TransactionError } from "./errors.ts";
import { openVSwitch } from "./generated/open-vswitch.ts";
import type { Json } from "./json.ts";
import { abort, assert as assertLock, comment, commit, operations } from "./operations.ts";
import { readResults } from "./transaction.ts";
import { namedUuid, uuid } from "./values.ts";

const ops = operations(openVSwitch);
const id = uuid("550e8400-e29b-41d4-a716-446655440000");
const wireId = ["uuid", id];

test("operations beside what is sent (RFC 7047 section 5.2)", () => {
  const vectors: [{ json: Json }, Json][] = [
    [
      ops.insert("Port", { name: "p", interfaces: [id, namedUuid("i")], tag: null }, { as: namedUuid("row") }),
      {
        op: "insert",
        table: "Port",
        row: { name: "p", interfaces: ["set", [wireId, ["named-uuid", "i"]]], tag: ["set", []] },
        "uuid-name": "row",
      },
    ],
    [
      ops.insert("QoS", { queues: new Map([[1, id]]) }, { uuid: id }),
      { op: "insert", table: "QoS", row: { queues: ["map", [[1, wireId]]] }, uuid: id },
    ],
    [
      ops.select(
        "Interface",
        [
          ["ofport", ">=", 1],
          ["_uuid", "!=", id],
        ],
        ["name"],
      ),
      {
        op: "select",
        table: "Interface",
        where: [
          ["ofport", ">=", 1],
          ["_uuid", "!=", wireId],
        ],
        columns: ["name", "_uuid"],
      },
    ],
    [
      ops.update("Bridge", [["external_ids", "includes", { a: "b" }]], {
        fail_mode: "secure",
        protocols: ["OpenFlow15"],
      }),
      {
        op: "update",
        table: "Bridge",
        where: [["external_ids", "includes", ["map", [["a", "b"]]]]],
        row: { fail_mode: "secure", protocols: ["set", ["OpenFlow15"]] },
      },
    ],
    [
      ops.mutate(
        "Bridge",
        [],
        [
          ["ports", "insert", [id]],
          ["external_ids", "delete", ["a"]],
          ["external_ids", "delete", { a: "b" }],
          ["flow_tables", "delete", [254]],
          ["flood_vlans", "-=", 1],
        ],
      ),
      {
        op: "mutate",
        table: "Bridge",
        where: [],
        mutations: [
          ["ports", "insert", ["set", [wireId]]],
          ["external_ids", "delete", ["set", ["a"]]],
          ["external_ids", "delete", ["map", [["a", "b"]]]],
          ["flow_tables", "delete", ["set", [254]]],
          ["flood_vlans", "-=", 1],
        ],
      },
    ],
    [ops.delete("Bridge", [["name", "==", "b"]]), { op: "delete", table: "Bridge", where: [["name", "==", "b"]] }],
    [
      ops.wait("Bridge", [], "!=", [{ name: "a" }, { ports: [] }], { timeoutMs: 5 }),
      {
        op: "wait",
        table: "Bridge",
        where: [],
        columns: ["name", "ports"],
        until: "!=",
        rows: [{ name: "a" }, { ports: ["set", []] }],
        timeout: 5,
      },
    ],
    [
      ops.wait("Bridge", [], "==", []),
      { op: "wait", table: "Bridge", where: [], columns: ["_uuid"], until: "==", rows: [] },
    ],
    [commit({ durable: true }), { op: "commit", durable: true }],
    [abort(), { op: "abort" }],
    [comment("why"), { op: "comment", comment: "why" }],
    [assertLock("l"), { op: "assert", lock: "l" }],
  ];
  for (const [{ json }, wire] of vectors) assert.deepEqual(json, wire);
});

test("the compiler and the library both refuse what the schema does not have", () => {
  // @ts-expect-error no such table
  assert.throws(() => ops.delete("Nope", []), { code: "unknown-table", path: "Nope" });
  // @ts-expect-error no such table
  assert.throws(() => ops.insert("Nope", {}), { code: "unknown-table", path: "Nope" });
  // @ts-expect-error no such column
  assert.throws(() => ops.insert("Bridge", { nope: 1 }), { code: "unknown-column", path: "Bridge.nope" });
  // @ts-expect-error another type
  assert.throws(() => ops.insert("Bridge", { name: 1 }), { code: "bad-type", path: "Bridge.name" });
  // @ts-expect-error a name is no UUID
  assert.throws(() => ops.update("Bridge", [], { ports: ["vm1"] }), { code: "bad-uuid", path: "Bridge.ports" });
  // @ts-expect-error not of the enumeration
  assert.throws(() => ops.update("Bridge", [], { fail_mode: "open" }), { code: "bad-type", path: "Bridge.fail_mode" });
  // @ts-expect-error a condition on another type
  assert.throws(() => ops.delete("Bridge", [["ports", "includes", "x"]]), { code: "bad-type", path: "Bridge.ports" });
  // @ts-expect-error arithmetic on strings
  assert.throws(() => ops.mutate("Bridge", [], [["name", "+=", "x"]]), { code: "bad-type", path: "Bridge.name" });
  // @ts-expect-error no such column
  assert.throws(() => ops.select("Bridge", [], ["nope"]), { code: "unknown-column", path: "Bridge.nope" });
  // "toString" is a member of every object, and a column of none.
  // @ts-expect-error no such column
  assert.throws(() => ops.select("Bridge", [], ["toString"]), { code: "unknown-column", path: "Bridge.toString" });
});

describe("replies to transact (RFC 7047 section 4.1.3)", () => {
  const three = [ops.insert("QoS", {}), ops.select("Interface", [], ["ofport"]), ops.delete("QoS", [])] as const;

  test("results in their places, typed", () => {
    const row = { _uuid: wireId, ofport: 5 };
    const [inserted, rows, count] = readResults(three, [{ uuid: wireId }, { rows: [row] }, { count: 2 }]);
    const ofport: number | null | undefined = rows[0]?.ofport;
    assert.deepEqual([inserted, rows, count, ofport], [id, [{ ofport: 5, _uuid: id }], 2, 5]);
  });

  test("the operation that failed is named", () => {
    const reply = [{ uuid: wireId }, { error: "timed out", details: "why" }, null];
    assert.throws(
      () => readResults(three, reply),
      (error) => {
        assert.ok(error instanceof TransactionError);
        const { index, operation, reason, details, message, results } = error;
        assert.deepEqual(
          { index, operation, reason, details },
          { index: 1, operation: "select Interface", reason: "timed out", details: "why" },
        );
        assert.equal(message, "operation 1 (select Interface): timed out: why");
        assert.equal(results, reply);
        return true;
      },
    );
  });

  test("one more: the commit failed", () => {
    const reply = [{ uuid: wireId }, { rows: [] }, { count: 0 }, { error: "referential integrity violation" }];
    const expected = { name: "TransactionError", index: undefined, message: "commit: referential integrity violation" };
    assert.throws(() => readResults(three, reply), expected);
  });

  test("anything else is a typed error", () => {
    const good: Json[] = [{ uuid: wireId }, { rows: [] }, { count: 0 }];
    const replies: Json[] = [
      null,
      {},
      [],
      good.slice(1),
      [null, null, null],
      [{}, {}, {}],
      good.with(1, { rows: [1] }),
      good.with(2, { count: "2" }),
    ];
    for (const reply of replies) {
      assert.throws(
        () => readResults(three, reply),
        (error: Error) => error.name === "ProtocolError" || error.name === "ValueError",
      );
    }
    assert.throws(() => readResults(three, good.with(1, { rows: [{ _uuid: wireId, ofport: "x" }] })), {
      code: "bad-type",
      path: "select Interface.Interface.ofport",
    });
  });
});
