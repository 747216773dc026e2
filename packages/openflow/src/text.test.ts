/** The syntax of ovs-ofctl where it has several words for one thing, names for numbers, and mistakes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FIELDS, isFieldName } from "./fields/index.ts";
import { PortNumber } from "./numbers.ts";
import { readFlowVectors } from "./testing/flow-vectors.ts";
import { parseIpv6, printIpv6 } from "./text/address.ts";
import {
  type NamedNumbers,
  type Names,
  parseActions,
  parseFlow,
  parseMatch,
  printActions,
  printFlow,
  printMatch,
  TextError,
} from "./text/index.ts";
import { Piece } from "./text/piece.ts";
import { SHORTHANDS } from "./text/shorthands.ts";
import { fieldBySpelling } from "./text/sub-field.ts";

describe("spellings of one match", () => {
  const groups: readonly (readonly string[])[] = [
    [
      "tcp",
      "ip,nw_proto=6",
      "dl_type=0x0800,ip_proto=6",
      "eth_type=2048,nw_proto=0x6",
      "ip4,ip_proto=6",
      "ipv4,nw_proto=6",
    ],
    ["tcp6", "ipv6,nw_proto=6", "ip6,ip_proto=6", "dl_type=0x86dd,nw_proto=6"],
    ["udp,tp_dst=53", "udp,udp_dst=53", "ip,nw_proto=17,tp_dst=0x35", "tp_dst=53,udp"],
    ["sctp,tp_src=1", "sctp,sctp_src=1"],
    ["icmp6,icmp_type=135", "icmp6,icmpv6_type=135"],
    ["arp,arp_spa=10.0.0.1,arp_op=1", "arp,nw_src=10.0.0.1,nw_proto=1"],
    ["ip,nw_src=10.0.0.0/8", "ip,ip_src=10.0.0.0/255.0.0.0", "ip,nw_src=10.1.2.3/8", "ip,ipv4_src=10.0.0.0/8"],
    ["ip,nw_tos=184", "ip,ip_dscp=46"],
    ["ip,nw_ecn=1", "ip,ip_ecn=1"],
    ["ip,nw_ttl=1", "ip,ip_ttl=1"],
    ["dl_src=02:00:00:00:00:01", "eth_src=2:0:0:0:0:1", "dl_src=02:00:00:00:00:01/ff:ff:ff:ff:ff:ff"],
    ["dl_vlan=5", "vlan_vid=0x1005", "vlan_tci=0x1005/0x1fff"],
    ["dl_vlan=5,dl_vlan_pcp=3", "vlan_tci=0x7005/0xffff", "dl_vlan=5,vlan_pcp=3"],
    ["dl_vlan=0xffff", "vlan_vid=0", "vlan_tci=0/0x1fff"],
    ["tun_id=5", "tunnel_id=0x5"],
    ["reg0=5", "reg0[]=5", "reg0=0x5/0xffffffff", "NXM_NX_REG0[]=5"],
    ["reg0=0x50/0xf0", "reg0[4..7]=5", "reg0=0x55/0xf0"],
    ["xreg0=0x100000002", "reg0=1,reg1=2"],
    ["in_port=LOCAL", "in_port=65534", "in_port=local"],
    ["ct_state=+new+trk-est", "ct_state=0x21/0x23", "ct_state=-est+trk+new"],
    ["tcp,tcp_flags=+syn-ack", "tcp,tcp_flags=0x2/0x12"],
    ["", "reg0=*", "ip_src=0.0.0.0/0", "eth"],
  ];
  for (const spellings of groups) {
    const [first = "", ...others] = spellings;
    for (const other of others)
      test(`${first} is ${other}`, () => assert.deepEqual(parseMatch(other), parseMatch(first)));
  }
});

describe("spellings of one action", () => {
  const groups: readonly (readonly string[])[] = [
    ["output:1", "1", "output(1)", "output=1"],
    ["LOCAL", "local", "output:LOCAL", "output:65534"],
    ["CONTROLLER:65535", "controller", "controller()", "output:controller", "controller(max_len=65535)"],
    ["CONTROLLER:20", "controller:20", "controller(max_len=20)"],
    ["resubmit(,5)", "resubmit(IN_PORT,5)"],
    ["resubmit:1", "resubmit(1)", "resubmit(1,)"],
    [
      "set_field:0x5->reg0",
      "load:5->reg0",
      "load:5->NXM_NX_REG0[]",
      "set_field:5/0xffffffff->reg0",
      "set_field:5->NXM_NX_REG0",
    ],
    ["set_field:0x50/0xf0->reg0", "load:5->reg0[4..7]"],
    ["pop_vlan", "strip_vlan"],
    ["set_queue:2,output:1,pop_queue", "enqueue:1:2", "enqueue(1,2)", "enqueue:1:q2"],
    ["push_vlan:0x8100,set_field:4103->vlan_vid", "mod_vlan_vid:7"],
    ["set_field:4103->vlan_vid", "set_vlan_vid:7"],
    ["set_field:0x7->tun_id", "set_tunnel:7", "set_tunnel64:7"],
    ["dec_ttl", "dec_ttl()", "DEC_TTL"],
    ["ct(commit,zone=1,exec(set_field:0x1->ct_mark))", "ct(exec(load:1->ct_mark),zone=1,commit)"],
    ["note:01.02.03.04.05.06", "note:010203040506"],
  ];
  for (const [first = "", ...others] of groups) {
    for (const other of others) {
      test(`${first} is ${other}`, () => assert.equal(printActions(parseActions(other)), first));
    }
    test(`${first} is printed as it is read`, () => assert.equal(printActions(parseActions(first)), first));
  }
});

test("every spelling of ovs-actions(7) has a vector", () => {
  const texts = readFlowVectors().map(({ given }) => given);
  for (const keyword of Object.keys(SHORTHANDS)) {
    assert.ok(
      texts.some((text) => new RegExp(`[=,(]${keyword}\\b`).test(text)),
      keyword,
    );
  }
});

test("every field is read by its name, by those of ovs-fields(7), and by its identities", () => {
  for (const [name, { text, identities }] of Object.entries<{
    text?: readonly string[];
    identities: readonly { symbol: string }[];
  }>(FIELDS)) {
    assert.ok(isFieldName(name));
    for (const spelling of [...(text ?? [name]), ...identities.map(({ symbol }) => symbol)]) {
      assert.equal(fieldBySpelling(spelling)?.name, name, spelling);
    }
  }
});

describe("names", () => {
  const tables = ["classify", "port_security"];
  const names: Names = {
    tableName: (table) => tables[table],
    portName: (port) => (port === 7 ? "tap-1" : port === 8 ? "vm8" : undefined),
  };
  const numbers: NamedNumbers = {
    tableNumber: (name) => (tables.includes(name) ? tables.indexOf(name) : undefined),
    portNumber: (name) => (name === "tap-1" ? 7 : name === "vm8" ? 8 : undefined),
  };
  const text =
    'table="port_security", in_port="tap-1" actions=resubmit(vm8,classify),ct(table="port_security"),output:vm8,goto_table:9';
  test("are printed, in quotes where ovs-ofctl quotes them", () => {
    assert.equal(printFlow(parseFlow(text, numbers), names), text);
    const plain = "table=1, in_port=7 actions=resubmit(8,0),ct(table=1),output:8,goto_table:9";
    assert.equal(printFlow(parseFlow(text, numbers)), plain);
    assert.equal(printFlow(parseFlow("table=0,actions=drop"), names), "table=classify, actions=drop");
  });
  test("of reserved ports are always known", () => {
    assert.equal(printMatch({ in_port: PortNumber.local }), "in_port=LOCAL");
    assert.equal(printMatch({ in_port: 7 }, names), 'in_port="tap-1"');
  });
});

test("what dump-flows says beside a flow is read past", () => {
  const dumped =
    " cookie=0x5, duration=1.5s, table=3, n_packets=1, n_bytes=60, idle_timeout=10, importance=2, idle_age=1, priority=7,ip actions=drop";
  const flow = parseFlow(dumped);
  assert.equal(printFlow(flow), "cookie=0x5, table=3, idle_timeout=10, importance=2, priority=7,ip actions=drop");
});

describe("mistakes are found where they are", () => {
  const cases: readonly (readonly [string, TextError["code"], number])[] = [
    ["ip", "missing", 2],
    ["colour=red,actions=drop", "unknown-keyword", 0],
    ["ip,nw_src=10.0.0,actions=drop", "bad-value", 10],
    ["ip,nw_src=10.0.0.1/33,actions=drop", "out-of-range", 19],
    ["reg0=0x100000000,actions=drop", "out-of-range", 5],
    ["reg0=five,actions=drop", "bad-value", 5],
    ["priority=65536,actions=drop", "out-of-range", 9],
    ["in_port=tap7,actions=drop", "unknown-name", 8],
    ["table=classify,actions=drop", "unknown-name", 6],
    ["ct_state=+now,actions=drop", "bad-value", 9],
    ["ct_state=+new+new,actions=drop", "conflict", 9],
    ["reg0[30..32]=1,actions=drop", "out-of-range", 0],
    ["reg0=1,xreg0=0,actions=drop", "conflict", 0],
    ["vlan_tci=0x2000/0x2000,actions=drop", "conflict", 0],
    ["actions=outptu:1", "unknown-keyword", 8],
    ["actions=output:1,drop", "conflict", 17],
    ["actions=drop,output:1", "conflict", 8],
    ["actions=set_field:1", "missing", 18],
    ["actions=set_field:1->colour", "unknown-name", 21],
    ["actions=move:reg0[]->reg1[0..3]", "bad-value", 13],
    ["actions=load:0x10->reg1[0..3]", "out-of-range", 13],
    ["actions=ct(commit,colour=red)", "unknown-keyword", 18],
    ["actions=ct(commit", "missing", 10],
    ["actions=ct(nat(src=10.0.0.1,dst=10.0.0.2))", "conflict", 32],
    ["actions=learn(table=1,load:5)", "missing", 27],
    ["actions=conjunction(1,0/2)", "out-of-range", 22],
    ["actions=check_pkt_larger(5)", "missing", 8],
    ["actions=multipath(eth_src,0,best,1,0,reg0)", "bad-value", 28],
    ["actions=sample(collector_set_id=1)", "missing", 15],
    ["actions=encap(gre)", "bad-value", 14],
    ["actions=note:0", "bad-value", 13],
    ["actions=goto_table:classify", "unknown-name", 19],
    ["ip,actions=mod_tp_dst:5", "conflict", 11],
  ];
  for (const [text, code, offset] of cases) {
    test(text, () => {
      assert.throws(
        () => parseFlow(text),
        (error) => {
          assert.ok(error instanceof TextError, String(error));
          assert.deepEqual({ code: error.code, offset: error.offset }, { code, offset }, error.message);
          return true;
        },
      );
    });
  }
});

test("no text makes the reader fail in another way", () => {
  const words = readFlowVectors().flatMap(({ given }) => given.split(/([,=():/]|->)/));
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { maxLength: 30 }),
      (parts) => {
        for (const text of [parts.join(""), `actions=${parts.join("")}`, `${parts.join("")} actions=drop`]) {
          try {
            parseFlow(text);
          } catch (error) {
            if (!(error instanceof TextError)) throw error;
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test("actions too deep in actions are refused, not followed", () => {
  const nested = (depth: number): string => `actions=${"clone(".repeat(depth)}output:1${")".repeat(depth)}`;
  assert.equal(printFlow(parseFlow(nested(20))), nested(20));
  assert.throws(() => parseFlow(nested(3000)), TextError);
});

test("IPv6 addresses are printed as the C library prints them, and read back", () => {
  for (const text of [
    "::",
    "::1",
    "1::",
    "fe80::1",
    "::1.2.3.4",
    "::ffff:1.2.3.4",
    "1:0:0:2::3",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:0:8",
  ]) {
    assert.equal(printIpv6(parseIpv6(new Piece(text))), text);
  }
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (address) => {
      assert.equal(parseIpv6(new Piece(printIpv6(address))), address);
    }),
  );
  for (const text of [
    "",
    ":",
    "1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1::",
    "12345::",
    "1.2.3.4",
    "::1.2.3",
    "1:2:3:4:5:6:7::8",
  ]) {
    assert.throws(() => parseIpv6(new Piece(text)), TextError, text);
  }
});
