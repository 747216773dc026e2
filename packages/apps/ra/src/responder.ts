import {
  ALL_NODES,
  decodePacket,
  encodePacket,
  isCidr4,
  isNd,
  linkLocal,
  multicastMac,
  ndFault,
  type NdOption,
  parseCidr,
  parseIpv6,
  parseMac,
} from "@dragonflow/packet";
import { defineResponder, type PuntedPacket, type Reply } from "@dragonflow/pipeline";

/** What one port is told of the routers and prefixes of its link. */
export interface Advertised {
  readonly type: "advertised";
  readonly outPort: number;
  readonly routerMac: string;
  readonly hostMac: string;
  readonly mtuBytes: number;
  readonly managed: boolean;
  readonly otherConfiguration: boolean;
  readonly prefixes: readonly { readonly cidr: string; readonly autonomous: boolean }[];
  readonly dnsServers: readonly string[];
}

function isAdvertised(row: object): row is Advertised {
  return "type" in row && row.type === "advertised";
}

/** RFC 4861 section 6.2.1: the longest interval that is allowed is 1,800 s, and a router's lifetime outlasts several. */
const EVERY_SECONDS = 600;
const ROUTER_LIFETIME_SECONDS = 9000;
const INFINITE = 0xffffffff;

export const raResponder = defineResponder<Advertised>({
  name: "ra",
  number: 2,
  is: isAdvertised,
  respond,
  periodic: { everySeconds: EVERY_SECONDS, announce: (row) => [advertise(row)] },
});

function respond(row: Advertised, { bytes }: PuntedPacket): readonly Reply[] {
  const packet = decodePacket(bytes);
  if (!packet.icmp6 || packet.icmp6.kind !== "router-solicitation" || !isNd(packet.icmp6)) return [];
  return ndFault(packet.ipv6, packet.icmp6) === undefined ? [advertise(row)] : [];
}

/** To all nodes, but out at one port only: the others' hosts tell them. */
function advertise(row: Advertised): Reply {
  const mac = parseMac(row.routerMac);
  const options: NdOption[] = [
    { kind: "source-link-layer", mac },
    { kind: "mtu", mtuBytes: row.mtuBytes },
    ...row.prefixes.flatMap(({ cidr, autonomous }): NdOption[] => {
      const prefix = parseCidr(cidr);
      if (isCidr4(prefix)) return [];
      return [
        {
          kind: "prefix",
          prefixLength: prefix.prefixLength,
          flags: { onLink: true, autonomous },
          validLifetimeSeconds: INFINITE,
          preferredLifetimeSeconds: INFINITE,
          prefix: prefix.address,
        },
      ];
    }),
    ...(row.dnsServers.length > 0
      ? [
          {
            kind: "rdnss" as const,
            lifetimeSeconds: ROUTER_LIFETIME_SECONDS,
            servers: row.dnsServers.map((s) => parseIpv6(s)),
          },
        ]
      : []),
  ];
  const packet = encodePacket({
    ethernet: { src: mac, dst: multicastMac(ALL_NODES) },
    ipv6: { src: linkLocal(mac), dst: ALL_NODES, hopLimit: 255 },
    icmp6: {
      kind: "router-advertisement",
      code: 0,
      currentHopLimit: 64,
      flags: { managed: row.managed, otherConfiguration: row.otherConfiguration, homeAgent: false, preference: 0 },
      routerLifetimeSeconds: ROUTER_LIFETIME_SECONDS,
      reachableTimeMs: 0,
      retransmitTimerMs: 0,
      options,
    },
  });
  return { bytes: packet, outPort: row.outPort };
}
