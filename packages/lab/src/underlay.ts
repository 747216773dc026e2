import { hostPaths, underlayOf } from "./names.ts";
import { isUp } from "./open-vswitch.ts";
import type { HostState, Session } from "./state.ts";
import { inNamespace, together } from "./tool.ts";
import { unixctl } from "./unixctl.ts";

/** Seconds; the most that vswitchd keeps an unused neighbour. */
const NEIGHBOUR_LIFETIME = "3600";

/**
 * Tells every running host the MAC of every other's endpoint, and waits until the underlay carries packets.
 * ovs-vswitchd drops what it would tunnel to a neighbour that it does not know yet, and the VM whose ARP request was
 * dropped tries again only after a second. It learns from replies, and only once it has a tunnel port: a ping
 * beforehand teaches it nothing.
 */
export async function resolveUnderlay(session: Session): Promise<void> {
  const running = session.state.hosts.filter(isUp);
  await together(running.map((host) => introduce(session, host, running)));
  const ring = running.map((host, at) => ({ host, next: running[(at + 1) % running.length] ?? host }));
  await together(ring.filter(({ host, next }) => host !== next).map(({ host, next }) => probe(session, host, next)));
}

async function introduce(session: Session, host: HostState, running: readonly HostState[]): Promise<void> {
  const others = running.filter((other) => other !== host).map((other) => underlayOf(other.index));
  const neighbours = others.flatMap(({ ipv4, ipv6, mac }) => [ipv4, ipv6].map((ip) => [ip, mac]));
  await unixctl(hostPaths(session.lab, host.name).control("ovs-vswitchd"), [
    ["tnl/neigh/aging", NEIGHBOUR_LIFETIME],
    ...neighbours.map((neighbour) => ["tnl/neigh/set", "br-phy", ...neighbour]),
  ]);
}

/** Waits for an answer over IPv4 and IPv6. A ring of probes crosses every uplink, both ways. */
async function probe(session: Session, from: HostState, to: HostState): Promise<void> {
  const { ipv4, ipv6 } = underlayOf(to.index);
  const once = ["-n", "-q", "-c", "1", "-i", "0.05", "-w", "5"];
  await together([ipv4, ipv6].map((address) => session.tool(inNamespace(from.namespace, ["ping", ...once, address]))));
}
