import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { chassisTopic, networkTopic, statusTopic, topic } from "@dragonflow/model";
import {
  commitWithRetry,
  connectRelay,
  Forbidden,
  type Lease,
  LEASE_TOPIC,
  LeaseLost,
  leaseRecordId,
  mintToken,
  newCommitId,
  serveRelay,
  TooLarge,
  Unavailable,
  verifyToken,
} from "@dragonflow/store";
import { contents, Observer, observe, port, positionIn, put, within, write } from "@dragonflow/store/conformance";
import { openSqliteStore } from "./index.ts";
import { startChild } from "./testing/children.ts";
import { GUARDS, grabGuards, OWNERS } from "./testing/guards.ts";
import { rawClient } from "./testing/raw-client.ts";
import { reachable, relayedStore, SECRET, temporaryDirectory } from "./testing/harnesses.ts";

const TOPIC = networkTopic("a");

/** Many turns of the event loop: whatever is under way in this process has happened. */
async function turns(count = 100): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
/** Looks again at every turn, for what gives no event. */
async function eventually(what: string, condition: () => boolean): Promise<void> {
  const look = async (): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  await within(what, look());
}

test("over TLS, to a server whose certificate is trusted, and to no other", async () => {
  const directory = temporaryDirectory();
  const [key, cert] = [join(directory.path, "key.pem"), join(directory.path, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", [...request, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
  const store = await openSqliteStore({ file: ":memory:" });
  const listener = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
  const relay = serveRelay({ driver: store, listener, authorize: (token) => verifyToken(SECRET, token) });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const url = `wss://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const token = mintToken(SECRET, "server");
  const client = await connectRelay(url, { token, ca: readFileSync(cert) });
  await write(client, [put(TOPIC, port(1), "x")]);
  const before = { ...relay.traffic };
  assert.deepEqual(await contents(client, TOPIC), new Map([["port/1", "x"]]));
  const { traffic } = relay;
  assert.ok(traffic.messagesSent > before.messagesSent && traffic.messagesReceived > before.messagesReceived);
  assert.ok(traffic.bytesSent > before.bytesSent && traffic.bytesReceived > before.bytesReceived);
  assert.ok(client.capabilities.auth.includes("tls"));
  const giveUp = AbortSignal.timeout(200);
  await assert.rejects(connectRelay(url, { token, signal: giveUp }), (error: unknown) => error === giveUp.reason);
  await assert.rejects(connectRelay(url, { token: mintToken("another", "server"), ca: readFileSync(cert) }), Forbidden);
  await client.close();
  await relay.close();
  listener.close();
  await store.close();
  directory.remove();
});

test("a chassis may do what its name allows, and is told when it may not", async () => {
  await using relayed = await relayedStore();
  const chassis = await relayed.connect("chassis:host1");
  const own = statusTopic("host1");
  await write(chassis, [put(own, port(1), "{}")]);
  assert.equal((await contents(chassis, own)).size, 1);
  await write(relayed.store, [put(TOPIC, port(1), "{}")]);
  await using lease = await chassis.lease("chassis/host1", { ttlSeconds: 5 });
  assert.equal(lease.name, "chassis/host1");
  const hidden = topic("refs", "x");
  await assert.rejects(chassis.get(hidden, port(1)), Forbidden);
  await assert.rejects(chassis.head(hidden), Forbidden);
  await assert.rejects(chassis.snapshot(hidden), Forbidden);
  await assert.rejects(write(chassis, [put(TOPIC, port(1), "forged")]), Forbidden);
  await assert.rejects(
    write(chassis, [put(own, port(1), "x"), put(statusTopic("host2"), port(1), "forged")]),
    Forbidden,
  );
  await assert.rejects(
    write(chassis, [put(own, port(1), "x")], [{ kind: "absent", topic: hidden, id: port(1) }]),
    Forbidden,
  );
  await assert.rejects(chassis.lease("chassis/host2", { ttlSeconds: 5 }), Forbidden);
  const observer = new Observer(chassis.watch());
  observer.watch.add([{ topic: TOPIC }, { topic: hidden }]);
  await observer.done;
  await assert.rejects(observer.close(), Forbidden);
  const others = await observe(chassis, TOPIC, chassisTopic("host1"));
  await others.close();
});

test("a client that does not read: bounded buffer, stale, and then all that it missed; the others hear everything", async () => {
  await using relayed = await relayedStore({
    relay: { limits: { clientBufferBytes: 128 * 1024 }, silenceSeconds: 300 },
  });
  const slow = await relayed.connect();
  const quick = await relayed.connect("server", { direct: true });
  const [slowly, quickly] = [await observe(slow, TOPIC), await observe(quick, TOPIC)];
  relayed.proxy.hold();
  const before = process.memoryUsage().arrayBuffers;
  let done = await write(relayed.store, [put(TOPIC, port(0), "first")]);
  for (let i = 0; i < 400; i++) {
    done = await write(relayed.store, [put(TOPIC, port(i % 20), `${i} ${"x".repeat(32 * 1024)}`)]);
    await quickly.untilAt(TOPIC, positionIn(done, TOPIC));
  }
  assert.equal(quickly.count("stale"), 0);
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  relayed.proxy.release();
  await slowly.untilAt(TOPIC, positionIn(done, TOPIC));
  await slowly.untilCurrent(TOPIC);
  assert.ok(slowly.events.some((event) => event.type === "stale" && event.reason === "overflow"));
  assert.deepEqual(slowly.texts(TOPIC), quickly.texts(TOPIC));
  const after = await write(relayed.store, [put(TOPIC, port("after"), "x")]);
  await slowly.untilAt(TOPIC, positionIn(after, TOPIC));
  await slowly.close();
  await quickly.close();
});

test("a snapshot comes at its reader's pace", async () => {
  await using relayed = await relayedStore();
  for (let i = 0; i < 20; i++)
    await write(
      relayed.store,
      Array.from({ length: 100 }, (_, k) => put(TOPIC, port(i * 100 + k), "x".repeat(8 * 1024))),
    );
  const client = await relayed.connect();
  const snapshot = await client.snapshot(TOPIC);
  await turns();
  const total = 2000 * 8 * 1024;
  assert.ok(relayed.proxy.delivered < total / 2, `${relayed.proxy.delivered} bytes came unasked`);
  let rows = 0;
  for await (const page of snapshot.rows) rows += page.length;
  assert.equal(rows, 2000);
  // One that is given up half-way leaves room for the next.
  for (let i = 0; i < 5; i++) for await (const page of (await client.snapshot(TOPIC)).rows) if (page.length > 0) break;
  assert.equal((await contents(client, TOPIC)).size, 2000);
});

test("cut again and again while writing: what was acknowledged is there, and everything happened once", async () => {
  await using relayed = await relayedStore();
  const client = await relayed.connect();
  const observer = await observe(client, TOPIC);
  let writing = true;
  let replays = 0;
  const writers = Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 60; i++) {
        const id = port(`${writer}-${i}`);
        const result = await commitWithRetry(client, [put(TOPIC, id, "x")], [{ kind: "absent", topic: TOPIC, id }], {
          random: () => 0,
        });
        // Done twice, its own record would be in its way.
        assert.ok(result.ok, "done more than once");
        if (result.replayed) replays++;
      }
    }),
  ).finally(() => {
    writing = false;
  });
  let cuts = 0;
  while (writing && cuts < 12) {
    const rows = observer.seen(TOPIC).rows.size;
    await eventually("some progress", () => !writing || observer.seen(TOPIC).rows.size > rows + 5);
    relayed.proxy.cut();
    relayed.proxy.mend();
    cuts++;
  }
  await within("the writers", writers);
  assert.ok(cuts > 3);
  const { position } = await relayed.store.head(TOPIC);
  await observer.untilAt(TOPIC, position);
  assert.equal(observer.seen(TOPIC).rows.size, 8 * 60);
  assert.equal(observer.count("snapshot"), 1, "only differences");
  assert.deepEqual(observer.texts(TOPIC), await contents(relayed.store, TOPIC));
  assert.ok(replays >= 0);
  await observer.close();
});

test("a commit whose answer is cut off is unknown; a read is unavailable; retried, the commit says that it had happened", async () => {
  await using relayed = await relayedStore();
  const client = await relayed.connect();
  relayed.proxy.hold();
  const id = newCommitId();
  const commit = client.commit(id, [put(TOPIC, port(1), "x")], []);
  const read = client.get(TOPIC, port(1));
  const watching = await observe(relayed.store, TOPIC);
  await watching.until("the commit", () => watching.seen(TOPIC).rows.size === 1);
  await watching.close();
  relayed.proxy.cut();
  await assert.rejects(commit, { code: "outcome-unknown" });
  await assert.rejects(read, Unavailable);
  await assert.rejects(client.commit(newCommitId(), [], []), Unavailable);
  relayed.proxy.release();
  relayed.proxy.mend();
  await reachable(client);
  const again = await client.commit(id, [put(TOPIC, port(1), "x")], []);
  assert.ok(again.ok && again.replayed);
});

test("a side that falls silent is given up by the other; the watch goes on after", async () => {
  await using relayed = await relayedStore({ relay: { silenceSeconds: 1 } });
  const client = await relayed.connect();
  const observer = await observe(client, TOPIC);
  relayed.proxy.hold();
  const done = await write(relayed.store, [put(TOPIC, port(1), "x")]);
  await observer.until("the client notices", () => !observer.seen(TOPIC).current);
  relayed.proxy.release();
  await observer.untilAt(TOPIC, positionIn(done, TOPIC));
  await observer.untilCurrent(TOPIC);
  assert.equal(observer.count("snapshot"), 1);
  await observer.close();
  const silent = await rawClient(relayed.url);
  assert.equal(await within("the server notices", silent.closed), undefined);
});

test("a lease survives a short cut and a restart of the server, with its fence; a long cut loses it, and the holder knows first", async () => {
  await using relayed = await relayedStore();
  const client = await relayed.connect("chassis:host1");
  const other = await relayed.connect("server", { direct: true });
  const name = "chassis/host1";
  const lease = await client.lease(name, { ttlSeconds: 2 });
  const observer = await observe(other, LEASE_TOPIC);
  const deletions = () =>
    observer.events.filter((event) => event.type === "commits" && event.batch.some((c) => c.deletes.length > 0)).length;
  relayed.proxy.cut();
  relayed.proxy.mend();
  await reachable(client);
  await relayed.restart();
  await reachable(client);
  await reachable(other);
  const row = await other.get(LEASE_TOPIC, leaseRecordId(name));
  assert.equal(row?.version, lease.fence);
  assert.equal(lease.lost.aborted, false);

  const order: string[] = [];
  lease.lost.addEventListener("abort", () => order.push("lost"));
  relayed.proxy.cut();
  const next = other.lease(name, { ttlSeconds: 2 }).then((granted: Lease) => {
    order.push("granted");
    return granted;
  });
  const granted = await within("the next holder", next);
  assert.deepEqual(order, ["lost", "granted"]);
  assert.ok(lease.lost.reason instanceof LeaseLost);
  assert.equal(deletions(), 0, "it passed on in one step");
  assert.notEqual(granted.fence, lease.fence);
  await granted[Symbol.asyncDispose]();
  await observer.until("the record gone", () => !observer.seen(LEASE_TOPIC).rows.has(leaseRecordId(name)));
  await observer.close();
});

test("who breaks the protocol or a limit is cut off or refused, and nobody else", async () => {
  const limits = { frameBytes: 20_000, subscriptionsPerConnection: 3, leasesPerConnection: 1, requestsInFlight: 4 };
  await using relayed = await relayedStore({ relay: { limits, connections: 3 } });
  const client = await relayed.connect();
  const observer = await observe(client, TOPIC);

  await assert.rejects(write(client, [put(TOPIC, port(1), "x".repeat(30_000))]), (error: unknown) => {
    assert.ok(error instanceof TooLarge);
    assert.equal(error.limit, "bytesPerFrame");
    return true;
  });
  const greedy = new Observer(client.watch());
  greedy.watch.add([1, 2, 3].map((n) => ({ topic: networkTopic(`${n}`) })));
  await greedy.done;
  await assert.rejects(greedy.close(), TooLarge);
  await using lease = await client.lease("one", { ttlSeconds: 5 });
  assert.equal(lease.lost.aborted, false);
  await assert.rejects(client.lease("two", { ttlSeconds: 5 }), TooLarge);
  const many = await Promise.all(Array.from({ length: 300 }, () => client.head(TOPIC)));
  assert.equal(many.length, 300);

  const bad = await rawClient(relayed.url);
  bad.send("{");
  assert.equal(await bad.closed, 1008);
  const big = await rawClient(relayed.url);
  big.send("x".repeat(30_000));
  assert.equal(await big.closed, 1009);
  const binary = await rawClient(relayed.url);
  binary.send(Buffer.from([1, 2, 3]));
  assert.equal(await binary.closed, 1008);

  await relayed.connect();
  await relayed.connect();
  const token = mintToken(SECRET, "server");
  const giveUp = AbortSignal.timeout(200);
  await assert.rejects(
    connectRelay(relayed.url, { token, signal: giveUp }),
    (error: unknown) => error === giveUp.reason,
  );
  const done = await write(client, [put(TOPIC, port(1), "x")]);
  await observer.untilAt(TOPIC, positionIn(done, TOPIC));
  await observer.close();
});

test("two processes, fifty writers, a thousand guards: each guard has exactly one winner", async () => {
  const directory = temporaryDirectory();
  const [file, socket] = [join(directory.path, "nb.db"), join(directory.path, "socket")];
  const guards = 1000;
  await using child = startChild("guards-child.ts", [file, socket, String(guards)]);
  assert.equal(await within("the server", child.line()), "ready");
  const client = await connectRelay(`ws+unix:${socket}`, { token: mintToken(SECRET, "server") });
  child.tell("go");
  const here = await within("these writers", grabGuards(client, guards, 25, 50), 120_000);
  const there: unknown = JSON.parse(await within("the writers there", child.line(), 120_000));
  assert.ok(Array.isArray(there));
  assert.equal(here.length + there.length, guards);
  assert.equal(new Set([...here, ...there]).size, guards);
  assert.ok(here.length > 0 && there.length > 0, "both had a chance");
  assert.equal((await contents(client, GUARDS)).size, guards);
  assert.equal((await contents(client, OWNERS)).size, guards);
  await client.close();
  await within("the end of the server", child.stop());
  directory.remove();
});
