import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { rangeRequest, txnRequest, txnResponse, watchResponse } from "./messages.ts";
import { encoded, ProtobufError, Reader, Writer } from "./protobuf.ts";

test("numbers come out as they went in: int64 as numbers, identities with all their bits", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (number, identity) => {
      const writer = new Writer();
      writer.integer(1, number);
      writer.integer(300, identity);
      const reader = new Reader(writer.done());
      let [readNumber, readIdentity] = [0, 0n];
      for (let field = reader.next(); field !== undefined; field = reader.next())
        if (field === 1) readNumber = reader.integer();
        else readIdentity = reader.identity();
      assert.deepEqual([readNumber, readIdentity], [number, identity]);
    }),
  );
});

// Worked out by hand from the format.
const VECTORS = [
  [encoded(rangeRequest, { key: "a" }), "0a0161"],
  [encoded(rangeRequest, { key: "a", end: "b", limit: 300, keysOnly: true }), "0a016112016218ac024001"],
  [
    encoded(txnRequest, {
      compare: [{ key: "k", of: "mod", is: "equal", than: 7 }],
      success: [{ put: { key: "k", value: "v" } }],
      failure: [{ range: { key: "k" } }],
    }),
    "0a0710021a016b300712081206 0a016b12017 61a050a030a016b".replaceAll(" ", ""),
  ],
] as const;
test("messages are on the wire as the format says", () => {
  for (const [bytes, hex] of VECTORS) assert.equal(bytes.toString("hex"), hex);
});

test("what is cut short, or of another type, is refused with its place", () => {
  const whole = Buffer.from("0a0608011002180310011a070a050a0308b901", "hex");
  assert.equal(txnResponse(new Reader(whole)).header.revision, 3);
  let refused = 0;
  for (let length = 1; length < whole.length; length++)
    try {
      txnResponse(new Reader(whole.subarray(0, length)));
    } catch (error) {
      assert.ok(error instanceof ProtobufError);
      refused++;
    }
  assert.ok(refused > 0);
  assert.throws(() => watchResponse(new Reader(Buffer.from("1201ff", "hex"))), ProtobufError);
});

test("a field that nobody knows is passed over, and a watch of no id is -1", () => {
  const response = watchResponse(new Reader(Buffer.from("f8070110ffffffffffffffffff01", "hex")));
  assert.equal(response.watchId, -1);
});
