/** Clouds and packets written by hand, from what matters; the rest is filled in. */
import type { LocalPortRecord, SecurityRule } from "@dragonflow/model";
import type { Cloud } from "../cloud.ts";
import type { IcmpMessage, IpPacket, Ports } from "../packet.ts";

export type RuleSpec = Partial<SecurityRule>;
export interface GroupSpec {
  readonly stateful?: boolean;
  readonly rules?: readonly RuleSpec[];
}
/** Lists of groups by port; "off": without port security. */
export type PortSpec = readonly string[] | "off";

/** Ports are numbered from 11 in the order given: 10.0.1.n and fd00:1::n, n in its own digits. Rules have the ids `<group>-<place>`. */
export function smallCloud(
  ports: Readonly<Record<string, PortSpec>>,
  groups: Readonly<Record<string, GroupSpec>>,
  addressGroups: Readonly<Record<string, readonly string[]>> = {},
): Cloud {
  return {
    ports: new Map(Object.entries(ports).map(([id, spec], i) => [id, portOf(id, spec, 11 + i)])),
    securityGroups: new Map(
      Object.entries(groups).map(([id, { stateful = true, rules = [] }]) => [
        id,
        { id, stateful, rules: rules.map((rule, i) => ruleOf({ id: `${id}-${i}`, ...rule })) },
      ]),
    ),
    addressGroups: new Map(Object.entries(addressGroups).map(([id, addresses]) => [id, { id, addresses }])),
  };
}

/** Ingress of anything over IPv4, unless something else is said. */
export function ruleOf(fields: RuleSpec): SecurityRule {
  return {
    id: "rule",
    direction: "ingress",
    ipVersion: 4,
    protocol: null,
    portMin: null,
    portMax: null,
    remotePrefix: null,
    remoteGroupId: null,
    remoteAddressGroupId: null,
    ...fields,
  };
}

function portOf(id: string, spec: PortSpec, n: number): LocalPortRecord {
  return {
    id,
    networkId: "network",
    chassis: "host1",
    key: n,
    mac: `fa:16:3e:00:00:${n}`,
    addresses: [
      { subnetId: "four", ip: `10.0.1.${n}` },
      { subnetId: "six", ip: `fd00:1::${n}` },
    ],
    pairs: [{ ip: `172.20.${n}.0/24`, mac: `fa:16:3e:00:00:${n}` }],
    portSecurity: spec !== "off",
    securityGroups: spec === "off" ? [] : spec,
    identity: 0,
    adminUp: true,
    hostname: "",
    dhcpOptions: [],
  };
}

export const ports = (destination: number, source = 40000): Ports => ({ type: "ports", source, destination });
export const icmp = (icmpType: number, icmpCode = 0): IcmpMessage => ({ type: "icmp", icmpType, icmpCode });

/** The first packet of a TCP connection to port 80 from outside to port "b", over IPv4, unless something else is said. */
export function packetTo(fields: Partial<IpPacket>): IpPacket {
  return {
    type: "ip",
    from: "outside",
    to: { port: "b" },
    source: "192.0.2.7",
    destination: "10.0.1.12",
    protocol: 6,
    header: ports(80),
    fragment: "none",
    connection: { state: "new" },
    ...fields,
  };
}
