/** What `ofproto/trace` is told. Each of these lines is one that Open vSwitch 3.1 takes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePacket, type LayersToEncode, parseIpv6 } from "@dragonflow/packet";
import { connectionArguments, flowOf } from "./told.ts";

const ethernet = { src: 1, dst: 2 };
const ipv4 = { src: 0x0a000001, dst: 0x0a000002, ttl: 64 };
const ipv6 = { src: parseIpv6("fd00::1"), dst: parseIpv6("fd00::2"), hopLimit: 64 };
const ports = { sourcePort: 1000, destinationPort: 80 };
const payload = new Uint8Array(12);
const told = (layers: LayersToEncode): string => {
  const frame = encodePacket(layers);
  return flowOf(frame, connectionArguments(frame, { state: "new" }).fields);
};
const MACS = "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02";
const V4 = `${MACS},nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,nw_ecn=0,nw_ttl=64`;
const V6 = `${MACS},ipv6_src=fd00::1,ipv6_dst=fd00::2,ipv6_label=0x00000,nw_tos=0,nw_ecn=0,nw_ttl=64`;
const isNew = (protocol: number, source: number, destination: number): string =>
  `ct_state=new|trk,ct_mark=0,ct_nw_proto=${protocol},ct_tp_src=${source},ct_tp_dst=${destination}`;

test("a frame as a flow, with what is known of its connection", () => {
  const tcp = { ...ports, flags: { syn: true } };
  assert.equal(
    told({ ethernet, ipv4, tcp, payload }),
    `${isNew(6, 1000, 80)},tcp,${V4},tcp_src=1000,tcp_dst=80,tcp_flags=syn`,
  );
  assert.equal(
    told({ ethernet, ipv6, udp: ports, payload }),
    `${isNew(17, 1000, 80)},udp6,${V6},udp_src=1000,udp_dst=80`,
  );
  const echo = { kind: "other", type: 128, code: 0, bytes: payload } as const;
  assert.equal(told({ ethernet, ipv6, icmp6: echo }), `${isNew(58, 128, 0)},icmp6,${V6},icmpv6_type=128,icmpv6_code=0`);
  assert.equal(
    told({ ethernet, ipv4: { ...ipv4, protocol: 132 }, payload }),
    `${isNew(132, 0, 0)},sctp,${V4},sctp_src=0,sctp_dst=0`,
  );
  assert.equal(told({ ethernet: { ...ethernet, etherType: 0x88b5 }, payload }), `${MACS},dl_type=0x88b5`);
});

test("a solicitation has no field of an advertisement", () => {
  const options = [{ kind: "source-link-layer", mac: 7 }] as const;
  const text = told({
    ethernet,
    ipv6,
    icmp6: { kind: "neighbour-solicitation", code: 0, target: ipv6.dst, options: [...options] },
  });
  assert.match(text, /nd_target=fd00::2,nd_sll=00:00:00:00:00:07/);
  assert.doesNotMatch(text, /nd_tll/);
});
