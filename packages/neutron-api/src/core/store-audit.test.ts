import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  decodeFields,
  encodeFields,
  localPortKind,
  chassisTopic,
  networkTopic,
  recordId,
  type RecordId,
  type Topic,
  topic,
} from "@dragonflow/model";
import { type Change, newCommitId } from "@dragonflow/store";
import { type TestServer, withServer } from "../testing/server.ts";
import { subnetRefs } from "./kinds.ts";
import { auditRecords, type RecordDifference } from "./store-audit.ts";

interface Made {
  readonly network: string;
  readonly subnet: string;
  readonly port: string;
}
/** A cloud of one port that is bound. */
async function make(server: TestServer): Promise<Made> {
  const { network, subnet } = await server.createNetwork("10.0.0.0/24");
  const port = await server.create("ports", {
    network_id: network,
    "binding:host_id": "host1",
    fixed_ips: [{ ip_address: "10.0.0.9" }],
  });
  return { network, subnet, port };
}
const audit = async (server: TestServer) => auditRecords(server.driver, await server.engine.read());

/** What somebody does who goes past the server. */
async function behindItsBack(server: TestServer, change: Change): Promise<void> {
  const committed = await server.driver.commit(newCommitId(), [change], []);
  assert.ok(committed.ok);
}
async function rewrite(server: TestServer, key: { topic: Topic; id: RecordId }, fields: object): Promise<void> {
  const row = await server.driver.get(key.topic, key.id);
  assert.ok(row);
  const before = decodeFields(row.value);
  const value = encodeFields({ id: String(before["id"]), ...fields }, before);
  await behindItsBack(server, { op: "put", ...key, value });
}
const inShort = (differences: readonly RecordDifference[]) =>
  differences.map(({ topic: in_, id, problem, owner }) => `${problem} ${in_} ${id} of ${owner?.kind} ${owner?.id}`);

describe("the store against its objects", () => {
  test("whatever a server wrote is right, and reading it twice gives one digest", async () => {
    await withServer({}, async (server) => {
      await make(server);
      const [first, second] = [await audit(server), await audit(server)];
      assert.deepEqual(first.differences, []);
      assert.ok(first.records.length > 10 && first.topics > 10);
      assert.equal(first.digest, second.digest);
    });
  });

  test("a record that was changed is named with its object, its field, and both values", async () => {
    await withServer({}, async (server) => {
      const { port } = await make(server);
      const key = { topic: chassisTopic("host1"), id: recordId(localPortKind.kind, port) };
      const { digest } = await audit(server);
      await rewrite(server, key, { portSecurity: false });
      const { differences, digest: after } = await audit(server);
      assert.deepEqual(differences, [
        {
          ...key,
          problem: "different",
          owner: { kind: "port", id: port },
          detail: `portSecurity is false, and port ${port} says true`,
        },
      ]);
      assert.notEqual(after, digest);
    });
  });

  test("fields of a newer release are none of our business", async () => {
    await withServer({}, async (server) => {
      const { network } = await make(server);
      await rewrite(server, { topic: networkTopic(network), id: recordId("network", network) }, { later: 1 });
      assert.deepEqual((await audit(server)).differences, []);
    });
  });

  test("what was removed, put besides, or spoiled is named, and so is who refers to what is gone", async () => {
    await withServer({}, async (server) => {
      const { network, subnet, port } = await make(server);
      const ip = { topic: subnetRefs(subnet), id: recordId("ip", "10.0.0.9") };
      const stray = { topic: networkTopic(network), id: recordId("port", "nobody") };
      const spoiled = { topic: chassisTopic("host1"), id: recordId("local-port", port) };
      await behindItsBack(server, { op: "delete", ...ip });
      await behindItsBack(server, { op: "put", ...stray, value: encodeFields({ id: "nobody" }) });
      await behindItsBack(server, { op: "put", ...spoiled, value: Uint8Array.of(0xff) });
      await behindItsBack(server, { op: "delete", topic: topic("api", "subnets"), id: recordId("subnet", subnet) });
      const found = inShort((await audit(server)).differences);
      // With its object gone nobody says any more that the subnet has topics.
      assert.deepEqual(
        found.sort(),
        [
          `dangling api/subnets subnet/${subnet} of port ${port}`,
          `surplus network/${network} port/nobody of undefined undefined`,
          `surplus network/${network} subnet/${subnet} of undefined undefined`,
          `missing refs/subnet/${subnet} ip/10.0.0.9 of port ${port}`,
          `unreadable chassis/host1 local-port/${port} of port ${port}`,
        ].sort(),
      );
    });
  });
});
