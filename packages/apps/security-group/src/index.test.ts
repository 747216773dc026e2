/** What is compiled, as ovs-ofctl prints it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { State } from "@dragonflow/engine";
import {
  addressGroup,
  addressGroupId,
  groupId,
  host,
  identity,
  network,
  port,
  portKey,
  printDesired,
  ruleId,
  type RuleSpec,
  router,
  securityGroup,
  TestBed,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import { ruleHash } from "@dragonflow/model";
import { encodePacket } from "@dragonflow/packet";
import app, { DROPS } from "./index.ts";
import { ruleLevel } from "./sides.ts";

const compiled = (state: State): TestBed => new TestBed([app], [...host(), ...state]);
/** All but what every host has. */
function verify(name: string, state: State): void {
  const bed = compiled(state);
  const desired = bed.desired();
  const common = printDesired(bed.bound, desired)
    .split("\n\n")
    .filter((section) => !section.startsWith("# host"));
  verifyGolden(new URL(`../golden/${name}.flows`, import.meta.url), common.join("\n\n"));
}
const member = { groups: [1], identity: 7 } as const;
const ssh: RuleSpec = { n: 1, direction: "ingress", protocol: 6, portMin: 22, portMax: 22 };

test("what holds for every port, and a port with one rule", () => {
  const bed = compiled([
    ...network({ n: 1 }),
    ...securityGroup({ n: 1, rules: [ssh] }),
    ...port({ n: 11, network: 1, ...member }),
  ]);
  verifyGolden(new URL("../golden/one-rule.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("sets of groups: own ones, those of the remote group, and a range of ports", () => {
  verify("remote-group", [
    ...network({ n: 1 }),
    ...securityGroup({
      n: 1,
      rules: [
        { n: 1, direction: "ingress", remoteGroupId: groupId(1) },
        {
          n: 2,
          direction: "ingress",
          ipVersion: 6,
          protocol: 17,
          portMin: 1000,
          portMax: 1999,
          remoteGroupId: groupId(2),
        },
      ],
    }),
    ...identity(7, [1]),
    ...identity(8, [1, 2]),
    ...identity(9, [2]),
    ...port({ n: 11, network: 1, ...member }),
    ...port({ n: 12, network: 1, groups: [1, 2], identity: 8 }),
    ...port({ n: 13, network: 1, ...member, chassis: "host2" }),
  ]);
});

test("addresses: a prefix, and address groups with prefixes inside others", () => {
  verify("addresses", [
    ...network({ n: 1 }),
    ...addressGroup(1, ["10.1.0.0/16", "192.0.2.7", "10.0.0.0/8", "2001:db8::/32"]),
    ...addressGroup(2, []),
    ...securityGroup({
      n: 1,
      rules: [
        { n: 1, direction: "egress", protocol: 1, portMin: 8, portMax: 0, remotePrefix: "192.0.2.0/24" },
        { n: 2, direction: "egress", remoteAddressGroupId: addressGroupId(1) },
        { n: 3, direction: "egress", ipVersion: 6, remoteAddressGroupId: addressGroupId(1) },
        { n: 4, direction: "egress", remoteAddressGroupId: addressGroupId(2) },
        { n: 5, direction: "egress", ipVersion: 6, remotePrefix: "192.0.2.0/24" },
      ],
    }),
    ...port({ n: 11, network: 1, ...member }),
  ]);
});

test("identities are looked up where no packet says them", () => {
  verify("lookup", [
    ...network({ n: 1 }),
    ...network({ n: 2, networkType: "vxlan" }),
    ...router(1, [1, 2]),
    ...network({ n: 3 }),
    ...securityGroup({ n: 1, rules: [{ n: 1, direction: "egress", remoteGroupId: groupId(2) }] }),
    ...securityGroup({ n: 2, rules: [{ n: 2, direction: "ingress", ipVersion: 6, remoteGroupId: groupId(1) }] }),
    ...identity(7, [1]),
    ...identity(9, [2]),
    ...port({ n: 11, network: 1, ...member }),
    ...port({ n: 12, network: 2, groups: [2], identity: 9 }),
    ...port({ n: 13, network: 1, groups: [2], identity: 9, chassis: "host2", pairs: [{ ip: "10.9.0.0/16", mac: "" }] }),
    ...port({ n: 14, network: 3, groups: [2], identity: 9, chassis: "host2" }),
  ]);
});

test("stateless groups do without conntrack", () => {
  verify("stateless", [
    ...network({ n: 1 }),
    ...securityGroup({
      n: 1,
      stateful: false,
      rules: [
        { n: 1, direction: "ingress", protocol: 17, portMin: 53, portMax: 54 },
        { n: 2, direction: "egress", ipVersion: 6, protocol: 58, portMin: 128 },
        { n: 3, direction: "egress", protocol: 33, portMin: 5, portMax: 5 },
      ],
    }),
    ...port({ n: 11, network: 1, ...member }),
    ...port({ n: 12, network: 1, portSecurity: false }),
    ...port({ n: 13, network: 1, groups: [] }),
  ]);
});

/** Numbers of rules with the hash of number 1, it included. */
const sameHash = (count: number): readonly number[] => {
  const wanted = ruleHash(ruleId(1));
  const found: number[] = [];
  for (let n = 1; found.length < count; n++) if (ruleHash(ruleId(n)) === wanted) found.push(n);
  return found;
};
test("rules of one hash have priorities in order of their ids; those for which there is no room share the last", () => {
  for (const count of [7, 9]) {
    const numbers = sameHash(count);
    const bed = compiled([
      ...network({ n: 1 }),
      ...securityGroup({
        n: 1,
        rules: numbers.map((n, i) => ({ n, direction: "ingress", protocol: 6, portMin: 1, portMax: 100 + i })),
      }),
      ...port({ n: 11, network: 1, ...member }),
    ]);
    const flows = bed.desired().flatMap((d) => (d.type === "flow" && /rule/.test(d.owner.kind) ? [d] : []));
    const first = ruleLevel.first + 7 * ruleHash(ruleId(1));
    const owned = numbers.slice(0, count === 7 ? 7 : 6);
    for (const [i, n] of owned.entries())
      assert.deepEqual([...new Set(flows.filter((d) => d.owner.id === ruleId(n)).map((d) => d.priority))], [first + i]);
    const shared = flows.filter((d) => d.owner.kind === "security-group-rules");
    assert.equal(shared.length > 0, count > 7);
    assert.ok(shared.every((d) => d.priority === first + 6));
    // Conjunctions of two of them could meet.
    const conjunctions = shared.flatMap((d) =>
      d.steps.filter((s) => s.type === "do" && s.action.type === "conjunction"),
    );
    assert.deepEqual(conjunctions, []);
    for (const [to, verdict] of [
      [1, "to delivery"],
      [99 + count, "to delivery"],
      [100 + count, "drop in ingress_rules: miss"],
    ] as const)
      assert.deepEqual(
        bed.send(tcp(to), { table: "ingress_port", registers: { destinationPort: portKey(11), network: 1 } }),
        [verdict],
      );
  }
});
const tcp = (destinationPort: number): Uint8Array =>
  encodePacket({
    ethernet: { src: 1, dst: 2 },
    ipv4: { src: 0x0a000001, dst: 0x0a000002 },
    tcp: { sourcePort: 4000, destinationPort, sequence: 1, acknowledgement: 0, flags: { syn: true } },
    payload: new Uint8Array(),
  });

test("the highest priority fits", () => {
  assert.ok(ruleLevel.first + 7 * 8191 + 6 <= 0xffff);
});

test("every flow that drops says why", () => {
  const bed = compiled([]);
  const drops = bed
    .desired()
    .flatMap((d) => (d.type === "flow" && !d.steps.some(({ type }) => type === "goto" || type === "track") ? [d] : []));
  for (const { table, priority } of drops)
    assert.ok(DROPS.some((drop) => drop.table === table.name && drop.priority === priority));
  for (const table of app.tables.filter(({ name }) => !/_state|_remote|_accepted/.test(name)))
    assert.ok(DROPS.some((drop) => drop.table === table.name && drop.priority === 0));
});
