import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, EncodeError, Writer } from "@dragonflow/wire";
import fc from "fast-check";
import { encodeInstructions } from "./instructions.ts";
import { encodeMatch } from "./match.ts";
import { MESSAGE_TYPES, type Message, decodeMessage, encodeMessage } from "./messages/index.ts";
import { anyMessage, messageArbitraries } from "./testing/message-arbitraries.ts";

function encode(message: Message, xid = 7): Uint8Array {
  const w = new Writer();
  encodeMessage(w, xid, message);
  return w.slice();
}
/** Puts the length of the bytes into their header. */
function withLength(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setUint16(2, copy.length);
  return copy;
}
function decodesOrFails(bytes: Uint8Array): void {
  try {
    decodeMessage(bytes);
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error));
  }
}

test("there is an arbitrary for each message", () => {
  assert.deepEqual([...messageArbitraries.keys()].sort(), [...MESSAGE_TYPES, "unknown"].sort());
});

for (const [type, arbitrary] of messageArbitraries) {
  test(`${type} comes back as it was`, () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 0, max: 0xffffffff }), (message, xid) => {
        const bytes = encode(message, xid);
        assert.equal(bytes.length, (bytes[2] ?? 0) * 256 + (bytes[3] ?? 0));
        const decoded = decodeMessage(bytes);
        assert.equal(decoded.xid, xid);
        assert.deepEqual(decoded.message, message);
        assert.deepEqual(encode(decoded.message, xid), bytes);
      }),
      { numRuns: 60 },
    );
  });

  test(`${type} cut at every byte is a message or a DecodeError`, () => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        const bytes = encode(message);
        for (let length = 0; length < bytes.length; length++) {
          assert.throws(() => decodeMessage(bytes.subarray(0, length)), DecodeError);
          if (length >= 8) decodesOrFails(withLength(bytes.subarray(0, length)));
        }
      }),
      { numRuns: 10 },
    );
  });
}

test("a flow-mod of packed parts is the flow-mod of the same", () => {
  fc.assert(
    fc.property(messageArbitraries.get("flow_mod") ?? fc.constant(undefined), (message) => {
      assert.ok(message?.type === "flow_mod");
      const pack = (write: (w: Writer) => void): string => {
        const w = new Writer();
        write(w);
        return Buffer.from(w.view()).toString("latin1");
      };
      const match = pack((w) => encodeMatch(w, message.match));
      const instructions = pack((w) => encodeInstructions(w, message.instructions));
      const packed = { ...message, type: "packed_flow_mod", match, instructions } as const;
      assert.deepEqual(encode(packed), encode(message));
      const add = { type: "bundle_add_message", bundle: 1, flags: ["atomic"] } as const;
      assert.deepEqual(encode({ ...add, message: packed }), encode({ ...add, message }));
    }),
  );
});

test("a message with bytes changed is a message or a DecodeError", () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(anyMessage, fc.array(change, { minLength: 1, maxLength: 4 }), (message, changes) => {
      const bytes = encode(message);
      for (const [at, value] of changes) bytes[4 + (at % (bytes.length - 4))] = value;
      decodesOrFails(bytes);
    }),
    { numRuns: 3000 },
  );
});

test("random bytes behind a header are a message or a DecodeError", () => {
  const type = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 200 }), (code, body) => {
      decodesOrFails(withLength(Uint8Array.of(6, code, 0, 0, 0, 0, 0, 1, ...body)));
    }),
    { numRuns: 5000 },
  );
});

test("a multipart that is too long for one message becomes several", () => {
  const entries = Array.from({ length: 5000 }, (_, group) => ({
    group,
    references: 1,
    packets: 2n,
    bytes: 3n,
    duration: { seconds: 4, nanoseconds: 5 },
    buckets: [{ packets: 6n, bytes: 7n }],
  }));
  const bytes = encode({ type: "group_stats_reply", entries });
  const parts: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0);
    parts.push(decodeMessage(bytes.subarray(at, at + length)).message);
    at += length;
  }
  assert.equal(parts.length, 5);
  assert.deepEqual(
    parts.map((part) => "more" in part && part.more),
    [true, true, true, true, false],
  );
  assert.deepEqual(
    parts.flatMap((part) => (part.type === "group_stats_reply" ? part.entries : [])),
    entries,
  );
});

test("what has no wire form is an EncodeError that leaves the arena as it was", () => {
  const w = new Writer();
  encodeMessage(w, 1, { type: "barrier_request" });
  const bad: [Message, string][] = [
    [{ type: "echo_request", payload: new Uint8Array(70_000) }, "message"],
    [{ type: "set_config", fragments: "normal", missSendLengthBytes: 65536 }, "missSendLengthBytes"],
    [{ type: "set_config", fragments: "sometimes" as "normal", missSendLengthBytes: 1 }, "fragments"],
    [{ type: "nonsense" as "barrier_request" }, "type"],
    [{ type: "error", error: "OFPXX_NONE" as "OFPBRC_EPERM", data: new Uint8Array() }, "error"],
    [{ type: "port_mod", port: 1, hardwareAddress: "1:2", config: [], mask: [] }, "hardwareAddress"],
    [{ type: "resume", frame: new Uint8Array(1) } as Message, "continuation"],
    [
      {
        type: "group_mod",
        command: "add",
        groupType: "select",
        group: 1,
        buckets: [],
        selection: { method: "a method of sixteen", parameter: 0n, fields: new Uint8Array() },
      },
      "method",
    ],
  ];
  for (const [message, field] of bad) {
    assert.throws(
      () => encodeMessage(w, 1, message),
      (error) => error instanceof EncodeError && error.field === field,
    );
    assert.equal(w.length, 8);
  }
});

test("hello and error are read in any version, other messages in that of OpenFlow 1.5 only", () => {
  const bytes = encode({ type: "barrier_request" });
  bytes[0] = 4;
  assert.throws(() => decodeMessage(bytes), { code: "unsupported" });
  assert.deepEqual(decodeMessage(Uint8Array.of(4, 0, 0, 8, 0, 0, 0, 1)), {
    version: 4,
    xid: 1,
    message: { type: "hello", versions: [1, 2, 3, 4] },
  });
  // Elements of a hello that are not known are skipped (here type 9), and so are versions above 31.
  const hello = Uint8Array.of(6, 0, 0, 28, 0, 0, 0, 1, 0, 9, 0, 5, 1, 0, 0, 0, 0, 1, 0, 12, 0, 0, 0, 0x50, 1, 1, 1, 1);
  assert.deepEqual(decodeMessage(hello).message, { type: "hello", versions: [4, 6] });
});

test("a message of a bundle has the xid of what it stands in", () => {
  const bytes = encode({
    type: "bundle_add_message",
    bundle: 1,
    flags: [],
    message: { type: "packet_out", match: { in_port: 1 }, actions: [], frame: new Uint8Array(14) },
  });
  assert.deepEqual(bytes.subarray(4, 8), bytes.subarray(20, 24));
  bytes[20] = 1;
  assert.throws(() => decodeMessage(bytes), { code: "bad-value" });
});
