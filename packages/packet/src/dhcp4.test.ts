import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError, EncodeError } from "@dragonflow/wire";
import fc from "fast-check";
import {
  DHCP4_OPTIONS,
  type Dhcp4Fields,
  type Dhcp4OptionName,
  type Dhcp4Options,
  decodeDhcp4,
  decodePacket,
  encodeDhcp4,
  formatCidr,
  formatIpv4,
  parseDhcp4Option,
  parseIpv4,
} from "./index.ts";
import { domain, ipv4Address, mac } from "./testing/arbitraries.ts";
import { vector } from "./testing/vectors.ts";

const request = (options: Dhcp4Options): Dhcp4Fields => ({ op: "request", xid: 1, chaddr: 0xfa163e00000a, options });
/** The bytes behind the cookie, padding and all. */
const optionBytes = (options: Dhcp4Options): Buffer => Buffer.from(encodeDhcp4(request(options)).subarray(240));
/** A message whose options are these bytes. */
function withOptions(hex: string, fields: { sname?: string; file?: string } = {}): Uint8Array {
  const head = encodeDhcp4(request({})).slice(0, 240);
  head.set(Buffer.from(fields.sname ?? "", "hex"), 44);
  head.set(Buffer.from(fields.file ?? "", "hex"), 108);
  return new Uint8Array(Buffer.concat([head, Buffer.from(hex.replaceAll(" ", ""), "hex")]));
}

const address = ipv4Address;
const addresses = fc.array(address, { minLength: 1, maxLength: 4 });
const number = (max: number) => fc.nat(max);
const text = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 40 }).filter((value) => !value.includes("\0"));
const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
const route = fc.record(
  {
    destination: fc.tuple(address, fc.nat(32)).map(([ip, prefixLength]) => ({
      address: prefixLength === 0 ? 0 : (ip & (-1 << (32 - prefixLength))) >>> 0,
      prefixLength,
    })),
    gateway: address,
  },
  { noNullPrototype: true },
);
/** Values for the options whose form their first value does not tell. */
const SPECIAL: { readonly [K in Dhcp4OptionName]?: fc.Arbitrary<NonNullable<Dhcp4Options[K]>> } = {
  timeOffsetSeconds: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  messageType: fc.constantFrom("discover", "offer", "request", "decline", "ack", "nak", "release", "inform"),
  parameterRequestList: fc.array(number(255), { minLength: 1, maxLength: 300 }),
  clientArchitectures: fc.array(number(0xffff), { minLength: 1, maxLength: 3 }),
  domainSearch: fc.array(domain, { minLength: 1, maxLength: 12 }),
  classlessRoutes: fc.array(route, { minLength: 1, maxLength: 60 }),
  microsoftClasslessRoutes: fc.array(route, { minLength: 1, maxLength: 3 }),
  rapidCommit: fc.constant(true as const),
  relayAgent: fc.array(
    fc.record(
      { kind: fc.constantFrom("circuit-id", "remote-id"), id: fc.uint8Array({ maxLength: 20 }) },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 2 },
  ),
};
/** By the type of a row: what `parse` makes of a sample tells the form. */
function valuesOf(name: Dhcp4OptionName): fc.Arbitrary<unknown> {
  const special = SPECIAL[name];
  if (special !== undefined) return special;
  const { type } = DHCP4_OPTIONS[name];
  const parses = (sample: string): unknown => {
    try {
      return type.parse(sample, name);
    } catch (e) {
      assert.ok(e instanceof EncodeError);
      return undefined;
    }
  };
  if (parses("10.0.0.1,10.0.0.2") instanceof Array) return addresses;
  if (parses("x") === "x") return text;
  if (parses("x") instanceof Uint8Array) return bytes;
  if (parses("1") === true) return fc.boolean();
  if (typeof parses("10.0.0.1") === "number") return address;
  return number(parses("65536") === 65536 ? 0xffffffff : parses("256") === 256 ? 0xffff : 0xff);
}

describe("options", () => {
  test("every row survives encoding and decoding", () => {
    for (const name of Object.keys(DHCP4_OPTIONS) as Dhcp4OptionName[]) {
      fc.assert(
        fc.property(valuesOf(name), (value) => {
          const { options } = decodeDhcp4(encodeDhcp4(request({ [name]: value })));
          assert.deepEqual(options, { [name]: value });
        }),
        { numRuns: 20 },
      );
    }
  });

  test("codes and names are unique", () => {
    const rows = Object.values(DHCP4_OPTIONS);
    assert.equal(new Set(rows.map((row) => row.code)).size, rows.length);
    const aliases = rows.flatMap((row) => row.alias ?? []);
    assert.equal(new Set(aliases).size, aliases.length);
  });

  test("the wire, by hand", () => {
    const hex = (options: Dhcp4Options, length: number) =>
      optionBytes(options)
        .toString("hex")
        .slice(0, 2 * length);
    assert.equal(hex({ messageType: "offer", leaseTimeSeconds: 0xffffffff }, 10), "350102" + "3304ffffffff" + "ff");
    assert.equal(
      hex({ subnetMask: parseIpv4("255.255.255.0"), timeOffsetSeconds: -3600 }, 13),
      "0104ffffff00" + "0204fffff1f0" + "ff",
    );
    assert.equal(hex({ rapidCommit: true, hostName: "vm1" }, 8), "5000" + "0c03766d31" + "ff");
    // The examples of RFC 3442: 0.0.0.0/0, 10.0.0.0/8, 10.0.0.0/24, 10.17.0.0/16, 10.229.0.128/25, 10.198.122.47/32
    const routes = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.17.0.0/16", "10.229.0.128/25", "10.198.122.47/32"];
    const classlessRoutes = parseDhcp4Option(
      "classless-static-route",
      routes.map((r) => `${r},1.2.3.4`).join(","),
    ).classlessRoutes;
    const gateway = "01020304";
    const expected = ["00", "080a", "180a0000", "100a11", "190ae50080", "200ac67a2f"].map((d) => d + gateway).join("");
    assert.equal(
      hex({ classlessRoutes }, 2 + expected.length / 2),
      `79${(expected.length / 2).toString(16)}${expected}`,
    );
  });

  test("those without a row are kept, byte for byte, also in pieces", () => {
    const other = [
      { code: 224, bytes: Uint8Array.of(1, 2) },
      { code: 254, bytes: new Uint8Array(600).fill(7) },
      { code: 200, bytes: new Uint8Array(0) },
    ];
    assert.deepEqual(decodeDhcp4(encodeDhcp4(request({ messageType: "ack", other }))).options, {
      messageType: "ack",
      other,
    });
    for (const code of [0, 52, 255, 256]) {
      assert.throws(() => encodeDhcp4(request({ other: [{ code, bytes: new Uint8Array(1) }] })), { code: "bad-value" });
    }
  });

  test("long values go out in pieces and are joined again (RFC 3396)", () => {
    const vendorSpecific = Uint8Array.from({ length: 600 }, (_, i) => i);
    const wire = optionBytes({ vendorSpecific });
    assert.deepEqual([wire[0], wire[1], wire[257], wire[258], wire[514], wire[515]], [43, 255, 43, 255, 43, 90]);
    assert.deepEqual(decodeDhcp4(encodeDhcp4(request({ vendorSpecific }))).options.vendorSpecific, vendorSpecific);
    // An address split in the middle, with another option between the pieces.
    assert.deepEqual(decodeDhcp4(withOptions("3602 0a00 350102 3602 0001 ff")).options, {
      serverIdentifier: parseIpv4("10.0.0.1"),
      messageType: "offer",
    });
  });

  test("in file and sname, and continued there (RFC 3396 section 5)", () => {
    const both = withOptions("340103 0c0161 ff", {
      file: "0c0162 ff",
      sname: "0c0163 0103ffffff ff".replaceAll(" ", ""),
    });
    assert.throws(() => decodeDhcp4(both), { code: "truncated" });
    const good = withOptions("340103 0c0161 ff", { file: "0c0162ff", sname: "0c01630104ffffff00ff" });
    const { file, sname, options } = decodeDhcp4(good);
    assert.deepEqual(
      { file, sname, options },
      { file: "", sname: "", options: { hostName: "abc", subnetMask: parseIpv4("255.255.255.0") } },
    );
    const onlyFile = decodeDhcp4(withOptions("340101ff", { file: "0c0162ff", sname: "616200ff" }));
    assert.deepEqual({ sname: onlyFile.sname, options: onlyFile.options }, { sname: "ab", options: { hostName: "b" } });
    const nested = decodeDhcp4(withOptions("340101ff", { file: "340103ff" }));
    assert.deepEqual(nested.options, {}, "an overload inside an overload means nothing");
    assert.throws(() => decodeDhcp4(withOptions("340104ff")), { code: "bad-value" });
  });

  test("padding between, no end, nothing at all: all are seen on the wire", () => {
    assert.deepEqual(decodeDhcp4(withOptions("0000350101000c03766d31")).options, {
      messageType: "discover",
      hostName: "vm1",
    });
    assert.deepEqual(decodeDhcp4(withOptions("")).options, {});
    assert.equal(decodeDhcp4(withOptions("0c04766d3100ff")).options.hostName, "vm1", "NULs behind text are not text");
  });

  test("what an option's RFC does not allow is refused where it stands", () => {
    const refused: [string, string][] = [
      ["3503010101ff", "bad-length"],
      ["350109ff", "bad-value"],
      ["3303000000ff", "truncated"],
      ["3305000000ff", "truncated"],
      ["0305 0a000001 0aff", "truncated"],
      ["7906 21 0a000001 00 ff", "bad-value"],
      ["7903 08 0a00 ff", "truncated"],
      ["7702 c000 ff", "bad-value"],
      ["7703 0161 c0 ff", "truncated"],
      ["7702 4061 ff", "bad-value"],
      ["35", "truncated"],
    ];
    for (const [hex, code] of refused) {
      assert.throws(
        () => decodeDhcp4(withOptions(hex)),
        (e) => e instanceof DecodeError && e.code === code && e.offset >= 240,
        hex,
      );
    }
  });
});

describe("messages", () => {
  test("any header survives; at least 300 bytes go out", () => {
    const text8 = (maxLength: number) => fc.string({ unit: fc.constantFrom("a", "é", " ", "/"), maxLength });
    const message = fc.record(
      {
        op: fc.constantFrom("request", "reply"),
        hops: number(255),
        xid: number(0xffffffff),
        elapsedSeconds: number(0xffff),
        broadcast: fc.boolean(),
        ciaddr: address,
        yiaddr: address,
        siaddr: address,
        giaddr: address,
        chaddr: mac,
        sname: text8(63),
        file: text8(127),
        options: fc.constant<Dhcp4Options>({ messageType: "ack" }),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(message, (m) => {
        const wire = encodeDhcp4(m);
        assert.equal(wire.length, 300);
        assert.deepEqual(decodeDhcp4(wire), m);
      }),
    );
  });

  test("what does not fit is refused", () => {
    const fields = request({});
    assert.throws(() => encodeDhcp4({ ...fields, sname: "x".repeat(64) }), { code: "too-long", field: "sname" });
    assert.throws(() => encodeDhcp4({ ...fields, file: "x".repeat(128) }), { code: "too-long", field: "file" });
    assert.throws(() => encodeDhcp4({ ...fields, file: "→" }), { code: "out-of-range", field: "file" });
    assert.throws(() => encodeDhcp4({ ...fields, xid: -1 }), { code: "out-of-range", field: "xid" });
    assert.throws(() => encodeDhcp4(request({ mtuBytes: 65536 })), { code: "out-of-range", field: "mtuBytes" });
    assert.throws(() => encodeDhcp4(request({ domainSearch: ["a..b"] })), { code: "bad-value", field: "domainSearch" });
    assert.throws(() => encodeDhcp4(request({ misspelt: 1 } as Dhcp4Options)), {
      code: "unsupported",
      field: "misspelt",
    });
    const large = request({ vendorSpecific: new Uint8Array(400) });
    assert.throws(() => encodeDhcp4(large, { maximumBytes: 548 }), { code: "too-long" });
    assert.ok(encodeDhcp4(large).length > 548);
    assert.deepEqual(encodeDhcp4(request({ mtuBytes: undefined })), encodeDhcp4(request({})), "undefined is absent");
  });

  test("other hardware, other payloads", () => {
    const wire = encodeDhcp4(request({}));
    for (const [at, value, code] of [
      [0, 3, "bad-value"],
      [1, 32, "unsupported"],
      [2, 20, "unsupported"],
      [236, 0, "bad-value"],
    ] as const) {
      const other = wire.slice();
      other[at] = value;
      assert.throws(() => decodeDhcp4(other), { name: "DecodeError", code }, `byte ${at}`);
    }
  });

  test("what dnsmasq granted dhclient", () => {
    const { options, yiaddr, file } = decodeDhcp4(decodePacket(vector("dnsmasq-ack-dhclient")).payload!);
    assert.equal(formatIpv4(yiaddr), "10.0.0.28");
    assert.equal(file, "pxelinux.0");
    assert.deepEqual(options.domainSearch, ["eng.example.com", "example.com", "lab.example.com"]);
    assert.deepEqual(
      options.classlessRoutes?.map((r) => `${formatCidr(r.destination)} ${formatIpv4(r.gateway)}`),
      ["10.9.0.0/16 10.0.0.1", "0.0.0.0/0 10.0.0.1"],
    );
  });
});

describe("options as operators write them", () => {
  test("by dnsmasq's names and by number", () => {
    const cases: [string, string, Dhcp4Options][] = [
      ["mtu", "1442", { mtuBytes: 1442 }],
      ["26", "1442", { mtuBytes: 1442 }],
      ["bootfile-name", "pxelinux.0", { bootFileName: "pxelinux.0" }],
      ["tftp-server", "10.0.0.5", { tftpServerName: "10.0.0.5" }],
      ["tftp-server-address", "10.0.0.5, 10.0.0.6", { tftpServers: [0x0a000005, 0x0a000006] }],
      ["ntp-server", "10.0.0.3", { ntpServers: [0x0a000003] }],
      ["time-offset", "-3600", { timeOffsetSeconds: -3600 }],
      ["ip-forward-enable", "1", { ipForwarding: true }],
      ["T1", "1800", { renewalTimeSeconds: 1800 }],
      ["domain-search", "a.example,b.example", { domainSearch: ["a.example", "b.example"] }],
      ["rapid-commit", "", { rapidCommit: true }],
      ["user-class", "0a:0B", { userClass: Uint8Array.of(10, 11) }],
      ["43", "vendor", { vendorSpecific: Uint8Array.from(Buffer.from("vendor")) }],
      ["55", "1,3", { parameterRequestList: [1, 3] }],
      ["client-arch", "0,7", { clientArchitectures: [0, 7] }],
      ["224", "10.0.0.1,10.0.0.2", { other: [{ code: 224, bytes: Uint8Array.of(10, 0, 0, 1, 10, 0, 0, 2) }] }],
      ["225", "0a:0b", { other: [{ code: 225, bytes: Uint8Array.of(10, 11) }] }],
      ["226", "text", { other: [{ code: 226, bytes: Uint8Array.from(Buffer.from("text")) }] }],
    ];
    for (const [name, value, expected] of cases) assert.deepEqual(parseDhcp4Option(name, value), expected, name);
  });

  test("what is not one is refused by its name", () => {
    const cases: [string, string, string][] = [
      ["no-such-option", "1", "unsupported"],
      ["server-ip-address", "10.0.0.1", "unsupported"], // siaddr of the header, not an option
      ["0", "1", "unsupported"],
      ["52", "1", "unsupported"],
      ["255", "1", "unsupported"],
      ["message-type", "1", "unsupported"],
      ["53", "1", "unsupported"],
      ["82", "1", "unsupported"],
      ["mtu", "65536", "out-of-range"],
      ["mtu", "x", "out-of-range"],
      ["mtu", "", "out-of-range"],
      ["time-offset", "2147483648", "out-of-range"],
      ["ip-forward-enable", "yes", "bad-value"],
      ["router", "10.0.0", "bad-value"],
      ["router", "", "bad-value"],
      ["classless-static-route", "10.0.0.0/8", "bad-value"],
      ["classless-static-route", "fd00::/8,10.0.0.1", "bad-value"],
      ["user-class", "→", "out-of-range"],
    ];
    for (const [name, value, code] of cases) {
      assert.throws(
        () => parseDhcp4Option(name, value),
        { name: "EncodeError", code, field: name },
        `${name} ${value}`,
      );
    }
  });
});
