import assert from "node:assert/strict";
import { test } from "node:test";
import { type Codec, EncodeError, Reader, Writer, padding, rest, u16, u32, u64, u8 } from "@dragonflow/wire";
import { array, flags, length16, lengthOf, list, named, optional, structure, text } from "./layout.ts";
import { aligned, experimenterProperty, padded, properties, property, requiring } from "./properties.ts";

function write<T>(codec: Codec<T>, value: T): string {
  const w = new Writer();
  codec.write(w, value, "value");
  return Buffer.from(w.view()).toString("hex");
}
function read<T>(codec: Codec<T>, hex: string): T {
  return codec.read(new Reader(Buffer.from(hex, "hex")));
}
/** Both ways. */
function check<T>(codec: Codec<T>, value: T, hex: string): void {
  assert.equal(write(codec, value), hex);
  assert.deepEqual(read(codec, hex), value);
}

test("a structure knows its length, wherever it says so, and that of its members", () => {
  const item = structure({
    kind: u8,
    length: length16,
    reserved: padding(1),
    partLength: lengthOf("part"),
    id: optional(u16, 0xffff),
    part: list(u8),
    name: text(4),
  });
  check(item, { kind: 1, id: 2, part: [7, 8], name: "ab" }, "01000e00000200020708" + "61620000");
  check(item, { kind: 1, part: [], name: "" }, "01000c000000ffff00000000");
  check(list(item), [{ kind: 1, part: [], name: "" }], "01000c000000ffff00000000");
  // Shorter than its first members, than all of them, and longer.
  for (const length of ["0002", "000b"])
    assert.throws(() => read(item, `01${length}000000ffff00000000`), /length|truncated/);
  assert.throws(() => read(item, "01000d000000ffff0000000000"), { code: "bad-length" });
});

test("a member that does not use up its length is a bad length", () => {
  const item = structure({ partLength: lengthOf("part"), part: u8 });
  assert.throws(() => read(item, "00020102"), { code: "bad-length" });
});

test("names and flags", () => {
  const colour = named(u8, { red: 1, blue: 2 });
  check(colour, "blue", "02");
  assert.throws(() => read(colour, "03"), { code: "bad-value" });
  assert.throws(() => write(colour, "green" as "red"), EncodeError);
  const options = flags(u32, { low: 1, high: 0x80000000 });
  check(options, ["low", "high"], "80000001");
  check(options, [], "00000000");
  assert.deepEqual(read(options, "00000007"), ["low"]);
  assert.throws(() => write(options, ["none"] as unknown as ["low"]), EncodeError);
});

test("text and arrays that do not fit", () => {
  for (const value of ["four", "a\0b"]) assert.throws(() => write(text(4), value), EncodeError);
  check(text(4), "é", "c3a90000");
  assert.equal(read(text(4), "61626364"), "abcd");
  assert.throws(() => write(array(2, u8), [1]), EncodeError);
});

test("properties are optional members, in any order on the wire", () => {
  const codec = properties({
    small: property(1, padded(u16, 2)),
    wide: property(2, aligned(u64)),
    bytes: property(3, rest),
    theirs: experimenterProperty(0x2320, 5, u8),
  });
  const wide = "0002001000000000" + "0000000000000009";
  const theirs = "ffff000d000023200000000507000000";
  check(codec, { small: 5, wide: 9n, theirs: 7 }, `0001000800050000${wide}${theirs}`);
  check(codec, {}, "");
  check(codec, { bytes: Buffer.from("aabbccddee", "hex") }, "00030009aabbccddee00000000000000");
  assert.deepEqual(read(codec, `${theirs}${wide}`), { wide: 9n, theirs: 7 });
  // Unknown ones are skipped: type 9, and another experimenter's.
  assert.deepEqual(read(codec, `0009000400000000ffff000c0000000100000005000000000001000600050000`), { small: 5 });
  assert.throws(() => read(codec, "00010008000500000001000800050000"), { code: "bad-value" });
  assert.throws(() => read(codec, "00010003"), { code: "bad-length" });
  assert.throws(() => read(codec, "0001000800"), { code: "truncated" });
  const needed = requiring(codec, "small");
  assert.throws(() => read(needed, wide), { code: "bad-value" });
  assert.throws(() => write(needed, {} as { small: number }), EncodeError);
});
