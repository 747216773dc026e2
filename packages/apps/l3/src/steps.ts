import type { Step } from "@dragonflow/pipeline";
import { act, ETH_TYPE, IP_PROTO, isIpv6, outputInPort } from "@dragonflow/pipeline";

/** The match of packets to an address or prefix, of either family. */
export function destination(
  address: string,
): { readonly eth_type: number; readonly ipv4_dst: string } | { readonly eth_type: number; readonly ipv6_dst: string } {
  return isIpv6(address)
    ? { eth_type: ETH_TYPE.ipv6, ipv6_dst: address }
    : { eth_type: ETH_TYPE.ipv4, ipv4_dst: address };
}

/** 0..128: how much of the address a prefix names. A single address counts as a whole. */
export function prefixLength(prefix: string): number {
  const length = prefix.split("/")[1];
  return length === undefined ? (isIpv6(prefix) ? 128 : 32) : Number(length);
}

function swap(
  a: "eth_src" | "ipv4_src" | "ipv6_src",
  b: "eth_dst" | "ipv4_dst" | "ipv6_dst",
  bits: number,
): readonly Step[] {
  const first = { field: a, start: 0, bits };
  const second = { field: b, start: 0, bits };
  return [
    act({ type: "push", field: first }),
    act({ type: "push", field: second }),
    act({ type: "pop", field: first }),
    act({ type: "pop", field: second }),
  ];
}

/** Turns an echo request into its reply, and sends it back (RFC 792, RFC 4443 section 4.2). */
export function echoReply(address: string): {
  readonly match: Readonly<Record<string, number>>;
  readonly steps: readonly Step[];
} {
  const v6 = isIpv6(address);
  return {
    match: v6 ? { ip_proto: IP_PROTO.icmpv6, icmpv6_type: 128 } : { ip_proto: IP_PROTO.icmp, icmpv4_type: 8 },
    steps: [
      ...swap("eth_src", "eth_dst", 48),
      ...(v6 ? swap("ipv6_src", "ipv6_dst", 128) : swap("ipv4_src", "ipv4_dst", 32)),
      act({ type: "set_field", field: "ip_ttl", value: 64 }),
      act(
        v6
          ? { type: "set_field", field: "icmpv6_type", value: 129 }
          : { type: "set_field", field: "icmpv4_type", value: 0 },
      ),
      outputInPort,
    ],
  };
}
