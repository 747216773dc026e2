import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connectRelay, Forbidden, mintToken, StoreLocked } from "@dragonflow/store";
import { loadSecret } from "./secret.ts";
import { startServer } from "./server.ts";
import { type ServerSettings, StartError } from "./settings.ts";
import { ApiClient } from "./testing/api-client.ts";
import { LOOPBACK, mainSettings, startCloud } from "./testing/cloud.ts";
import { FakeChassis } from "./testing/fake-chassis.ts";
import { eventually, scratchDirectory, testTls } from "./testing/scratch.ts";
import { ensureTls } from "./tls.ts";

/** Why a server does not start; it must say so in one line. */
async function refusal(settings: ServerSettings): Promise<Error> {
  const error = await startServer(settings).then(
    () => assert.fail("it started"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error);
  assert.doesNotMatch(error.message, /\n/);
  return error;
}

const portOf = (url: string): number => Number(new URL(url).port);

test("healthz tells of the store and of the folding", async () => {
  const { api, access, server } = await startCloud();
  const ready = await eventually("it folds", async () => {
    const health = await api.call("GET", "/healthz");
    return health.body["folding"] === "leading" && health;
  });
  assert.deepEqual(ready, { status: 200, body: { store: "ok", folding: "leading" } });

  const settings: ServerSettings = {
    name: "second",
    api: LOOPBACK,
    store: { url: access.url, token: mintToken(access.secret, "server"), caFile: access.caFile },
    secretFile: join(scratchDirectory(), "secret"),
    logLevel: "silent",
  };
  const second = await startServer(settings);
  const health = () => new ApiClient(second.apiUrl).call("GET", "/healthz");
  assert.deepEqual(await health(), { status: 200, body: { store: "ok", folding: "waiting" } });
  await server.close();
  assert.deepEqual(await health(), { status: 503, body: { store: "unreachable", folding: "waiting" } });
  await second.close();
});

test("a server that cannot start says why, and lets go of what it had", async () => {
  const settings = await mainSettings();
  const { server, access } = await startCloud(settings);
  const locked = await refusal(settings);
  assert.ok(locked instanceof StoreLocked);
  assert.match(locked.message, /nb\.db is open in another process/);

  const other = await mainSettings();
  const taken = { ...LOOPBACK, port: portOf(server.apiUrl) };
  for (const [changed, says] of [
    [{ api: taken }, /cannot listen on 127\.0\.0\.1 port \d+: .*EADDRINUSE/],
    [{ relay: { ...taken, ...(await testTls()) } }, /cannot listen on 127\.0\.0\.1 port \d+: .*EADDRINUSE/],
    [{ relay: { ...LOOPBACK, certFile: "/nonexistent.pem", keyFile: "/nonexistent.pem" } }, /nonexistent\.pem/],
    [
      { relay: { ...LOOPBACK, certFile: import.meta.filename, keyFile: import.meta.filename } },
      /no certificate and its key/,
    ],
    [{ store: { url: `sqlite:${scratchDirectory()}/not/there/nb.db` } }, /ENOENT.*not\/there/],
    [{ store: { url: "mysql://localhost/nb" } }, /"mysql:\/\/localhost\/nb" is no store/],
    [{ store: { url: "nowhere" } }, /"nowhere" is no store/],
    [{ store: { url: access.url } }, /needs a token/],
    [{ store: { url: access.url, token: "v1.no.good", caFile: access.caFile } }, /does not accept the token/],
  ] as const)
    assert.match((await refusal({ ...other, ...changed })).message, says);
  const never = AbortSignal.abort(new Error("told to end"));
  const away = { url: "wss://127.0.0.1:1", token: "v1.no.good" };
  await assert.rejects(startServer({ ...other, store: away }, never), never.reason);
  const started = await startServer(other);
  await started.close();
  await server.close();
});

test("the directory of a store or a secret is made for its owner alone", async () => {
  const directory = join(scratchDirectory(), "state");
  const settings: ServerSettings = {
    ...(await mainSettings()),
    store: { url: `sqlite:${join(directory, "nb.db")}` },
    secretFile: join(directory, "secret"),
  };
  await (await startServer(settings)).close();
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test("the secret is made once, for its owner alone, and is what tokens are signed with", async () => {
  const settings = await mainSettings();
  const { server, access } = await startCloud(settings);
  assert.equal(statSync(settings.secretFile).mode & 0o777, 0o600);
  const ca = readFileSync(access.caFile);
  const chassis = await connectRelay(access.url, { token: mintToken(access.secret, "chassis:host1"), ca });
  await chassis.close();
  const forged = connectRelay(access.url, { token: mintToken("another secret", "server"), ca });
  await assert.rejects(forged, Forbidden);
  await server.close();

  assert.deepEqual(await loadSecret(settings.secretFile), access.secret);
  chmodSync(settings.secretFile, 0o640);
  await assert.rejects(loadSecret(settings.secretFile), StartError);
  writeFileSync(settings.secretFile, "too short\n", { mode: 0o600 });
  chmodSync(settings.secretFile, 0o600);
  await assert.rejects(loadSecret(settings.secretFile), /holds no secret/);

  const fresh = join(scratchDirectory(), "secret");
  const [one, ...others] = await Promise.all(Array.from({ length: 8 }, () => loadSecret(fresh)));
  for (const other of others) assert.deepEqual(other, one, "all who start at once read the same");
});

test("controllers may connect to any server: the relay of a second one reaches the same store", async () => {
  const { api, access, server } = await startCloud();
  const { certFile, keyFile } = await testTls();
  const secretFile = join(scratchDirectory(), "secret");
  writeFileSync(secretFile, Buffer.from(access.secret).toString("hex"), { mode: 0o600 });
  const second = await startServer({
    name: "second",
    api: LOOPBACK,
    store: { url: access.url, token: mintToken(access.secret, "server"), caFile: access.caFile },
    relay: { ...LOOPBACK, certFile, keyFile },
    secretFile,
    logLevel: "error",
  });
  const chassis = await FakeChassis.start("far", { ...access, url: second.relayUrl ?? "" });
  const { id } = await api.port({ network_id: await api.network(), "binding:host_id": "far" });
  await chassis.claim(id, true);
  await eventually("its port is active", async () => (await api.show(id)).status === "ACTIVE");
  await eventually("and it has read it", () => chassis.hasLocalPorts);
  await chassis.die();
  await second.close();
  await server.close();
});

test("closing answers what was asked before, and refuses what comes after", async () => {
  const settings = await mainSettings();
  const { server } = await startCloud(settings);
  const { port } = new URL(server.apiUrl);
  const body = JSON.stringify({ network: { name: "last" } });
  const socket = connect(Number(port), "127.0.0.1");
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  const ended = new Promise((resolve) => socket.once("close", resolve));
  // The 100 shows that the request has arrived; its body comes when the server is already closing.
  socket.write(
    `POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  await eventually("the request has arrived", () => answer.includes("100 Continue"));
  const closed = server.close();
  await eventually("nobody else comes in", () =>
    fetch(`${server.apiUrl}/healthz`).then(
      () => false,
      () => true,
    ),
  );
  socket.write(body);
  await Promise.all([closed, ended]);
  assert.match(answer, /HTTP\/1\.1 201 Created/);

  const again = await startCloud(settings);
  const { body: found } = await again.api.call("GET", "/v2.0/networks?name=last");
  assert.equal((found["networks"] as readonly unknown[]).length, 1, "and it was written");
  await again.server.close();
});

test("a restart goes on where the last one was: nothing is folded anew", async () => {
  const settings = await mainSettings();
  const first = await startCloud(settings);
  const network = await first.api.network();
  const { id } = await first.api.port({ network_id: network, "binding:host_id": "host1" });
  await first.server.close();
  const second = await startCloud(settings);
  await eventually("it leads at once, though its lease was not given back by a killed one", async () => {
    const { body } = await second.api.call("GET", "/healthz");
    return body["folding"] === "leading";
  });
  assert.equal((await second.api.show(id)).revision_number, 1);
  await second.server.close();
});

test("certificates for a lab: valid for this machine, kept as they are", async () => {
  const directory = join(scratchDirectory(), "deep", "tls");
  const files = await ensureTls(directory);
  const verify = (...args: readonly string[]) =>
    execFileSync("openssl", ["verify", "-CAfile", files.caFile, "-purpose", "sslserver", ...args, files.certFile]);
  verify("-verify_hostname", "localhost");
  verify("-verify_ip", "127.0.0.1");
  verify("-verify_ip", "::1");
  assert.equal(statSync(files.keyFile).mode & 0o777, 0o600);
  const before = readFileSync(files.certFile, "utf8");
  assert.deepEqual(await ensureTls(directory), files);
  assert.equal(readFileSync(files.certFile, "utf8"), before);

  const blocked = join(scratchDirectory(), "file");
  mkdirSync(blocked);
  writeFileSync(join(blocked, "tls"), "");
  await assert.rejects(ensureTls(join(blocked, "tls")), /EEXIST|ENOTDIR/);
});
