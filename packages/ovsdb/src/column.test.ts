import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Column, map, optional, scalar, set } from "./column.ts";
import { ValueError } from "./errors.ts";
import type { Json } from "./json.ts";
import { boolean, integer, isUuid, NamedUuid, oneOf, plainUuid, real, ref, string, uuid, zeroUuid } from "./values.ts";

const id = uuid("550e8400-e29b-41d4-a716-446655440000");
const id2 = uuid("550e8400-e29b-41d4-a716-446655440001");

describe("RFC 7047 section 5.1: notation beside value", () => {
  const vectors: [Column<unknown, unknown>, Json, unknown][] = [
    [scalar(integer), 0, 0],
    [scalar(integer), -(2 ** 53) + 1, -(2 ** 53) + 1],
    [scalar(real), 1.5e300, 1.5e300],
    [scalar(real), 3, 3],
    [scalar(boolean), true, true],
    [scalar(string), "", ""],
    [scalar(string), "ä€😀\u0001", "ä€😀\u0001"],
    [scalar(plainUuid), ["uuid", id], id],
    [scalar(ref("Port")), ["uuid", id], id],
    [scalar(oneOf("up", "down")), "up", "up"],
    [optional(integer), 7, 7],
    [optional(integer), ["set", []], null],
    [optional(plainUuid), ["uuid", id], id],
    [set(integer), ["set", []], new Set()],
    [set(integer), ["set", [1, 2]], new Set([1, 2])],
    [set(plainUuid), ["set", [["uuid", id]]], new Set([id])],
    [map(string, string), ["map", []], new Map()],
    [
      map(string, integer),
      [
        "map",
        [
          ["a", 1],
          ["b", 2],
        ],
      ],
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    ],
    [map(integer, ref("Queue")), ["map", [[0, ["uuid", id]]]], new Map([[0, id]])],
  ];
  for (const [column, json, value] of vectors) {
    test(`${column.signature} ${JSON.stringify(json)}`, () => {
      assert.deepEqual(column.decode(json), value);
      assert.deepEqual(column.encode(value), json);
      assert.ok(column.equals(column.decode(json), value));
    });
  }

  test("a set of one may come as its element, and one element as a set", () => {
    assert.deepEqual(set(integer).decode(5), new Set([5]));
    assert.deepEqual(set(plainUuid).decode(["uuid", id]), new Set([id]));
    assert.equal(optional(integer).decode(["set", [5]]), 5);
  });

  test("named rows, arrays for sets, objects for maps", () => {
    const row = new NamedUuid("row_1");
    assert.deepEqual(scalar(ref("Port")).encode(row), ["named-uuid", "row_1"]);
    assert.deepEqual(set(ref("Port")).encode([id, row]), [
      "set",
      [
        ["uuid", id],
        ["named-uuid", "row_1"],
      ],
    ]);
    assert.deepEqual(map(string, ref("Port")).encode({ a: row, __proto__x: id }), [
      "map",
      [
        ["a", ["named-uuid", "row_1"]],
        ["__proto__x", ["uuid", id]],
      ],
    ]);
    assert.throws(() => new NamedUuid("br-int"), { code: "bad-name" });
    assert.throws(() => new NamedUuid("1st"), { code: "bad-name" });
  });

  test("what a column has that nobody wrote", () => {
    assert.deepEqual(
      [integer, real, boolean, string, plainUuid].map((atom: { initial: unknown }) => atom.initial),
      [0, 0, false, "", zeroUuid],
    );
    assert.deepEqual(
      [optional(integer).initial, set(integer).initial, map(string, string).initial],
      [null, new Set(), new Map()],
    );
    assert.deepEqual(set(ref("Interface"), { min: 1 }).initial, new Set([zeroUuid]));
  });

  test("an enumeration reads what it does not know, and does not write it", () => {
    const column = scalar(oneOf("up", "down"));
    assert.equal(column.decode("sideways"), "sideways");
    // @ts-expect-error not of the enumeration
    assert.throws(() => column.encode("sideways"), { code: "bad-type" });
  });

  test("UUIDs", () => {
    assert.equal(uuid("550E8400-E29B-41D4-A716-446655440000"), id);
    assert.throws(() => uuid("550e8400"), { code: "bad-uuid" });
    assert.ok(!isUuid("550E8400-E29B-41D4-A716-446655440000"));
  });
});

describe("what is refused", () => {
  const decoded: [Column<unknown, unknown>, Json[], ValueError["code"]][] = [
    [scalar(integer), [1.5, "1", true, null, [], ["set", [1, 2]]], "bad-type"],
    [scalar(integer), [2 ** 64, -(2 ** 64)], "out-of-range"],
    [scalar(boolean), [0, "true"], "bad-type"],
    [scalar(string), [0, ["uuid", id]], "bad-type"],
    [scalar(plainUuid), [id, ["uuid"], ["uuid", id, id], ["named-uuid", "a"], {}], "bad-type"],
    [
      scalar(plainUuid),
      [
        ["uuid", "550e8400"],
        ["uuid", 5],
      ],
      "bad-uuid",
    ],
    [optional(integer), [["set", [1, 2]], ["set", [["set", []]]], ["set"], ["set", 1], ["set", [], []]], "bad-type"],
    [set(integer), [["set", [1, "2"]], ["map", []], "x"], "bad-type"],
    [set(integer), [["set", [1, 1]]], "duplicate"],
    [
      map(string, string),
      [["set", []], ["map", {}], ["map", [["a"]]], ["map", [["a", "b", "c"]]], ["map", ["ab"]], ["map"]],
      "bad-type",
    ],
    [
      map(string, string),
      [
        [
          "map",
          [
            ["a", "1"],
            ["a", "1"],
          ],
        ],
      ],
      "duplicate",
    ],
  ];
  const written: [Column<unknown, unknown>, unknown[], ValueError["code"]][] = [
    [scalar(integer), [1.5, "1", Number.NaN, null, undefined, 5n], "bad-type"],
    [scalar(integer), [2 ** 53], "out-of-range"],
    [scalar(real), [Number.POSITIVE_INFINITY, Number.NaN, "1"], "bad-type"],
    [scalar(string), [1, undefined], "bad-type"],
    [scalar(string), ["\ud800", "a\0b"], "out-of-range"],
    [scalar(plainUuid), [5, null, {}], "bad-type"],
    [scalar(plainUuid), ["vm1"], "bad-uuid"],
    [set(string), ["abc", new Map(), { a: 1 }, null], "bad-type"],
    [map(string, string), [null, "abc", [["a", "b"]], new Set(["ab"]), { a: 1 }], "bad-type"],
  ];
  for (const [column, values, code] of decoded) {
    for (const value of values)
      test(`${column.signature} from ${JSON.stringify(value)}`, () =>
        assert.throws(() => column.decode(value), { code }));
  }
  for (const [column, values, code] of written) {
    for (const value of values)
      test(`${String(value)} as ${column.signature}`, () => assert.throws(() => column.encode(value), { code }));
  }
});

const text = fc.string({ unit: "binary" }).filter((value) => value.isWellFormed() && !value.includes("\0"));
const uuids = fc.uuid().map(uuid);
const numbers = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const setOf = <T>(element: fc.Arbitrary<T>) => fc.uniqueArray(element).map((list) => new Set(list));
const mapOf = <K, V>(key: fc.Arbitrary<K>, value: fc.Arbitrary<V>) =>
  fc.array(fc.tuple(key, value)).map((pairs) => new Map(pairs));

interface Sample<V> {
  readonly column: Column<V, V>;
  readonly values: fc.Arbitrary<V>;
}
const samples: Sample<unknown>[] = [
  { column: scalar(integer), values: fc.maxSafeInteger() },
  { column: scalar(real), values: numbers },
  { column: scalar(boolean), values: fc.boolean() },
  { column: scalar(string), values: text },
  { column: scalar(plainUuid), values: uuids },
  { column: optional(string), values: fc.option(text) },
  { column: set(string), values: setOf(text) },
  { column: set(integer), values: setOf(fc.maxSafeInteger()) },
  { column: set(ref("Port")), values: setOf(uuids) },
  { column: map(string, string), values: mapOf(text, text) },
  { column: map(integer, ref("Queue")), values: mapOf(fc.maxSafeInteger(), uuids) },
];

describe("any value", () => {
  for (const { column, values } of samples) {
    test(`${column.signature} survives being written and read`, () => {
      fc.assert(
        fc.property(values, (value) => {
          const json: Json = JSON.parse(JSON.stringify(column.encode(value)));
          assert.deepEqual(column.decode(json), value);
          assert.ok(column.equals(column.decode(json), value));
        }),
      );
    });
    test(`${column.signature}: nothing but a typed error comes of any JSON`, () => {
      const tagged = fc
        .tuple(fc.constantFrom("set", "map", "uuid", "named-uuid"), fc.jsonValue())
        .map(([tag, value]) => [tag, value]);
      fc.assert(
        fc.property(fc.oneof(fc.jsonValue(), tagged), values, (json, old) => {
          for (const body of [() => column.decode(json as Json), () => column.change(old, json as Json)]) {
            try {
              body();
            } catch (error) {
              assert.ok(error instanceof ValueError, String(error));
            }
          }
        }),
      );
    });
  }
});

describe("differences (ovsdb-server(7), 4.1.14)", () => {
  test("of a single value: the new one", () => {
    assert.equal(scalar(integer).change(1, 2), 2);
    assert.equal(optional(integer).change(1, ["set", []]), null);
    assert.equal(optional(integer).change(1, 2), 2);
  });
  test("of sets: what only one has", () => {
    assert.deepEqual(
      set(plainUuid).change(new Set([id]), [
        "set",
        [
          ["uuid", id],
          ["uuid", id2],
        ],
      ]),
      new Set([id2]),
    );
    fc.assert(
      fc.property(setOf(fc.nat(20)), setOf(fc.nat(20)), (old, now) => {
        const before = new Set(old);
        const difference = set(integer).encode(old.symmetricDifference(now));
        assert.deepEqual(set(integer).change(old, difference), now);
        assert.deepEqual(old, before);
      }),
    );
  });
  test("of maps: keys that only one has, and the new values of the others", () => {
    const column = map(string, integer);
    const some = mapOf(fc.constantFrom("a", "b", "c", "d", "e"), fc.nat(2));
    fc.assert(
      fc.property(some, some, (old, now) => {
        const before = new Map(old);
        const gone = [...old].filter(([key]) => !now.has(key));
        const changed = [...now].filter(([key, value]) => old.get(key) !== value);
        assert.deepEqual(column.change(old, column.encode(new Map([...gone, ...changed]))), now);
        assert.deepEqual(old, before);
      }),
    );
  });
});
