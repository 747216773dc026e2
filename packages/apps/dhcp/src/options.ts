import {
  DHCP4_OPTIONS,
  type Dhcp4OptionName,
  type Dhcp4Options,
  encodeDhcp4,
  isCidr4,
  mask4,
  parseCidr,
  parseDhcp4Option,
  parseIpv4,
  tryParseIpv4,
} from "@dragonflow/packet";
import type { Lease } from "./lease.ts";

/** Options that say what the protocol is about: nobody's to set. */
const PROTOCOL: ReadonlySet<string> = new Set([
  "requestedAddress",
  "messageType",
  "serverIdentifier",
  "parameterRequestList",
  "message",
  "maximumMessageBytes",
  "clientIdentifier",
  "rapidCommit",
  "relayAgent",
] satisfies Dhcp4OptionName[]);
/** dnsmasq's name for the server to boot from, which is a field of the message, not an option. */
const NEXT_SERVER = "server-ip-address";

type Extra = Lease["extra"][number];

/** Why a user's option cannot be told; undefined: it can. One that cannot is left out, and the lease is given all the same. */
export function faultOf({ name, value }: Extra): string | undefined {
  if (name === NEXT_SERVER) return tryParseIpv4(value) === undefined ? "not an IPv4 address" : undefined;
  try {
    const parsed = parseDhcp4Option(name, value);
    // What can be read may still not fit: a text with characters that are no bytes.
    encodeDhcp4({ op: "reply", xid: 0, chaddr: 0, options: parsed });
    return Object.keys(parsed).some((option) => PROTOCOL.has(option)) ? "not an option to be set" : undefined;
  } catch (error) {
    if (error instanceof Error && error.name === "EncodeError") return error.message;
    throw error;
  }
}

/** What a port is told: its options, and the fields of the message that say where to boot from. */
export interface Told {
  readonly options: Dhcp4Options;
  readonly siaddr: number;
}

/** All of it, the user's own options last: these win. The MTU is always there: it fits the tunnel, whether or not a client asks for it. */
export function told(lease: Lease): Told {
  const nextServer = lease.extra.findLast(({ name }) => name === NEXT_SERVER);
  const options = lease.extra
    .filter(({ name }) => name !== NEXT_SERVER)
    .reduce<Dhcp4Options>((before, { name, value }) => {
      const { other = [], ...known } = parseDhcp4Option(name, value);
      return { ...before, ...known, ...(other.length > 0 && { other: [...(before.other ?? []), ...other] }) };
    }, configuration(lease));
  return { options, siaddr: nextServer === undefined ? 0 : parseIpv4(nextServer.value) };
}

function configuration(lease: Lease): Dhcp4Options {
  const cidr = parseCidr(lease.cidr);
  if (!isCidr4(cidr)) return {};
  const routes = lease.routes.flatMap(({ destination, nexthop }) => {
    const prefix = parseCidr(destination);
    return isCidr4(prefix) ? [{ destination: prefix, gateway: parseIpv4(nexthop) }] : [];
  });
  return {
    subnetMask: mask4(cidr.prefixLength),
    // Before option 3 (RFC 3442: a client that knows it ignores option 3).
    ...(routes.length > 0 && { classlessRoutes: routes }),
    ...(lease.gateway !== null && { routers: [parseIpv4(lease.gateway)] }),
    ...(lease.dnsServers.length > 0 && { dnsServers: lease.dnsServers.map((server) => parseIpv4(server)) }),
    hostName: lease.hostName,
    ...(lease.domainName !== "" && { domainName: lease.domainName }),
    mtuBytes: lease.mtuBytes,
  };
}

/** Lease time, and when to renew and to rebind: 1/2 and 7/8 of it (RFC 2131 section 4.4.5), unless the user says otherwise. */
export function timers(lease: Lease, { leaseTimeSeconds = lease.leaseTimeSeconds }: Dhcp4Options): Dhcp4Options {
  return {
    leaseTimeSeconds,
    renewalTimeSeconds: Math.floor(leaseTimeSeconds / 2),
    rebindingTimeSeconds: Math.floor((leaseTimeSeconds * 7) / 8),
  };
}
export function withoutTimers(options: Dhcp4Options): Dhcp4Options {
  const { leaseTimeSeconds: _lease, renewalTimeSeconds: _renewal, rebindingTimeSeconds: _rebinding, ...rest } = options;
  return rest;
}

/** Without these there is no lease, and no way out of the subnet. */
const NEEDED: ReadonlySet<string> = new Set([
  "messageType",
  "serverIdentifier",
  "clientIdentifier",
  "leaseTimeSeconds",
  "renewalTimeSeconds",
  "rebindingTimeSeconds",
  "subnetMask",
  "routers",
  "classlessRoutes",
  "message",
] satisfies Dhcp4OptionName[]);

/** Ever fewer options, for a client that takes no long message: all; those that are needed or asked for; those that are needed. */
export function everFewer(options: Dhcp4Options, asked: readonly number[]): readonly Dhcp4Options[] {
  const { other = [], ...known } = options;
  const only = (keep: (name: string, code: number) => boolean): Dhcp4Options =>
    Object.fromEntries(
      Object.entries(known).filter(([name]) => isOption(name) && keep(name, DHCP4_OPTIONS[name].code)),
    );
  const askedFor = other.filter(({ code }) => asked.includes(code));
  return [
    options,
    { ...only((name, code) => NEEDED.has(name) || asked.includes(code)), other: askedFor },
    only((name) => NEEDED.has(name)),
  ];
}

function isOption(name: string): name is Dhcp4OptionName {
  return Object.hasOwn(DHCP4_OPTIONS, name);
}
