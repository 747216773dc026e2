import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describePacket } from "./index.ts";
import { vector, vectors } from "./testing/vectors.ts";

test("every vector has the line that vectors/lines.txt says", () => {
  const expected = readFileSync(new URL("vectors/lines.txt", import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  assert.deepEqual(
    vectors.map(({ name, bytes }) => `${name}: ${describePacket(bytes)}`),
    expected,
  );
});

test("what cannot be decoded is said, never thrown", () => {
  assert.equal(
    describePacket(new Uint8Array(0)),
    "undecodable: truncated at byte 0: MAC address needs 2 bytes, 0 left",
  );
  for (const { name, bytes } of vectors) {
    for (let length = 0; length < bytes.length; length += 7) {
      assert.match(describePacket(bytes.subarray(0, length)), /^[^\n]+$/, name);
    }
  }
});

test("UDP on DHCP's ports that is not DHCP is UDP", () => {
  const bytes = vector("dnsmasq-ack").slice();
  bytes.set([0, 0, 0, 0], 14 + 20 + 8 + 236); // the cookie
  assert.match(
    describePacket(bytes),
    /^10\.0\.0\.1:67 > 10\.0\.0\.28:68 UDP \d+ bytes \(not DHCP: .+\) ttl 64 \(bad checksum\)$/,
  );
});
