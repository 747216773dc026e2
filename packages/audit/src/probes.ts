import type { Cloud, IpPacket } from "@dragonflow/evaluator";
import type { LocalPortRecord, SecurityRule } from "@dragonflow/model";

/** What is sent: by its protocol, and what comes behind it in the header. */
export interface Probe {
  readonly protocol: number;
  readonly header: NonNullable<IpPacket["header"]>;
}

/** IANA numbers. */
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const;
const CLIENT_PORT = 40_000;
/** Whose answers, and questions, no port's rules decide about. */
const SERVICES: readonly number[] = [67, 68, 546, 547];
const LAST_PORT = 65_535;

/**
 * The packets that tell how the rules between two ports were compiled: an echo request, a port that no rule names, and of each rule with ports its
 * first one and its last, and those just outside.
 */
export function probesFor(cloud: Cloud, from: LocalPortRecord, to: LocalPortRecord, version: 4 | 6): readonly Probe[] {
  const named = [...rulesOf(cloud, from, "egress"), ...rulesOf(cloud, to, "ingress")]
    .filter((rule) => rule.ipVersion === version)
    .flatMap(edges);
  const echo = echoRequest(version);
  const all = [echo, transport(PROTOCOL.tcp, unnamed(named)), ...named];
  return [...new Map(all.map((probe) => [JSON.stringify(probe), probe])).values()];
}

function rulesOf(cloud: Cloud, port: LocalPortRecord, direction: SecurityRule["direction"]): readonly SecurityRule[] {
  const all = port.securityGroups.flatMap((id) => cloud.securityGroups.get(id)?.rules ?? []);
  return all.filter((rule) => rule.direction === direction);
}

function edges({ protocol, portMin, portMax }: SecurityRule): readonly Probe[] {
  if (protocol !== PROTOCOL.tcp && protocol !== PROTOCOL.udp) return [];
  const [first, last] = [portMin ?? 0, portMax ?? LAST_PORT];
  return [first - 1, first, last, last + 1]
    .filter((port) => port > 0 && port <= LAST_PORT && !SERVICES.includes(port))
    .map((port) => transport(protocol, port));
}

const transport = (protocol: number, destination: number): Probe => ({
  protocol,
  header: { type: "ports", source: CLIENT_PORT, destination },
});
const echoRequest = (version: 4 | 6): Probe => ({
  protocol: version === 4 ? PROTOCOL.icmp : PROTOCOL.icmp6,
  header: { type: "icmp", icmpType: version === 4 ? 8 : 128, icmpCode: 0 },
});

function unnamed(probes: readonly Probe[]): number {
  const taken = new Set(probes.flatMap(({ header }) => (header.type === "ports" ? [header.destination] : [])));
  let port = 33_333;
  while (taken.has(port)) port++;
  return port;
}

/** `tcp/80`, `echo request`. */
export function probeText({ protocol, header }: Probe): string {
  if (header.type === "icmp") return "echo request";
  return `${protocol === PROTOCOL.tcp ? "tcp" : "udp"}/${header.destination}`;
}
