import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIp, formatIpv6, parseCidr } from "@dragonflow/packet";
import fc from "fast-check";
import { inPrefix, parseAddress } from "./addresses.ts";

test("addresses in text", () => {
  const good: readonly (readonly [string, 4 | 6, bigint])[] = [
    ["0.0.0.0", 4, 0n],
    ["10.0.1.11", 4, 0x0a00010bn],
    ["255.255.255.255", 4, 0xffffffffn],
    ["::", 6, 0n],
    ["::1", 6, 1n],
    ["fd00:1::", 6, 0xfd00_0001n << 96n],
    ["fd00:1::b", 6, (0xfd00_0001n << 96n) | 11n],
    ["1:2:3:4:5:6:7:8", 6, 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ["FE80::A", 6, (0xfe80n << 112n) | 10n],
    ["::ffff:192.0.2.1", 6, 0xffff_c000_0201n],
  ];
  for (const [text, version, bits] of good) assert.deepEqual(parseAddress(text), { version, bits }, text);
  const bad = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.x",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    ":::",
  ];
  for (const text of [...bad, "12345::", "g::", "1:2:3:4::5:6:7:8", "::1.2.3"])
    assert.throws(() => parseAddress(text), RangeError, text);
});

test("inside, at the edges of, and outside of a prefix", () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["10.0.1.0", "10.0.1.0/24", true],
    ["10.0.1.255", "10.0.1.0/24", true],
    ["10.0.0.255", "10.0.1.0/24", false],
    ["10.0.2.0", "10.0.1.0/24", false],
    ["203.0.113.9", "0.0.0.0/0", true],
    ["::", "0.0.0.0/0", false],
    ["0.0.0.0", "::/0", false],
    ["0.0.0.1", "::/96", false],
    ["10.0.1.11", "10.0.1.11/32", true],
    ["10.0.1.11", "10.0.1.11", true],
    ["10.0.1.12", "10.0.1.11", false],
    ["127.255.255.255", "128.0.0.0/1", false],
    ["128.0.0.0", "128.0.0.0/1", true],
    ["fd00:1::8", "fd00:1::8/125", true],
    ["fd00:1::f", "fd00:1::8/125", true],
    ["fd00:1::10", "fd00:1::8/125", false],
    ["fd00:1::b", "fd00:1:0:0::b", true],
  ];
  for (const [address, prefix, inside] of table)
    assert.equal(inPrefix(address, prefix), inside, `${address} ${prefix}`);
  for (const prefix of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "::/1x"])
    assert.throws(() => inPrefix("10.0.0.1", prefix), RangeError, prefix);
});

test("text as another implementation writes it is read alike", () => {
  const ipv4 = fc.nat(0xffffffff);
  const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), fc.nat(128), (address, length) => {
      const text = formatIp(address);
      assert.equal(parseAddress(text).bits, BigInt(address));
      const width = typeof address === "number" ? 32 : 128;
      const { address: same, prefixLength } = parseCidr(`${text}/${length % (width + 1)}`);
      const size = 1n << BigInt(width - prefixLength);
      const last = (BigInt(same) / size) * size + size - 1n;
      const show = (bits: bigint): string => (width === 32 ? formatIp(Number(bits)) : formatIpv6(bits));
      assert.ok(inPrefix(show(last), `${text}/${prefixLength}`));
      if (last + 1n < 1n << BigInt(width)) assert.ok(!inPrefix(show(last + 1n), `${text}/${prefixLength}`));
    }),
  );
});
