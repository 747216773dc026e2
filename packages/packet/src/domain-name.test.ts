import assert from "node:assert/strict";
import { test } from "node:test";
import { type Codec, DecodeError, Reader, Writer } from "@dragonflow/wire";
import fc from "fast-check";
import { compressedNames, domainName } from "./domain-name.ts";
import { domain } from "./testing/arbitraries.ts";

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const w = new Writer();
  codec.write(w, value, "name");
  return w.slice();
}
const compressed = (hex: string) =>
  compressedNames.read(new Reader(new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"))));

test("names survive, with and without a final dot", () => {
  fc.assert(
    fc.property(domain, (name) => {
      assert.equal(domainName.read(new Reader(encode(domainName, name))), name);
      assert.deepEqual(encode(domainName, `${name}.`), encode(domainName, name));
    }),
  );
  assert.deepEqual(encode(domainName, ""), Uint8Array.of(0));
  assert.deepEqual(encode(domainName, "."), Uint8Array.of(0));
  assert.equal(domainName.read(new Reader(Uint8Array.of(0))), "");
});

test("labels and names that are too long, or empty, are refused", () => {
  assert.throws(() => encode(domainName, "a..b"), { code: "bad-value", field: "name" });
  assert.throws(() => encode(domainName, ".a"), { code: "bad-value" });
  assert.throws(() => encode(domainName, `${"x".repeat(64)}.a`), { code: "bad-value" });
  const labels = Array.from({ length: 4 }, () => "x".repeat(63)).join(".");
  assert.throws(() => encode(domainName, labels), { code: "too-long" });
  assert.equal(encode(domainName, labels.slice(0, -2)).length, 255);
});

test("a pointer leads to names before it", () => {
  // eng.example.com, then lab + pointer to example.com, then a pointer to that, then the root
  const wire = "03656e67 076578616d706c65 03636f6d 00" + "036c6162 c004" + "c011" + "00";
  assert.deepEqual(compressed(wire), ["eng.example.com", "lab.example.com", "lab.example.com", ""]);
});

test("a pointer that leads nowhere, forward or in a circle is refused", () => {
  const refused: [string, string][] = [
    ["c000", "bad-value"], // itself
    ["c002 0161 00", "bad-value"], // forward
    ["0161 c000", "bad-value"], // into the name that it is part of
    ["0161 c0", "truncated"],
    ["0161", "truncated"],
    ["0361", "truncated"],
    ["4061 00", "bad-value"], // label types 1 and 2 are not in use
    ["8061 00", "bad-value"],
    ["02612e 00", "bad-value"], // a label "a."
  ];
  for (const [hex, code] of refused)
    assert.throws(
      () => compressed(hex),
      (e) => e instanceof DecodeError && e.code === code,
      hex,
    );
});

test("a chain of pointers cannot make a name of more than 255 bytes", () => {
  const label = `3f${"78".repeat(63)}`;
  const chain = [`${label}00`, `${label}c000`, `${label}c041`, `${label}c083`, `${label}c0c5`];
  assert.throws(() => compressed(chain.join("")), { code: "bad-length" });
  assert.equal(compressed(chain.slice(0, 3).join("")).length, 3);
});
