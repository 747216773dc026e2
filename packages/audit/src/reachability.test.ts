import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { putRow, type State } from "@dragonflow/engine";
import { cloudChoices, recordsOf as cloudRecords } from "@dragonflow/evaluator/testing";
import { type Desired, type DesiredFlow, RECORD_TABLES } from "@dragonflow/pipeline";
import {
  FIRST_PORT,
  groupId,
  host,
  identity,
  network,
  port,
  portId,
  peer,
  router,
  routerInterface,
  rowsOf,
  ruleId,
  SELF,
  securedTopologies,
  securityGroup,
  subnetId,
} from "@dragonflow/pipeline/testing";
import fc from "fast-check";
import { allPairs } from "./pairs.ts";
import { auditReachability, Model } from "./reachability.ts";
import { hostsOf, onTheirHosts, recordsOf } from "./testing/clouds.ts";

const FULL = process.env["DRAGONFLOW_FULL"] === "1";
async function audit(rows: State, hosts = hostsOf(rows)) {
  const model = new Model(recordsOf(rows));
  const pairs = allPairs(model.ports.map(({ id }) => id));
  return auditReachability(model, pairs, hosts);
}

describe("who reaches whom", () => {
  test("what hosts compile is what the model allows, over random clouds", async (t) => {
    const count = { packets: 0, allowed: 0 };
    await fc.assert(
      fc.asyncProperty(cloudChoices(), async (choice) => {
        const rows = cloudRecords(choice).flatMap(({ kind, topic, fields }) => {
          const table = RECORD_TABLES.find(({ name }) => name === kind);
          return table === undefined ? [] : [putRow(table, topic, fields)];
        });
        const { differences, packets, allowed } = await audit(rows);
        assert.deepEqual(differences, []);
        count.packets += packets;
        count.allowed += allowed;
      }),
      { numRuns: FULL ? 500 : 25 },
    );
    t.diagnostic(JSON.stringify(count));
    assert.ok(count.allowed > 0 && count.allowed < count.packets);
  });

  test("likewise over random topologies: routers with extra routes, whatever is down, one family only", async (t) => {
    const count = { packets: 0, allowed: 0 };
    await fc.assert(
      fc.asyncProperty(securedTopologies, async (topology) => {
        const here = rowsOf({ ...topology, ports: topology.ports.map((one) => ({ ...one, chassis: SELF })) });
        const chassis = new Map(topology.ports.map((one, i) => [portId(FIRST_PORT + i), one.chassis]));
        const { differences, packets, allowed } = await audit(onTheirHosts(here, (id) => chassis.get(id) ?? SELF));
        assert.deepEqual(differences, []);
        count.packets += packets;
        count.allowed += allowed;
      }),
      { numRuns: FULL ? 500 : 40 },
    );
    t.diagnostic(JSON.stringify(count));
    assert.ok(count.allowed > 0 && count.allowed < count.packets);
  });
});

const CLIENTS = 1;
const SERVERS = 2;
const HTTP = 3;
/** A client on host1 and one elsewhere, a server here and one in another network there. */
function scene(lastPort = 80): State {
  const rows = [
    ...host(),
    ...peer("host2", 900),
    ...network({ n: 1 }),
    ...network({ n: 2 }),
    ...router(5, [1, 2]),
    ...securityGroup({ n: CLIENTS, rules: [{ n: 1, direction: "egress" }] }),
    ...securityGroup({
      n: SERVERS,
      rules: [
        { n: HTTP, direction: "ingress", protocol: 6, portMin: 80, portMax: lastPort, remoteGroupId: groupId(CLIENTS) },
      ],
    }),
    ...identity(1, [CLIENTS]),
    ...identity(2, [SERVERS]),
    ...port({ n: 11, network: 1, groups: [CLIENTS], identity: 1 }),
    ...port({ n: 12, network: 1, groups: [SERVERS], identity: 2 }),
    ...port({ n: 21, network: 1, groups: [CLIENTS], identity: 1 }),
    ...port({ n: 22, network: 2, groups: [SERVERS], identity: 2 }),
  ];
  return onTheirHosts(rows, (id) => ([portId(21), portId(22)].includes(id) ? "host2" : SELF));
}
const isFlow = (desired: Desired): desired is DesiredFlow => desired.type === "flow";

describe("a fault of the compiler", () => {
  test("the scene is right", async () => {
    const { differences, pairs, packets, allowed } = await audit(scene());
    assert.deepEqual([differences, pairs], [[], 12]);
    // HTTP over IPv4, from two clients to two servers.
    assert.ok(allowed === 4 && packets > 50);
  });

  test("a rule that was left out: what it allows is named, with the rule and the place", async () => {
    const { differences } = await audit(
      scene(),
      hostsOf(scene(), (all) => all.filter((one) => !isFlow(one) || one.owner.id !== ruleId(HTTP))),
    );
    const found = differences.map(({ from, to, problem, packet }) => `${problem} ${from} ${to} ${packet}`).sort();
    assert.deepEqual(
      found,
      [
        `dropped ${portId(11)} ${portId(12)} tcp/80 10.0.1.11 -> 10.0.1.12`,
        `dropped ${portId(11)} ${portId(22)} tcp/80 10.0.1.11 -> 10.0.2.22`,
        `dropped ${portId(21)} ${portId(12)} tcp/80 10.0.1.21 -> 10.0.1.12`,
        `dropped ${portId(21)} ${portId(22)} tcp/80 10.0.1.21 -> 10.0.2.22`,
      ].sort(),
    );
    const [first] = differences;
    assert.match(first?.model ?? "", new RegExp(`receiver: passes: rule ${ruleId(HTTP)} of group ${groupId(SERVERS)}`));
    assert.match(first?.flows.at(-1) ?? "", /^host[12] ingress_rules: dropped/);
  });

  test("a rule that reaches too far: what gets through is named, with whose flows let it", async () => {
    const { differences } = await audit(scene(), hostsOf(scene(81)));
    const found = differences.map(({ from, to, problem, packet }) => `${problem} ${from} ${to} ${packet}`).sort();
    assert.deepEqual(
      found,
      [
        `delivered ${portId(11)} ${portId(12)} tcp/81 10.0.1.11 -> 10.0.1.12`,
        `delivered ${portId(11)} ${portId(22)} tcp/81 10.0.1.11 -> 10.0.2.22`,
        `delivered ${portId(21)} ${portId(12)} tcp/81 10.0.1.21 -> 10.0.1.12`,
        `delivered ${portId(21)} ${portId(22)} tcp/81 10.0.1.21 -> 10.0.2.22`,
      ].sort(),
    );
    const [first] = differences;
    assert.match(first?.model ?? "", /receiver: dropped: no rule of any group of the port allows it/);
    assert.ok(first?.flows.some((line) => line.includes(`ingress_rules: security-group-rule ${ruleId(HTTP)}`)));
  });

  test("a way that is not there: the port that cannot be reached, and the table where it ends", async () => {
    const lost = (all: readonly Desired[]): readonly Desired[] =>
      all.filter((one) => !isFlow(one) || one.owner.app !== "l2" || one.owner.id !== portId(12));
    const { differences } = await audit(scene(), hostsOf(scene(), lost));
    assert.deepEqual([...new Set(differences.map(({ problem, to }) => `${problem} ${to}`))], [`dropped ${portId(12)}`]);
    assert.match(differences[0]?.flows.at(-1) ?? "", /^host1 l2: dropped \(miss\)/);
  });
});

test("a rule with a remote group counts for its members behind two routers too", async () => {
  const towards = (network: number, nexthop: string) => ({ destination: `10.0.${network}.0/24`, nexthop });
  const interfaces = [
    { router: 5, network: 1 },
    { router: 5, network: 2, addresses: [{ subnetId: subnetId(2, 4), ip: "10.0.2.1" }] },
    { router: 6, network: 2, addresses: [{ subnetId: subnetId(2, 4), ip: "10.0.2.231" }] },
    { router: 6, network: 3 },
  ];
  const rows = [
    ...host(),
    ...peer("host2", 900),
    ...[1, 2, 3].flatMap((n) => network({ n, networkType: "vxlan" })),
    ...router(5, [], [towards(3, "10.0.2.231")]),
    ...router(6, [], [towards(1, "10.0.2.1")]),
    ...interfaces.flatMap((one) => routerInterface(one)),
    ...securityGroup({ n: CLIENTS, rules: [{ n: 1, direction: "egress", remoteGroupId: groupId(SERVERS) }] }),
    ...securityGroup({ n: SERVERS, rules: [{ n: HTTP, direction: "ingress", remoteGroupId: groupId(CLIENTS) }] }),
    ...identity(1, [CLIENTS]),
    ...identity(2, [SERVERS]),
    ...port({ n: 11, network: 1, groups: [CLIENTS], identity: 1 }),
    ...port({ n: 32, network: 3, groups: [SERVERS], identity: 2 }),
    ...port({ n: 33, network: 3, groups: [SERVERS], identity: 2 }),
  ];
  const { differences, allowed } = await audit(onTheirHosts(rows, (id) => (id === portId(32) ? "host2" : SELF)));
  assert.deepEqual(differences, []);
  // An echo request and a TCP packet, to each of the two.
  assert.equal(allowed, 4);
});
