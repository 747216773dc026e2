/** What must hold for all apps together, over random topologies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APPS, pipeline } from "@dragonflow/controller";
import { checkApp, costOf } from "@dragonflow/engine";
import { encodeInstructions, parseFlow, printFlow } from "@dragonflow/openflow";
import { Writer } from "@dragonflow/wire";
import fc from "fast-check";
import { compile, onHost } from "./testing/compile.ts";
import { type Topology, rowsOf, securedTopologies as topologies } from "./testing/random-topology.ts";
import { TENANT, tenant, tenantGroup, tenantPort } from "./testing/tenant.ts";
import { groupId, host, network, peer, port, router } from "./testing/topology.ts";
import { Bound } from "./trace/index.ts";

const compiled = APPS.map((app) => app.compile);

test("what a host compiles from the topics that it reads is what it compiles from all of them", () => {
  fc.assert(
    fc.property(topologies, (topology) => {
      const state = rowsOf(topology);
      const selective = new Map(compile(APPS, state).outputs());
      const full = new Map(compile(APPS, state, "everything").outputs());
      assert.deepEqual(selective, full);
    }),
    { numRuns: 200 },
  );
});

test("every flow survives encoding, and its text can be read again", () => {
  const bytes = (flow: Parameters<typeof printFlow>[0]): Buffer => {
    const w = new Writer();
    encodeInstructions(w, flow.instructions);
    return Buffer.from(w.slice());
  };
  fc.assert(
    fc.property(topologies, (topology) => {
      // A bound flow's match was encoded and decoded already.
      for (const flow of new Bound(
        pipeline,
        [...compile(APPS, rowsOf(topology)).outputs()].map(([, d]) => d),
      ).flows) {
        const again = parseFlow(printFlow(flow));
        assert.equal(printFlow(again), printFlow(flow));
        assert.deepEqual(again.match, flow.match);
        assert.deepEqual(bytes(again), bytes(flow));
      }
    }),
    { numRuns: 30 },
  );
});

test("the way to a state does not matter: incremental is from scratch", () => {
  fc.assert(
    fc.property(fc.array(topologies, { minLength: 2, maxLength: 3 }), (states: readonly Topology[]) => {
      checkApp(compiled, states.map(rowsOf), onHost);
    }),
    { numRuns: 6 },
  );
});

/** A host with a VM in each of two routed networks; `remote` ports elsewhere in the first, and `local` further ones here. */
const cloud = (remote: number, local = 0) => [
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1, v4: "10.0.0.0/8" }),
  ...network({ n: 2 }),
  ...router(1, [1, 2]),
  ...port({ n: 1, network: 1 }),
  ...port({ n: 2, network: 2 }),
  ...Array.from({ length: local }, (_, i) => port({ n: 3 + i, network: 1 })).flat(),
  ...Array.from({ length: remote }, (_, i) => port({ n: 1000 + i, network: 1, chassis: "host2" })).flat(),
];

test("one remote port changed costs the same among 10,000 as among 100", () => {
  const change = port({ n: 1007, network: 1, chassis: "host2", adminUp: false });
  const [small, large] = [100, 10_000].map((remote) => costOf(compiled, cloud(remote), change, onHost));
  assert.deepEqual(small, large);
  // One unit of each app that reads ports: arp, l2, l3, nd.
  assert.equal(large?.unitsRun, 4);
});

test("one local port changed costs the same among 200 as among 2", () => {
  const change = port({ n: 1, network: 1, hostname: "other" });
  const [small, large] = [2, 200].map((local) => costOf(compiled, cloud(10, local), change, onHost));
  assert.deepEqual(small, large);
});

test("ten VMs of a tenant with 5,000 ports in one group: flows on the host, and what a change costs it", (t) => {
  const state = tenant();
  const flows = [...compile(APPS, state).outputs()].filter(([, { type }]) => type === "flow").length;
  t.diagnostic(`${flows} flows`);
  assert.ok(flows + pipeline.missFlows().length <= 7000, `${flows} flows`);
  const changed = (change: ReturnType<typeof tenantGroup>): number =>
    costOf(compiled, state, change, onHost).outputsChanged;
  const rule = { n: 3, direction: "ingress" as const };
  assert.ok(changed(tenantGroup([{ ...rule, protocol: 6, portMin: 443, portMax: 443 }])) <= 6);
  assert.ok(changed(tenantGroup([{ ...rule, remotePrefix: "192.0.2.0/24" }])) <= 6);
  assert.ok(changed(tenantGroup([{ ...rule, remoteGroupId: groupId(TENANT.group) }])) <= 10);
  const joins = tenantPort(60, 7, "host2").filter(({ table }) => table.name === "port-identity");
  const before = state.filter(({ id, table }) => !joins.some((row) => row.id === id && row.table === table));
  assert.deepEqual(costOf(compiled, before, joins, onHost), { unitsRun: 0, outputsChanged: 0 });
});
