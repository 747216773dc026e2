import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError } from "@dragonflow/wire";
import {
  decodePacket,
  describePacket,
  encodePacket,
  formatMac,
  type Icmp4ErrorMessage,
  type Icmp6ErrorMessage,
  icmp4Error,
  icmp6Error,
  type LayersToEncode,
  parseIpv4,
  parseIpv6,
  parseMac,
  UnreachableCode,
} from "./index.ts";
import { vector, vectors } from "./testing/vectors.ts";

const router4 = { ip: parseIpv4("10.0.0.1") };
const router6 = { ip: parseIpv6("fd00:a::1") };
const exceeded4: Icmp4ErrorMessage = { kind: "time-exceeded", code: 0 };
const exceeded6: Icmp6ErrorMessage = { kind: "time-exceeded", code: 0 };
const tooBig: Icmp6ErrorMessage = { kind: "packet-too-big", code: 0, mtuBytes: 1400 };

/** A frame like another, with some fields changed. */
function like(name: string, change: (layers: ReturnType<typeof decodePacket>) => LayersToEncode): Uint8Array {
  return encodePacket(change(decodePacket(vector(name))));
}
/** What we would send, as bytes. */
const sent = (layers: LayersToEncode | undefined): Uint8Array => {
  assert.ok(layers);
  return encodePacket(layers);
};

describe("icmp4Error", () => {
  test("answers as Linux answered the same packet", () => {
    const cases = [
      ["echo-request", "time-exceeded", exceeded4],
      ["echo-request", "network-unreachable", { kind: "unreachable", code: UnreachableCode.network, mtuBytes: 0 }],
      [
        "echo-request",
        "fragmentation-needed",
        { kind: "unreachable", code: UnreachableCode.fragmentationNeeded, mtuBytes: 1400 },
      ],
    ] as const;
    for (const [, name, message] of cases) {
      const linux = decodePacket(vector(name));
      assert.ok(linux.icmp4 && "quoted" in linux.icmp4);
      // The packet that caused it, as far as Linux quoted it, behind the Ethernet header that it came with.
      const { src, dst } = linux.ethernet;
      const original = Uint8Array.of(
        ...sent({ ethernet: { src: dst, dst: src, etherType: 0x0800 }, payload: linux.icmp4.quoted }),
      );
      const ours = decodePacket(sent(icmp4Error(original, message, router4)));
      assert.deepEqual(ours.ethernet, linux.ethernet);
      assert.deepEqual(
        [ours.ipv4?.src, ours.ipv4?.dst, ours.ipv4?.dscp],
        [linux.ipv4.src, linux.ipv4.dst, linux.ipv4.dscp],
      );
      assert.deepEqual(ours.icmp4, linux.icmp4, name);
    }
  });

  test("quotes at most what fits 576 bytes, and no Ethernet padding", () => {
    const long = sent(
      icmp4Error(
        like("udp", (l) => ({ ...l, payload: new Uint8Array(1400) }) as LayersToEncode),
        exceeded4,
        router4,
      ),
    );
    assert.equal(long.length - 14, 576);
    const short = sent(icmp4Error(Uint8Array.of(...vector("udp"), ...new Uint8Array(15)), exceeded4, router4));
    assert.equal(short.length - 14, 28 + 31);
  });

  test("keeps VLAN tags, and takes a MAC address", () => {
    const tagged = like("udp", (l) => ({ ...l, ethernet: { ...l.ethernet, vlans: [{ id: 42 }] } }) as LayersToEncode);
    const mac = parseMac("fa:16:3e:00:00:99");
    const { ethernet } = decodePacket(sent(icmp4Error(tagged, exceeded4, { ...router4, mac })));
    assert.equal(ethernet.vlans[0]?.id, 42);
    assert.equal(formatMac(ethernet.src), "fa:16:3e:00:00:99");
    assert.equal(formatMac(ethernet.dst), "fa:16:3e:00:00:0a");
  });

  test("is silent where RFC 1812 section 4.3.2.7 says so", () => {
    const change = (fields: object) => like("udp", (l) => ({ ...l, ipv4: { ...l.ipv4, ...fields } }) as LayersToEncode);
    const silent: [string, Uint8Array][] = [
      ["unreachable", vector("port-unreachable")],
      ["time exceeded", vector("time-exceeded")],
      ["redirect", vector("icmp-redirect")],
      ["parameter problem", vector("icmp-parameter-problem")],
      ["a later fragment", vector("fragment-middle")],
      ["the last fragment", vector("fragment-last")],
      ["to all", change({ dst: parseIpv4("255.255.255.255") })],
      ["to a group", change({ dst: parseIpv4("224.0.0.1") })],
      ["reserved", change({ dst: parseIpv4("240.0.0.1") })],
      ["from a group", change({ src: parseIpv4("224.0.0.1") })],
      ["from nowhere", change({ src: 0 })],
      ["from loopback", change({ src: parseIpv4("127.0.0.1") })],
      [
        "broadcast frame",
        like("udp", (l) => ({ ...l, ethernet: { ...l.ethernet, dst: 0xffffffffffff } }) as LayersToEncode),
      ],
      ["not IPv4", vector("udp6")],
      ["ARP", vector("arp-request")],
    ];
    for (const [why, frame] of silent) assert.equal(icmp4Error(frame, exceeded4, router4), undefined, why);
    const answered = ["echo-request", "icmp-timestamp-request", "fragment-first", "tcp-syn", "experimental-protocol"];
    for (const name of answered) assert.ok(icmp4Error(vector(name), exceeded4, router4), name);
  });

  test("a frame without an intact header is a DecodeError", () => {
    const bad = vector("udp").slice();
    bad[22] = 1;
    assert.throws(() => icmp4Error(bad, exceeded4, router4), { name: "DecodeError", code: "checksum" });
    for (let n = 0; n < 34; n++)
      assert.throws(() => icmp4Error(vector("udp").subarray(0, n), exceeded4, router4), DecodeError);
  });
});

describe("icmp6Error", () => {
  test("answers as Linux answered the same packet", () => {
    const cases = [
      ["time-exceeded6", exceeded6],
      ["packet-too-big", tooBig],
      ["no-route6", { kind: "unreachable", code: 0 }],
      ["address-unreachable6", { kind: "unreachable", code: 3 }],
    ] as const;
    for (const [name, message] of cases) {
      const linux = decodePacket(vector(name));
      assert.ok(linux.icmp6 && "quoted" in linux.icmp6);
      const { src, dst } = linux.ethernet;
      const original = sent({ ethernet: { src: dst, dst: src, etherType: 0x86dd }, payload: linux.icmp6.quoted });
      const ours = decodePacket(sent(icmp6Error(original, message, router6)));
      assert.deepEqual(ours.ethernet, linux.ethernet);
      assert.deepEqual([ours.ipv6?.src, ours.ipv6?.dst], [linux.ipv6.src, linux.ipv6.dst]);
      assert.deepEqual(ours.icmp6, linux.icmp6, name);
    }
  });

  test("quotes at most what fits 1280 bytes", () => {
    const long = like("udp6", (l) => ({ ...l, payload: new Uint8Array(1400) }) as LayersToEncode);
    assert.equal(sent(icmp6Error(long, exceeded6, router6)).length - 14, 1280);
  });

  test("is silent where RFC 4443 section 2.4 (e) says so", () => {
    const change = (fields: object) =>
      like("udp6", (l) => ({ ...l, ipv6: { ...l.ipv6, ...fields } }) as LayersToEncode);
    const silent: [string, Uint8Array][] = [
      ["unreachable", vector("port-unreachable6")],
      ["too big", vector("packet-too-big")],
      ["parameter problem", vector("icmp6-parameter-problem")],
      ["redirect", vector("nd-redirect")],
      ["to a group", change({ dst: parseIpv6("ff02::1") })],
      ["from a group", change({ src: parseIpv6("ff02::1") })],
      ["from nowhere", change({ src: 0n })],
      [
        "group frame",
        like("udp6", (l) => ({ ...l, ethernet: { ...l.ethernet, dst: 0x333300000001 } }) as LayersToEncode),
      ],
      ["not IPv6", vector("udp")],
    ];
    for (const [why, frame] of silent) assert.equal(icmp6Error(frame, exceeded6, router6), undefined, why);
    const answered = [
      "echo6-request",
      "tcp6-syn",
      "fragment6-first-linux",
      "fragment6-last-linux",
      "routing-destination-udp",
    ];
    for (const name of answered) assert.ok(icmp6Error(vector(name), exceeded6, router6), name);
  });

  test("packet-too-big and unknown options are told of even to many, given a MAC address (e.3 to e.5)", () => {
    const group = like(
      "udp6",
      (l) =>
        ({
          ...l,
          ipv6: { ...l.ipv6, dst: parseIpv6("ff05::2") },
          ethernet: { ...l.ethernet, dst: 0x333300000002 },
        }) as LayersToEncode,
    );
    const from = { ...router6, mac: 0xfa163e000001 };
    assert.ok(icmp6Error(group, tooBig, from));
    assert.ok(icmp6Error(group, { kind: "parameter-problem", code: 2, pointer: 40 }, from));
    assert.equal(icmp6Error(group, { kind: "parameter-problem", code: 1, pointer: 40 }, from), undefined);
    assert.equal(icmp6Error(group, tooBig, router6), undefined, "a group cannot be the source");
  });
});

test("whatever the frame: an error never answers an error, and is one that decodes", () => {
  let errors = 0;
  for (const { name, bytes } of vectors) {
    const error = icmp4Error(bytes, exceeded4, router4) ?? icmp6Error(bytes, exceeded6, router6);
    if (error === undefined) continue;
    errors += 1;
    const frame = encodePacket(error);
    assert.match(describePacket(frame), /time exceeded \(/, name);
    assert.equal(icmp4Error(frame, exceeded4, router4), undefined);
    assert.equal(icmp6Error(frame, exceeded6, router6), undefined);
  }
  assert.ok(errors > 30);
});
