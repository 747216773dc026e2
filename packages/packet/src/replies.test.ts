import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ALL_NODES,
  arpAnnouncement,
  arpReply,
  decodePacket,
  describeLayers,
  echoReply,
  encodePacket,
  formatIpv6,
  isNd,
  type Layers,
  type LayersToEncode,
  type Nd,
  ndFault,
  neighbourAdvertisement,
  neighbourAnnouncement,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "./index.ts";
import { vector, vectors } from "./testing/vectors.ts";

const mac = parseMac("fa:16:3e:00:00:01");
/** What goes on the wire, decoded again: every field is there. */
function wire(layers: LayersToEncode | undefined): Layers {
  assert.ok(layers);
  return decodePacket(encodePacket(layers));
}
const real = (name: string): Layers => decodePacket(vector(name));

describe("arpReply", () => {
  test("is byte for byte what Linux answered", () => {
    const answer = arpReply(real("arp-request"), mac);
    assert.ok(answer);
    assert.deepEqual(encodePacket(answer), vector("arp-reply"));
  });

  test("answers a probe (RFC 5227) and keeps VLAN tags; nothing else is answered", () => {
    assert.equal(wire(arpReply(real("arp-probe"), mac)).arp?.targetIp, 0);
    assert.equal(wire(arpReply(real("vlan-arp"), mac)).ethernet.vlans[0]?.id, 42);
    for (const name of ["arp-reply", "rarp-operation", "udp", "neighbour-solicitation"]) {
      assert.equal(arpReply(real(name), mac), undefined, name);
    }
  });

  test("an announcement is what arping sends", () => {
    const { ethernet, arp } = real("arp-announcement");
    const ours = wire(arpAnnouncement(parseMac("fa:16:3e:00:00:0a"), parseIpv4("10.0.0.10")));
    assert.deepEqual(ours.ethernet, ethernet);
    assert.deepEqual({ ...ours.arp, targetMac: arp?.targetMac }, arp);
  });
});

describe("neighbourAdvertisement", () => {
  test("is byte for byte what Linux answered", () => {
    const answer = neighbourAdvertisement(real("neighbour-solicitation"), mac, { router: true });
    assert.ok(answer);
    const { ipv6, ...linux } = real("neighbour-advertisement");
    const ours = wire(answer);
    assert.deepEqual({ ethernet: ours.ethernet, icmp6: ours.icmp6 }, linux);
    // Linux labels flows, we do not.
    assert.deepEqual({ ...ours.ipv6, flowLabel: ipv6?.flowLabel }, ipv6);
  });

  test("tells all nodes where the asker has no address (RFC 4861 section 7.2.4)", () => {
    const { ethernet, ipv6, icmp6 } = wire(neighbourAdvertisement(real("dad-solicitation"), mac));
    assert.equal(ethernet.dst, 0x333300000001);
    assert.equal(ipv6?.dst, ALL_NODES);
    assert.equal(ipv6.hopLimit, 255);
    assert.ok(icmp6?.kind === "neighbour-advertisement");
    assert.deepEqual(icmp6.flags, { router: false, solicited: false, override: true });
    assert.deepEqual(icmp6.options, [{ kind: "target-link-layer", mac }]);
  });

  test("invalid solicitations, and everything else, are not answered", () => {
    const solicitation = real("neighbour-solicitation");
    const distant = { ...solicitation, ipv6: { ...solicitation.ipv6, hopLimit: 254 } } as Layers;
    assert.equal(neighbourAdvertisement(distant, mac), undefined);
    for (const name of ["neighbour-advertisement", "router-solicitation", "echo6-request", "udp", "arp-request"]) {
      assert.equal(neighbourAdvertisement(real(name), mac), undefined, name);
    }
  });

  test("an announcement is an unsolicited advertisement to all nodes", () => {
    const scapy = real("nd-na-unsolicited");
    assert.deepEqual(wire(neighbourAnnouncement(mac, parseIpv6("2001:db8::1"), { router: true })), scapy);
  });
});

describe("echoReply", () => {
  test("is what Linux answered", () => {
    for (const [request, reply] of [
      ["echo-request", "echo-reply"],
      ["echo6-request", "echo6-reply"],
    ] as const) {
      const ours = wire(echoReply(real(request)));
      const linux = real(reply);
      assert.deepEqual(ours.ethernet, linux.ethernet);
      assert.deepEqual(ours.icmp4 ?? ours.icmp6, linux.icmp4 ?? linux.icmp6);
      assert.equal(describeLayers(ours), describeLayers(linux));
    }
  });

  test("is not sent to or from many, nor for anything else", () => {
    const request = real("echo-request");
    const request6 = real("echo6-request");
    const to = (dst: string) => ({ ...request, ipv4: { ...request.ipv4, dst: parseIpv4(dst) } }) as Layers;
    const from = (src: string) => ({ ...request, ipv4: { ...request.ipv4, src: parseIpv4(src) } }) as Layers;
    const to6 = (dst: string) => ({ ...request6, ipv6: { ...request6.ipv6, dst: parseIpv6(dst) } }) as Layers;
    const flooded = { ...request, ethernet: { ...request.ethernet, dst: 0xffffffffffff } } as Layers;
    const silent = [
      to("224.0.0.1"),
      to("255.255.255.255"),
      from("0.0.0.0"),
      from("224.0.0.1"),
      to6("ff02::1"),
      flooded,
    ];
    for (const frame of silent) assert.equal(echoReply(frame), undefined, describeLayers(frame));
    for (const name of ["echo-reply", "echo6-reply", "udp", "arp-request", "fragment-first"]) {
      assert.equal(echoReply(real(name)), undefined, name);
    }
  });
});

describe("ndFault", () => {
  const ip = { src: parseIpv6("fe80::1"), dst: parseIpv6("ff02::1:ff00:2"), hopLimit: 255 };
  const target = parseIpv6("fe80::2");
  const solicitation: Nd = { kind: "neighbour-solicitation", code: 0, target, options: [] };
  const flags = { router: false, solicited: true, override: true };
  const advertisement: Nd = { kind: "neighbour-advertisement", code: 0, flags, target, options: [] };
  const routerSolicitation: Nd = { kind: "router-solicitation", code: 0, options: [] };
  const sourceMac = [{ kind: "source-link-layer" as const, mac }];
  const redirect: Nd = { kind: "nd-redirect", code: 0, target, destination: parseIpv6("2001:db8::1"), options: [] };
  const global = parseIpv6("2001:db8::9");
  const group = parseIpv6("ff02::5");

  test("real messages have none", () => {
    let seen = 0;
    for (const { name, bytes } of vectors) {
      const { ipv6, icmp6 } = decodePacket(bytes);
      if (ipv6 === undefined || icmp6 === undefined || !isNd(icmp6)) continue;
      seen += 1;
      assert.equal(ndFault(ipv6, icmp6), undefined, name);
    }
    assert.ok(seen >= 9);
  });

  test("each check of RFC 4861", () => {
    const faults: [string, Parameters<typeof ndFault>][] = [
      ["hop limit", [{ ...ip, hopLimit: 254 }, solicitation]],
      ["code", [ip, { ...solicitation, code: 1 }]],
      ["7.1.1 multicast target", [ip, { ...solicitation, target: group }]],
      [
        "7.1.1 unspecified with a MAC",
        [
          { ...ip, src: 0n },
          { ...solicitation, options: sourceMac },
        ],
      ],
      ["7.1.1 unspecified to no solicited node", [{ ...ip, src: 0n, dst: ALL_NODES }, solicitation]],
      [
        "7.1.2 multicast target",
        [
          { ...ip, dst: global },
          { ...advertisement, target: group },
        ],
      ],
      ["7.1.2 solicited to a group", [{ ...ip, dst: ALL_NODES }, advertisement]],
      [
        "6.1.1 unspecified with a MAC",
        [
          { ...ip, src: 0n },
          { ...routerSolicitation, options: sourceMac },
        ],
      ],
      ["8.1 source", [{ ...ip, src: global }, redirect]],
      ["8.1 multicast destination", [ip, { ...redirect, destination: group }]],
      ["8.1 target", [ip, { ...redirect, target: global }]],
    ];
    for (const [why, [header, message]] of faults) assert.equal(typeof ndFault(header, message), "string", why);
    const advertised = real("router-advertisement").icmp6;
    assert.ok(advertised !== undefined && isNd(advertised));
    assert.match(ndFault({ ...ip, src: global }, advertised) ?? "", /link-local/);
    const good: Parameters<typeof ndFault>[] = [
      [{ ...ip, src: 0n }, solicitation],
      [ip, { ...solicitation, options: sourceMac }],
      [{ ...ip, dst: global }, advertisement],
      [ip, routerSolicitation],
      [{ ...ip, src: 0n }, routerSolicitation],
      [ip, redirect],
      [ip, { ...redirect, target: redirect.destination }],
    ];
    for (const [header, message] of good) assert.equal(ndFault(header, message), undefined, formatIpv6(header.src));
  });
});
