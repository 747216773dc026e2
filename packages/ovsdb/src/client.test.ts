import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { OvsdbClient } from "./client.ts";
import { ConnectionError, OutcomeUnknown, RpcError, TransactionError, Unavailable, ValueError } from "./errors.ts";
import { openVSwitch } from "./generated/open-vswitch.ts";
import { abort, assert as assertLock, comment, commit, operations } from "./operations.ts";
import { PrivateServer } from "./testing/private-server.ts";
import { namedUuid, uuid } from "./values.ts";

const ops = operations(openVSwitch);
const quick = { backoff: { minMs: 5, maxMs: 50 } };

describe("with a real ovsdb-server", () => {
  let server: PrivateServer;
  let ovs: OvsdbClient;
  before(async () => {
    server = await PrivateServer.start();
    ovs = await OvsdbClient.connect(server.address, quick);
    await ovs.transact(openVSwitch, [ops.insert("Open_vSwitch", {})]);
  });
  after(async () => {
    await ovs.close();
    await server.remove();
  });

  test("rows of a transaction refer to each other by name, and results are in the operations' places", async () => {
    const [bridge, port, iface] = [namedUuid("b"), namedUuid("p"), namedUuid("i")];
    const [ifaceUuid, , bridgeUuid, count, nothing] = await ovs.transact(openVSwitch, [
      ops.insert("Interface", { name: "vm1", external_ids: { "iface-id": 'ä\n"\\', x: "" } }, { as: iface }),
      ops.insert("Port", { name: "vm1", interfaces: [iface], tag: 5, trunks: [1, 2, 4095] }, { as: port }),
      ops.insert(
        "Bridge",
        { name: "br-a", ports: [port], fail_mode: "secure", flow_tables: new Map() },
        { as: bridge },
      ),
      ops.mutate("Open_vSwitch", [], [["bridges", "insert", [bridge]]]),
      comment("a bridge with a port"),
    ]);
    assert.equal(count, 1);
    assert.equal(nothing, undefined);
    const [[vm1], [bridgeRow]] = await ovs.transact(openVSwitch, [
      ops.select("Interface", [["_uuid", "==", ifaceUuid]], ["external_ids"]),
      ops.select("Bridge", [["name", "==", "br-a"]], ["fail_mode"]),
    ]);
    assert.deepEqual(
      vm1?.external_ids,
      new Map([
        ["iface-id", 'ä\n"\\'],
        ["x", ""],
      ]),
    );
    assert.deepEqual(bridgeRow, { fail_mode: "secure", _uuid: bridgeUuid });
  });

  async function addPort(bridge: string, name: string): Promise<void> {
    const [port, iface] = [namedUuid("p"), namedUuid("i")];
    await ovs.transact(openVSwitch, [
      ops.insert("Interface", { name, external_ids: { "iface-id": name } }, { as: iface }),
      ops.insert("Port", { name, interfaces: [iface], trunks: [1, 2] }, { as: port }),
      ops.mutate("Bridge", [["name", "==", bridge]], [["ports", "insert", [port]]]),
    ]);
  }

  async function addBridge(name: string): Promise<void> {
    const bridge = namedUuid("b");
    await ovs.transact(openVSwitch, [
      ops.insert("Bridge", { name }, { as: bridge }),
      ops.mutate("Open_vSwitch", [], [["bridges", "insert", [bridge]]]),
    ]);
  }

  test("select reads every type of column", async () => {
    await addBridge("br-b");
    await addPort("br-b", "vm2");
    const [[iface], [port], everything] = await ovs.transact(openVSwitch, [
      ops.select("Interface", [["name", "==", "vm2"]], ["name", "ofport", "external_ids", "statistics", "link_state"]),
      ops.select("Port", [["name", "==", "vm2"]], ["interfaces", "trunks", "tag", "protected", "bond_updelay"]),
      ops.select("Open_vSwitch"),
    ]);
    assert.deepEqual(iface, {
      name: "vm2",
      ofport: null,
      external_ids: new Map([["iface-id", "vm2"]]),
      statistics: new Map(),
      link_state: null,
      _uuid: iface!._uuid,
    });
    assert.deepEqual(port, {
      interfaces: new Set([iface!._uuid]),
      trunks: new Set([1, 2]),
      tag: null,
      protected: false,
      bond_updelay: 0,
      _uuid: port!._uuid,
    });
    assert.equal(everything.length, 1);
  });

  test("every mutation and condition is what the server does", async () => {
    await addBridge("br-m");
    await addPort("br-m", "m");
    const me = [["name", "==", "m"]] as const;
    await ovs.transact(openVSwitch, [
      ops.update("Port", me, { bond_updelay: 10, trunks: [1, 2, 3], external_ids: { a: "1", b: "2", c: "3" }, tag: 3 }),
      ops.mutate("Port", me, [
        ["bond_updelay", "+=", 11],
        ["bond_updelay", "*=", 4],
        ["bond_updelay", "-=", 14],
        ["bond_updelay", "/=", 2],
        ["bond_updelay", "%=", 20],
        ["tag", "+=", 1],
        ["trunks", "+=", 10],
        ["trunks", "insert", [20]],
        ["trunks", "delete", new Set([11])],
        ["external_ids", "delete", ["a"]],
        ["external_ids", "delete", { b: "not 2" }],
        [
          "external_ids",
          "insert",
          new Map([
            ["d", "4"],
            ["c", "stays 3"],
          ]),
        ],
      ]),
    ]);
    const columns = ["bond_updelay", "trunks", "external_ids", "tag"] as const;
    const conditions = [
      ["bond_updelay", "<=", 15],
      ["trunks", "includes", [12]],
      ["trunks", "excludes", [1]],
      ["external_ids", "includes", { c: "3" }],
      ["tag", ">", 3],
      ["qos", "==", null],
    ] as const;
    const [[row], none] = await ovs.transact(openVSwitch, [
      ops.select("Port", [...me, ...conditions], columns),
      ops.select("Port", [...me, ["tag", "!=", 4]]),
    ]);
    const external_ids = new Map([
      ["b", "2"],
      ["c", "3"],
      ["d", "4"],
    ]);
    assert.deepEqual(row, { bond_updelay: 15, trunks: new Set([12, 13, 20]), external_ids, tag: 4, _uuid: row!._uuid });
    assert.deepEqual(none, []);
  });

  test("a row gets the UUID that its inserter chose", async () => {
    const chosen = uuid("0B5C2E6A-1111-4222-8333-444455556666");
    const [got] = await ovs.transact(openVSwitch, [ops.insert("QoS", { type: "linux-htb" }, { uuid: chosen })]);
    assert.equal(got, "0b5c2e6a-1111-4222-8333-444455556666");
    assert.deepEqual(await ovs.transact(openVSwitch, [ops.delete("QoS", [["_uuid", "==", got]])]), [1]);
  });

  test("the error names the operation that failed", async () => {
    await addBridge("br-e");
    await addPort("br-e", "e");
    const attempt = ovs.transact(openVSwitch, [
      ops.update("Open_vSwitch", [], { next_cfg: 999 }),
      ops.update("Port", [["name", "==", "e"]], { tag: 4096 }),
      comment("is not reached"),
    ]);
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof TransactionError);
      assert.deepEqual([error.index, error.operation, error.reason], [1, "update Port", "constraint violation"]);
      assert.match(error.message, /^operation 1 \(update Port\): constraint violation: .*4096/);
      return true;
    });
    const [[row]] = await ovs.transact(openVSwitch, [ops.select("Open_vSwitch", [], ["next_cfg"])]);
    assert.notEqual(row!.next_cfg, 999);
  });

  test("a commit that fails names no operation", async () => {
    const attempt = ovs.transact(openVSwitch, [ops.insert("Open_vSwitch", {})]);
    await assert.rejects(attempt, { name: "TransactionError", index: undefined, reason: "constraint violation" });
  });

  test("abort, assert, commit and comment", async () => {
    await assert.rejects(ovs.transact(openVSwitch, [comment("x"), abort()]), { reason: "aborted", index: 1 });
    await assert.rejects(ovs.transact(openVSwitch, [assertLock("l")]), { reason: "not owner", operation: "assert" });
    await ovs.request("lock", ["l"]);
    assert.deepEqual(await ovs.transact(openVSwitch, [assertLock("l"), commit({ durable: true })]), [
      undefined,
      undefined,
    ]);
  });

  test("a request that the server does not know, and a database that it does not have", async () => {
    await assert.rejects(ovs.request("no_such_method", []), { name: "RpcError", reason: "unknown method" });
    await assert.rejects(
      ovs.transact("Nowhere", []),
      (error) => error instanceof RpcError && error.reason === "unknown database",
    );
  });

  test("wait lets a transaction through when its condition comes true", async () => {
    const other = await OvsdbClient.connect(server.address);
    await ovs.transact(openVSwitch, [ops.update("Open_vSwitch", [], { cur_cfg: 1 })]);
    const until = ops.wait("Open_vSwitch", [], "==", [{ cur_cfg: 2 }], { timeoutMs: 10_000 });
    const waiting = other.transact(openVSwitch, [until, ops.update("Open_vSwitch", [], { next_cfg: 77 })]);
    await ovs.transact(openVSwitch, [ops.update("Open_vSwitch", [], { cur_cfg: 2 })]);
    assert.deepEqual(await waiting, [undefined, 1]);
    await assert.rejects(
      other.transact(openVSwitch, [ops.wait("Open_vSwitch", [], "!=", [{ cur_cfg: 2 }], { timeoutMs: 0 })]),
      { reason: "timed out", operation: "wait Open_vSwitch" },
    );
    const none = ops.wait("Bridge", [["name", "==", "nowhere"]], "==", [], { timeoutMs: 0 });
    assert.deepEqual(await other.transact(openVSwitch, [none]), [undefined]);
    await other.close();
  });

  test("an aborted transaction is cancelled on the server", async () => {
    const controller = new AbortController();
    const until = ops.wait("Open_vSwitch", [], "==", [{ cur_cfg: 123_456 }]);
    const waiting = ovs.transact(openVSwitch, [until, ops.update("Open_vSwitch", [], { next_cfg: 88 })], controller);
    controller.abort(new Error("changed my mind"));
    await assert.rejects(
      waiting,
      (error) => error instanceof OutcomeUnknown && (error.cause as Error).message === "changed my mind",
    );
    await ovs.transact(openVSwitch, [ops.update("Open_vSwitch", [], { cur_cfg: 123_456 })]);
    const [[row]] = await ovs.transact(openVSwitch, [ops.select("Open_vSwitch", [], ["next_cfg"])]);
    assert.notEqual(row!.next_cfg, 88);
    await assert.rejects(ovs.transact(openVSwitch, [], { signal: AbortSignal.abort(new Error("before")) }), {
      message: "before",
    });
  });

  test("two clients add to one counter", async () => {
    const other = await OvsdbClient.connect(server.address);
    const [[before]] = await ovs.transact(openVSwitch, [ops.select("Open_vSwitch", [], ["next_cfg"])]);
    const add = (client: OvsdbClient) =>
      client.transact(openVSwitch, [ops.mutate("Open_vSwitch", [], [["next_cfg", "+=", 1]])]);
    await Promise.all(Array.from({ length: 100 }, (_, i) => add(i % 2 === 0 ? ovs : other)));
    const [[row]] = await other.transact(openVSwitch, [ops.select("Open_vSwitch", [], ["next_cfg"])]);
    assert.equal(row!.next_cfg, before!.next_cfg + 100);
    await other.close();
  });

  test("the schema that the server has", async () => {
    const schema = await ovs.schema("Open_vSwitch");
    assert.equal(schema.version, openVSwitch.version);
    assert.deepEqual([...schema.tables.keys()].toSorted(), Object.keys(openVSwitch.tables).toSorted());
  });
});

describe("connections", () => {
  let server: PrivateServer;
  before(async () => {
    server = await PrivateServer.start();
  });
  after(() => server.remove());

  test("connect fails where there is no server, and says why", async () => {
    await assert.rejects(OvsdbClient.connect(`${server.address}.nowhere`), (error) => {
      assert.ok(error instanceof Unavailable && error.cause instanceof ConnectionError);
      assert.equal(error.cause.code, "connect-failed");
      return true;
    });
    await assert.rejects(
      OvsdbClient.connect("http://host"),
      (error) => error instanceof ValueError && error.code === "bad-address",
    );
    await assert.rejects(OvsdbClient.connect(server.address, { signal: AbortSignal.abort(new Error("no")) }), {
      message: "no",
    });
  });

  test("a stopped server: connect times out or is aborted, a probe notices, an outcome is unknown", async () => {
    const client = await OvsdbClient.connect(server.address, { ...quick, probeIntervalMs: 50 });
    server.signal("SIGSTOP");
    const disconnected = once(client, "disconnected");
    const sent = client.transact(openVSwitch, [ops.update("Open_vSwitch", [], { next_cfg: 5 })]);
    await assert.rejects(OvsdbClient.connect(server.address, { connectTimeoutMs: 20 }), (error) => {
      return (
        error instanceof Unavailable && error.cause instanceof ConnectionError && error.cause.code === "connect-timeout"
      );
    });
    await assert.rejects(OvsdbClient.connect(server.address, { signal: AbortSignal.timeout(20) }), {
      name: "TimeoutError",
    });
    await assert.rejects(sent, (error) => {
      return (
        error instanceof OutcomeUnknown &&
        error.cause instanceof ConnectionError &&
        error.cause.code === "probe-timeout"
      );
    });
    assert.equal((await disconnected)[0].code, "probe-timeout");
    await assert.rejects(client.transact(openVSwitch, []), (error) => error instanceof Unavailable);
    server.signal("SIGCONT");
    await client.whenConnected();
    await client.close();
  });

  test("an abort that the server does not answer leaves the outcome unknown", async () => {
    const client = await OvsdbClient.connect(server.address, quick);
    server.signal("SIGSTOP");
    const sent = client.transact(openVSwitch, [comment("x")], { signal: AbortSignal.timeout(1) });
    await assert.rejects(
      sent,
      (error) => error instanceof OutcomeUnknown && (error.cause as Error).name === "TimeoutError",
    );
    server.signal("SIGCONT");
    await client.transact(openVSwitch, [comment("goes on")]);
    await client.close();
  });

  test("killed in the middle of a transaction: outcome unknown, then unavailable, then connected again", async () => {
    const client = await OvsdbClient.connect(server.address, quick);
    server.signal("SIGSTOP");
    const sent = assert.rejects(client.transact(openVSwitch, [comment("x")]), { code: "outcome-unknown" });
    const disconnected = once(client, "disconnected");
    await server.kill();
    await sent;
    const [reason, retryMs] = await disconnected;
    assert.equal(reason.code, "lost");
    assert.ok(retryMs >= 2.5 && retryMs <= 5);
    await assert.rejects(
      client.transact(openVSwitch, []),
      (error) => error instanceof Unavailable && error.cause instanceof ConnectionError,
    );
    assert.equal(client.connected, false);
    await Promise.all([once(client, "connected"), server.start()]);
    assert.deepEqual(await client.transact(openVSwitch, [comment("x")]), [undefined]);
    await client.close();
  });

  test("close is clean: pending is told, waiting is told, nothing goes on", async () => {
    const client = new OvsdbClient(server.address, quick);
    const waiting = client.whenConnected();
    await waiting;
    const pending = client.transact(openVSwitch, [ops.wait("Open_vSwitch", [], "==", [{ next_cfg: 1 }])]);
    const disconnected = once(client, "disconnected");
    const rejected = assert.rejects(pending, (error) => error instanceof OutcomeUnknown);
    await Promise.all([client.close(), client.close()]);
    await rejected;
    assert.deepEqual([(await disconnected)[0].code, (await disconnected)[1]], ["closed", undefined]);
    await assert.rejects(client.transact(openVSwitch, []), { code: "unavailable" });
    await assert.rejects(client.whenConnected(), { code: "unavailable" });
    assert.throws(() => client.replica(openVSwitch, {}, () => undefined), { code: "unavailable" });

    const never = new OvsdbClient(`${server.address}.nowhere`, quick);
    const waitingForever = assert.rejects(never.whenConnected(), { code: "unavailable" });
    await once(never, "disconnected");
    await never.close();
    await waitingForever;
    await using scoped = await OvsdbClient.connect(server.address);
    assert.equal(scoped.connected, true);
  });
});
