import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlow } from "@dragonflow/openflow";
import { encodePacket, parseIpv4, parseMac } from "@dragonflow/packet";
import { type Connection, tracking } from "./conntrack.ts";
import { TraceError } from "./errors.ts";
import { printOutcome, printTrace } from "./print.ts";
import type { PacketToTrace } from "./trace.ts";
import { type SwitchContents, Tracer } from "./tracer.ts";

const frame = encodePacket({
  ethernet: { src: parseMac("02:00:00:00:00:01"), dst: parseMac("02:00:00:00:00:02") },
  ipv4: { src: parseIpv4("10.0.0.1"), dst: parseIpv4("10.0.0.2") },
  udp: { sourcePort: 1000, destinationPort: 2000 },
  payload: Uint8Array.of(1, 2, 3),
});

function trace(flows: readonly string[], packet: Partial<PacketToTrace> = {}, contents: Partial<SwitchContents> = {}) {
  const tracer = new Tracer({ flows: flows.map((text) => parseFlow(text)), ...contents });
  return tracer.trace({ inPort: 1, frame, ...packet });
}
const outcomes = (...args: Parameters<typeof trace>): readonly string[] => trace(...args).outcomes.map(printOutcome);
const throws = (code: TraceError["code"], run: () => unknown): void => {
  assert.throws(run, (error: unknown) => error instanceof TraceError && error.code === code);
};

test("what it does not know how to follow makes it throw", () => {
  for (const actions of [
    "NORMAL",
    "FLOOD",
    "learn(table=1)",
    "multipath(eth_src,50,modulo_n,1,0,reg0[])",
    "exit",
    "clone(output:2)",
    "ct(table=1)",
    "resubmit(,1,ct)",
    "write_actions(output:2)",
    "clear_actions",
    "push_vlan:0x88a8",
    "set_field:1->xreg0",
  ])
    throws("unsupported", () => trace([`ip,actions=${actions}`]));
  throws(
    "unsupported",
    () =>
      trace(["mpls,actions=output:2"], {}, { groups: new Map() }).outcomes &&
      trace(["mpls,mpls_label=3,actions=output:2"]),
  );
  const select = new Map([[1, { type: "select", buckets: [] }]]);
  throws("unsupported", () => trace(["actions=group:1"], {}, { groups: select }));
});

test("two flows of one priority that do different things are ambiguous", () => {
  throws("ambiguous", () => trace(["priority=5,ip,actions=output:2", "priority=5,udp,actions=output:3"]));
  assert.deepEqual(outcomes(["priority=5,ip,actions=output:2", "priority=5,udp,actions=output:2"]), ["output 2"]);
  // The higher one decides before they do.
  assert.deepEqual(
    outcomes(["priority=5,ip,actions=output:2", "priority=5,udp,actions=output:3", "priority=6,ip,actions=drop"]),
    ["drop in 0: flow"],
  );
});

test("a group that is not there drops", () => {
  assert.deepEqual(outcomes(["actions=group:9"]), ["drop in 0: no group"]);
});

test("a packet may start in any table, with what it carries beside", () => {
  const flows = ["table=3,reg0=0x7,tun_id=0x9,in_port=4,actions=output:2"];
  const fields = { reg0: 7, tun_id: 9n };
  assert.deepEqual(outcomes(flows, { table: 3, inPort: 4, fields }), ["output 2"]);
  assert.deepEqual(outcomes(flows, { table: 3, inPort: 4 }), ["drop in 3: miss"]);
});

test("fields alone can be traced, and then there are no bytes", () => {
  const tracer = new Tracer({ flows: [parseFlow("ip,nw_dst=10.0.0.2,actions=dec_ttl,output:2")] });
  const { outcomes: ends } = tracer.trace({ inPort: 1, fields: { eth_type: 0x800, ipv4_dst: 0x0a000002, ip_ttl: 9 } });
  const [end] = ends;
  assert.ok(end?.type === "output" && end.packet.fields.ip_ttl === 8);
  throws("bad-packet", () => end.packet.frame());
  throws("bad-packet", () => tracer.trace({ inPort: 1 }));
  throws("unsupported", () => tracer.trace({ inPort: 1, fields: { packet_type: 1 } }));
});

test("a datagram without a checksum gets none, a wrong one stays wrong", () => {
  const at = 14 + 20 + 6;
  const changed = (before: Uint8Array): readonly (number | undefined)[] => {
    const [end] = trace(["udp,actions=set_field:53->udp_dst,output:2"], { frame: before }).outcomes;
    assert.ok(end?.type === "output");
    return [...end.packet.frame().subarray(at, at + 2)];
  };
  assert.deepEqual(changed(frame.with(at, 0).with(at + 1, 0)), [0, 0]);
  const right = changed(frame);
  const wrong = changed(frame.with(at + 1, (frame[at + 1] ?? 0) ^ 1));
  assert.notDeepEqual(wrong, right);
});

test("a model of connections is asked at each ct action, and a copy goes on where it says", () => {
  const flows = [
    "ip,ct_state=-trk,actions=ct(zone=5,table=1),output:3",
    "table=1,ct_state=+new+trk,ip,actions=ct(commit,zone=5),output:2",
    "table=1,ct_state=+est+trk,ip,actions=drop",
  ];
  const zones: unknown[] = [];
  const conntrack: SwitchContents["conntrack"] = (action, packet) => {
    zones.push([action.zone, action.commit ?? false]);
    return { ...packet, ct_state: 0x21 };
  };
  assert.deepEqual(outcomes(flows, {}, { conntrack }), ["output 3", "output 2"]);
  assert.deepEqual(zones, [
    [5, false],
    [5, true],
  ]);
});

test("a trace as text: tables, flows, owners, and what became of the packet", () => {
  const names = { tableName: (table: number) => ["first", "second"][table] };
  const owner = (): string => "port 7 (l2)";
  const traced = trace(
    ["priority=9,ip,actions=set_field:3->reg1,group:1", "table=1,reg1=3,actions=output:2"],
    {},
    { ...names, ownerOf: owner, groups: new Map([[1, { type: "all", buckets: [[{ type: "resubmit", table: 1 }]] }]]) },
  );
  assert.equal(
    printTrace(traced, names),
    [
      " 0 first: priority=9,ip  # port 7 (l2)",
      "     set_field:0x3->reg1,group:1",
      "group 1, bucket 0",
      "     1 second: priority=32768,reg1=0x3  # port 7 (l2)",
      "         output:2",
      "",
      "output 2",
    ].join("\n"),
  );
});

test("a conjunction is met when each of its clauses is; where it leads nowhere, lower priorities have their turn", () => {
  const clauses = [
    "priority=9,ip,nw_src=10.0.0.1,actions=conjunction(5,1/2)",
    "priority=9,ip,nw_src=10.0.0.9,actions=conjunction(5,1/2)",
    "priority=9,udp,tp_dst=2000,actions=conjunction(5,2/2),conjunction(6,1/2)",
    "priority=7,ip,actions=output:3",
  ];
  const met = "priority=9,ip,conj_id=5,actions=output:2";
  assert.deepEqual(outcomes([...clauses, met]), ["output 2"]);
  assert.deepEqual(outcomes(clauses), ["output 3"]);
  assert.deepEqual(outcomes([...clauses.slice(1), met]), ["output 3"]);
  assert.deepEqual(outcomes([...clauses, met, "priority=10,ip,actions=output:4"]), ["output 4"]);
  assert.deepEqual(outcomes([...clauses, met, "priority=9,udp,actions=output:4"]), ["output 4"]);
  const other = ["priority=9,ip,nw_dst=10.0.0.2,actions=conjunction(6,2/2)", "priority=9,ip,conj_id=6,actions=drop"];
  throws("ambiguous", () => trace([...clauses, met, ...other]));
});

test("what a connection is known by stands in its fields, and only behind ct", () => {
  const flows = [
    "priority=2,ip,ct_state=-trk,actions=set_field:7->reg6,ct(zone=reg6[0..15],table=1)",
    "table=1,priority=9,ct_state=+trk+inv,actions=drop",
    "table=1,priority=8,ct_zone=7,ct_mark=1,actions=output:9",
    "table=1,priority=7,ct_state=+rpl,ip,ct_nw_proto=17,ct_tp_src=2000,actions=output:2",
    "table=1,priority=6,ct_state=+new,ip,ct_nw_proto=17,ct_tp_dst=2000,actions=ct(commit,zone=7),resubmit(,2)",
    "table=1,priority=5,ct_state=+rel,actions=output:3",
    "table=1,priority=4,ct_state=+est-rpl,ip,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=2,actions=output:4",
    "table=2,ct_state=-trk,ct_mark=0,actions=output:5",
  ];
  const sent = (connection: Connection | ((zone: number) => Connection)): readonly string[] =>
    outcomes(flows, { conntrack: tracking(connection) });
  assert.deepEqual(sent({ state: "new" }), ["output 5"]);
  assert.deepEqual(sent({ state: "reply" }), ["output 2"]);
  assert.deepEqual(sent({ state: "related" }), ["output 3"]);
  assert.deepEqual(sent({ state: "invalid" }), ["drop in 1: flow"]);
  assert.deepEqual(sent({ state: "established" }), ["drop in 1: miss"]);
  assert.deepEqual(sent({ state: "established", original: { protocol: 6, source: 1, destination: 2 } }), ["output 4"]);
  assert.deepEqual(
    sent((zone) => ({ state: "new", mark: zone === 7 ? 1 : 0 })),
    ["output 9"],
  );
});

test("a packet that comes back from connection tracking again and again is dropped", () => {
  const conntrack = tracking({ state: "new" });
  assert.deepEqual(outcomes(["ip,actions=ct(table=0)"], { conntrack }), ["drop in 0: recirculation limit"]);
});
