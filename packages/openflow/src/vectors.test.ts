import assert from "node:assert/strict";
import { test } from "node:test";
import { Writer } from "@dragonflow/wire";
import { Framer } from "./framing.ts";
import { decodeMessage, encodeMessage } from "./messages/index.ts";
import { readMessageVectors } from "./testing/message-vectors.ts";

const vectors = readMessageVectors();

test("there are vectors", () => {
  assert.ok(vectors.length > 100);
});

for (const { command, bytes, text } of vectors) {
  test(`${text} of ${command}`, () => {
    const { xid, message } = decodeMessage(bytes);
    assert.notEqual(message.type, "unknown");
    assert.match(text, new RegExp(`xid=0x${xid.toString(16)}\\)`));
    const w = new Writer();
    encodeMessage(w, xid, message);
    assert.equal(Buffer.from(w.view()).toString("hex"), Buffer.from(bytes).toString("hex"));
  });
}

test("the vectors, one behind another and byte by byte, are the same messages", () => {
  const framer = new Framer();
  const messages: Uint8Array[] = [];
  for (const { bytes } of vectors) for (const byte of bytes) messages.push(...framer.push(Uint8Array.of(byte)));
  assert.deepEqual(
    messages.map((bytes) => Buffer.from(bytes).toString("hex")),
    vectors.map(({ bytes }) => Buffer.from(bytes).toString("hex")),
  );
});

function vector(command: string, text: string): Uint8Array {
  const found = vectors.find((one) => one.command.includes(command) && one.text.startsWith(text));
  assert.ok(found, `${text} of ${command}`);
  return found.bytes;
}

test("what some of them mean", () => {
  const flow = decodeMessage(vector("add-flow BR 'table=1,priority=5", "OFPT_FLOW_MOD")).message;
  assert.deepEqual(flow, {
    type: "flow_mod",
    command: "add",
    table: 1,
    priority: 5,
    cookie: 0x1234n,
    idleTimeoutSeconds: 60,
    hardTimeoutSeconds: 90,
    importance: 7,
    flags: ["send_flow_rem", "check_overlap", "no_pkt_counts", "no_byt_counts"],
    match: { eth_type: 0x0800, ipv4_dst: { value: 0x0a000000, mask: 0xff000000 } },
    instructions: { apply: [{ type: "output", port: 2 }], goto: 3 },
  });
  assert.deepEqual(decodeMessage(vector("mod-flows BR 'table=1,cookie", "OFPT_FLOW_MOD")).message, {
    type: "flow_mod",
    command: "modify",
    table: 1,
    priority: 0x8000,
    cookie: 0x1234n,
    cookieMask: 0xffffn,
    flags: ["reset_counts"],
    match: { eth_type: 0x0800 },
    instructions: { apply: [{ type: "output", port: 3 }] },
  });
  assert.deepEqual(decodeMessage(vector("insert-buckets", "OFPT_GROUP_MOD")).message, {
    type: "group_mod",
    command: "insert_bucket",
    groupType: "all",
    group: 3,
    commandBucket: 0xfffffffe,
    buckets: [
      { bucket: 5, actions: [{ type: "output", port: 2 }] },
      { bucket: 6, actions: [{ type: "output", port: 3 }] },
    ],
  });
  const packet = decodeMessage(vector("nxt_packet_in2 monitor", "NXT_PACKET_IN2")).message;
  assert.equal(packet.type, "packet_in2");
  if (packet.type !== "packet_in2") return;
  assert.deepEqual(packet.metadata, { in_port: 0xfffffffe, reg1: 5 });
  assert.equal(packet.reason, "no_match");
  assert.deepEqual([...(packet.userdata ?? [])], [1, 2, 3, 4, 5]);
  assert.equal(packet.continuation?.length, 72);
});
