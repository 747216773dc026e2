import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { parseTopic } from "@dragonflow/model";
import { ORIGIN, Replica, type StoreDriver, Unavailable } from "@dragonflow/store";
import { unauthorized } from "../errors.ts";
import { TestServer, withServer } from "../testing/server.ts";
import { createApi } from "./api.ts";

test("malformed, oversized, too deep, too long, too many: each its own refusal", async () => {
  await withServer({ maxBodyBytes: 10_000, maxBulkItems: 3, maxUrlLength: 1000 }, async (server) => {
    const post = (body: string) => server.request("POST", "/v2.0/networks", body);
    for (const body of ["{", "[]", '"x"', "7", "null", "{'network': {}}", "\u0000", '{"network": NaN}'])
      assert.equal((await post(body)).error, "400 HTTPBadRequest", body);
    assert.equal((await post(`{"network": {"name": "${"x".repeat(20_000)}"}}`)).error, "413 HTTPRequestEntityTooLarge");
    assert.equal((await post(`{"network": ${"[".repeat(4000)}${"]".repeat(4000)}}`)).error, "400 HTTPBadRequest");
    assert.equal((await post('{"networks": [{}, {}, {}, {}]}')).error, "400 HTTPBadRequest");
    assert.equal((await server.get(`/v2.0/networks?name=${"x".repeat(1000)}`)).error, "414 HTTPRequestURITooLong");
    assert.equal((await server.get(`/v2.0/networks/${"x".repeat(400)}`)).status, 404);
    assert.equal((await server.get("/v2.0/networks")).list("networks").length, 0);
  });
});

test("names that JavaScript has a meaning for are names like others", async () => {
  await withServer({}, async (server) => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    for (const name of names) {
      const body = `{"network": {"${name}": {"a": 1}}}`;
      assert.equal((await server.request("POST", "/v2.0/networks", body)).error, "400 HTTPBadRequest", name);
      assert.equal((await server.get(`/v2.0/networks?${name}=1`)).error, "400 HTTPBadRequest", name);
      assert.equal(
        (await server.get(`/v2.0/networks?sort_key=${name}&sort_dir=asc`)).error,
        "400 HTTPBadRequest",
        name,
      );
      assert.equal((await server.get(`/v2.0/networks?fields=${name}&fields=id`)).status, 200, name);
      assert.equal((await server.get(`/v2.0/networks/${name}`)).error, "404 NetworkNotFound", name);
      assert.equal((await server.get(`/v2.0/${name}`)).error, "404 HTTPNotFound", name);
      assert.equal((await server.get(`/v2.0/quotas/${name}`)).status, 200, name);
    }
    const network_id = await server.create("networks", {});
    const profile = '{"__proto__": {"admin": true}, "constructor": 1}';
    const made = await server.request(
      "POST",
      "/v2.0/ports",
      `{"port": {"network_id": "${network_id}", "binding:profile": ${profile}}}`,
    );
    assert.equal(made.status, 201);
    assert.equal(JSON.stringify(made.at("port.binding:profile")), JSON.stringify(JSON.parse(profile)));
    assert.equal(made.at("port.binding:profile.admin"), undefined);
  });
});

test("text that no store keeps as it is is refused in every attribute, by its name", async () => {
  await withServer({}, async (server) => {
    const { network, subnet } = await server.createNetwork("10.0.0.0/24");
    const port = await server.create("ports", { network_id: network });
    const router = await server.create("routers", {});
    const refusalOf = async (method: "POST" | "PUT", path: string, body: unknown) => {
      const answer = await server.request(method, `/v2.0/${path}`, body);
      return `${answer.error} ${answer.text("NeutronError.message")}`;
    };
    // JSON.stringify escapes both, as a client would.
    for (const [bad, what] of [
      ["\0", "NUL characters"],
      ["a\0b", "NUL characters"],
      ["\ud800", "lone surrogates"],
      ["\udc00\ud83d", "lone surrogates"],
    ] as const) {
      const refused = (name: string) =>
        `400 HTTPBadRequest Invalid input for ${name}. Reason: Text must not contain ${what}.`;
      for (const name of ["name", "description", "tenant_id", "dns_domain", "provider:network_type"])
        assert.equal(await refusalOf("POST", "networks", { network: { [name]: bad } }), refused(name));
      assert.equal(await refusalOf("POST", "networks", { networks: [{}, { name: bad }] }), refused("name"));
      assert.equal(await refusalOf("PUT", `networks/${network}`, { network: { name: bad } }), refused("name"));
      assert.equal(await refusalOf("PUT", `subnets/${subnet}`, { subnet: { name: bad } }), refused("name"));
      assert.equal(
        await refusalOf("PUT", `routers/${router}`, { router: { description: bad } }),
        refused("description"),
      );
      const hints = { availability_zone_hints: [`nova${bad}`] };
      assert.equal(await refusalOf("POST", "networks", { network: hints }), refused("availability_zone_hints"));
      for (const [name, value] of Object.entries({
        device_id: bad,
        device_owner: bad,
        "binding:host_id": bad,
        "binding:profile": { list: [{ [bad]: 1 }] },
        extra_dhcp_opts: [{ opt_name: "bootfile-name", opt_value: bad }],
      }))
        assert.equal(await refusalOf("PUT", `ports/${port}`, { port: { [name]: value } }), refused(name));
      assert.equal(
        await refusalOf("PUT", `networks/${network}/tags`, { tags: [bad] }),
        `400 InvalidInput Invalid input for operation: Text must not contain ${what}.`,
      );
    }
    for (const path of [`networks/${network}/tags/a%00b`, "quotas/a%00b"])
      assert.equal((await server.request("PUT", `/v2.0/${path}`, { quota: {} })).error, "400 HTTPBadRequest", path);
    const name = "a\u0001 \ufffd 😀 \ud83d\ude00";
    const kept = await server.create("networks", { name });
    assert.equal((await server.get(`/v2.0/networks/${kept}`)).text("network.name"), name);
    assert.equal((await server.get("/v2.0/networks")).list("networks").length, 2);
  });
});

test("a real socket: chunked body, keep-alive, request id, no length limit passed by", async () => {
  await withServer({ maxBodyBytes: 1000 }, async (server) => {
    const address = await server.api.listen({ port: 0, host: "127.0.0.1" });
    const ask = (chunks: readonly string[]) =>
      new Promise<{ status: number | undefined; id: unknown; text: string }>((resolve, reject) => {
        const request = httpRequest(`${address}/v2.0/networks`, { method: "POST" }, (response) => {
          let text = "";
          response.on("data", (chunk) => (text += String(chunk)));
          response.on("end", () =>
            resolve({ status: response.statusCode, id: response.headers["x-openstack-request-id"], text }),
          );
        });
        request.on("error", reject);
        for (const chunk of chunks) request.write(chunk);
        request.end();
      });
    const made = await ask(['{"netw', 'ork": {"name"', ': "chunked"}}']);
    assert.equal(made.status, 201);
    assert.match(String(made.id), /^req-[0-9a-f-]{36}$/);
    assert.equal((await ask(Array.from({ length: 20 }, () => "x".repeat(100)))).status, 413);
  });
});

test("links follow the address that the client used", async () => {
  await withServer({}, async (server) => {
    await server.create("networks", { name: "a" });
    const answer = await server.request("GET", "/v2.0/networks?limit=1&name=a", undefined, {
      host: "cloud.example:443",
      "x-forwarded-proto": "https",
    });
    assert.match(
      answer.text("networks_links.0.href"),
      /^https:\/\/cloud\.example:443\/v2\.0\/networks\?limit=1&name=a&marker=/,
    );
    assert.equal(
      (await server.request("GET", "/", undefined, { host: "h:1" })).text("versions.0.links.0.href"),
      "http://h:1/v2.0/",
    );
  });
});

test("authentication is one function", async () => {
  await withServer({}, async (server) => {
    const api = createApi(server.engine, {
      authenticate: (headers) => {
        if (headers["x-auth-token"] !== "secret") throw unauthorized();
        return { projectId: "mine", isAdmin: true };
      },
    });
    const refused = await api.inject({ method: "GET", url: "/v2.0/networks" });
    assert.equal(refused.statusCode, 401);
    const payload = JSON.stringify({ network: {} });
    const headers = { "x-auth-token": "secret" };
    const made = await api.inject({ method: "POST", url: "/v2.0/networks", headers, payload });
    assert.equal(JSON.parse(made.body).network.project_id, "mine");
    await api.close();
  });
});

test("what was changed names its commits, as whoever follows the store sees them; what was only read names none", async () => {
  const store = await openSqliteStore({ file: ":memory:" });
  const server = new TestServer(store, {});
  const committed = new Set<string>();
  const replica = new Replica({
    watch: store.watch(),
    onBatch: ({ commits }) => {
      for (const { commit } of commits) committed.add(commit);
    },
  });
  try {
    const topic = parseTopic("api/networks");
    replica.add([topic]);
    await replica.waitFor(topic, ORIGIN);
    const ask = async (method: "GET" | "POST" | "PUT", url: string, body?: object) => {
      const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
      const { headers, body: text } = await server.api.inject({ method, url: `/v2.0/${url}`, ...payload });
      return {
        changes: String(headers["x-dragonflow-change-id"] ?? "").split(", "),
        network: JSON.parse(text).network,
      };
    };
    const made = await ask("POST", "networks", { network: { name: "a" } });
    const renamed = await ask("PUT", `networks/${made.network.id}`, { network: { name: "b" } });
    await replica.waitFor(topic, (await store.head(topic)).position);
    for (const { changes } of [made, renamed]) assert.ok(committed.has(changes.at(-1) ?? ""), changes.join());
    assert.notDeepEqual(made.changes, renamed.changes);
    assert.deepEqual((await ask("GET", `networks/${made.network.id}`)).changes, [""]);
    assert.deepEqual((await ask("PUT", `networks/${made.network.id}`, { network: { colour: 1 } })).changes, [""]);
  } finally {
    await replica.close();
    await server.close();
    await store.close();
  }
});

test("a store that is away is 503, and nothing of the server's insides is told", async () => {
  const store = await openSqliteStore({ file: ":memory:" });
  let isAway = false;
  const flaky: StoreDriver = new Proxy(store, {
    get(target, name) {
      if (isAway && name === "head") return () => Promise.reject(new Unavailable("unreachable"));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const server = new TestServer(flaky, { conflictDeadlineMs: 200 });
  await server.create("networks", {});
  isAway = true;
  assert.equal((await server.get("/v2.0/networks")).error, "503 ServiceUnavailable");
  assert.equal((await server.request("POST", "/v2.0/networks", { network: {} })).error, "503 ServiceUnavailable");
  isAway = false;
  assert.equal((await server.get("/v2.0/networks")).list("networks").length, 1);
  await server.close();
  await store.close();
});

test("a client may choose an object's id, before it asks for it", async () => {
  await withServer({}, async (server) => {
    const id = "0b5c2e6a-1111-4222-8333-444455556666";
    const post = (body: unknown, chosen = id) =>
      server.request("POST", "/v2.0/networks", body, { "x-dragonflow-object-id": chosen });
    assert.equal((await post({ network: { name: "mine" } })).text("network.id"), id);
    assert.equal((await server.get(`/v2.0/networks/${id}`)).text("network.name"), "mine");
    assert.equal((await post({ network: {} })).status, 409);
    assert.equal((await post({ networks: [{}, {}] })).status, 400);
    for (const bad of ["x", "", "../../etc", "0b5c2e6a"])
      assert.equal((await post({ network: {} }, bad)).status, 400, bad);
    const other = "0b5c2e6a-1111-4222-8333-444455557777";
    const both = await Promise.all([post({ network: {} }, other), post({ network: {} }, other)]);
    assert.deepEqual(
      both.map((answer) => answer.status).toSorted((x, y) => x - y),
      [201, 409],
    );
  });
});

test("a change that the store does not take at once is refused, and leaves nothing", async () => {
  await withServer({ maxBulkItems: 10_000 }, async (server) => {
    const network_id = await server.create("networks", {});
    const ports = Array.from({ length: 6000 }, () => ({ network_id }));
    assert.equal((await server.request("POST", "/v2.0/ports", { ports })).error, "413 HTTPRequestEntityTooLarge");
    assert.equal((await server.get("/v2.0/ports")).list("ports").length, 0);
  });
});
