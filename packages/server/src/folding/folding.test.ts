import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { recordId, statusTopic } from "@dragonflow/model";
import { startCloud, type Cloud } from "../testing/cloud.ts";
import { FakeChassis } from "../testing/fake-chassis.ts";
import { eventually } from "../testing/scratch.ts";

suite("folding, with controllers that claim through the relay", () => {
  let cloud: Cloud;
  let network: string;
  const chassis: FakeChassis[] = [];
  before(async () => {
    cloud = await startCloud();
    network = await cloud.api.network();
  });
  after(async () => {
    await Promise.all(chassis.map((each) => each.die()));
    await cloud.server.close();
  });
  /** Names are the test's own, so that tests share a server and nothing else. */
  async function start(name: string, ttlSeconds?: number): Promise<FakeChassis> {
    const started = await FakeChassis.start(name, cloud.access, ttlSeconds);
    chassis.push(started);
    return started;
  }
  const newPort = (fields: object = {}) => cloud.api.port({ network_id: network, ...fields });
  const bound = (id: string, host: string, status: string) =>
    eventually(`${id} is ${status} on "${host}"`, async () => {
      const port = await cloud.api.show(id);
      return port["binding:host_id"] === host && port.status === status && port;
    });

  test("a claim is granted, shown as binding, active once up, and released with the interface", async () => {
    const one = await start("claim-1");
    const { id } = await newPort();
    await one.claim(id, false);
    await bound(id, "claim-1", "DOWN");
    await eventually("its host has the port's record", () => one.hasLocalPorts);
    await one.claim(id, true);
    await bound(id, "claim-1", "ACTIVE");
    await one.claim(id, false);
    await bound(id, "claim-1", "DOWN");
    await one.unclaim(id);
    await bound(id, "", "DOWN");
  });

  test("two claims at the same instant: one winner, the other told, no flapping, and its turn afterwards", async () => {
    const [one, two] = await Promise.all([start("same-1"), start("same-2")]);
    const { id } = await newPort();
    await Promise.all([two.claim(id, true), one.claim(id, true)]);
    const { winner, loser } = await eventually("one of them is refused", () => {
      if (one.refusalOf(id) !== undefined) return { winner: two, loser: one };
      return two.refusalOf(id) === undefined ? undefined : { winner: one, loser: two };
    });
    assert.equal(loser.refusalOf(id), winner.name);
    const { revision_number } = await bound(id, winner.name, "ACTIVE");
    assert.equal(revision_number, 2, "granted by one update");

    await loser.claim(id, true);
    await loser.claim(id, false);
    const marker = await newPort();
    await loser.claim(marker.id, true);
    await bound(marker.id, loser.name, "ACTIVE");
    assert.equal((await cloud.api.show(id)).revision_number, revision_number, "what the loser says changes nothing");

    await winner.unclaim(id);
    await bound(id, loser.name, "DOWN");
    await eventually("the refusal is withdrawn", () => loser.refusalOf(id) === undefined);
  });

  test("who came later is refused, whatever its name", async () => {
    const [early, late] = await Promise.all([start("late-2"), start("late-1")]);
    const { id } = await newPort();
    await early.claim(id, true);
    await bound(id, "late-2", "ACTIVE");
    await late.claim(id, true);
    assert.equal(await eventually("the refusal", () => late.refusalOf(id)), "late-2");
    await late.unclaim(id);
    await eventually("the refusal is withdrawn", () => late.refusalOf(id) === undefined);
    assert.equal((await cloud.api.show(id))["binding:host_id"], "late-2");
  });

  test("a requested host decides, before and after, and a change of mind moves the refusal", async () => {
    const [one, two] = await Promise.all([start("asked-1"), start("asked-2")]);
    const { id } = await newPort({ "binding:host_id": "asked-1" });
    await two.claim(id, true);
    assert.equal(await eventually("the refusal", () => two.refusalOf(id)), "asked-1");
    await bound(id, "asked-1", "DOWN");
    await one.claim(id, true);
    await bound(id, "asked-1", "ACTIVE");

    await cloud.api.update(id, { "binding:host_id": "asked-2" });
    await bound(id, "asked-2", "ACTIVE");
    await eventually(
      "the refusals changed places",
      () => two.refusalOf(id) === undefined && one.refusalOf(id) === "asked-2",
    );

    await cloud.api.call("DELETE", `/v2.0/ports/${id}`);
    await eventually("no port, no refusal", () => one.refusalOf(id) === undefined);
  });

  test("a claim of a port that does not exist is nothing: nobody is refused", async () => {
    const [one, two] = await Promise.all([start("early-1"), start("early-2")]);
    const { id } = await newPort();
    await cloud.api.call("DELETE", `/v2.0/ports/${id}`);
    const { id: marker } = await newPort();
    await one.claim(id, true);
    await two.claim(id, true);
    await one.claim(marker, true);
    await bound(marker, "early-1", "ACTIVE");
    assert.deepEqual([one.refusalOf(id), two.refusalOf(id)], [undefined, undefined]);
  });

  test("a chassis dies and comes back: its requested ports go down, others elsewhere; endpoint and agent stay", async () => {
    const [one, two] = await Promise.all([start("dead-1", 2), start("dead-2")]);
    const asked = await newPort({ "binding:host_id": "dead-1" });
    const free = await newPort();
    await one.claim(asked.id, true);
    await one.claim(free.id, true);
    await bound(asked.id, "dead-1", "ACTIVE");
    await bound(free.id, "dead-1", "ACTIVE");
    await two.claim(free.id, true);
    assert.equal(await eventually("the refusal", () => two.refusalOf(free.id)), "dead-1");
    await eventually("the endpoint", () => one.endpoint === "192.0.2.1");
    assert.equal((await cloud.api.agent("dead-1"))?.alive, true);

    await one.die();
    await bound(asked.id, "dead-1", "DOWN");
    await bound(free.id, "dead-2", "ACTIVE");
    const agent = await eventually("the agent is shown dead", async () => {
      const shown = await cloud.api.agent("dead-1");
      return shown?.alive === false && shown;
    });

    const again = await FakeChassis.connect("dead-1", cloud.access);
    chassis.push(again);
    await eventually("its endpoint stayed", () => again.endpoint === "192.0.2.1");
    assert.equal(await eventually("it reads who has the port", () => again.refusalOf(free.id)), "dead-2");
    await again.live();
    await bound(asked.id, "dead-1", "ACTIVE");
    await eventually("the agent is alive", async () => (await cloud.api.agent("dead-1"))?.alive);
    assert.equal((await cloud.api.agent("dead-1"))?.id, agent.id);
    assert.equal((await cloud.api.show(free.id))["binding:host_id"], "dead-2");
  });

  test("a dead chassis is forgotten with its agent, and known again when it returns", async () => {
    const [one, observer] = await Promise.all([start("gone-1"), start("gone-2")]);
    const { id } = await newPort();
    await one.claim(id, true);
    const { id: agent } = await eventually("the agent", () => cloud.api.agent("gone-1"));
    assert.equal((await cloud.api.call("DELETE", `/v2.0/agents/${agent}`)).status, 409, "it lives");
    await one.retire();
    await eventually(
      "it can be deleted",
      async () => (await cloud.api.call("DELETE", `/v2.0/agents/${agent}`)).status === 204,
    );
    await eventually("its endpoint is gone", () => one.endpoint === undefined);
    await eventually(
      "so are its reports",
      async () => (await one.store.get(statusTopic("gone-1"), recordId("port-status", id))) === undefined,
    );
    await observer.claim(id, true);
    await bound(id, "gone-2", "ACTIVE");

    await one.live();
    await one.introduce("192.0.2.7");
    await eventually("its endpoint is back", () => one.endpoint === "192.0.2.7");
    await eventually("so is its agent", async () => (await cloud.api.agent("gone-1"))?.alive);
  });

  test("its new tunnel address is told to the others", async () => {
    const one = await start("moved-1");
    await eventually("the endpoint", () => one.endpoint === "192.0.2.1");
    await one.introduce("2001:db8::1");
    await eventually("the new one", () => one.endpoint === "2001:db8::1");
  });

  test("a report that cannot be read counts as absent, and holds up nobody", async () => {
    const one = await start("broken-1");
    const { id } = await newPort();
    await one.claim(id, true);
    await bound(id, "broken-1", "ACTIVE");
    const topic = statusTopic("broken-1");
    const value = new TextEncoder().encode(JSON.stringify({ id, chassis: 7, up: "yes" }));
    await one.write({ op: "put", topic, id: recordId("port-status", id), value });
    await bound(id, "", "DOWN");
    await one.write({ op: "put", topic, id: recordId("port-status", id), value: new TextEncoder().encode("{") });
    await one.claim(id, true);
    await bound(id, "broken-1", "ACTIVE");
  });

  test("a router's interface is nobody's to claim", async () => {
    const one = await start("router-1");
    const { body } = await cloud.api.call("POST", "/v2.0/subnets", {
      subnet: { network_id: network, ip_version: 4, cidr: "198.51.100.0/24" },
    });
    const router = await cloud.api.call("POST", "/v2.0/routers", { router: {} });
    const added = await cloud.api.call(
      "PUT",
      `/v2.0/routers/${(router.body["router"] as { id: string }).id}/add_router_interface`,
      { subnet_id: (body["subnet"] as { id: string }).id },
    );
    assert.equal(added.status, 200);
    const id = String(added.body["port_id"]);
    const { id: marker } = await newPort();
    await one.claim(id, false);
    await one.claim(marker, true);
    await bound(marker, "router-1", "ACTIVE");
    const port = await cloud.api.show(id);
    assert.deepEqual([port.status, port["binding:host_id"]], ["ACTIVE", ""]);
  });
});
