import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ensureTls } from "@dragonflow/server";
import { verifyToken } from "@dragonflow/store";
import { ApiClient } from "../api/client.ts";
import { networks } from "../api/resources.ts";
import { freePort } from "../lab/free-port.ts";
import { dragonflow, startDragonflow } from "../testing/dragonflow.ts";

const directory = mkdtempSync(join(tmpdir(), "df-server-"));
after(() => rmSync(directory, { recursive: true }));
const secret = join(directory, "secret");

describe("the server as a command", () => {
  test("takes its settings from file, environment and flags; a signal ends it in order, and what it stored stays", async () => {
    const config = join(directory, "dragonflow.toml");
    const port = await freePort();
    writeFileSync(
      config,
      `[server]\nname = "one"\napi_port = 1\nstore = "sqlite:${join(directory, "store.db")}"\nlog_level = "error"\n`,
    );
    const env = { DRAGONFLOW_API_PORT: "2", DRAGONFLOW_LOG_LEVEL: "info", DRAGONFLOW_SECRET_FILE: secret };
    const args = ["server", "--config", config, "--api-port", String(port)];
    const url = `http://127.0.0.1:${port}`;

    const first = startDragonflow(args, env);
    await first.saw(`"api":"${url}"`);
    await new ApiClient(url).create(networks, { name: "kept" });
    first.kill("SIGTERM");
    assert.equal(await first.ended, 0, first.output());

    const second = startDragonflow(args, env);
    await second.saw('"msg":"serving"');
    assert.deepEqual(
      (await new ApiClient(url).list(networks)).map(({ name }) => name),
      ["kept"],
    );
    const third = await dragonflow([...args.slice(0, -1), String(await freePort())], env);
    assert.equal(third.code, 1);
    assert.match(third.stderr, /^dragonflow: .*store\.db.*\n$/);
    second.kill("SIGINT");
    assert.equal(await second.ended, 0, second.output());
  });

  test("a token is good for its chassis, and its secret is made when there is none", async () => {
    const { code, stdout } = await dragonflow(["token", "host7", "--secret-file", secret]);
    assert.equal(code, 0);
    assert.equal(statSync(secret).mode & 0o777, 0o600);
    const key = Buffer.from((await readFile(secret, "utf8")).trim(), "hex");
    assert.equal(verifyToken(key, stdout.trim()), "chassis:host7");
    const further = await dragonflow(["token", "--for-server", "--secret-file", secret]);
    assert.equal(verifyToken(key, further.stdout.trim()), "server");
  });

  test("a controller without its token says which file it misses", async () => {
    const flags = {
      server: "wss://127.0.0.1:1",
      "token-file": "/nonexistent/token",
      "ca-file": "/nonexistent/ca",
      "tunnel-ip": "192.0.2.1",
    };
    const refused = await dragonflow([
      "controller",
      ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
    ]);
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, /^dragonflow: token_file: ENOENT: .*\/nonexistent\/token'\n$/);
  });

  test("a controller whose server is away says that it waits for it", async () => {
    const { caFile } = await ensureTls(join(directory, "tls"));
    const [token, socket] = [join(directory, "host7.token"), join(directory, "controller.sock")];
    writeFileSync(token, (await dragonflow(["token", "host7", "--secret-file", secret])).stdout);
    const away = `wss://127.0.0.1:${await freePort()}`;
    const settings = ["--server", away, "--token-file", token, "--ca-file", caFile, "--tunnel-ip", "192.0.2.1"];
    const controller = startDragonflow(["controller", ...settings, "--socket", socket]);
    await controller.saw("the server is not reached");
    const waits = new RegExp(`^dragonflow: the controller: it waits for the server at ${away}: .*ECONNREFUSED.*\n$`);
    for (const command of ["status", "flows"]) {
      const { code, stdout, stderr } = await dragonflow([command, "--socket", socket]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, waits);
    }
    controller.kill("SIGTERM");
    assert.equal(await controller.ended, 0, controller.output());
  });

  test("what is no PEM is refused at the start, by setting and file", async () => {
    const { certFile, keyFile, caFile } = await ensureTls(join(directory, "tls"));
    const [noPem, half, token] = ["no.pem", "half.pem", "token"].map((name) => join(directory, name));
    assert.ok(noPem !== undefined && half !== undefined && token !== undefined);
    writeFileSync(noPem, "I am no PEM\n");
    // A bundle whose second half was lost: TLS would take the first, and say nothing.
    writeFileSync(half, `${readFileSync(caFile, "utf8")}${readFileSync(certFile, "utf8").slice(0, 200)}\n`);
    writeFileSync(token, "v1.no.good\n");
    const flagsOf = (flags: Readonly<Record<string, string>>) =>
      Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    const start = { server: "wss://127.0.0.1:1", "token-file": token, "tunnel-ip": "192.0.2.1" };
    const relay = { "relay-port": "0", "api-port": "0", store: `sqlite:${join(directory, "pem.db")}` };
    const good = { "tls-cert-file": certFile, "tls-key-file": keyFile };
    const further = { store: "wss://127.0.0.1:1", "store-token-file": token };
    const refusals = [
      ["controller", { ...start, "ca-file": noPem }, `ca_file: ${noPem} holds no certificate in PEM`],
      ["controller", { ...start, "ca-file": keyFile }, `ca_file: ${keyFile} holds no certificate in PEM`],
      ["controller", { ...start, "ca-file": half }, `ca_file: ${half}: certificate 2 cannot be read: `],
      ["server", { ...further, "store-ca-file": noPem }, `store_ca_file: ${noPem} holds no certificate in PEM`],
      ["server", { ...relay, ...good, "tls-cert-file": noPem }, `tls_cert_file: ${noPem} holds no certificate in PEM`],
      [
        "server",
        { ...relay, ...good, "tls-key-file": certFile },
        `tls_key_file: ${certFile}: the private key cannot be read: `,
      ],
    ] as const;
    await Promise.all(
      refusals.map(async ([command, flags, says]) => {
        const { code, stdout, stderr } = await dragonflow([command, ...flagsOf({ ...flags, "log-level": "silent" })]);
        assert.deepEqual([code, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], stderr);
        assert.ok(stderr.startsWith(`dragonflow: ${says}`), stderr);
      }),
    );
  });
});
