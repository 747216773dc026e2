import { bits, type Codec, list, padding, rest, struct, tlvs, u16, u32, u8, type ValueOf } from "@dragonflow/wire";
import { ip6, isLinkLocalIp, isMulticastIp, isUnspecifiedIp, mac48, solicitedNode } from "./addresses.ts";
import { domainName } from "./domain-name.ts";
import type { IcmpRow, MessageOf, OtherIcmp } from "./icmp-message.ts";
import type { Ipv6 } from "./ipv6.ts";

/** Names to the end of the option, whose padding reads as the root (RFC 8106 section 5.2). */
const paddedNames: Codec<string[]> = {
  read: (r) =>
    list(domainName)
      .read(r)
      .filter((name) => name !== ""),
  write: (w, names, field) => list(domainName).write(w, names, field),
};

/**
 * Options, one row per kind: RFC 4861 section 4.6, RFC 8106. Others are kept as `other`, their padding included.
 * Lifetimes: 0xffffffff = infinite.
 */
const options = tlvs(
  { typeBytes: 1, lengthBytes: 1, unitBytes: 8, lengthCoversHeader: true },
  {
    "source-link-layer": { type: 1, value: struct({ mac: mac48 }) },
    "target-link-layer": { type: 2, value: struct({ mac: mac48 }) },
    prefix: {
      type: 3,
      value: struct({
        prefixLength: u8,
        flags: bits(8, { onLink: "flag", autonomous: "flag", reserved: 6 }),
        validLifetimeSeconds: u32,
        preferredLifetimeSeconds: u32,
        reserved: padding(4),
        prefix: ip6,
      }),
    },
    "redirected-header": { type: 4, value: struct({ reserved: padding(6), quoted: rest }) },
    mtu: { type: 5, value: struct({ reserved: padding(2), mtuBytes: u32 }) },
    rdnss: { type: 25, value: struct({ reserved: padding(2), lifetimeSeconds: u32, servers: list(ip6) }) },
    dnssl: { type: 31, value: struct({ reserved: padding(2), lifetimeSeconds: u32, domains: paddedNames }) },
  },
);
export type NdOption = ValueOf<typeof options>[number];

/** Messages of Neighbour Discovery (RFC 4861 section 4; router preference RFC 4191), one row per kind. */
export const ndMessages = {
  "router-solicitation": { type: 133, body: struct({ reserved: padding(4), options }) },
  "router-advertisement": {
    type: 134,
    body: struct({
      // Zeros here and in the times: unspecified by this router.
      currentHopLimit: u8,
      // preference: 0 medium, 1 high, 3 low.
      flags: bits(8, { managed: "flag", otherConfiguration: "flag", homeAgent: "flag", preference: 2, reserved: 3 }),
      // 0: not a default router.
      routerLifetimeSeconds: u16,
      reachableTimeMs: u32,
      retransmitTimerMs: u32,
      options,
    }),
  },
  "neighbour-solicitation": { type: 135, body: struct({ reserved: padding(4), target: ip6, options }) },
  "neighbour-advertisement": {
    type: 136,
    body: struct({
      flags: bits(32, { router: "flag", solicited: "flag", override: "flag", reserved: 29 }),
      target: ip6,
      options,
    }),
  },
  "nd-redirect": { type: 137, body: struct({ reserved: padding(4), target: ip6, destination: ip6, options }) },
} as const satisfies Record<string, IcmpRow>;

/** A message of Neighbour Discovery, told apart by `kind`. */
export type Nd = Exclude<MessageOf<typeof ndMessages>, OtherIcmp>;

/** Is this ICMPv6 message one of Neighbour Discovery? */
export function isNd(message: { kind: string }): message is Nd {
  return message.kind in ndMessages;
}

/**
 * Why a receiver must silently discard this message, or `undefined`: the validity checks of RFC 4861 sections 6.1.1,
 * 6.1.2, 7.1.1, 7.1.2 and 8.1 beyond what decoding has checked. The hop limit of 255 among them is what keeps
 * off-link senders out.
 */
export function ndFault(
  { src, dst, hopLimit }: Pick<Ipv6, "src" | "dst" | "hopLimit">,
  message: Nd,
): string | undefined {
  if (hopLimit !== 255) return `hop limit ${hopLimit}, not 255`;
  if (message.code !== 0) return `code ${message.code}, not 0`;
  const unspecified = isUnspecifiedIp(src);
  const saysSourceMac = message.options.some(({ kind }) => kind === "source-link-layer");
  switch (message.kind) {
    case "router-solicitation":
      return unspecified && saysSourceMac ? "a link-layer address of an unspecified source" : undefined;
    case "router-advertisement":
      return isLinkLocalIp(src) ? undefined : "a source that is not link-local";
    case "neighbour-solicitation":
      if (isMulticastIp(message.target)) return "a multicast target";
      if (unspecified && saysSourceMac) return "a link-layer address of an unspecified source";
      return unspecified && dst !== solicitedNode(dst)
        ? "an unspecified source, and no solicited-node destination"
        : undefined;
    case "neighbour-advertisement":
      if (isMulticastIp(message.target)) return "a multicast target";
      return message.flags.solicited && isMulticastIp(dst) ? "solicited, and sent to a group" : undefined;
    case "nd-redirect":
      if (!isLinkLocalIp(src)) return "a source that is not link-local";
      if (isMulticastIp(message.destination)) return "a multicast destination";
      return isLinkLocalIp(message.target) || message.target === message.destination
        ? undefined
        : "a target that is neither link-local nor the destination";
  }
}
