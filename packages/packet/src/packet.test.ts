/** What must hold for every frame there is, and for bytes that are none. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError, EncodeError } from "@dragonflow/wire";
import fc from "fast-check";
import {
  checksum,
  decodeDhcp4,
  decodeDhcp6,
  decodePacket,
  describePacket,
  encodePacket,
  type Layers,
  type LayersToEncode,
  parseIpv4,
  parseIpv6,
} from "./index.ts";
import { layers } from "./testing/arbitraries.ts";
import { vector, vectors } from "./testing/vectors.ts";

/** Runs a decoder; whatever it throws must be a DecodeError. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (e) {
    assert.ok(e instanceof DecodeError, String(e));
    return undefined;
  }
}

describe("any frame", () => {
  test("is the same after encoding and decoding", () => {
    fc.assert(
      fc.property(layers, (frame) => assert.deepEqual(decodePacket(encodePacket(frame)), frame)),
      { numRuns: 2000 },
    );
  });

  test("fails with a DecodeError when it is cut anywhere inside its headers", () => {
    fc.assert(
      fc.property(layers, fc.nat(), (frame, at) => {
        const bytes = encodePacket(frame);
        const open = frame.arp === undefined && frame.ipv4 === undefined && frame.ipv6 === undefined;
        const end = open ? 14 + 4 * frame.ethernet.vlans.length : bytes.length;
        assert.throws(() => decodePacket(bytes.subarray(0, at % end)), DecodeError);
      }),
    );
  });

  test("ignores what stands behind it: padding of short frames", () => {
    fc.assert(
      fc.property(layers, fc.uint8Array({ maxLength: 46 }), (frame, padding) => {
        if (frame.arp === undefined && frame.ipv4 === undefined && frame.ipv6 === undefined) return;
        assert.deepEqual(decodePacket(Uint8Array.of(...encodePacket(frame), ...padding)), frame);
      }),
    );
  });

  test("has a line, of one line", () => {
    fc.assert(
      fc.property(layers, (frame) => assert.match(describePacket(encodePacket(frame)), /^(?!undecodable)[^\n]+$/)),
    );
  });
});

describe("any bytes", () => {
  test("random ones are decoded, or refused with a DecodeError", () => {
    const anything = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(anything, fc.constantFrom(0x0800, 0x86dd, 0x0806, 0x8100), (tail, etherType) => {
        const bytes = Uint8Array.of(...new Uint8Array(12), etherType >> 8, etherType & 255, ...tail);
        attempt(() => decodePacket(bytes, { verify: false }));
        attempt(() => decodeDhcp4(tail));
        attempt(() => decodeDhcp6(tail));
        assert.equal(typeof describePacket(bytes), "string");
      }),
      { numRuns: 1000 },
    );
  });

  test("real ones with a few bytes changed: what decodes also encodes, and says the same again", () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(
        fc.constantFrom(...vectors),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        ({ bytes }, changes) => {
          const broken = bytes.slice();
          for (const [at, value] of changes) broken[at % broken.length] = value;
          assert.equal(typeof describePacket(broken), "string");
          const seen = attempt(() => decodePacket(broken, { verify: false }));
          if (seen === undefined) return;
          attempt(() => decodeDhcp4(seen.payload ?? broken));
          attempt(() => decodeDhcp6(seen.payload ?? broken));
          assert.deepEqual(decodePacket(encodePacket(seen)), seen);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("checksums", () => {
  test("RFC 1071 section 3", () => {
    assert.equal(checksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)), ~0xddf2 & 0xffff);
    assert.equal(checksum(Uint8Array.of(0x12)), ~0x1200 & 0xffff, "an odd byte is the high one");
    assert.equal(checksum(new Uint8Array(0)), 0xffff);
  });

  test("one changed bit behind the Ethernet header of a packet with a checksum is found, unless not looked for", () => {
    const checked = ["echo-request", "udp", "tcp-push", "echo6-request", "udp6", "tcp6-push", "neighbour-solicitation"];
    for (const name of checked) {
      const good = vector(name);
      const bad = good.slice();
      const last = bad.length - 1;
      bad[last] = good[last]! ^ 1;
      assert.throws(() => decodePacket(bad), { name: "DecodeError", code: "checksum" }, name);
      assert.doesNotThrow(() => decodePacket(bad, { verify: false }), name);
      assert.match(describePacket(bad), /\(bad checksum\)$/);
    }
    const header = vector("echo-request").slice();
    header[22] = header[22]! - 1; // TTL
    assert.throws(() => decodePacket(header), { code: "checksum" });
  });

  test("UDP over IPv6 without a checksum is refused (RFC 8200 section 8.1), over IPv4 it is not", () => {
    const six = vector("udp6").slice();
    six.set([0, 0], 14 + 40 + 6);
    assert.throws(() => decodePacket(six), { code: "checksum" });
    assert.equal(decodePacket(vector("udp-no-checksum")).udp?.destinationPort, 4789);
  });

  test("a UDP checksum that comes out as zero is sent as all ones (RFC 768)", () => {
    const ethernet = { src: 0, dst: 0 };
    const ipv4 = { src: 0, dst: 0 };
    // What is covered adds up to 0xffff: protocol 17, the length 10 twice, and these.
    const udp = { sourcePort: 0xffff - 17 - 20, destinationPort: 0 };
    const bytes = encodePacket({ ethernet, ipv4, udp, payload: Uint8Array.of(0, 0) });
    assert.deepEqual(bytes.subarray(40, 42), Uint8Array.of(0xff, 0xff));
    assert.equal(decodePacket(bytes).udp?.sourcePort, udp.sourcePort);
  });
});

describe("encodePacket", () => {
  const ethernet = { src: 1, dst: 2 };
  const ipv4 = { src: parseIpv4("10.0.0.1"), dst: parseIpv4("10.0.0.2") };
  const ipv6 = { src: parseIpv6("fe80::1"), dst: parseIpv6("fe80::2") };
  const udp = { sourcePort: 1, destinationPort: 2 };
  const payload = new Uint8Array(0);

  test("fills in what is left out", () => {
    const { ethernet: e, ipv4: ip } = decodePacket(encodePacket({ ethernet, ipv4, udp, payload }));
    assert.deepEqual(e, { src: 1, dst: 2, vlans: [], etherType: 0x0800 });
    assert.deepEqual(
      { ttl: ip?.ttl, protocol: ip?.protocol, id: ip?.id, options: ip?.options },
      { ttl: 64, protocol: 17, id: 0, options: [] },
    );
    const six = decodePacket(
      encodePacket({ ethernet, ipv6, tcp: { sourcePort: 1, destinationPort: 2, flags: { syn: true } }, payload }),
    );
    assert.equal(six.ipv6?.hopLimit, 64);
    assert.equal(six.tcp?.flags.syn, true);
    assert.equal(six.tcp?.flags.ack, false);
    const tagged = decodePacket(encodePacket({ ethernet: { ...ethernet, vlans: [{ id: 42 }] }, ipv4, udp, payload }));
    assert.deepEqual(tagged.ethernet.vlans, [{ id: 42, priority: 0, dropEligible: false, service: false }]);
  });

  test("refuses what contradicts itself, what is missing, and what does not fit", () => {
    const refused: [LayersToEncode, string, string][] = [
      [{ ethernet: { ...ethernet, etherType: 0x86dd }, ipv4, udp, payload }, "bad-value", "etherType"],
      [{ ethernet, ipv4: { ...ipv4, protocol: 6 }, udp, payload }, "bad-value", "protocol"],
      [{ ethernet, payload }, "bad-value", "etherType"],
      [{ ethernet, ipv4, payload }, "bad-value", "protocol"],
      [{ ethernet, ipv6, payload }, "bad-value", "protocol"],
      [{ ethernet, ipv4: { ...ipv4, ttl: 256 }, udp, payload }, "out-of-range", "ttl"],
      [{ ethernet, ipv4: { ...ipv4, fragmentOffsetBytes: 4 }, udp, payload }, "out-of-range", "offsetUnits"],
      [{ ethernet: { ...ethernet, vlans: [{ id: 4096 }] }, ipv4, udp, payload }, "out-of-range", "id"],
      [{ ethernet: { ...ethernet, src: 2 ** 48 }, ipv4, udp, payload }, "out-of-range", "src"],
      [{ ethernet, ipv4, udp, payload: new Uint8Array(65536) }, "out-of-range", "UDP length"],
      [{ ethernet, ipv4: { ...ipv4, protocol: 253 }, payload: new Uint8Array(65536) }, "out-of-range", "total length"],
    ];
    for (const [frame, code, field] of refused) {
      assert.throws(
        () => encodePacket(frame),
        (e) => e instanceof EncodeError && e.code === code && e.field === field,
        `${code} ${field}`,
      );
    }
    const options = Array.from({ length: 11 }, () => ({ kind: "router-alert" as const, value: 0 }));
    assert.throws(() => encodePacket({ ethernet, ipv4: { ...ipv4, options }, udp, payload }), { code: "too-long" });
    const tcpOptions = Array.from({ length: 11 }, () => ({ kind: "mss" as const, mssBytes: 1 }));
    const tcp = { sourcePort: 1, destinationPort: 2, options: tcpOptions };
    assert.throws(() => encodePacket({ ethernet, ipv4, tcp, payload }), { code: "too-long" });
    const extensions = [{ kind: "routing" as const, routingType: 0, segmentsLeft: 0, bytes: new Uint8Array(3) }];
    assert.throws(() => encodePacket({ ethernet, ipv6: { ...ipv6, extensions }, udp, payload }), { code: "bad-value" });
  });

  test("layers are told apart by their presence", () => {
    const narrow = (frame: Layers): string => {
      if (frame.arp) return "arp";
      if (frame.udp) return `udp ${frame.payload.length}`;
      if (frame.icmp6) return `icmp6 ${frame.ipv6.hopLimit}`;
      return "else";
    };
    assert.equal(narrow(decodePacket(vector("arp-request"))), "arp");
    assert.equal(narrow(decodePacket(vector("udp"))), "udp 3");
    assert.equal(narrow(decodePacket(vector("neighbour-solicitation"))), "icmp6 255");
  });
});
