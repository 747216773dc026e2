import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChassisStatusRecord } from "@dragonflow/model";
import { withServer } from "../testing/server.ts";
import { agentId, recordChassis, setChassisAlive } from "./chassis.ts";

const chassis = (id: string): ChassisStatusRecord => ({
  id,
  hostname: `${id}.example`,
  tunnelIp: "192.0.2.1",
  encapsulations: ["geneve"],
  release: "0.1.0",
  startedAt: "2026-01-02T03:04:05Z",
  bridgeMappings: ["physnet1:br-ex"],
});

test("chassis are agents, alive as long as their lease", async () => {
  await withServer({}, async (server) => {
    await recordChassis(server.engine, chassis("h1"), true);
    await recordChassis(server.engine, chassis("h1"), true);
    const [agent, ...others] = (await server.get("/v2.0/agents")).list("agents");
    assert.equal(others.length, 0);
    assert.equal(agent?.["id"], agentId("h1"));
    assert.match(agentId("h1"), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(
      [agent?.["binary"], agent?.["host"], agent?.["alive"], agent?.["admin_state_up"], agent?.["started_at"]],
      ["dragonflow-controller", "h1", true, true, "2026-01-02 03:04:05"],
    );
    assert.deepEqual((await server.get("/v2.0/availability_zones")).list("availability_zones").length, 2);
    assert.equal((await server.request("DELETE", `/v2.0/agents/${agentId("h1")}`)).error, "409 AgentInUse");
    assert.equal(await setChassisAlive(server.engine, "h1", false), true);
    assert.equal(await setChassisAlive(server.engine, "h2", false), false);
    assert.equal((await server.get("/v2.0/agents?alive=false")).list("agents").length, 1);
    const path = `/v2.0/agents/${agentId("h1")}`;
    const described = await server.request("PUT", path, { agent: { description: "rack 7", admin_state_up: false } });
    assert.equal(described.text("agent.description"), "rack 7");
    assert.equal((await server.request("PUT", path, { agent: { host: "x" } })).error, "400 HTTPBadRequest");
    assert.equal((await server.request("DELETE", path)).status, 204);
    assert.equal((await server.get("/v2.0/agents")).list("agents").length, 0);
  });
});
