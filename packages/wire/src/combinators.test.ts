import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  bits,
  type Codec,
  DecodeError,
  EncodeError,
  fixed,
  list,
  oneOf,
  padding,
  Reader,
  readTlv,
  rest,
  struct,
  tlvs,
  u16,
  u24,
  u32,
  u64,
  u8,
  Writer,
} from "./index.ts";

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const w = new Writer(4);
  codec.write(w, value, "value");
  return w.slice();
}
function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const r = new Reader(bytes);
  const value = codec.read(r);
  assert.equal(r.remaining, 0);
  return value;
}
/** Plain objects, as a decoder makes them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("struct and list", () => {
  const codec = struct({
    a: u8,
    b: u16,
    c: u24,
    d: u32,
    e: u64,
    reserved: padding(2),
    f: fixed(3),
    pairs: list(struct({ left: u8, right: u8 })),
  });

  test("fields stand in the order of declaration; reserved bytes are zero, and ignored", () => {
    const value = { a: 1, b: 2, c: 3, d: 4, e: 5n, f: Uint8Array.of(6, 7, 8), pairs: [{ left: 9, right: 10 }] };
    assert.equal(hex(encode(codec, value)), "010002000003000000040000000000000005" + "0000" + "060708" + "090a");
    assert.deepEqual(decode(codec, unhex("010002000003000000040000000000000005" + "ffff" + "060708" + "090a")), value);
  });

  test("any value survives, any truncation is a DecodeError", () => {
    const values = record({
      a: fc.nat(0xff),
      b: fc.nat(0xffff),
      c: fc.nat(0xffffff),
      d: fc.nat(0xffffffff),
      e: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      f: fc.uint8Array({ minLength: 3, maxLength: 3 }),
      pairs: fc.array(record({ left: fc.nat(0xff), right: fc.nat(0xff) })),
    });
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(codec, value);
        assert.deepEqual(decode(codec, bytes), value);
        for (let n = 0; n < 23; n++) assert.throws(() => codec.read(new Reader(bytes.subarray(0, n))), DecodeError);
      }),
    );
  });

  test("an error names the field", () => {
    assert.throws(() => encode(struct({ ttl: u8 }), { ttl: 256 }), { name: "EncodeError", field: "ttl" });
    assert.throws(() => encode(struct({ mac: fixed(6) }), { mac: new Uint8Array(5) }), {
      code: "bad-value",
      field: "mac",
    });
  });

  test("a list of nothing does not run for ever", () => {
    assert.throws(() => decode(list(fixed(0)), Uint8Array.of(1)), { code: "bad-length" });
  });

  test("rest takes what is left", () => {
    const tail = struct({ head: u8, tail: rest });
    assert.deepEqual(decode(tail, Uint8Array.of(1, 2, 3)), { head: 1, tail: Uint8Array.of(2, 3) });
    assert.equal(hex(encode(tail, { head: 1, tail: Uint8Array.of(2, 3) })), "010203");
  });
});

test("oneOf names numbers, and refuses those without a name", () => {
  const operation = oneOf(u16, { request: 1, reply: 2 });
  assert.equal(hex(encode(operation, "reply")), "0002");
  assert.equal(decode(operation, unhex("0001")), "request");
  assert.throws(() => decode(operation, unhex("0003")), { code: "bad-value" });
  const misspelt: string = "request ";
  assert.throws(() => operation.write(new Writer(), misspelt as "request", "op"), { code: "bad-value", field: "op" });
});

describe("bits", () => {
  const word = bits(32, { version: 4, reserved: 3, urgent: "flag", size: 24 });

  test("the first row is the most significant", () => {
    assert.equal(hex(encode(word, { version: 15, urgent: true, size: 0xabcdef })), "f1abcdef");
    assert.deepEqual(decode(word, unhex("ffabcdef")), { version: 15, urgent: true, size: 0xabcdef });
    assert.equal(hex(encode(bits(8, { high: 1, low: 7 }), { high: 1, low: 2 })), "82");
    assert.equal(hex(encode(bits(16, { high: 1, low: 15 }), { high: 1, low: 2 })), "8002");
    assert.equal(hex(encode(bits(24, { high: 1, low: 23 }), { high: 1, low: 2 })), "800002");
    assert.equal(hex(encode(bits(32, { all: 32 }), { all: 0xfffffffe })), "fffffffe");
    assert.deepEqual(decode(bits(32, { all: 32 }), unhex("fffffffe")), { all: 0xfffffffe });
  });

  test("any value survives", () => {
    const values = record({ version: fc.nat(15), urgent: fc.boolean(), size: fc.nat(0xffffff) });
    fc.assert(fc.property(values, (value) => assert.deepEqual(decode(word, encode(word, value)), value)));
  });

  test("a value too wide is refused by its name, a layout that does not add up when it is declared", () => {
    assert.throws(() => encode(word, { version: 16, urgent: false, size: 0 }), {
      code: "out-of-range",
      field: "version",
    });
    assert.throws(() => encode(word, { version: -1, urgent: false, size: 0 }), EncodeError);
    assert.throws(() => bits(8, { a: 4, b: 5 }), RangeError);
    assert.throws(() => bits(8, { a: 4 }), RangeError);
    assert.throws(() => bits(8, { a: 0, b: 8 }), RangeError);
  });
});

describe("tlvs", () => {
  /** TCP's way: the length counts two bytes of header, 1 is a lone byte, 0 ends the list. */
  const tcp = tlvs(
    { typeBytes: 1, lengthBytes: 1, lengthCoversHeader: true, bare: [1], end: 0 },
    { nop: { type: 1, value: struct({}) }, mss: { type: 2, value: struct({ bytes16: u16 }) } },
  );
  /** ND's way: the length is in units of eight bytes, header included. */
  const nd = tlvs(
    { typeBytes: 1, lengthBytes: 1, lengthCoversHeader: true, unitBytes: 8 },
    { mtu: { type: 5, value: struct({ reserved: padding(2), mtuBytes: u32 }) } },
  );
  /** DHCPv6's way: two bytes each. */
  const dhcp6 = tlvs({ typeBytes: 2, lengthBytes: 2 }, { elapsed: { type: 8, value: struct({ time: u16 }) } });

  test("known rows, lone types, the end, and unknown types kept", () => {
    const options = decode(tcp, unhex("020405b4" + "01" + "fe04abcd" + "00" + "ff"));
    assert.deepEqual(options, [
      { kind: "mss", bytes16: 1460 },
      { kind: "nop" },
      { kind: "other", type: 254, bytes: unhex("abcd") },
    ]);
    assert.equal(hex(encode(tcp, options)), "020405b401fe04abcd");
  });

  test("lengths in units, padded with zeros", () => {
    assert.equal(hex(encode(nd, [{ kind: "mtu", mtuBytes: 1442 }])), "05010000000005a2");
    assert.deepEqual(decode(nd, unhex("05010000000005a2")), [{ kind: "mtu", mtuBytes: 1442 }]);
    assert.equal(hex(encode(nd, [{ kind: "other", type: 14, bytes: Uint8Array.of(1) }])), "0e01010000000000");
    assert.equal(decode(nd, unhex("0e01010000000000")).length, 1);
  });

  test("two-byte types and lengths", () => {
    assert.equal(hex(encode(dhcp6, [{ kind: "elapsed", time: 3 }])), "000800020003");
    assert.deepEqual(decode(dhcp6, unhex("000800020003")), [{ kind: "elapsed", time: 3 }]);
  });

  test("bytes that a row does not explain, and lengths that cannot be, are refused", () => {
    assert.throws(() => decode(tcp, unhex("020505b400")), { code: "bad-length", offset: 4 });
    assert.throws(() => decode(tcp, unhex("0201")), { code: "bad-length" });
    assert.throws(() => decode(tcp, unhex("0200")), { code: "bad-length" });
    assert.throws(() => decode(tcp, unhex("0203ff")), { code: "truncated" });
    assert.throws(() => decode(tcp, unhex("02")), { code: "truncated" });
    assert.throws(() => decode(nd, unhex("0500")), { code: "bad-length" });
    assert.throws(() => encode(tcp, [{ kind: "other", type: 9, bytes: new Uint8Array(254) }]), { code: "too-long" });
    const misspelt: string = "mmss";
    assert.throws(() => tcp.write(new Writer(), [{ kind: misspelt } as never], "options"), {
      code: "unsupported",
      field: "options",
    });
  });

  test("readTlv gives undefined at the end, again and again", () => {
    const r = new Reader(unhex("00ff"));
    const layout = { typeBytes: 1, lengthBytes: 1, end: 0 } as const;
    assert.equal(readTlv(r, layout), undefined);
    assert.equal(readTlv(r, layout), undefined);
  });

  test("random bytes give options or a DecodeError, and options encode again", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(tcp, dhcp6), (bytes, codec) => {
        let options;
        try {
          options = (codec as typeof tcp).read(new Reader(bytes));
        } catch (e) {
          assert.ok(e instanceof DecodeError);
          return;
        }
        assert.deepEqual(decode(codec as typeof tcp, encode(codec as typeof tcp, options)), options);
      }),
    );
  });
});
