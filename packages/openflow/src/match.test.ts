/** The canonical form of a match: what is written, what is refused, and that both directions are inverse. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError, EncodeError, Reader, Writer } from "@dragonflow/wire";
import fc from "fast-check";
import { decodeActions } from "./actions/index.ts";
import { decodeInstructions } from "./instructions.ts";
import { decodeMatch, encodeMatch, type Match } from "./match.ts";
import { anyFlow } from "./testing/flow-arbitraries.ts";

function encode(match: Match): string {
  const w = new Writer();
  encodeMatch(w, match);
  return Buffer.from(w.slice()).toString("hex");
}
function decode(hex: string): Match {
  return decodeMatch(new Reader(Buffer.from(hex, "hex")));
}
/** The match with these OXMs. */
function oxms(...hex: string[]): string {
  const all = hex.join("");
  const length = 4 + all.length / 2;
  return `0001${length.toString(16).padStart(4, "0")}${all}${"00".repeat((8 - (length % 8)) % 8)}`;
}

describe("one form for what means the same", () => {
  const forms: readonly (readonly [string, Match, Match])[] = [
    ["a full mask is none", { reg0: { value: 5, mask: 0xffffffff } }, { reg0: 5 }],
    [
      "a full mask of a field of few bits is none",
      { tcp_flags: { value: 2, mask: 0xfff }, ...tcp() },
      { tcp_flags: 2, ...tcp() },
    ],
    ["an empty mask is no field", { reg0: { value: 5, mask: 0 }, metadata: { value: 1n, mask: 0n } }, {}],
    ["bits outside of the mask are zero", { reg0: { value: 0xff, mask: 0x0f } }, { reg0: { value: 0x0f, mask: 0x0f } }],
    [
      "MACs are masked in all 48 bits",
      { eth_dst: { value: 0xffff_ffff_ffff, mask: 0xff00_0000_00ff } },
      { eth_dst: { value: 0xff00_0000_00ff, mask: 0xff00_0000_00ff } },
    ],
    ["the order is ours", { ip_proto: 6, eth_type: 0x800, in_port: 1 }, { in_port: 1, eth_type: 0x800, ip_proto: 6 }],
    ["undefined is no field", { in_port: 1, reg3: undefined } as unknown as Match, { in_port: 1 }],
    ["xreg is two registers", { xreg1: (2n << 32n) | 3n }, { reg2: 2, reg3: 3 }],
    [
      "a part of xreg is a part of a register",
      { xreg1: { value: 3n, mask: 0xffn } },
      { reg3: { value: 3, mask: 0xff } },
    ],
    ["xxreg is four registers", { xxreg3: (1n << 96n) | 4n }, { reg12: 1, reg13: 0, reg14: 0, reg15: 4 }],
    [
      "views of the same bits add up",
      { xreg0: { value: 5n << 32n, mask: 0xffn << 32n }, reg0: { value: 0x100, mask: 0x100 } },
      { reg0: { value: 0x105, mask: 0x1ff } },
    ],
    ["dl_vlan is a VLAN with its bit", { dl_vlan: 7 }, { vlan_vid: 0x1007 }],
    ["vlan_tci is VLAN and priority", { vlan_tci: 0xf007 }, { vlan_vid: 0x1007, vlan_pcp: 7 }],
    ["vlan_tci 0 is no VLAN", { vlan_tci: 0 }, { vlan_vid: 0 }],
    ["nw_tos is DSCP", { eth_type: 0x800, nw_tos: 0xb8 }, { eth_type: 0x800, ip_dscp: 46 }],
    ["the port of 16 bits is a port", { nxm_in_port: 0xfffe }, { in_port: 0xfffffffe }],
    ["Ethernet goes without saying", { packet_type: 0, reg0: 1 }, { reg0: 1 }],
    [
      "vswitchd takes some values for the mask",
      { tun_gtpu_flags: { value: 0x1f, mask: 0x0f } },
      { tun_gtpu_flags: { value: 0x0f, mask: 0x0f } },
    ],
  ];
  for (const [title, one, other] of forms) test(title, () => assert.equal(encode(one), encode(other)));
});

function tcp(): Match {
  return { eth_type: 0x800, ip_proto: 6 };
}

describe("decoded", () => {
  const forms: readonly (readonly [string, string, Match])[] = [
    [
      "packet registers are registers",
      oxms("80010208", "0000000500000007", "80010510", "0000000000000003", "00000000000000ff"),
      { reg2: 5, reg3: 7, reg5: { value: 3, mask: 0xff } },
    ],
    ["registers by their NXM names", oxms("00010204", "00000005"), { reg1: 5 }],
    ["a whole xxreg", oxms("0001de10", "00000001000000020000000300000004"), { reg0: 1, reg1: 2, reg2: 3, reg3: 4 }],
    ["NXM names of what OpenFlow names too", oxms("00000602", "0800"), { eth_type: 0x800 }],
    ["vlan_tci", oxms("00000802", "f007"), { vlan_vid: 0x1007, vlan_pcp: 7 }],
    ["a full mask", oxms("80000510", "0000000000000007", "ffffffffffffffff"), { metadata: 7n }],
    ["the packet type of Ethernet", oxms("80005804", "00000000"), {}],
    ["an option that is there", oxms("00015100"), { tun_metadata0: { value: 0n, mask: 0n } }],
  ];
  for (const [title, hex, match] of forms) {
    test(title, () => assert.deepEqual(decode(hex), match));
  }
});

describe("refused by the encoder", () => {
  const cases: readonly (readonly [string, Match, EncodeError["code"], string])[] = [
    ["a port without a protocol", { tcp_dst: 80, eth_type: 0x800 }, "prerequisite", "tcp_dst"],
    ["a port of another protocol", { ...tcp(), udp_dst: 80 }, "prerequisite", "udp_dst"],
    ["a port of later fragments", { ...tcp(), ip_frag: 3, tcp_src: 1 }, "prerequisite", "tcp_src"],
    ["an address of another Ethertype", { eth_type: 0x86dd, ipv4_src: 1 }, "prerequisite", "ipv4_src"],
    ["an Ethertype in part", { eth_type: { value: 0x800, mask: 0xff00 } }, "bad-value", "eth_type"],
    ["a priority without a VLAN", { vlan_pcp: 3 }, "prerequisite", "vlan_pcp"],
    [
      "a neighbour's address in an echo",
      { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 128, nd_target: 1n },
      "prerequisite",
      "nd_target",
    ],
    [
      "a solicitation's option in an advertisement",
      { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 136, nd_sll: 1 },
      "prerequisite",
      "nd_sll",
    ],
    ["an original address of no connection", { eth_type: 0x800, ct_nw_src: 1 }, "prerequisite", "ct_nw_src"],
    ["an original port of no protocol", { ct_state: 0x22, ct_tp_src: 1 }, "prerequisite", "ct_tp_src"],
    ["more than the field holds", { ipv6_label: 0x100000, eth_type: 0x86dd }, "out-of-range", "ipv6_label"],
    ["a negative number", { reg0: -1 }, "out-of-range", "reg0"],
    ["a fraction", { reg0: 1.5 }, "out-of-range", "reg0"],
    ["a bigint too wide", { metadata: 1n << 64n }, "out-of-range", "metadata"],
    ["a number for a wide field", { metadata: 1 } as unknown as Match, "out-of-range", "metadata"],
    ["a mask too wide", { reg0: { value: 0, mask: 2 ** 32 } }, "out-of-range", "reg0"],
    ["what vswitchd would forget", { ct_state: 0x22, ct_nw_proto: 0 }, "unsupported", "ct_nw_proto"],
    ["a part of the VLAN priority", { vlan_tci: { value: 0x2000, mask: 0x2000 } }, "unsupported", "vlan_tci"],
    ["a VLAN of 13 bits", { dl_vlan: 0x1000 }, "out-of-range", "dl_vlan"],
    ["a fraction in a view", { vlan_tci: 1.5 }, "out-of-range", "vlan_tci"],
    ["a part of the VLAN of OpenFlow 1.0", { dl_vlan: { value: 1, mask: 1 } }, "bad-value", "dl_vlan"],
    ["views that contradict each other", { reg0: 1, xreg0: 2n << 32n }, "bad-value", "reg0"],
    ["a field that nobody can match", { skb_priority: 1 }, "unsupported", "skb_priority"],
    ["an unknown field", { colour: 1 } as unknown as Match, "bad-value", "colour"],
  ];
  for (const [title, match, code, field] of cases) {
    test(title, () => {
      assert.throws(
        () => encode(match),
        (error) => error instanceof EncodeError && error.code === code && error.field === field,
      );
    });
  }
});

describe("refused by the decoder", () => {
  const cases: readonly (readonly [string, string, DecodeError["code"]])[] = [
    ["a match of another type", "0000000800000000", "unsupported"],
    ["a length less than its header", "0001000300000000", "bad-length"],
    ["a field that is cut off", "0001000600000000", "truncated"],
    ["a value that is cut off", "0001000880000004", "truncated"],
    ["an unknown field", oxms("80007f04", "00000000"), "unsupported"],
    ["an unknown class", oxms("12340004", "00000000"), "unsupported"],
    ["an unknown experimenter", oxms("ffff0008", "00000001", "00000000"), "unsupported"],
    ["an experimenter that is cut off", oxms("ffff0002", "0000"), "bad-length"],
    ["a field of the wrong length", oxms("80000002", "0001"), "bad-length"],
    ["a field twice", oxms("80000004", "00000001", "80000004", "00000001"), "bad-value"],
    ["a register twice", oxms("80010008", "0000000100000001", "00010004", "00000001"), "bad-value"],
    ["bits outside of the mask", oxms("80010110", "0000000000000003", "0000000000000001"), "bad-value"],
    [
      "views that contradict each other",
      oxms("00010004", "00000001", "0001de10", "00000002000000000000000000000000"),
      "bad-value",
    ],
    ["a part of the VLAN priority", oxms("00000904", "20002000"), "bad-value"],
    ["more bits than the field has", oxms("80001001", "ff"), "bad-value"],
  ];
  for (const [title, hex, code] of cases) {
    test(title, () => {
      assert.throws(
        () => decode(hex),
        (error) => error instanceof DecodeError && error.code === code,
      );
    });
  }
});

test("what is decoded encodes to the same bytes, and decodes to the same match", () => {
  fc.assert(
    fc.property(anyFlow, ({ match }) => {
      const hex = encode(match);
      const back = decode(hex);
      assert.equal(encode(back), hex);
      assert.deepEqual(decode(encode(back)), back);
    }),
    { numRuns: 500 },
  );
});

test("actions too deep in actions are refused, not followed", () => {
  const DEPTH = 3000;
  const w = new Writer();
  for (let left = DEPTH; left > 0; left--)
    w.u16(0xffff)
      .u16(16 * left)
      .u32(0x2320)
      .u16(42)
      .zeros(6);
  assert.throws(() => decodeActions(new Reader(w.slice())), DecodeError);
});

test("decoders survive random bytes", () => {
  const survive = (decoder: () => unknown): void => {
    try {
      decoder();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  };
  // Bytes that look like headers get further than bytes that do not.
  const header = fc.constantFrom(
    "0001",
    "8000",
    "8001",
    "ffff",
    "00002320",
    "0004",
    "0018",
    "0010",
    "00190010",
    "ffff0018000023200010",
  );
  const bytes = fc
    .array(
      fc.oneof(
        header,
        fc.uint8Array({ maxLength: 12 }).map((part) => Buffer.from(part).toString("hex")),
      ),
    )
    .map((parts) => Buffer.from(parts.join(""), "hex"));
  fc.assert(
    fc.property(bytes, (any) => {
      survive(() => decodeMatch(new Reader(any)));
      survive(() => decodeActions(new Reader(any)));
      survive(() => decodeInstructions(new Reader(any)));
    }),
    { numRuns: 3000 },
  );
});
