/**
 * Groups as text against a real Open vSwitch: what we read of it makes the group that ovs-ofctl prints, and we print
 * the same.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { connect } from "./socket.ts";
import { startSwitch } from "./testing/switch.ts";
import { type Group, parseGroup, printGroup, TextError } from "./text/index.ts";

const TEXTS = [
  "group_id=1,type=all",
  "group_id=2,type=all,bucket=actions=output:1,bucket=output:2,bucket=set_field:7->reg0,output:3",
  "group_id=3,type=select,bucket=weight:0,actions=output:1,bucket=bucket_id:7,weight:100,actions=output:2,bucket=output(port=1,max_len=100)",
  "group_id=4,type=indirect,bucket=actions=drop",
  "group_id=5,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_port=LOCAL,watch_group=4,actions=push_vlan:0x8100,set_field:4101->vlan_vid,output:2",
  "group_id=6,type=fast_failover,bucket=watch_group:4,actions=group:4",
  "group_id=7,type=select,selection_method=dp_hash,bucket=actions=output:1",
  "group_id=8,type=select,selection_method=hash,selection_method_param=5,fields(ip_src,tcp_dst=0xff00,eth_dst=ff:ff:ff:00:00:00),bucket=actions=output:1",
  "group_id=9,type=select,selection_method=hash,fields=ip_dst=255.255.255.0,bucket=actions=output:1",
  "group_id=4294967040,type=all,bucket=actions=resubmit(,7),ct_clear",
];

interface Read {
  readonly group: Group;
  readonly text: string;
}
const read = new Map<number, Read>();
const refused: string[] = [];

before(async () => {
  await using ovs = await startSwitch();
  const socket = await connect(ovs.bridge);
  try {
    const errors = await socket.apply(
      TEXTS.map((text) => ({ type: "group_mod", command: "add", ...parseGroup(text) })),
    );
    refused.push(...errors.map(({ message }) => message));
    const { entries } = await socket.request({ type: "group_desc_request" });
    const dump = await ovs.ofctl("dump-groups", "--no-names", ovs.bridge);
    for (const group of entries) {
      const line = dump.split("\n").find((one) => one.startsWith(` group_id=${group.group},`)) ?? "";
      read.set(group.group, { group, text: line.slice(1) });
    }
  } finally {
    socket.close();
  }
});

test("no group is refused", () => assert.deepEqual(refused, []));

describe("read, installed, read back and printed", () => {
  for (const text of TEXTS) {
    test(text, () => {
      const back = read.get(parseGroup(text).group);
      assert.ok(back);
      assert.equal(printGroup(back.group), back.text);
      assert.equal(printGroup(parseGroup(back.text)), back.text);
    });
  }
});

test("mistakes are found where they are", () => {
  for (const [text, code, offset] of [
    ["type=all", "missing", 0],
    ["group_id=1", "missing", 0],
    ["group_id=1,type=some", "bad-value", 16],
    ["group_id=1,type=all,colour=red", "unknown-keyword", 20],
    ["group_id=1,type=all,bucket=weight:1", "missing", 27],
    ["group_id=1,type=all,bucket=actions=outptu:1", "unknown-keyword", 35],
  ] as const) {
    assert.throws(
      () => parseGroup(text),
      (error) => error instanceof TextError && error.code === code && error.offset === offset,
      text,
    );
  }
});
