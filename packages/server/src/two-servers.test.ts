import assert from "node:assert/strict";
import { createServer } from "node:https";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { mintToken, serveRelay, verifyToken } from "@dragonflow/store";
import { listen, urlOf } from "./listen.ts";
import { loadSecret } from "./secret.ts";
import type { ServerSettings } from "./settings.ts";
import { ApiClient } from "./testing/api-client.ts";
import { LOOPBACK, mainSettings } from "./testing/cloud.ts";
import { FakeChassis, type RelayAccess } from "./testing/fake-chassis.ts";
import { type ServerProcess, startServerProcess } from "./testing/processes.ts";
import { eventually, scratchDirectory, testTls } from "./testing/scratch.ts";

/** Settings of a server over that relay. */
function secondSettings(name: string, { url, secret, caFile }: RelayAccess): ServerSettings {
  return {
    name,
    api: LOOPBACK,
    store: { url, token: mintToken(secret, "server"), caFile },
    secretFile: join(scratchDirectory(), "unused"),
    logLevel: "trace",
  };
}

async function accessOf(server: ServerProcess, settings: ServerSettings): Promise<RelayAccess> {
  const { caFile } = await testTls();
  return { url: server.relayUrl ?? "", secret: await loadSecret(settings.secretFile), caFile };
}

const foldingOf = async (server: ServerProcess): Promise<unknown> =>
  (await new ApiClient(server.apiUrl).call("GET", "/healthz")).body["folding"];
const leads = (server: ServerProcess) =>
  eventually(`${server.apiUrl} folds`, async () => (await foldingOf(server)) === "leading");

suite("two server processes on one store", () => {
  test("50 clients, a subnet of exactly 1,000 addresses: exactly 1,000 ports, all different", async () => {
    const settings = await mainSettings();
    const main = await startServerProcess(settings);
    const second = await startServerProcess(secondSettings("second", await accessOf(main, settings)));
    const apis = [new ApiClient(main.apiUrl), new ApiClient(second.apiUrl)];
    const [api] = apis;
    assert.ok(api);
    const network_id = await api.network();
    const pool = { start: "10.0.0.11", end: "10.0.3.242" };
    const subnet = { network_id, ip_version: 4, cidr: "10.0.0.0/16", gateway_ip: null, allocation_pools: [pool] };
    assert.equal((await api.call("POST", "/v2.0/subnets", { subnet })).status, 201);

    const answers = new Map<number, number>();
    const addresses: string[] = [];
    async function client(number: number): Promise<void> {
      // 22 each are 1,100: the last hundred must be refused, whoever they are.
      for (let i = 0; i < 22; i++) {
        const { status, body } = await apis[number % 2]!.call("POST", "/v2.0/ports", { port: { network_id } });
        answers.set(status, (answers.get(status) ?? 0) + 1);
        if (status !== 201) {
          assert.equal((body["NeutronError"] as { type: string }).type, "IpAddressGenerationFailure");
          continue;
        }
        const { fixed_ips } = body["port"] as { fixed_ips: readonly { ip_address: string }[] };
        addresses.push(...fixed_ips.map((f) => f.ip_address));
      }
    }
    await Promise.all(Array.from({ length: 50 }, (_, number) => client(number)));
    assert.deepEqual(Object.fromEntries(answers), { 201: 1000, 409: 100 });
    assert.equal(new Set(addresses).size, 1000);
    for (const each of apis) {
      const { body } = await each.call("GET", "/v2.0/ports?fields=id");
      assert.equal((body["ports"] as readonly unknown[]).length, 1000, "both servers show them all");
    }
    assert.equal(await second.end("SIGTERM"), 0);
    assert.equal(await main.end("SIGTERM"), 0);
    const { secret } = await accessOf(main, settings);
    for (const log of [main.log(), second.log()])
      for (const hidden of [Buffer.from(secret).toString("hex"), mintToken(secret, "server")])
        assert.ok(!log.includes(hidden), "no secret is logged");
  });

  test("the folding moves on when the server that does it is killed, and when it closes", async () => {
    // The store in this process: a relay that outlives the servers on it.
    const directory = scratchDirectory();
    const { certFile, keyFile, caFile } = await testTls();
    const secret = await loadSecret(join(directory, "secret"));
    const driver = await openSqliteStore({ file: join(directory, "nb.db") });
    const listener = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
    const relay = serveRelay({ driver, listener, authorize: (token) => verifyToken(secret, token) });
    const access = { url: urlOf("wss", await listen(listener, LOOPBACK)), secret, caFile };

    const first = await startServerProcess(secondSettings("first", access));
    await leads(first);
    const second = await startServerProcess(secondSettings("second", access));
    const third = await startServerProcess(secondSettings("third", access));
    assert.deepEqual([await foldingOf(second), await foldingOf(third)], ["waiting", "waiting"]);
    const api = new ApiClient(third.apiUrl);
    const one = await FakeChassis.start("host1", access);
    const two = await FakeChassis.start("host2", access);
    const { id } = await api.port({ network_id: await api.network() });
    await one.claim(id, true);
    const shows = (host: string) =>
      eventually(`the port is active on ${host}`, async () => {
        const port = await api.show(id);
        return port.status === "ACTIVE" && port["binding:host_id"] === host;
      });
    await shows("host1");
    await two.claim(id, true);
    await eventually("the later claim is refused", () => two.refusalOf(id) === "host1");

    await first.end("SIGKILL");
    const { revision_number } = await api.show(id);
    const next = await eventually("another one folds", async () => {
      for (const server of [second, third]) if ((await foldingOf(server)) === "leading") return server;
      return undefined;
    });
    assert.equal((await api.show(id)).revision_number, revision_number, "who takes over finds all as it should be");
    await one.unclaim(id);
    await shows("host2");
    await eventually("the refusal of the other server's time is withdrawn", () => two.refusalOf(id) === undefined);

    if (next === third) await second.end("SIGTERM");
    else {
      await second.end("SIGTERM");
      await leads(third);
    }
    await two.unclaim(id);
    await one.claim(id, true);
    await shows("host1");
    for (const chassis of [one, two]) await chassis.die();
    await third.end("SIGTERM");
    await relay.close();
    listener.close();
    await driver.close();
  });

  test("the server that has the store is killed and starts again: everybody goes on", async () => {
    const settings = await mainSettings();
    const main = await startServerProcess(settings);
    const access = await accessOf(main, settings);
    const second = await startServerProcess(secondSettings("second", access));
    const api = new ApiClient(second.apiUrl);
    const one = await FakeChassis.start("host1", access);
    const { id } = await api.port({ network_id: await api.network() });
    await one.claim(id, true);
    const active = () => eventually("the port is active", async () => (await api.show(id)).status === "ACTIVE");
    await active();

    await main.end("SIGKILL");
    assert.equal((await api.call("GET", "/healthz")).status, 503);
    const relayPort = Number(new URL(access.url).port);
    assert.ok(settings.relay);
    const again = await startServerProcess({ ...settings, relay: { ...settings.relay, port: relayPort } });
    await leads(again);
    await eventually("the second server is back", async () => (await api.call("GET", "/healthz")).status === 200);
    assert.equal((await api.show(id)).status, "ACTIVE", "a controller that came back in time was never away");
    const late = await eventually("the controller can write again", () =>
      one.claim(id, false).then(
        () => true,
        () => false,
      ),
    );
    assert.ok(late);
    await eventually("and is heard", async () => (await api.show(id)).status === "DOWN");
    await one.die();
    await second.end("SIGTERM");
    await again.end("SIGTERM");
  });
});
