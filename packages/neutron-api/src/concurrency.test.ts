import assert from "node:assert/strict";
import { test } from "node:test";
import { auditStore, nothingSeen } from "./testing/audit.ts";
import { storm, withTwoServers } from "./testing/two-servers.ts";

test("1,000 addresses, 1,100 requests of 50 clients on two servers: exactly 1,000 get one, all different", async () => {
  await withTwoServers({ conflictDeadlineMs: 60_000 }, async (a, b) => {
    const pool = [{ start: "10.0.0.10", end: "10.0.3.241" }];
    const { network, subnet } = await a.createNetwork("10.0.0.0/22", { allocation_pools: pool });
    const answers = await storm(1100, 50, (n) =>
      (n % 2 === 0 ? a : b).request("POST", "/v2.0/ports", { port: { network_id: network } }),
    );
    const made = answers.filter((answer) => answer.status === 201);
    assert.equal(made.length, 1000);
    assert.equal(new Set(made.map((answer) => answer.text("port.fixed_ips.0.ip_address"))).size, 1000);
    assert.equal(new Set(made.map((answer) => answer.text("port.mac_address"))).size, 1000);
    const refused = answers.filter((answer) => answer.status !== 201);
    assert.deepEqual([...new Set(refused.map((answer) => answer.error))], ["409 IpAddressGenerationFailure"]);
    assert.equal((await b.get("/v2.0/ports?fields=id")).list("ports").length, 1000);
    const seen = { ...nothingSeen(), networks: new Set([network]), subnets: new Set([subnet]) };
    await auditStore(a.driver, await a.engine.read(), seen);
  });
});

test("one address, many clients: one gets it", async () => {
  await withTwoServers({}, async (a, b) => {
    const { network } = await a.createNetwork("10.0.0.0/24");
    const port = { network_id: network, fixed_ips: [{ ip_address: "10.0.0.99" }] };
    const answers = await storm(40, 20, (n) => (n % 2 === 0 ? a : b).request("POST", "/v2.0/ports", { port }));
    assert.equal(answers.filter((answer) => answer.status === 201).length, 1);
    const refused = answers.filter((answer) => answer.status !== 201).map((answer) => answer.error);
    assert.deepEqual([...new Set(refused)], ["409 IpAddressAlreadyAllocated"]);
  });
});

test("overlapping subnets of one network at once: one is made", async () => {
  await withTwoServers({}, async (a, b) => {
    const network_id = await a.create("networks", {});
    const answers = await storm(20, 10, (n) =>
      (n % 2 === 0 ? a : b).request("POST", "/v2.0/subnets", {
        subnet: { network_id, ip_version: 4, cidr: n % 2 === 0 ? "10.0.0.0/16" : `10.0.${n}.0/24` },
      }),
    );
    const kept = (await a.get(`/v2.0/subnets?network_id=${network_id}`)).list("subnets").map((s) => s["cidr"]);
    assert.equal(kept.length, answers.filter((answer) => answer.status === 201).length);
    assert.ok(kept.includes("10.0.0.0/16") ? kept.length === 1 : kept.length > 1, kept.join());
  });
});

test("overlapping interfaces of one router at once: one is made", async () => {
  await withTwoServers({}, async (a, b) => {
    const router = await a.create("routers", {});
    const subnets = await Promise.all(
      Array.from({ length: 10 }, async () => (await a.createNetwork("10.0.0.0/24")).subnet),
    );
    const answers = await storm(10, 10, (n) =>
      (n % 2 === 0 ? a : b).request("PUT", `/v2.0/routers/${router}/add_router_interface`, { subnet_id: subnets[n] }),
    );
    assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
    assert.equal((await b.get(`/v2.0/ports?device_id=${router}`)).list("ports").length, 1);
  });
});

test("a network deleted while ports come: no port is left without one", async () => {
  await withTwoServers({}, async (a, b) => {
    for (let round = 0; round < 10; round++) {
      const { network, subnet } = await a.createNetwork("10.0.0.0/24");
      const [removed, ...created] = await Promise.all([
        a.request("DELETE", `/v2.0/networks/${network}`),
        ...Array.from({ length: 4 }, () => b.request("POST", "/v2.0/ports", { port: { network_id: network } })),
      ]);
      const ports = (await a.get(`/v2.0/ports?network_id=${network}`)).list("ports").length;
      assert.equal(ports, created.filter((answer) => answer.status === 201).length);
      if (removed.status === 204) assert.equal(ports, 0);
      else assert.equal(removed.error, "409 NetworkInUse");
      const seen = { ...nothingSeen(), networks: new Set([network]), subnets: new Set([subnet]) };
      for (const port of (await a.get(`/v2.0/ports?network_id=${network}`)).list("ports"))
        await a.request("DELETE", `/v2.0/ports/${String(port["id"])}`);
      await a.request("DELETE", `/v2.0/networks/${network}`);
      await auditStore(a.driver, await a.engine.read(), seen);
    }
  });
});

test("a limit of 50 ports, 80 requests on two servers: 50 are made", async () => {
  await withTwoServers({ quotas: { port: 50 } }, async (a, b) => {
    const network_id = await a.create("networks", {});
    const answers = await storm(80, 20, (n) =>
      (n % 2 === 0 ? a : b).request("POST", "/v2.0/ports", { port: { network_id } }),
    );
    assert.equal(answers.filter((answer) => answer.status === 201).length, 50);
    const refused = answers.filter((answer) => answer.status !== 201).map((answer) => answer.error);
    assert.deepEqual([...new Set(refused)], ["409 OverQuota"]);
  });
});

test("what one server acknowledged, the other shows", async () => {
  await withTwoServers({}, async (a, b) => {
    for (let n = 0; n < 50; n++) {
      const id = await a.create("networks", { name: `n${n}` });
      assert.equal((await b.get(`/v2.0/networks/${id}`)).status, 200);
      await b.request("PUT", `/v2.0/networks/${id}`, { network: { name: "other" } });
      assert.equal((await a.get(`/v2.0/networks/${id}`)).text("network.name"), "other");
    }
  });
});
