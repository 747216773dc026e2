import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { parseAddress } from "./address.ts";
import { Backoff } from "./backoff.ts";
import { OvsdbClient } from "./client.ts";
import { ConnectionError, Unavailable } from "./errors.ts";
import { PrivateServer } from "./testing/private-server.ts";

test("addresses", () => {
  assert.deepEqual(parseAddress("unix:/run/a b:c.sock"), { kind: "unix", path: "/run/a b:c.sock" });
  assert.deepEqual(parseAddress("tcp:10.0.0.1:6641"), { kind: "tcp", host: "10.0.0.1", port: 6641 });
  assert.deepEqual(parseAddress("tcp:[fe80::1%eth0]:1"), { kind: "tcp", host: "fe80::1%eth0", port: 1 });
  assert.deepEqual(parseAddress("ssl:ovs.example"), { kind: "ssl", host: "ovs.example", port: 6640 });
  for (const bad of [
    "",
    "unix:",
    "tcp:",
    "tcp::6640",
    "tcp:h:",
    "tcp:h:0",
    "tcp:h:65536",
    "tcp:fe80::1:6640",
    "udp:h:1",
    "tcp:a b:1",
  ]) {
    assert.throws(() => parseAddress(bad), { code: "bad-address" }, bad);
  }
});

test("waits double up to the limit, and at most half of each is left to chance", () => {
  const longest = new Backoff({ minMs: 100, maxMs: 1000 }, () => 0);
  assert.deepEqual(
    Array.from({ length: 6 }, () => longest.next()),
    [100, 200, 400, 800, 1000, 1000],
  );
  longest.reset();
  assert.equal(longest.next(), 100);
  const shortest = new Backoff({ minMs: 100, maxMs: 1000 }, () => 1);
  assert.deepEqual([shortest.next(), shortest.next()], [50, 100]);
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

test("TCP", async () => {
  const port = await freePort();
  const server = await PrivateServer.start({ remotes: () => [`--remote=ptcp:${port}:127.0.0.1`] });
  try {
    await using ovs = await OvsdbClient.connect(`tcp:127.0.0.1:${port}`);
    assert.deepEqual(await ovs.request("list_dbs", []), ["Open_vSwitch", "_Server"]);
  } finally {
    await server.remove();
  }
});

test("TLS, with certificates on both sides", async () => {
  const port = await freePort();
  const certify = (directory: string) => {
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const request = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ];
    execFileSync("openssl", [...request, "-subj", "/CN=ovs", "-keyout", key, "-out", cert], { stdio: "ignore" });
    return [`--remote=pssl:${port}:127.0.0.1`, `--private-key=${key}`, `--certificate=${cert}`, `--ca-cert=${cert}`];
  };
  const server = await PrivateServer.start({ remotes: certify });
  try {
    const key = readFileSync(join(server.directory, "key.pem"));
    const cert = readFileSync(join(server.directory, "cert.pem"));
    // Certificates of Open vSwitch name no host: the authority is what is checked.
    const tls = { key, cert, ca: cert, checkServerIdentity: () => undefined };
    await using ovs = await OvsdbClient.connect(`ssl:127.0.0.1:${port}`, { tls });
    assert.deepEqual(await ovs.request("list_dbs", []), ["Open_vSwitch", "_Server"]);
    await assert.rejects(OvsdbClient.connect(`ssl:127.0.0.1:${port}`), (error) => {
      return (
        error instanceof Unavailable && error.cause instanceof ConnectionError && error.cause.code === "connect-failed"
      );
    });
  } finally {
    await server.remove();
  }
});
