import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { evaluate } from "./evaluate.ts";
import type { IpPacket } from "./packet.ts";
import { type GroupSpec, icmp, packetTo, ports, type RuleSpec, smallCloud } from "./testing/small-cloud.ts";

const ICMP = { protocol: 1 } as const;
const SIX = { source: "2001:db8:9::7", destination: "fd00:1::12" } as const;
const from = (source: string): Partial<IpPacket> => ({ source });
/** Port "a" is in "clients" and has 10.0.1.11, "b" in "servers" with 10.0.1.12, "off" has no port security. */
const PORTS = { a: ["clients"], b: ["servers"], off: "off" } as const;
const A = { port: "a" } as const;
const ADDRESS_GROUPS = { offices: ["192.0.2.0/25", "198.51.100.7", "2001:db8:9::/64"], nobody: [] };

function ingress(rule: RuleSpec, packet: Partial<IpPacket>, group: GroupSpec = {}): boolean {
  const groups = { clients: {}, servers: { ...group, rules: [rule] } };
  return evaluate(smallCloud(PORTS, groups, ADDRESS_GROUPS), packetTo(packet)).ingress.allowed;
}
/** The packet that "a" sends. */
function egress(rule: RuleSpec, packet: Partial<IpPacket>): boolean {
  const groups = { clients: { rules: [{ direction: "egress" as const, ...rule }] }, servers: {} };
  const sent = packetTo({ from: A, to: "outside", source: "10.0.1.11", destination: "192.0.2.7", ...packet });
  return evaluate(smallCloud(PORTS, groups, ADDRESS_GROUPS), sent).egress.allowed;
}
type Table = readonly (readonly [what: string, rule: RuleSpec, packet: Partial<IpPacket>, allowed: boolean])[];
function verify(table: Table, decide: (rule: RuleSpec, packet: Partial<IpPacket>) => boolean): void {
  for (const [what, rule, packet, allowed] of table) assert.equal(decide(rule, packet), allowed, what);
}

describe("what a rule matches", () => {
  test("direction and ethertype", () => {
    const table: Table = [
      ["ingress is not egress", { direction: "egress" }, {}, false],
      ["IPv4", { ipVersion: 4 }, {}, true],
      ["IPv4 is not IPv6", { ipVersion: 4 }, SIX, false],
      ["IPv6", { ipVersion: 6 }, SIX, true],
      ["IPv6 is not IPv4", { ipVersion: 6 }, {}, false],
    ];
    verify(table, ingress);
    assert.ok(egress({}, {}));
    assert.ok(!egress({ direction: "ingress" }, {}));
  });

  test("protocol: any, or one number", () => {
    const gre = { protocol: 47, header: null };
    verify(
      [
        ["any: TCP", {}, {}, true],
        ["any: GRE", {}, gre, true],
        ["any: ICMP", {}, { ...ICMP, header: icmp(8) }, true],
        ["TCP", { protocol: 6 }, {}, true],
        ["TCP is not UDP", { protocol: 6 }, { protocol: 17 }, false],
        ["GRE", { protocol: 47 }, gre, true],
        ["GRE is not AH", { protocol: 47 }, { protocol: 51, header: null }, false],
        ["0 is a protocol, not any", { protocol: 0 }, {}, false],
        ["0", { protocol: 0 }, { protocol: 0, header: null }, true],
        [
          "ICMP of IPv4 is not that of IPv6",
          { ipVersion: 6, protocol: 1 },
          { ...SIX, protocol: 58, header: icmp(128) },
          false,
        ],
      ],
      ingress,
    );
  });

  test("ports: from the first to the last, of the destination", () => {
    const range = { portMin: 80, portMax: 90 };
    for (const protocol of [6, 17, 33, 132, 136]) {
      const one = { protocol, ...range };
      const to = (destination: number, source?: number): Partial<IpPacket> => ({
        protocol,
        header: ports(destination, source),
      });
      verify(
        [
          ["before", one, to(79), false],
          ["first", one, to(80), true],
          ["last", one, to(90), true],
          ["behind", one, to(91), false],
          ["the source's does not count", one, to(4000, 80), false],
          ["one port", { protocol, portMin: 443, portMax: 443 }, to(443), true],
          ["all ports", { protocol, portMin: 0, portMax: 65535 }, to(65535), true],
          ["port 0", { protocol, portMin: 0, portMax: 0 }, to(0), true],
          ["port 0 is not any", { protocol, portMin: 0, portMax: 0 }, to(1), false],
          ["no first", { protocol, portMax: 90 }, to(1), true],
          ["no last", { protocol, portMin: 80 }, to(65535), true],
        ],
        ingress,
      );
    }
    const otherProtocol = { protocol: 17, header: ports(80) };
    assert.ok(!ingress({ protocol: 6, ...range }, otherProtocol));
    assert.ok(!ingress({ protocol: 47, ...range }, { protocol: 47, header: null }), "GRE has no ports");
    assert.ok(!ingress(range, {}), "a range without a protocol");
  });

  test("ICMP: type, or type and code; 0 is one", () => {
    const families = [
      { version: 4, protocol: 1, around: {} },
      { version: 6, protocol: 58, around: SIX },
    ] as const;
    for (const { version, protocol, around } of families) {
      const rule = (portMin: number | null, portMax: number | null): RuleSpec => ({
        ipVersion: version,
        protocol,
        portMin,
        portMax,
      });
      const sent = (type: number, code: number): Partial<IpPacket> => ({
        ...around,
        protocol,
        header: icmp(type, code),
      });
      verify(
        [
          ["any", rule(null, null), sent(3, 4), true],
          ["type", rule(3, null), sent(3, 4), true],
          ["another type", rule(3, null), sent(4, 4), false],
          ["type is no lower bound", rule(3, null), sent(11, 0), false],
          ["type 0", rule(0, null), sent(0, 7), true],
          ["type 0 is not any", rule(0, null), sent(8, 0), false],
          ["type and code", rule(3, 4), sent(3, 4), true],
          ["another code", rule(3, 4), sent(3, 3), false],
          ["code is no upper bound", rule(1, 4), sent(3, 3), false],
          ["code 0", rule(3, 0), sent(3, 0), true],
          ["code 0 is not any", rule(3, 0), sent(3, 1), false],
          ["type 255, code 255", rule(255, 255), sent(255, 255), true],
        ],
        ingress,
      );
    }
  });

  test("a prefix: the source of what comes, the destination of what goes", () => {
    const prefix = (remotePrefix: string): RuleSpec => ({ remotePrefix });
    verify(
      [
        ["first", prefix("192.0.2.0/25"), from("192.0.2.0"), true],
        ["last", prefix("192.0.2.0/25"), from("192.0.2.127"), true],
        ["behind", prefix("192.0.2.0/25"), from("192.0.2.128"), false],
        ["before", prefix("192.0.2.0/25"), from("192.0.1.255"), false],
        ["all", prefix("0.0.0.0/0"), from("203.0.113.9"), true],
        ["one", prefix("192.0.2.7/32"), from("192.0.2.7"), true],
        ["not the receiver's", prefix("10.0.1.12/32"), {}, false],
        ["IPv6", { ipVersion: 6, remotePrefix: "2001:db8:9::/64" }, SIX, true],
        ["IPv6, beside", { ipVersion: 6, remotePrefix: "2001:db8:8::/64" }, SIX, false],
        ["all of IPv6", { ipVersion: 6, remotePrefix: "::/0" }, SIX, true],
        ["of the other version", { remotePrefix: "::/0" }, {}, false],
      ],
      ingress,
    );
    verify(
      [
        ["destination", prefix("192.0.2.0/24"), {}, true],
        ["not the sender's", prefix("10.0.1.11/32"), {}, false],
      ],
      egress,
    );
  });

  test("an address group: any of its prefixes of this version", () => {
    const offices = { remoteAddressGroupId: "offices" };
    verify(
      [
        ["in a prefix", offices, from("192.0.2.127"), true],
        ["behind it", offices, from("192.0.2.128"), false],
        ["one address", offices, from("198.51.100.7"), true],
        ["next to it", offices, from("198.51.100.8"), false],
        ["IPv6", { ...offices, ipVersion: 6 }, SIX, true],
        ["an empty one", { remoteAddressGroupId: "nobody" }, {}, false],
        ["one that is not there", { remoteAddressGroupId: "gone" }, {}, false],
      ],
      ingress,
    );
    verify(
      [
        ["destination", offices, {}, true],
        ["beside", offices, { destination: "203.0.113.9" }, false],
      ],
      egress,
    );
  });

  test("a group: the sender is in it, or the receiver whom the address belongs to", () => {
    const member = { from: A, source: "10.0.1.11" };
    const clients = { remoteGroupId: "clients" };
    verify(
      [
        ["a member", clients, member, true],
        ["of another group", { remoteGroupId: "servers" }, member, false],
        ["one that is not there", { remoteGroupId: "gone" }, member, false],
        ["outside, with a member's address", clients, { source: "10.0.1.11" }, false],
        ["no port security, with a member's address", clients, { from: { port: "off" }, source: "10.0.1.11" }, false],
        ["a member with any address of its own", clients, { from: A, source: "172.20.11.5" }, true],
        ["over IPv6", { ...clients, ipVersion: 6 }, { from: A, source: "fe80::11", destination: "fd00:1::12" }, true],
      ],
      ingress,
    );
    const servers = { remoteGroupId: "servers" };
    const toB = { to: { port: "b" } } as const;
    verify(
      [
        ["to a member", servers, { ...toB, destination: "10.0.1.12" }, true],
        ["to an address of its pairs", servers, { ...toB, destination: "172.20.12.255" }, true],
        ["to all, which it hears", servers, { ...toB, destination: "10.0.1.255" }, false],
        [
          "to a member over IPv6",
          { ...servers, ipVersion: 6 },
          { ...toB, source: "fd00:1::11", destination: "fd00:1::12" },
          true,
        ],
        [
          "to its link-local address",
          { ...servers, ipVersion: 6 },
          { ...toB, source: "fd00:1::11", destination: "fe80::12" },
          false,
        ],
        ["to outside", servers, { destination: "10.0.1.12" }, false],
        ["to one that is no member", { remoteGroupId: "clients" }, { ...toB, destination: "10.0.1.12" }, false],
      ],
      egress,
    );
  });

  test("all of it at once, or not", () => {
    const rule = { protocol: 6, portMin: 80, portMax: 80, remotePrefix: "192.0.2.0/24" };
    assert.ok(ingress(rule, {}));
    for (const wrong of [SIX, { protocol: 17 }, { header: ports(81) }, { source: "192.0.3.7" }])
      assert.ok(!ingress(rule, wrong));
  });
});

describe("fragments", () => {
  const rules = {
    ports: { protocol: 6, portMin: 80, portMax: 80 },
    protocol: { protocol: 6 },
    any: {},
    prefix: { remotePrefix: "192.0.2.0/24" },
  } as const;

  test("with conntrack are what the datagram is that they are put together to", () => {
    for (const fragment of ["first", "later"] as const) {
      for (const rule of Object.values(rules)) assert.ok(ingress(rule, { fragment }));
      assert.ok(!ingress({ ...rules.ports, portMin: 81, portMax: 81 }, { fragment }));
    }
  });

  test("without conntrack have no ports, no type and no code", () => {
    const free = { stateful: false };
    for (const fragment of ["first", "later"] as const) {
      for (const rule of [rules.protocol, rules.any, rules.prefix]) assert.ok(ingress(rule, { fragment }, free));
      assert.ok(!ingress(rules.ports, { fragment }, free));
      assert.ok(!ingress({ protocol: 6, portMin: 0, portMax: 65535 }, { fragment }, free));
      const echoReply = { ...ICMP, portMin: 0, portMax: 0 };
      assert.ok(!ingress(echoReply, { ...ICMP, header: icmp(0, 0), fragment }, free), "zero is a value here too");
      assert.ok(ingress(ICMP, { ...ICMP, header: icmp(0, 0), fragment }, free));
    }
    assert.ok(ingress(rules.ports, {}, free));
  });
});
