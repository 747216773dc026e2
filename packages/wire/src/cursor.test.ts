import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError, EncodeError, Reader, Writer } from "./index.ts";

const isTruncated = (e: unknown) => e instanceof DecodeError && e.code === "truncated";
const isOutOfRange = (e: unknown) => e instanceof EncodeError && e.code === "out-of-range";

/** One value of any width: how it is written, and what reading it back gives. */
const item = fc.oneof(
  fc.record({ kind: fc.constant("u8" as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant("u16" as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant("u24" as const), value: fc.integer({ min: 0, max: 0xffffff }) }),
  fc.record({ kind: fc.constant("u32" as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ kind: fc.constant("u64" as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant("uint128" as const), value: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) }),
  fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 20 }) }),
);
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

function write(w: Writer, it: Item): void {
  switch (it.kind) {
    case "u8":
    case "u16":
    case "u24":
    case "u32":
      w[it.kind](it.value);
      return;
    case "u64":
      w.u64(it.value);
      return;
    case "uint128":
      w.uint(it.value, 16);
      return;
    case "bytes":
      w.bytes(it.value);
      return;
  }
}

function read(r: Reader, it: Item): number | bigint | Uint8Array {
  switch (it.kind) {
    case "u8":
    case "u16":
    case "u24":
    case "u32":
    case "u64":
      return r[it.kind]();
    case "uint128":
      return r.uint(16);
    case "bytes":
      return r.bytes(it.value.length);
  }
}

test("what a writer wrote a reader reads, and nothing is left", () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 30 }), (items) => {
      const w = new Writer(1);
      for (const it of items) write(w, it);
      const r = new Reader(w.slice());
      for (const it of items) assert.deepEqual(read(r, it), it.value);
      assert.equal(r.remaining, 0);
      assert.ok(r.done);
    }),
  );
});

test("a value that is too wide is refused by its name", () => {
  const w = new Writer();
  for (const value of [-1, 0x100, 1.5, Number.NaN]) assert.throws(() => w.u8(value, "ttl"), isOutOfRange);
  assert.throws(() => w.u8(256, "ttl"), { field: "ttl" });
  assert.throws(() => w.u16(0x10000), isOutOfRange);
  assert.throws(() => w.u24(0x1000000), isOutOfRange);
  assert.throws(() => w.u32(2 ** 32), isOutOfRange);
  assert.throws(() => w.u64(2n ** 64n), isOutOfRange);
  assert.throws(() => w.u64(-1n), isOutOfRange);
  assert.throws(() => w.uint(2n ** 128n, 16), isOutOfRange);
  assert.throws(() => w.uint(-1n, 16), isOutOfRange);
  assert.equal(w.length, 0, "nothing was written");
});

test("every read past the end is a truncation with its offset", () => {
  const bytes = Uint8Array.of(1, 2);
  const reads: ((r: Reader) => unknown)[] = [
    (r) => r.u16(),
    (r) => r.u24(),
    (r) => r.u32(),
    (r) => r.u64(),
    (r) => r.uint(2),
    (r) => r.bytes(2),
    (r) => r.sub(2),
    (r) => r.skip(2),
    (r) => r.peekU8(1),
    (r) => r.peekU16(),
    (r) => r.bytes(-1),
  ];
  for (const take of reads) {
    const r = new Reader(bytes);
    r.u8();
    assert.throws(() => take(r), isTruncated);
    assert.throws(() => take(r), { offset: 1 });
    assert.equal(r.remaining, 1, "a failed read moves nothing");
  }
});

test("a sub-reader sees its slice only and reports offsets of the whole buffer", () => {
  const r = new Reader(Uint8Array.of(1, 2, 3, 4));
  r.u8();
  const sub = r.sub(2);
  assert.equal(r.offset, 3);
  assert.equal(sub.offset, 1);
  assert.equal(sub.peekU16(), 0x0203);
  assert.deepEqual(r.since(1), Uint8Array.of(2, 3));
  assert.equal(sub.fork(2).u8(), 3);
  assert.throws(() => sub.fork(4), { code: "bad-value" });
  assert.throws(() => sub.fork(2).u16(), { code: "truncated", offset: 2 });
  sub.skip(1);
  assert.throws(() => sub.u16(), { code: "truncated", offset: 2 });
  assert.deepEqual(sub.rest(), Uint8Array.of(3));
  assert.throws(() => sub.fail("no"), { code: "bad-value", offset: 3 });
  assert.throws(() => sub.fail("no", "unsupported"), { code: "unsupported" });
});

test("a reader of a view into a larger buffer stays inside it", () => {
  const r = new Reader(Uint8Array.of(0, 0, 7, 8, 0, 0).subarray(2, 4));
  assert.equal(r.u16(), 0x0708);
  assert.throws(() => r.u8(), isTruncated);
});

test("lengths are patched in afterwards, alignment counts from where it is told", () => {
  const w = new Writer(2);
  w.u8(0xff).zeros(7);
  w.setU8(1, 0x11);
  w.setU16(2, 0x2222);
  w.setU32(4, 0x33333333);
  assert.deepEqual(w.slice(), Uint8Array.of(0xff, 0x11, 0x22, 0x22, 0x33, 0x33, 0x33, 0x33));
  assert.throws(() => w.setU8(0, 256), isOutOfRange);
  assert.throws(() => w.setU16(0, 2 ** 16), isOutOfRange);
  assert.throws(() => w.setU32(0, 2 ** 32), isOutOfRange);
  w.truncate(3);
  assert.deepEqual(w.u8(0x44).slice(), Uint8Array.of(0xff, 0x11, 0x22, 0x44));
  for (const length of [-1, 5]) assert.throws(() => w.truncate(length), RangeError);
  w.reset();
  assert.equal(w.u8(1).align(4).length, 4);
  assert.equal(w.align(4).length, 4);
  assert.equal(w.u8(1).align(4, 3).length, 7);
  assert.deepEqual(w.view(4), Uint8Array.of(1, 0, 0), "a reused arena holds nothing of what it held");
});
