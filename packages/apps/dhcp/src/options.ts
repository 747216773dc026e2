import { type Dhcp4Options, isCidr4, mask4, parseCidr, parseDhcp4Option, parseIpv4 } from "@dragonflow/packet";
import type { Lease } from "./lease.ts";

/** Lease time, and when to renew and to rebind: 1/2 and 7/8 of it (RFC 2131 section 4.4.5). */
export function timers(lease: Lease): Dhcp4Options {
  const leaseTimeSeconds = lease.leaseTimeSeconds;
  return {
    serverIdentifier: parseIpv4(lease.server.ip),
    leaseTimeSeconds,
    renewalTimeSeconds: Math.floor(leaseTimeSeconds / 2),
    rebindingTimeSeconds: Math.floor((leaseTimeSeconds * 7) / 8),
  };
}

/** What the client is configured with. The MTU is always told: it fits the tunnel, and a client that does not ask needs it all the more. */
export function configuration(lease: Lease): Dhcp4Options {
  const cidr = parseCidr(lease.cidr);
  if (!isCidr4(cidr)) return {};
  const routes = lease.routes.flatMap(({ destination, nexthop }) => {
    const prefix = parseCidr(destination);
    return isCidr4(prefix) ? [{ destination: prefix, gateway: parseIpv4(nexthop) }] : [];
  });
  const told: Dhcp4Options = {
    subnetMask: mask4(cidr.prefixLength),
    // Before option 3 (RFC 3442: a client that knows it ignores option 3).
    ...(routes.length > 0 && { classlessRoutes: routes }),
    ...(lease.gateway !== null && { routers: [parseIpv4(lease.gateway)] }),
    ...(lease.dnsServers.length > 0 && { dnsServers: lease.dnsServers.map((server) => parseIpv4(server)) }),
    hostName: lease.hostName,
    ...(lease.domainName !== "" && { domainName: lease.domainName }),
    mtuBytes: lease.mtuBytes,
  };
  return withExtra(told, lease);
}

/** The user's options win. */
function withExtra(told: Dhcp4Options, lease: Lease): Dhcp4Options {
  return lease.extra.reduce<Dhcp4Options>((options, { name, value }) => {
    const parsed = parseDhcp4Option(name, value);
    const { other: more = [], ...known } = parsed;
    return { ...options, ...known, ...(more.length > 0 && { other: [...(options.other ?? []), ...more] }) };
  }, told);
}
