import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  groupIdentityKind,
  KINDS,
  type Kind,
  localPortKind,
  type NbRecord,
  portIdentityKind,
  ruleHash,
} from "@dragonflow/model";
import { decodePacket, formatIpv4, formatIpv6, formatMac } from "@dragonflow/packet";
import fc from "fast-check";
import { evaluate } from "../evaluate.ts";
import { REASONS } from "../verdict.ts";
import { type Case, cases, describeCase, frameOf, HOSTS } from "./index.ts";
import { ALIKE, ruleId } from "./pools.ts";

/** The same ones in every run: what they are like shall not depend on luck. */
const MANY: readonly Case[] = fc.sample(cases(), { numRuns: 3000, seed: 3 });
const tally = (names: Iterable<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
};
const evaluations = MANY.map(({ cloud, packet }) => evaluate(cloud, packet));

describe("random cases", () => {
  test("about half of them are allowed, of each version and in each state", () => {
    const share = (wanted: (one: Case) => boolean): number => {
      const chosen = evaluations.filter((_, i) => wanted(MANY[i]!));
      return chosen.filter(({ allowed }) => allowed).length / chosen.length;
    };
    const isV6 = ({ packet }: Case): boolean => packet.type === "ip" && packet.source.includes(":");
    const isIn = (state: string) => (one: Case) => one.packet.type === "ip" && one.packet.connection.state === state;
    for (const [what, wanted] of Object.entries({
      all: () => true,
      IPv6: isV6,
      IPv4: (one: Case) => one.packet.type === "ip" && !isV6(one),
      new: isIn("new"),
      established: isIn("established"),
    })) {
      const allowed = share(wanted);
      assert.ok(allowed > 0.35 && allowed < 0.65, `${what}: ${allowed}`);
    }
  });

  test("every reason occurs at both ends, and so does everything that a packet can be", () => {
    for (const end of ["egress", "ingress"] as const) {
      const reasons = tally(evaluations.map((evaluation) => evaluation[end].reason));
      for (const reason of Object.keys(REASONS)) assert.ok((reasons.get(reason) ?? 0) >= 20, `${end}: ${reason}`);
    }
    const traits = tally(
      MANY.flatMap(({ packet, original, quoted, routed, cloud }) => {
        if (packet.type !== "ip") return [packet.type];
        const chassis = [packet.from, packet.to].map((end) =>
          typeof end === "string" ? end : (cloud.ports.get(end.port)?.chassis ?? ""),
        );
        const isOutside = chassis.some((name) => !name.startsWith("host"));
        const between = isOutside ? "outside" : chassis[0] === chassis[1] ? "same host" : "other host";
        const { state } = packet.connection;
        assert.equal(original !== null, state === "reply" || state === "related");
        assert.equal(quoted !== null, state === "related");
        return [`protocol ${packet.protocol}`, packet.fragment, state, between, routed ? "routed" : "switched"];
      }),
    );
    const protocols = [1, 6, 17, 33, 47, 58, 112, 132, 136].map((number) => `protocol ${number}`);
    const states = ["new", "established", "reply", "related", "invalid"];
    const ways = ["outside", "same host", "other host", "routed", "switched"];
    for (const trait of [...protocols, ...states, ...ways, "first", "later", "arp", "other"])
      assert.ok((traits.get(trait) ?? 0) >= 20, trait);
  });

  test("rules of every kind decide", () => {
    const remotes = tally(
      MANY.flatMap(({ cloud }, i) =>
        [evaluations[i]!.egress, evaluations[i]!.ingress].flatMap((verdict) => {
          if (verdict.reason !== "rule") return [];
          const rule = cloud.securityGroups.get(verdict.group)?.rules.find(({ id }) => id === verdict.rule);
          assert.ok(rule);
          const remote = rule.remoteGroupId
            ? "group"
            : rule.remoteAddressGroupId
              ? "address group"
              : rule.remotePrefix
                ? "prefix"
                : "any";
          return [`${rule.direction} ${remote}`, rule.portMin === null ? "no range" : `range of ${rule.protocol}`];
        }),
      ),
    );
    const expected = ["egress", "ingress"].flatMap((way) =>
      ["group", "address group", "prefix", "any"].map((kind) => `${way} ${kind}`),
    );
    for (const kind of [
      ...expected,
      "no range",
      "range of 1",
      "range of 58",
      "range of 6",
      "range of 17",
      "range of 132",
    ])
      assert.ok((remotes.get(kind) ?? 0) >= 15, `${kind}: ${remotes.get(kind)}`);
  });

  test("some ids of rules share a hash", () => {
    const alike = Array.from({ length: ALIKE }, (_, n) => ruleId(n));
    assert.equal(new Set(alike).size, ALIKE);
    assert.equal(new Set(alike.map(ruleHash)).size, 1);
  });

  test("records are what a store may hold: whole, once, in their topics, and of one mind about identities", () => {
    const ofKind = <T extends { readonly id: string }>(records: readonly NbRecord[], kind: Kind<T>): readonly T[] =>
      records.filter((one) => one.kind === kind.kind).map(({ fields }) => kind.parse(fields));
    for (const { records } of MANY.slice(0, 300)) {
      assert.equal(new Set(records.map(({ topic, id }) => `${topic} ${id}`)).size, records.length);
      for (const { kind, fields } of records) {
        const declared = KINDS.find((one) => one.kind === kind);
        assert.deepEqual(declared?.parse(fields), fields);
      }
      const groups = Map.groupBy(ofKind(records, groupIdentityKind), ({ identity }) => identity);
      for (const port of ofKind(records, localPortKind)) {
        assert.ok(HOSTS.some((host) => host === port.chassis));
        const members = (groups.get(port.identity) ?? []).map(({ groupId }) => groupId);
        assert.deepEqual(members.toSorted(), port.securityGroups);
        const told = ofKind(records, portIdentityKind).find(({ id }) => id === port.id);
        assert.equal(told?.identity ?? 0, port.identity);
      }
    }
  });

  test("a failing one says which rules and which packet", () => {
    const one = MANY.find(({ packet }) => packet.type === "ip" && typeof packet.to !== "string");
    assert.ok(one);
    assert.equal(fc.stringify(one), describeCase(one));
    for (const part of [/^port \{/m, /^group \{/m, /^packet \{/m]) assert.match(describeCase(one), part);
  });
});

describe("frames", () => {
  test("say what the packet says", () => {
    for (const one of MANY) {
      const { packet } = one;
      for (const end of ["source", "destination"] as const) {
        const frame = frameOf(one, end);
        if (packet.type !== "ip") {
          assert.equal(decodePacket(frame).arp !== undefined, packet.type === "arp");
          continue;
        }
        // Others have a body of their own, which the codec looks for in vain.
        const { icmpType, icmpCode } = packet.header?.type === "icmp" ? packet.header : { icmpType: -1, icmpCode: 0 };
        const isOdd = [13, 14, 137].includes(icmpType) || ([133, 134, 135, 136].includes(icmpType) && icmpCode !== 0);
        if (isOdd && packet.fragment === "none") continue;
        const { ipv4, ipv6, tcp, udp } = decodePacket(frame);
        assert.equal(ipv4 === undefined ? formatIpv6(ipv6!.src) : formatIpv4(ipv4.src), packet.source);
        assert.equal(ipv4 === undefined ? formatIpv6(ipv6!.dst) : formatIpv4(ipv4.dst), packet.destination);
        assert.equal((ipv4 ?? ipv6)?.protocol, packet.protocol);
        const transport = tcp ?? udp;
        if (transport === undefined) continue;
        assert.deepEqual(packet.header, {
          type: "ports",
          source: transport.sourcePort,
          destination: transport.destinationPort,
        });
        assert.equal(packet.fragment, "none");
      }
    }
  });

  test("go from the sender's to the receiver's MAC address, or by the router's", () => {
    const macs = (frame: Uint8Array) => {
      const { src, dst } = decodePacket(frame).ethernet;
      return [formatMac(src), formatMac(dst)];
    };
    let routed = 0;
    for (const one of MANY) {
      const { packet, cloud } = one;
      if (packet.type !== "ip" || [1, 58].includes(packet.protocol) || /^(?:255|ff)/.test(packet.destination)) continue;
      if (typeof packet.from === "string" || typeof packet.to === "string") continue;
      const [source, destination] = [cloud.ports.get(packet.from.port)!, cloud.ports.get(packet.to.port)!];
      const [sent, arrived] = [macs(frameOf(one, "source")), macs(frameOf(one, "destination"))];
      if (source.networkId === destination.networkId) {
        assert.deepEqual([sent, arrived], [sent, sent]);
        assert.deepEqual(sent, [source.mac, destination.mac]);
      } else {
        routed++;
        assert.equal(sent[0], source.mac);
        assert.equal(arrived[1], destination.mac);
        for (const router of [sent[1], arrived[0]]) assert.match(String(router), /^fa:16:3f:/);
      }
    }
    assert.ok(routed > 20);
  });
});
