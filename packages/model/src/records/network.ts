import { defineKind, type RecordOf } from "../kind.ts";
import { flag, integer, list, nullable, oneOf, text } from "../schema.ts";
import { networkTopic } from "../topics.ts";
import { key24, route } from "./common.ts";

export const NETWORK_TYPES = ["geneve", "vxlan", "vlan", "flat", "local"] as const;

/** A network: what every host with one of its ports needs to know of it. `segmentationId`: VNI or VLAN id; null on flat and local networks. */
export const networkKind = defineKind({
  kind: "network",
  topic: (n) => networkTopic(n.id),
  fields: {
    key: key24,
    networkType: oneOf(...NETWORK_TYPES),
    physicalNetwork: nullable(text),
    segmentationId: nullable(integer(0, 0xffffff)),
    mtuBytes: integer(68, 65535),
    adminUp: flag,
    dnsDomain: text,
  },
});
export type NetworkRecord = RecordOf<typeof networkKind>;

export const IPV6_MODES = ["slaac", "dhcpv6-stateful", "dhcpv6-stateless"] as const;

export const subnetKind = defineKind({
  kind: "subnet",
  topic: (s) => networkTopic(s.networkId),
  fields: {
    networkId: text,
    ipVersion: oneOf(4, 6),
    cidr: text,
    gatewayIp: nullable(text),
    dhcpEnabled: flag,
    dnsNameservers: list(text),
    hostRoutes: list(route),
    ipv6RaMode: nullable(oneOf(...IPV6_MODES)),
    ipv6AddressMode: nullable(oneOf(...IPV6_MODES)),
  },
});
export type SubnetRecord = RecordOf<typeof subnetKind>;
