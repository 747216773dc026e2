/** What a real Open vSwitch makes of our messages: its state changes as they say, and is read back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { after, before, test } from "node:test";
import { Writer } from "@dragonflow/wire";
import { OpenFlowError } from "./errors.ts";
import { Framer } from "./framing.ts";
import {
  type FlowMod,
  type Message,
  type MessageNamed,
  type RequestMessage,
  decodeMessage,
  encodeMessage,
} from "./messages/index.ts";
import { BucketNumber, GroupNumber, PortNumber } from "./numbers.ts";
import { type OpenFlowSocket, connect } from "./socket.ts";
import { type TestSwitch, startSwitch } from "./testing/switch.ts";

let ovs: TestSwitch;
let socket: OpenFlowSocket;
before(async () => {
  ovs = await startSwitch();
  socket = await connect(ovs.bridge);
});
after(async () => {
  socket.close();
  await ovs.stop();
});

function flow(members: Partial<FlowMod>): MessageNamed<"flow_mod"> {
  const required = { command: "add", table: 0, priority: 1, cookie: 0n, match: {}, instructions: {} } as const;
  return { type: "flow_mod", ...required, ...members };
}
async function dump(table: number) {
  const { entries } = await socket.request({ type: "flow_desc_request", table, match: {} });
  return entries.map(({ stats, ...rest }) => {
    assert.equal(typeof stats.packets, "bigint");
    return rest;
  });
}
/** The code of the error that a promise is rejected with. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof OpenFlowError) return error.code;
    throw error;
  }
  return "none";
}

test("features and description", async () => {
  const features = await socket.request({ type: "features_request" });
  assert.equal(features.tables, 254);
  assert.ok(features.capabilities.includes("bundles"));
  const desc = await socket.request({ type: "desc_request" });
  assert.equal(desc.hardware, "Open vSwitch");
  const echo = await socket.request({ type: "echo_request", payload: Uint8Array.of(1, 2, 3) });
  assert.deepEqual([...echo.payload], [1, 2, 3]);
});

test("all that vswitchd answers is encoded again to the same bytes", async () => {
  await socket.apply([
    flow({
      table: 9,
      match: { in_port: 3, reg2: 7 },
      instructions: { apply: [{ type: "output", port: 4 }], goto: 10 },
    }),
    {
      type: "group_mod",
      command: "add",
      groupType: "ff",
      group: 9,
      buckets: [{ bucket: 1, watchPort: 1, actions: [] }],
    },
    { type: "meter_mod", command: "add", flags: ["kbps"], meter: 9, bands: [{ action: "drop", rate: 5, burst: 0 }] },
  ]);
  const requests: RequestMessage[] = [
    { type: "features_request" },
    { type: "get_config_request" },
    { type: "get_async_request" },
    { type: "role_request", role: "nochange" },
    { type: "barrier_request" },
    { type: "desc_request" },
    { type: "flow_desc_request", match: {} },
    { type: "aggregate_stats_request", match: {} },
    { type: "table_stats_request" },
    { type: "table_desc_request" },
    { type: "table_features_request", entries: [] },
    { type: "port_desc_request" },
    { type: "port_stats_request" },
    { type: "queue_stats_request" },
    { type: "queue_desc_request" },
    { type: "group_desc_request" },
    { type: "group_stats_request" },
    { type: "group_features_request" },
    { type: "meter_desc_request" },
    { type: "meter_stats_request" },
    { type: "meter_features_request" },
    { type: "tlv_table_request" },
    { type: "flow_stats_request", match: {} },
  ];
  const w = new Writer();
  encodeMessage(w, 1, { type: "hello", versions: [6] });
  requests.forEach((request, i) => encodeMessage(w, i + 10, request));
  encodeMessage(w, 99, { type: "barrier_request" });
  const stream = connectSocket(ovs.bridgeSocket);
  stream.write(w.slice());
  const framer = new Framer();
  const types = new Set<string>();
  for (let done = false; !done; ) {
    const [chunk] = await once(stream, "data", { signal: AbortSignal.timeout(10_000) });
    for (const bytes of framer.push(chunk)) {
      const { xid, message } = decodeMessage(bytes);
      types.add(message.type);
      if (message.type !== "hello") {
        const again = new Writer();
        encodeMessage(again, xid, message);
        assert.ok(Buffer.from(again.view()).equals(bytes), message.type);
      }
      done = xid === 99;
    }
  }
  stream.destroy();
  // hello, an error for flow_stats_request, and one kind of answer each: the last barrier's is one of them.
  assert.equal(types.size, requests.length - 1 + 2);
  assert.ok(types.has("error") && !types.has("unknown"));
});

test("a flow is added, changed, and deleted by its cookie", async () => {
  const match = { eth_type: 0x0800, ipv4_dst: { value: 0x0a000000, mask: 0xff000000 } } as const;
  const instructions = { apply: [{ type: "output", port: 2 }], goto: 3 } as const;
  const options = { idleTimeoutSeconds: 60, hardTimeoutSeconds: 90, importance: 7, flags: ["send_flow_rem"] } as const;
  const added = { table: 2, priority: 5, cookie: 0x12n, match, instructions, ...options };
  assert.deepEqual(await socket.apply([flow(added)]), []);
  assert.deepEqual(await dump(2), [added]);
  const changed = { goto: 4 };
  await socket.apply([flow({ ...added, command: "modify", cookie: 0x10n, cookieMask: 0xf0n, instructions: changed })]);
  assert.deepEqual(await dump(2), [{ ...added, instructions: changed }]);
  await socket.apply([flow({ ...added, command: "delete", cookie: 1n, cookieMask: 1n })]);
  assert.equal((await dump(2)).length, 1);
  await socket.apply([flow({ command: "delete_strict", table: 2, priority: 6, match })]);
  assert.equal((await dump(2)).length, 1);
  await socket.apply([flow({ command: "delete_strict", table: 2, priority: 5, match })]);
  assert.deepEqual(await dump(2), []);
  const { stats } = await socket.request({ type: "aggregate_stats_request", table: 2, match: {} });
  assert.deepEqual(stats, { packets: 0n, bytes: 0n, flows: 0 });
});

test("each refusal names its message, and the rest is done", async () => {
  const good = [10, 20, 30].map((priority) => flow({ table: 5, priority, match: { in_port: priority } }));
  const backwards = flow({ table: 5, priority: 40, instructions: { goto: 5 } });
  const noGroup = flow({ table: 5, priority: 50, instructions: { apply: [{ type: "group", group: 12345 }] } });
  const [first, second, third] = good;
  assert.ok(first && second && third);
  const errors = await socket.apply([first, backwards, second, noGroup, third]);
  assert.deepEqual(
    errors.map(({ code, errorType, request }) => [code, errorType, request]),
    [
      ["OFPBIC_BAD_TABLE_ID", "OFPET_BAD_INSTRUCTION", backwards],
      ["OFPBAC_BAD_OUT_GROUP", "OFPET_BAD_ACTION", noGroup],
    ],
  );
  assert.deepEqual(new Set((await dump(5)).map(({ priority }) => priority)), new Set([10, 20, 30]));
  const refused = once(socket, "refused", { signal: AbortSignal.timeout(10_000) });
  socket.send([first, backwards], "an owner");
  const [error] = await refused;
  assert.equal(error.tag, "an owner");
  assert.equal(error.request, backwards);
});

test("a request that vswitchd does not know is refused", async () => {
  assert.equal(await refusal(socket.request({ type: "flow_stats_request", match: {} })), "OFPBRC_BAD_STAT");
  const errors = await socket.apply([{ type: "unknown", code: 77, body: new Uint8Array() }]);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["OFPBRC_BAD_TYPE"],
  );
});

test("groups: buckets are inserted and removed", async () => {
  const bucket = (id: number) => ({ bucket: id, actions: [{ type: "output", port: id }] }) as const;
  const all = { type: "group_mod", groupType: "all", group: 1 } as const;
  const buckets = async (): Promise<number[]> => {
    const { entries } = await socket.request({ type: "group_desc_request", group: 1 });
    return entries.flatMap((entry) => entry.buckets.map((one) => one.bucket));
  };
  assert.deepEqual(await socket.apply([{ ...all, command: "add", buckets: [bucket(1), bucket(2)] }]), []);
  const insert = { ...all, command: "insert_bucket" } as const;
  await socket.apply([
    { ...insert, commandBucket: BucketNumber.last, buckets: [bucket(9)] },
    { ...insert, commandBucket: BucketNumber.first, buckets: [bucket(3)] },
    { ...insert, commandBucket: 1, buckets: [bucket(4), bucket(5)] },
  ]);
  assert.deepEqual(await buckets(), [3, 1, 4, 5, 2, 9]);
  await socket.apply([{ ...all, command: "remove_bucket", commandBucket: 4, buckets: [] }]);
  assert.deepEqual(await buckets(), [3, 1, 5, 2, 9]);
  const errors = await socket.apply([
    { ...insert, buckets: [bucket(1)], commandBucket: BucketNumber.last },
    { ...all, command: "remove_bucket", commandBucket: 77, buckets: [] },
    { ...all, command: "add", buckets: [] },
  ]);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["OFPGMFC_BUCKET_EXISTS", "OFPGMFC_UNKNOWN_BUCKET", "OFPGMFC_GROUP_EXISTS"],
  );
  await socket.apply([{ ...all, command: "remove_bucket", buckets: [] }]);
  assert.deepEqual(await buckets(), []);
});

test("groups: weights, watched ports, and how a select group chooses", async () => {
  const selection = { method: "hash", parameter: 0n, fields: Buffer.from("80001804ffffff00", "hex") };
  const select = {
    groupType: "select",
    group: 2,
    buckets: [
      { bucket: 0, weight: 10, actions: [{ type: "output", port: 1 }] },
      { bucket: 1, weight: 20, actions: [{ type: "output", port: 2 }] },
    ],
    selection,
  } as const;
  const failover = {
    groupType: "ff",
    group: 3,
    buckets: [{ bucket: 0, watchPort: PortNumber.local, watchGroup: 2, actions: [{ type: "group", group: 2 }] }],
  } as const;
  const mod = { type: "group_mod", command: "add" } as const;
  assert.deepEqual(
    await socket.apply([
      { ...mod, ...select },
      { ...mod, ...failover },
    ]),
    [],
  );
  const described = async (group: number) => (await socket.request({ type: "group_desc_request", group })).entries;
  assert.deepEqual(await described(2), [select]);
  assert.deepEqual(await described(3), [failover]);
  const [stats] = (await socket.request({ type: "group_stats_request", group: 2 })).entries;
  assert.equal(stats?.buckets.length, 2);
  // A flow that goes to a group goes with it.
  await socket.apply([flow({ table: 7, instructions: { apply: [{ type: "group", group: 2 }] } })]);
  const none = { ...mod, command: "delete", groupType: "all", group: GroupNumber.all, buckets: [] } as const;
  await socket.apply([none]);
  assert.deepEqual(await dump(7), []);
});

test("meters", async () => {
  const meter = {
    flags: ["pktps", "burst", "stats"],
    meter: 1,
    bands: [{ action: "drop", rate: 10, burst: 20 }],
  } as const;
  assert.deepEqual(await socket.apply([{ type: "meter_mod", command: "add", ...meter }]), []);
  const desc = async () => (await socket.request({ type: "meter_desc_request", meter: 1 })).entries;
  assert.deepEqual(await desc(), [meter]);
  const faster = { ...meter, bands: [{ action: "drop", rate: 1000, burst: 20 }] } as const;
  await socket.apply([{ type: "meter_mod", command: "modify", ...faster }]);
  assert.deepEqual(await desc(), [faster]);
  const [stats] = (await socket.request({ type: "meter_stats_request", meter: 1 })).entries;
  assert.equal(stats?.packetsIn, 0n);
  const remark = { action: "dscp_remark", rate: 1, burst: 1, precedenceLevel: 1 } as const;
  const errors = await socket.apply([
    { type: "meter_mod", command: "add", ...meter },
    { type: "meter_mod", command: "add", flags: ["kbps"], meter: 2, bands: [remark] },
    { type: "meter_mod", command: "delete", flags: [], meter: 1, bands: [] },
  ]);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["OFPMMFC_METER_EXISTS", "OFPMMFC_BAD_BAND"],
  );
  assert.equal(await refusal(desc()), "OFPMMFC_UNKNOWN_METER");
});

test("a bundle changes all", async () => {
  await socket.commit([
    {
      type: "group_mod",
      command: "add",
      groupType: "all",
      group: 50,
      buckets: [{ bucket: 1, actions: [{ type: "output", port: 1 }] }],
    },
    flow({ table: 20, instructions: { apply: [{ type: "group", group: 50 }] } }),
    flow({ table: 20, priority: 2, match: { in_port: 1 } }),
  ]);
  assert.equal((await dump(20)).length, 2);
});

test("a bundle with a change that is impossible among the others changes nothing, and names it", async () => {
  const before20 = await dump(20);
  // Found when it is committed: the group is there.
  const bad = { type: "group_mod", command: "add", groupType: "all", group: 50, buckets: [] } as const;
  const messages = [flow({ command: "delete", table: 20 }), flow({ table: 20, priority: 9 }), bad, flow({ table: 21 })];
  await assert.rejects(socket.commit(messages), (error) => {
    assert.ok(error instanceof OpenFlowError && error.code === "OFPGMFC_GROUP_EXISTS", String(error));
    assert.equal(error.request?.type === "bundle_add_message" && error.request.message, bad);
    return true;
  });
  assert.deepEqual(await dump(20), before20);
  assert.deepEqual(await dump(21), []);
  assert.equal(await ovs.appctl("bridge/dump-flows", "br-int").then((text) => text.includes("table_id=21")), false);
});

test("a bundle with a change that is refused by itself is committed without it, and names it", async () => {
  // Found when it is added to the bundle.
  const bad = flow({ table: 20, instructions: { goto: 3 } });
  const refused = await socket.commit([flow({ table: 20, priority: 9 }), bad, flow({ table: 21 })]);
  assert.deepEqual(
    refused.map(({ code, request }) => [code, request?.type === "bundle_add_message" && request.message]),
    [["OFPBIC_BAD_TABLE_ID", bad]],
  );
  assert.equal((await dump(20)).filter(({ priority }) => priority === 9).length, 1);
  assert.equal((await dump(21)).length, 1);
});

test("roles: a secondary controller may not change anything", async () => {
  assert.deepEqual(await socket.request({ type: "role_request", role: "secondary", generationId: 1n }), {
    type: "role_reply",
    role: "secondary",
    generationId: 1n,
  });
  const errors = await socket.apply([flow({ table: 30 })]);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["OFPBRC_IS_SECONDARY"],
  );
  assert.equal(
    await refusal(socket.request({ type: "role_request", role: "primary", generationId: 0n })),
    "OFPRRFC_STALE",
  );
  const { role } = await socket.request({ type: "role_request", role: "equal" });
  assert.equal(role, "equal");
});

test("tunnel options are mapped to fields before a flow may name them", async () => {
  const names = flow({ table: 31, match: { tun_metadata0: 0x2an } });
  const errors = await socket.apply([names]);
  assert.equal(errors[0]?.code, "NXFMFC_INVALID_TLV_FIELD");
  const map = { optionClass: 0x0104, optionType: 0x80, optionLengthBytes: 4, index: 0 };
  assert.deepEqual(await socket.apply([{ type: "tlv_table_mod", command: "add", maps: [map] }, names]), []);
  const table = await socket.request({ type: "tlv_table_request" });
  assert.deepEqual(table.maps, [map]);
  assert.ok(table.maxFields > 0 && table.maxOptionSpaceBytes > 0);
  const inUse = await socket.apply([{ type: "tlv_table_mod", command: "clear", maps: [] }]);
  assert.equal(inUse[0]?.code, "NXTTMFC_INVALID_TLV_DEL");
});

test("configuration of ports and tables", async () => {
  const [local] = (await socket.request({ type: "port_desc_request", port: PortNumber.local })).entries;
  assert.ok(local?.name === "br-int");
  const { hardwareAddress } = local;
  const mod = { type: "port_mod", port: PortNumber.local, hardwareAddress, mask: ["no_fwd"] } as const;
  assert.deepEqual(await socket.apply([{ ...mod, config: ["no_fwd"] }]), []);
  const changed = (await socket.request({ type: "port_desc_request", port: PortNumber.local })).entries[0];
  assert.ok(changed?.config.includes("no_fwd"));
  const wrong: Message = { ...mod, config: [], hardwareAddress: "02:00:00:00:00:99" };
  assert.equal((await socket.apply([wrong]))[0]?.code, "OFPPMFC_BAD_HW_ADDR");
  await socket.apply([{ type: "table_mod", table: 3, config: ["eviction"] }]);
  const tables = (await socket.request({ type: "table_desc_request" })).entries;
  assert.deepEqual(tables[3]?.config, ["eviction"]);
});

test("tables are given names, which ovs-ofctl shows", async () => {
  const { entries } = await socket.request({ type: "table_features_request", entries: [] });
  assert.equal(entries.length, 254);
  const features = entries[20];
  assert.ok(features);
  const { table, metadataMatch, metadataWrite, capabilities, maxEntries } = features;
  const named = {
    table,
    metadataMatch,
    metadataWrite,
    capabilities,
    maxEntries,
    name: "classify",
    command: "modify",
  } as const;
  await socket.request({ type: "table_features_request", entries: [named] });
  assert.match(await ovs.ofctl("--names", "dump-flows", ovs.bridge, "table=20"), /table=classify/);
});
