import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "./errors.ts";
import type { Json } from "./json.ts";
import { JsonStream, type JsonStreamLimits } from "./json-stream.ts";

const encoder = new TextEncoder();

function read(chunks: readonly Uint8Array[], limits: Partial<JsonStreamLimits> = {}): Json[] {
  const stream = new JsonStream(limits);
  const values: Json[] = [];
  for (const chunk of chunks) stream.push(chunk, (value) => values.push(value));
  return values;
}

const tricky = [
  { "": [] },
  [{}, [[]], "}{][", '"', "\\", '\\"', "\\\\", "{\u0000\u001f", "ä€😀\u{10ffff}", "\ud800"],
  { a: [1, -0.5e-7, true, false, null], "]": { "[": '\\"}' } },
  [],
  ["\u2028"],
] satisfies Json[];
const text = `${tricky.map((value) => JSON.stringify(value)).join("")} \r\n\t [ "\\u00e4\\/" , { } ] `;
const bytes = encoder.encode(text);
const values = [...tricky, ["ä/", {}]];

describe("texts without anything between them", () => {
  test("whole", () => assert.deepEqual(read([bytes]), values));
  test("byte by byte", () => assert.deepEqual(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), values));
  test("in two, at every place", () => {
    for (let at = 0; at <= bytes.length; at++)
      assert.deepEqual(read([bytes.subarray(0, at), bytes.subarray(at)]), values);
  });
  test("in three, at every two places", () => {
    for (let one = 0; one <= bytes.length; one++) {
      for (let two = one; two <= bytes.length; two++) {
        assert.deepEqual(read([bytes.subarray(0, one), bytes.subarray(one, two), bytes.subarray(two)]), values);
      }
    }
  });
  test("any values in any pieces, from a buffer that is used again", () => {
    const texts = fc.array(
      fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue())),
    );
    fc.assert(
      fc.property(texts, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (given, sizes) => {
        const stream = new JsonStream();
        const all = encoder.encode(given.map((value) => JSON.stringify(value)).join(""));
        const chunk = new Uint8Array(40);
        const got: Json[] = [];
        for (let at = 0, i = 0; at < all.length; i++) {
          const piece = all.subarray(at, at + sizes[i % sizes.length]!);
          chunk.set(piece);
          stream.push(chunk.subarray(0, piece.length), (value) => got.push(value));
          at += piece.length;
        }
        assert.deepEqual(got, JSON.parse(JSON.stringify(given)));
      }),
    );
  });
  test("what is complete is delivered before the rest is looked at", () => {
    const got: Json[] = [];
    assert.throws(() => new JsonStream().push(encoder.encode("[1][2]x"), (value) => got.push(value)), {
      code: "bad-json",
    });
    assert.deepEqual(got, [[1], [2]]);
  });
});

describe("what cannot be read", () => {
  const cases: [string, Uint8Array | string, ProtocolError["code"]][] = [
    ["a number", "17", "bad-json"],
    ["a string", '"{}"', "bad-json"],
    ["a bracket that closes nothing", "[]]", "bad-json"],
    ["the wrong bracket", "[}", "bad-json"],
    ["a comma too many", "[1,]", "bad-json"],
    ["a control character in a string", '["\n"]', "bad-json"],
    ["half a character", Uint8Array.of(0x5b, 0x22, 0xc3, 0x22, 0x5d), "bad-utf8"],
    ["a surrogate in UTF-8", Uint8Array.of(0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d), "bad-utf8"],
    ["a byte order mark", Uint8Array.of(0xef, 0xbb, 0xbf, 0x5b, 0x5d), "bad-json"],
    ["too deep", "[".repeat(9), "too-deep"],
    ["too long, unfinished", `["${"x".repeat(100)}`, "too-large"],
    ["too long", `["${"x".repeat(100)}"]`, "too-large"],
  ];
  for (const [what, input, code] of cases) {
    test(what, () => {
      const whole = typeof input === "string" ? encoder.encode(input) : input;
      for (const chunks of [[whole], Array.from(whole, (byte) => Uint8Array.of(byte))]) {
        assert.throws(
          () => read(chunks, { maxDepth: 8, maxBytes: 64 }),
          (error) => error instanceof ProtocolError && error.code === code,
        );
      }
    });
  }

  test("limits are of one text, not of the stream, and what just fits is read", () => {
    const eight = `${"[".repeat(8)}${"]".repeat(8)}`;
    assert.equal(read([encoder.encode(eight.repeat(50))], { maxDepth: 8, maxBytes: 16 }).length, 50);
    assert.throws(() => read([encoder.encode(eight)], { maxDepth: 8, maxBytes: 15 }), { code: "too-large" });
  });

  test("it is over after the first error", () => {
    const stream = new JsonStream();
    const deliver = () => assert.fail("delivered");
    assert.throws(() => stream.push(encoder.encode("!"), deliver), { code: "bad-json" });
    assert.throws(() => stream.push(encoder.encode("[]"), deliver), { code: "bad-json" });
  });

  test("random bytes: values or a typed error", () => {
    const json = fc.constantFrom(...'{}[]":,\\u01eE+-. ntf\n'.split(""));
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.string({ unit: json, maxLength: 64 }).map((noise) => encoder.encode(noise)),
    );
    fc.assert(
      fc.property(noise, (noise) => {
        try {
          read([noise]);
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
