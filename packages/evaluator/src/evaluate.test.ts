import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareRules, record, securityGroupKind, ShapeError } from "@dragonflow/model";
import { cloudOf } from "./cloud.ts";
import { evaluate } from "./evaluate.ts";
import type { Connection, End, IpPacket, Packet, Place } from "./packet.ts";
import { icmp, packetTo, ports, smallCloud } from "./testing/small-cloud.ts";
import { describeVerdict, REASONS } from "./verdict.ts";

const everything = [{ direction: "egress" }, { direction: "ingress" }] as const;
const CLOUD = smallCloud(
  { a: ["open"], b: ["open"], shut: ["empty"], bare: [], off: "off", free: ["stateless"] },
  {
    open: { rules: everything },
    empty: {},
    stateless: { stateful: false, rules: [{ protocol: 17, portMin: 53, portMax: 53 }] },
  },
);
const at = (port: string): Place => ({ port });
const between = (from: Place, to: Place, fields: Partial<IpPacket> = {}): IpPacket => packetTo({ from, to, ...fields });
/** Of both ends, in short. */
const reasons = (packet: Packet, cloud = CLOUD): readonly [string, string] => {
  const { egress, ingress } = evaluate(cloud, packet);
  return [egress.reason, ingress.reason];
};

describe("who needs a rule", () => {
  test("each end decides for itself", () => {
    const table: readonly (readonly [Place, Place, string, string, boolean])[] = [
      [at("a"), at("b"), "rule", "rule", true],
      [at("a"), at("shut"), "rule", "no-rule", false],
      [at("shut"), at("b"), "no-rule", "rule", false],
      [at("a"), at("bare"), "rule", "no-group", false],
      [at("bare"), at("b"), "no-group", "rule", false],
      [at("off"), at("b"), "no-port-security", "rule", true],
      [at("a"), at("off"), "rule", "no-port-security", true],
      ["outside", at("b"), "elsewhere", "rule", true],
      [at("a"), "outside", "rule", "elsewhere", true],
      ["services", at("shut"), "elsewhere", "no-rule", false],
    ];
    for (const [from, to, egress, ingress, allowed] of table) {
      const evaluation = evaluate(CLOUD, between(from, to));
      assert.deepEqual([evaluation.egress.reason, evaluation.ingress.reason], [egress, ingress]);
      assert.equal(evaluation.allowed, allowed);
    }
  });

  test("port security off: whatever it is, in whatever state", () => {
    for (const state of ["new", "established", "reply", "related", "invalid"] as const) {
      const connection: Connection = { state, revokedAt: ["source", "destination"] };
      assert.deepEqual(reasons(between(at("off"), at("off"), { connection })), [
        "no-port-security",
        "no-port-security",
      ]);
    }
    assert.deepEqual(reasons({ type: "other", from: at("off"), to: at("off") }), [
      "no-port-security",
      "no-port-security",
    ]);
  });

  test("a group whose record is not there has no rules", () => {
    const cloud = smallCloud({ a: ["gone"], b: ["gone", "open"] }, { open: { rules: everything } });
    assert.deepEqual(reasons(between(at("a"), at("b")), cloud), ["no-rule", "rule"]);
  });

  test("a port or an address that is none is a mistake of whoever asks", () => {
    assert.throws(() => evaluate(CLOUD, between(at("nobody"), at("b"))), /no port nobody/);
    assert.throws(() => evaluate(CLOUD, between(at("a"), at("b"), { source: "10.0.1" })), RangeError);
  });
});

describe("what passes without a rule", () => {
  const v6 = { source: "fd00:1::11", destination: "fd00:1::12" };
  const nd = (type: number, fields: Partial<IpPacket> = {}) => ({ ...v6, protocol: 58, header: icmp(type), ...fields });
  const udp = (source: number, destination: number, fields: Partial<IpPacket> = {}) => ({
    protocol: 17,
    header: ports(destination, source),
    ...fields,
  });
  /** Of ports that let nothing else pass: may it send it, get it from a port, get it from Dragonflow? */
  const decide = (packet: Partial<IpPacket> | { readonly type: "arp" | "other" }): readonly boolean[] => {
    const ask = (from: Place, to: Place, end: "egress" | "ingress"): boolean[] =>
      ["shut", "bare"].map((name) => {
        const ends = { from: from === "services" ? from : at(name), to: to === "services" ? to : at(name) };
        const sent: Packet =
          packet.type === undefined || packet.type === "ip"
            ? between(ends.from, ends.to, packet)
            : { type: packet.type, ...ends };
        return evaluate(CLOUD, sent)[end].allowed;
      });
    const answers = [
      ask(at("x"), "services", "egress"),
      ask(at("x"), at("x"), "ingress"),
      ask("services", at("x"), "ingress"),
    ];
    for (const [withGroup, without] of answers) assert.equal(withGroup, without, "a group makes no difference");
    return answers.map(([first]) => first ?? false);
  };

  test("by kind", () => {
    const table: Readonly<Record<string, readonly [Parameters<typeof decide>[0], ...boolean[]]>> = {
      ARP: [{ type: "arp" }, true, true, true],
      "another protocol than IP and ARP": [{ type: "other" }, false, false, false],
      "router solicitation": [nd(133), true, false, false],
      "router advertisement": [nd(134), false, false, true],
      "neighbour solicitation": [nd(135), true, true, true],
      "duplicate address detection": [nd(135, { source: "::" }), true, true, true],
      "neighbour advertisement": [nd(136), true, true, true],
      redirect: [nd(137), false, false, false],
      "multicast listener report": [nd(143), false, false, false],
      echo: [nd(128), false, false, false],
      "a solicitation with another code": [nd(135, { header: icmp(135, 1) }), false, false, false],
      "a solicitation in fragments": [nd(135, { fragment: "first" }), false, false, false],
      "the type of a solicitation in IPv4": [{ protocol: 58, header: icmp(135) }, false, false, false],
      "DHCP request": [udp(68, 67), true, false, false],
      "DHCP answer": [udp(67, 68), false, false, true],
      "DHCP over TCP": [{ protocol: 6, header: ports(67, 68) }, false, false, false],
      "DHCP from another port": [udp(1068, 67), false, false, false],
      "DHCP to another port": [udp(68, 1067), false, false, false],
      "DHCP in fragments": [udp(68, 67, { fragment: "later" }), false, false, false],
      "DHCP over IPv6": [udp(68, 67, v6), false, false, false],
      "DHCPv6 request": [udp(546, 547, v6), true, false, false],
      "DHCPv6 answer": [udp(547, 546, v6), false, false, true],
      "DHCPv6 over IPv4": [udp(546, 547), false, false, false],
    };
    for (const [what, [packet, ...allowed]] of Object.entries(table)) assert.deepEqual(decide(packet), allowed, what);
  });

  test("it is named, comes before rules and states, and needs none", () => {
    const solicitation = between(at("a"), at("b"), { ...nd(135), connection: { state: "invalid" } });
    const verdict = { allowed: true, reason: "exempt", what: "neighbour solicitation" };
    assert.deepEqual(evaluate(CLOUD, solicitation), { allowed: true, egress: verdict, ingress: verdict });
  });
});

describe("states of a connection", () => {
  const state = (name: Connection["state"], from: string, to: string, revokedAt: readonly End[] = []) =>
    reasons(between(at(from), at(to), { connection: { state: name, revokedAt } }));

  test("the direction of the first packet is for the rules, all the time", () => {
    assert.deepEqual(state("new", "a", "b"), ["rule", "rule"]);
    assert.deepEqual(state("established", "a", "b"), ["rule", "rule"]);
    assert.deepEqual(state("new", "shut", "shut"), ["no-rule", "no-rule"]);
    assert.deepEqual(state("established", "shut", "shut"), ["revoked", "revoked"]);
    assert.deepEqual(state("established", "a", "shut"), ["rule", "revoked"]);
    assert.deepEqual(state("established", "bare", "b"), ["no-group", "rule"]);
  });

  test("replies and errors need no rule", () => {
    assert.deepEqual(state("reply", "shut", "shut"), ["reply", "reply"]);
    assert.deepEqual(state("related", "shut", "shut"), ["related", "related"]);
    assert.deepEqual(state("reply", "bare", "off"), ["no-group", "no-port-security"]);
  });

  test("what can be of no connection does not pass, whatever the rules say", () => {
    assert.deepEqual(state("invalid", "a", "b"), ["invalid", "invalid"]);
  });

  test("what comes back of a revoked connection is revoked at the end where it was; a rule that allows it again heals it", () => {
    for (const name of ["reply", "related"] as const) {
      assert.deepEqual(state(name, "a", "b", ["source"]), ["revoked", name]);
      assert.deepEqual(state(name, "a", "b", ["destination"]), [name, "revoked"]);
      assert.deepEqual(state(name, "a", "b", ["source", "destination"]), ["revoked", "revoked"]);
    }
    assert.deepEqual(state("established", "a", "b", ["source", "destination"]), ["rule", "rule"]);
    assert.deepEqual(state("established", "shut", "b", ["source"]), ["revoked", "rule"]);
  });

  test("stateless groups have no states: each packet is for the rules", () => {
    const udp = (destination: number, source?: number): Partial<IpPacket> => ({
      protocol: 17,
      header: ports(destination, source),
    });
    for (const name of ["new", "established", "reply", "related", "invalid"] as const) {
      const connection: Connection = { state: name, revokedAt: ["destination"] };
      assert.equal(reasons(between("outside", at("free"), { ...udp(53), connection }))[1], "rule");
      assert.equal(reasons(between("outside", at("free"), { ...udp(54), connection }))[1], "no-rule");
      assert.equal(reasons(between(at("free"), "outside", { ...udp(40000, 53), connection }))[0], "no-rule");
    }
  });
});

describe("which rule counts", () => {
  test("of all that allow, in all groups of the port, the last in the order of rules", () => {
    const groups = {
      one: { rules: [{ id: "r1", protocol: 6 }, { id: "r2" }, { id: "r3", protocol: 17 }] },
      two: { rules: [{ id: "r4" }, { id: "r5", direction: "egress" as const }, { id: "r6", protocol: 6 }] },
    };
    const cloud = smallCloud({ a: ["one"], b: ["one", "two"] }, groups);
    const matching = ["r1", "r2", "r4", "r6"].map((id) => ({ id })).sort(compareRules);
    const { ingress } = evaluate(cloud, packetTo({}));
    assert.equal(ingress.reason, "rule");
    const last = matching.at(-1)?.id;
    assert.equal(ingress.reason === "rule" && ingress.rule, last);
    assert.equal(ingress.reason === "rule" && ingress.group, last === "r1" || last === "r2" ? "one" : "two");
  });
});

describe("what the cloud is made of", () => {
  test("records of other kinds are not looked at; a broken one is an error", () => {
    const group = { id: "g", stateful: true, rules: [] };
    const cloud = cloudOf([record(securityGroupKind, group), { kind: "subnet", fields: { id: "s" } }]);
    assert.deepEqual([...cloud.securityGroups.values()], [group]);
    assert.equal(cloud.ports.size + cloud.addressGroups.size, 0);
    assert.throws(() => cloudOf([{ kind: "security-group", fields: { id: "g" } }]), ShapeError);
  });
});

test("verdicts in words", () => {
  const { egress, ingress } = evaluate(CLOUD, between(at("a"), at("shut")));
  assert.equal(describeVerdict(egress), "passes: rule open-0 of group open");
  assert.equal(describeVerdict(ingress), REASONS["no-rule"]);
  assert.equal(
    describeVerdict(evaluate(CLOUD, { type: "arp", from: at("a"), to: at("b") }).egress),
    "passes without a rule: ARP",
  );
});
