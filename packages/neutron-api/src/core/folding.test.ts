import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChassisStatusRecord } from "@dragonflow/model";
import { auditStore, nothingSeen } from "../testing/audit.ts";
import { type TestServer, withServer } from "../testing/server.ts";
import { agentId, bindPort, recordChassis, setChassisAlive, setPortStatus } from "./folding.ts";

async function portOf(server: TestServer, values: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { network } = await server.createNetwork("10.0.0.0/24");
  return server.create("ports", { network_id: network, ...values });
}
const shown = async (server: TestServer, id: string) => {
  const port = await server.get(`/v2.0/ports/${id}`);
  return [port.at("port.binding:host_id"), port.at("port.binding:vif_type"), port.at("port.status")];
};

test("the first claim is granted, later ones refused, until it is released", async () => {
  await withServer({}, async (server) => {
    const { engine } = server;
    const port = await portOf(server);
    assert.equal(await bindPort(engine, port, "h1"), "bound");
    assert.equal(await bindPort(engine, port, "h1"), "bound");
    assert.equal(await bindPort(engine, port, "h2"), "refused");
    assert.deepEqual(await shown(server, port), ["h1", "ovs", "DOWN"]);
    assert.equal(await setPortStatus(engine, port, "h1", "ACTIVE"), true);
    assert.deepEqual(await shown(server, port), ["h1", "ovs", "ACTIVE"]);
    await bindPort(engine, port, null, "h2");
    assert.deepEqual(await shown(server, port), ["h1", "ovs", "ACTIVE"], "not h2's to release");
    await bindPort(engine, port, null, "h1");
    assert.deepEqual(await shown(server, port), ["", "unbound", "DOWN"]);
    assert.equal(await setPortStatus(engine, port, "h1", "ACTIVE"), false, "a late report");
    assert.equal(await bindPort(engine, port, "h2"), "bound");
    const seen = nothingSeen();
    for (const network of engine.state.networks.ids()) seen.networks.add(network);
    for (const subnet of engine.state.subnets.ids()) seen.subnets.add(subnet);
    await auditStore(server.driver, engine.state, { ...seen, hosts: new Set(["h1", "h2"]) });
  });
});

test("two hosts claim at the same instant: one wins, the other is told", async () => {
  await withServer({}, async (server) => {
    const port = await portOf(server);
    const outcomes = await Promise.all(["h1", "h2", "h3"].map((host) => bindPort(server.engine, port, host)));
    assert.deepEqual(outcomes.sort(), ["bound", "refused", "refused"]);
  });
});

test("a host that was asked for is never overruled", async () => {
  await withServer({}, async (server) => {
    const port = await portOf(server, { "binding:host_id": "h1" });
    assert.equal(await bindPort(server.engine, port, "h2"), "refused");
    assert.equal(await bindPort(server.engine, port, "h1"), "bound");
    assert.equal(await bindPort(server.engine, port, null), "refused");
    await setPortStatus(server.engine, port, "h1", "ACTIVE");
    const moved = await server.request("PUT", `/v2.0/ports/${port}`, { port: { "binding:host_id": "h2" } });
    assert.equal(moved.text("port.status"), "DOWN");
    assert.equal(await setPortStatus(server.engine, port, "h1", "ACTIVE"), false);
    assert.equal(await setPortStatus(server.engine, port, "h2", "ACTIVE"), true);
    await server.request("PUT", `/v2.0/ports/${port}`, { port: { "binding:host_id": null } });
    assert.equal(await bindPort(server.engine, port, "h3"), "bound");
  });
});

test("ports that are gone", async () => {
  await withServer({}, async (server) => {
    assert.equal(await bindPort(server.engine, "none", "h1"), "unknown");
    assert.equal(await setPortStatus(server.engine, "none", "h1", "ACTIVE"), false);
  });
});

test("a report that changes nothing writes nothing", async () => {
  await withServer({}, async (server) => {
    const port = await portOf(server);
    await bindPort(server.engine, port, "h1");
    await setPortStatus(server.engine, port, "h1", "ACTIVE");
    const revision = (await server.get(`/v2.0/ports/${port}`)).at("port.revision_number");
    for (let n = 0; n < 3; n++) {
      await bindPort(server.engine, port, "h1");
      await setPortStatus(server.engine, port, "h1", "ACTIVE");
    }
    assert.equal((await server.get(`/v2.0/ports/${port}`)).at("port.revision_number"), revision);
  });
});

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
