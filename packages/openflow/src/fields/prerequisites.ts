import type { Match } from "../match.ts";
import type { Prerequisite } from "./row.ts";
import type { Masked } from "./value.ts";

type Term = number | Masked<number> | undefined;

/** The value of a field that is matched in all its bits, or -1. */
function exact(term: Term, ones: number): number {
  if (typeof term === "number") return term;
  return term !== undefined && term.mask === ones ? term.value : -1;
}

/**
 * The Ethertype that a match asks for, by itself or by the type of a packet that is not Ethernet; -1 where it leaves it
 * open.
 */
export function ethertypeOf(match: Match): number {
  const packetType = exact(match.packet_type, 0xffffffff);
  if (packetType >>> 16 === 1 && packetType !== -1) return packetType & 0xffff;
  return exact(match.eth_type, 0xffff);
}

function isIp(match: Match, version: 4 | 6 | "any"): boolean {
  const ethertype = ethertypeOf(match);
  return (version !== 6 && ethertype === 0x0800) || (version !== 4 && ethertype === 0x86dd);
}

function isProtocol(match: Match, protocol: number, version: 4 | 6 | "any" = "any"): boolean {
  return exact(match.ip_proto, 0xff) === protocol && isIp(match, version);
}

const LATER_FRAGMENT = 2;

/** Fragments but the first have no ports. */
function isTransport(match: Match, protocol: number): boolean {
  const { ip_frag: fragment } = match;
  const bits = fragment === undefined ? 0 : typeof fragment === "number" ? fragment : fragment.value & fragment.mask;
  return (bits & LATER_FRAGMENT) === 0 && isProtocol(match, protocol);
}

function isNeighbourDiscovery(match: Match, solicit: boolean, advert: boolean): boolean {
  if (!isProtocol(match, 58, 6)) return false;
  if (match.icmpv6_code !== undefined && exact(match.icmpv6_code, 0xff) !== 0) return false;
  const type = exact(match.icmpv6_type, 0xff);
  return (solicit && type === 135) || (advert && type === 136);
}

const TRACKED = 0x20;
const INVALID = 0x10;
/** New, established, related, reply, source or destination translated: any of them says that there is a connection. */
const CONNECTION = 0xcf;

/** Is there a connection? A packet of none has no original tuple. */
function isTracked(match: Match): boolean {
  const state = match.ct_state;
  if (state === undefined) return false;
  const value = typeof state === "number" ? state : state.value & state.mask;
  const mask = typeof state === "number" ? 0xff : state.mask;
  if ((value & CONNECTION) !== 0) return true;
  return (value & TRACKED) !== 0 && (mask & INVALID) !== 0 && (value & INVALID) === 0;
}

/** Does the match say what a field with this prerequisite needs? ovs-fields(7). */
export function satisfies(match: Match, needs: Prerequisite): boolean {
  switch (needs) {
    case "vlan": {
      const vid = match.vlan_vid;
      return vid !== undefined && ((typeof vid === "number" ? vid : vid.value & vid.mask) & 0x1000) !== 0;
    }
    case "mpls": {
      const ethertype = ethertypeOf(match);
      return ethertype === 0x8847 || ethertype === 0x8848;
    }
    case "ipv4":
      return isIp(match, 4);
    case "ipv6":
      return isIp(match, 6);
    case "ip":
      return isIp(match, "any");
    case "arp": {
      const ethertype = ethertypeOf(match);
      return ethertype === 0x0806 || ethertype === 0x8035;
    }
    case "tcp":
      return isTransport(match, 6);
    case "udp":
      return isTransport(match, 17);
    case "sctp":
      return isTransport(match, 132);
    case "icmpv4":
      return isProtocol(match, 1, 4);
    case "icmpv6":
      return isProtocol(match, 58, 6);
    case "nd":
      return isNeighbourDiscovery(match, true, true);
    case "nd_solicit":
      return isNeighbourDiscovery(match, true, false);
    case "nd_advert":
      return isNeighbourDiscovery(match, false, true);
    case "nsh":
      return ethertypeOf(match) === 0x894f;
    case "ct":
      return isTracked(match);
    case "ct_ipv4":
      return isTracked(match) && isIp(match, 4);
    case "ct_ipv6":
      return isTracked(match) && isIp(match, 6);
    case "ct_transport":
      return isTracked(match) && exact(match.ct_nw_proto, 0xff) > 0;
  }
}
