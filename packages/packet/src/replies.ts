import {
  ALL_NODES,
  type Ipv4Address,
  type Ipv6Address,
  IPV4_BROADCAST,
  isMulticastIp,
  isMulticastMac,
  isUnspecifiedIp,
  type Mac,
  MAC_BROADCAST,
  multicastMac,
} from "./addresses.ts";
import { ArpOperation } from "./arp.ts";
import { isNd, ndFault } from "./nd.ts";
import type { Layers, LayersToEncode } from "./packet.ts";

/**
 * The answer to an ARP request: its target address is at `mac` (RFC 826). Whether to answer is the caller's decision.
 * @returns `undefined` for anything but a request.
 */
export function arpReply({ ethernet, arp }: Layers, mac: Mac): LayersToEncode | undefined {
  if (arp?.operation !== ArpOperation.request) return undefined;
  return {
    ethernet: { src: mac, dst: arp.senderMac, vlans: ethernet.vlans },
    arp: {
      operation: ArpOperation.reply,
      senderMac: mac,
      senderIp: arp.targetIp,
      targetMac: arp.senderMac,
      targetIp: arp.senderIp,
    },
  };
}

/** Tells everybody that an address is at `mac`: an ARP announcement (RFC 5227 section 3). */
export function arpAnnouncement(mac: Mac, ip: Ipv4Address): LayersToEncode {
  return {
    ethernet: { src: mac, dst: MAC_BROADCAST },
    arp: { operation: ArpOperation.request, senderMac: mac, senderIp: ip, targetMac: 0, targetIp: ip },
  };
}

/**
 * The answer to a neighbour solicitation: its target is at `mac` (RFC 4861 section 7.2.4). One who checks for a
 * duplicate has no address yet: all nodes are told.
 * @param options.router the target is a router, and says so.
 * @returns `undefined` for anything but a solicitation that is valid (`ndFault`).
 */
export function neighbourAdvertisement(
  { ethernet, ipv6, icmp6 }: Layers,
  mac: Mac,
  { router = false } = {},
): LayersToEncode | undefined {
  if (icmp6 === undefined || !isNd(icmp6) || icmp6.kind !== "neighbour-solicitation") return undefined;
  if (ndFault(ipv6, icmp6) !== undefined) return undefined;
  const solicited = !isUnspecifiedIp(ipv6.src);
  const answer = advertisement(icmp6.target, mac, { router, solicited });
  const to = solicited ? { mac: ethernet.src, ip: ipv6.src } : { mac: multicastMac(ALL_NODES), ip: ALL_NODES };
  return {
    ethernet: { src: mac, dst: to.mac, vlans: ethernet.vlans },
    ipv6: { src: icmp6.target, dst: to.ip, hopLimit: 255 },
    icmp6: answer,
  };
}

/** Tells everybody that an address is at `mac`: an unsolicited neighbour advertisement (RFC 4861 section 7.2.6). */
export function neighbourAnnouncement(mac: Mac, ip: Ipv6Address, { router = false } = {}): LayersToEncode {
  return {
    ethernet: { src: mac, dst: multicastMac(ALL_NODES) },
    ipv6: { src: ip, dst: ALL_NODES, hopLimit: 255 },
    icmp6: advertisement(ip, mac, { router, solicited: false }),
  };
}

function advertisement(target: Ipv6Address, mac: Mac, flags: { router: boolean; solicited: boolean }) {
  return {
    kind: "neighbour-advertisement" as const,
    code: 0,
    flags: { ...flags, override: true },
    target,
    options: [{ kind: "target-link-layer" as const, mac }],
  };
}

/**
 * The answer to an echo request of either version, from the address that it was sent to (RFC 792, RFC 4443 section
 * 4.2).
 * @returns `undefined` for anything else, and for a request to or from many (RFC 1122 section 3.2.2.6, RFC 4443
 * section 2.2).
 */
export function echoReply(request: Layers): LayersToEncode | undefined {
  const { ethernet: from, ipv4, ipv6, icmp4, icmp6 } = request;
  if (isMulticastMac(from.dst)) return undefined;
  const ethernet = { src: from.dst, dst: from.src, vlans: from.vlans };
  if (icmp4?.kind === "echo-request" && ipv4 !== undefined) {
    if ([ipv4.src, ipv4.dst].some((ip) => isMulticastIp(ip) || isUnspecifiedIp(ip) || ip === IPV4_BROADCAST)) {
      return undefined;
    }
    const { dscp, ecn } = ipv4;
    return { ethernet, ipv4: { src: ipv4.dst, dst: ipv4.src, dscp, ecn }, icmp4: { ...icmp4, kind: "echo-reply" } };
  }
  if (icmp6?.kind === "echo-request" && ipv6 !== undefined) {
    if ([ipv6.src, ipv6.dst].some((ip) => isMulticastIp(ip) || isUnspecifiedIp(ip))) return undefined;
    const { dscp, ecn } = ipv6;
    return { ethernet, ipv6: { src: ipv6.dst, dst: ipv6.src, dscp, ecn }, icmp6: { ...icmp6, kind: "echo-reply" } };
  }
  return undefined;
}
