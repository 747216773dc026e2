/** Addresses and prefixes against ipaddr.js, and against the texts of the RFCs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EncodeError, Reader, Writer } from "@dragonflow/wire";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import {
  addressCount,
  ALL_NODES,
  type Cidr,
  cidr,
  contains,
  containsCidr,
  eui64,
  firstAddress,
  formatCidr,
  formatIp,
  formatIpv4,
  formatIpv6,
  formatMac,
  ip4,
  ip6,
  type IpAddress,
  isCidr4,
  isIpv4,
  isLinkLocalIp,
  isLoopbackIp,
  isMulticastIp,
  isMulticastMac,
  isUnspecifiedIp,
  lastAddress,
  linkLocal,
  mac48,
  mask4,
  mask6,
  multicastMac,
  networkOf,
  overlaps,
  parseCidr,
  parseIp,
  parseIpv4,
  parseIpv6,
  parseMac,
  prefixLengthOf,
  solicitedNode,
  tryParseCidr,
  tryParseIp,
  tryParseIpv4,
  tryParseIpv6,
  tryParseMac,
} from "./index.ts";

const anyMac = fc.nat(0xffffffffffff);
const any4 = fc.oneof(
  fc.nat(0xffffffff),
  fc.constantFrom(0, 1, 0xffffffff, 0x80000000, 0x7f000001, 0xe0000001, 0xa9fe0001),
);
/** Groups that are often zero, so that `::` is met in every place. */
const any6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((address, group) => (address << 16n) | BigInt(group), 0n));
const anyIp: fc.Arbitrary<IpAddress> = fc.oneof(any4, any6);
const anyCidr: fc.Arbitrary<Cidr> = fc.oneof(
  fc.tuple(any4, fc.nat(32)).map(([address, length]) => cidr(address, length)),
  fc.tuple(any6, fc.nat(128)).map(([address, length]) => cidr(address, length)),
);
/** Texts close to addresses: what an alphabet of theirs gives. */
const nearly4 = fc.array(fc.constantFrom("0", "1", "255", "256", "01", "", "9", "1a", " 1"), {
  minLength: 3,
  maxLength: 5,
});
const nearly6 = fc.array(fc.constantFrom("0", "1", "ffff", "", "", "10000", "g", "1.2.3.4", "1%a"), { maxLength: 9 });

function bytesOf(address: IpAddress): number[] {
  const w = new Writer();
  if (typeof address === "number") ip4.write(w, address, "ip");
  else ip6.write(w, address, "ip");
  return Array.from(w.view());
}
/** The same address to ipaddr.js. */
const theirs = (address: IpAddress) => ipaddr.fromByteArray(bytesOf(address));

describe("MAC addresses", () => {
  test("text and number, both ways", () => {
    fc.assert(fc.property(anyMac, (mac) => assert.equal(parseMac(formatMac(mac)), mac)));
    assert.equal(formatMac(0xfa163e00000a), "fa:16:3e:00:00:0a");
    assert.equal(formatMac(0), "00:00:00:00:00:00");
    assert.equal(parseMac("FA-16-3E-00-00-0A"), 0xfa163e00000a);
  });

  test("junk is refused", () => {
    const junk = [
      "",
      "fa:16:3e:00:00",
      "fa:16:3e:00:00:0",
      "fa:16:3e:00:00:0a:0b",
      "fa:16:3e:00-00:0a",
      "fa163e00000a",
    ];
    for (const text of [...junk, " fa:16:3e:00:00:0a", "fa:16:3e:00:00:0a\n", "ga:16:3e:00:00:0a", "fa16.3e00.000a"]) {
      assert.equal(tryParseMac(text), undefined, text);
      assert.throws(() => parseMac(text, "mac_address"), {
        name: "EncodeError",
        code: "bad-value",
        field: "mac_address",
      });
    }
  });

  test("the group bit", () => {
    assert.ok(isMulticastMac(0xffffffffffff));
    assert.ok(isMulticastMac(parseMac("01:00:5e:00:00:01")));
    assert.ok(!isMulticastMac(parseMac("fa:16:3e:ff:ff:ff")));
  });

  test("bytes", () => {
    fc.assert(
      fc.property(anyMac, (mac) => {
        const w = new Writer();
        mac48.write(w, mac, "mac");
        assert.equal(mac48.read(new Reader(w.slice())), mac);
      }),
    );
    for (const wrong of [-1, 2 ** 48, 0.5]) assert.throws(() => mac48.write(new Writer(), wrong, "mac"), EncodeError);
  });
});

describe("IPv4 addresses", () => {
  test("as ipaddr.js writes them, and back", () => {
    fc.assert(
      fc.property(any4, (address) => {
        assert.equal(formatIpv4(address), theirs(address).toString());
        assert.equal(parseIpv4(formatIpv4(address)), address);
      }),
    );
  });

  test("four decimal parts and nothing else", () => {
    const junk = [
      "",
      "10.0.0",
      "10.0.0.0.1",
      "10.0.0.256",
      "010.0.0.1",
      "10.0.0.01",
      "0x0a.0.0.1",
      "10.0.0.1 ",
      "10..0.1",
      "1e1.0.0.1",
    ];
    for (const text of [...junk, "10.0.0.-1", "167772161", "10.0.0.1/24", "+1.0.0.1"]) {
      assert.equal(tryParseIpv4(text), undefined, text);
      assert.throws(() => parseIpv4(text, "gateway_ip"), { code: "bad-value", field: "gateway_ip" });
    }
    fc.assert(
      fc.property(nearly4, (parts) => {
        const text = parts.join(".");
        assert.equal(tryParseIpv4(text) !== undefined, ipaddr.IPv4.isValidFourPartDecimal(text));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("IPv6 addresses", () => {
  test("as ipaddr.js writes them in RFC 5952, and back", () => {
    fc.assert(
      fc.property(any6, (address) => {
        const text = formatIpv6(address);
        assert.equal(parseIpv6(text), address);
        assert.equal(parseIpv6(text.toUpperCase()), address);
        assert.equal(parseIpv6(theirs(address).toNormalizedString()), address);
        // IPv4-mapped addresses we print as RFC 5952 section 5 recommends.
        if (address >> 32n !== 0xffffn) assert.equal(text, (theirs(address) as ipaddr.IPv6).toRFC5952String());
      }),
      { numRuns: 1000 },
    );
  });

  test("the examples of RFC 5952", () => {
    const examples = {
      "2001:0db8::0001": "2001:db8::1",
      "2001:db8:0:0:0:0:2:1": "2001:db8::2:1",
      "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
      "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
      "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
      "2001:DB8::AAAA": "2001:db8::aaaa",
      "::ffff:192.0.2.1": "::ffff:192.0.2.1",
      "0:0:0:0:0:0:0:0": "::",
      "1::": "1::",
      "::1.2.3.4": "::102:304",
      "64:ff9b::10.0.0.1": "64:ff9b::a00:1",
    };
    for (const [text, canonical] of Object.entries(examples)) assert.equal(formatIpv6(parseIpv6(text)), canonical);
  });

  test("junk is refused", () => {
    const junk = [
      "",
      ":",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7::8",
      "::1:2:3:4:5:6:7:8",
    ];
    const more = [
      "12345::",
      "g::",
      "fe80::1%eth0",
      "[::1]",
      "::1 ",
      ":1::",
      "1::2:",
      "::10.0.0.1:1",
      "10.0.0.1::",
      "::10.0.0.256",
      "::/0",
    ];
    for (const text of [...junk, ...more]) {
      assert.equal(tryParseIpv6(text), undefined, text);
      assert.throws(() => parseIpv6(text), { code: "bad-value" });
    }
    fc.assert(
      fc.property(nearly6, (parts) => {
        const text = parts.join(":");
        const address = tryParseIpv6(text);
        const valid = ipaddr.IPv6.isValid(text) && !text.includes("%");
        assert.equal(address !== undefined, valid, text);
        // ipaddr.js reads this one as IPv4-mapped; RFC 4291 section 2.5.5.1 has it IPv4-compatible.
        const differs = text === "::1.2.3.4";
        if (address !== undefined && !differs)
          assert.deepEqual(bytesOf(address), ipaddr.IPv6.parse(text).toByteArray());
      }),
      { numRuns: 2000 },
    );
  });
});

describe("addresses of either version", () => {
  test("are told apart by their text and by their type", () => {
    fc.assert(
      fc.property(anyIp, (address) => {
        assert.equal(parseIp(formatIp(address)), address);
        assert.equal(isIpv4(address), theirs(address).kind() === "ipv4");
      }),
    );
    assert.equal(tryParseIp("host"), undefined);
    assert.throws(() => parseIp("host", "ip_address"), { field: "ip_address" });
  });

  test("ranges as ipaddr.js knows them", () => {
    fc.assert(
      fc.property(anyIp, (address) => {
        const range = theirs(address).range();
        assert.equal(isMulticastIp(address), range === "multicast");
        assert.equal(isLoopbackIp(address), range === "loopback");
        assert.equal(isLinkLocalIp(address), range === "linkLocal");
        assert.equal(isUnspecifiedIp(address), address === 0 || address === 0n);
      }),
    );
  });

  test("bytes; what does not fit is refused", () => {
    fc.assert(
      fc.property(anyIp, (address) => {
        const r = new Reader(Uint8Array.from(bytesOf(address)));
        assert.equal(typeof address === "number" ? ip4.read(r) : ip6.read(r), address);
      }),
    );
    for (const wrong of [-1n, 1n << 128n]) assert.throws(() => ip6.write(new Writer(), wrong, "ip"), EncodeError);
    for (const wrong of [-1, 2 ** 32]) assert.throws(() => ip4.write(new Writer(), wrong, "ip"), EncodeError);
  });

  test("groups, identifiers and link-local addresses", () => {
    assert.equal(formatMac(multicastMac(parseIp("224.129.2.3"))), "01:00:5e:01:02:03");
    assert.equal(formatMac(multicastMac(ALL_NODES)), "33:33:00:00:00:01");
    assert.equal(formatMac(multicastMac(parseIp("ff02::1:ff12:3456"))), "33:33:ff:12:34:56");
    assert.equal(formatIpv6(solicitedNode(parseIpv6("2001:db8::aabb:ccdd"))), "ff02::1:ffbb:ccdd");
    assert.equal(eui64(parseMac("34:56:78:9a:bc:de")), 0x365678fffe9abcden); // RFC 4291 appendix A
    assert.equal(formatIpv6(linkLocal(parseMac("fa:16:3e:00:00:0a"))), "fe80::f816:3eff:fe00:a");
  });
});

describe("prefixes", () => {
  test("masks, both ways", () => {
    for (let length = 0; length <= 32; length++) {
      assert.equal(formatIpv4(mask4(length)), ipaddr.IPv4.subnetMaskFromPrefixLength(length).toString());
      assert.equal(prefixLengthOf(mask4(length)), length);
    }
    for (const holes of ["255.0.255.0", "0.0.0.1", "127.0.0.0"])
      assert.equal(prefixLengthOf(parseIpv4(holes)), undefined);
    assert.equal(formatIpv6(mask6(0)), "::");
    assert.equal(formatIpv6(mask6(65)), "ffff:ffff:ffff:ffff:8000::");
    assert.equal(mask6(128), (1n << 128n) - 1n);
  });

  test("text, both ways; junk is refused", () => {
    fc.assert(fc.property(anyCidr, (c) => assert.deepEqual(parseCidr(formatCidr(c)), c)));
    const junk = [
      "10.0.0.0",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/024",
      "10.0.0.0/-1",
      "/24",
      "::/129",
      "10.0.0.0/24/24",
      "10.0.0.0/ 24",
    ];
    for (const text of [...junk, "10.0.0.0/255.255.255.0"]) {
      assert.equal(tryParseCidr(text), undefined, text);
      assert.throws(() => parseCidr(text, "cidr"), { code: "bad-value", field: "cidr" });
    }
  });

  test("first and last address as ipaddr.js computes them", () => {
    fc.assert(
      fc.property(anyCidr, (c) => {
        const text = formatCidr(c);
        const kind = isCidr4(c) ? ipaddr.IPv4 : ipaddr.IPv6;
        const first = kind.networkAddressFromCIDR(text);
        assert.deepEqual(bytesOf(firstAddress(c)), first.toByteArray());
        assert.deepEqual(bytesOf(lastAddress(c)), kind.broadcastAddressFromCIDR(text).toByteArray());
        assert.equal(BigInt(lastAddress(c)) - BigInt(firstAddress(c)) + 1n, addressCount(c));
        assert.deepEqual(networkOf(c), cidr(firstAddress(c), c.prefixLength));
      }),
    );
  });

  test("membership as ipaddr.js sees it", () => {
    const near = fc
      .tuple(anyCidr, anyIp, fc.boolean())
      .map(([c, ip, inside]): [Cidr, IpAddress] => [c, inside ? firstAddress(c) : ip]);
    fc.assert(
      fc.property(near, ([c, ip]) => {
        const same = isCidr4(c) === isIpv4(ip);
        const expected = same && theirs(ip).match(theirs(c.address) as ipaddr.IPv4, c.prefixLength);
        assert.equal(contains(c, ip), expected);
        assert.ok(contains(c, lastAddress(c)));
      }),
    );
  });

  test("prefixes overlap when one holds an end of the other", () => {
    const ends = (c: Cidr) => [firstAddress(c), lastAddress(c)];
    fc.assert(
      fc.property(anyCidr, anyCidr, fc.nat(128), (a, other, length) => {
        // Half of the time a prefix around the same address, so that overlaps do happen.
        const b = length % 2 === 0 ? other : cidr(a.address, Math.min(length, isCidr4(a) ? 32 : 128));
        const expected = ends(a).some((ip) => contains(b, ip)) || ends(b).some((ip) => contains(a, ip));
        assert.equal(overlaps(a, b), expected);
        assert.equal(overlaps(b, a), expected);
        assert.equal(
          containsCidr(a, b),
          ends(b).every((ip) => contains(a, ip)),
        );
      }),
    );
  });
});
