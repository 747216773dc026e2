/** Every action that the tracer follows, by flows written by hand: what becomes of a packet, here and in a real Open vSwitch. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type Flow, type Message, parseActions, parseFlow } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { encodePacket } from "@dragonflow/packet";
import { assertAgreement } from "../testing/agreement.ts";
import { ControlSocket, readTrace } from "../testing/ofproto-trace.ts";
import { SAMPLES } from "../testing/samples.ts";
import { printOutcome } from "./print.ts";
import { carried } from "./told.ts";
import { Tracer } from "./tracer.ts";

let ovs: TestSwitch;
let control: ControlSocket;

before(async () => {
  ovs = await startSwitch();
  for (const n of [1, 2, 3])
    await ovs.vsctl(
      "add-port",
      "br-int",
      `p${n}`,
      "--",
      "set",
      "interface",
      `p${n}`,
      "type=internal",
      `ofport_request=${n}`,
    );
  control = await ControlSocket.open(join(ovs.dir, "vswitchd.ctl"));
});
after(async () => {
  control[Symbol.dispose]();
  await ovs.stop();
});

const times = (count: number, action: string): string => Array.from({ length: count }, () => action).join();

interface Case {
  readonly flows: readonly string[];
  /** Actions of the buckets of group 1. */
  readonly group?: readonly string[];
  readonly packet: keyof typeof SAMPLES;
  /** With these headers where they are named. */
  readonly outcomes: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "the highest priority counts": {
    flows: ["priority=5,ip,actions=output:2", "priority=6,udp,actions=output:3", "priority=7,tcp,actions=output:2"],
    packet: "udp",
    outcomes: ["output 3"],
  },
  "masks of addresses, ports and registers": {
    flows: [
      "in_port=1,dl_dst=02:00:00:00:00:00/ff:ff:ff:00:00:00,actions=set_field:0x12345678->reg1,set_field:0xab00/0xff00->reg1,goto_table:1",
      "table=1,ip,nw_src=10.0.0.0/8,reg1=0x1234ab00/0xffffff00,udp,tp_dst=0x7d0/0xfff0,actions=output:2",
    ],
    packet: "udp",
    outcomes: ["output 2"],
  },
  "IPv6 prefixes": {
    flows: ["ipv6,ipv6_dst=fd00::/127,actions=output:3", "ipv6,ipv6_src=fd00::/16,actions=output:2"],
    packet: "tcp6",
    outcomes: ["output 2"],
  },
  "a miss drops": { flows: ["tcp,actions=output:2"], packet: "udp", outcomes: ["drop in 0: miss"] },
  "nothing to do drops": { flows: ["actions=drop"], packet: "udp", outcomes: ["drop in 0: flow"] },
  "not out by the port it came in, unless told so": {
    flows: ["actions=output:1,IN_PORT,output:2"],
    packet: "udp",
    outcomes: ["drop in 0: in port", "output 1", "output 2"],
  },
  "a port in a register": {
    flows: ["actions=set_field:0x30000->reg6,output:reg6[16..31]"],
    packet: "udp",
    outcomes: ["output 3"],
  },
  "a reserved port in a register": {
    flows: ["actions=set_field:0xfff8->reg6,output:reg6[0..15]"],
    packet: "udp",
    outcomes: ["output 1"],
  },
  "goto ends a table, resubmit comes back": {
    flows: [
      "actions=resubmit(,2),output:3,goto_table:1",
      "table=1,reg0=7,actions=output:3",
      "table=2,actions=set_field:7->reg0,output:2",
    ],
    packet: "udp",
    outcomes: ["output 2", "output 3", "output 3"],
  },
  "resubmit as if it came in elsewhere": {
    flows: ["in_port=1,actions=resubmit(2,1)", "table=1,in_port=2,actions=output:2,output:1"],
    packet: "udp",
    outcomes: ["output 2", "drop in 1: in port"],
  },
  "resubmit to the same table": {
    flows: ["reg0=0,actions=set_field:1->reg0,resubmit(,0),output:3", "reg0=1,actions=output:2"],
    packet: "udp",
    outcomes: ["output 2", "output 3"],
  },
  "round and round": {
    flows: ["actions=output:2,resubmit(,0)"],
    packet: "udp",
    outcomes: ["drop in 0: resubmit limit"],
  },
  "as many resubmits as there may be": {
    flows: [
      `actions=${times(64, "resubmit(,1)")},output:2`,
      `table=1,actions=${times(63, "resubmit(,2)")}`,
      "table=2,actions=note:01",
    ],
    packet: "udp",
    outcomes: [...Array.from({ length: 64 * 63 }, () => "drop in 2: flow"), "output 2"],
  },
  "one resubmit more": {
    flows: [
      `actions=${times(64, "resubmit(,1)")},resubmit(,2),output:2`,
      `table=1,actions=${times(63, "resubmit(,2)")}`,
      "table=2,actions=note:01",
    ],
    packet: "udp",
    outcomes: ["drop in 0: resubmit limit"],
  },
  "a group gives each bucket a copy": {
    flows: [
      "actions=set_field:1->reg0,group:1,goto_table:1",
      "table=1,reg0=1,actions=output:2",
      "table=2,reg0=2,actions=output:3",
    ],
    group: ["set_field:2->reg0,set_field:02:00:00:00:00:99->eth_dst,resubmit(,2)", "resubmit(,1)"],
    packet: "udp",
    outcomes: ["output 3 eth_dst=2199023255705", "output 2 eth_dst=2199023255554", "output 2 eth_dst=2199023255554"],
  },
  "a bucket is a set of actions, in no order of its own": {
    flows: ["actions=group:1", "table=1,reg0=5,actions=output:2"],
    group: ["resubmit(,1),set_field:5->reg0", "output:3,dec_ttl"],
    packet: "udp",
    outcomes: ["output 2 ip_ttl=64", "output 3 ip_ttl=63"],
  },
  "a group that is not there": { flows: [], packet: "udp", outcomes: ["drop in 0: miss"] },
  "copies between fields and registers": {
    flows: [
      "ip,actions=move:ip_src[0..15]->reg3[8..23],move:eth_src->eth_dst,move:reg3[8..15]->reg4[0..7],goto_table:1",
      "table=1,reg3=0x100,reg4=0x1,actions=output:2",
    ],
    packet: "udp",
    outcomes: ["output 2 eth_dst=2199023255553"],
  },
  "the stack swaps addresses": {
    flows: ["ip,actions=push:ip_src,push:ip_dst,pop:ip_src,pop:ip_dst,pop:reg0[],output:2"],
    packet: "ping",
    outcomes: ["output 2 ipv4_src=167772162 ipv4_dst=167772161"],
  },
  "the TTL goes down, with the checksum": {
    flows: ["ip,actions=dec_ttl,output:2"],
    packet: "udp",
    outcomes: ["output 2 ip_ttl=63"],
  },
  "a TTL that is used up ends the table, and not those before it": {
    flows: [
      "actions=resubmit(,1),output:3",
      "table=1,ip,actions=dec_ttl(3,4),output:2,goto_table:2",
      "table=2,actions=output:2",
    ],
    packet: "lastHop",
    outcomes: ["punt controller 3 invalid_ttl", "punt controller 4 invalid_ttl", "output 3"],
  },
  "to a controller, and on": {
    flows: ["actions=controller(userdata=07.00.00.00.09,id=223),output:2"],
    packet: "udp",
    outcomes: ["punt responder 7 subject 9", "output 2"],
  },
  "ports of UDP": {
    flows: ["udp,actions=set_field:53->udp_dst,set_field:10.9.9.9->ip_dst,output:2"],
    packet: "udp",
    outcomes: ["output 2 udp_dst=53 ipv4_dst=168364297"],
  },
  "ports of TCP over IPv6": {
    flows: ["tcp6,actions=set_field:80->tcp_dst,set_field:fd00::99->ipv6_dst,dec_ttl,output:2"],
    packet: "tcp6",
    outcomes: ["output 2 tcp_dst=80 ip_ttl=63"],
  },
  "a request turned into its reply": {
    flows: [
      "arp,arp_op=1,actions=set_field:2->arp_op,move:arp_sha->arp_tha,set_field:02:00:00:00:00:09->arp_sha,IN_PORT",
    ],
    packet: "arp",
    outcomes: ["output 1 arp_op=2 arp_tha=2199023255553 arp_sha=2199023255561"],
  },
  "a tag is taken off": {
    flows: ["dl_vlan=7,actions=pop_vlan,output:2"],
    packet: "tagged",
    outcomes: ["output 2 vlan_vid=0"],
  },
  "a tag is put on": {
    flows: ["actions=push_vlan:0x8100,set_field:4105->vlan_vid,output:2"],
    packet: "udp",
    outcomes: ["output 2 vlan_vid=4105"],
  },
  "a later fragment has no ports": {
    flows: ["priority=2,udp,tp_dst=2000,actions=output:2", "priority=1,udp,tp_dst=0,actions=output:3"],
    packet: "fragment",
    outcomes: ["output 3"],
  },
  "extension headers stand before the datagram": {
    flows: ["udp6,tp_dst=2000,actions=output:2"],
    packet: "extended",
    outcomes: ["output 2"],
  },
  "an authentication header too": {
    flows: ["udp6,tp_dst=2000,actions=output:2"],
    packet: "authenticated",
    outcomes: ["output 2"],
  },
  "of the first fragment nobody sees the ports either": {
    flows: ["udp6,tp_dst=2000,actions=output:3", "udp6,nw_frag=first,tp_dst=0,actions=dec_ttl,output:2"],
    packet: "firstFragment",
    outcomes: ["output 2 ip_ttl=63"],
  },
  "a later fragment of IPv6 is of no protocol but that": {
    flows: ["ipv6,nw_frag=later,nw_proto=44,actions=output:2"],
    packet: "laterFragment",
    outcomes: ["output 2"],
  },
  "a link-layer address among other options": {
    flows: [
      "icmp6,icmp_type=135,icmp_code=0,nd_target=fd00::2,nd_sll=02:00:00:00:00:01,actions=set_field:02:00:00:00:00:09->nd_sll,output:2",
    ],
    packet: "solicitation",
    outcomes: ["output 2 nd_sll=2199023255561"],
  },
  "a link-layer address given twice: nothing counts": {
    flows: ["icmp6,icmp_type=135,icmp_code=0,nd_target=::,nd_sll=00:00:00:00:00:00,actions=output:2"],
    packet: "twice",
    outcomes: ["output 2"],
  },
  "a conjunction of which all clauses are met": {
    flows: [
      "priority=9,ip,nw_src=10.0.0.0/8,actions=conjunction(5,1/3)",
      "priority=9,ip,nw_src=10.0.0.1,actions=conjunction(5,1/3)",
      "priority=9,udp,actions=conjunction(5,2/3)",
      "priority=9,udp,tp_dst=2000,actions=conjunction(5,3/3),conjunction(6,2/2)",
      "priority=9,ip,conj_id=5,actions=output:2",
      "priority=8,ip,actions=output:3",
    ],
    packet: "udp",
    outcomes: ["output 2"],
  },
  "a conjunction that leads nowhere, and one that lacks a clause": {
    flows: [
      "priority=9,ip,actions=conjunction(5,1/2)",
      "priority=9,udp,actions=conjunction(5,2/2),conjunction(6,2/2)",
      "priority=9,ip,conj_id=6,actions=output:2",
      "priority=8,ip,actions=output:3",
    ],
    packet: "udp",
    outcomes: ["output 3"],
  },
  "through connection tracking, and on without what it said": {
    flows: [
      "ip,ct_state=-trk,actions=set_field:7->reg6,ct(table=1,zone=reg6[0..15]),output:3",
      "table=1,ct_state=+new+trk,ct_zone=7,ip,actions=ct(commit,zone=7,exec(set_field:1->ct_mark)),goto_table:2",
      "table=2,ip,ct_state=-trk,ct_mark=0,reg6=7,actions=ct(table=3,zone=8),output:2",
      "table=3,ct_state=+trk,ip,actions=ct_clear,resubmit(,4)",
      "table=4,ct_state=-trk,actions=output:3",
    ],
    packet: "udp",
    outcomes: ["output 3", "output 2", "output 3"],
  },
  metadata: {
    flows: ["actions=write_metadata:0x1200/0xff00,goto_table:1", "table=1,metadata=0x1200,actions=output:2"],
    packet: "udp",
    outcomes: ["output 2"],
  },
};

function tracerOf({ flows, group }: Case): Tracer {
  const buckets = group?.map((actions) => parseActions(actions));
  return new Tracer({
    flows: flows.map((text) => parseFlow(text)),
    conntrack: carried({ state: "new" }),
    groups: new Map(buckets === undefined ? [] : [[1, { type: "all", buckets }]]),
  });
}

async function install({ flows, group = [] }: Case): Promise<void> {
  const openflow = await connect(ovs.bridge);
  const add = (flow: Flow): Message => ({ type: "flow_mod", command: "add", ...flow });
  const buckets = group.map((actions, bucket) => ({ bucket, actions: parseActions(actions) }));
  const errors = await openflow.apply([
    { type: "flow_mod", command: "delete", table: 0xff, priority: 0, cookie: 0n, match: {}, instructions: {} },
    { type: "group_mod", command: "delete", groupType: "all", group: 0xfffffffc, buckets: [] },
    ...(buckets.length === 0
      ? []
      : [{ type: "group_mod" as const, command: "add" as const, groupType: "all" as const, group: 1, buckets }]),
    ...flows.map((text) => add(parseFlow(text))),
  ]);
  assert.deepEqual(errors, []);
  openflow.close();
}

for (const [name, example] of Object.entries(CASES)) {
  test(name, async () => {
    const frame = encodePacket(SAMPLES[example.packet]);
    const trace = tracerOf(example).trace({ inPort: 1, frame });
    const outcomes = trace.outcomes.map((outcome, i) => {
      const named = [...(example.outcomes[i] ?? "").matchAll(/ (\w+)=\d+/g)].map(([, field = ""]) => field);
      if (outcome.type === "drop") return printOutcome(outcome);
      const fields = Object.entries(outcome.packet.fields);
      return [
        printOutcome(outcome),
        ...named.map((field) => `${field}=${fields.find(([f]) => f === field)?.[1]}`),
      ].join(" ");
    });
    assert.deepEqual(outcomes, example.outcomes);
    await install(example);
    const hex = Buffer.from(frame).toString("hex");
    const theirs = readTrace(await control.call("ofproto/trace", "--names", "br-int", "in_port=1", hex), frame);
    assertAgreement(frame, trace, theirs, (port) => ({ name: `p${port}`, isTunnel: false }));
  });
}
