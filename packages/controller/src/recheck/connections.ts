import { IpProtocol, parseIp } from "@dragonflow/packet";

/** One connection that is tracked: its first packet, as far as tracking looks at it. */
export interface TrackedConnection {
  /** IANA number. */
  readonly protocol: number;
  /** IPv4 as a number, IPv6 as a bigint. */
  readonly source: number | bigint;
  readonly destination: number | bigint;
  /** Ports; of ICMP and ICMPv6 the type and the code. 0 where the protocol has none. */
  readonly first: number;
  readonly second: number;
  /** Of ICMP and ICMPv6. */
  readonly id: number;
  readonly mark: number;
  readonly label: bigint;
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: IpProtocol.icmp4,
  igmp: IpProtocol.igmp,
  tcp: IpProtocol.tcp,
  udp: IpProtocol.udp,
  dccp: 33,
  icmpv6: IpProtocol.icmp6,
  sctp: IpProtocol.sctp,
  udplite: 136,
};

/**
 * Reads what `dpctl/dump-conntrack` lists, one line a connection:
 * `udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(…),zone=5,mark=1,labels=0x4d`.
 * A line that is none is left out.
 */
export function* readConnections(text: string): Generator<TrackedConnection> {
  for (const line of text.split("\n")) {
    const connection = readConnection(line);
    if (connection !== undefined) yield connection;
  }
}

function readConnection(line: string): TrackedConnection | undefined {
  const [, name = "", tuple] = /^([a-z0-9]+),orig=\(([^)]*)\)/.exec(line) ?? [];
  if (tuple === undefined) return undefined;
  const protocol = PROTOCOLS[name] ?? Number(name);
  const fields = new Map(
    tuple.split(",").map((field) => [field.slice(0, field.indexOf("=")), field.slice(field.indexOf("=") + 1)]),
  );
  const number = (key: string): number => Number(fields.get(key) ?? 0);
  const [source, destination] = [fields.get("src"), fields.get("dst")];
  if (!Number.isInteger(protocol) || source === undefined || destination === undefined) return undefined;
  const isIcmp = fields.has("type");
  return {
    protocol,
    source: parseIp(source),
    destination: parseIp(destination),
    first: number(isIcmp ? "type" : "sport"),
    second: number(isIcmp ? "code" : "dport"),
    id: number("id"),
    mark: Number(/,mark=(\d+)/.exec(line)?.[1] ?? 0),
    label: BigInt(/,labels=(0x[0-9a-f]+)/.exec(line)?.[1] ?? 0),
  };
}
