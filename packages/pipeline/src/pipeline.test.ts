import assert from "node:assert/strict";
import { test } from "node:test";
import { parseActions, printInstructions, printMatch } from "@dragonflow/openflow";
import { APP_NUMBERS, cookieOf, objectBits, readCookie } from "./cookie.ts";
import { ctState } from "./ct-state.ts";
import { floodGroup, flow, type Owner } from "./desired.ts";
import { toMatch } from "./match.ts";
import { desiredOutput } from "./output.ts";
import { Pipeline, PIPELINE_COOKIE } from "./pipeline.ts";
import { type Register, registers, verifyRegisters } from "./registers.ts";
import { decodeUserdata, encodeUserdata, punt } from "./responder.ts";
import { STAGES, stages } from "./stages.ts";
import {
  act,
  commit,
  conjunction,
  goto,
  group,
  limit,
  output,
  outputTo,
  resubmit,
  set,
  setZone,
  track,
} from "./steps.ts";
import { defineFlowTable } from "./table.ts";

const owner: Owner = { app: "l2", kind: "port", id: "c0ffee00-1122-4333-8444-555566667777" };
const last = defineFlowTable({
  name: "last",
  purpose: "",
  stage: stages.delivery,
  match: ["destinationPort"],
  miss: "drop",
});
const inner = defineFlowTable({
  name: "inner",
  purpose: "",
  stage: stages.switching,
  match: [],
  next: [stages.delivery],
  internal: true,
  miss: "next",
});
const first = defineFlowTable({
  name: "first",
  purpose: "",
  stage: stages.switching,
  match: ["network", "fromTunnel", "eth_dst"],
  writes: ["destinationPort", "ctZone"],
  next: [inner, stages.routing],
  miss: "next",
});
const pipeline = new Pipeline([last, first, inner]);

test("stages stand in order, each once", () => {
  assert.deepEqual(
    STAGES.map(({ order }) => order),
    [...STAGES.keys()],
  );
});

test("tables are numbered by stage, and in one stage as they are registered", () => {
  assert.deepEqual(
    pipeline.tables.map(({ name }) => name),
    ["first", "inner", "last"],
  );
});

test("who goes to a stage without tables goes to the next that has some, and past internal ones", () => {
  assert.equal(pipeline.numberOf(stages.classify), 0);
  assert.equal(pipeline.numberOf(stages.routing), 2);
  assert.equal(pipeline.afterMiss(first), 2);
  assert.equal(pipeline.afterMiss(last), undefined);
  assert.throws(() => new Pipeline([first]).numberOf(stages.routing), /routing leads nowhere/);
  assert.throws(() => new Pipeline([first, inner]).missFlows(), /leads nowhere/);
  assert.throws(
    () => pipeline.numberOf(defineFlowTable({ name: "x", purpose: "", stage: stages.nat, match: [], miss: "drop" })),
    /x leads/,
  );
});

test("every table has a flow for its misses", () => {
  assert.deepEqual(
    pipeline.missFlows().map(({ table, cookie, instructions }) => [table, cookie, instructions]),
    [
      [0, PIPELINE_COOKIE, { goto: 2 }],
      [1, PIPELINE_COOKIE, { goto: 2 }],
      [2, PIPELINE_COOKIE, {}],
    ],
  );
});

test("two tables of one name, and a way backwards, are refused", () => {
  assert.throws(() => new Pipeline([last, { ...last }]), /two tables are named last/);
  const define = (next: Parameters<typeof defineFlowTable>[0]["next"]) =>
    defineFlowTable({ name: "x", purpose: "", stage: stages.routing, match: [], ...(next && { next }), miss: "drop" });
  assert.throws(() => define([stages.switching]), /switching is not behind/);
  assert.throws(() => define([first]), /first is not behind/);
  assert.throws(() => define([stages.routing]), /routing is not behind/);
});

test("a flow that does what its table did not declare is refused, by name", () => {
  const match = { network: 1 };
  assert.throws(() => flow(owner, first, 1, { sourcePort: 1 }, []), /first does not match sourcePort/);
  assert.throws(() => flow(owner, first, 1, match, [set("router", 1)]), /first does not write router/);
  assert.throws(() => flow(owner, inner, 1, {}, [setZone(owner.id)]), /inner does not write ctZone/);
  assert.throws(() => flow(owner, first, 1, match, [track(last)]), /first does not go to last/);
  assert.throws(() => flow(owner, first, 1, match, [goto(last)]), /first does not go to last/);
  assert.throws(() => flow(owner, first, 1, match, [goto(first)]), /first does not go to first/);
  assert.throws(() => flow(owner, first, 1, match, [resubmit(stages.delivery)]), /first does not go to delivery/);
  flow(owner, first, 1, match, [resubmit(first)]);
});

test("registers that share bits, or do not fit, are refused", () => {
  const register = (start: number, bits: number): Register => ({ field: "reg0", start, bits, purpose: "" });
  assert.throws(() => verifyRegisters({ a: register(0, 8), b: register(7, 2) }), /b overlaps/);
  assert.throws(() => verifyRegisters({ a: register(30, 3) }), /a does not fit/);
  assert.throws(() => verifyRegisters({ a: register(0, 0) }), /a does not fit/);
  verifyRegisters({ a: register(0, 8), b: register(8, 24), c: { ...register(0, 32), field: "reg1" } });
});

test("a register's value fits its bits", () => {
  assert.throws(() => set("tunnelPort", 0x10000), /tunnelPort: 65536 does not fit 16 bits/);
  assert.throws(() => set("network", -1), RangeError);
  assert.throws(() => toMatch({ fromTunnel: 2 }), /does not fit 1 bits/);
});

test("registers that are parts of one Open vSwitch register become one masked match", () => {
  const text = (spec: Parameters<typeof toMatch>[0]): string => printMatch(toMatch(spec));
  assert.equal(text({ network: 5, fromTunnel: 1 }), "reg0=0x1000005/0x1ffffff");
  assert.equal(text({ sourcePort: 111 }), "reg1=0x6f");
  assert.equal(text({ eth_type: 0x800, ipv4_dst: "10.1.2.3/16" }), "ip,nw_dst=10.1.0.0/16");
  assert.equal(text({ eth_type: 0x86dd, ipv6_dst: "fd00::/8" }), "ipv6,ipv6_dst=fd00::/8");
});

test("steps become actions: names get numbers, a goto at the end is an instruction, a meter stands in front", () => {
  const binding = {
    group: (name: string) => (name === "flood" ? 7 : 0),
    meter: (name: string) => (name === "slow" ? 9 : 0),
    zone: (name: string) => (name === owner.id ? 11 : 0),
  };
  const bound = (steps: Parameters<typeof flow>[4]): string =>
    printInstructions(pipeline.bind(flow(owner, first, 1, { network: 1 }, steps), binding).instructions);
  assert.equal(bound([set("destinationPort", 3), goto(stages.routing)]), "set_field:0x3->reg2,goto_table:2");
  assert.equal(bound([group("flood"), limit("slow"), output(4)]), "meter:9,group:7,output:4");
  assert.equal(bound([resubmit(inner), outputTo("tunnelPort")]), "resubmit(,1),output:NXM_NX_REG6[16..31]");
  assert.equal(bound([act({ type: "dec_ttl" })]), "dec_ttl");
  assert.equal(
    bound([setZone(owner.id), track(inner)]),
    "set_field:0xb/0xffff->reg6,ct(table=1,zone=NXM_NX_REG6[0..15])",
  );
  assert.equal(
    bound([commit(1), goto(stages.routing)]),
    "ct(commit,zone=NXM_NX_REG6[0..15],exec(set_field:0x1->ct_mark)),goto_table:2",
  );
  assert.equal(
    bound([commit()]),
    "ct(commit,zone=NXM_NX_REG6[0..15],exec(move:NXM_NX_REG4[]->NXM_NX_CT_LABEL[0..31]))",
  );
  assert.equal(bound([conjunction(9, 1, 3)]), "conjunction(9,2/3)");
  assert.equal(bound([]), "drop");
});

test("a bucket's goto comes back, so that the others get their turn", () => {
  const { buckets } = floodGroup(owner, "flood", [{ id: "a", steps: [set("network", 3), goto(stages.routing)] }]);
  const actions = pipeline.bucketActions(buckets[0] ?? assert.fail(), {
    group: () => 0,
    meter: () => 0,
    zone: () => 0,
  });
  assert.deepEqual(actions, parseActions("set_field:0x3/0xffffff->reg0,resubmit(,2)"));
});

test("flows are one entry by table, priority and match, however the match is written", () => {
  const key = (spec: Parameters<typeof toMatch>[0], priority = 1): string => flow(owner, first, priority, spec, []).key;
  assert.equal(key({ network: 1, fromTunnel: 0 }), key({ fromTunnel: 0, network: 1 }));
  assert.notEqual(key({ network: 1 }), key({ network: 1, fromTunnel: 0 }));
  assert.notEqual(key({ network: 1 }), key({ network: 1 }, 2));
  const [a, b] = [[output(1)], [output(2)]].map((steps) => flow(owner, first, 1, { network: 1 }, steps));
  assert.ok(a && b && desiredOutput.keyOf(a) === desiredOutput.keyOf(b) && !desiredOutput.same(a, b));
  assert.ok(!desiredOutput.same(a, flow({ ...owner, app: "l3" }, first, 1, { network: 1 }, [output(1)])));
});

test("a cookie leads back to the app and the object", () => {
  const cookie = cookieOf(owner);
  assert.equal(cookie, 0x06c0ffee00112243n);
  assert.deepEqual(readCookie(cookie), { app: "l2", object: objectBits(owner.id) });
  assert.deepEqual(readCookie(cookieOf({ app: "tunnel", id: "host2" })), {
    app: "tunnel",
    object: objectBits("host2"),
  });
  assert.equal(readCookie(PIPELINE_COOKIE), undefined);
  assert.equal(readCookie(5n), undefined);
  assert.throws(() => cookieOf({ app: "nobody", id: "x" }), /APP_NUMBERS/);
  assert.equal(new Set(Object.values(APP_NUMBERS)).size, Object.values(APP_NUMBERS).length);
});

test("userdata of a punt: responder and subject, both ways", () => {
  assert.deepEqual(decodeUserdata(encodeUserdata(7, 0x7fffffff)), { responder: 7, subject: 0x7fffffff });
  assert.equal(decodeUserdata(Uint8Array.of(1, 2)), undefined);
  const step = punt({ number: 7 }, 9);
  assert.ok(step.type === "do" && step.action.type === "controller" && step.action.controller === 0xdf);
});

test("every register is written or matched by its name", () => {
  for (const [name, { bits }] of Object.entries(registers))
    assert.doesNotThrow(() => toMatch({ [name]: 2 ** bits - 1 }), name);
});

test("states of a connection as ovs-ofctl writes them", () => {
  assert.deepEqual(ctState("+trk+new-inv"), { value: 0x21, mask: 0x31 });
  assert.throws(() => ctState("+old"), /no flag old/);
});
