import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { OvsdbClient } from "./client.ts";
import { RpcError, SchemaMismatch } from "./errors.ts";
import { openVSwitch } from "./generated/open-vswitch.ts";
import { operations } from "./operations.ts";
import type { Batch } from "./replica.ts";
import { PrivateServer } from "./testing/private-server.ts";
import { Proxy } from "./testing/proxy.ts";
import { namedUuid } from "./values.ts";

const ops = operations(openVSwitch);
const quick = { backoff: { minMs: 2, maxMs: 20 } };
const selection = {
  Open_vSwitch: ["next_cfg", "external_ids", "bridges"],
  Bridge: ["name", "ports", "external_ids"],
  Port: ["name", "tag", "trunks"],
} as const;
type OwnBatch = Batch<typeof openVSwitch.tables, typeof selection>;

/** What batches say, and a way to wait for the next. */
class Batches {
  readonly all: OwnBatch[] = [];
  #waiting: (() => void)[] = [];
  readonly take = (batch: OwnBatch): void => {
    this.all.push(batch);
    for (const wake of this.#waiting.splice(0)) wake();
  };
  async next(): Promise<OwnBatch> {
    for (;;) {
      const batch = this.all.shift();
      if (batch !== undefined) return batch;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** Changes in short, sorted: table, name, and what of it differs. */
function summary(batch: OwnBatch): string[] {
  return batch.changes
    .map((change) => {
      const name = change.table === "Open_vSwitch" ? "" : ` ${(change.new ?? change.old)?.name}`;
      if (change.old === undefined) return `+${change.table}${name}`;
      if (change.new === undefined) return `-${change.table}${name}`;
      const [old, now]: Record<string, unknown>[] = [change.old, change.new];
      return `~${change.table}${name}: ${Object.keys(now!)
        .filter((column) => old![column] !== now![column])
        .join()}`;
    })
    .toSorted();
}

for (const clustered of [false, true]) {
  describe(clustered ? "a server that remembers transactions" : "a server that does not", () => {
    let server: PrivateServer;
    let proxy: Proxy;
    /** Works behind the back of the replica. */
    let other: OvsdbClient;
    before(async () => {
      server = await PrivateServer.start({ clustered });
      proxy = await Proxy.open(join(server.directory, "proxy.sock"), server.socket);
      other = await OvsdbClient.connect(server.address, quick);
      await other.transact(openVSwitch, [ops.insert("Open_vSwitch", {})]);
      // A cluster's server remembers no more than the database holds: give it something to hold.
      for (let i = 0; i < 20; i++) await addBridge(`first-${i}`);
    });
    after(async () => {
      await other.close();
      await proxy.close();
      await server.remove();
    });
    beforeEach(() => {
      proxy.unknown.clear();
      proxy.requests.length = 0;
      proxy.pass = () => true;
    });

    async function addBridge(name: string): Promise<void> {
      const [bridge, port, iface] = [namedUuid("b"), namedUuid("p"), namedUuid("i")];
      await other.transact(openVSwitch, [
        ops.insert("Interface", { name }, { as: iface }),
        ops.insert("Port", { name, interfaces: [iface], trunks: [1, 2, 3] }, { as: port }),
        ops.insert("Bridge", { name, ports: [port], external_ids: { a: "1", b: "2" } }, { as: bridge }),
        ops.mutate("Open_vSwitch", [], [["bridges", "insert", [bridge]]]),
      ]);
    }

    async function removeBridge(name: string): Promise<void> {
      const [[row]] = await other.transact(openVSwitch, [ops.select("Bridge", [["name", "==", name]], [])]);
      await other.transact(openVSwitch, [ops.mutate("Open_vSwitch", [], [["bridges", "delete", [row!._uuid]]])]);
    }

    /** Everything that is in the server, of the selected columns. */
    async function contents(): Promise<object> {
      const [system, bridges, ports] = await other.transact(openVSwitch, [
        ops.select("Open_vSwitch", [], selection.Open_vSwitch),
        ops.select("Bridge", [], selection.Bridge),
        ops.select("Port", [], selection.Port),
      ]);
      const byUuid = (rows: readonly { _uuid: string }[]) => new Map(rows.map(({ _uuid, ...row }) => [_uuid, row]));
      return { Open_vSwitch: byUuid(system), Bridge: byUuid(bridges), Port: byUuid(ports) };
    }

    async function replicated(): Promise<{ ovs: OvsdbClient; batches: Batches; rows: () => object }> {
      const ovs = await OvsdbClient.connect(proxy.address, quick);
      const batches = new Batches();
      const replica = ovs.replica(openVSwitch, selection, batches.take);
      await replica.ready(AbortSignal.timeout(10_000));
      assert.equal(replica.synced, true);
      const { kind, changes } = await batches.next();
      assert.equal(kind, "snapshot");
      assert.ok(changes.every(({ old }) => old === undefined));
      const tables = ["Open_vSwitch", "Bridge", "Port"] as const;
      return {
        ovs,
        batches,
        rows: () => Object.fromEntries(tables.map((table) => [table, new Map(replica.rows(table))])),
      };
    }

    for (const unknown of [[], ["monitor_cond_since"], ["monitor_cond_since", "monitor_cond"]]) {
      const asked = ["monitor_cond_since", "monitor_cond", "monitor"].slice(0, unknown.length + 1);
      test(`rows follow the server's by ${asked.at(-1)}, a transaction a batch`, async () => {
        for (const method of unknown) proxy.unknown.add(method);
        const { ovs, batches, rows } = await replicated();
        const methods = proxy.requests
          .map(({ method }) => method)
          .filter((method) => asked.some((name) => name === method));
        assert.deepEqual(methods, asked);
        assert.deepEqual(rows(), await contents());

        await addBridge("new");
        assert.deepEqual(summary(await batches.next()), ["+Bridge new", "+Port new", "~Open_vSwitch: bridges"]);
        const set = [
          ops.update("Port", [["name", "==", "new"]], { tag: 7, trunks: [2, 3, 4] }),
          ops.mutate(
            "Bridge",
            [["name", "==", "new"]],
            [
              ["external_ids", "delete", ["a"]],
              ["external_ids", "insert", { c: "3" }],
            ],
          ),
        ] as const;
        await other.transact(openVSwitch, set);
        const changed = await batches.next();
        assert.deepEqual(summary(changed), ["~Bridge new: external_ids", "~Port new: tag,trunks"]);
        for (const change of changed.changes) {
          if (change.table === "Port") assert.deepEqual(change.new?.trunks, new Set([2, 3, 4]));
          if (change.table === "Bridge")
            assert.deepEqual(
              change.new?.external_ids,
              new Map([
                ["b", "2"],
                ["c", "3"],
              ]),
            );
        }
        // Columns that were not selected make no batch.
        await other.transact(openVSwitch, [ops.update("Port", [["name", "==", "new"]], { mac: "02:00:00:00:00:01" })]);
        const clear = [
          ops.update("Bridge", [["name", "==", "new"]], { external_ids: {} }),
          ops.update("Port", [["name", "==", "new"]], { tag: null, trunks: [] }),
        ] as const;
        await other.transact(openVSwitch, clear);
        assert.deepEqual(summary(await batches.next()), ["~Bridge new: external_ids", "~Port new: tag,trunks"]);
        await removeBridge("new");
        assert.deepEqual(summary(await batches.next()), ["-Bridge new", "-Port new", "~Open_vSwitch: bridges"]);
        assert.deepEqual(rows(), await contents());
        await ovs.close();
      });
    }

    test("server killed and restarted: only the difference comes", async () => {
      const { ovs, batches, rows } = await replicated();
      // The last transaction that the replica has, so that it is known by an id.
      await other.transact(openVSwitch, [ops.mutate("Open_vSwitch", [], [["next_cfg", "+=", 1]])]);
      await batches.next();
      const kept = rows();
      await proxy.close();
      await addBridge("while-away");
      await removeBridge("first-3");
      await other.transact(openVSwitch, [ops.update("Port", [["name", "==", "first-4"]], { tag: 44, trunks: [9] })]);
      await server.kill();
      await server.start();
      assert.deepEqual(rows(), kept);
      await proxy.open();
      const batch = await batches.next();
      assert.equal(batch.kind, clustered ? "resume" : "rediff");
      assert.deepEqual(summary(batch), [
        "+Bridge while-away",
        "+Port while-away",
        "-Bridge first-3",
        "-Port first-3",
        "~Open_vSwitch: bridges",
        "~Port first-4: tag,trunks",
      ]);
      await other.whenConnected();
      assert.deepEqual(rows(), await contents());

      // And nothing at all where nothing changed.
      await Promise.all([once(ovs, "disconnected"), server.kill()]);
      await server.start();
      assert.deepEqual(await batches.next(), { kind: clustered ? "resume" : "rediff", changes: [] });
      await other.whenConnected();
      await other.transact(openVSwitch, [ops.mutate("Open_vSwitch", [], [["next_cfg", "+=", 1]])]);
      assert.deepEqual(summary(await batches.next()), ["~Open_vSwitch: next_cfg"]);
      await ovs.close();
    });

    test("an update that makes no sense drops the connection, and all is compared again", async () => {
      const { ovs, batches, rows } = await replicated();
      await other.transact(openVSwitch, [ops.mutate("Open_vSwitch", [], [["next_cfg", "+=", 1]])]);
      await batches.next();
      const kept = rows();
      const disconnected = once(ovs, "disconnected");
      const row = { "00000000-0000-0000-0000-00000000beef": { modify: { next_cfg: 5 } } };
      const monitor = proxy.requests.find(({ method }) => method === "monitor_cond_since");
      const [, id] = monitor!["params"] as string[];
      proxy.inject({
        id: null,
        method: "update3",
        params: [id!, "00000000-0000-0000-0000-000000000000", { Open_vSwitch: row }],
      });
      assert.equal((await disconnected)[0].code, "bad-update");
      assert.deepEqual(await batches.next(), { kind: "rediff", changes: [] });
      assert.deepEqual(rows(), kept);
      await ovs.close();
    });

    test("the batch of an own transaction comes before its reply", async () => {
      const { ovs, batches } = await replicated();
      await ovs.transact(openVSwitch, [ops.mutate("Open_vSwitch", [], [["next_cfg", "+=", 1]])]);
      assert.deepEqual(batches.all.map(summary), [["~Open_vSwitch: next_cfg"]]);
      await ovs.close();
    });
  });
}

describe("selections", () => {
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

  test("rows come and go with their conditions", async () => {
    const seen: string[] = [];
    const replica = ovs.replica(
      openVSwitch,
      {
        QoS: ["type"],
        Bridge: {
          columns: ["name"],
          anyOf: [
            ["name", "==", "a"],
            ["datapath_type", "==", "netdev"],
          ],
        },
      },
      ({ changes }) => {
        for (const change of changes) {
          if (change.table === "Bridge") seen.push(`${change.old?.name} -> ${change.new?.name}`);
        }
      },
    );
    await replica.ready();
    for (const name of ["a", "b"]) {
      const bridge = namedUuid("b");
      const add = ops.mutate("Open_vSwitch", [], [["bridges", "insert", [bridge]]]);
      await ovs.transact(openVSwitch, [ops.insert("Bridge", { name }, { as: bridge }), add]);
    }
    await ovs.transact(openVSwitch, [ops.update("Bridge", [["name", "==", "b"]], { datapath_type: "netdev" })]);
    await ovs.transact(openVSwitch, [ops.update("Bridge", [["name", "==", "b"]], { datapath_type: "system" })]);
    assert.deepEqual(seen, ["undefined -> a", "undefined -> b", "b -> undefined"]);
    replica.close();
    await ovs.transact(openVSwitch, [ops.update("Bridge", [["name", "==", "b"]], { datapath_type: "netdev" })]);
    assert.equal(seen.length, 3);
    assert.equal(replica.rows("Bridge").size, 1);
  });

  test("no condition of none is met", async () => {
    const replica = ovs.replica(openVSwitch, { Open_vSwitch: { columns: ["next_cfg"], anyOf: [] } }, () => undefined);
    await replica.ready();
    assert.equal(replica.rows("Open_vSwitch").size, 0);
    replica.close();
  });

  test("unknown tables and columns are errors at once", () => {
    // @ts-expect-error no such column
    assert.throws(() => ovs.replica(openVSwitch, { Bridge: ["nope"] }, () => undefined), {
      code: "unknown-column",
      path: "Bridge.nope",
    });
    // @ts-expect-error no such table
    assert.throws(() => ovs.replica(openVSwitch, { Bridge: ["name"], Nope: ["name"] }, () => undefined), {
      code: "unknown-table",
    });
  });

  test("a server whose schema differs says so by ready(), or by onError", async () => {
    const tables = {
      ...openVSwitch.tables,
      Bridge: { ...openVSwitch.tables.Bridge, name: openVSwitch.tables.Bridge.ports },
    };
    const odd = { ...openVSwitch, tables: { ...tables, Nope: { x: openVSwitch.tables.Bridge.name } } };
    const reported = Promise.withResolvers<Error>();
    const replica = ovs.replica(odd, { Bridge: ["name", "ports"], Nope: ["x"] }, () => undefined, {
      onError: reported.resolve,
    });
    const differences = ["Bridge.name is string, not uuid*", "no table Nope"];
    await assert.rejects(replica.ready(), (error) => {
      assert.ok(error instanceof SchemaMismatch);
      assert.deepEqual(error.differences, differences);
      return true;
    });
    assert.ok((await reported.promise) instanceof SchemaMismatch);
    await assert.rejects(replica.ready(), SchemaMismatch);
    replica.close();

    const elsewhere = ovs.replica({ ...openVSwitch, name: "Elsewhere" }, { Bridge: ["name"] }, () => undefined);
    await assert.rejects(
      elsewhere.ready(),
      (error) => error instanceof RpcError && error.reason === "unknown database",
    );
    elsewhere.close();
  });

  test("a replica of a client that is closed, or never connects", async () => {
    const never = new OvsdbClient(`${server.address}.nowhere`, quick);
    const replica = never.replica(openVSwitch, { Bridge: ["name"] }, () => undefined);
    await assert.rejects(replica.ready(AbortSignal.timeout(1)), { name: "TimeoutError" });
    const waiting = assert.rejects(replica.ready(), { code: "unavailable" });
    await never.close();
    await waiting;
  });

  test("10,000 interfaces: in a set of 10,000, at once, and again after a restart without a change", async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `tap${i}`);
    const bridge = namedUuid("b");
    await ovs.transact(openVSwitch, [
      ...names.flatMap((name) => [
        ops.insert(
          "Interface",
          { name, external_ids: { "iface-id": `${name}-id`, "vm-id": name } },
          { as: namedUuid(`i_${name}`) },
        ),
        ops.insert("Port", { name, interfaces: [namedUuid(`i_${name}`)] }, { as: namedUuid(`p_${name}`) }),
      ]),
      ops.insert("Bridge", { name: "large", ports: names.map((name) => namedUuid(`p_${name}`)) }, { as: bridge }),
      ops.mutate("Open_vSwitch", [], [["bridges", "insert", [bridge]]]),
    ]);
    const batches: { kind: string; changes: readonly unknown[] }[] = [];
    const columns = {
      Interface: ["name", "ofport", "external_ids", "statistics", "link_state"],
      Bridge: ["name", "ports"],
    } as const;
    const replica = ovs.replica(openVSwitch, columns, (batch) => batches.push(batch));
    await replica.ready();
    assert.equal(replica.rows("Interface").size, 10_000);
    const large = replica
      .rows("Bridge")
      .values()
      .find(({ name }) => name === "large");
    assert.equal(large?.ports.size, 10_000);
    const [one] = large.ports;
    await ovs.transact(openVSwitch, [ops.mutate("Bridge", [["name", "==", "large"]], [["ports", "delete", [one!]]])]);
    assert.deepEqual(
      batches.map(({ changes }) => changes.length),
      [10_003, 2],
    );
    await Promise.all([once(ovs, "disconnected"), server.kill()]);
    await Promise.all([once(ovs, "connected"), server.start()]);
    await replica.ready();
    assert.deepEqual(batches.at(-1), { kind: "rediff", changes: [] });
    assert.equal(batches.length, 3);
  });
});
