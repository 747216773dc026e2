import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { freePort } from "../lab/free-port.ts";
import { ApiClient, ApiError } from "./client.ts";
import { networks, ports, routers } from "./resources.ts";

interface Asked {
  readonly line: string;
  readonly body: string;
  readonly ifMatch: string | undefined;
}
const asked: Asked[] = [];
let answer: { status: number; body: string } = { status: 200, body: "{}" };
const server = createServer((request: IncomingMessage, response) => {
  void text(request).then((body) => {
    asked.push({ line: `${request.method} ${request.url}`, body, ifMatch: request.headers["if-match"] });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
  });
});
let api: ApiClient;
before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  api = new ApiClient(`http://127.0.0.1:${address.port}/`);
});
after(() => {
  server.closeAllConnections();
  server.close();
});
const network = { id: "n1", name: "blue", mtu: 1442, "provider:network_type": "geneve" };

describe("the client of the API", () => {
  test("asks as the API wants it, and keeps what it does not know", async () => {
    answer = { status: 200, body: JSON.stringify({ networks: [network] }) };
    assert.deepEqual(await api.list(networks, { name: ["blue", "green"], limit: "2" }), [network]);
    answer = { status: 201, body: JSON.stringify({ network }) };
    assert.equal((await api.create(networks, { name: "blue" })).mtu, 1442);
    assert.equal((await api.update(networks, "n/1", { name: "blue" }, 7)).id, "n1");
    answer = { status: 204, body: "" };
    await api.remove(networks, "n1");
    await api.act(routers, "r1", "add_router_interface", { subnet_id: "s1" });
    assert.deepEqual(asked, [
      { line: "GET /v2.0/networks?name=blue&name=green&limit=2", body: "", ifMatch: undefined },
      { line: "POST /v2.0/networks", body: '{"network":{"name":"blue"}}', ifMatch: undefined },
      { line: "PUT /v2.0/networks/n%2F1", body: '{"network":{"name":"blue"}}', ifMatch: "revision_number=7" },
      { line: "DELETE /v2.0/networks/n1", body: "", ifMatch: undefined },
      { line: "PUT /v2.0/routers/r1/add_router_interface", body: '{"subnet_id":"s1"}', ifMatch: undefined },
    ]);
  });

  test("what the API refuses is an error with its status, its type and its words", async () => {
    const refused = { type: "PortNotFound", message: "Port p could not be found.", detail: "" };
    answer = { status: 404, body: JSON.stringify({ NeutronError: refused }) };
    await assert.rejects(api.show(ports, "p"), (error) => {
      assert.ok(error instanceof ApiError);
      assert.deepEqual(
        [error.status, error.type, error.message],
        [404, "PortNotFound", "Port p could not be found. (404 PortNotFound)"],
      );
      return true;
    });
    answer = { status: 502, body: "<html>" };
    await assert.rejects(api.show(ports, "p"), { status: 502, message: "GET /v2.0/ports/p: 502" });
  });

  test("an answer of another shape is an error that says where", async () => {
    for (const body of ['{"networks":[{"id":1,"name":"","mtu":1}]}', "{}", "", "<html>", "[]"]) {
      answer = { status: 200, body };
      await assert.rejects(api.list(networks), { name: "ApiError", message: /what nobody expects: networks/ });
    }
  });

  test("an API that is not there is an error that says so; a signal ends the wait with its own reason", async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    await assert.rejects(new ApiClient(nowhere).list(networks), {
      status: 0,
      message: /^the API at http:\/\/127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/,
    });
    const stopped = new ApiClient(nowhere, { signal: AbortSignal.abort(new Error("stopped")) });
    await assert.rejects(stopped.list(networks), { message: "stopped" });
  });
});
