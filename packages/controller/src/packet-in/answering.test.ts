import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUserdata, type Reply, type Responder } from "@dragonflow/pipeline";
import { DecodeError } from "@dragonflow/wire";
import { Answering, noCounts } from "./answering.ts";

const reply: Reply = { bytes: Uint8Array.of(1), outPort: 7 };
const respond = (row: object): readonly Reply[] => {
  if ("truncated" in row) throw new DecodeError("truncated", 3, "a packet");
  if ("broken" in row) throw new TypeError("a bug");
  return [reply];
};
const echo: Responder = { name: "echo", number: 1, respond };
const often: Responder = { name: "often", number: 2, respond, periodic: { everySeconds: 5, announce: respond } };
const packet = Uint8Array.of(0);

function answering(): Answering {
  const made = new Answering([echo, often]);
  made.set({ responder: "echo", subject: 10, row: {} });
  made.set({ responder: "echo", subject: 11, row: { truncated: true } });
  made.set({ responder: "often", subject: 10, row: { broken: true } });
  return made;
}

test("a packet is answered from the row of its responder and subject", () => {
  const made = answering();
  assert.deepEqual(made.answer(encodeUserdata(1, 10), packet, 3), [reply]);
  made.set({ responder: "echo", subject: 10, row: undefined });
  assert.deepEqual(made.answer(encodeUserdata(1, 10), packet, 3), []);
  assert.deepEqual(made.counts, { ...noCounts(), unknown: 1, byResponder: { echo: 1 } });
});

test("userdata of nobody is counted: too short, no such responder, no such subject", () => {
  const made = answering();
  for (const userdata of [new Uint8Array(), Uint8Array.of(1, 0, 0), encodeUserdata(99, 10), encodeUserdata(1, 99)])
    assert.deepEqual(made.answer(userdata, packet, 3), []);
  assert.equal(made.counts.unknown, 4);
});

test("what does not decode is counted and dropped; what a responder should not throw is kept to be told", () => {
  const made = answering();
  assert.deepEqual(made.answer(encodeUserdata(1, 11), packet, 3), []);
  assert.equal(made.failure, undefined);
  assert.deepEqual(made.answer(encodeUserdata(2, 10), packet, 3), []);
  assert.deepEqual(made.announce("often", 10), []);
  assert.match(made.failure ?? "", /^responder often: TypeError: a bug/);
  assert.deepEqual(made.counts, { ...noCounts(), undecodable: 1, failed: 2, byResponder: { echo: 1, often: 1 } });
});

test("announcements are of those who have some, for rows that are there", () => {
  const made = answering();
  assert.equal(made.everySeconds("often"), 5);
  assert.equal(made.everySeconds("echo"), undefined);
  made.set({ responder: "often", subject: 20, row: {} });
  assert.deepEqual(made.announce("often", 20), [reply]);
  assert.deepEqual(made.announce("often", 21), []);
  assert.deepEqual(made.announce("echo", 10), []);
});

test("two responders with one number are refused", () => {
  assert.throws(() => new Answering([echo, { ...often, number: 1 }]), RangeError);
});
