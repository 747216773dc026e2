import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type TestServer, withServer } from "../testing/server.ts";

const names = (server: TestServer, query: string) =>
  server.get(`/v2.0/networks?${query}`).then((answer) => answer.list("networks").map((n) => String(n["name"])));

/** Every page after the other, by the links that the server gives. */
async function allPages(server: TestServer, query: string, rel: "next" | "previous"): Promise<readonly string[][]> {
  const pages: string[][] = [];
  let path: string | undefined = `/v2.0/networks?${query}`;
  while (path !== undefined) {
    const answer = await server.get(path);
    pages.push(answer.list("networks").map((n) => String(n["name"])));
    const link = answer.list("networks_links").find((l) => l["rel"] === rel);
    path =
      link === undefined || pages.at(-1)?.length === 0
        ? undefined
        : String(link["href"]).replace(/^https?:\/\/[^/]+/, "");
  }
  return pages.filter((page) => page.length > 0);
}

test("pages in any order, of any size, both ways, hold everything once", async () => {
  await withServer({}, async (server) => {
    const items = Array.from({ length: 23 }, (_, i) => ({
      name: `n${i % 7}`,
      mtu: 1200 + (i % 3),
      shared: i % 2 === 0,
    }));
    await server.request("POST", "/v2.0/networks", { networks: items });
    const key = fc.constantFrom("name", "mtu", "id", "created_at");
    const sort = fc.record({ key, dir: fc.constantFrom("asc", "desc") });
    const filter = fc.constantFrom("", "&shared=true", "&name=n1&name=n2", "&mtu=1201");
    await fc.assert(
      fc.asyncProperty(
        fc.array(sort, { maxLength: 3 }),
        fc.integer({ min: 1, max: 25 }),
        filter,
        async (sorts, limit, extra) => {
          const order = sorts.map((s) => `sort_key=${s.key}&sort_dir=${s.dir}`).join("&");
          const ordered = order.includes("sort_key=id") ? order : `${order}&sort_key=id&sort_dir=asc`;
          const whole = await names(server, `${ordered}${extra}`);
          const forward = await allPages(server, `limit=${limit}&${order}${extra}`, "next");
          assert.deepEqual(forward.flat(), whole);
          const back = await allPages(server, `limit=${limit}&page_reverse=True&${order}${extra}`, "previous");
          assert.deepEqual(back.toReversed().flat(), whole);
          assert.ok([...forward, ...back].every((page) => page.length <= limit));
        },
      ),
      { numRuns: 40 },
    );
  });
});

test("the operator's page size is the longest there is", async () => {
  await withServer({ maxPageSize: 5 }, async (server) => {
    await server.request("POST", "/v2.0/networks", {
      networks: Array.from({ length: 8 }, (_, i) => ({ name: `n${i}` })),
    });
    assert.equal((await names(server, "")).length, 5);
    assert.equal((await names(server, "limit=100")).length, 5);
    assert.equal((await names(server, "limit=2")).length, 2);
    assert.equal((await allPages(server, "", "next")).flat().length, 8);
  });
});

test("a filter that an index knows looks at what it finds, not at the cloud", async () => {
  await withServer({}, async (server) => {
    const { network } = await server.createNetwork("10.0.0.0/22");
    const ports = Array.from({ length: 500 }, (_, i) => ({ network_id: network, name: `p${i}`, device_id: `d${i}` }));
    await server.request("POST", "/v2.0/ports", { ports });
    const state = await server.engine.read();
    const one = [...state.ports.by("device_id", "d7")][0];
    assert.ok(one !== undefined);
    let walked = 0;
    const values = state.ports.values.bind(state.ports);
    state.ports.values = function* () {
      for (const port of values()) {
        walked++;
        yield port;
      }
    };
    const address = one.fixed_ips[0]?.ip_address;
    const queries = [
      `id=${one.id}`,
      "device_id=d7",
      "name=p7",
      `mac_address=${one.mac_address}`,
      `network_id=${network}&device_id=d7`,
      `fixed_ips=ip_address%3D${address}`,
      `network_id=${network}&fixed_ips=ip_address%3D${address}`,
    ];
    for (const query of queries)
      assert.deepEqual(
        (await server.get(`/v2.0/ports?${query}`)).list("ports").map((p) => p["id"]),
        [one.id],
        query,
      );
    assert.equal((await server.get("/v2.0/ports?limit=10")).list("ports").length, 10);
    assert.equal(walked, 0);
    assert.equal((await server.get("/v2.0/ports?status=DOWN")).list("ports").length, 500);
    assert.equal(walked, 500);
  });
});
