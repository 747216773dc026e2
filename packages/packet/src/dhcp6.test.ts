import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "@dragonflow/wire";
import fc from "fast-check";
import { type Dhcp6, type Dhcp6Option, decodeDhcp6, decodePacket, encodeDhcp6 } from "./index.ts";
import { domain, ipv6Address } from "./testing/arbitraries.ts";
import { vectors } from "./testing/vectors.ts";

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true });
const is = <const T>(value: T) => fc.constant(value);
const long = fc.nat(0xffffffff);
const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: "binary-ascii", maxLength: 20 });

const status = record({ kind: is("status"), code: fc.nat(0xffff), message: text });
const other = record({ kind: is("other"), type: fc.constantFrom(11, 16, 65535), bytes });
const lifetimes = { preferredLifetimeSeconds: long, validLifetimeSeconds: long };
const inside = fc.array(fc.oneof(status, other), { maxLength: 2 });
const associationOptions = fc.array(
  fc.oneof(
    record({ kind: is("address"), address: ipv6Address, ...lifetimes, options: inside }),
    record({ kind: is("prefix"), ...lifetimes, prefixLength: fc.nat(255), prefix: ipv6Address, options: inside }),
    status,
    other,
  ),
  { maxLength: 3 },
);
const option: fc.Arbitrary<Dhcp6Option> = fc.oneof(
  record({ kind: fc.constantFrom("client-id", "server-id"), duid: bytes }),
  record({
    kind: fc.constantFrom("ia-na", "ia-pd"),
    iaid: long,
    t1Seconds: long,
    t2Seconds: long,
    options: associationOptions,
  }),
  record({ kind: is("ia-ta"), iaid: long, options: associationOptions }),
  record({ kind: is("option-request"), codes: fc.array(fc.nat(0xffff), { maxLength: 5 }) }),
  record({ kind: is("preference"), value: fc.nat(255) }),
  record({ kind: is("elapsed-time"), hundredthsOfSecond: fc.nat(0xffff) }),
  record({ kind: is("relay-message"), message: bytes }),
  record({ kind: is("server-unicast"), address: ipv6Address }),
  record({ kind: fc.constantFrom("rapid-commit", "reconfigure-accept") }),
  record({ kind: is("interface-id"), id: bytes }),
  record({ kind: is("dns-servers"), servers: fc.array(ipv6Address, { maxLength: 3 }) }),
  record({ kind: is("domain-search"), domains: fc.array(domain, { maxLength: 3 }) }),
  record({ kind: fc.constantFrom("information-refresh-time", "sol-max-rt", "inf-max-rt"), seconds: long }),
  record({ kind: is("boot-file-url"), url: text }),
  status,
  other,
);
const options = fc.array(option, { maxLength: 5 });
const message: fc.Arbitrary<Dhcp6> = fc.oneof(
  record({
    type: fc.constantFrom("solicit", "reply", "information-request"),
    transactionId: fc.nat(0xffffff),
    options,
  }),
  record({
    type: fc.constantFrom("relay-forward", "relay-reply"),
    hopCount: fc.nat(255),
    linkAddress: ipv6Address,
    peerAddress: ipv6Address,
    options,
  }),
);

test("any message is the same after encoding and decoding", () => {
  fc.assert(
    fc.property(message, (m) => assert.deepEqual(decodeDhcp6(encodeDhcp6(m)), m)),
    { numRuns: 1000 },
  );
});

test("cut anywhere, a message decodes to fewer options or is a DecodeError; random bytes too", () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.uint8Array({ maxLength: 80 }), (m, at, random) => {
      const wire = encodeDhcp6(m);
      for (const bytes of [wire.subarray(0, at % wire.length), random]) {
        try {
          assert.ok(decodeDhcp6(bytes).options.length >= 0);
        } catch (e) {
          assert.ok(e instanceof DecodeError, String(e));
        }
      }
    }),
  );
});

test("real messages, cut at every byte of their headers", () => {
  const real = vectors.filter(
    ({ bytes }) => decodePacket(bytes).udp?.sourcePort === 546 || decodePacket(bytes).udp?.sourcePort === 547,
  );
  assert.ok(real.length >= 8);
  for (const { name, bytes } of real) {
    const { payload } = decodePacket(bytes);
    assert.ok(payload, name);
    const header = payload[0] === 12 ? 34 : 4;
    for (let length = 0; length < header; length++)
      assert.throws(() => decodeDhcp6(payload.subarray(0, length)), DecodeError);
  }
});

test("what RFC 8415 does not know is refused", () => {
  assert.throws(() => decodeDhcp6(Uint8Array.of(0, 1, 2, 3)), { code: "bad-value" });
  assert.throws(() => decodeDhcp6(Uint8Array.of(14, 1, 2, 3)), { code: "bad-value" });
  assert.throws(() => decodeDhcp6(Uint8Array.of(1, 0, 0, 0, 0, 7, 0, 2, 1, 1)), { code: "bad-length" });
  // Names in DHCPv6 are never compressed (section 10).
  assert.throws(() => decodeDhcp6(Uint8Array.of(1, 0, 0, 0, 0, 24, 0, 2, 0xc0, 0)), { code: "unsupported" });
  assert.throws(() => encodeDhcp6({ type: "solicit", transactionId: 2 ** 24, options: [] }), {
    code: "out-of-range",
    field: "transactionId",
  });
});
