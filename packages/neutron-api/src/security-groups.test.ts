import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeFields,
  groupIdentityKind,
  identityTopic,
  localPortKind,
  portIdentityKind,
  securityGroupKind,
  type Topic,
  topic,
} from "@dragonflow/model";
import { type TestServer, withServer } from "./testing/server.ts";

/** What a topic holds, by record id. */
async function recordsIn(server: TestServer, of: Topic): Promise<ReadonlyMap<string, unknown>> {
  const snapshot = await server.driver.snapshot(of);
  const records = new Map<string, unknown>();
  for await (const page of snapshot.rows) for (const row of page) records.set(row.id, decodeFields(row.value));
  return records;
}

test("a group, a rule, a port that has the group: what their hosts read", async () => {
  await withServer({}, async (server) => {
    const { network } = await server.createNetwork("10.0.0.0/24");
    const group = await server.create("security_groups", { name: "web" });
    const rule = await server.create("security_group_rules", {
      security_group_id: group,
      direction: "ingress",
      protocol: "tcp",
      port_range_min: 80,
      port_range_max: 80,
      remote_ip_prefix: "192.0.2.9/24",
    });
    const port = await server.create("ports", {
      network_id: network,
      "binding:host_id": "h1",
      security_groups: [group],
      fixed_ips: [{ ip_address: "10.0.0.9" }],
      allowed_address_pairs: [
        { ip_address: "10.0.0.9" },
        { ip_address: "fd00::1:7/112" },
        { ip_address: "10.9.0.1/32" },
      ],
    });
    const inGroup = await recordsIn(server, topic("security-group", group));
    const { rules, stateful } = securityGroupKind.parse(inGroup.get(`security-group/${group}`));
    assert.equal(stateful, true);
    assert.deepEqual(
      rules.find(({ id }) => id === rule),
      {
        id: rule,
        direction: "ingress",
        ipVersion: 4,
        protocol: 6,
        portMin: 80,
        portMax: 80,
        remotePrefix: "192.0.2.0/24",
        remoteGroupId: null,
        remoteAddressGroupId: null,
      },
    );
    const [, identity] = [...inGroup].find(([id]) => id.startsWith("group-identity/"))!;
    const { identity: number } = groupIdentityKind.parse(identity);
    const local = (await recordsIn(server, topic("chassis", "h1"))).get(`local-port/${port}`);
    const { securityGroups, identity: own } = localPortKind.parse(local);
    assert.deepEqual([securityGroups, own], [[group], number]);
    const known = portIdentityKind.parse(
      (await recordsIn(server, identityTopic(network))).get(`port-identity/${port}`),
    );
    assert.equal(known.identity, number);
    assert.deepEqual(known.addresses, ["10.0.0.9", "fd00::1:0/112", "10.9.0.1"]);
  });
});
