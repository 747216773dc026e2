import assert from "node:assert/strict";
import { test } from "node:test";
import { auditStore, nothingSeen } from "./testing/audit.ts";
import type { Answer, TestServer } from "./testing/server.ts";
import { storm, withTwoServers } from "./testing/two-servers.ts";

const statuses = (answers: readonly Answer[]): readonly number[] => [...new Set(answers.map((a) => a.status))];
const made = (answers: readonly Answer[]): readonly Answer[] => answers.filter((answer) => answer.status === 201);
const errors = (answers: readonly Answer[]) => [...new Set(answers.filter((a) => a.status >= 400).map((a) => a.error))];

async function audit(server: TestServer): Promise<void> {
  await auditStore(server.driver, await server.engine.read(), nothingSeen());
}

test("a project's first requests, on two servers at once: one default group", async () => {
  await withTwoServers({}, async (a, b) => {
    for (const project of ["p1", "p2", "p3"]) {
      const ask = [
        (server: TestServer) => server.get(`/v2.0/security-groups?project_id=${project}`),
        (server: TestServer) => server.get(`/v2.0/security-group-rules?project_id=${project}`),
        (server: TestServer) => server.request("POST", "/v2.0/networks", { network: { project_id: project } }),
        (server: TestServer) =>
          server.request("POST", "/v2.0/security-groups", { security_group: { project_id: project } }),
      ];
      const answers = await storm(40, 20, (n) => ask[(n >> 1) % 4]!(n % 2 === 0 ? a : b));
      assert.ok(
        answers.every(({ status }) => status < 300 || status === 409),
        statuses(answers).join(),
      );
      const listed = await Promise.all(
        [a, b].map((server) => server.get(`/v2.0/security-groups?project_id=${project}&name=default`)),
      );
      assert.deepEqual(listed[0]?.body, listed[1]?.body);
      assert.equal(listed[0]?.list("security_groups").length, 1);
      assert.equal(listed[0]?.list("security_groups.0.security_group_rules").length, 4);
    }
    await audit(a);
  });
});

test("one rule, many clients: one makes it", async () => {
  await withTwoServers({}, async (a, b) => {
    const security_group_id = await a.create("security_groups", {});
    const spelled = ["tcp", "TCP", 6, "6"];
    const answers = await storm(40, 20, (n) =>
      (n % 2 === 0 ? a : b).request("POST", "/v2.0/security-group-rules", {
        security_group_rule: {
          security_group_id,
          direction: "ingress",
          protocol: spelled[n % 4],
          port_range_min: 80,
          port_range_max: 80,
        },
      }),
    );
    assert.equal(made(answers).length, 1);
    assert.deepEqual(errors(answers), ["409 SecurityGroupRuleExists"]);
  });
});

test("a limit of 20 rules and 5 groups, 40 requests on two servers: no more are made", async () => {
  await withTwoServers({ quotas: { security_group: 5, security_group_rule: 20 } }, async (a, b) => {
    const of = (n: number) => (n % 2 === 0 ? a : b);
    // The default group and the first one have 6 rules; each further one brings 2, which nothing holds against it.
    const security_group_id = await a.create("security_groups", {});
    const rules = await storm(40, 20, (n) =>
      of(n).request("POST", "/v2.0/security-group-rules", {
        security_group_rule: { security_group_id, direction: "ingress", protocol: n + 1 },
      }),
    );
    assert.equal(made(rules).length, 20 - 6);
    assert.deepEqual(errors(rules), ["409 OverQuota"]);
    const groups = await storm(20, 10, (n) => of(n).request("POST", "/v2.0/security-groups", { security_group: {} }));
    assert.equal(made(groups).length, 5 - 2);
    assert.deepEqual(errors(groups), ["409 OverQuota"]);
  });
});

test("ports with the same groups made on two servers at once: one number for each set", async () => {
  await withTwoServers({}, async (a, b) => {
    const network_id = await a.create("networks", {});
    const [x, y, z] = await Promise.all(["x", "y", "z"].map((name) => a.create("security_groups", { name })));
    const sets = [[x], [x, y], [y, x], [z, y, x], [x, z, y]];
    const answers = await storm(100, 25, (n) =>
      (n % 2 === 0 ? a : b).request("POST", "/v2.0/ports", { port: { network_id, security_groups: sets[n % 5] } }),
    );
    assert.deepEqual(statuses(answers), [201]);
    const { ports, identities } = await b.engine.read();
    const numbers = new Map<string, Set<number>>();
    for (const { security_groups, identity_key } of ports.values()) {
      const set = security_groups.join();
      numbers.set(set, (numbers.get(set) ?? new Set()).add(identity_key));
    }
    assert.equal(numbers.size, 3);
    assert.ok([...numbers.values()].every((keys) => keys.size === 1));
    assert.equal(identities.size, 3);
    await audit(a);
  });
});

test("a group deleted while ports and rules come to refer to it: nothing is left that does", async () => {
  await withTwoServers({}, async (a, b) => {
    const network_id = await a.create("networks", {});
    const other = await a.create("security_groups", { name: "other" });
    const addresses = await a.create("address_groups", { addresses: ["192.0.2.0/24"] });
    for (let round = 0; round < 10; round++) {
      const group = await a.create("security_groups", { name: "group" });
      const rule = { security_group_id: other, direction: "ingress" };
      const [removed, unaddressed, port, referring, addressed] = await Promise.all([
        a.request("DELETE", `/v2.0/security-groups/${group}`),
        a.request("DELETE", `/v2.0/address-groups/${addresses}`),
        b.request("POST", "/v2.0/ports", { port: { network_id, security_groups: [other, group] } }),
        b.request("POST", "/v2.0/security-group-rules", { security_group_rule: { ...rule, remote_group_id: group } }),
        b.request("POST", "/v2.0/security-group-rules", {
          security_group_rule: { ...rule, remote_address_group_id: addresses },
        }),
      ]);
      assert.equal(removed.status === 204, port.status !== 201, `${removed.raw} ${port.raw}`);
      if (round === 0) assert.equal(unaddressed.status === 204, addressed.status !== 201);
      const left = await b.get(`/v2.0/security-group-rules?remote_group_id=${group}`);
      const expected = removed.status === 204 || referring.status !== 201 ? 0 : 1;
      assert.equal(left.list("security_group_rules").length, expected);
      await audit(a);
    }
  });
});

test("a group becomes stateless while ports get it beside another: never both kinds on one port", async () => {
  await withTwoServers({}, async (a, b) => {
    const network_id = await a.create("networks", {});
    for (let round = 0; round < 10; round++) {
      const [one, two] = await Promise.all(["one", "two"].map((name) => a.create("security_groups", { name })));
      const [changed, port] = await Promise.all([
        a.request("PUT", `/v2.0/security-groups/${one}`, { security_group: { stateful: false } }),
        b.request("POST", "/v2.0/ports", { port: { network_id, security_groups: [one, two] } }),
      ]);
      const expected = changed.status === 200 ? [200, 409] : [409, 201];
      assert.deepEqual([changed.status, port.status], expected, `${changed.raw} ${port.raw}`);
      for (const id of [one, two]) await a.request("DELETE", `/v2.0/security-groups/${id}`);
    }
  });
});
