import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import {
  contains,
  eui64,
  formatIp,
  formatNetwork,
  type Ip,
  isEui64,
  isHostAddress,
  overlaps,
  parseIp,
  parsePrefix,
} from "./addresses.ts";

const ipv4 = fc.bigInt(0n, 2n ** 32n - 1n).map((value): Ip => ({ version: 4, value }));
const ipv6 = fc.bigInt(0n, 2n ** 128n - 1n).map((value): Ip => ({ version: 6, value }));
/** Mostly zeros, so that runs of zero groups come up. */
const sparse = fc
  .array(fc.constantFrom(0n, 0n, 0n, 1n, 0xabcdn), { minLength: 8, maxLength: 8 })
  .map((groups): Ip => ({ version: 6, value: groups.reduce<bigint>((v, g) => (v << 16n) | g, 0n) }));
const anyIp = fc.oneof(ipv4, ipv6, sparse);

test("addresses survive text", () => {
  fc.assert(fc.property(anyIp, (ip) => assert.deepEqual(parseIp(formatIp(ip)), ip)));
});

test("text is what another implementation writes (RFC 5952)", () => {
  fc.assert(
    fc.property(anyIp, (ip) => {
      const text = formatIp(ip);
      const other = ipaddr.parse(text);
      const isMapped = ip.version === 6 && ip.value >> 32n === 0xffffn;
      if (!isMapped && other instanceof ipaddr.IPv6) assert.equal(text, other.toRFC5952String());
      else if (!isMapped) assert.equal(text, other.toString());
    }),
  );
});

test("reads what others read, and refuses what they refuse", () => {
  for (const text of ["::", "::1", "1::", "fe80::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "64:ff9b::1.2.3.4", "A::b"])
    assert.equal(
      ipaddr.parse(formatIp(parseIp(text)!)).toNormalizedString(),
      ipaddr.parse(text).toNormalizedString(),
      text,
    );
  const bad = [
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.x",
    "::1.2.3",
    "1.2.3.4::",
    " ::1",
    "::1%eth0",
    "1:2:3:4:5:6:7::8:9",
  ];
  for (const text of bad) assert.equal(parseIp(text), undefined, text);
});

test("prefixes hold the addresses that another implementation puts in them", () => {
  fc.assert(
    fc.property(anyIp, fc.nat(128), anyIp, (ip, bits, other) => {
      const length = bits % (ip.version === 4 ? 33 : 129);
      const prefix = parsePrefix(`${formatIp(ip)}/${length}`)!;
      assert.equal(prefix.ip, ip.value);
      assert.ok(contains(prefix, ip));
      assert.equal(formatNetwork(parsePrefix(formatNetwork(prefix))!), formatNetwork(prefix));
      if (other.version !== ip.version) return assert.equal(contains(prefix, other), false);
      const expected = ipaddr.parse(formatIp(other)).match(ipaddr.parseCIDR(`${formatIp(ip)}/${length}`));
      assert.equal(contains(prefix, other), expected);
    }),
  );
});

test("two prefixes overlap where one holds the other", () => {
  fc.assert(
    fc.property(ipv4, fc.nat(32), ipv4, fc.nat(32), (a, m, b, n) => {
      const [p, q] = [parsePrefix(`${formatIp(a)}/${m}`)!, parsePrefix(`${formatIp(b)}/${n}`)!];
      const [wide, narrow] = m <= n ? [p, q] : [q, p];
      assert.equal(overlaps(p, q), contains(wide, { version: 4, value: narrow.first }));
    }),
  );
});

test("netmasks are lengths", () => {
  assert.equal(parsePrefix("10.0.0.0/255.255.255.0")?.length, 24);
  assert.equal(parsePrefix("10.0.0.0/255.255.255.255")?.length, 32);
  assert.equal(parsePrefix("10.0.0.0/0.0.0.0")?.length, 0);
  assert.equal(parsePrefix("10.0.0.0/255.0.255.0"), undefined);
  assert.equal(parsePrefix("10.0.0.0/33"), undefined);
  assert.equal(parsePrefix("::/129"), undefined);
});

test("hosts do not have the network's own address or the broadcast address", () => {
  const isHost = (cidr: string, ip: string) => isHostAddress(parsePrefix(cidr)!, parseIp(ip)!);
  assert.deepEqual([isHost("10.0.0.0/24", "10.0.0.0"), isHost("10.0.0.0/24", "10.0.0.255")], [false, false]);
  assert.deepEqual([isHost("10.0.0.0/24", "10.0.0.1"), isHost("10.0.0.0/24", "10.0.1.1")], [true, false]);
  assert.equal(isHost("10.0.0.0/31", "10.0.0.1"), true);
  assert.equal(isHost("fd00::/64", "fd00::ffff:ffff:ffff:ffff"), true);
  assert.equal(isHost("fd00::/64", "fd00::"), false);
});

test("EUI-64 (RFC 4291 appendix A)", () => {
  const ip = eui64(parsePrefix("2001:db8::/64")!, "34:56:78:9a:bc:de");
  assert.equal(formatIp(ip), "2001:db8::3656:78ff:fe9a:bcde");
  assert.ok(isEui64(ip));
  assert.equal(isEui64(parseIp("2001:db8::1")!), false);
});
