/** What a change costs a host, of 5,000 ports in one group: units run, flows changed, topics read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { costOf, type RowChange, type State } from "@dragonflow/engine";
import { identityTopic } from "@dragonflow/model";
import {
  compile,
  groupId,
  identity,
  networkId,
  onHost,
  type RuleSpec,
  SELF,
  TENANT,
  tenant,
  tenantGroup,
  tenantPort,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

const state = tenant();
const cost = (change: readonly RowChange[], before: State = state) => costOf(app.compile, before, change, onHost);
const self = groupId(TENANT.group);
const added = (rule: Omit<RuleSpec, "direction" | "n">): number =>
  cost(tenantGroup([{ n: 3, direction: "ingress", ...rule }])).outputsChanged;
/** Topics that say who is where. */
const identityTopics = (of: State): readonly string[] =>
  [...compile([app], of).interest()].filter((topic) => topic.startsWith("identity/"));

test("a rule costs a few flows, whatever the number of members", () => {
  assert.equal(added({ protocol: 6, portMin: 443, portMax: 443 }), 4);
  assert.equal(added({ remotePrefix: "192.0.2.0/24" }), 2);
  assert.equal(added({ protocol: 6, portMin: 8080, portMax: 8080, remotePrefix: "192.0.2.0/24" }), 4);
  assert.equal(added({ remoteGroupId: self }), 2);
  assert.equal(added({ protocol: 17, portMin: 4789, portMax: 4789, remoteGroupId: self }), 4);
});

test("a rule that goes costs what it cost when it came, and those of the other rules do not run", () => {
  const before = tenant([{ n: 3, direction: "ingress", protocol: 6, portMin: 443, portMax: 443 }]);
  // What ran is the group's list of rules; the unit of the one that went has nothing to run on.
  assert.deepEqual(cost(tenantGroup(), before), { unitsRun: 1, outputsChanged: 4 });
});

test("a port elsewhere that joins with a set that others have too is not heard of", () => {
  const [joined, ...others] = tenantPort(60, 7, "host2").filter(
    ({ partition }) => partition === identityTopic(networkId(60)),
  );
  assert.ok(joined !== undefined && others.length === 0);
  const before = state.filter(({ table, id }) => table !== joined.table || id !== joined.id);
  assert.equal(before.length, state.length - 1);
  assert.deepEqual(cost([joined], before), { unitsRun: 0, outputsChanged: 0 });
  assert.deepEqual(identityTopics(state), []);
});

test("a set that is new costs two flows for each rule with one of its groups as remote", () => {
  assert.deepEqual(cost(identity(8, [TENANT.group])), { unitsRun: 1, outputsChanged: 2 });
});

test("a local port with a set that others here have costs its own flows only", () => {
  assert.equal(cost(tenantPort(1, 9, SELF)).outputsChanged, 6);
});

test("only an egress rule with a remote group reads who is where; then a port costs a flow for each network with a port here", () => {
  const asking = tenant([{ n: 3, direction: "egress", remoteGroupId: self }]);
  assert.equal(identityTopics(asking).length, TENANT.networks);
  const joined = tenantPort(60, 1, "host2");
  const [few, many] = [2, TENANT.portsOfEach].map((count) => {
    const before = asking.filter(({ table, id }) => {
      const n = Number.parseInt(id.slice(2, 8), 16);
      return table.name !== "port-identity" || (n % TENANT.portsOfEach < count && !joined.some((row) => row.id === id));
    });
    return costOf(app.compile, before, joined, onHost);
  });
  assert.deepEqual(few, many);
  assert.equal(many?.outputsChanged, 5);
});
