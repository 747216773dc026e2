import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Announcer } from "./announcer.ts";
import type { Outgoing } from "./outbox.ts";

/** A switch that takes what it is given, one step later. */
class Outbox {
  isOpen = true;
  room = 64;
  readonly sent: number[] = [];
  send(packets: readonly Outgoing[]): number {
    this.sent.push(...packets.map((packet) => ("outPort" in packet ? packet.outPort : packet.inPort)));
    return packets.length;
  }
}
let outbox: Outbox;
let announcer: Announcer;
let count: number;
beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  outbox = new Outbox();
  count = 0;
  announcer = new Announcer(outbox, (sent) => {
    count += sent;
  });
});
afterEach(() => mock.timers.reset());

const say = (outPort: number) => () => [{ bytes: new Uint8Array(), outPort }];

test("who is new speaks at once, and then now and then", () => {
  announcer.declare("a", 600, say(1));
  assert.deepEqual(outbox.sent, [1]);
  mock.timers.tick(449_000);
  assert.equal(outbox.sent.length, 1);
  mock.timers.tick(152_000);
  assert.equal(outbox.sent.length, 2);
  announcer.declare("a", 600, say(2));
  mock.timers.tick(100);
  assert.deepEqual(outbox.sent, [1, 1, 2]);
  announcer.forget("a");
  mock.timers.tick(6_000_000);
  assert.equal(outbox.sent.length, 3);
  assert.equal(count, 3);
});

test("a thousand who are new together take their turns, and do not meet again", () => {
  for (let n = 0; n < 1000; n++) announcer.declare(`port ${n}`, 600, say(n));
  for (let step = 0; step < 10; step++) mock.timers.tick(100);
  assert.equal(outbox.sent.length, 1 + 10 * 16);
  for (let step = 0; step < 60; step++) mock.timers.tick(100);
  assert.deepEqual(new Set(outbox.sent).size, 1000);
  assert.equal(outbox.sent.length, 1000);
  // The next round is spread over a quarter of the interval: no second has more than a few.
  for (let second = 0; second < 700; second++) {
    const before: number = outbox.sent.length;
    mock.timers.tick(1000);
    assert.ok(outbox.sent.length - before < 50, `${outbox.sent.length - before} in one second`);
  }
  assert.ok(outbox.sent.length >= 2000);
});

test("who asks comes first: nothing is said while the switch has little room", () => {
  outbox.room = 5;
  announcer.declare("a", 600, say(1));
  mock.timers.tick(100);
  assert.deepEqual(outbox.sent, []);
  outbox.room = 64;
  mock.timers.tick(100);
  assert.deepEqual(outbox.sent, [1]);
});

test("without a connection it waits; what is said once is said again on the next one", () => {
  outbox.isOpen = false;
  announcer.declare("port", 600, say(1));
  announcer.declare("tunnel", undefined, say(2));
  mock.timers.tick(10_000);
  assert.deepEqual(outbox.sent, []);
  outbox.isOpen = true;
  announcer.opened();
  assert.deepEqual(outbox.sent, [1, 2]);
  mock.timers.tick(100);
  announcer.opened();
  assert.deepEqual(outbox.sent, [1, 2, 2]);
});

test("what is said once is said once, on the next connection if there is none", () => {
  outbox.isOpen = false;
  announcer.say("a", [{ bytes: new Uint8Array(), inPort: 7 }]);
  mock.timers.tick(1000);
  assert.deepEqual(outbox.sent, []);
  outbox.isOpen = true;
  announcer.opened();
  mock.timers.tick(100);
  assert.deepEqual(outbox.sent, [7]);
  announcer.opened();
  mock.timers.tick(6_000_000);
  assert.deepEqual(outbox.sent, [7]);
});
