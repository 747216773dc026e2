import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Framer } from "./framing.ts";

const message = fc
  .uint8Array({ maxLength: 60 })
  .map((body) => Uint8Array.of(6, 2, 0, 8 + body.length, 1, 2, 3, 4, ...body));
const stream = fc.array(message, { maxLength: 12 });

test("messages come out whole, wherever the stream is cut", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 30 }), (messages, cuts) => {
      const bytes = Uint8Array.from(messages.flatMap((one) => [...one]));
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
      const framer = new Framer();
      const found = places.flatMap((place, i) => framer.push(bytes.subarray(places[i - 1] ?? 0, place)));
      assert.deepEqual(found, messages);
      assert.equal(framer.broken, undefined);
    }),
  );
});

test("byte by byte", () => {
  const messages = [Uint8Array.of(6, 20, 0, 8, 0, 0, 0, 1), Uint8Array.of(6, 2, 0, 9, 0, 0, 0, 2, 99)];
  const framer = new Framer();
  const found = messages.flatMap((one) => [...one].flatMap((byte) => framer.push(Uint8Array.of(byte))));
  assert.deepEqual(found, messages);
});

for (const [what, length] of [
  ["shorter than a header", 7],
  ["longer than allowed", 101],
] as const) {
  test(`a message ${what} breaks the stream, those before it still count`, () => {
    const good = Uint8Array.of(6, 20, 0, 8, 0, 0, 0, 1);
    const bad = Uint8Array.of(6, 2, 0, length, 0, 0, 0, 2, 99);
    for (const step of [1, 3, 100]) {
      const framer = new Framer(100);
      const bytes = Uint8Array.of(...good, ...bad, ...good);
      const found: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += step) found.push(...framer.push(bytes.subarray(at, at + step)));
      assert.deepEqual(found, [good]);
      assert.equal(framer.broken?.code, "bad-length");
    }
  });
}
